"""How fast the trainer's loader is: samples of three frames a second of one core.

    python -m benchmarks.loader [--data OUT [--videos FOLDER]] [--json FILE]

Held against it are the same frames, decoded from JPEGs that are in memory already, which nothing
that reads JPEGs can beat; the loader's reader by itself, with memory that is used again and with
new memory for each batch; Hugging Face `datasets`, streaming the same shards; and PyAV, decoding
them from the videos that the clips were cut from, below FOLDER. All run in this process, in turns;
counted is the processor time of all threads, so that other work on the machine matters little.
`benchmarks.random_access` has other formats, and bytes read from a cold disk.

Without --data, videos are drawn, and `videonet curate` makes a data set of them: two minutes.
"""

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import datasets  # type: ignore[import-untyped]
import msgspec
import numpy as np
import simplejpeg
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from demo.drawing import draw_video
from demo.train_classifier import MODEL
from videonet.schemas.clip import Clip
from videonet.shards.writer import FORMATS
from videonet.training.config import Data, Views
from videonet.training.data.clip_index import ClipIndex, open_clip_index
from videonet.training.data.loader import batches
from videonet.training.data.memory import BufferPool
from videonet.training.data.reading import Reader
from videonet.training.data.temporal_sampling import (
    Interval,
    frames_at,
    interval_of,
    marginal,
    window,
)

ROUNDS = 15
FRAMES = 3
"""Of a sample."""

SAMPLES = 64
"""Of each way in a round; the batch of the loader."""

FEW = 8
"""Samples in a round of what takes a hundred times as long."""

VIDEONET = Path(sys.executable).with_name("videonet")

BARE, LOADER = "JPEGs in memory: the limit", "the loader"
POOL, NEW = "its reader alone, memory is used again", "its reader alone, memory is new"
STREAMING, ORIGINALS = "Hugging Face `datasets`, streaming", "PyAV, from the videos"
WORKERS = 2


class Measured(msgspec.Struct, frozen=True):
    """One way to the frames."""

    name: str
    # of three frames; medians over the rounds
    samples_per_cpu_second: float
    # of the limit
    share: float


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    clips: int
    # of the frames that are decoded
    bytes_per_frame: int
    pixels_per_frame: int
    ways: tuple[Measured, ...]
    # by the clock, with worker processes
    workers: int
    samples_per_second: float


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a data set; without it one is made")
    parser.add_argument("--videos", type=Path, help="the folder that its videos came from")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        data, videos = arguments.data, arguments.videos
        if data is None:
            data, videos = made_up(Path(temporary))
        report = measure(open_clip_index(data), videos, Path(temporary))
    Console().print(table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def made_up(folder: Path) -> tuple[Path, Path]:
    """A data set of drawn videos, 20 s of 640 x 360 pixels, and the folder they lie in."""
    videos, out = folder / "videos", folder / "out"
    videos.mkdir()
    for number, kind in enumerate(("balloon", "sailboat", "mushroom") * 4):
        draw_video(
            videos / f"{kind} {number}.mp4", kind, 20.5, size=(640, 360), fps=25, seed=number
        )
    (folder / "classes.txt").write_text("balloon\nsailboat\nmushroom\n")
    command = [
        *(str(VIDEONET), "curate", "--targets", str(folder / "classes.txt")),
        *("--source", f"folder:{videos}", "--classifier", str(MODEL)),
        *("--store", str(folder / "store"), "--out", str(out)),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return out, videos


def measure(dataset: ClipIndex, videos: Path | None, temporary: Path) -> Report:
    """Run all ways, in turns."""
    files = [Path(f"{dataset.out}/{shard.path}") for shard in dataset.shards]
    clips = [clip for file in files for clip in FORMATS["parquet"].read(file)]
    # Each way is one that never ends: files are opened once, as in training.
    ways: dict[str, Iterator[int]] = {
        BARE: from_memory(clips),
        LOADER: from_loader(dataset, workers=0),
        POOL: from_reader(dataset, len(clips), BufferPool()),
        NEW: from_reader(dataset, len(clips), NewMemory()),
        STREAMING: from_stream(files, temporary),
    }
    if videos is not None:
        ways[ORIGINALS] = from_videos(clips, videos)
    for way in ways.values():
        next(way)
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begin = time.process_time()
            samples = next(way)
            rounds[name].append(samples / (time.process_time() - begin))
    limit = statistics.median(rounds[BARE])
    # Of each round, as the machine may be slower in another.
    shares = {
        name: statistics.median(
            one / bare for one, bare in zip(rounds[name], rounds[BARE], strict=True)
        )
        for name in ways
    }
    return Report(
        clips=len(clips),
        bytes_per_frame=round(
            statistics.mean(len(jpeg) for clip in clips for jpeg in clip.image_encoded)
        ),
        pixels_per_frame=round(
            statistics.mean(clip.image_height * clip.image_width for clip in clips)
        ),
        ways=tuple(
            Measured(name, round(limit * shares[name], 1), round(shares[name], 3)) for name in ways
        ),
        workers=WORKERS,
        samples_per_second=round(with_workers(dataset), 1),
    )


# The ways, without end: each takes some samples at a time, and says how many.


def from_memory(clips: Sequence[Clip]) -> Iterator[int]:
    """Decode JPEGs that were taken out of the clips before."""
    generator = np.random.default_rng(0)
    taken = [
        clip.image_encoded[index]
        for clip in of(clips, 8 * SAMPLES, generator)
        for index in frames_at(clip.image_timestamp, drawn(interval_of(clip), generator))
    ]
    jpegs = itertools.cycle(taken)
    while True:
        for jpeg in itertools.islice(jpegs, FRAMES * SAMPLES):
            simplejpeg.decode_jpeg(jpeg, colorspace="RGB")
        yield SAMPLES


def from_loader(dataset: ClipIndex, workers: int) -> Iterator[int]:
    """What training is given."""
    data = Data(workers=workers, clips_per_video="all")
    for batch in batches(dataset, Views(), data, batch=SAMPLES, seed=0, steps=sys.maxsize):
        yield len(batch.videos)


class NewMemory(BufferPool):
    """Memory that is asked of the system each time."""

    def empty(self, *shape: int) -> torch.Tensor:
        """A tensor of bytes, whatever they are: uint8 [*shape]."""
        return torch.empty(shape, dtype=torch.uint8)


def from_reader(dataset: ClipIndex, clips: int, memory: BufferPool) -> Iterator[int]:
    """The same samples, without what makes batches of them."""
    generator = np.random.default_rng(0)
    reader = Reader(dataset, len(dataset.shards), memory)
    while True:
        rows = generator.integers(clips, size=SAMPLES).tolist()
        reader.decoded([reader.frames(row, lambda span, _: drawn(span, generator)) for row in rows])
        yield SAMPLES


def from_stream(files: Sequence[Path], cache: Path) -> Iterator[int]:
    """Stream only the columns that are needed, not shuffled, and decode the same frames."""
    generator = np.random.default_rng(0)
    # Its type hints do not say that it takes what it hands on to the reader of Parquet.
    rows = datasets.load_dataset(  # type: ignore[call-overload]
        "parquet",
        data_files=[str(file) for file in files],
        split="train",
        streaming=True,
        cache_dir=str(cache),
        columns=["clip_start_timestamp", "clip_end_timestamp", "image_encoded", "image_timestamp"],
    )
    endless = itertools.chain.from_iterable(itertools.repeat(rows))
    while True:
        for row in itertools.islice(endless, SAMPLES):
            span = Interval(row["clip_start_timestamp"], row["clip_end_timestamp"])
            for index in frames_at(row["image_timestamp"], drawn(span, generator)):
                simplejpeg.decode_jpeg(row["image_encoded"][index], colorspace="RGB")
        yield SAMPLES


def from_videos(clips: Sequence[Clip], videos: Path) -> Iterator[int]:
    """Open the video that a clip was cut from, seek each frame and decode up to it.

    The frames keep their own size: scaling is not counted.
    """
    generator = np.random.default_rng(0)
    while True:
        for clip in of(clips, FEW, generator):
            with av.open(str(videos / clip.clip_data_path)) as container:
                (stream,) = container.streams.video
                stream.thread_type = "NONE"
                for moment in drawn(interval_of(clip), generator):
                    container.seek(moment)  # microseconds; to the key frame before
                    shown_at(container, moment).to_ndarray(format="rgb24")
        yield FEW


def shown_at(container: av.container.InputContainer, moment: int) -> av.VideoFrame:
    """The last frame at or before a moment; decoding begins before it."""
    shown = None
    for frame in container.decode(video=0):
        assert frame.time is not None
        if shown is not None and frame.time * 1_000_000 > moment:
            break
        shown = frame
    assert shown is not None
    return shown


def of(clips: Sequence[Clip], count: int, generator: np.random.Generator) -> list[Clip]:
    """So many clips, drawn with repetition."""
    return [clips[place] for place in generator.integers(len(clips), size=count).tolist()]


def drawn(span: Interval, generator: np.random.Generator) -> tuple[int, ...]:
    """The moments of a sample, as training draws them."""
    return marginal(window(span, generator, Views().window_seconds), generator, FRAMES)


def with_workers(dataset: ClipIndex) -> float:
    """Samples a second by the clock, once the workers are at work."""
    made = from_loader(dataset, WORKERS)
    for _ in range(2 * WORKERS):
        next(made)
    begin = time.perf_counter()
    for _ in range(ROUNDS):
        next(made)
    return ROUNDS * SAMPLES / (time.perf_counter() - begin)


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table("way", "samples a second", "of the limit", "loader is faster", box=box.MARKDOWN)
    (loader,) = (way for way in report.ways if way.name == LOADER)
    for way in report.ways:
        table.add_row(
            way.name,
            f"{way.samples_per_cpu_second:,.0f}",
            f"{way.share:.1%}",
            "" if way.name in (BARE, LOADER) else f"{loader.share / way.share:.1f} times",
        )
    by_clock = f"the loader with {report.workers} workers, by the clock"
    table.add_row(by_clock, f"{report.samples_per_second:,.0f}", "", "")
    return table


if __name__ == "__main__":
    main()
