"""A run that is killed, again and again, and started again, ends as if nothing had happened."""

import csv
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest

from demo.train_classifier import MODEL
from demo.videos import EXPECTED
from demo.world import World
from tests.curating import bytes_of, curate, outcomes_of
from tests.execution.jobs import killed
from tests.execution.steps_done import StepsDone
from tests.local import TYPED
from tests.patience import PATIENCE
from tests.published import published, without_attempts
from tests.stored import records_in, sections_in
from videonet.cli import main
from videonet.files import drafts_below
from videonet.storage.store import digest


@dataclass
class Victim:
    """A run of `videonet curate` in a process of its own.

    It is forked from a process that has imported what the command does, and does nothing else:
    twenty starts would spend most of their time on imports.
    """

    world: World
    catalogue: Path
    folder: Path

    def __post_init__(self) -> None:
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["videonet.cli", "videonet.execution.execute"])
        self.process = self._processes.Process()

    def start(self, *, killed_before: Path | None = None) -> None:
        """Begin, to be killed before any file below `killed_before` is put in its place."""
        typed = [
            *("curate", "--targets", self.world.classes),
            *("--source", f"catalogue:{self.catalogue}", "--classifier", MODEL),
            *("--store", self.folder / "store", "--out", self.folder / "out"),
            *("--workers", "1", "--downloads", "2", "--shards", "3"),
            *("--requests-per-second", "1000", *TYPED, "--files-root", self.world.files),
        ]
        arguments = [*map(str, typed)], killed_before and str(killed_before)
        self.process = self._processes.Process(target=_videonet, args=arguments)
        self.process.start()

    def kill_when(self, seen: Callable[[], bool]) -> bool:
        """Kill it as soon as `seen`; False if the run ended before."""
        give_up = time.monotonic() + PATIENCE
        while not seen():
            if not self.process.is_alive():
                return False
            assert time.monotonic() < give_up, "what was waited for never appeared"
            time.sleep(0.001)
        self.process.kill()
        self.process.join()
        return self.process.exitcode == -signal.SIGKILL

    def kill_after(self, seconds: float) -> bool:
        """Kill it after so long, and wait for the end of all processes that it has started.

        False if the run ended before.
        """
        self.process.join(seconds)
        return killed(self.process)

    def finish(self) -> int | None:
        """Wait for its end; its exit code."""
        self.process.join(PATIENCE)
        return self.process.exitcode


def _videonet(typed: list[str], killed_before: str | None) -> None:
    """The command, in the process that this is called in."""

    def watch(event: str, arguments: Any) -> None:
        if event == "os.rename" and str(arguments[1]).startswith(str(killed_before)):
            os.kill(os.getpid(), signal.SIGKILL)

    if killed_before:
        sys.addaudithook(watch)
    sys.argv = ["videonet", *typed]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        main()


TIMES = 20


@pytest.mark.slow
def test_kills_change_no_byte_and_no_finished_step_is_repeated(world: World, tmp_path: Path):
    chance = random.Random(20)
    with world.serve(delay=0.1) as server:
        curate(f"catalogue:{world.catalogue}", world.classes, tmp_path / "whole", shards=3)
        victim = Victim(world, world.catalogue, tmp_path / "killed")
        store, out = victim.folder / "store", victim.folder / "out"
        finished = StepsDone(store, server)
        kills = 0

        def kill(seen: Callable[[], bool]) -> None:
            nonlocal kills
            victim.start()
            assert victim.kill_when(seen), "the run ended before it could be killed"
            kills += 1
            finished.check()

        def kill_after(records: int) -> None:
            before = _records(store)
            pause = chance.uniform(0, 0.05)
            kill(lambda: _records(store) >= before + records and not time.sleep(pause))

        # While fetching: a partial file lies in the store.
        kill(lambda: any(store.glob("tmp/*/*")))
        # While scanning: files are here that no scan has been written for.
        kill(lambda: bool(_names(store, "video") - _scanned(store)))
        # At random moments on the way.
        for _ in range(TIMES - 5):
            kill_after(chance.randint(1, 4))
        # While shards are written, in either format, and then the manifest.
        for folder, name in (("clips/parquet", ""), ("clips/tfrecord", ""), ("", "manifest.json")):
            victim.start(killed_before=out / folder / name)
            assert victim.finish() == -signal.SIGKILL
            assert _draft(out / folder, name)
            kills += 1
            finished.check()
        assert not (out / "manifest.json").exists()
        assert kills == TIMES
        victim.start()
        assert victim.finish() == 0
        finished.check()
    assert bytes_of(out) == bytes_of(tmp_path / "whole" / "out")
    assert outcomes_of(out) == EXPECTED


# How often the next test kills: in `make test-all`, and in the slow set.
KILLS = 100 if hypothesis.settings().max_examples >= 1000 else 6


@pytest.mark.slow
def test_kills_at_any_moment_leave_no_process_and_no_trace_in_the_data_set(
    world: World, tmp_path: Path
):
    """Over local files and downloads; what is finished in between is begun again elsewhere."""
    chance = random.Random(100)
    with world.serve(delay=0.05):
        catalogue = half_local(world, tmp_path)
        whole = Victim(world, catalogue, tmp_path / "whole")
        begin = time.monotonic()
        whole.start()
        assert whole.finish() == 0
        takes = time.monotonic() - begin
        expected = _contents(whole.folder / "out")
        kills = finished = 0
        while kills < KILLS:
            victim = Victim(world, catalogue, tmp_path / f"killed-{finished}")
            victim.start()
            if victim.kill_after(chance.uniform(0, takes)):
                kills += 1
                continue
            assert victim.finish() == 0
            assert _contents(victim.folder / "out") == expected
            finished += 1
        victim = Victim(world, catalogue, tmp_path / f"killed-{finished}")
        victim.start()
        assert victim.finish() == 0
    assert _contents(victim.folder / "out") == expected
    assert list((victim.folder / "store" / "tmp").glob("[!.]*")) == []


def half_local(world: World, folder: Path) -> Path:
    """A catalogue like the world's, in which every second video is a local file."""
    with world.catalogue.open(newline="") as file:
        first, *rows = csv.reader(file)
    place = first.index("url")
    for number, row in enumerate(rows):
        name = urlsplit(row[place]).path.lstrip("/")
        if number % 2 == 0 and (world.files / name).is_file():
            row[place] = name
    catalogue = folder / "half-local.csv"
    with catalogue.open("w", newline="") as file:
        csv.writer(file).writerows([first, *rows])
    return catalogue


def _contents(out: Path) -> dict[str, bytes]:
    assert list(drafts_below(out)) == []
    return without_attempts(published(out))


def _draft(folder: Path, name: str) -> bool:
    """Whether a file that is being written lies in `folder`."""
    return any(folder.glob(f".{name}*.tmp"))


def _names(store: Path, kind: str) -> set[str]:
    """The videos of which something of that kind is here, as the store names them."""
    return {file for _, _, files in os.walk(store / kind) for file in files}


def _scanned(store: Path) -> set[str]:
    """The videos that were scanned, likewise."""
    return {digest(key) for key, _ in sections_in(store, "scan")}


def _records(store: Path) -> int:
    """Sections of all records: they are what steps have found."""
    return sum(len(record.sections) for record in records_in(store))
