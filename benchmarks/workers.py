"""What it costs to work in several processes: the rate of two workers against that of one process.

    python -m benchmarks.workers [--candidates N] [--rounds N] [--json FILE]

The videos of `benchmarks.growth` are curated by the local run, and by two worker processes of
Beam's runner that share what the local run may do at once. Both are run in turns. Rates are by the
clock, without what a run of one candidate takes in the same way.

The goal: two workers on one machine have at least 0.9 of the local rate.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.growth import DRAWN, Measured, drawn, measure

CANDIDATES = 1_000
ROUNDS = 3
GOAL = 0.9

WAYS = {
    "local": (),
    "two workers": ("--direct_running_mode=multi_processing", "--direct_num_workers=2"),
}


class Way(msgspec.Struct, frozen=True):
    """One way to run; medians over the rounds."""

    name: str
    # by the clock, of a run of one candidate
    startup_seconds: float
    seconds: float
    # of all cores
    cpu_seconds: float
    # without start-up
    videos_per_second: float
    # of all processes
    peak_bytes: int


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    candidates: int
    rounds: int
    goal: float
    # rate of two workers, of the local one
    ratio: float
    ways: tuple[Way, ...]


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    startups: dict[str, list[float]] = {name: [] for name in WAYS}
    runs: dict[str, list[Measured]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "classes.txt").write_text("".join(f"{kind}\n" for kind in DRAWN))
        (folder / "files").mkdir()
        videos = drawn(folder / "files")
        for _ in range(arguments.rounds):
            for name, beam_options in WAYS.items():
                startups[name].append(measure(videos, 1, folder, 0, beam_options).seconds)
                run = measure(videos, arguments.candidates, folder, 0, beam_options)
                runs[name].append(run)
    if len({each.kept for of_way in runs.values() for each in of_way}) != 1:
        raise SystemExit("not all runs have kept the same")
    ways = tuple(
        way_of(name, arguments.candidates, startups[name], of_way) for name, of_way in runs.items()
    )
    local, workers = ways
    report = Report(
        candidates=arguments.candidates,
        rounds=arguments.rounds,
        goal=GOAL,
        ratio=round(workers.videos_per_second / local.videos_per_second, 3),
        ways=ways,
    )
    Console(width=132).print(table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def way_of(name: str, candidates: int, startups: list[float], runs: list[Measured]) -> Way:
    """The medians of one way's runs."""
    startup = statistics.median(startups)
    seconds = statistics.median(each.seconds for each in runs)
    return Way(
        name=name,
        startup_seconds=startup,
        seconds=seconds,
        cpu_seconds=statistics.median(each.cpu_seconds for each in runs),
        videos_per_second=round(candidates / (seconds - startup), 2),
        peak_bytes=max(each.peak_bytes for each in runs),
    )


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        *("run", "start-up", "seconds", "of all cores", "videos a second", "peak memory"),
        box=box.MARKDOWN,
    )
    for way in report.ways:
        table.add_row(
            way.name,
            f"{way.startup_seconds:.1f}",
            f"{way.seconds:.1f}",
            f"{way.cpu_seconds:.1f}",
            f"{way.videos_per_second:.1f}",
            f"{way.peak_bytes / 1e6:,.0f} MB",
        )
    return table


if __name__ == "__main__":
    main()
