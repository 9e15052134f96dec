"""Files that are served as videos and are none, or not whole."""

import os
from fractions import Fraction
from pathlib import Path
from random import Random

import av
import numpy as np


def write_page(path: Path) -> None:
    """What a site sends, with status 200, in place of a video that it no longer has."""
    path.write_text(
        "<!doctype html>\n<html><head><title>Sign in to watch</title></head>\n"
        "<body><h1>This video is for members</h1></body></html>\n"
    )


def write_noise(path: Path) -> None:
    """Bytes that are no format at all."""
    path.write_bytes(Random("noise").randbytes(60_000))


def write_sound(path: Path, seconds: float) -> None:
    """A falling tone as AAC, and no picture; the suffix of `path` names the container."""
    rate, block = 16_000, 1024
    times = np.arange(round(seconds * rate)) / rate
    tone = (0.3 * np.sin(2 * np.pi * 440 * times * (1 - times / seconds / 4))).astype(np.float32)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("aac", rate=rate, layout="mono")
        for start in range(0, len(tone) - block + 1, block):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + block], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def truncate(path: Path, packets: int) -> None:
    """Cuts an mp4 that has its index in front, in the middle of packet number `packets` (from 0).

    The index still promises all of the frames. Those before the cut can be decoded; then reading
    is an error.
    """
    with av.open(str(path)) as file:
        spans = [(each.pos, each.size) for each in file.demux(video=0) if each.pos is not None]
    position, size = spans[packets]
    os.truncate(path, position + size // 2)
