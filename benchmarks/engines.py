"""One data set by all ways to make it, each with a loss in the middle, over a folder and a bucket.

    python -m benchmarks.engines [--world demo|real] [--places folder gs] [--ways NAME ...]
        [--json FILE]

The ways: one process; two worker processes, of which one is killed, and the command again; a list,
four parts, of which one is killed and begun again, and the rest; Prism, which is fetched by Go,
whose worker is killed, and the command again. The bucket is one of fake-gcs-server.

`demo` is the demo's world; `real` are the videos of `VIDEONET_SHARED`, with ImageNet's classes.
Each way begins with nothing. The work that was done twice is what the web server was asked and sent
in all, and the scans that all processes have told of, beside those of one process. A process that
is killed has not told of its last ones. Requests a second are the most in any ten seconds; the pace
that is allowed stands above the table. Memory is that of all processes of the run together, the
highest of ten looks a second.

It fails unless all ways publish the same bytes. Attempts, which a loss adds to, stand aside.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from demo.server import HOST, VideoServer
from demo.train_classifier import MODEL
from demo.world import build_world
from scripts.engines import prism
from tests.execution.job_servers import pooled, worker_pool
from tests.pipelines import test_real_videos as real
from tests.published import published, without_attempts
from tests.storage.servers import fake_gcs
from videonet.curation.run_progress import costs_of
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

VIDEONET = Path(sys.executable).with_name("videonet")

# What one host may be asked, as by default: the pace is felt.
PACE, PER_HOST = 5.0, 4

PARTS = 4

# Seconds over which requests are counted, and between two looks at the processes.
WINDOW, PAUSE = 10.0, 0.1

# Seconds after which a command is taken as hanging.
PATIENCE = 1_800.0


class Row(msgspec.Struct, frozen=True):
    """One way over one place."""

    way: str
    place: str
    # by the clock, without what comes before the first command, such as the start of a cluster
    seconds: float
    # how often the web server was asked for a video, the bytes that it sent, and scans
    requests: int
    bytes_sent: int
    scans: int
    # of the ten seconds with the most
    requests_per_second: float
    # of all processes
    peak_bytes: int


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    world: str
    requests_per_second_allowed: float
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class World:
    """Videos on a web server, and what a run is told of them."""

    # class list, source, classifier
    given: Sequence[str]
    server: VideoServer


@dataclass(frozen=True)
class Job:
    """One data set that is being made: what to type, and when something is to be lost."""

    world: World
    # a folder, or the address of a bucket
    place: str
    # where the machine has its files
    folder: Path
    environment: Mapping[str, str]
    # requests for videos after which the middle is reached
    middle: int

    def begin(self, *more: str, beam: Sequence[str] = ()) -> subprocess.Popen[str]:
        """The command, in a process of its own."""
        return subprocess.Popen(
            [
                *(str(VIDEONET), "curate", *self.world.given, *more),
                *("--store", f"{self.place}/store", "--out", f"{self.place}/out"),
                *("--scratch", str(self.folder / "scratch"), "--allow-private-hosts", HOST),
                *("--requests-per-second", str(PACE), "--per-host", str(PER_HOST)),
                *("--workers", "2", "--shards", "3", *(("--", *beam) if beam else ())),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )

    def wait_for_the_middle(self) -> None:
        """Until so much was asked for that a loss would be one."""
        asked = len(self.world.server.requests())
        while len(self.world.server.requests()) - asked < self.middle:
            time.sleep(0.02)


def end(process: subprocess.Popen[str], *codes: int) -> None:
    """Wait for the end of a command; exits unless that is with one of these codes, or 0."""
    _, said = process.communicate(timeout=PATIENCE)
    if process.returncode not in (codes or (0,)):
        raise SystemExit(f"{said}\nthe run ended with exit code {process.returncode}")


def one_process(job: Job) -> None:
    """The local run."""
    end(job.begin())


def two_workers(job: Job) -> None:
    """Two worker processes, of which one is killed, and the same command again."""
    beam = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    process = job.begin(beam=beam)
    job.wait_for_the_middle()
    *_, victim = workers_of(process)
    victim.kill()
    end(process, 2)
    end(job.begin(beam=beam))


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The worker processes of a command; exits if there are no two."""
    found = []
    for each in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if "videonet.execution.worker" in each.cmdline():
                found.append(each)
    if len(found) != 2:
        raise SystemExit(f"{len(found)} workers were there in the middle, and not two")
    return found


def four_parts(job: Job) -> None:
    """A list, four parts beside each other, of which one is killed and begun again, and the end."""
    end(job.begin("--part", "list"))
    names = [f"{number}/{PARTS}" for number in range(1, PARTS + 1)]
    parts = [job.begin("--part", name) for name in names]
    job.wait_for_the_middle()
    *others, victim = parts
    kill_all(psutil.Process(victim.pid))
    victim.communicate()
    for process in [job.begin("--part", names[-1]), *others]:
        end(process)
    end(job.begin())


def kill_all(process: psutil.Process) -> None:
    """Kill a process with all that it has begun, as the loss of a machine does."""
    process.suspend()
    for each in (*process.children(recursive=True), process):
        with suppress(psutil.Error):
            each.kill()


def on_prism(job: Job) -> None:
    """Beam's runner in Go, whose worker process is killed, and the same command again."""
    with worker_pool(**job.environment) as (address, pool):
        beam = (
            *("--runner=PrismRunner", f"--prism_location={prism()}"),
            *("--environment_type=EXTERNAL", f"--environment_config={address}"),
        )
        process = job.begin("--wait", beam=beam)
        job.wait_for_the_middle()
        pooled(pool)[-1].kill()
        end(process, 2)
        end(job.begin("--wait", beam=beam))


WAYS: dict[str, Callable[[Job], None]] = {
    "one process": one_process,
    "two workers, one killed": two_workers,
    "four parts, one killed": four_parts,
    "Prism, a worker killed": on_prism,
}


def main() -> None:
    """Make the data sets, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--world", choices=WORLDS, default="demo")
    parser.add_argument("--places", choices=PLACES, nargs="+", default=[*PLACES])
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=[*WAYS], metavar="NAME")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as temporary,
        WORLDS[arguments.world](Path(temporary) / "world") as world,
    ):
        first: dict[str, bytes] | None = None
        asked = 0
        for place in arguments.places:
            for way in arguments.ways:
                folder = Path(temporary) / "job"
                folder.mkdir()
                with PLACES[place](folder) as (address, environment):
                    os.environ.update(environment)
                    job = Job(world, address, folder, environment, middle=asked // 3)
                    row = measure(way, place, job)
                    made = without_attempts(published(f"{address}/out"))
                shutil.rmtree(folder)
                first, asked = first or made, asked or row.requests
                if made != first:
                    names = first.keys() | made.keys()
                    different = sorted(each for each in names if first.get(each) != made.get(each))
                    raise SystemExit(f"{way} over a {place} made something else: {different}")
                rows.append(row)
    report = Report(world=arguments.world, requests_per_second_allowed=PACE, rows=tuple(rows))
    console = Console(width=132)
    console.print(f"{PACE:g} requests a second allowed; all data sets have the same bytes")
    console.print(table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def measure(way: str, place: str, job: Job) -> Row:
    """Make the data set in one way."""
    server = job.world.server
    before = len(server.requests())
    # What fails at first does so for each run.
    server.forget_requests()
    with watching() as peak:
        begin = time.monotonic()
        WAYS[way](job)
        seconds = time.monotonic() - begin
    asked = server.requests()[before:]
    plan = DatasetDir(f"{job.place}/out").plan()
    assert plan is not None
    scan = costs_of(Store(f"{job.place}/store"), plan.run_id)["scan"]
    return Row(
        way=way,
        place=place,
        seconds=round(seconds, 1),
        requests=len(asked),
        bytes_sent=sum(each.bytes_sent for each in asked),
        scans=scan.items,
        requests_per_second=most_a_second([each.time for each in asked]),
        peak_bytes=peak[0],
    )


def most_a_second(times: Sequence[float]) -> float:
    """Requests a second of the WINDOW with the most; `times` are seconds, in order."""
    most = first = 0
    for last, now in enumerate(times):
        while times[first] <= now - WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return round(most / WINDOW, 1)


@contextmanager
def watching() -> Iterator[list[int]]:
    """The most memory, bytes, that all processes have together which are begun meanwhile."""
    peak, is_over = [0], threading.Event()
    here = psutil.Process()
    others = set(here.children(recursive=True))

    def watch() -> None:
        while not is_over.wait(PAUSE):
            now = 0
            for each in set(here.children(recursive=True)) - others:
                with suppress(psutil.Error):
                    now += each.memory_info().rss
            peak[0] = max(peak[0], now)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        is_over.set()
        thread.join()


@contextmanager
def demo_world(folder: Path) -> Iterator[World]:
    """The demo's world."""
    made = build_world(folder)
    # A moment each, as from far away.
    with made.serve(delay=0.05) as server:
        source = ("--source", f"catalogue:{made.catalogue}")
        yield World(("--targets", str(made.classes), *source, "--classifier", str(MODEL)), server)


@contextmanager
def real_world(folder: Path) -> Iterator[World]:
    """Real videos, with titles that name what is surely there, and what is not."""
    folder.mkdir()
    with VideoServer(real.VIDEOS) as server:
        with (folder / "videos.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "url", "title"])
            for line in (real.VIDEOS / "videos.jsonl").read_text().splitlines():
                each = json.loads(line)
                rows.writerow([each["file"], server.url(each["file"]), real.title_of(each)])
        source = ("--source", f"catalogue:{folder / 'videos.csv'}")
        yield World(("--targets", "imagenet1k", *source, "--classifier", str(real.MODEL)), server)


@contextmanager
def in_a_folder(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A place, and what its clients are to find in the environment."""
    yield str(folder / "place"), {}


@contextmanager
def in_a_bucket(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Likewise, of a server of its own."""
    with fake_gcs(folder / "bucket") as server:
        yield server.make_bucket("bucket"), server.environment


WORLDS = {"demo": demo_world, "real": real_world}
PLACES = {"folder": in_a_folder, "gs": in_a_bucket}


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        *("way", "over a", "seconds", "requests", "sent", "scans", "requests a second", "memory"),
        box=box.MARKDOWN,
    )
    alone = report.rows[0]
    for row in report.rows:
        table.add_row(
            *(row.way, row.place, f"{row.seconds:.1f}"),
            f"{row.requests / alone.requests:.2f} x",
            f"{row.bytes_sent / alone.bytes_sent:.2f} x",
            f"{row.scans / alone.scans:.2f} x",
            f"{row.requests_per_second:.1f}",
            f"{row.peak_bytes / 1e6:,.0f} MB",
        )
    return table


if __name__ == "__main__":
    main()
