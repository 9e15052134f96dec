"""One disk budget for several processes: they step in turns, in all orders that chance finds.

A process that is not let on for long is as good as lost to the others, and goes on later.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.patience import PATIENCE
from tests.storage.turns import TurnObjects, Turns
from videonet.fetch import disk_budget
from videonet.fetch.disk_budget import DiskBudget
from videonet.schemas.disk_ledger import DiskLedger
from videonet.storage.disk_ledger import NAME, SharedLedger
from videonet.storage.store_files import held_below

LONG = PATIENCE
NEVER = float("inf")

# Steps after which tasks that are not done hang.
_MOST_STEPS = 20_000


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits looks again at its next turn."""
    monkeypatch.setattr(disk_budget, "_LOOK_UP", 0.0)
    monkeypatch.setattr(disk_budget, "_MEASURE_AFTER", 3.0)


class Ledger(SharedLedger):
    """Nobody looks after it beside the tasks. Its holder is a process of another machine."""

    is_watched = False


@dataclass
class Disk:
    """The folder of a store, and a clock that goes on with each step that is taken there."""

    root: Path
    objects: TurnObjects = field(default_factory=TurnObjects)
    steps: int = 0
    most: int = 0
    processes: int = 0

    def __post_init__(self) -> None:
        step = self.objects.step

        def counted(verb: str, name: str) -> None:
            step(verb, name)
            self.steps += 1
            assert self.steps < _MOST_STEPS, "somebody waits for ever"

        self.objects.step = counted  # type: ignore[method-assign]

    def budget(self, limit: int, seconds: float = NEVER) -> "Process":
        self.processes += 1
        ledger = Ledger(self.root, self.objects, seconds=seconds, clock=lambda: float(self.steps))
        ledger.holder = f"{0:012d}-{self.processes}-1.{uuid.uuid4().hex}"
        return Process(self, DiskBudget(limit, ledger=ledger), ledger.holder)

    def step(self, what: str) -> None:
        self.objects.step(what, "")

    def bytes(self) -> int:
        drafts = sum(each.stat().st_size for each in self.root.glob("tmp/*/*"))
        return held_below(self.root) + drafts

    def grow(self, file: Path, size: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as opened:
            opened.truncate(size)
        self.most = max(self.most, self.bytes())

    def ledger(self) -> DiskLedger | None:
        held = self.objects.held.get(NAME)
        return held and DiskLedger.from_json(held.data)


@dataclass
class Process:
    """What downloads and decides videos, one after the other."""

    disk: Disk
    budget: DiskBudget
    holder: str
    refused: int = 0

    def fetch(self, sizes: tuple[int, ...], *, keep: bool) -> None:
        """Download a video that turns out larger and larger, in two pieces of each size."""
        place = f"ab/{uuid.uuid4().hex}"
        room = self.budget.begin(place)
        video = self.disk.root / "video" / place
        draft = self.disk.root / "tmp" / f"{self.holder}.{uuid.uuid4().hex}" / "video"
        taken = there = 0
        for size in sizes:
            for piece, wanted in ((size // 2, size), (size, 0)):
                self.disk.step("a piece comes")
                if wanted or not room.is_held:
                    if not room.take(wanted, LONG):
                        self.refused += 1
                        draft.unlink(missing_ok=True)
                        room.give_back(taken)
                        room.settle()
                        return
                    taken += wanted
                self.disk.grow(draft, there + piece)
            there += size
        video.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(video)
        self.disk.step("it is decided")
        if not keep:
            video.unlink()
        room.settle(0 if keep else there)

    def task(self, videos: list[tuple[tuple[int, ...], bool]]) -> Callable[[], None]:
        def run() -> None:
            for sizes, keep in videos:
                self.fetch(sizes, keep=keep)
            self.budget.close()

        return run


SEEDS = st.integers(0, 1 << 30)
SIZES = st.integers(1, 60)
VIDEO = st.tuples(st.lists(SIZES, min_size=1, max_size=3).map(tuple), st.booleans())
VIDEOS = st.lists(VIDEO, min_size=1, max_size=5)


def by_chance(
    seed: int, changes: float, stops: Callable[[], int] | None = None
) -> Callable[[list[str]], str]:
    """Goes on with the same task, or with another one in so many of the cases.

    With `stops`, which says how many steps were taken, a task is stopped now and then for 40 steps.
    """
    chance = random.Random(seed)
    stopped: dict[str, int] = {}

    def choose(alive: list[str]) -> str:
        if stops is not None and chance.random() < 0.1:
            stopped[chance.choice(alive)] = stops() + 40
        can_go_on = [each for each in alive if stops is None or stopped.get(each, 0) < stops()]
        among = can_go_on or alive
        return chance.choice(among) if chance.random() < changes else among[0]

    return choose


def run(disk: Disk, seed: int, changes: float, tasks: dict[str, Callable[[], None]]) -> None:
    Turns(by_chance(seed, changes)).run(disk.objects, tasks)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Disk]:
    return lambda: Disk(tmp_path_factory.mktemp("store"))


CHANGES = st.sampled_from([0.05, 0.3, 0.9])
JOBS = st.lists(VIDEOS, min_size=2, max_size=3)
often = settings(deadline=None, max_examples=60)


@often
@given(seed=SEEDS, changes=CHANGES, jobs=JOBS)
def test_several_processes_never_pass_the_limit_and_all_end(fresh, seed, changes, jobs):
    disk, limit = fresh(), 100
    processes = [disk.budget(limit) for _ in jobs]
    run(disk, seed, changes, {str(n): each.task(jobs[n]) for n, each in enumerate(processes)})
    assert disk.most <= limit
    assert disk.ledger() is None


@often
@given(
    seed=SEEDS,
    changes=CHANGES,
    jobs=JOBS,
    limits=st.lists(st.integers(30, 130), min_size=3, max_size=3),
)
def test_each_process_keeps_its_own_limit(fresh, seed, changes, jobs, limits):
    disk = fresh()
    processes = [disk.budget(limits[n]) for n in range(len(jobs))]
    run(disk, seed, changes, {str(n): each.task(jobs[n]) for n, each in enumerate(processes)})
    assert disk.most <= max(limits[: len(jobs)])


@often
@given(
    seed=SEEDS, changes=CHANGES, jobs=st.lists(st.lists(SIZES, max_size=5), min_size=2, max_size=4)
)
def test_nobody_gives_up_where_all_others_make_room_in_the_end(fresh, seed, changes, jobs):
    disk, limit = fresh(), 70
    processes = [disk.budget(limit) for _ in jobs]
    tasks = {
        str(n): each.task([((size,), False) for size in jobs[n]])
        for n, each in enumerate(processes)
    }
    run(disk, seed, changes, tasks)
    assert disk.most <= limit
    assert [each.refused for each in processes] == [0] * len(jobs)


@often
@given(seed=SEEDS, changes=CHANGES, jobs=JOBS)
def test_a_process_that_is_held_up_past_its_share_does_not_overfill(fresh, seed, changes, jobs):
    disk, limit = fresh(), 100
    processes = [disk.budget(limit, seconds=25) for _ in jobs]
    tasks = {str(n): each.task(jobs[n]) for n, each in enumerate(processes)}
    Turns(by_chance(seed, changes, lambda: disk.steps)).run(disk.objects, tasks)
    assert disk.most <= limit


@often
@given(seed=SEEDS, changes=CHANGES, jobs=JOBS, steps=st.integers(1, 60))
def test_what_a_killed_process_had_is_free_again(fresh, seed, changes, jobs, steps):
    disk, limit = fresh(), 100
    processes = [disk.budget(limit, seconds=40) for _ in jobs]
    choose, left = by_chance(seed, changes), steps

    def killing(alive: list[str]) -> str:
        nonlocal left
        left -= 1
        return "kill 0" if left <= 0 and "0" in alive else choose(alive)

    tasks = {str(n): each.task(jobs[n]) for n, each in enumerate(processes)}
    Turns(killing).run(disk.objects, tasks)
    assert disk.most <= limit
    # As where it was of this machine: what it was downloading is deleted.
    for draft in disk.root.glob("tmp/*/*"):
        draft.unlink()
    later = disk.budget(limit, seconds=40)
    room = later.budget.begin("ab/later")
    assert room.take(limit - disk.bytes(), LONG)
    assert not room.take(1, LONG)
    room.settle(room.bytes)
    later.budget.close()


def test_what_is_in_hand_counts_once_when_all_is_measured_anew(fresh):
    disk = fresh()
    lost, here = (disk.budget(100, seconds=40).budget for _ in range(2))
    assert lost.begin("ab/lost").take(30, 0)
    one, two = here.begin("ab/one"), here.begin("ab/two")
    assert one.take(40, 0)
    disk.grow(disk.root / "video" / "ab" / "one", 40)
    assert not two.take(60, 0)
    disk.steps += 41
    assert two.take(60, 0)
    assert not two.take(1, 0)
    ledger = disk.ledger()
    assert ledger is not None
    assert (ledger.rest, ledger.exact, len(ledger.shares)) == (0, True, 1)


@pytest.mark.parametrize("data", [b"", b"{}}", b'{"rest": -1}'])
def test_a_ledger_that_is_damaged_is_not_believed(fresh, data: bytes):
    disk = fresh()
    disk.grow(disk.root / "video" / "ab" / "kept", 30)
    disk.objects.write_once(NAME, data)
    budget = disk.budget(100, seconds=40).budget
    room = budget.begin("ab/one")
    # Others may have shares that it no longer names.
    assert not room.take(1, 0)
    disk.steps += 41
    assert room.take(70, 0)
    assert not room.take(1, 0)


def test_a_ledger_that_somebody_deleted_is_made_again(fresh):
    disk = fresh()
    budget = disk.budget(100, seconds=40).budget
    room = budget.begin("ab/one")
    assert room.take(60, 0)
    del disk.objects.held[NAME]
    assert not room.take(40, 0)
    disk.steps += 41
    assert room.take(40, 0)
    assert not room.take(1, 0)


def test_many_downloads_of_two_processes_at_once_all_end_and_never_pass_the_limit(tmp_path: Path):
    """In threads, and with files: what the system lets happen, and no turns."""
    limit, is_over, most = 1000, threading.Event(), []
    budgets = [DiskBudget(limit, ledger=SharedLedger(tmp_path)) for _ in range(2)]

    def download(number: int) -> int:
        """Bytes kept of it: every fifth video is."""
        place = f"ab/{number}"
        room = budgets[number % 2].begin(place)
        video = tmp_path / "video" / place
        for size in (50, 100 + number):
            if not room.take(size, LONG):
                video.unlink(missing_ok=True)
                room.give_back(room.bytes)
                room.settle()
                return 0
            video.parent.mkdir(parents=True, exist_ok=True)
            with video.open("ab") as file:
                file.write(bytes(size))
        time.sleep(0.001)
        kept = room.bytes if number % 5 == 0 else 0
        if not kept:
            video.unlink()
        room.settle(150 + number - kept)
        return kept

    def watch() -> None:
        while not is_over.wait(0.001):
            most.append(held_below(tmp_path))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(16) as pool:
        kept = sum(pool.map(download, range(100)))
    is_over.set()
    watcher.join()
    for budget in budgets:
        budget.close()
    assert 0 < max(most) <= limit
    assert held_below(tmp_path) == kept > 0
    assert not (tmp_path / NAME).exists()
