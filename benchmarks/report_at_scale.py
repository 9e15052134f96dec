"""How long `videonet report` takes, and how much memory, for data sets of 10,000 to 5 M verdicts.

    python -m benchmarks.report_at_scale [--rows N ...] [--targets LIST] [--folder DIR] [--explain]

The data sets are made up, see `benchmarks.many_verdicts`: 5 M verdicts are 1.1 GB on disk, and take
some minutes to write. The command runs as a process of its own, on files that were just
written. Classes are those of imagenet1k, or of another list that is built in. With --explain, it is
`videonet explain` with two rules on frames that is measured.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

ROWS = (10_000, 500_000, 5_000_000)

# Rules that need what was seen in each frame: it lies in the store.
EXPLAIN = ("explain", "--min-frames", "2", "--min-probability", "0.3")

VIDEONET = Path(sys.executable).with_name("videonet")


class Measured(msgspec.Struct, frozen=True):
    """One run of the command."""

    # verdicts, and the files that they are in
    rows: int
    files: int
    # wall clock, and time of all processor cores
    seconds: float
    cpu_seconds: float
    # highest resident memory of the process
    peak_bytes: int
    # of the report; None: no page was made
    page_bytes: int | None


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="sizes to measure")
    parser.add_argument("--targets", default="imagenet1k", help="a class list that is built in")
    parser.add_argument("--folder", type=Path, help="where data sets are made; kept, if given")
    parser.add_argument("--explain", action="store_true", help="measure videonet explain")
    arguments = parser.parse_args()
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as temporary:
        for rows in arguments.rows:
            folder = (arguments.folder or Path(temporary)) / f"{rows}-{arguments.targets}"
            if not (folder / "out" / "manifest.json").exists():
                # By another process: a child's peak memory is at least what its parent has.
                maker = [
                    sys.executable,
                    "-m",
                    "benchmarks.many_verdicts",
                    str(folder),
                    str(rows),
                    arguments.targets,
                ]
                subprocess.run(maker, check=True)
            if arguments.explain and not any((folder / "store" / "records").glob("*")):
                scans = [sys.executable, "-m", "benchmarks.many_verdicts", str(folder), "--scans"]
                subprocess.run(scans, check=True)
            measured.append(measure(folder, rows, explain=arguments.explain))
    Console().print(table_of(measured))
    print(msgspec.json.encode(measured).decode())


def measure(folder: Path, rows: int, *, explain: bool = False) -> Measured:
    """Run the command over a made-up data set."""
    out = folder / "out"
    name, *rules = EXPLAIN if explain else ("report",)
    command = [str(VIDEONET), name, str(out), "--store", str(folder / "store"), *rules]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    # The usage of this one child: that of all children is the highest of them.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the command failed with exit code {process.returncode}")
    return Measured(
        rows=rows,
        files=len(list((out / "verdicts").iterdir())),
        seconds=round(seconds, 1),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 1),
        # kB, but bytes on macOS
        peak_bytes=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        page_bytes=None if explain else (out / "report" / "index.html").stat().st_size,
    )


def table_of(measured: list[Measured]) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        "verdicts", "files", "seconds", "of all cores", "peak memory", "page", box=box.MARKDOWN
    )
    for each in measured:
        table.add_row(
            f"{each.rows:,}",
            f"{each.files:,}",
            f"{each.seconds:.1f}",
            f"{each.cpu_seconds:.1f}",
            f"{each.peak_bytes / 1e6:,.0f} MB",
            "" if each.page_bytes is None else f"{each.page_bytes / 1e6:.1f} MB",
        )
    return table


if __name__ == "__main__":
    main()
