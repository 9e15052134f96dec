"""What version 0.1.0 wrote, before the package had rooms, is read by every command.

See `tests/fixtures/before_rooms/README.md` for how these data sets and stores were made.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from demo.drawing import draw_video
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curated import Ended, sentence, videonet
from tests.local import TYPED
from tests.site import VideoSite, installed
from tests.stored import sections_in
from videonet.schemas.clip import LABEL_ID_COLUMNS, MOTION_COLUMNS
from videonet.schemas.shard_form import OLDEST_FORM
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

FIXTURES = Path(__file__).parent / "fixtures" / "before_rooms"

# Where they were made.
FORMER_PLACE = "/srv/videonet"

# What the finished data set and the interrupted one were asked for.
SETTINGS = ("--min-seconds", "2", "--shards", "2")

# Verdicts by pair of video_id and target_id.
FINISHED = {
    ("balloon", "balloon"): ("kept", None),
    ("brief", "balloon"): ("kept", None),
    ("both", "balloon"): ("kept", None),
    ("both", "sailboat"): ("kept", None),
    ("other", "balloon"): ("rejected", "no_top1_match"),
    ("yacht", "sailboat"): ("rejected", "withdrawn"),
    ("short", "mushroom"): ("rejected", "too_short"),
    ("broken", "mushroom"): ("failed", "undecodable"),
    ("page", "mushroom"): ("failed", "not_a_video"),
    ("gone", "mushroom"): ("failed", "unavailable"),
}
GONE_ON = {
    ("a balloon.mp4", "balloon"): ("kept", None),
    ("b yacht.mp4", "sailboat"): ("kept", None),
    ("c mushroom.mp4", "mushroom"): ("rejected", "no_top1_match"),
    ("d balloon.mp4", "balloon"): ("rejected", "too_short"),
    ("e mushroom.mp4", "mushroom"): ("kept", None),
    ("f yacht.mp4", "sailboat"): ("kept", None),
}


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A folder with a finished data set, its store, its catalogue and its class list."""
    return moved(FIXTURES / "finished", tmp_path)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """Likewise of a run that was interrupted, over a folder of videos."""
    folder = moved(FIXTURES / "interrupted", tmp_path)
    for record in (folder / "store" / "fetch").rglob("*.json"):
        fetch = json.loads(record.read_bytes())
        # Git keeps no times, and a file that was changed since is another file.
        os.utime(fetch["path"], ns=(fetch["mtime_ns"], fetch["mtime_ns"]))
    return folder


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    """Likewise of a run that searched a site."""
    return moved(FIXTURES / "searched", tmp_path)


def moved(fixture: Path, place: Path) -> Path:
    """A copy of the fixture below `place`, made as if it had always been there."""
    folder = Path(shutil.copytree(fixture, place / fixture.name))
    for file in folder.rglob("*.json"):
        file.write_text(file.read_text().replace(FORMER_PLACE, str(place)))
    for file in [*folder.glob("out/candidates/*"), *folder.glob("store/found/*")]:
        table = pq.read_table(file)
        column = table.column_names.index("root")
        roots = pc.replace_substring(table["root"], FORMER_PLACE, str(place))
        if roots != table["root"]:
            pq.write_table(table.set_column(column, table.field("root"), roots), file)
    return folder


def curate(folder: Path, *more: str | Path, out: str = "out") -> Ended:
    """`videonet curate` with the class list and the classifier that the fixtures were made with."""
    return videonet(
        *("curate", "--targets", folder / "classes.txt", "--classifier", MODEL),
        *("--store", folder / "store", "--out", folder / out, *more),
    )


def verdicts(folder: Path) -> dict[tuple[str, str], tuple[str, str | None]]:
    rows = pq.read_table(folder / "verdicts").to_pylist()
    return {
        (each["video_id"], each["target_id"]): (each["outcome"], each["reason"]) for each in rows
    }


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_bytes())


def clips(folder: Path) -> list[dict[str, Any]]:
    """What is said of each clip: bytes of frames may differ where another FFmpeg decodes them."""
    columns = ["example_id", "clip_start_timestamp", "clip_end_timestamp", "clip_label_text"]
    rows: list[dict[str, Any]] = pq.read_table(
        folder / "clips/parquet", columns=columns
    ).to_pylist()
    assert rows
    return rows


def columns(folder: Path) -> list[str]:
    """Of the clips."""
    names: list[str] = pq.read_table(folder / "clips/parquet").column_names
    return names


def has_no_later_columns(folder: Path) -> None:
    """Fail if a data set of before has got columns of motion or of ids, or its files say so."""
    assert {*MOTION_COLUMNS, *LABEL_ID_COLUMNS}.isdisjoint(columns(folder))
    assert "motion" not in manifest(folder)["totals"]
    lock = pq.read_metadata(folder / "videos.lock.parquet").metadata[b"videonet.settings"]
    for settings in (manifest(folder)["settings"], json.loads(lock)):
        assert {"motion", "label_ids"}.isdisjoint(settings)
    card = (folder / "README.md").read_text()
    assert not any(name in card for name in (*MOTION_COLUMNS, *LABEL_ID_COLUMNS))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_the_verdicts_are_those_that_the_fixture_was_made_for(finished: Path):
    assert verdicts(finished / "out") == FINISHED


@pytest.mark.parametrize("name", ["finished", "searched"])
def test_the_status_of_a_finished_data_set(name: str, tmp_path: Path):
    folder = moved(FIXTURES / name, tmp_path)
    ended = videonet("status", folder / "out", "--json")
    counts = manifest(folder / "out")["totals"]["verdicts"]
    # As the run ended: a data set without a clip is none.
    assert ended.code == (0 if counts["kept"] else 3), ended
    seen = json.loads(ended.stdout)
    assert (seen["phase"], seen["done"]) == ("finished", counts["pairs"])
    assert seen["stages"]


def test_the_status_of_an_interrupted_run(interrupted: Path):
    ended = videonet("status", interrupted / "out", "--json")
    assert ended.code == 1, ended
    seen = json.loads(ended.stdout)
    assert (seen["phase"], seen["pairs"]) == ("interrupted", 6)
    assert seen["stages"]["scan"]["items"] == 2


@pytest.mark.parametrize("name", ["finished", "interrupted", "searched"])
def test_the_report(name: str, tmp_path: Path):
    folder = moved(FIXTURES / name, tmp_path)
    ended = videonet("report", folder / "out")
    assert ended.code == 0, ended
    page = (folder / "out" / "report" / "index.html").read_text()
    assert "balloon" in page
    if name == "finished":
        assert "Mushroom plans" in page


@pytest.mark.parametrize("video_id", sorted({video for video, _ in FINISHED}))
def test_show_draws_each_video_of_a_finished_data_set(video_id: str, finished: Path):
    ended = videonet("show", finished / "out", video_id, "--to", finished / "it.html")
    assert ended.code == 0, ended
    outcomes = {outcome for (video, _), (outcome, _) in FINISHED.items() if video == video_id}
    assert {line.split()[0] for line in ended.stdout.splitlines()} >= outcomes
    assert video_id in (finished / "it.html").read_text()


def test_verify_finds_nothing_wrong(finished: Path):
    ended = videonet("verify", finished / "out")
    assert ended.code == 0, ended
    assert "4 shards with 1 clip of 1 video (9 frames), 10 verdicts." in ended.stdout
    assert ended.stdout.endswith(" 2 more kept videos are too short for a clip.\n")


def test_verify_finds_a_byte_that_was_changed(finished: Path):
    (shard,) = (finished / "out" / "clips" / "tfrecord").glob("clips-00000-*")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    ended = videonet("verify", finished / "out")
    assert ended.code == 1, ended
    assert shard.name in ended.stdout


def test_verify_says_that_an_interrupted_run_is_not_finished(interrupted: Path):
    assert "manifest" in sentence(videonet("verify", interrupted / "out"))


def test_a_lock_file_is_rebuilt_from_the_store(finished: Path):
    lock = finished / "out" / "videos.lock.parquet"
    ended = videonet("rebuild", lock, "--store", finished / "store", "--out", finished / "again")
    assert ended.code == 0, ended
    assert "3 of 3 videos are here again." in ended.stdout
    assert clips(finished / "again") == clips(finished / "out")
    has_no_later_columns(finished / "again")
    assert columns(finished / "again") == columns(finished / "out")
    assert "layout" not in manifest(finished / "again")["settings"]


def test_the_same_clips_are_the_same_bytes_in_the_form_that_its_manifest_says(finished: Path):
    held = DatasetDir(finished / "out").manifest()
    assert held is not None
    assert held.settings.shard_form == OLDEST_FORM
    for shard in held.shards:
        file = finished / "out" / shard.path
        form = FORMATS[shard.path.rpartition(".")[2]]
        again = finished / "again"
        with form.open_writer(again, held.settings.shard_form) as write:
            for clip in form.read(file):
                write(clip)
        assert again.read_bytes() == file.read_bytes()


def test_a_lock_file_whose_videos_are_nowhere_says_what_is_missing(finished: Path):
    lock = finished / "out" / "videos.lock.parquet"
    with VideoServer(finished / "empty") as proxy:
        ended = videonet(
            *("rebuild", lock, "--store", finished / "fresh", "--out", finished / "again"),
            *("--proxy", proxy.address, *TYPED),
        )
    assert ended.code == 3, ended
    assert "0 of 3 videos are here again." in ended.stdout
    assert "3 could not be had: 3 unavailable" in ended.stdout


def test_a_video_is_withdrawn(finished: Path):
    ended = videonet("withdraw", finished / "out", "balloon")
    assert ended.code == 0, ended
    assert "1 clip taken out" in ended.stdout
    # The first video had been withdrawn already.
    assert len(json.loads((finished / "out" / "withdrawn.json").read_bytes())) == 2
    now = FINISHED | {("balloon", "balloon"): ("rejected", "withdrawn")}
    assert verdicts(finished / "out") == now
    assert manifest(finished / "out")["totals"]["clips"] == 0
    has_no_later_columns(finished / "out")
    assert videonet("verify", finished / "out").code == 0


def test_a_video_is_withdrawn_from_an_interrupted_run(interrupted: Path):
    ended = videonet("withdraw", interrupted / "out", "a balloon.mp4")
    assert ended.code == 0, ended
    assert curate_interrupted(interrupted).code == 3  # its videos are too short for a clip
    now = GONE_ON | {("a balloon.mp4", "balloon"): ("rejected", "withdrawn")}
    assert verdicts(interrupted / "out") == now


def scans_of_before(store: Path) -> set[tuple[str, str]]:
    """Videos that a store of before has scans of, and the sections of records that these become."""
    files = (store / "scan").glob("*/*/*.json")
    return {
        (json.loads(file.read_bytes())["video_key"], f"scan/{file.parts[-3]}") for file in files
    }


def files_of_before(store: Path) -> list[str]:
    """What an earlier version wrote for single steps, and this one does not."""
    kinds = ("fetch", "length", "scan", "cut", "thumbnail")
    return sorted(kind for kind in kinds if (store / kind).exists())


@pytest.mark.parametrize("kind", ["curate", "withdraw", "rebuild"])
def test_a_store_of_before_is_taken_over_once_with_a_sentence(finished: Path, kind: str):
    store = finished / "store"
    assert files_of_before(store) == ["cut", "fetch", "length", "scan", "thumbnail"]
    known = scans_of_before(store)
    pictures = {file.read_bytes() for file in (store / "thumbnail").rglob("*.jpg")}
    given: dict[str, tuple[str | Path, ...]] = {
        "withdraw": ("withdraw", finished / "out", "balloon"),
        "rebuild": (
            *("rebuild", finished / "out" / "videos.lock.parquet", "--store", store),
            *("--out", finished / "again"),
        ),
    }

    def ended() -> Ended:
        if kind == "curate":
            return curate(finished, "--source", "store", *SETTINGS, out="again")
        return videonet(*given[kind])

    first = ended()
    assert first.code == 0, first
    said = " ".join((first.stdout + first.stderr).split())
    assert "was made by an earlier version: its files are put together, once" in said
    assert files_of_before(store) == []
    assert known <= set(sections_in(store, "scan"))
    shown = {jpeg for _, jpeg in Store(store).tables.thumbnails.all()}
    assert shown <= pictures
    # That of a withdrawn video is gone.
    assert len(pictures - shown) == (1 if kind == "withdraw" else 0)
    second = ended()
    assert "earlier version" not in " ".join((second.stdout + second.stderr).split())


def curate_interrupted(folder: Path) -> Ended:
    return curate(folder, "--source", f"folder:{folder / 'videos'}", *SETTINGS, "--shards", "1")


def test_an_interrupted_run_goes_on_and_sees_again_what_was_seen_by_older_rules(interrupted: Path):
    run_id = json.loads((interrupted / "out" / "_state" / "run.json").read_bytes())["run_id"]
    assert len(contents(interrupted / "store" / "scan")) == 2
    ended = curate_interrupted(interrupted)
    assert ended.code == 3, ended
    assert verdicts(interrupted / "out") == GONE_ON
    after = sections_in(interrupted / "store", "scan")
    # Two of them had been seen by the older rules.
    assert len(after) == 2 + 6
    assert json.loads((interrupted / "out" / "run.json").read_bytes())["run_id"] == run_id
    has_no_later_columns(interrupted / "out")
    assert videonet("verify", interrupted / "out").code == 0


def test_the_same_command_leaves_a_finished_data_set_of_older_rules_as_it_is(finished: Path):
    before = contents(finished / "out")
    ended = curate(finished, "--source", f"catalogue:{finished / 'videos.csv'}", *SETTINGS)
    assert "scanned by another version" in sentence(ended)
    assert before.items() <= contents(finished / "out").items()


@pytest.mark.slow
def test_another_data_set_is_made_of_what_the_store_still_has(finished: Path):
    scans = scans_of_before(finished / "store")
    ended = curate(finished, "--source", "store", *SETTINGS, out="again")
    assert ended.code == 0, ended
    again = verdicts(finished / "again")
    assert again.items() >= {p: each for p, each in FINISHED.items() if each[0] == "kept"}.items()
    assert again[("yacht", "sailboat")] == ("rejected", "withdrawn")
    # The files of rejected videos are gone, and what older rules say of them is not believed.
    for pair in (("other", "balloon"), ("short", "mushroom")):
        assert again[pair][0] == "failed"
    # They are known still, with those of the present rules.
    assert scans <= set(sections_in(finished / "store", "scan"))
    assert manifest(finished / "again")["totals"]["clips"] == 1


@pytest.mark.slow
def test_what_is_kept_of_an_older_store_is_compared_and_the_card_counts_the_rest(finished: Path):
    """Its scans have small hashes of a few frames alone, and are not compared with anything."""
    (kept,) = {each["example_id"].rpartition("#")[0] for each in clips(finished / "out")}
    (finished / "evaluation").mkdir()
    draw_video(finished / "evaluation" / "other.mp4", "mushroom", 3, size=(64, 64))
    typed = ("--source", "store", *SETTINGS, "--exclude-like", finished / "evaluation")
    assert curate(finished, *typed, out="again").code == 0
    assert verdicts(finished / "again")[("balloon", "balloon")] == ("kept", None)
    ((key, _),) = sections_in(finished / "store", "like")
    assert key == kept
    (found,) = sections_in(finished / "store", "like").values()
    assert json.loads(found)["frames"] == 6
    card = " ".join((finished / "again" / "README.md").read_text().split())
    assert "Not compared are 0 kept videos none of whose frames shows enough, 2 kept videos" in card
    # withdrawn, or of an address that is not asked any more; and never there
    assert "either: 4 candidates left out for other reasons" in card
    assert "and 2 candidates that were never downloaded." in card


def test_other_settings_are_named(finished: Path):
    source = f"catalogue:{finished / 'videos.csv'}"
    ended = curate(finished, "--source", source, *SETTINGS, "--max-clips", "3")
    assert "max_clips was 4, is 3" in sentence(ended)


def test_what_a_site_answered_is_not_asked_again(searched: Path):
    with VideoSite([]) as site, installed(site):
        ended = curate(searched, "--source", "youtube", "--search-patience", "1", out="again")
        assert site.requests() == []
    assert ended.code == 3, ended
    assert verdicts(searched / "again") == verdicts(searched / "out")
    assert manifest(searched / "again")["totals"]["titles"] == 4
