"""Processes that use one store keep one disk budget: never more bytes than it, and all finish."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from demo.world import World
from tests.execution.jobs import Job, over
from tests.execution.two_workers import TWO_WORKERS
from tests.patience import PATIENCE, wait_for
from tests.published import published, without_attempts
from videonet.schemas.disk_ledger import DiskLedger, Share
from videonet.storage.disk_ledger import NAME
from videonet.storage.store_files import held_below

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Served:
    """Two class lists over the demo's world, and what a run with each gives that has ample room."""

    given: dict[str, tuple[str, ...]]
    made: dict[str, dict[str, bytes]]
    # of the two largest videos, bytes
    budget: int

    def jobs(self, folder: Path, *more: str) -> dict[str, Job]:
        """The runs over one store below `folder`, within the budget."""
        limit = ("--disk-budget", f"{self.budget}B", *more)
        return {
            name: Job((*typed, *limit), str(folder), {}, folder, name)
            for name, typed in self.given.items()
        }

    def check(self, folder: Path) -> None:
        """Both are as if they had been alone, and nothing is left."""
        for name, made in self.made.items():
            assert without_attempts(published(folder / name)) == made
        assert not (folder / "store" / NAME).exists()
        assert not list((folder / "store" / "tmp").iterdir())


@pytest.fixture(scope="module")
def served(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("ample")
    names = [line for line in world.classes.read_text().splitlines() if line.strip()]
    given = {}
    with world.serve(delay=0.05):
        for name, classes in (("all", names), ("some", names[: len(names) // 2 + 1])):
            (folder / f"{name}.txt").write_text("\n".join(classes) + "\n")
            given[name] = (
                *over(folder / f"{name}.txt", world.catalogue),
                *("--keep", "none", "--files-root", str(world.files), "--per-host", "8"),
            )
        for name, typed in given.items():
            job = Job(typed, str(folder), {}, folder, name)
            job.start()
            job.finish()
        made = {name: without_attempts(published(folder / name)) for name in given}
        sizes = sorted(each.stat().st_size for each in world.files.rglob("*") if each.is_file())
        yield Served(given, made, sum(sizes[-2:]))


@dataclass
class Seen:
    """What was seen in a store while runs went on."""

    most: int = 0
    # how often, with videos in it
    looks: int = 0
    # those who had shares at once
    holders: set[frozenset[str]] = field(default_factory=set)


@contextmanager
def watched(store: Path) -> Iterator[Seen]:
    """Look at a store again and again, as long as this lasts."""
    seen, is_over = Seen(), threading.Event()

    def watch() -> None:
        while not is_over.wait(0.002):
            # They are not looked at in one moment: between looks a video goes, another begins.
            before, arriving = held_below(store), downloading(store)
            held = min(before, held_below(store)) + arriving
            seen.most = max(seen.most, held)
            seen.looks += held > 0
            seen.holders.add(frozenset(shares(store)))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


def shares(store: Path) -> dict[str, Share]:
    """The shares that are in a store's ledger now."""
    try:
        return DiskLedger.from_json((store / NAME).read_bytes()).shares
    except FileNotFoundError:
        return {}


def downloading(store: Path) -> int:
    """Bytes of downloads that are not in their places yet."""
    size = 0
    for folder, _, names in os.walk(store / "tmp"):
        for name in names if Path(folder) != store / "tmp" else ():
            with suppress(FileNotFoundError):
                size += Path(folder, name).stat().st_size
    return size


def test_two_runs_never_hold_more_than_the_budget_and_give_what_each_gives_alone(
    served: Served, tmp_path: Path
):
    jobs = served.jobs(tmp_path)
    with watched(tmp_path / "store") as seen:
        for job in jobs.values():
            job.start()
        for job in jobs.values():
            job.finish()
    assert 0 < seen.most <= served.budget
    assert seen.looks > 10
    assert max(map(len, seen.holders)) == 2
    served.check(tmp_path)


@pytest.mark.thorough
def test_what_a_killed_run_had_is_free_again_and_both_come_to_the_same(
    served: Served, tmp_path: Path
):
    jobs, store = served.jobs(tmp_path), tmp_path / "store"
    with watched(store) as seen:
        for job in jobs.values():
            job.start()
        wait_for(
            lambda: len(shares(store)) == 2 and all(each.bytes for each in shares(store).values())
        )
        was_killed = jobs["some"].kill()
        jobs["all"].process.join(PATIENCE)
        if jobs["all"].process.exitcode == 2:
            # What the killed one had brought lies there until the turn of those videos comes. Where
            # it fills the budget, those before them had no room.
            assert "The store had no room for" in jobs["all"].log.read_text()
            jobs["all"].start()
        jobs["all"].finish()
        # Nothing holds back the one that is begun again.
        jobs["some"].start()
        jobs["some"].finish()
    assert was_killed
    assert 0 < seen.most <= served.budget
    served.check(tmp_path)


def test_worker_processes_of_one_run_share_the_whole_budget(served: Served, tmp_path: Path):
    given = served.given["some"]
    limit = ("--disk-budget", f"{served.budget}B", "--downloads", "4")
    job = Job((*given, *limit), str(tmp_path), {}, tmp_path, "some", TWO_WORKERS)
    limits = set()
    with watched(tmp_path / "store") as seen:
        job.start()
        while job.process.is_alive():
            limits.update(each.limit for each in shares(tmp_path / "store").values())
            job.process.join(0.02)
        job.finish()
    assert limits == {served.budget}
    assert 0 < seen.most <= served.budget
    assert max(map(len, seen.holders)) == 2
    assert without_attempts(published(tmp_path / "some")) == served.made["some"]
