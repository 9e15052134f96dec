"""Three frames of a clip, as other formats give them: run by an interpreter that has them.

`benchmarks.random_access` calls it, with the libraries of benchmarks/peers.txt:

    PYTHON benchmarks/peers.py NAME WORK.json

Nothing of videonet is imported. WORK.json names the Parquet shards, a folder for the other form,
and the samples: a clip and its frames, in the order in which a trainer wants them, all clips once,
then all again. A form that can only be read from its beginning to its end is given those of each
pass in the order of the clips.
"""

import io
import json
import os
import shutil
import statistics
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import simplejpeg

# What gives the JPEGs of one sample after the other, without end.
Samples = Iterator[list[bytes]]

ROUNDS = 15
AT_ONCE = 64
"""Samples in a round."""

Work = list[tuple[int, list[int]]]
"""The clips and frames of the samples."""


def main() -> None:
    """Write the form, measure it, and print the figures as JSON."""
    name, file = sys.argv[1:]
    given = json.loads(Path(file).read_text())
    folder = Path(given["folder"]) / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write, read, in_order = FORMS[name]
    write([Path(each) for each in given["shards"]], folder)
    work: Work = given["samples"]
    if in_order:
        clips = len({clip for clip, _ in work})
        passes = [sorted(work[at : at + clips]) for at in range(0, len(work), clips)]
        work = [sample for each in passes for sample in each]
    print(json.dumps(measured(lambda: read(folder, work), folder, given["jpegs"])), flush=True)
    # Libraries that read ahead may have threads that do not end well.
    os._exit(0)


def measured(samples: Callable[[], Samples], folder: Path, shards: Sequence[str]) -> dict[str, Any]:
    """Samples a second of one core, warm, as a share of bare decoding, and bytes read cold."""
    warm, bare = samples(), bare_samples([Path(each) for each in shards])
    shares = []
    for _ in range(ROUNDS + 1):
        rates = []
        for way in (warm, bare):
            begin = time.process_time()
            for jpegs in islice(way, AT_ONCE):
                for jpeg in jpegs:
                    simplejpeg.decode_jpeg(jpeg, colorspace="RGB")
            rates.append(AT_ONCE / (time.process_time() - begin))
        shares.append((rates[0] / rates[1], rates[0]))
    # In the first round files are opened.
    share, rate = (statistics.median(each) for each in zip(*shares[1:], strict=True))
    read, used = cold(samples(), folder)
    return {
        "share": share,
        "samples_per_cpu_second": rate,
        "bytes_read": read,
        "bytes_of_jpegs": used,
        "bytes_stored": sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()),
    }


def cold(samples: Samples, folder: Path) -> tuple[float, float]:
    """Bytes that a sample costs when no file is in the page cache, and bytes of its JPEGs."""
    for _ in islice(samples, AT_ONCE):
        pass
    read = used = 0
    for _ in range(AT_ONCE):
        forget(folder)
        before = bytes_read()
        jpegs = next(samples)
        read += bytes_read() - before
        used += sum(map(len, jpegs))
    return read / AT_ONCE, used / AT_ONCE


def forget(folder: Path) -> None:
    """Have the system drop what it holds of the files below a folder."""
    for file in folder.rglob("*"):
        if file.is_file():
            number = os.open(file, os.O_RDONLY)
            os.fsync(number)
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(number)


def bytes_read() -> int:
    """What this process has had brought from a disk, bytes."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["read_bytes"])


def bare_samples(files: Sequence[Path]) -> Samples:
    """JPEGs that are in memory already."""
    held = [file.read_bytes() for file in files]
    while True:
        for at in range(0, len(held) - 2, 3):
            yield held[at : at + 3]


# The forms: each writes the clips of some shards, and reads samples without end.


def clips_of(shards: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The clips of Parquet shards, in order."""
    import pyarrow.parquet as pq

    for shard in shards:
        file = pq.ParquetFile(shard)
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group).to_pylist()


def copy_shards(shards: Sequence[Path], folder: Path) -> None:
    """The Parquet shards as they are."""
    for shard in shards:
        shutil.copy(shard, folder)


def from_datasets(folder: Path, work: Work) -> Samples:
    """Hugging Face datasets, streaming: only the columns that are needed, not shuffled."""
    import datasets  # type: ignore[import-untyped]

    wanted = cycle(work)
    while True:
        rows = datasets.load_dataset(
            "parquet",
            data_files=[str(each) for each in sorted(folder.iterdir())],
            split="train",
            streaming=True,
            columns=["image_encoded", "image_timestamp"],
        )
        yield from one_pass((row["image_encoded"] for row in rows), wanted)


def one_pass(clips: Iterator[Sequence[bytes]], wanted: Iterator[tuple[int, list[int]]]) -> Samples:
    """The samples of all clips, while these pass."""
    for frames in clips:
        yield [frames[each] for each in next(wanted)[1]]


def write_tar(shards: Sequence[Path], folder: Path) -> None:
    """WebDataset: a tar file; a sample of it is a clip, whose frames are files."""
    with tarfile.open(folder / "clips-000000.tar", "w") as tar:
        for number, clip in enumerate(clips_of(shards)):
            for place, jpeg in enumerate(clip["image_encoded"]):
                entry = tarfile.TarInfo(f"{number:06d}.{place:04d}.jpg")
                entry.size = len(jpeg)
                tar.addfile(entry, io.BytesIO(jpeg))


def from_webdataset(folder: Path, work: Work) -> Samples:
    """WebDataset, one tar after the other."""
    import webdataset  # type: ignore[import-not-found]

    wanted = cycle(work)
    while True:
        clips = webdataset.WebDataset(
            [str(each) for each in sorted(folder.glob("*.tar"))], shardshuffle=False
        )
        frames = (
            [sample[name] for name in sorted(sample) if name.endswith(".jpg")] for sample in clips
        )
        yield from one_pass(frames, wanted)


def write_mds(shards: Sequence[Path], folder: Path) -> None:
    """MosaicML's MDS: a sample is a clip, its frames one after the other, and their lengths."""
    import numpy as np
    from streaming import MDSWriter  # type: ignore[import-not-found]

    columns = {"frames": "bytes", "lengths": "ndarray:int64"}
    with MDSWriter(out=str(folder / "mds"), columns=columns, size_limit="256mb") as out:
        for clip in clips_of(shards):
            frames = clip["image_encoded"]
            lengths = np.array([len(each) for each in frames], np.int64)
            out.write({"frames": b"".join(frames), "lengths": lengths})


def from_mds(folder: Path, work: Work) -> Samples:
    """MosaicML's StreamingDataset, by the numbers of the clips."""
    import numpy as np
    from streaming import StreamingDataset  # type: ignore[import-not-found]

    clips = StreamingDataset(local=str(folder / "mds"), batch_size=1)
    while True:
        for number, frames in work:
            sample = clips[number]
            ends = np.cumsum(sample["lengths"])
            yield [sample["frames"][ends[at] - sample["lengths"][at] : ends[at]] for at in frames]


def write_lance(shards: Sequence[Path], folder: Path) -> None:
    """Lance: a row is a frame, its JPEG in a blob column."""
    import lance  # type: ignore[import-not-found]
    import pyarrow as pa

    blob = {b"lance-encoding:blob": b"true"}
    schema = pa.schema(
        [pa.field("clip", pa.int64()), pa.field("jpeg", pa.large_binary(), metadata=blob)]
    )
    rows = (
        pa.RecordBatch.from_pydict(
            {
                "clip": [number] * len(clip["image_encoded"]),
                "jpeg": clip["image_encoded"],
            },
            schema,
        )
        for number, clip in enumerate(clips_of(shards))
    )
    reader = pa.RecordBatchReader.from_batches(schema, rows)
    lance.write_dataset(reader, str(folder / "frames.lance"))


def from_lance(folder: Path, work: Work) -> Samples:
    """Lance, by the numbers of the frames."""
    import lance  # type: ignore[import-not-found]
    import numpy as np

    frames = lance.dataset(str(folder / "frames.lance"))
    counts = np.bincount(frames.to_table(columns=["clip"])["clip"].to_numpy())
    begins = np.cumsum(counts) - counts
    while True:
        for number, wanted in work:
            indices = [int(begins[number]) + each for each in wanted]
            # In their own order, and one that is wanted twice once.
            found = dict(
                zip(
                    sorted(set(indices)),
                    frames.read_blobs("jpeg", indices=sorted(set(indices))),
                    strict=True,
                )
            )
            yield [bytes(found[each][1]) for each in indices]


FORMS: dict[str, tuple[Callable[..., None], Callable[..., Samples], bool]] = {
    "datasets": (copy_shards, from_datasets, True),
    "webdataset": (write_tar, from_webdataset, True),
    "mds": (write_mds, from_mds, False),
    "lance": (write_lance, from_lance, False),
}
"""By name: what writes, what reads, and whether it reads from beginning to end."""


if __name__ == "__main__":
    main()
