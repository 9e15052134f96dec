"""A curation as tests of engines give it to several of them: the same videos and class list."""

import csv
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from benchmarks.growth import DRAWN, drawn
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curated import VIDEONET
from tests.local import TYPED
from tests.patience import PATIENCE
from videonet.curation.run_progress import processes_of
from videonet.schemas.progress import ProcessProgress
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

# Seconds for a job of a thousand candidates on a machine that is busy.
_LONG = 10 * PATIENCE


class Ran(NamedTuple):
    """How a command has ended."""

    code: int
    said: str
    # that the server was sent
    requests: int


class Alone(NamedTuple):
    """A run in one process, to be compared with."""

    ran: Ran
    # with the store and OUT
    folder: Path


@dataclass(frozen=True)
class Curation:
    """What is to be curated, and the server that has it."""

    classes: Path
    catalogue: Path
    server: VideoServer
    # of servers of buckets
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, place: Path | str, *beam_options: str) -> Ran:
        """The command, with OUT `place/out` and the store beside it."""
        # Some files come only when they are asked for again, in each run.
        self.server.forget_requests()
        before = len(self.server.requests())
        ended = subprocess.run(
            [
                *(VIDEONET, "curate", "--targets", self.classes, "--classifier", MODEL),
                *("--source", f"catalogue:{self.catalogue}", "--shards", "3"),
                *("--store", f"{place}/store", "--out", f"{place}/out"),
                *("--workers", "2", "--requests-per-second", "10000", *TYPED),
                *(("--wait", "--", *beam_options) if beam_options else ()),
            ],
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONG,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, len(self.server.requests()) - before)


@contextmanager
def in_the_middle(place: Path, do: Callable[[], object], records: int = 8) -> Iterator[None]:
    """While this lasts, do something as soon as the store has so many records; it must be done."""
    is_over, is_done = threading.Event(), threading.Event()

    def look() -> None:
        while not is_over.wait(0.02):
            if sum(1 for _ in (place / "store").glob("record/*/*.json")) >= records:
                do()
                is_done.set()
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    assert is_done.is_set(), "the job was over before its middle"


def told_by(place: Path | str) -> list[ProcessProgress]:
    """What each process has told of its part in the run over `place/out`."""
    plan = DatasetDir(f"{place}/out").plan()
    assert plan is not None
    return processes_of(Store(f"{place}/store"), plan.run_id)


def scans(told: list[ProcessProgress]) -> list[int]:
    """How many videos each process has scanned, where it has scanned any."""
    return [each.stages["scan"].items for each in told if "scan" in each.stages]


def many(folder: Path, candidates: int) -> tuple[Path, Path]:
    """Files for so many candidates: the folder to be served, and the class list."""
    (folder / "classes.txt").write_text("".join(f"{kind}\n" for kind in DRAWN))
    (folder / "drawn").mkdir()
    (folder / "files").mkdir()
    with (folder / "titles.csv").open("w", newline="") as lines:
        rows = csv.writer(lines)
        for number, video in enumerate(islice(cycle(drawn(folder / "drawn")), candidates)):
            shutil.copyfile(video.file, folder / f"files/{number}.mp4")
            rows.writerow([number, f"{number}.mp4", video.title])
    return folder / "files", folder / "classes.txt"


def catalogue_of(folder: Path, server: VideoServer) -> Path:
    """The catalogue of what `many` has made, with the addresses of a server."""
    with (
        (folder / "titles.csv").open(newline="") as titles,
        (folder / "catalogue.csv").open("w", newline="") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(["id", "url", "title"])
        for number, name, title in csv.reader(titles):
            rows.writerow([number, server.url(name), title])
    return folder / "catalogue.csv"
