"""Runs with --duplicates: which videos stay, with which labels, however the work is done."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from demo.server import VideoServer
from tests.curated import VIDEONET, videonet
from tests.curating import bytes_of, outcomes_of, verdicts_of
from tests.dataset.card.reading import cells_of
from tests.execution.two_workers import TWO_WORKERS
from tests.local import TYPED
from tests.patience import wait_for
from tests.selection.copies import (
    ALL,
    LARGE,
    OTHER,
    SMALL,
    THERE,
    copies_once,
    curate_listed,
    typed,
    write_catalogue,
)
from videonet.dataset.verify import verify
from videonet.report.facts import facts_of
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import LOCK_FILE

KEPT = (Outcome.KEPT, None)
DUPLICATE = (Outcome.REJECTED, Reason.DUPLICATE)
EXPECTED = {
    ("small", "sailboat"): DUPLICATE,
    ("large", "balloon"): KEPT,
    ("here", "balloon"): KEPT,
    ("there", "balloon"): DUPLICATE,
    ("other", "balloon"): KEPT,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoServer]:
    with VideoServer(copies_once(tmp_path_factory.getbasetemp())) as server:
        yield server


@pytest.fixture(scope="module")
def dropped(server: VideoServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run that drops duplicates: to be read only."""
    folder = tmp_path_factory.mktemp("dropped")
    curate_listed(server, ALL, folder)
    return folder


@pytest.fixture
def copy(dropped: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(dropped, tmp_path / "copy"))


def by_id(out: Path) -> dict[str, Verdict]:
    return {each.video.video_id: each for each in verdicts_of(out)}


def labels_of(out: Path) -> dict[str, set[tuple[str, ...]]]:
    """Labels of the clips of each video."""
    found: dict[str, set[tuple[str, ...]]] = {}
    columns = ["clip_media_id", "clip_label_text"]
    for row in pq.read_table(out / "clips" / "parquet", columns=columns).to_pylist():
        found.setdefault(row["clip_media_id"], set()).add(tuple(row["clip_label_text"]))
    return found


def test_the_better_of_two_encodings_and_the_first_of_two_addresses_stay(dropped: Path):
    assert outcomes_of(dropped / "out") == EXPECTED
    verdicts = by_id(dropped / "out")
    for name, stays in (("small", "large"), ("there", "here")):
        assert verdicts[name].duplicate_of == verdicts[stays].video_key
        assert verdicts[name].clips == 0
        assert verdicts[stays].video_key in verdicts[name].error
    assert verdicts["there"].error.startswith("the same bytes as ")
    assert "frames show the same as " in verdicts["small"].error


def test_labels_of_what_is_dropped_go_to_what_stays(dropped: Path):
    assert labels_of(dropped / "out") == {
        "large": {("balloon", "sailboat")},
        "here": {("balloon",)},
        "other": {("balloon",)},
    }
    (match,) = by_id(dropped / "out")["large"].inherited
    assert (match.target_id, match.title) == ("sailboat", SMALL.title)


def test_the_accounts_balance_and_the_data_set_is_sound(dropped: Path):
    counts = json.loads((dropped / "out" / "manifest.json").read_bytes())["totals"]["verdicts"]
    assert (counts["pairs"], counts["kept"], counts["rejected"]) == (5, 3, {"duplicate": 2})
    assert verify(dropped / "out").problems == []


def test_report_and_card_count_the_labels_that_the_clips_have(dropped: Path):
    out = dropped / "out"
    clips: Counter[str] = Counter()
    for row in pq.read_table(out / "clips" / "parquet", columns=["clip_label_text"]).to_pylist():
        clips.update(row["clip_label_text"])
    facts = facts_of(out, None)
    funnels = {row.name: row.funnel for row in facts.classes}
    assert {name: each.clips for name, each in funnels.items() if each.clips} == clips
    # The pair was rejected, and its label has gone elsewhere.
    sailboat = funnels["sailboat"]
    assert (sailboat.candidates, sailboat.kept, sailboat.with_clip) == (1, 0, 0)
    assert (sailboat.inherited, sailboat.inherited_with_clip) == (1, 1)
    assert (facts.funnel.kept, facts.funnel.inherited) == (3, 1)
    assert (facts.sizes.classes, facts.sizes.classes_with_clip) == (2, 2)
    assert [each.about for each in facts.thin] == ["mushroom"]
    card = (out / "README.md").read_text()
    cells = cells_of(card)
    assert ["sailboat", "sailboat", "1", "0", "1", str(clips["sailboat"])] in cells
    assert ["balloon", "balloon", "4", "3", "3", str(clips["balloon"])] in cells
    assert ["labels: pairs of kept video and class", "4"] in cells
    assert ["of them from duplicates that were dropped", "1"] in cells
    assert "\n**2 of 3 classes**." in card
    assert "1 label of these has gone to the videos that stay" in card


@pytest.mark.slow
def test_a_card_without_duplicates_has_no_column_for_their_labels(
    server: VideoServer, tmp_path: Path
):
    curate_listed(server, (LARGE, OTHER), tmp_path)
    cells = cells_of((tmp_path / "out" / "README.md").read_text())
    assert ["class", "id", "candidates", "kept", "clips"] in cells
    assert not [row for row in cells if row[0] == "of them from duplicates that were dropped"]


def test_a_rebuilt_data_set_has_the_same_bytes(dropped: Path, tmp_path: Path):
    lock = dropped / "out" / LOCK_FILE
    ended = videonet(
        *("rebuild", lock, "--store", dropped / "store", "--out", tmp_path / "again", *TYPED)
    )
    assert ended.code == 0, ended
    clips = {path: sha for path, sha in bytes_of(dropped / "out").items() if "clips" in path}
    assert clips.items() <= bytes_of(tmp_path / "again").items()
    assert (tmp_path / "again" / LOCK_FILE).read_bytes() == lock.read_bytes()
    assert verify(tmp_path / "again").problems == []


def test_a_dropped_duplicate_has_no_row_of_captions(server: VideoServer, dropped: Path, copy: Path):
    curate_listed(server, ALL, copy, dropped, captions=True)
    columns = ["video_id"]
    rows = pq.read_table(copy / "out" / "captions", columns=columns)["video_id"].to_pylist()
    assert sorted(rows) == ["here", "large", "other"]
    assert verify(copy / "out").problems == []


def test_marked_videos_stay_with_their_own_labels(server: VideoServer, copy: Path):
    shutil.rmtree(copy / "out")
    curate_listed(server, ALL, copy, duplicates="mark")
    assert set(outcomes_of(copy / "out").values()) == {KEPT}
    verdicts = by_id(copy / "out")
    stays = {name: each.duplicate_of for name, each in verdicts.items() if each.duplicate_of}
    assert stays == {"small": verdicts["large"].video_key, "there": verdicts["here"].video_key}
    assert labels_of(copy / "out")["large"] == {("balloon",)}
    assert verify(copy / "out").problems == []


def test_without_it_nothing_is_compared_and_nothing_says_so(server: VideoServer, copy: Path):
    shutil.rmtree(copy / "out")
    shutil.rmtree(copy / "store" / "side")
    curate_listed(server, ALL, copy, duplicates="keep")
    assert set(outcomes_of(copy / "out").values()) == {KEPT}
    assert not list((copy / "store" / "side").glob("frame_hash*"))
    settings = json.loads((copy / "out" / "manifest.json").read_bytes())["settings"]
    assert "duplicates" not in settings


def test_more_candidates_give_what_a_fresh_run_gives(
    server: VideoServer, dropped: Path, copy: Path
):
    shutil.rmtree(copy / "out")
    curate_listed(server, (SMALL, THERE, OTHER), copy)
    assert set(outcomes_of(copy / "out").values()) == {KEPT}
    curate_listed(server, ALL, copy)
    assert bytes_of(copy / "out") == bytes_of(dropped / "out")
    assert [*verdicts_of(copy / "out")] == [*verdicts_of(dropped / "out")]


def test_the_same_run_again_changes_no_byte(server: VideoServer, dropped: Path, copy: Path):
    curate_listed(server, ALL, copy, catalogue_in=dropped)
    assert bytes_of(copy / "out") == bytes_of(dropped / "out")


def test_when_what_stays_is_withdrawn_the_next_run_lets_the_other_in(
    server: VideoServer, dropped: Path, copy: Path
):
    ended = videonet("withdraw", copy / "out", "large", "--store", copy / "store")
    assert ended.code == 0, ended
    assert verify(copy / "out").problems == []
    assert "large" not in labels_of(copy / "out")
    curate_listed(server, ALL, copy, catalogue_in=dropped)
    withdrawn = {("large", "balloon"): (Outcome.REJECTED, Reason.WITHDRAWN)}
    assert outcomes_of(copy / "out") == EXPECTED | withdrawn | {("small", "sailboat"): KEPT}
    assert labels_of(copy / "out")["small"] == {("sailboat",)}
    assert by_id(copy / "out")["large"].inherited is None
    assert verify(copy / "out").problems == []


def test_when_what_was_dropped_is_withdrawn_its_label_goes_with_the_next_run(
    server: VideoServer, dropped: Path, copy: Path
):
    ended = videonet("withdraw", copy / "out", "small", "--store", copy / "store")
    assert ended.code == 0, ended
    curate_listed(server, ALL, copy, catalogue_in=dropped)
    assert labels_of(copy / "out")["large"] == {("balloon",)}
    assert verify(copy / "out").problems == []


@pytest.mark.slow
def test_stages_apart_come_to_the_same_bytes(server: VideoServer, dropped: Path, tmp_path: Path):
    curate_listed(server, ALL, tmp_path, form="apart")
    assert bytes_of(tmp_path / "out") == bytes_of(dropped / "out")


@pytest.mark.slow
def test_two_workers_come_to_the_same_bytes(server: VideoServer, dropped: Path, tmp_path: Path):
    write_catalogue(server, ALL, tmp_path)
    ended = videonet(*typed(tmp_path, "--", *TWO_WORKERS))
    assert ended.code == 0, ended
    assert bytes_of(tmp_path / "out") == bytes_of(dropped / "out")


@pytest.mark.slow
def test_parts_come_to_the_same_bytes(server: VideoServer, dropped: Path, tmp_path: Path):
    write_catalogue(server, ALL, tmp_path)
    for part in ("list", "1/2", "2/2", None):
        ended = videonet(*typed(tmp_path, *(("--part", part) if part else ())))
        assert ended.code == 0, ended
    assert bytes_of(tmp_path / "out") == bytes_of(dropped / "out")


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_writes_shards_goes_on_to_the_same_bytes(
    server: VideoServer, dropped: Path, tmp_path: Path
):
    write_catalogue(server, ALL, tmp_path)
    run = subprocess.Popen([VIDEONET, *typed(tmp_path)], stderr=subprocess.DEVNULL)
    # The first shard is there, so duplicates were found; of others, clips still wait.
    wait_for(lambda: any((tmp_path / "out" / "verdicts").glob("*")) or run.poll() is not None, 0.01)
    run.kill()
    run.wait()
    assert not (tmp_path / "out" / "manifest.json").exists()
    ended = videonet(*typed(tmp_path))
    assert ended.code == 0, ended
    assert bytes_of(tmp_path / "out") == bytes_of(dropped / "out")
