"""Encodes frames as a video file, with the habits of cameras, phones and web sites."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from PIL import Image

Codec = Literal["libx264", "libvpx", "libvpx-vp9", "mpeg4"]

SPEED: dict[Codec, dict[str, str]] = {
    "libx264": {"preset": "superfast", "crf": "26"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "b": "400k"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "b": "400k"},
    "mpeg4": {"b": "400k"},
}
"""Quick, and good enough to look at."""

CLOCK = Fraction(1, 60000)
"""Seconds a tick: whole ticks for the usual frame rates, and MPEG-4 allows no finer one."""


@dataclass(frozen=True)
class Encoding:
    """How a video file is made."""

    codec: Codec = "libx264"
    index_first: bool = True
    """Whether an mp4's index stands before its frames, so that it plays while it downloads."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Clockwise turn that a player applies, degrees; mp4 only. Frames are stored turned back."""
    start: float = 0
    """Time of the first frame, seconds."""
    uneven: bool = False
    """Variable frame rate: every third frame comes 40 % of its time late."""


def encode(
    path: Path,
    frames: Iterable[Image.Image],
    size: tuple[int, int],
    fps: int | Fraction,
    encoding: Encoding,
) -> None:
    """Writes `frames` (RGB, of `size`: even width and height) to `path`.

    The suffix of `path` names the container.
    """
    step = Fraction(1) / fps / CLOCK
    # A WebM otherwise holds a random number, and equal videos would not be equal files.
    options = {"fflags": "+bitexact"}
    if encoding.index_first and path.suffix == ".mp4":
        options["movflags"] = "+faststart"
    with av.open(str(path), "w", options=options) as file:
        stream = file.add_stream(encoding.codec, rate=fps, options=SPEED[encoding.codec])
        stream.width, stream.height = size if encoding.rotation % 180 == 0 else size[::-1]
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = CLOCK
        stream.codec_context.thread_count = 1
        for index, image in enumerate(frames):
            late = Fraction(2, 5) if encoding.uneven and index % 3 == 2 else 0
            stored = image.rotate(encoding.rotation, expand=True) if encoding.rotation else image
            frame = av.VideoFrame.from_ndarray(np.asarray(stored), format="rgb24")
            frame.pts = round(encoding.start / CLOCK + (index + late) * step)
            frame.duration = round(step)
            frame.time_base = CLOCK
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    if encoding.rotation:
        _turn(path, encoding.rotation)


MATRICES = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""By clockwise degrees, the 2 x 2 part of the matrix in an mp4's track header."""


def _turn(path: Path, rotation: int) -> None:
    """Writes the display matrix of an mp4 in place: no muxer option does it."""
    data = bytearray(path.read_bytes())
    one = 1 << 16  # the matrix holds 16.16 fixed-point numbers, its last one is 2.30
    a, b, c, d = (one * each for each in MATRICES[rotation])
    at = data.index(b"tkhd") + 44
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
