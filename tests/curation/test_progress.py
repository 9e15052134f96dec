"""progress: what a process says of its part in a run, while it goes on and afterwards."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.curated import Curated, curated_once
from tests.curating import verdicts_of
from tests.patience import PATIENCE, wait_for
from videonet.curation import progress, run_progress
from videonet.curation.progress import RECENT, Progress
from videonet.curation.run_progress import (
    processes_of,
)
from videonet.errors import MachineError
from videonet.schemas.manifest import Manifest
from videonet.schemas.progress import ProcessProgress
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.stop_signal import Stopped, StopSignal
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.store import Store

RUN = "run"


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def output(tmp_path: Path) -> DatasetDir:
    return DatasetDir(tmp_path / "out")


@pytest.fixture
def counts(store: Store, output: DatasetDir) -> Iterator[Progress]:
    counts = Progress(store, output, RUN)
    yield counts
    counts.end()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes say something more often than they usually do."""
    monkeypatch.setattr(progress, "SAY_EVERY", 0.02)
    monkeypatch.setattr(progress, "SIGN_OF_LIFE", 0.1)


def said(store: Store) -> ProcessProgress:
    """What this process has said in the store."""
    (record,) = processes_of(store, RUN)
    return record


def are_saying() -> bool:
    return any(each.name == "videonet-progress" for each in threading.enumerate())


def _stopped_after(seconds: float) -> None:
    stop = StopSignal()
    stop.set()
    time.sleep(seconds)
    stop.check()


def many(verdict: Verdict) -> Iterator[Verdict]:
    """The same verdict on one video after the other."""
    for number in itertools.count():
        yield msgspec.structs.replace(verdict, video_key=f"url:{number}")


class Clock:
    """Made-up seconds."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


# What is counted.


def test_verdicts_are_counted_by_outcome_and_reason(counts: Progress, curated: Curated):
    verdicts = verdicts_of(curated.out)
    counts.decided(verdicts)
    now = counts.now()
    assert now.kept == sum(each.outcome is Outcome.KEPT for each in verdicts) == 4
    assert (now.rejected, now.failed) == ({Reason.NO_TOP1_MATCH: 1}, {})
    assert run_progress.done_in(now) == len(verdicts)


def test_a_pair_that_is_decided_again_counts_once_and_as_it_turned_out_last(
    counts: Progress, curated: Curated
):
    kept, rejected = (
        next(each for each in verdicts_of(curated.out) if each.outcome is outcome)
        for outcome in (Outcome.KEPT, Outcome.REJECTED)
    )
    full = msgspec.structs.replace(kept, outcome=Outcome.FAILED, reason=Reason.DISK_FULL)
    counts.decided([full])
    assert counts.now().failed == {Reason.DISK_FULL: 1}
    counts.decided([kept, rejected])
    counts.decided([kept])
    now = counts.now()
    assert (now.kept, now.rejected, now.failed) == (1, {Reason.NO_TOP1_MATCH: 1}, {})


def test_work_costs_its_time_and_is_one_item_with_its_bytes(counts: Progress):
    for size in (10, 20):
        with counts.at_work("scan") as work:
            time.sleep(0.02)
            work.bytes += size
    (stage,) = counts.now().stages.items()
    assert stage[0] == "scan"
    assert (stage[1].items, stage[1].bytes) == (2, 30)
    assert stage[1].seconds >= 0.04


def test_work_that_fails_was_done_and_work_that_is_called_off_was_not(counts: Progress):
    with pytest.raises(ValueError, match="broken"), counts.at_work("scan"):
        raise ValueError("broken")
    with pytest.raises(Stopped), counts.at_work("download"):
        _stopped_after(0.01)
    stages = counts.now().stages
    assert (stages["scan"].items, stages["download"].items) == (1, 0)
    assert stages["download"].seconds > 0


def test_no_count_of_many_threads_is_lost(counts: Progress, store: Store, curated: Curated):
    verdicts = many(verdicts_of(curated.out)[0])

    def work(verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            with counts.at_work("cut") as piece:
                piece.bytes += 3
            counts.decided([verdict])

    threads = [
        threading.Thread(target=work, args=([next(verdicts) for _ in range(500)],))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.end()
    assert run_progress.done_in(said(store)) == 4000
    assert said(store).stages["cut"].items == 4000
    assert said(store).stages["cut"].bytes == 12_000


def test_time_left_is_that_of_the_rest_at_the_rate():
    assert run_progress.seconds_left(10, 40, 2.0) == 15.0
    assert run_progress.seconds_left(0, 40, None) is None
    assert run_progress.seconds_left(40, 40, 2.0) is None


# How fast it is.


def test_what_is_skipped_at_once_is_soon_not_taken_for_the_rate(
    store: Store, output: DatasetDir, curated: Curated
):
    verdicts, clock = many(verdicts_of(curated.out)[0]), Clock()
    counts = Progress(store, output, RUN, clock)
    counts.listed(10_000)
    clock.seconds += 1
    counts.decided(itertools.islice(verdicts, 1000))
    for _ in range(round(RECENT) + 10):
        clock.seconds += 1
        counts.decided([next(verdicts)])
    counts.end()
    now = counts.now()
    assert run_progress.rate_of([now]) == pytest.approx(1, rel=0.05)
    # A person looks at a few minutes, not at more and not at much less.
    assert RECENT <= now.recent_seconds <= RECENT + 10
    assert run_progress.done_in(now) == 1000 + round(RECENT) + 10


def test_time_in_which_titles_are_looked_at_is_no_part_of_the_rate(
    store: Store, output: DatasetDir, curated: Curated
):
    verdicts, clock = many(verdicts_of(curated.out)[0]), Clock()
    counts = Progress(store, output, RUN, clock)
    with counts.at_work("search"):
        clock.seconds += 3600
    assert (counts.now().recent_seconds, run_progress.rate_of([counts.now()])) == (0, None)
    counts.listed(5)
    clock.seconds += 20
    counts.decided(itertools.islice(verdicts, 2))
    counts.end()
    assert (counts.now().recent_pairs, counts.now().recent_seconds) == (2, 20)
    assert run_progress.rate_of([counts.now()]) == pytest.approx(0.1)


def test_a_worker_that_listed_nothing_is_as_fast_since_its_first_video(
    store: Store, output: DatasetDir, curated: Curated
):
    verdicts, clock = many(verdicts_of(curated.out)[0]), Clock()
    counts = Progress(store, output, RUN, clock)
    with counts.at_work("download"):
        clock.seconds += 10
    counts.decided([next(verdicts)])
    counts.end()
    assert run_progress.rate_of([counts.now()]) == pytest.approx(0.1)


def test_a_run_that_decides_nothing_any_more_has_no_rate(
    store: Store, output: DatasetDir, curated: Curated
):
    clock = Clock()
    counts = Progress(store, output, RUN, clock)
    counts.decided(verdicts_of(curated.out))
    for _ in range(100):
        clock.seconds += 5
        counts.now()
    counts.end()
    assert run_progress.rate_of([counts.now()]) is None


# When it is said.


def test_who_has_not_begun_says_nothing(counts: Progress, store: Store):
    counts.end()
    assert list(store.list("progress")) == []


@pytest.mark.parametrize(
    "begins",
    [Progress.begin, Progress.show_life, Progress.searched],
    ids=lambda each: each.__name__,
)
def test_a_process_speaks_up_when_it_begins(
    counts: Progress, store: Store, begins: Callable[[Progress], None]
):
    begins(counts)
    wait_for(lambda: bool(processes_of(store, RUN)))
    assert said(store).process.rpartition("-")[2].isdigit()
    assert counts.is_active
    counts.end()
    assert not counts.is_active


@pytest.mark.usefixtures("quickly")
def test_a_process_says_what_has_changed_and_that_it_lives_when_nothing_does(
    counts: Progress, store: Store
):
    counts.begin()
    counts.listed(5)
    wait_for(lambda: any(each.pairs == 5 for each in processes_of(store, RUN)))
    before = said(store)
    wait_for(lambda: said(store).updated > before.updated)
    assert said(store).begun == before.begun


@pytest.mark.usefixtures("quickly")
def test_after_the_end_nothing_is_said(counts: Progress, store: Store):
    counts.begin()
    counts.listed(5)
    counts.end()
    last = said(store)
    assert last.pairs == 5
    assert not are_saying()
    counts.listed(6)
    time.sleep(0.2)
    assert said(store) == last


def test_what_was_counted_is_in_the_store_when_work_is_handed_back(
    counts: Progress, store: Store, output: DatasetDir
):
    counts.say()
    assert list(store.list("progress")) == []
    counts.listed(5)
    wait_for(lambda: bool(processes_of(store, RUN)))
    for number in range(20):
        counts.searched()
        counts.say()
        assert said(store).searched == number + 1


@pytest.mark.usefixtures("quickly")
def test_a_process_whose_file_was_taken_away_writes_none_again(counts: Progress, store: Store):
    counts.begin()
    wait_for(lambda: bool(processes_of(store, RUN)))
    store.forget_progress(RUN)
    counts.listed(5)
    wait_for(lambda: not are_saying())
    counts.end()
    assert list(store.list("progress")) == []


@pytest.mark.usefixtures("quickly")
def test_a_worker_that_nobody_tells_of_the_end_sees_it(
    counts: Progress, store: Store, output: DatasetDir, curated: Curated
):
    counts.listed(5)
    wait_for(lambda: bool(processes_of(store, RUN)))
    manifest = DatasetDir(curated.out).manifest()
    assert isinstance(manifest, Manifest)
    output.write_manifest(manifest)
    wait_for(lambda: not are_saying())
    assert said(store).pairs == 5


def test_a_run_that_begins_again_in_the_same_process_counts_from_zero(
    counts: Progress, store: Store
):
    for searches in (3, 2):
        counts.begin()
        for _ in range(searches):
            counts.searched()
        counts.end()
        assert said(store).searched == searches


def test_counts_that_cannot_be_written_stop_nobody(tmp_path: Path, output: DatasetDir):
    (tmp_path / "store").write_text("no folder")
    counts = Progress(Store(tmp_path / "store"), output, RUN)
    counts.begin()
    with counts.at_work("cut") as work:
        work.bytes += 1
    counts.end()
    assert counts.now().stages["cut"].bytes == 1


def test_counts_keep_no_process_alive(tmp_path: Path):
    program = (
        "from pathlib import Path; from videonet.storage.dataset_dir import DatasetDir; "
        "from videonet.curation.progress import Progress; "
        "from videonet.storage.store import Store; "
        f"Progress(Store(Path({str(tmp_path)!r})), DatasetDir(Path('nowhere')), 'run').begin()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


class ObjectsOutOfReach(FolderObjects):
    """A place that cannot be written for a while, and how often that was tried."""

    is_away, tried = True, 0

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
        if self.is_away:
            self.tried += 1
            raise MachineError("out of reach")
        return super().write_once(name, data, lasting=lasting)


def test_what_a_store_that_is_out_of_reach_was_not_told_it_is_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "SAY_EVERY", 0.02)
    monkeypatch.setattr(progress, "SIGN_OF_LIFE", 0.02)
    objects = ObjectsOutOfReach(tmp_path / "store")
    store = Store(tmp_path / "store", objects)
    counts = Progress(store, DatasetDir(tmp_path / "out"), RUN)
    counts.begin()
    counts.searched()
    wait_for(lambda: objects.tried > 2)
    objects.is_away = False
    wait_for(lambda: [each.searched for each in store.progress(RUN)] == [1])
    counts.end()
