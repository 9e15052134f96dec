"""`videonet curate` in processes of their own, over places of all kinds: to be killed, and begun
again."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from demo.train_classifier import MODEL
from tests.local import TYPED
from tests.patience import PATIENCE
from videonet.cli import main


@dataclass
class Job:
    """The command in a process that is forked from one that has imported what it does."""

    # class list, source and what else differs
    given: tuple[str, ...]
    # a folder or an address, of store and OUT
    place: str
    # what says where a bucket's server is
    environment: Mapping[str, str]
    # of this machine: what is said, and what is in hand
    folder: Path
    out: str = "out"
    # options of Beam
    beam: tuple[str, ...] = ()
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{self.out}.log"
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["videonet.cli", "videonet.execution.execute"])
        self.process: BaseProcess = self._processes.Process()

    def start(self) -> None:
        typed = [
            *("curate", *self.given),
            *("--store", f"{self.place}/store", "--out", f"{self.place}/{self.out}"),
            *("--workers", "2", "--shards", "3", "--requests-per-second", "1000", *TYPED),
            *("--scratch", str(self.folder / "scratch")),
            *(("--", *self.beam) if self.beam else ()),
        ]
        environment = {**self.environment, "VIDEONET_CACHE": str(self.folder / "cache")}
        arguments = typed, environment, str(self.log)
        self.process = self._processes.Process(target=_videonet, args=arguments)
        self.process.start()

    def kill(self) -> bool:
        """Kill it with all that it has started; False if it had ended before."""
        return killed(self.process)

    def finish(self) -> None:
        """Wait for its end, which is as it should be."""
        self.process.join(PATIENCE)
        assert self.process.exitcode == 0, self.log.read_text()


def killed(process: BaseProcess) -> bool:
    """Kill a process, and wait for the end of all processes that it has started.

    False if it had ended before.
    """
    started: list[psutil.Process] = []
    if process.is_alive():
        with suppress(psutil.NoSuchProcess):
            victim = psutil.Process(process.pid)
            # It starts nothing more while it is looked at.
            victim.suspend()
            started = victim.children(recursive=True)
        process.kill()
        process.join()
        _, left = psutil.wait_procs(started, timeout=PATIENCE)
        assert left == []
    return process.exitcode == -signal.SIGKILL


def over(classes: Path, catalogue: Path) -> tuple[str, ...]:
    """What a job over a catalogue is given, with the demo's classifier."""
    return (
        *("--targets", str(classes), "--source", f"catalogue:{catalogue}"),
        *("--classifier", str(MODEL)),
    )


def _videonet(typed: list[str], environment: dict[str, str], log: str) -> None:
    """The command, in the process that this is called in."""
    os.environ.update(environment)
    sys.argv = ["videonet", *typed]
    with (
        Path(log).open("a") as said,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(said),
    ):
        main()
