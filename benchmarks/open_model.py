"""How long it takes to open a classifier of 102 MB, and how much memory, until its first answer.

    python -m benchmarks.open_model [--model FILE] [--rounds N] [--json FILE]

A classifier's graph is made in memory, with the normalisation inside, each time a model is opened:
what lies on disk is the user's file alone, whose sha256 is recorded. Held against it is ONNX
Runtime that opens the file by its path, as it is. Each opening is a process of its own; shown are
medians. The network is a ResNet-50 with random weights, exported from timm.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.opening import WAYS, Opened

ROUNDS = 7

# By a process of its own: a child's peak memory is at least what its parent has, here PyTorch's.
MAKE = (
    "import sys, pathlib, benchmarks.scan_ways as w; w.random_resnet50(pathlib.Path(sys.argv[1]))"
)

# Seconds of a processor core that making the graph may take, or it would have to be kept on disk.
GOAL = 0.5


class Report(msgspec.Struct, frozen=True):
    """What is printed: medians by way."""

    model_bytes: int
    rounds: int
    ways: dict[str, Opened]


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="an ONNX file in place of the random ResNet-50")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="openings of each way")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.model is None:
            subprocess.run([sys.executable, "-c", MAKE, temporary], check=True)
        model = arguments.model or next(Path(temporary).glob("*.onnx"))
        report = measure(model, arguments.rounds)
    Console(width=132).print(table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")
    graph = report.ways["classifier"].graph_cpu_seconds
    assert graph is not None
    print(f"Making the graph: {graph:.2f} s of a core; goal: at most {GOAL} s.")


def measure(model: Path, rounds: int) -> Report:
    """All ways, in turns."""
    opened: dict[str, list[Opened]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, each in opened.items():
            command = [sys.executable, "-m", "benchmarks.opening", way, str(model)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            each.append(msgspec.json.decode(done.stdout, type=Opened))
    ways = {way: median_of(each) for way, each in opened.items()}
    return Report(model_bytes=model.stat().st_size, rounds=rounds, ways=ways)


def median_of(opened: list[Opened]) -> Opened:
    """The median of each number."""
    graph = [each.graph_cpu_seconds for each in opened if each.graph_cpu_seconds is not None]
    return Opened(
        seconds=statistics.median(each.seconds for each in opened),
        cpu_seconds=statistics.median(each.cpu_seconds for each in opened),
        peak_bytes=round(statistics.median(each.peak_bytes for each in opened)),
        bytes=round(statistics.median(each.bytes for each in opened)),
        graph_cpu_seconds=statistics.median(graph) if graph else None,
    )


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        *(f"{report.model_bytes / 1e6:.0f} MB", "clock", "processor", "of it making the graph"),
        *("peak memory", "memory kept"),
        box=box.MARKDOWN,
    )
    names = {"bare": "ONNX Runtime, the file by its path", "classifier": "`Classifier`"}
    for way, each in report.ways.items():
        graph = each.graph_cpu_seconds
        table.add_row(
            names[way],
            f"{each.seconds:.2f} s",
            f"{each.cpu_seconds:.2f} s",
            "" if graph is None else f"{graph:.2f} s",
            f"{each.peak_bytes / 1e6:,.0f} MB",
            f"{each.bytes / 1e6:,.0f} MB",
        )
    return table


if __name__ == "__main__":
    main()
