"""Clips as files that any player opens: H.264, and AAC where there is sound, with JSON beside each.

    train/00000-of-00002/youtube-dQw4w9WgXcQ-0.mp4
    train/00000-of-00002/youtube-dQw4w9WgXcQ-0.json    what the shards of a data set say of the clip
    train/00000-of-00002/files.jsonl                   the files of this folder, with their sha256

The frames stand at their own times, counted from the first one of the clip. They are encoded once
more, so they are nearly what they were. H.264 in 4:2:0 has even sides: of a frame with an odd one,
the last row or column is left out.

One version of the libraries makes the same bytes each time. FFmpeg's encoder for AAC computes with
floating point, so clips with sound may differ between kinds of processors.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from videonet.errors import UsageError
from videonet.export.names import stem_in
from videonet.export.sample import Sample, as_json
from videonet.schemas.clip import Clip
from videonet.schemas.lineage import Sha256
from videonet.schemas.record import Record
from videonet.shards.jpeg import decode
from videonet.storage.dataset_files import MISSING, DatasetFiles
from videonet.video.clips import MICROSECONDS
from videonet.video.sound import RATE

# "Consider 17 or 18 to be visually lossless" (FFmpeg's wiki, Encode/H.264). A key frame at least
# each training window of 2.56 s. Without B-frames, frames are stored in the order of their times,
# which then begin with 0 in every reader.
_H264 = {"preset": "medium", "crf": "18", "bf": "0", "g": "32"}

# Bits a second, of two channels.
_AAC = {"b": "128000"}

_CLOCK = Fraction(1, MICROSECONDS)

# Samples in a frame of AAC.
_AT_ONCE = 1024

# A line of the list of files has some 200 bytes, and a shard some hundred clips.
_MOST_LIST_BYTES = 256_000_000


class Listed(Record, frozen=True, kw_only=True):
    """A line of the list of a folder."""

    # within the folder
    file: str
    bytes: int
    sha256: Sha256


def path_of(side: str, index: int, shards: int) -> str:
    """See `Form`."""
    return f"{side}/{index:05d}-of-{shards:05d}/files.jsonl"


@contextmanager
def open_writer(
    files: DatasetFiles,
    path: str,
    *,
    motion: bool,  # noqa: ARG001  # the fields are written where a clip has them
) -> Iterator[Callable[[Sample], None]]:
    """See `Form`: the file is the list of the folder, and comes after all the others."""
    folder = path.rpartition("/")[0]
    listed: list[Listed] = []

    def keep(name: str, draft: Path) -> None:
        data = draft.read_bytes()
        listed.append(Listed(file=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))

    def add(sample: Sample) -> None:
        with files.draft(f"{folder}/{sample.name}.mp4") as draft:
            write_mp4(draft, sample.clip, sample.sound)
            keep(f"{sample.name}.mp4", draft)
        with files.draft(f"{folder}/{sample.name}.json") as draft:
            draft.write_bytes(as_json({**sample.said(), "sound": sample.sound is not None}) + b"\n")
            keep(f"{sample.name}.json", draft)

    yield add
    _write_list(files, path, listed)


def strip(files: DatasetFiles, path: str, gone: Collection[str]) -> None:
    """See `Form`."""
    folder = path.rpartition("/")[0]
    left = []
    for each in files_in(files, path):
        if stem_in(each.file) in gone:
            files.delete(f"{folder}/{each.file}")
        else:
            left.append(each)
    _write_list(files, path, left)


def clips_in(files: DatasetFiles, path: str) -> Counter[str]:
    """See `Form`."""
    folder = path.rpartition("/")[0]
    found: Counter[str] = Counter()
    for each in files_in(files, path):
        name = f"{folder}/{each.file}"
        if files.size(name) is None:
            raise UsageError(f"{name} is missing.")
        if (files.size(name), files.sha256(name)) != (each.bytes, each.sha256):
            raise UsageError(f"{name} was changed.")
        found[stem_in(each.file)] += each.file.endswith(".mp4")
    return +found


def files_in(files: DatasetFiles, path: str) -> Sequence[Listed]:
    """What the list of a folder names. Raises UsageError for one that is damaged."""
    try:
        lines = files.read(path, _MOST_LIST_BYTES).splitlines()
        listed = [Listed.from_json(line) for line in lines]
        if any("/" in each.file or each.file.startswith(".") for each in listed):
            raise ValueError("it names a file of another folder")
    except (*MISSING, msgspec.DecodeError, ValueError) as error:
        raise UsageError(
            f"{files.address}/{path} is damaged ({error}); export the data set again."
        ) from error
    return listed


def write_mp4(file: Path, clip: Clip, sound: NDArray[np.int16] | None) -> None:
    """Write one clip. Raises ValueError for a frame that is no JPEG of the size that is stated.

    `sound`: int16 [samples, 2], RATE a second, from the first frame of the clip on.
    """
    options = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(str(file), "w", format="mp4", options=options) as container:
        # Both before the first packet: the header names them.
        writers = [_frames(container, clip)]
        if sound is not None:
            writers.append(_samples(container, sound))
        for write in writers:
            write()


def _frames(container: OutputContainer, clip: Clip) -> Callable[[], None]:
    """A track for the frames, and what fills it."""
    stream = container.add_stream(
        "libx264", rate=Fraction(str(clip.image_frame_rate)), options=_H264
    )
    height, width = clip.image_height // 2 * 2, clip.image_width // 2 * 2
    stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
    context: Any = stream.codec_context
    stream.time_base = context.time_base = _CLOCK
    # With more threads, the bytes would depend on how many there are.
    context.thread_count = 1
    times = clip.image_timestamp
    ends = iter([*times[1:], clip.clip_end_timestamp])
    begins = iter(times)

    def mux(packets: Any) -> None:
        for packet in packets:
            packet.duration = max(1, next(ends) - next(begins))
            container.mux(packet)

    def fill() -> None:
        reformatter = VideoReformatter()
        for jpeg, time in zip(clip.image_encoded, times, strict=True):
            pixels = decode(jpeg, (clip.image_height, clip.image_width))[:height, :width]
            picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame = reformatter.reformat(picture, format="yuv420p", threads=1)
            frame.pts, frame.time_base = time - times[0], _CLOCK
            mux(stream.encode(frame))
        mux(stream.encode())

    return fill


def _samples(container: OutputContainer, sound: NDArray[np.int16]) -> Callable[[], None]:
    """A track for the sound, likewise."""
    stream = container.add_stream("aac", rate=RATE, layout="stereo", options=_AAC)

    def fill() -> None:
        for at in range(0, len(sound), _AT_ONCE):
            block = np.ascontiguousarray(sound[at : at + _AT_ONCE]).reshape(1, -1)
            frame = AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())

    return fill


def _write_list(files: DatasetFiles, path: str, listed: Sequence[Listed]) -> None:
    files.write(path, b"".join(each.to_json() + b"\n" for each in listed))
