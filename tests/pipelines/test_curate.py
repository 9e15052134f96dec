"""The whole job on the demo's world: real server, real yt-dlp, real classifier, real shards."""

import shutil
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import pyarrow.parquet as pq
import pytest

from demo.behaviours import Hold, Status
from demo.server import VideoServer
from demo.train_classifier import MODEL
from demo.videos import EXPECTED, VIDEOS, Expected
from demo.world import World
from tests.curating import (
    FEW,
    WholeJob,
    bytes_of,
    curate,
    few_of,
    frames_classified,
    outcomes_of,
    verdicts_of,
    whole_job_once,
)
from tests.stored import sections_in
from videonet.errors import UsageError
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

# A refusal may be one of the moment: the next run asks again.
MAY_PASS = {"members.mp4"}


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[VideoServer]:
    with world.serve() as server:
        yield server


@pytest.fixture(scope="module")
def catalogue(world: World, server: VideoServer) -> str:
    return f"catalogue:{world.catalogue}"


@pytest.fixture(scope="module")
def whole(world: World, tmp_path_factory: pytest.TempPathFactory) -> WholeJob:
    return whole_job_once(tmp_path_factory.getbasetemp(), world)


@dataclass(frozen=True)
class Job:
    """A finished run over some videos of the world, to be read only."""

    catalogue: str
    folder: Path
    expected: dict[tuple[str, str], Expected]
    # sizes of the videos' files, bytes
    sizes: tuple[int, ...]


@pytest.fixture(scope="module", params=["few", pytest.param("all", marks=pytest.mark.slow)])
def job(
    request: pytest.FixtureRequest,
    world: World,
    catalogue: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Job:
    """A run over FEW of the world's videos, or over all."""
    folder = tmp_path_factory.mktemp(request.param)
    taken: Collection[str] = {video.id for video in VIDEOS}
    if request.param == "few":
        taken = FEW
        catalogue = f"catalogue:{few_of(world.catalogue, folder)}"
    curate(catalogue, world.classes, folder)
    expected = {pair: due for pair, due in EXPECTED.items() if pair[0] in taken}
    files = [world.files / video.stored for video in VIDEOS if video.id in taken]
    sizes = tuple(file.stat().st_size for file in files if file.exists())
    return Job(catalogue, folder, expected, sizes)


@pytest.fixture(scope="module")
def runs(world: World, job: Job, tmp_path_factory: pytest.TempPathFactory) -> dict[Keep, Path]:
    """The folders of finished runs that keep other bytes, with other workers; to be read only."""
    keep_all, keep_none = (tmp_path_factory.mktemp(name) for name in ("all", "none"))
    curate(job.catalogue, world.classes, keep_all, keep=Keep.ALL, workers=4, downloads=3)
    curate(job.catalogue, world.classes, keep_none, keep=Keep.NONE, workers=1, downloads=1)
    return {Keep.KEPT: job.folder, Keep.ALL: keep_all, Keep.NONE: keep_none}


@pytest.fixture
def again(job: Job, tmp_path: Path) -> Path:
    """A copy of the finished run's store, without its OUT."""
    shutil.copytree(job.folder / "store", tmp_path / "store")
    return tmp_path


def test_every_pair_ends_with_the_verdict_that_its_cause_deserves(whole: WholeJob):
    assert outcomes_of(whole.out) == EXPECTED


def test_an_anti_join_of_candidates_and_verdicts_is_empty(whole: WholeJob):
    out = whole.out
    pairs = (
        f"select video_key, unnest(matches).target_id target_id from '{out}/candidates/*.parquet'"
    )
    verdicts = f"select video_key, target_id from '{out}/verdicts/*.parquet'"
    assert duckdb.sql(f"({pairs}) except all ({verdicts})").fetchall() == []
    assert duckdb.sql(f"({verdicts}) except all ({pairs})").fetchall() == []
    assert duckdb.sql(f"select count(*) from ({pairs})").fetchall() == [(len(EXPECTED),)]


def test_the_manifest_counts_what_the_verdicts_say(whole: WholeJob):
    manifest = DatasetDir(whole.out).manifest()
    assert manifest is not None
    by_outcome = Counter(outcome for outcome, _ in EXPECTED.values())
    totals = manifest.totals.verdicts
    assert totals.pairs == len(EXPECTED)
    assert totals.kept == by_outcome[Outcome.KEPT]
    assert sum(totals.rejected.values()) == by_outcome[Outcome.REJECTED]
    assert sum(totals.failed.values()) == by_outcome[Outcome.FAILED]


def test_both_formats_hold_the_same_clips_with_the_labels_of_the_verdicts(whole: WholeJob):
    out = whole.out
    names = [target.name for target in DatasetDir(out).targets()]
    clips = {
        name: [
            clip for file in sorted((out / "clips" / name).iterdir()) for clip in reader.read(file)
        ]
        for name, reader in FORMATS.items()
    }
    assert clips["parquet"] == clips["tfrecord"]
    labels: dict[str, set[str]] = {}
    for verdict in verdicts_of(out):
        if verdict.outcome is Outcome.KEPT:
            labels.setdefault(verdict.video.video_id, set()).add(verdict.target_id)
    assert {clip.clip_media_id: set(clip.clip_label_text) for clip in clips["parquet"]} == labels
    for clip in clips["parquet"]:
        assert [names[index] for index in clip.clip_label_index] == list(clip.clip_label_text)


def test_a_video_found_for_two_classes_is_downloaded_once(whole: WholeJob):
    kept = [each for each in verdicts_of(whole.out) if each.video.video_id == "both"]
    assert [each.target_id for each in kept] == ["balloon", "sailboat"]
    # yt-dlp asks once what it is, and once for the file.
    assert len([sent for sent in whole.bytes_sent("both.mp4") if sent > 1000]) <= 2


def test_nothing_is_asked_of_the_server_for_a_declared_short_video(whole: WholeJob):
    assert whole.bytes_sent("trailer.mp4") == []


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_number_of_workers(job: Job, runs: dict[Keep, Path]):
    assert bytes_of(runs[Keep.ALL] / "out") == bytes_of(job.folder / "out")
    assert bytes_of(runs[Keep.NONE] / "out") == bytes_of(job.folder / "out")


def test_the_same_run_over_a_full_store_downloads_and_classifies_nothing(
    world: World, server: VideoServer, job: Job, again: Path
):
    before, seen = len(server.requests()), frames_classified()
    curate(job.catalogue, world.classes, again)
    assert {each.path for each in server.requests()[before:]} <= MAY_PASS
    assert frames_classified() == seen
    assert bytes_of(again / "out") == bytes_of(job.folder / "out")


def test_a_finished_run_that_is_run_again_changes_nothing(
    world: World, server: VideoServer, job: Job, tmp_path: Path
):
    shutil.copytree(job.folder, tmp_path, dirs_exist_ok=True)
    before, seen = len(server.requests()), frames_classified()
    curate(job.catalogue, world.classes, tmp_path)
    assert {each.path for each in server.requests()[before:]} <= MAY_PASS
    assert frames_classified() == seen
    assert bytes_of(tmp_path / "out") == bytes_of(job.folder / "out")
    assert outcomes_of(tmp_path / "out") == job.expected


def test_another_class_list_over_the_store_classifies_nothing_and_fetches_only_what_is_gone(
    world: World, server: VideoServer, job: Job, again: Path
):
    # "best" was looked up as a balloon and rejected, so its bytes went; it shows a mushroom.
    classes = again / "classes.txt"
    classes.write_text(
        "mushroom: toadstool, fly agaric, best balloon\nlocomotive: steam engine, official\n"
    )
    before, seen = len(server.requests()), frames_classified()
    curate("store", classes, again)
    listed = ("mushroom", "locomotive")
    wanted = {pair: why for pair, why in job.expected.items() if pair[1] in listed}
    newly_kept = {("best", "mushroom"), ("official", "locomotive")}
    assert outcomes_of(again / "out") == wanted | dict.fromkeys(newly_kept, (Outcome.KEPT, None))
    assert frames_classified() == seen
    assert {each.path for each in server.requests()[before:]} == {"best.mp4", "official.mp4"}


@pytest.mark.slow
def test_with_keep_all_another_class_list_asks_the_server_nothing(
    server: VideoServer, runs: dict[Keep, Path], tmp_path: Path
):
    shutil.copytree(runs[Keep.ALL], tmp_path, dirs_exist_ok=True)
    classes = tmp_path / "classes.txt"
    classes.write_text("mushroom: best balloon\n")
    before, seen = len(server.requests()), frames_classified()
    curate("store", classes, tmp_path, out=tmp_path / "second", keep=Keep.ALL)
    assert outcomes_of(tmp_path / "second")["best", "mushroom"] == (Outcome.KEPT, None)
    assert len(server.requests()) == before
    assert frames_classified() == seen


def test_a_second_class_list_that_shrinks_does_not_take_what_the_first_keeps(
    world: World, again: Path
):
    kept_before = _videos(again)
    classes = again / "classes.txt"
    classes.write_text("sailboat: balloon, mushroom\n")
    curate("store", classes, again)
    assert kept_before <= _videos(again)


@pytest.mark.slow
@pytest.mark.parametrize("keep", list(Keep))
def test_the_bytes_that_stay_are_those_that_were_asked_for(
    job: Job, runs: dict[Keep, Path], keep: Keep
):
    store, out = Store(runs[keep] / "store"), runs[keep] / "out"
    outcomes: dict[str, set[Outcome]] = {}
    for verdict in verdicts_of(out):
        fetch = store.fetch(verdict.video_key)
        if fetch is not None and fetch.sha256 is not None:
            outcomes.setdefault(verdict.video_key, set()).add(verdict.outcome)
    wanted = {
        Keep.ALL: set(outcomes),
        Keep.KEPT: {key for key, each in outcomes.items() if Outcome.KEPT in each},
        Keep.NONE: set(),
    }[keep]
    here = {key for key in outcomes if (store.root / store.video(key)).exists()}
    assert here == wanted
    assert bytes_of(out) == bytes_of(job.folder / "out")


def test_a_run_without_kept_bytes_can_be_finished_and_run_again(
    world: World,
    server: VideoServer,
    job: Job,
    runs: dict[Keep, Path],
    tmp_path: Path,
):
    shutil.copytree(runs[Keep.NONE], tmp_path, dirs_exist_ok=True)
    before = len(server.requests())
    (tmp_path / "out" / "manifest.json").unlink()
    curate(job.catalogue, world.classes, tmp_path, keep=Keep.NONE)
    assert len(server.requests()) == before
    assert bytes_of(tmp_path / "out") == bytes_of(job.folder / "out")


@pytest.mark.slow
def test_a_failure_that_may_pass_is_tried_again_by_the_next_run_only(world: World, tmp_path: Path):
    catalogue = tmp_path / "catalogue.csv"
    source = f"catalogue:{catalogue}"
    flaky = {"rain.ts": Status(503, times=5, retry_after=0), "last.mp4": Status(404)}
    with VideoServer(world.files, flaky) as server:
        rows = [f"{path},{server.url(path)},mushroom {path}\n" for path in ("rain.ts", "last.mp4")]
        catalogue.write_text("id,url,title\n" + "".join(rows))
        curate(source, world.classes, tmp_path)
        assert outcomes_of(tmp_path / "out") == {
            ("rain.ts", "mushroom"): (Outcome.FAILED, Reason.SERVER_ERROR),
            ("last.mp4", "mushroom"): (Outcome.FAILED, Reason.UNAVAILABLE),
        }
        asked = len(server.requests())
        # Finishing an interrupted run is not a next run.
        (tmp_path / "out" / "manifest.json").unlink()
        curate(source, world.classes, tmp_path)
        assert len(server.requests()) == asked
        curate(source, world.classes, tmp_path)
        assert outcomes_of(tmp_path / "out") == {
            ("rain.ts", "mushroom"): (Outcome.KEPT, None),
            ("last.mp4", "mushroom"): (Outcome.FAILED, Reason.UNAVAILABLE),
        }
        assert len(server.requests("last.mp4")) == 1
        (rain,) = [
            each for each in verdicts_of(tmp_path / "out") if each.video.video_id == "rain.ts"
        ]
        assert rain.attempts == 6


def test_other_settings_with_the_same_out_are_refused_naming_what_differs(world: World, job: Job):
    with pytest.raises(UsageError, match="frames was 100, is 50"):
        curate(job.catalogue, world.classes, job.folder, frames=50)


@pytest.mark.slow
@pytest.mark.parametrize("job", ["few"], indirect=True, scope="module")
@pytest.mark.parametrize(
    ("option", "value"), [("frames", 30), ("max_clips", 1), ("shards", 3), ("min_seconds", 11.5)]
)
def test_another_setting_never_meets_a_stale_result(
    world: World, job: Job, again: Path, option: str, value: int
):
    seen = frames_classified()
    curate(job.catalogue, world.classes, again, **{option: value})
    fresh = again / "fresh"
    curate(job.catalogue, world.classes, fresh, **{option: value})
    assert bytes_of(again / "out") == bytes_of(fresh / "out")
    assert bytes_of(again / "out") != bytes_of(job.folder / "out")
    assert (frames_classified() > seen) or option != "frames"


@pytest.mark.slow
def test_another_classifier_scans_anew(world: World, job: Job, again: Path):
    other = again / "other.onnx"
    shutil.copy(MODEL, other)
    # The same weights with two labels exchanged, and with another mean: other answers.
    card = msgspec.json.decode(MODEL.with_suffix(".json").read_bytes())
    card["mean"] = [value + 0.2 for value in card["mean"]]
    other.with_suffix(".json").write_bytes(msgspec.json.encode(card))
    curate(job.catalogue, world.classes, again, classifier=str(other))
    assert len({name for _, name in sections_in(again / "store", "scan")}) == 2


def test_downloads_and_scans_overlap(world: World, tmp_path: Path):
    # The last file is answered only when another one has been scanned: a run that first downloads
    # all, and then scans, would wait for ever, and end with a timeout.
    scanned = threading.Event()
    paths = ["rain.ts", "valley.mp4", "regatta.mp4", "meadow.mp4"]
    with VideoServer(world.files, {"meadow.mp4": Hold(scanned)}, delay=0.2) as server:
        catalogue = tmp_path / "catalogue.csv"
        rows = [f"{path},{server.url(path)},mushroom\n" for path in paths]
        catalogue.write_text("id,url,title\n" + "".join(rows))

        def watch() -> None:
            while not sections_in(tmp_path / "store", "scan") and not over.wait(0.01):
                pass
            scanned.set()

        over = threading.Event()
        watcher = threading.Thread(target=watch)
        watcher.start()
        curate(f"catalogue:{catalogue}", world.classes, tmp_path)
        over.set()
        watcher.join()
    outcomes = outcomes_of(tmp_path / "out")
    assert outcomes["rain.ts", "mushroom"] == (Outcome.KEPT, None)
    assert outcomes["meadow.mp4", "mushroom"] == (Outcome.REJECTED, Reason.NO_TOP1_MATCH)


@pytest.mark.slow
def test_a_run_that_the_disk_has_no_room_for_stops_unfinished_and_goes_on_when_it_has(
    world: World, job: Job, tmp_path: Path
):
    budget = sum(sorted(job.sizes)[-2:])
    with pytest.raises(UsageError, match="no room for"):
        curate(job.catalogue, world.classes, tmp_path, disk_budget=budget)
    assert Store(tmp_path / "store").video_bytes() <= budget
    assert not (tmp_path / "out" / "manifest.json").exists()
    curate(job.catalogue, world.classes, tmp_path)
    assert bytes_of(tmp_path / "out") == bytes_of(job.folder / "out")
    assert outcomes_of(tmp_path / "out") == job.expected


@pytest.mark.slow
@pytest.mark.parametrize("downloads", [1, 4])
def test_with_keep_none_a_budget_for_few_videos_is_enough_for_all(
    world: World, job: Job, tmp_path: Path, downloads: int
):
    options = {"keep": Keep.NONE, "disk_budget": 2 * max(job.sizes), "downloads": downloads}
    curate(job.catalogue, world.classes, tmp_path, **options)
    assert bytes_of(tmp_path / "out") == bytes_of(job.folder / "out")
    assert Store(tmp_path / "store").video_bytes() == 0


def test_no_clip_waits_in_the_store_when_the_shards_are_written(whole: WholeJob):
    assert not [file for file in (whole.store / "clips").rglob("*") if file.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize("keep", [Keep.KEPT, Keep.NONE])
def test_a_shard_that_is_lost_is_written_again(
    world: World,
    job: Job,
    runs: dict[Keep, Path],
    tmp_path: Path,
    keep: Keep,
):
    shutil.copytree(runs[keep], tmp_path, dirs_exist_ok=True)
    for name in ("parquet", "tfrecord"):
        for file in (tmp_path / "out" / "clips" / name).iterdir():
            file.unlink()
        curate(job.catalogue, world.classes, tmp_path, keep=keep)
        assert bytes_of(tmp_path / "out") == bytes_of(job.folder / "out")
    shutil.rmtree(tmp_path / "out" / "clips")
    curate(job.catalogue, world.classes, tmp_path, keep=keep)
    assert bytes_of(tmp_path / "out") == bytes_of(job.folder / "out")


@pytest.mark.slow
def test_a_local_file_that_has_changed_is_not_taken_for_the_one_that_was_found(
    world: World, tmp_path: Path
):
    folder, classes = tmp_path / "videos", tmp_path / "classes.txt"
    folder.mkdir()
    classes.write_text("mushroom\n")
    file = folder / "mushroom.mp4"
    shutil.copy(world.files / "ten.mp4", file)
    curate(f"folder:{folder}", classes, tmp_path)
    assert outcomes_of(tmp_path / "out") == {("mushroom.mp4", "mushroom"): (Outcome.KEPT, None)}
    shutil.copy(world.files / "valley.mp4", file)
    curate("store", classes, tmp_path, out=tmp_path / "changed")
    gone = (Outcome.FAILED, Reason.MISSING)
    assert outcomes_of(tmp_path / "changed") == {("mushroom.mp4", "mushroom"): gone}
    # Under its own content it is another video; and when the first is back, so is its verdict.
    curate(f"folder:{folder}", classes, tmp_path, out=tmp_path / "new")
    lie = (Outcome.REJECTED, Reason.NO_TOP1_MATCH)
    assert outcomes_of(tmp_path / "new") == {("mushroom.mp4", "mushroom"): lie}
    shutil.copy(world.files / "ten.mp4", file)
    curate(f"folder:{folder}", classes, tmp_path, out=tmp_path / "back")
    assert outcomes_of(tmp_path / "back") == {("mushroom.mp4", "mushroom"): (Outcome.KEPT, None)}


@pytest.mark.slow
def test_a_folder_that_was_away_and_has_moved_is_found_again(world: World, tmp_path: Path):
    folder, classes = tmp_path / "videos", tmp_path / "classes.txt"
    folder.mkdir()
    classes.write_text("mushroom\n")
    shutil.copy(world.files / "ten.mp4", folder / "mushroom.mp4")
    curate(f"folder:{folder}", classes, tmp_path)
    moved = folder.rename(tmp_path / "moved")
    curate("store", classes, tmp_path, out=tmp_path / "away")
    assert [reason for _, reason in outcomes_of(tmp_path / "away").values()] == [Reason.MISSING]
    curate(f"folder:{moved}", classes, tmp_path, out=tmp_path / "again")
    assert [outcome for outcome, _ in outcomes_of(tmp_path / "again").values()] == [Outcome.KEPT]


@pytest.mark.slow
def test_the_store_knows_videos_beyond_the_quota_too(world: World, job: Job, tmp_path: Path):
    curate(job.catalogue, world.classes, tmp_path, per_class=1)
    curate("store", world.classes, tmp_path, out=tmp_path / "all")
    assert {pair[0] for pair in outcomes_of(tmp_path / "all")} == {pair[0] for pair in job.expected}


@pytest.mark.slow
def test_the_quota_takes_the_first_of_the_catalogue(world: World, catalogue: str, tmp_path: Path):
    manifest = curate(catalogue, world.classes, tmp_path, per_class=1)
    verdicts = verdicts_of(tmp_path / "out")
    assert all(counts.pairs == 1 for counts in manifest.targets.values())
    assert {(each.target_id, each.video.video_id) for each in verdicts} >= {("balloon", "valley")}


def test_records_of_a_video_that_was_rejected_stay(whole: WholeJob):
    store = Store(whole.store)
    rejected = [each for each in verdicts_of(whole.out) if each.reason is Reason.NO_TOP1_MATCH]
    for verdict in rejected:
        assert store.fetch(verdict.video_key) is not None
        assert store.thumbnail(verdict.video_key)


def test_the_verdict_table_opens_as_a_whole(whole: WholeJob):
    assert pq.read_table(whole.out / "verdicts").num_rows == len(EXPECTED)


def _videos(folder: Path) -> set[str]:
    return {file.name for file in (folder / "store" / "video").rglob("*") if file.is_file()}


def _digest(video_key: str) -> str:
    return Store(Path()).video(video_key).rpartition("/")[2]
