"""`videonet status` of one run: while it waits, when it is killed, goes on and is run again."""

import json
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from demo.behaviours import Hold
from demo.behaviours import Status as Answers
from demo.drawing import draw_video
from demo.server import VideoServer
from tests.curated import VIDEONET, Ended, arguments, videonet
from tests.curating import curate
from tests.local import TYPED
from tests.patience import PATIENCE, wait_for
from videonet.curation.run_progress import (
    Phase,
    costs_of,
    processes_of,
)
from videonet.report.status import End, Status, status_of
from videonet.schemas.manifest import Manifest
from videonet.schemas.progress import ProcessProgress, StageCost
from videonet.storage.store import Store

# What each file is called in the catalogue. All show a balloon; one is not there.
TITLES = {
    "a.mp4": "a balloon",
    "b.mp4": "a balloon",
    "gone.mp4": "a balloon",
    "c.mp4": "a yacht",
    "held.mp4": "a balloon",
    "held too.mp4": "a balloon",
}
HELD = ("held.mp4", "held too.mp4")


@dataclass(frozen=True)
class Story:
    """A run that waits for two of six videos, is killed, goes on to its end, and is run again."""

    out: Path
    store: Store
    # bytes of one video
    video: int
    # while it waits: asked as a program does, and by the command
    waiting: Status
    said: Ended
    # just after it was killed, and a minute later
    killed: Status
    missed: Status
    # when it went on to its end
    manifest: Manifest
    facts: dict[str, object]
    finished: Status
    counted: list[ProcessProgress]
    costs: dict[str, StageCost]
    # names of the runs of which there are counts, then and after the next run
    runs: list[str]
    runs_after: list[str]
    next_costs: dict[str, StageCost]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    out, store = folder / "out", Store(folder / "store")
    (folder / "classes.txt").write_text("balloon\nsailboat: yacht\n")
    (folder / "files").mkdir()
    video = folder / "files" / "a.mp4"
    draw_video(video, "balloon", 11, size=(96, 64))
    for name in ("b.mp4", "c.mp4", *HELD):
        shutil.copy(video, folder / "files" / name)
    hold = threading.Event()
    behaviours = {**dict.fromkeys(HELD, Hold(hold)), "gone.mp4": Answers(404)}
    with VideoServer(folder / "files", behaviours) as server:
        rows = [f"{name},{server.url(name)},{title}\n" for name, title in TITLES.items()]
        (folder / "videos.csv").write_text("id,url,title\n" + "".join(rows))
        source = f"catalogue:{folder / 'videos.csv'}"
        typed = [VIDEONET, *arguments(folder), "--source", source, *TYPED]
        typed += ["--requests-per-second", "1000"]
        run = subprocess.Popen(typed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: (out / "run.json").exists() and status_of(out).done == 4)
            waiting, said = status_of(out), videonet("status", out)
        finally:
            run.kill()
            run.wait()
        killed = status_of(out)
        missed = status_of(out, now=datetime.now(UTC) + timedelta(minutes=1))
        hold.set()
        manifest = curate(source, folder / "classes.txt", folder)
        told = {
            "facts": json.loads((out / "run.json").read_bytes()),
            "finished": status_of(out),
            "runs": sorted({each.split("/")[1] for each in store.list("progress")}),
        }
        run_id = told["runs"][0]
        told |= {"counted": processes_of(store, run_id), "costs": costs_of(store, run_id)}
        curate(source, folder / "classes.txt", folder)
    (after,) = {each.split("/")[1] for each in store.list("progress")}
    return Story(
        out=out,
        store=store,
        video=video.stat().st_size,
        waiting=waiting,
        said=said,
        killed=killed,
        missed=missed,
        manifest=manifest,
        runs_after=[after],
        next_costs=costs_of(store, after),
        **told,
    )


# A run, from beginning to end.


def test_the_numbers_of_a_run_that_goes_on_are_right(story: Story):
    seen = story.waiting
    assert seen.phase is Phase.VIDEOS
    assert (seen.pairs, seen.done, seen.kept) == (6, 4, 2)
    assert (seen.rejected, seen.failed) == ({"no_top1_match": 1}, {"unavailable": 1})
    assert (seen.targets, seen.processes) == (2, 1)
    assert seen.silent is not None
    assert seen.silent < PATIENCE


def test_the_time_left_is_that_of_the_pairs_so_far(story: Story):
    seen = story.waiting
    assert seen.rate is not None
    assert seen.seconds is not None
    assert seen.rate >= 4 / seen.seconds
    assert seen.seconds_left == pytest.approx(2 / seen.rate)


def test_the_costs_of_a_run_that_goes_on_are_of_what_was_done(story: Story):
    items = {name: cost.items for name, cost in story.waiting.stages.items()}
    # The two that the server holds are being downloaded.
    assert items == {"download": 4, "scan": 3, "measure": 2, "cut": 2}
    sizes = {name: cost.bytes for name, cost in story.waiting.stages.items()}
    assert (sizes["download"], sizes["scan"]) == (3 * story.video, 3 * story.video)
    assert sizes["cut"] > 0


def test_the_command_says_so(story: Story):
    said = " ".join(story.said.stdout.split())
    assert story.said.code == 0
    assert said.startswith("looking at videos: 4 of 6, ")
    assert "1 process at work" in said
    for cells in ("2 │ kept", "1 │ rejected │ no_top1_match", "1 │ failed │ unavailable"):
        assert cells in said
    assert re.search(r" 4 downloads took [0-9.]+ \w+, [0-9.]+ s each, for [0-9.]+ kB\. ", said)


def test_a_killed_run_is_known_to_be_so_at_once(story: Story):
    assert (story.killed.phase, story.killed.end) == (Phase.INTERRUPTED, End.KILLED)


def test_a_killed_run_is_missed_after_a_while(story: Story):
    assert story.killed.done == story.missed.done == 4
    assert story.missed.phase is Phase.INTERRUPTED
    assert (story.missed.processes, story.missed.rate, story.missed.seconds_left) == (0, None, None)
    assert story.missed.silent is not None
    assert 60 <= story.missed.silent < 60 + PATIENCE


def test_a_run_that_goes_on_counts_no_pair_twice(story: Story):
    (counted,) = story.counted
    verdicts = story.manifest.totals.verdicts
    assert verdicts.pairs == 6
    assert (counted.pairs, counted.kept) == (verdicts.pairs, verdicts.kept)
    assert (counted.rejected, counted.failed) == (verdicts.rejected, verdicts.failed)


def test_costs_outlive_a_kill_and_what_is_skipped_costs_nothing(story: Story):
    items = {name: cost.items for name, cost in story.costs.items()}
    shards = len(story.manifest.shards) // 2
    assert items == {"download": 6, "scan": 5, "measure": 4, "cut": 4, "write": shards}
    assert story.costs["download"].bytes == 5 * story.video
    assert story.costs["write"].bytes == sum(each.bytes for each in story.manifest.shards)
    for name, cost in story.waiting.stages.items():
        assert story.costs[name].seconds >= cost.seconds


def test_a_finished_run_shows_the_totals_of_its_manifest(story: Story):
    seen, verdicts = story.finished, story.manifest.totals.verdicts
    assert seen.phase is Phase.FINISHED
    assert (seen.pairs, seen.done, seen.kept) == (verdicts.pairs, verdicts.pairs, verdicts.kept)
    assert (seen.rejected, seen.failed) == (verdicts.rejected, verdicts.failed)
    assert seen.stages == story.costs
    assert seen.seconds is not None
    assert seen.seconds > 0


def test_a_run_keeps_its_costs_with_its_facts(story: Story):
    assert msgspec.convert(story.facts["stages"], type=dict[str, StageCost]) == story.costs


def test_the_next_run_forgets_the_counts_of_the_one_before_but_not_its_costs(story: Story):
    assert len(story.runs) == len(story.runs_after) == 1
    assert story.runs != story.runs_after
    # Nothing was left to be done.
    for name, cost in story.costs.items():
        assert story.next_costs[name].items == cost.items
        assert story.next_costs[name].bytes == cost.bytes
        assert story.next_costs[name].seconds >= cost.seconds
    assert story.next_costs.keys() == story.costs.keys()


def test_the_hosts_of_a_run_are_those_that_it_asked(story: Story):
    # Four answers and a refusal; what was held when it was killed was asked again.
    (host,) = story.finished.hosts.values()
    assert (host.fetched, host.failed, host.success) == (5, 1, round(5 / 6, 4))
