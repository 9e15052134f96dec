"""Long videos as the web has them, drawn and encoded in seconds.

    python -m benchmarks.long_videos FOLDER

A stretch of ten seconds of each subject is drawn and encoded once; its packets, repeated with later
and later times, are a video of any length. Over the drawing lies noise, as cameras make it, so that
every second takes as many bytes as the next: 640 x 360 pixels, 25 frames a second, a key frame at
least every 5.12 s, 320 kbit/s of H.264 or VP8 and, but for one length, 48 kbit/s of sound.
"""

import argparse
import io
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.packet import Packet

from demo.drawing import Scene

Layout = Literal["mp4, index first", "mp4, index last", "webm"]

LAYOUTS: tuple[Layout, ...] = ("mp4, index first", "mp4, index last", "webm")

LENGTHS = (60, 120, 300, 600)
"""Seconds, to be made up to whole stretches."""

SILENT = 120
"""The length without sound."""

SHOWN = ("balloon", "sailboat", "mushroom", "locomotive")
"""Subjects that are drawn."""

CLASSES = "".join(f"{kind}\n" for kind in SHOWN)
"""A class list for them."""

SIZE = (640, 360)
FPS = 25

STRETCH = Fraction("10.24")
"""Seconds: whole frames of the video, of AAC (1024 samples) and of Opus (20 ms)."""

FRAMES = 256
KEY_FRAMES = 128
"""Frames from one key frame to the next."""

BIT_RATE, SOUND_BIT_RATE = 320_000, 48_000
SAMPLE_RATE = 48_000

NOISE = 12
"""Standard deviation of the noise, of 255."""

FASTEST = {
    "libx264": {"preset": "veryfast", "maxrate": "360k", "bufsize": "360k"},
    "libvpx": {"deadline": "realtime", "cpu-used": "12", "maxrate": "360k", "bufsize": "360k"},
}
CODECS: dict[str, tuple[Literal["libx264", "libvpx"], Literal["aac", "libopus"]]] = {
    ".mp4": ("libx264", "aac"),
    ".webm": ("libvpx", "libopus"),
}


@dataclass(frozen=True)
class LongVideo:
    """One file, and what its title says."""

    name: str
    layout: Layout
    # as asked for, seconds
    seconds: int
    shows: str
    # what its title says that it shows
    named: str

    @property
    def title(self) -> str:
        """Names one class of `CLASSES`."""
        return f"The {self.named}, filmed by me"


def main() -> None:
    """Write one video of each layout and length, and print their sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where they are written")
    folder = parser.parse_args().folder
    videos = planned(len(LAYOUTS) * len(LENGTHS), true=1)
    write(videos, folder)
    for each in videos:
        size = (folder / each.name).stat().st_size
        print(f"{size / 1e6:5.1f} MB  {each.name}  {each.seconds} s, {each.layout}, {each.shows}")


def planned(
    count: int,
    *,
    true: int,
    layouts: Sequence[Layout] = LAYOUTS,
    lengths: Sequence[int] = LENGTHS,
) -> list[LongVideo]:
    """So many videos, `true` after each other of each layout and length, in turns.

    Of `true` titles in a row, the first names what the video shows, the others something else.
    """
    kinds = [(layout, seconds) for seconds in lengths for layout in layouts]
    videos = []
    for number in range(count):
        row, place = divmod(number, true)
        layout, seconds = kinds[row % len(kinds)]
        videos.append(
            LongVideo(
                name=f"{number:04}{'.webm' if layout == 'webm' else '.mp4'}",
                layout=layout,
                seconds=seconds,
                shows=SHOWN[(number + row) % len(SHOWN)],
                named=SHOWN[(number + row + (place > 0)) % len(SHOWN)],
            )
        )
    return videos


def write(videos: Sequence[LongVideo], folder: Path) -> None:
    """Make their files in `folder`. No two are equal: each has its name in it."""
    folder.mkdir(parents=True, exist_ok=True)
    suffixes = {(each.shows, Path(each.name).suffix) for each in videos}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        stretches = dict(
            zip(suffixes, pool.map(_stretch, *zip(*suffixes, strict=True)), strict=True)
        )
    for each in videos:
        path = folder / each.name
        _repeat(stretches[each.shows, path.suffix], path, each)


# A stretch: the bytes of a short file.


def _stretch(kind: str, suffix: str) -> bytes:
    """One stretch of a subject, with sound, encoded for files with `suffix`."""
    video_codec, audio_codec = CODECS[suffix]
    file = io.BytesIO()
    with av.open(file, "w", format=suffix[1:], options={"fflags": "+bitexact"}) as container:
        video = container.add_stream(video_codec, rate=FPS, options=FASTEST[video_codec])
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.bit_rate = BIT_RATE
        video.gop_size = KEY_FRAMES
        video.codec_context.thread_count = 1
        sound = container.add_stream(audio_codec, rate=SAMPLE_RATE, layout="mono")
        sound.bit_rate = SOUND_BIT_RATE
        for number, picture in enumerate(_pictures(kind)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(_hum()))
        container.mux(sound.encode(None))
    return file.getvalue()


def _pictures(kind: str) -> Iterator[npt.NDArray[np.uint8]]:
    """The frames of a stretch, RGB [H, W, 3]."""
    width, height = SIZE
    scene = Scene(kind, SIZE, seed="long")
    generator = np.random.default_rng(SHOWN.index(kind))
    # Drawn once, and shifted again for every frame.
    noise = generator.normal(0, NOISE, (2 * height, 2 * width, 1)).astype(np.int16)
    for number in range(FRAMES):
        top, left = generator.integers((height, width))
        grain = noise[top : top + height, left : left + width]
        yield np.clip(np.asarray(scene.frame(number / FPS)) + grain, 0, 255).astype(np.uint8)


def _hum() -> av.AudioFrame:
    """A soft tone that goes up and down, for a stretch and a little more."""
    seconds = np.arange(round(SAMPLE_RATE * (STRETCH + 1))) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * (220 * seconds + 20 * np.sin(2 * seconds)))
    noise = np.random.default_rng(0).normal(0, 0.1, wave.shape)
    samples = (1000 * (wave + noise)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    return frame


def _repeat(stretch: bytes, path: Path, wanted: LongVideo) -> None:
    """Write a file that plays the stretch over and over."""
    options = {"fflags": "+bitexact"}
    if wanted.layout == "mp4, index first":
        options["movflags"] = "+faststart"
    kinds = ("video",) if wanted.seconds == SILENT else ("video", "audio")
    with (
        av.open(io.BytesIO(stretch), "r") as source,
        av.open(str(path), "w", options=options) as container,
    ):
        container.metadata["title"] = wanted.name
        to = {
            each.index: container.add_stream_from_template(each)
            for each in source.streams
            if each.type in kinds
        }
        packets = [
            each
            for each in source.demux(*(source.streams[index] for index in to))
            # Encoders of sound add a little at both ends of the stretch.
            if each.pts is not None and 0 <= each.pts * each.time_base < STRETCH
        ]
        for repetition in range(math.ceil(wanted.seconds / STRETCH)):
            for packet in packets:
                later = int(repetition * STRETCH / packet.time_base)
                copy = Packet(bytes(packet))
                copy.stream = to[packet.stream_index]
                copy.time_base = packet.time_base
                copy.pts, copy.dts = (packet.pts or 0) + later, (packet.dts or 0) + later
                copy.duration = packet.duration
                copy.is_keyframe = packet.is_keyframe
                container.mux(copy)


if __name__ == "__main__":
    main()
