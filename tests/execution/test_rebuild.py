"""videonet rebuild: the same data set elsewhere, and what is gone from the web or has changed."""

import io
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from demo.behaviours import Redirect, Status
from demo.server import VideoServer
from demo.world import World
from tests.curated import VIDEONET, Ended, sentence, videonet
from tests.curating import bytes_of, curate, frames_classified, outcomes_of
from tests.execution.served import Served
from tests.local import LOCAL, TYPED
from tests.locking import rewritten
from tests.patience import PATIENCE, wait_for
from tests.stored import unpack
from videonet.cli.rebuild import show
from videonet.curation.context import open_context
from videonet.dataset.lock_file import read_lock
from videonet.dataset.rebuild_diff import Rebuilt, compared
from videonet.dataset.verify import verify
from videonet.execution.execute import execute
from videonet.execution.rebuild import prepare_rebuild
from videonet.pipelines.curate import curate as graph
from videonet.schemas.manifest import Manifest
from videonet.schemas.option import options_from
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import RebuildOptions, RunOptions
from videonet.schemas.withdrawal import Withdrawal
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.locks import exclusive_lock
from videonet.storage.store import Store, digest

pytestmark = pytest.mark.slow

# Path of the file, which is the id too, and title.
VIDEOS = [
    ("valley.mp4", "Hot-air balloons over the valley"),
    ("both.mp4", "A balloon first, then a sailboat"),
    ("ten.mp4", "Ten seconds of mushroom"),
    ("rain.ts", "Toadstools after the rain"),
    ("regatta.mp4", "A yacht race in light wind"),
    ("best.mp4", "The best balloon of the year"),
]
REJECTED = "best.mp4"
KEPT = {path for path, _ in VIDEOS} - {REJECTED}
SHARDS = 2


@dataclass(frozen=True)
class Made(Served):
    """A finished run, and what it was made of."""

    classes: Path
    source: str


@pytest.fixture(scope="module")
def made(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("made")
    with VideoServer(world.files) as server:
        rows = [f'{path},{server.url(path)},"{title}",\n' for path, title in VIDEOS]
        (folder / "videos.csv").write_text("id,url,title,duration\n" + "".join(rows))
        source = f"catalogue:{folder / 'videos.csv'}"
        curate(source, world.classes, folder, shards=SHARDS)
        yield Made(folder, server, world.classes, source)


@dataclass(frozen=True)
class Local:
    """A finished run over a folder of two videos, to be read only."""

    videos: Path
    lock: Path


@pytest.fixture(scope="module")
def local(world: World, tmp_path_factory: pytest.TempPathFactory) -> Local:
    folder = tmp_path_factory.mktemp("local")
    videos = folder / "videos"
    videos.mkdir()
    for name, path in (("a balloon.mp4", "valley.mp4"), ("yacht.mp4", "regatta.mp4")):
        shutil.copy(world.files / path, videos / name)
    curate(f"folder:{videos}", world.classes, folder, shards=1)
    return Local(videos, folder / "out" / LOCK_FILE)


def run_in(folder: Path, **options: Any) -> RunOptions:
    given = {
        "store": folder / "store",
        "out": folder / "out",
        "workers": 2,
        "requests_per_second": 10_000.0,
        "per_host": 8,
        "allow_private_hosts": LOCAL,
    }
    assert set(RunOptions.__struct_fields__).issuperset(options)
    return options_from(RunOptions, given | options)


def rebuild(lock: Path, folder: Path, **options: Any) -> Manifest:
    """Run `videonet rebuild` in this process, with OUT `folder/out` and the store beside it."""
    asked = RebuildOptions(files_root=options.pop("files_root", None))
    run = run_in(folder, **options)
    with (
        exclusive_lock(Path(run.store), Path(run.out)),
        open_context(*prepare_rebuild(read_lock(lock), asked, run)) as context,
    ):
        manifest = execute(context, graph)
    assert manifest is not None
    return manifest


def typed(lock: Path, folder: Path, *more: str | Path) -> Ended:
    """The command as it is typed."""
    folders = ("--store", folder / "store", "--out", folder / "out")
    return videonet("rebuild", lock, *folders, "--requests-per-second", "1000", *TYPED, *more)


def clips_of(out: Path) -> dict[str, str]:
    """The sha256 of every shard."""
    return {path: each for path, each in bytes_of(out).items() if path.startswith("clips/")}


# All is there.


@pytest.fixture(scope="module")
def again(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete rebuild; what it asked of the server and the classifier is in it."""
    folder = tmp_path_factory.mktemp("again")
    before, seen = len(made.server.requests()), frames_classified()
    rebuild(made.lock, folder)
    asked = {each.path for each in made.server.requests()[before:]}
    facts = {"asked": sorted(asked), "classified": frames_classified() - seen}
    (folder / "facts.json").write_bytes(msgspec.json.encode(facts))
    return folder


def test_the_same_data_set_is_made_elsewhere_to_the_byte(made: Made, again: Path):
    assert clips_of(again / "out") == clips_of(made.out)
    assert verify(again / "out").problems == []
    assert verify(again / "out").clips == len(KEPT)


def test_kept_videos_alone_are_asked_for_and_nothing_is_classified(again: Path):
    facts = msgspec.json.decode((again / "facts.json").read_bytes())
    assert set(facts["asked"]) == KEPT
    assert facts["classified"] == 0
    assert not (again / "store" / "scan").exists()


def test_the_manifest_says_the_same_settings_and_from_which_lock(made: Made, again: Path):
    first, second = DatasetDir(made.out).manifest(), DatasetDir(again / "out").manifest()
    assert first is not None
    assert second is not None
    lock = read_lock(made.lock)
    assert second.settings == msgspec.structs.replace(first.settings, lock=lock.sha256)
    assert b"parents" not in (made.out / "manifest.json").read_bytes()
    (parent,) = second.parents
    assert msgspec.structs.astuple(parent) == ("rebuild", None, lock.sha256)
    assert (second.versions, second.classifier) == (first.versions, first.classifier)
    assert second.shards == first.shards
    assert second.totals.candidates == second.totals.kept_videos == lock.videos == len(KEPT)
    assert second.totals.verdicts.pairs == second.totals.verdicts.kept == len(KEPT) + 1


def test_what_is_rebuilt_has_the_same_lock_file_again(made: Made, again: Path):
    assert (again / "out" / LOCK_FILE).read_bytes() == made.lock.read_bytes()


def test_a_rerun_of_either_changes_nothing(made: Made, again: Path, tmp_path: Path):
    shutil.copytree(made.folder, tmp_path / "made")
    curate(made.source, made.classes, tmp_path / "made", shards=SHARDS)
    assert (tmp_path / "made" / "out" / LOCK_FILE).read_bytes() == made.lock.read_bytes()
    shutil.copytree(again, tmp_path / "again")
    before = len(made.server.requests())
    ended = typed(made.lock, tmp_path / "again")
    assert ended.code == 0, ended
    assert "5 of 5 videos are here again." in ended.stdout
    assert "4 of 4 shard files are the same to the byte." in ended.stdout
    assert len(made.server.requests()) == before
    assert bytes_of(tmp_path / "again" / "out") == bytes_of(again / "out")


# Some is not.


@pytest.fixture(scope="module")
def holes(made: Made, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A rebuild when one video is gone, one is another one, and one was withdrawn."""
    folder = tmp_path_factory.mktemp("holes")
    withdrawn = next(
        each for each in read_lock(made.lock).rows() if each.video.video_id == "ten.mp4"
    )
    store = Store(folder / "store")
    store.prepare()
    store.write_withdrawal(Withdrawal(video_key=withdrawn.video_key, video_id="ten.mp4"))
    made.server.behaviours |= {"valley.mp4": Status(404), "rain.ts": Redirect("best.mp4")}
    try:
        return folder, typed(made.lock, folder)
    finally:
        made.server.behaviours.clear()


def test_what_is_gone_and_what_has_changed_is_reported(made: Made, holes: tuple[Path, Ended]):
    _, ended = holes
    assert ended.code == 1
    assert "2 of 5 videos are here again." in ended.stdout
    assert "2 could not be had: 1 " in ended.stdout
    assert "1 unavailable" in ended.stdout
    assert "1 withdrawn" in ended.stdout
    assert f"valley.mp4  {made.server.url('valley.mp4')}  unavailable: " in ended.stdout
    assert "1 changed their bytes." in ended.stdout
    assert f"rain.ts  {made.server.url('rain.ts')}  changed: sha256 " in ended.stdout


def test_the_others_are_there_and_the_account_balances(made: Made, holes: tuple[Path, Ended]):
    out = holes[0] / "out"
    assert outcomes_of(out) == {
        ("valley.mp4", "balloon"): (Outcome.FAILED, Reason.UNAVAILABLE),
        ("rain.ts", "mushroom"): (Outcome.FAILED, Reason.CHANGED),
        ("ten.mp4", "mushroom"): (Outcome.REJECTED, Reason.WITHDRAWN),
        ("both.mp4", "balloon"): (Outcome.KEPT, None),
        ("both.mp4", "sailboat"): (Outcome.KEPT, None),
        ("regatta.mp4", "sailboat"): (Outcome.KEPT, None),
    }
    assert verify(out).problems == []
    clips = {
        root: [
            clip
            for file in sorted((root / "clips" / "parquet").iterdir())
            for clip in FORMATS["parquet"].read(file)
            if clip.clip_media_id in {"both.mp4", "regatta.mp4"}
        ]
        for root in (made.out, out)
    }
    assert clips[out] == clips[made.out]
    assert clips[out]


def test_what_was_fetched_and_deleted_before_an_interruption_has_changed_all_the_same(
    made: Made, holes: tuple[Path, Ended], tmp_path: Path
):
    shutil.copytree(holes[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "out" / "manifest.json").unlink()
    before = len(made.server.requests())
    rebuild(made.lock, tmp_path)
    assert len(made.server.requests()) == before
    assert bytes_of(tmp_path / "out") == bytes_of(holes[0] / "out")


def test_the_next_run_asks_for_what_had_changed_but_not_for_what_is_gone(
    made: Made, again: Path, holes: tuple[Path, Ended], tmp_path: Path
):
    shutil.copytree(holes[0], tmp_path, dirs_exist_ok=True)
    before = len(made.server.requests())
    rebuild(made.lock, tmp_path)
    assert {each.path for each in made.server.requests()[before:]} == {"rain.ts"}
    # The server has the right one again.
    assert outcomes_of(tmp_path / "out")["rain.ts", "mushroom"] == (Outcome.KEPT, None)


def test_where_most_are_gone_the_exit_code_says_so(made: Made, tmp_path: Path):
    made.server.behaviours |= dict.fromkeys(KEPT, Status(410))
    try:
        ended = typed(made.lock, tmp_path)
    finally:
        made.server.behaviours.clear()
    assert ended.code == 3
    assert "0 of 5 videos are here again." in ended.stdout
    assert "5 could not be had: 5 unavailable." in ended.stdout


def cut_short(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a lock file in which the last clip of the longest video is missing."""
    longest = max(rows, key=lambda row: len(row["clips"]))
    return [row | {"clips": row["clips"][:-1]} if row is longest else row for row in rows]


def shown(lock: Path, out: Path) -> tuple[Rebuilt, list[str]]:
    """How much of what `lock` names is in a finished OUT, and how that is told."""
    output = DatasetDir(out)
    manifest = output.manifest()
    assert manifest is not None
    rebuilt, said = compared(read_lock(lock), output, manifest), io.StringIO()
    show(Console(file=said, soft_wrap=True), out, rebuilt, [])
    return rebuilt, said.getvalue().splitlines()


def test_videos_that_were_cut_otherwise_are_told(made: Made, again: Path, tmp_path: Path):
    lock = rewritten(Path(shutil.copy(made.lock, tmp_path / "lock")), cut_short)
    rebuilt, said = shown(lock, again / "out")
    assert (rebuilt.here, rebuilt.cut_otherwise, rebuilt.is_complete) == (len(KEPT), 1, False)
    assert said[:2] == ["5 of 5 videos are here again.", "1 were cut otherwise."]
    assert re.search(r"has (\d) clips, (\d) of them as locked; locked were \2$", said[2])


def test_other_bytes_of_shards_count_unless_other_versions_wrote_them(
    made: Made, again: Path, tmp_path: Path
):
    header = read_lock(made.lock).header
    others = [msgspec.structs.replace(each, sha256="0" * 64) for each in header.shards[1:]]
    shards = msgspec.json.encode([header.shards[0], *others])
    lock = rewritten(Path(shutil.copy(made.lock, tmp_path / "lock")), shards=shards)
    rebuilt, said = shown(lock, again / "out")
    assert (rebuilt.has_all, rebuilt.is_complete) == (True, False)
    assert said[1] == "1 of 4 shard files are the same to the byte."
    assert said[2].startswith("3 shard files differ, though all videos and versions are the same")
    versions = msgspec.json.encode(header.versions | {"pillow": "0.1\n[bold]"})
    rebuilt, said = shown(rewritten(lock, versions=versions), again / "out")
    assert rebuilt.is_complete
    assert said[2].startswith("3 shard files differ: they were written with other versions (pillow")
    assert said[2].endswith(" instead of 0.1 [bold]).")


def test_what_a_store_remembers_of_bytes_that_it_has_no_more_is_not_believed(
    made: Made, again: Path, tmp_path: Path
):
    shutil.copytree(again, tmp_path, dirs_exist_ok=True)
    store = Store(tmp_path / "store")
    video = next(each for each in read_lock(made.lock).rows() if each.video.video_id == "ten.mp4")
    fetched = store.fetch(video.video_key)
    assert fetched is not None
    store.delete(store.video(video.video_key))
    store.write_fetch(msgspec.structs.replace(fetched, here=False, sha256="0" * 64, run_id="old"))
    before = len(made.server.requests())
    rebuild(made.lock, tmp_path)
    assert {each.path for each in made.server.requests()[before:]} == {"ten.mp4"}
    assert clips_of(tmp_path / "out") == clips_of(made.out)


# Local files.


def test_local_files_are_found_below_another_folder_also_with_other_versions(
    local: Local, tmp_path: Path
):
    lock = tmp_path / "elsewhere.parquet"
    shutil.copy(local.lock, lock)
    versions = read_lock(lock).header.versions | {"pillow": "0.1", "onnxruntime": "0.1"}
    rewritten(lock, versions=msgspec.json.encode(versions))
    moved = shutil.copytree(local.videos, tmp_path / "moved")
    (moved / "yacht.mp4").unlink()
    shutil.copy(moved / "a balloon.mp4", moved / "yacht.mp4")
    ended = typed(lock, tmp_path, "--files-root", moved)
    assert ended.code == 1
    assert "1 of 2 videos are here again." in ended.stdout
    assert "yacht.mp4  yacht.mp4  missing: yacht.mp4 has another content" in ended.stdout
    (said,) = [line for line in ended.stderr.splitlines() if "other versions" in line]
    assert "instead of 0.1. The bytes of clips may differ." in said
    assert "onnxruntime" not in said


def test_without_their_folder_local_files_are_refused_in_a_sentence(local: Local, tmp_path: Path):
    lock = local.lock
    assert "--files-root DIR" in sentence(typed(lock, tmp_path))
    nowhere = tmp_path / "nowhere"
    assert f"no folder {nowhere}" in sentence(typed(lock, tmp_path, "--files-root", nowhere))
    inside = local.videos
    said = sentence(
        videonet(
            *("rebuild", lock, "--files-root", inside),
            *("--store", inside / "store", "--out", tmp_path / "out"),
        )
    )
    assert "lies in the folder of videos" in said
    shutil.rmtree(inside / "store")


# What is refused.


def test_what_is_no_lock_file_is_refused_before_anything_is_made(made: Made, tmp_path: Path):
    assert "is a folder" in sentence(typed(made.out, tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_lock_file_in_the_place_of_the_new_one_is_refused(made: Made, tmp_path: Path):
    (tmp_path / "out").mkdir()
    lock = shutil.copy(made.lock, tmp_path / "out" / LOCK_FILE)
    assert "move it elsewhere" in sentence(typed(Path(lock), tmp_path))


def test_over_the_folder_of_another_run_it_is_refused(made: Made, again: Path, tmp_path: Path):
    shutil.copytree(made.folder, tmp_path / "made")
    assert "made with other settings" in sentence(typed(made.lock, tmp_path / "made"))
    shutil.copytree(again, tmp_path / "again")
    other = rewritten(Path(shutil.copy(made.lock, tmp_path / "other")), versions=b"{}")
    assert "another lock file" in sentence(typed(other, tmp_path / "again"))


@pytest.mark.parametrize(
    "changed",
    [
        {"formats": ["parquet", "film"]},
        {"formats": []},
        {"max_clips": "many"},
        {"video_format": '{"exec": "true"}'},
        {"formats": ["parquet", "parquet"]},
        {"formats": ["tfrecord", "parquet"]},
        {"max_clips": 0},
        {"max_clips": -3},
        {"frames": -1},
        {"per_class": 0},
        {"min_seconds": -0.5},
        {"scan_key": "../../fetch"},
        {"unheard_of\n": 1},
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_refused(
    made: Made, tmp_path: Path, changed: dict[str, Any]
):
    lock = Path(shutil.copy(made.lock, tmp_path / "lock"))
    settings = read_lock(lock).header.settings.by_name() | changed
    rewritten(lock, settings=msgspec.json.encode(settings))
    said = sentence(typed(lock, tmp_path))
    assert said.startswith(f"videonet: The settings in the lock file {lock} cannot be used")
    assert not (tmp_path / "out" / "targets.json").exists()


def test_the_formats_that_were_downloaded_are_asked_for_again(made: Made, tmp_path: Path):
    lock = Path(shutil.copy(made.lock, tmp_path / "lock"))
    asked = {"format": "worst", "format_sort": ["res:480"]}
    said = msgspec.json.encode(asked).decode()
    settings = read_lock(lock).header.settings.by_name() | {"video_format": said}
    rewritten(lock, settings=msgspec.json.encode(settings))
    run = run_in(tmp_path)
    with exclusive_lock(Path(run.store), Path(run.out)):
        plan, credentials = prepare_rebuild(read_lock(lock), RebuildOptions(), run)
    assert plan.settings.video_format == said
    with open_context(plan, credentials) as context:
        assert context.web.credentials.options == asked


# Interrupted.


def test_killed_on_the_way_it_goes_on(made: Made, again: Path, tmp_path: Path):
    shutil.copytree(again, tmp_path, dirs_exist_ok=True)
    # What lies there when two videos were not fetched yet and no shard was begun.
    for name in ("clips", "verdicts", "_state/shards"):
        shutil.rmtree(tmp_path / "out" / name)
    for name in ("manifest.json", LOCK_FILE):
        (tmp_path / "out" / name).unlink()
    store = Store(tmp_path / "store")
    unpack(store)
    open_ = [each for each in read_lock(made.lock).rows() if each.video.video_id[0] in "tr"][:2]
    for video in open_:
        store.delete(store.video(video.video_key))
        store.delete(f"record/{digest(video.video_key)[:2]}/{digest(video.video_key)}.json")
    before = len(made.server.requests())
    rebuild(made.lock, tmp_path)
    asked = {each.path for each in made.server.requests()[before:]}
    assert asked == {each.video.video_id for each in open_}
    assert len(asked) == 2
    assert bytes_of(tmp_path / "out") == bytes_of(again / "out")


@pytest.mark.parametrize("asked", [1, 4])
def test_asked_to_end_it_goes_on_to_the_same_bytes(
    made: Made, again: Path, tmp_path: Path, asked: int
):
    folders = ("--store", str(tmp_path / "store"), "--out", str(tmp_path / "out"))
    command = [str(VIDEONET), "rebuild", str(made.lock), *folders, *TYPED]
    command += ["--requests-per-second", "2", "--workers", "1"]
    asked += len(made.server.requests())
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: len(made.server.requests()) >= asked)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM, stderr
    assert stderr.splitlines()[-1] == "Interrupted; the same command goes on."
    assert "Traceback" not in stderr
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert bytes_of(tmp_path / "out") == bytes_of(again / "out")


def test_killed_while_the_list_was_written_it_is_written_again(
    made: Made, again: Path, tmp_path: Path
):
    shutil.copytree(again, tmp_path, dirs_exist_ok=True)
    (tmp_path / "out" / "manifest.json").unlink()
    (tmp_path / "out" / "lookup.json").unlink()
    file = next((tmp_path / "out" / "candidates").iterdir())
    file.write_bytes(b"torn")
    before = len(made.server.requests())
    rebuild(made.lock, tmp_path)
    assert len(made.server.requests()) == before
    assert bytes_of(tmp_path / "out") == bytes_of(again / "out")
