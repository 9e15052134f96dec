"""How fast videos become JPEG frames: `cut_clips` against ffmpeg's command line.

    python -m benchmarks.clips [--videos FOLDER] [--json FILE]

Every way does the same job: decode a video, take the frames of 12.5 ticks a second over the spans
that clips cover, make their short side 256 pixels, encode JPEGs, write them to one file a video.
Beside them, what it takes to see that a file is the one that was fetched, as curation does before.
All ways use all cores, in turns, several rounds, the median by the clock counts; processor time is
given beside it, as other work on the machine matters less to it. A process of ffmpeg is started
for each video, and that counts.

ffmpeg's quality (-q:v, and whether chroma is subsampled) is the one whose PSNR comes nearest to
ours. PSNR is against frames that no JPEG has touched: exactly converted to RGB in full size, then
resized by Pillow (bilinear). ffmpeg is run with its default threads, one video after the other, and
with one thread each and as many processes as there are cores.

Without --videos, videos are drawn: of 640 x 360 and 1280 x 720 pixels, upright and turned.
"""

import argparse
import os
import resource
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.clip_ways import (
    Cut,
    Quality,
    References,
    Video,
    by_ffmpeg,
    check,
    counted,
    decode,
    former,
    in_this_process,
    opened,
    ours,
    psnr,
    reference,
    version,
    written,
)
from demo.drawing import draw_video
from videonet.errors import UsageError
from videonet.video.clips import (
    WINDOW,
)

ROUNDS = 3
CORES = os.cpu_count() or 1
SIZES = ((640, 360), (360, 640), (1280, 720), (720, 1280))
"""Width and height of what is drawn."""

SAMPLE = 8
"""Videos, at most, whose PSNR is given; half of them choose ffmpeg's quality."""

DECODING, OURS, FORMER = "decoding alone", "cut_clips", "by RGB and Pillow"
OPEN = "cut_clips, in this process"
CHECKING = "sha256 of the files"
ONE, MANY = "ffmpeg, its threads", "ffmpeg, processes"

# Files are named by position, as videos may have equal names.
WRITTEN = "{}.out"


class Made(msgspec.Struct, frozen=True):
    """The JPEGs that a way makes."""

    # dB: the median over some ticks of some videos
    psnr: float
    jpegs: int
    bytes_per_jpeg: int

    @classmethod
    def of(cls, videos: list[Video], references: References, out: Path) -> "Made":
        """What all videos were made into."""
        jpegs = [written(out / WRITTEN.format(number)) for number in range(len(videos))]
        sizes = [len(jpeg) for each in jpegs for jpeg in each]
        found = [
            ratio
            for number, pictures in references.items()
            for ratio in psnr(videos[number], jpegs[number], pictures)
        ]
        return cls(round(statistics.median(found), 2), len(sizes), round(statistics.mean(sizes)))


class Measured(msgspec.Struct, frozen=True):
    """One way; medians over the rounds."""

    name: str
    # by the clock
    seconds: float
    source_frames_per_second: float
    jpegs_per_second: float
    # of all threads and processes
    processor_seconds: float
    # none where nothing is made
    made: Made | None


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    ffmpeg: str
    quality: Quality
    cores: int
    videos: int
    left_out: int
    # decoded, and made, by `cut_clips`
    source_frames: int
    jpegs: int
    ways: tuple[Measured, ...]
    # processor time to check that the files are as they were fetched, as a share of `cut_clips`'
    checked: float
    # speed of `cut_clips`, of the speed it has in this process: by the clock, and of the processor
    caged_by_clock: float
    caged_by_processor: float
    # how many times as fast as the faster ffmpeg: medians of the rounds
    by_clock: float
    by_processor: float


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--videos", type=Path, help="a folder; without it videos are drawn")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            out = Path(temporary, "out")
            out.mkdir()
            folder = arguments.videos or drawn(Path(temporary, "videos"))
            report = measure(folder, out)
    except UsageError as error:
        parser.error(str(error))
    Console(width=132).print(table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def drawn(folder: Path) -> Path:
    """Two videos of each size, each as long as one clip, 25 frames a second."""
    folder.mkdir()
    for number, size in enumerate(SIZES * 2):
        kind = ("balloon", "sailboat", "mushroom")[number % 3]
        draw_video(folder / f"{number}.mp4", kind, 10.24, size=size, fps=25, seed=number)
    return folder


def measure(folder: Path, out: Path) -> Report:
    """Run all ways, in turns. Raises UsageError."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise UsageError("no ffmpeg was found; on Debian, `apt-get install ffmpeg` installs it")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    videos = [video for video in map(opened, files) if video is not None]
    if not videos:
        raise UsageError(f"no video of {float(WINDOW)} s or more was found in {folder}")
    counts = [counted(video) for video in videos]
    source_frames, jpegs = (sum(column) for column in zip(*counts, strict=True))

    step = -(-len(videos) // SAMPLE)
    references = {number: reference(videos[number]) for number in range(0, len(videos), step)}
    quality = equal_quality(program, videos, dict(list(references.items())[::2]), out)

    ways: dict[str, tuple[Cut, int]] = {
        DECODING: (decode, CORES),
        CHECKING: (check, CORES),
        OURS: (ours, CORES),
        OPEN: (in_this_process, CORES),
        FORMER: (former, CORES),
        ONE: (by_ffmpeg(program, quality, None), 1),
        MANY: (by_ffmpeg(program, quality, 1), CORES),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    made: dict[str, Made] = {}
    for number in range(ROUNDS):
        for name, (cut, at_once) in ways.items():
            times[name].append(timed(videos, cut, at_once, out))
            if number == 0 and name not in (DECODING, CHECKING):
                made[name] = Made.of(videos, references, out)

    clock, processor = (
        {name: [each[kind] for each in found] for name, found in times.items()} for kind in (0, 1)
    )
    return Report(
        ffmpeg=version(program),
        quality=quality,
        cores=CORES,
        videos=len(videos),
        left_out=len(files) - len(videos),
        source_frames=source_frames,
        jpegs=jpegs,
        ways=tuple(
            Measured(
                name=name,
                seconds=round(statistics.median(clock[name]), 3),
                source_frames_per_second=round(source_frames / statistics.median(clock[name]), 1),
                jpegs_per_second=round(jpegs / statistics.median(clock[name]), 1),
                processor_seconds=round(statistics.median(processor[name]), 3),
                made=made.get(name),
            )
            for name in ways
        ),
        checked=round(
            statistics.median(
                one / other for one, other in zip(processor[CHECKING], processor[OURS], strict=True)
            ),
            4,
        ),
        caged_by_clock=ratio(clock, OPEN, OURS),
        caged_by_processor=ratio(processor, OPEN, OURS),
        by_clock=faster(clock),
        by_processor=faster(processor),
    )


def equal_quality(program: str, videos: list[Video], references: References, out: Path) -> Quality:
    """With which ffmpeg's JPEGs are as good as ours, as nearly as can be."""

    def found(cut: Cut) -> float:
        ratios: list[float] = []
        for number, pictures in references.items():
            file = out / WRITTEN.format(number)
            cut(videos[number], file)
            ratios += psnr(videos[number], written(file), pictures)
        return statistics.median(ratios)

    goal = found(ours)
    offered = [Quality(pixels, q) for pixels in ("yuvj420p", "yuvj444p") for q in (2, 3, 4, 5)]
    return min(offered, key=lambda each: abs(found(by_ffmpeg(program, each, 1)) - goal))


def ratio(times: dict[str, list[float]], one: str, other: str) -> float:
    """How many times as long one way takes as another: the median of the rounds."""
    pairs = zip(times[one], times[other], strict=True)
    return round(statistics.median(first / second for first, second in pairs), 3)


def faster(times: dict[str, list[float]]) -> float:
    """How many times as fast as ffmpeg, at its best, we are: the median of the rounds."""
    ratios = [
        min(one, many) / own
        for own, one, many in zip(times[OURS], times[ONE], times[MANY], strict=True)
    ]
    return round(statistics.median(ratios), 3)


def timed(videos: list[Video], cut: Cut, at_once: int, out: Path) -> tuple[float, float]:
    """Seconds by the clock, and of the processor, with child processes, to cut all videos."""
    begin, spent = time.perf_counter(), processor_seconds()
    with ThreadPoolExecutor(at_once) as pool:
        files = [out / WRITTEN.format(number) for number in range(len(videos))]
        list(pool.map(cut, videos, files))
    elapsed = time.perf_counter() - begin
    # The last processes are counted when they have ended, which is a moment after their last word.
    time.sleep(0.2)
    return elapsed, processor_seconds() - spent


def processor_seconds() -> float:
    """Spent so far, by this process and those that it started, also those that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    there = (each.cpu_times() for each in psutil.Process().children())
    return sum(
        (each.user + each.system + each.children_user + each.children_system for each in there),
        start=time.process_time() + ended.ru_utime + ended.ru_stime,
    )


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        *("way", "frames/s", "JPEGs/s", "processor", "PSNR", "a JPEG"),
        box=box.MARKDOWN,
        caption=f"{report.videos} videos, {report.source_frames:,} frames, {report.cores} cores; "
        f"ffmpeg {report.ffmpeg}, {report.quality.pixels}, -q:v {report.quality.q}",
    )
    for way in report.ways:
        table.add_row(
            way.name,
            f"{way.source_frames_per_second:,.0f}",
            f"{way.jpegs_per_second:,.0f}" if way.made else "",
            f"{way.processor_seconds:.2f} s",
            f"{way.made.psnr:.2f} dB" if way.made else "",
            f"{way.made.bytes_per_jpeg:,} B" if way.made else "",
        )
    by_clock, by_processor = f"{report.caged_by_clock:.1%}", f"{report.caged_by_processor:.1%}"
    table.add_row("cut_clips, of its speed in this process", by_clock, "", by_processor, "", "")
    by_clock, by_processor = f"{report.by_clock:.2f}", f"{report.by_processor:.2f}"
    table.add_row("times as fast as ffmpeg", by_clock, "", by_processor, "", "")
    return table


if __name__ == "__main__":
    main()
