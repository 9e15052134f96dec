"""Three frames of any clip: bytes read from a cold disk, samples a second warm, bytes stored.

    python -m benchmarks.random_access [--data OUT] [--peers PYTHON] [--json FILE]

The shards in both of their layouts, and the same clips in other forms: Hugging Face `datasets`,
and WebDataset, MosaicML's MDS and Lance, by an interpreter PYTHON that has what is listed in
benchmarks/peers.txt. All read the same windows of the same clips, of which each comes once before
any comes again. Warm, JPEGs are decoded as well, and each way
takes turns with the same number of JPEGs that are in memory already: counted is processor time.
Cold, the page cache is emptied of the files before each sample, and what the process has had
brought from the disk is counted.

Without --data, videos are drawn, and `videonet curate` makes a data set of them: two minutes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.loader import FRAMES, drawn, made_up
from benchmarks.peers import AT_ONCE, FORMS, Samples, measured
from videonet.dataset.repack import repack
from videonet.schemas.clip import Clip
from videonet.schemas.shard_form import LAYOUTS
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.training.data.clip_index import open_clip_index
from videonet.training.data.memory import BufferPool
from videonet.training.data.reading import Reader
from videonet.training.data.temporal_sampling import frames_at, interval_of

SAMPLES = 1024
"""That are drawn, or some less; each way goes through them again and again."""

OPEN_FILES = 20


class Way(msgspec.Struct, frozen=True):
    """One way to the frames."""

    name: str
    # of bare decoding, warm
    share: float
    # of three frames, warm
    samples_per_cpu_second: float
    # of a sample, cold, and of its JPEGs alone
    bytes_read: float
    bytes_of_jpegs: float
    # of all clips
    bytes_stored: int


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a finished data set; without it one is made")
    parser.add_argument("--peers", type=Path, help="interpreter with benchmarks/peers.txt")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ways = measure(arguments.data or made_up(folder)[0], arguments.peers, folder)
    Console().print(table_of(ways))
    encoded = msgspec.json.format(msgspec.json.encode(ways)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def measure(data: Path, peers: Path | None, folder: Path) -> tuple[Way, ...]:
    """All ways, one after the other."""
    layouts = in_layouts(data, folder)
    shards = sorted((layouts[1] / "clips/parquet").iterdir())
    clips = [clip for file in shards for clip in FORMATS["parquet"].read(file)]
    work = drawn_samples(clips)
    jpegs = written_jpegs(clips, work, folder / "jpegs")
    ways = []
    for layout, out in layouts.items():
        rows = out / "clips/parquet"
        found = measured(lambda out=out: from_shards(out, clips, work), rows, jpegs)  # type: ignore[misc]
        ways.append(Way(name=f"the shards, layout {layout}", **found))
    for name in FORMS:
        # What is here already is asked without --peers, too.
        interpreter = sys.executable if name == "datasets" else peers
        if interpreter is None:
            continue
        given = folder / "work.json"
        given.write_text(
            json.dumps(
                {
                    "shards": list(map(str, shards)),
                    "folder": str(folder / "forms"),
                    "samples": work,
                    "jpegs": jpegs,
                }
            )
        )
        command = [str(interpreter), str(Path(__file__).with_name("peers.py")), name, str(given)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        ways.append(Way(name=name, **json.loads(done.stdout.splitlines()[-1])))
    return tuple(ways)


def in_layouts(data: Path, folder: Path) -> dict[int, Path]:
    """The data set in each layout of its shards."""
    manifest = DatasetDir(data).manifest()
    assert manifest is not None
    made: dict[int, Path] = {}
    for layout in LAYOUTS:
        made[layout] = data
        if layout != manifest.settings.layout:
            made[layout] = folder / f"layout {layout}"
            repack(str(data), str(made[layout]), layout)
    return made


def drawn_samples(clips: Sequence[Clip]) -> list[tuple[int, list[int]]]:
    """All clips, shuffled, again and again, and frames of a window of each, as in training."""
    generator = np.random.default_rng(0)
    passes = [generator.permutation(len(clips)) for _ in range(max(1, SAMPLES // len(clips)))]
    chosen = np.concatenate(passes).tolist()
    return [
        (number, list(frames_at(clip.image_timestamp, drawn(interval_of(clip), generator))))
        for number, clip in ((each, clips[each]) for each in chosen)
    ]


def written_jpegs(
    clips: Sequence[Clip], work: Sequence[tuple[int, list[int]]], folder: Path
) -> list[str]:
    """The JPEGs of some samples as files, for what decodes them from memory."""
    folder.mkdir()
    names: list[str] = []
    for number, frames in work[: AT_ONCE * 4]:
        for frame in frames:
            file = folder / f"{len(names):06d}.jpg"
            file.write_bytes(clips[number].image_encoded[frame])
            names.append(str(file))
    assert len(names) % FRAMES == 0
    return names


def from_shards(out: Path, clips: Sequence[Clip], work: Sequence[tuple[int, list[int]]]) -> Samples:
    """What the trainer's loader reads."""
    reader = Reader(open_clip_index(out), OPEN_FILES, BufferPool())
    while True:
        # Rows are the clips in the order of the shards.
        for row, frames in work:
            times = clips[row].image_timestamp
            yield list(jpegs_of(reader, row, [times[each] for each in frames]))


def jpegs_of(reader: Reader, row: int, moments: Sequence[int]) -> Iterator[bytes]:
    """The JPEGs that are shown at these moments; one that is wanted twice is read once."""
    read: dict[int, bytes] = {}
    for frame in reader.frames(row, lambda *_: moments):
        if frame.number not in read:
            read[frame.number] = frame.read()
        yield read[frame.number]


def table_of(ways: Sequence[Way]) -> Table:
    """The figures, a way a line."""
    table = Table(
        "way",
        "of bare",
        "samples/s",
        "read cold",
        "of JPEGs",
        "stored",
        box=box.MARKDOWN,
    )
    for way in ways:
        table.add_row(
            way.name,
            f"{way.share:.1%}",
            f"{way.samples_per_cpu_second:,.0f}",
            f"{way.bytes_read:,.0f}",
            f"{way.bytes_read / way.bytes_of_jpegs:.2f} x",
            f"{way.bytes_stored:,}",
        )
    return table


if __name__ == "__main__":
    main()
