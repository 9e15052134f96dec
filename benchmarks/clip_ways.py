"""What `benchmarks.clips` measures: videos, ways to cut them, and how good the JPEGs are."""

import bisect
import itertools
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import simplejpeg
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from videonet.files import sha256_of
from videonet.schemas.clip import Clip
from videonet.shards.writer import FORMATS
from videonet.video.clips import (
    DATASET,
    ClipOrigin,
    ClipSettings,
    CutReport,
    cut_clips,
    spans,
)
from videonet.video.container import VideoError
from videonet.video.decode import video_length
from videonet.video.decoder import shared_decoder

EVERY = 16
"""One of so many ticks is looked at for the PSNR."""

SETTINGS = ClipSettings(max_clips=10**6)
"""Spans without gaps, as ffmpeg is given one."""

FRAME_RATE = SETTINGS.rate
"""Ticks a second."""

# What some ticks of a video show, by their number, not compressed: uint8 RGB [H, W, 3]
Pictures = dict[int, NDArray[np.uint8]]

# of some videos, by their position
References = dict[int, Pictures]


@dataclass(frozen=True)
class Video:
    """A video to be cut."""

    path: Path
    # seconds, of all of it and of what the clips cover
    length: Fraction
    covered: Fraction
    # of the JPEGs
    height: int
    width: int


# Cuts a video into a file
Cut = Callable[[Video, Path], None]


class Quality(msgspec.Struct, frozen=True):
    """How ffmpeg encodes."""

    pixels: str
    q: int


def opened(path: Path) -> Video | None:
    """None: it cannot be cut, or is too short."""
    try:
        length = video_length(path)
        covered = [end for _, end in spans(length, SETTINGS.max_clips)]
        origin = ClipOrigin(DATASET, path.name, path.name, path.name)
        clips = list(cut_clips(path, length, origin, SETTINGS))
    except (VideoError, OSError):
        return None
    sizes = {(clip.image_height, clip.image_width) for clip in clips}
    if len(sizes) != 1:
        return None
    ((height, width),) = sizes
    return Video(path, length, covered[-1], height, width)


def counted(video: Video) -> tuple[int, int]:
    """Frames of the source within the spans, and ticks that show another than the one before."""
    times = [time for time, _ in frames_of(video)]
    return len(times), len({bisect.bisect_right(times, tick) for tick in ticks_of(video, times[0])})


# The ways. Each cuts one video, and writes what it makes to one file.


def check(video: Video, _: Path) -> None:
    """What curation does before: whether the file is the one that was fetched."""
    sha256_of(video.path)


def ours(video: Video, file: Path) -> None:
    """As curation does, in a process that is shut in, with the file in which clips wait."""
    origin = ClipOrigin(DATASET, "", "", "")
    with FORMATS["tfrecord"].open_writer(file) as write:
        for clip in shared_decoder().cut_clips(
            video.path, video.length, origin, SETTINGS, None, CutReport()
        ):
            write(clip)


def in_this_process(video: Video, file: Path) -> None:
    """The same without another process."""
    with FORMATS["tfrecord"].open_writer(file) as write:
        for clip in clips_of(video):
            write(clip)


def decode(video: Video, file: Path) -> None:
    """Make no JPEGs."""
    file.write_bytes(b"")
    for _ in frames_of(video):
        pass


def former(video: Video, file: Path) -> None:
    """The obvious way, which was ours once: RGB in full size, turned, resized by Pillow."""
    reformatter = VideoReformatter()
    with file.open("wb") as out:
        for _, frame in shown_at_ticks(video):
            rgb = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
            image = resized(rgb, frame, video)
            out.write(
                simplejpeg.encode_jpeg(image, quality=SETTINGS.jpeg_quality, colorspace="RGB")
            )


def by_ffmpeg(program: str, quality: Quality, threads: int | None) -> Cut:
    """The same frames (rounding up, a tick shows the last one before it), in the same size.

    BT.601 and full range are what a JPEG has, whatever the video has.
    """
    limit = [] if threads is None else ["-threads", str(threads)]
    few = [] if threads is None else ["-filter_threads", str(threads)]

    def cut(video: Video, file: Path) -> None:
        scale = f"scale={video.width}:{video.height}:flags=bilinear+accurate_rnd"
        filters = f"fps={FRAME_RATE}:round=up,{scale}:out_range=pc:out_color_matrix=bt601"
        command = [
            *(program, "-nostdin", "-v", "fatal", "-y", *few, *limit, "-i", str(video.path)),
            *("-map", "0:V:0", "-t", str(float(video.covered)), "-vf", filters),
            *("-c:v", "mjpeg", "-pix_fmt", quality.pixels, "-q:v", str(quality.q)),
            *(*limit, "-f", "mjpeg", str(file)),
        ]
        subprocess.run(command, check=True)

    return cut


def version(program: str) -> str:
    """What ffmpeg calls its version."""
    said = subprocess.run([program, "-version"], check=True, capture_output=True, text=True).stdout
    found = re.match(r"ffmpeg version (\S+)", said)
    return found[1] if found else "unknown"


# Frames, decoded without our code.


def frames_of(video: Video) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Frames and their times, up to the end of the last span."""
    with av.open(str(video.path), metadata_errors="ignore") as container:
        stream = container.streams.best("video")
        assert isinstance(stream, av.VideoStream)
        stream.thread_type = "NONE"
        end = None
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None:
                continue
            moment = frame.pts * frame.time_base
            end = moment + video.covered if end is None else end
            if moment >= end:
                break
            yield moment, frame


def ticks_of(video: Video, first: Fraction) -> list[Fraction]:
    """The times of the ticks, from that of the first frame on."""
    return [first + tick / FRAME_RATE for tick in range(int(video.covered * FRAME_RATE))]


def shown_at_ticks(video: Video) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each frame that a tick shows, with the number of the first such tick."""
    frames = frames_of(video)
    first, now = next(frames)
    tick = 0
    for moment, later in itertools.chain(frames, [(first + video.covered, None)]):
        upcoming = max(0, -((first - moment) * FRAME_RATE // 1))
        if upcoming > tick:
            yield tick, now
            tick = int(upcoming)
        if later is not None:
            now = later


def resized(rgb: NDArray[Any], frame: av.VideoFrame, video: Video) -> NDArray[np.uint8]:
    """Turned upright, and as large as the JPEGs."""
    upright = Image.fromarray(np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90) % 4)))
    return np.asarray(upright.resize((video.width, video.height), Image.Resampling.BILINEAR))


# PSNR.


def clips_of(video: Video) -> Iterator[Clip]:
    """What `cut_clips` makes of a video."""
    origin = ClipOrigin(DATASET, video.path.name, video.path.name, video.path.name)
    return cut_clips(video.path, video.length, origin, SETTINGS)


def reference(video: Video) -> Pictures:
    """Converted exactly, resized, and not compressed."""
    exactly = (
        Interpolation.BILINEAR
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.FULL_CHR_H_INP
    )
    pictures = {}
    for tick, frame in itertools.islice(shown_at_ticks(video), 0, None, EVERY):
        rgb = frame.to_ndarray(format="rgb24", interpolation=exactly)
        pictures[tick] = resized(rgb, frame, video)
    return pictures


def psnr(video: Video, jpegs: list[bytes], pictures: Pictures) -> Iterator[float]:
    """Of each of the pictures, dB."""
    shown = [tick for tick, _ in shown_at_ticks(video)]
    # ffmpeg repeats a frame for every tick that shows it.
    number_of = {tick: tick for tick in pictures}
    if len(jpegs) == len(shown):
        number_of = {tick: number for number, tick in enumerate(shown)}
    for tick, picture in pictures.items():
        if number_of[tick] < len(jpegs):
            image = simplejpeg.decode_jpeg(jpegs[number_of[tick]], colorspace="RGB")
            error = np.mean((image.astype(np.float64) - picture) ** 2)
            yield float(10 * np.log10(255**2 / max(error, 1e-6)))


def written(file: Path) -> list[bytes]:
    """The JPEGs in a file of ours, or in one that holds nothing else."""
    with file.open("rb") as start:
        if start.read(2) != b"\xff\xd8":
            return [jpeg for clip in FORMATS["tfrecord"].read(file) for jpeg in clip.image_encoded]
    with av.open(str(file), format="mjpeg") as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]
