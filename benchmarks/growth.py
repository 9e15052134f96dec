"""What a run costs as it grows: 100, 1,000 and 10,000 candidates.

    python -m benchmarks.growth [--sizes N ...] [--videos FOLDER] [--json FILE]

Some hundred short drawn videos (or those of a folder), each under many addresses of a web server in
a process of its own, are curated with the demo's classifier, each size into a store and a data set
of its own. Of four candidates one is kept, one turns out to be too short once it is here, and two
show something else than their titles say. (Titles of a folder's videos are made up.)

Rates are by the clock, without what a run of one candidate takes, which is nearly all start-up.
Memory, open files and threads are those of the process and its children, looked at ten times a
second; the highest of each counts.
"""

import argparse
import csv
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.serving import serving
from demo.drawing import draw_video
from demo.server import HOST
from demo.train_classifier import MODEL
from videonet.storage.dataset_dir import DatasetDir

SIZES = (100, 1_000, 10_000)

VIDEONET = Path(sys.executable).with_name("videonet")

PAUSE = 0.1
"""Seconds between two looks at the processes."""

FILES = 240
"""Drawn videos; a multiple of what is drawn, and of the four that go together."""

DRAWN = ("balloon", "sailboat", "mushroom")
PIXELS, FPS = (64, 64), 2
LONG, SHORT = 11, 6
"""Seconds; what is shorter than 10 is not kept."""

TENTHS = 10


class Video(NamedTuple):
    """A file, and what its titles are."""

    file: Path
    title: str


class Measured(msgspec.Struct, frozen=True):
    """One run of the command."""

    candidates: int
    # by the clock, and time of all processor cores
    seconds: float
    cpu_seconds: float
    kept: int
    # by reason
    rejected: dict[str, int]
    failed: dict[str, int]
    # without what a run of one candidate takes
    videos_per_second: float
    # the highest that was seen, of all processes of the run
    peak_bytes: int
    open_files: int
    threads: int
    # highest resident memory in each tenth of the time
    bytes_by_time: tuple[int, ...]
    # when the run is over
    store_bytes: int
    store_files: int
    out_bytes: int
    out_files: int


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    # distinct files behind the addresses, and their mean size
    files: int
    bytes_per_file: int
    # of the run of one candidate
    startup_seconds: float
    startup_bytes: int
    rows: tuple[Measured, ...]


class Evidence(NamedTuple):
    """The processes of a run at one moment."""

    resident: int
    open_files: int
    threads: int


def main() -> None:
    """Measure, and print tables, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="candidates of a run")
    parser.add_argument("--videos", type=Path, help="a folder of videos; without it, drawn ones")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "classes.txt").write_text("".join(f"{kind}\n" for kind in DRAWN))
        files = folder / "files"
        files.mkdir()
        videos = copied(arguments.videos, files) if arguments.videos else drawn(files)
        startup = measure(videos, 1, folder, 0)
        rows = tuple(
            measure(videos, size, folder, startup.seconds) for size in sorted(arguments.sizes)
        )
        sizes = [each.file.stat().st_size for each in videos]
    report = Report(
        files=len(sizes),
        bytes_per_file=round(sum(sizes) / len(sizes)),
        startup_seconds=startup.seconds,
        startup_bytes=startup.peak_bytes,
        rows=rows,
    )
    console = Console(width=132)
    console.print(table_of(report))
    console.print(memory_table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def drawn(folder: Path) -> list[Video]:
    """Small videos, each another one."""
    videos = []
    for number in range(FILES):
        kind, other = (DRAWN[(number // 4 + step) % len(DRAWN)] for step in (0, 1))
        file = folder / f"{number}.mp4"
        seconds = SHORT if number % 4 == 1 else LONG
        draw_video(file, kind, seconds, size=PIXELS, fps=FPS, seed=number)
        videos.append(Video(file, kind if number % 4 < 2 else other))
    return videos


def copied(source: Path, folder: Path) -> list[Video]:
    """The videos of a folder, to where addresses can be made for them."""
    videos = []
    for number, file in enumerate(sorted(each for each in source.iterdir() if each.is_file())):
        copy = folder / f"{number}{file.suffix}"
        shutil.copyfile(file, copy)
        videos.append(Video(copy, DRAWN[number % len(DRAWN)]))
    return videos


def measure(
    videos: Sequence[Video],
    candidates: int,
    folder: Path,
    startup: float,
    beam_options: Sequence[str] = (),
) -> Measured:
    """Curate so many candidates, and throw away what comes of it."""
    here = folder / f"{candidates}"
    served, store, out = here / "served", here / "store", here / "out"
    served.mkdir(parents=True)
    command = [
        *(str(VIDEONET), "curate", "--targets", str(folder / "classes.txt")),
        *("--source", f"catalogue:{here / 'catalogue.csv'}", "--classifier", str(MODEL)),
        *("--store", str(store), "--out", str(out), "--per-class", str(candidates)),
        # The limits that remain are those of the machine.
        *("--requests-per-second", "100000", "--per-host", "8", "--downloads", "8"),
        *("--format", "parquet", "--allow-private-hosts", HOST),
        *(("--", *beam_options) if beam_options else ()),
    ]
    with serving(served) as server, (here / "said").open("w+") as said:
        with (here / "catalogue.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "url", "title"])
            for number, video in enumerate(islice(cycle(videos), candidates)):
                # A name of its own for the same file.
                name = f"{number}{video.file.suffix}"
                (served / name).hardlink_to(video.file)
                rows.writerow([number, server.url(name), video.title])
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        seen, usage = watched(process)
        seconds = time.monotonic() - begin
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{said.read()}\nthe run failed with exit code {process.returncode}")
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    counts = manifest.totals.verdicts
    (store_bytes, store_files), (out_bytes, out_files) = map(size_of, (store, out))
    shutil.rmtree(here)
    return Measured(
        candidates=candidates,
        seconds=round(seconds, 2),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 2),
        kept=counts.kept,
        rejected=counts.rejected,
        failed=counts.failed,
        videos_per_second=round(candidates / (seconds - startup), 2),
        peak_bytes=max(each.resident for each in seen),
        open_files=max(each.open_files for each in seen),
        threads=max(each.threads for each in seen),
        bytes_by_time=tuple(
            max(each.resident for each in part) for part in parts_of(seen, TENTHS) if part
        ),
        store_bytes=store_bytes,
        store_files=store_files,
        out_bytes=out_bytes,
        out_files=out_files,
    )


def watched(process: subprocess.Popen[bytes]) -> tuple[list[Evidence], resource.struct_rusage]:
    """What was seen of a process and its children until it ended, and what it took."""
    main = psutil.Process(process.pid)
    seen: list[Evidence] = []
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return seen, usage
        seen.append(look_at([main, *main.children(recursive=True)]))
        time.sleep(PAUSE)


def look_at(processes: Sequence[psutil.Process]) -> Evidence:
    """All of them together."""
    seen = Evidence(0, 0, 0)
    for each in processes:
        with suppress(psutil.Error), each.oneshot():
            now = Evidence(each.memory_info().rss, each.num_fds(), each.num_threads())
            seen = Evidence(*map(sum, zip(seen, now, strict=True)))
    return seen


def size_of(folder: Path) -> tuple[int, int]:
    """Bytes and number of the files below a folder."""
    sizes = [each.stat().st_size for each in folder.rglob("*") if each.is_file()]
    return sum(sizes), len(sizes)


def parts_of(seen: Sequence[Evidence], parts: int) -> list[Sequence[Evidence]]:
    """As many stretches of the same time."""
    bounds = [len(seen) * part // parts for part in range(parts + 1)]
    return [seen[begin:end] for begin, end in pairwise(bounds)]


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        *("candidates", "kept", "rejected", "failed", "seconds", "of all cores"),
        *("videos a second", "open files", "threads", "store", "data set"),
        box=box.MARKDOWN,
    )
    for row in report.rows:
        table.add_row(
            *(f"{each:,}" for each in (row.candidates, row.kept)),
            *(f"{sum(each.values()):,}" for each in (row.rejected, row.failed)),
            f"{row.seconds:,.1f}",
            f"{row.cpu_seconds:,.1f}",
            f"{row.videos_per_second:.1f}",
            f"{row.open_files:,}",
            f"{row.threads:,}",
            f"{row.store_bytes / 1e6:,.1f} MB, {row.store_files:,} files",
            f"{row.out_bytes / 1e6:,.1f} MB, {row.out_files:,} files",
        )
    return table


def memory_table_of(report: Report) -> Table:
    """Memory of the runs as a table, in Markdown."""
    table = Table(
        *("candidates", "peak memory", "each further candidate", "in each tenth of the time, MB"),
        box=box.MARKDOWN,
    )
    fewer, before = 1, report.startup_bytes
    table.add_row(f"{fewer}", f"{before / 1e6:,.0f} MB", "", "")
    for row in report.rows:
        grown = (row.peak_bytes - before) / max(1, row.candidates - fewer)
        table.add_row(
            f"{row.candidates:,}",
            f"{row.peak_bytes / 1e6:,.0f} MB",
            f"{grown / 1e3:,.1f} kB",
            " ".join(f"{each / 1e6:.0f}" for each in row.bytes_by_time),
        )
        fewer, before = row.candidates, row.peak_bytes
    return table


if __name__ == "__main__":
    main()
