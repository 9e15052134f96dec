"""Decoding, with PyAV: what a file holds, its first frames, its frames over time, its length.

A file goes in, frames and numbers come out; nothing is shared between calls, so any number of
threads may decode at once. `source` is a path or a readable, seekable binary file object. What is
wrong with a video becomes a VideoError; a path that cannot be read raises OSError.
"""

import errno
import itertools
import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import PIL.Image
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from videonet.schemas.reason import Reason
from videonet.schemas.scan import Probe
from videonet.video.orientation import (
    AS_STORED,
    Orientation,
    PixelAspect,
    orientation_of,
    shown_size,
)
from videonet.video.rescale import small_rgb

Image = NDArray[np.uint8]

# Containers with an index, in which FFmpeg finds the keyframe before a time.
_SEEKABLE = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})


# What Pillow calls what is done to a stored picture.
_AS_SHOWN = {
    Orientation(mirrored=False, turns=1): PIL.Image.Transpose.ROTATE_90,
    Orientation(mirrored=False, turns=2): PIL.Image.Transpose.ROTATE_180,
    Orientation(mirrored=False, turns=3): PIL.Image.Transpose.ROTATE_270,
    Orientation(mirrored=True, turns=0): PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    Orientation(mirrored=True, turns=1): PIL.Image.Transpose.TRANSPOSE,
    Orientation(mirrored=True, turns=2): PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    Orientation(mirrored=True, turns=3): PIL.Image.Transpose.TRANSVERSE,
}

# Most frames that a decoder keeps back for their order (in H.264 and HEVC), and one.
_DELAY = 17


class VideoError(Exception):
    """A file that cannot be used as a video: `reason` says which way, the message how."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class FirstFrames:
    """What the classifier is to see of a video."""

    # uint8 RGB [N, H, W, 3]
    images: Image
    probe: Probe


@dataclass(frozen=True)
class ShownFrame:
    """A frame and when it is shown."""

    # seconds on the container's clock, strictly increasing within a video
    time: Fraction
    # width of a pixel, of its height
    aspect: Fraction | int
    _frame: VideoFrame
    _reformatter: VideoReformatter

    @property
    def size(self) -> tuple[Fraction | int, Fraction | int]:
        """Height and width as shown, upright and with square pixels; seldom fractions of pixels."""
        turns = orientation_of(self._frame).turns
        return shown_size(self._frame.height, self._frame.width, self.aspect, turns)

    def image(self, height: int, width: int) -> Image:
        """The frame as uint8 RGB [height, width, 3], upright, resized bilinearly.

        Raises VideoError.
        """
        mirrored, turns = orientation_of(self._frame)
        with _undecodable():
            return small_rgb(
                self._frame, height, width, turns, self._reformatter, mirrored=mirrored
            )


def probe(source: Path | BinaryIO) -> Probe:
    """What the container says of the best video stream. Raises VideoError if it shows nothing."""
    with _opened(source) as (container, stream):
        return _probe(container, stream, _first(_decoded(container, stream)))


def first_frames(
    source: Path | BinaryIO, count: int, resize: int, crop: tuple[int, int]
) -> FirstFrames:
    """Decode the first `count` frames in presentation order, or all if there are fewer.

    Each is turned upright, resized to square pixels of which its short side has `resize`, and
    cropped in the centre to `crop` (height, width). Raises VideoError.
    """
    with _opened(source) as (container, stream):
        reformatter = VideoReformatter()
        frames = _decoded(container, stream)
        first = _first(frames)
        shown = itertools.islice(itertools.chain([first], frames), count)
        aspect = PixelAspect(stream)
        images = [_cropped(frame, aspect.now(), resize, crop, reformatter) for frame in shown]
        return FirstFrames(np.stack(images), _probe(container, stream, first))


def read_first_frames(
    source: Path | BinaryIO, count: int, foresee: Callable[[int], None] = lambda _: None
) -> None:
    """Read what decoding the first `count` frames reads, and decode the first. Raises VideoError.

    Some more is read: frames come out of a decoder later than they went in. As soon as it is known
    or can be estimated, `foresee` is told before which byte of the file all this is likely to end.
    """
    packets = count + _DELAY
    # What cannot be read here, the frames may still do without; that is for their decoder to say.
    with suppress(VideoError), _opened(source) as (container, stream), _undecodable():
        end = _end_of(container, stream, packets)
        if end is not None:
            foresee(end)
        shown = (each for each in container.demux(stream) if each.size and not each.is_discard)
        for _ in itertools.islice(shown, packets):
            pass
    if not isinstance(source, Path):
        source.seek(0)
    probe(source)


def shown_frames(source: Path | BinaryIO, start: Fraction | None = None) -> Iterator[ShownFrame]:
    """Decode frames in presentation order: all, or those from some time at or before `start` on.

    `start` is in seconds on the container's clock. A frame that would be shown no later than the
    one before it is left out. Raises VideoError.
    """
    if start is not None:
        with suppress(VideoError):
            frames = _shown(source, start)
            first = next(frames, None)
            if first is not None and first.time <= start:
                return itertools.chain([first], frames)
    return _shown(source, None)


def _shown(source: Path | BinaryIO, start: Fraction | None) -> Iterator[ShownFrame]:
    with _opened(source) as (container, stream):
        if start is not None and container.format.name in _SEEKABLE and stream.time_base:
            # The first frame may say what the decoder must know of all: which encoder made them,
            # whose faults it has to make up for (H.264 in 4:4:4 by x264 before 2017 is one).
            _first(_decoded(container, stream))
            with _undecodable():
                container.seek(int(start / stream.time_base), stream=stream)
        reformatter = VideoReformatter()
        aspect = PixelAspect(stream)
        clock = _Clock()
        last: Fraction | None = None
        for frame in _decoded(container, stream):
            ticks = clock.time(frame)
            if ticks is None or frame.time_base is None:
                continue
            time = ticks * frame.time_base
            if last is None or time > last:
                yield ShownFrame(time, aspect.now(), frame, reformatter)
                last = time


def video_length(source: str | Path | BinaryIO) -> Fraction:
    """Length of the best video stream in seconds: max(pts + duration) - min(pts) over its packets.

    A packet without a duration counts as the median gap between packets. Packets that an edit
    list discards are never shown and do not count. Raises VideoError.

    >>> video_length("swan.mp4")
    Fraction(11, 1)
    """
    with _opened(source) as (container, stream), _undecodable():
        spans = sorted(_spans(container, stream))
        if not spans or stream.time_base is None:
            raise VideoError(Reason.UNDECODABLE, "the video stream has no packets with a time")
        starts = [start for start, _ in spans]
        gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
        gap = Fraction(statistics.median(gaps)) if gaps else Fraction(0)
        end = max(start + (duration if duration > 0 else gap) for start, duration in spans)
        return (end - starts[0]) * stream.time_base


def scaled(height: Fraction | int, width: Fraction | int, short_side: int) -> tuple[int, int]:
    """Height and width after a resize that keeps the aspect and makes the short side so long."""
    if height <= width:
        return short_side, max(short_side, round(width * short_side / height))
    return max(short_side, round(height * short_side / width)), short_side


class _Clock:
    """When frames are shown, in ticks: by their pts, or by their dts where pts run backwards more.

    FFmpeg's own guess (`best_effort_timestamp`), which PyAV does not hand out. It matters for AVI
    files with packed B-frames, whose pts are not in presentation order.
    """

    def __init__(self) -> None:
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faulty_pts = self._faulty_dts = 0

    def time(self, frame: VideoFrame) -> int | None:
        pts, dts = frame.pts, frame.dts
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        if pts is not None and (dts is None or self._faulty_pts <= self._faulty_dts):
            return pts
        return dts


@contextmanager
def _opened(source: str | Path | BinaryIO) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its best video stream, one decoding thread: callers run in parallel."""
    source = Path(source) if isinstance(source, str) else source
    if isinstance(source, Path):
        # FFmpeg's errors do not tell a missing file from one that refers to a missing one.
        source.open("rb").close()
    file = str(source) if isinstance(source, Path) else source
    try:
        container = av.open(file, mode="r", metadata_errors="ignore")
    except (av.FFmpegError, ValueError, OSError) as error:
        if _is_ours(error):
            raise
        raise VideoError(Reason.NOT_A_VIDEO, f"no media file: {_text(error)}") from error
    with container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
            kinds = ", ".join(sorted({each.type for each in container.streams})) or "none"
            raise VideoError(Reason.NOT_A_VIDEO, f"no video stream; streams: {kinds}")
        if stream.codec_context is None:
            raise VideoError(Reason.UNDECODABLE, "no decoder for the video stream")
        stream.thread_type = "NONE"
        yield container, stream


def _end_of(container: InputContainer, stream: VideoStream, packets: int) -> int | None:
    """Before which byte of the file the first packets of the stream end, as far as one can tell."""
    index = stream.index_entries
    first = [index[number] for number in range(min(packets, len(index)))]
    if first and all(entry.size for entry in first):
        # The index has each packet (MP4, AVI), or those of a first fragment.
        return max(entry.pos + entry.size for entry in first)
    if container.duration and stream.average_rate:
        share = packets / stream.average_rate * av.time_base / container.duration
        return math.ceil(container.size * min(share, Fraction(1)))
    return None


def _spans(container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, int]]:
    """Start and duration (0: unknown) of each packet that is shown, in ticks."""
    for packet in container.demux(stream):
        start = packet.dts if packet.pts is None else packet.pts
        if packet.size and start is not None and not packet.is_discard:
            yield start, packet.duration or 0


@contextmanager
def _undecodable() -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        if _is_ours(error):
            raise
        raise VideoError(Reason.UNDECODABLE, _text(error)) from error


def _is_ours(error: Exception) -> bool:
    """Whether a file object failed; not where a broken video made FFmpeg seek to nowhere."""
    if isinstance(error, av.FFmpegError) or not isinstance(error, OSError):
        return False
    return error.errno != errno.EINVAL


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    with _undecodable():
        yield from container.decode(stream)


def _first(frames: Iterator[VideoFrame]) -> VideoFrame:
    frame = next(frames, None)
    if frame is None:
        raise VideoError(Reason.UNDECODABLE, "no frame could be decoded")
    return frame


def _text(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _probe(container: InputContainer, stream: VideoStream, frame: VideoFrame) -> Probe:
    mirrored, turns = orientation_of(frame)
    aspect = PixelAspect(stream).now()
    height, width = shown_size(frame.height, frame.width, aspect, turns)
    rate = stream.average_rate
    return Probe(
        width=max(1, round(width)),
        height=max(1, round(height)),
        fps=round(float(rate), 3) if rate else None,
        codec=stream.codec_context.name,
        pixel_format=stream.codec_context.pix_fmt or frame.format.name,
        rotation=-turns % 4 * 90,
        container=container.format.name,
        video_streams=len(container.streams.video),
        audio_streams=len(container.streams.audio),
        mirrored=mirrored,
        pixel_aspect=float(aspect),
    )


def _cropped(
    frame: VideoFrame,
    aspect: Fraction | int,
    resize: int,
    crop: tuple[int, int],
    reformatter: VideoReformatter,
) -> Image:
    """The upright frame, its short side resized to `resize`, cropped in the centre to `crop`.

    Only what stays after the crop is resized. Pillow resizes, as it did for the pictures that image
    classifiers are trained on. FFmpeg's scaler, which turns YUV to RGB on the way, gives slightly
    other colours, with which a class that the test with real videos asks for is never seen.
    """
    orientation = orientation_of(frame)
    upright = _upright(frame, orientation, reformatter)
    height, width = scaled(
        *shown_size(frame.height, frame.width, aspect, orientation.turns), resize
    )
    top, left = (height - crop[0]) // 2, (width - crop[1]) // 2
    down, across = upright.height / height, upright.width / width
    box = (
        left * across,
        top * down,
        min((left + crop[1]) * across, upright.width),
        min((top + crop[0]) * down, upright.height),
    )
    small = upright.resize((crop[1], crop[0]), PIL.Image.Resampling.BILINEAR, box)
    return np.frombuffer(small.tobytes("raw", "RGB"), np.uint8).reshape(*crop, 3)


def _upright(
    frame: VideoFrame, orientation: Orientation, reformatter: VideoReformatter
) -> PIL.Image.Image:
    """The frame in its own size, upright: RGB, and a byte that says nothing.

    These four bytes are what Pillow keeps a pixel in, so that it takes the frame without a copy.
    """
    with _undecodable():
        rgb = reformatter.reformat(frame, format="rgb0", threads=1)
    (plane,) = rgb.planes
    size = rgb.width, rgb.height
    pixels = np.asarray(plane)
    image = PIL.Image.frombuffer("RGBX", size, pixels, "raw", "RGBX", plane.line_size, 1)
    return image if orientation == AS_STORED else image.transpose(_AS_SHOWN[orientation])
