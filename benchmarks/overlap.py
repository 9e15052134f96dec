"""Whether downloading and computing go on at the same time: a whole run against the longer of both.

    python -m benchmarks.overlap [--videos N] [--connections N ...] [--json FILE]

Long drawn videos, one title in four true, are curated from a web server in another process that
waits 300 ms before every answer and gives each connection 2 MB/s. Held against the wall time are

- the network time: what the server's log says that the answers take, 300 ms each and its bytes at
  2 MB/s, spread evenly over the connections that are allowed;
- the compute time: the wall time of the same run with the same server without wait and limit, so
  with all that downloading costs the processors, less the start-up;
- the start-up: the wall time of a run that rejects its one candidate for its length, unseen; the
  shortest of several.

The goal: the run takes at most 15 % more than the start-up and the longer of both times.
"""

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.curating import Job, Run, curate, differences, drawn_job, start, verdicts_of
from benchmarks.long_videos import planned
from benchmarks.serving import serving
from demo.server import Request

DELAY = 0.3
"""Seconds before each answer."""

BYTES_PER_SECOND = 2_000_000
"""Of each connection."""

CONNECTIONS = (4, 8, 16)
LENGTHS = (60, 120)
VIDEOS = 80

GOAL = 1.15
"""Times the longer of network time and compute time."""


class Runs(NamedTuple):
    """With so many connections; wall times in seconds."""

    connections: int
    # of the slow run
    log: list[Request]
    startup: float
    fast: float
    slow: Run


class Measured(msgspec.Struct, frozen=True):
    """A run, and what it is held against; all times in seconds."""

    connections: int
    requests: int
    bytes: int
    wall: float
    startup: float
    network: float
    compute: float
    # of all cores, in the run
    cpu: float
    # the wall time without start-up, of the longer of network and compute time
    ratio: float


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    videos: int
    goal: float
    rows: tuple[Measured, ...]


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=VIDEOS, help="candidates")
    parser.add_argument(
        "--connections", type=int, nargs="+", default=CONNECTIONS, help="downloads at once"
    )
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=LENGTHS, help="of the videos, seconds"
    )
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = planned(arguments.videos, true=4, lengths=arguments.lengths)
        # As they come: what is long is neither first nor last.
        order = np.random.default_rng(0).permutation(len(videos)).tolist()
        job = drawn_job([videos[place] for place in order], folder)
        runs = [measure(job, folder / f"{each}", each) for each in arguments.connections]
    startup = min(each.startup for each in runs)
    rows = tuple(row_of(each, startup) for each in runs)
    report = Report(arguments.videos, GOAL, rows)
    Console(width=132).print(table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def measure(job: Job, folder: Path, connections: int) -> Runs:
    """Start-up, the run without wait and limit, and the run, one after the other."""
    allowed = ("--per-host", str(connections), "--downloads", str(connections))
    startup = start(job, folder / "startup")
    with serving(job.files) as server:
        fast = curate(job, folder / "fast", server.address, *allowed)
    with serving(job.files, delay=DELAY, bytes_per_second=BYTES_PER_SECOND) as server:
        slow = curate(job, folder / "slow", server.address, *allowed)
        log = server.take_log()
    if different := differences(verdicts_of(folder / "fast"), verdicts_of(folder / "slow")):
        raise SystemExit("\n".join(["the verdicts differ:", *different]))
    return Runs(connections, log, startup.seconds, fast.seconds, slow)


def row_of(runs: Runs, startup: float) -> Measured:
    """What they come to."""
    network = sum(map(seconds_of, runs.log)) / runs.connections
    compute = runs.fast - startup
    return Measured(
        connections=runs.connections,
        requests=len(runs.log),
        bytes=sum(each.bytes_sent for each in runs.log),
        wall=round(runs.slow.seconds, 2),
        startup=round(startup, 2),
        network=round(network, 2),
        compute=round(compute, 2),
        cpu=round(runs.slow.cpu_seconds, 2),
        ratio=round((runs.slow.seconds - startup) / max(network, compute), 3),
    )


def seconds_of(request: Request) -> float:
    """How long its answer takes if nothing but the server holds it up."""
    return DELAY + request.bytes_sent / BYTES_PER_SECOND


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        *(
            "connections",
            "requests",
            "sent",
            "start-up",
            "network",
            "compute",
            "run",
            "of all cores",
        ),
        "run less start-up, of the longer",
        box=box.MARKDOWN,
    )
    for row in report.rows:
        table.add_row(
            str(row.connections),
            str(row.requests),
            f"{row.bytes / 1e6:.0f} MB",
            *(
                f"{each:.1f} s"
                for each in (row.startup, row.network, row.compute, row.wall, row.cpu)
            ),
            f"{row.ratio:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
