"""Decoding, with PyAV: what a file holds, its first frames, its frames over time, its length.

A file goes in, frames and numbers come out; nothing is shared between calls, so any number of
threads may decode at once. What is wrong with a video becomes a VideoError; a path that cannot be
read raises OSError. All runs in the present process: a run has it done in others, which are shut in
(`videonet.video.decoder`).
"""

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from videonet.schemas.reason import Reason
from videonet.schemas.scan import Probe
from videonet.video.container import (
    MATROSKA,
    MP4,
    OpenFile,
    Source,
    VideoError,
    is_shown,
    opened,
    packets,
    undecodable,
)
from videonet.video.damage import WholeFrames, packet_number
from videonet.video.orientation import (
    AS_STORED,
    Orientation,
    PixelAspect,
    orientation_of,
    shown_size,
)
from videonet.video.recordings import (
    REORDERED,
    Clock,
    Recording,
    Stamp,
    are_possible,
    recordings_of,
)
from videonet.video.rescale import small_rgb

Image = NDArray[np.uint8]

# Containers with an index, in which FFmpeg finds the keyframe before a time.
_SEEKABLE = frozenset({MP4, MATROSKA})


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


# FFmpeg's flag of formats whose clock may jump.
_TS_DISCONT = 0x0200


@dataclass(frozen=True)
class FirstFrames:
    """What the classifier is to see of a video."""

    # uint8 RGB [N, H, W, 3]
    images: Image
    probe: Probe
    # of the first frames, how many could not be decoded, or were made of one that could not
    lost: int = 0


@dataclass(frozen=True)
class ShownFrame:
    """A frame and when it is shown."""

    # seconds, strictly increasing within a recording: on the container's clock, made to go on where
    # it starts again or jumps
    time: Fraction
    # number of the recording that it is of, 0-based
    recording: int
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
        with undecodable():
            return small_rgb(
                self._frame, height, width, turns, self._reformatter, mirrored=mirrored
            )


def probe(source: Source) -> Probe:
    """What the container says of the best video stream. Raises VideoError if it shows nothing."""
    with opened(source) as (container, stream):
        whole = WholeFrames(container, stream)
        return _probe(container, stream, whole.first(iter(whole)))


def first_frames(
    source: str | Source,
    count: int,
    resize: int,
    crop: tuple[int, int],
    into: Image | None = None,
) -> FirstFrames:
    """Decode the first `count` frames in presentation order, or all if there are fewer.

    Each is turned upright, resized to square pixels of which its short side has `resize`, and
    cropped in the centre to `crop` (height, width). A frame that damage has taken counts as one of
    them, and is not there. `into`, uint8 [count, height, width, 3], is where the frames are put;
    None: it is made. Raises VideoError.
    """
    into = np.empty((count, *crop, 3), np.uint8) if into is None else into
    with opened(source) as (container, stream):
        reformatter = VideoReformatter()
        whole = WholeFrames(container, stream, count)
        frames = iter(whole)
        first = whole.first(frames)
        aspect = PixelAspect(stream)
        whole_ones = 0
        for frame in itertools.chain([first], frames):
            into[whole_ones] = _cropped(frame, aspect.now(), resize, crop, reformatter)
            whole_ones += 1
        probe = _probe(container, stream, first)
        return FirstFrames(into[:whole_ones], probe, len(whole.lost))


def read_first_frames(
    source: Source, count: int, foresee: Callable[[int], None] = lambda _: None
) -> None:
    """Read what decoding the first `count` frames reads, and decode the first. Raises VideoError.

    Some more is read: frames come out of a decoder later than they went in. As soon as it is known
    or can be estimated, `foresee` is told before which byte of the file all this is likely to end.
    """
    wanted = count + REORDERED
    # What cannot be read here, the frames may still do without; that is for their decoder to say.
    with suppress(VideoError), opened(source) as (container, stream):
        end = _end_of(container, stream, wanted)
        if end is not None:
            foresee(end)
        shown = filter(is_shown, packets(container, stream))
        for _ in itertools.islice(shown, wanted):
            pass
    if not isinstance(source, Path | OpenFile):
        source.seek(0)
    probe(source)


class ShownFrames(Iterator[ShownFrame]):
    """The frames of a video that can be shown, in presentation order; see `shown_frames`."""

    def __init__(
        self, source: Source, start: Fraction | None, recordings: Sequence[Recording]
    ) -> None:
        self._recordings = recordings if len(recordings) > 1 else ()
        # What is added to the container's clock within each of the recordings, seconds.
        self._added = [Fraction(0)]
        for before, after in itertools.pairwise(self._recordings):
            end = before.start + before.length + self._added[-1]
            self._added.append(end - after.start)
        self._whole: WholeFrames | None = None
        self._tick: Fraction | None = None
        self._ahead: list[ShownFrame] = []
        self._frames = self._read(source, start)

    def __next__(self) -> ShownFrame:
        """The next frame. Raises VideoError."""
        return self._ahead.pop() if self._ahead else next(self._frames)

    def begins_by(self, time: Fraction) -> bool:
        """Whether there is a first frame, and it is shown at `time` or before. Raises VideoError.

        To be asked before any frame is taken.
        """
        first = next(self._frames, None)
        if first is not None:
            self._ahead.append(first)
        return first is not None and first.time <= time

    @property
    def lost(self) -> list[tuple[int, Fraction]]:
        """The frames that were lost so far: number of the recording, and time in seconds."""
        if self._whole is None or not self._whole.lost or self._tick is None:
            return []
        return [
            (number, self._added[number] + ticks * self._tick)
            for ticks, packet in self._whole.lost
            if ticks is not None
            for number in (self._recording_of(packet),)
        ]

    @property
    def reached(self) -> Fraction | None:
        """The end of the last frame that was there, whole or lost, seconds."""
        ticks = None if self._whole is None else self._whole.reached
        if ticks is None or self._tick is None:
            return None
        return self._added[-1] + ticks * self._tick

    def _recording_of(self, packet: int | None) -> int:
        if packet is None or not self._recordings:
            return 0
        return bisect_right(self._recordings, packet, key=lambda each: each.packet) - 1

    def _read(self, source: Source, start: Fraction | None) -> Iterator[ShownFrame]:
        with opened(source) as (container, stream):
            if start is not None and container.format.name in _SEEKABLE and stream.time_base:
                # The first frame may say what the decoder must know of all: which encoder made
                # them, whose faults it has to make up for (H.264 in 4:4:4 by x264 before 2017).
                whole = WholeFrames(container, stream)
                whole.first(iter(whole))
                with undecodable():
                    container.seek(int(start / stream.time_base), stream=stream)
            self._whole = WholeFrames(container, stream, numbered=bool(self._recordings))
            self._tick = stream.time_base
            reformatter = VideoReformatter()
            aspect = PixelAspect(stream)
            clock, of = _FrameClock(), 0
            last: Fraction | None = None
            frames = iter(self._whole)
            for frame in itertools.chain([self._whole.first(frames)], frames):
                number = self._recording_of(packet_number(frame))
                if number != of:
                    clock, of, last = _FrameClock(), number, None
                ticks = clock.time(frame)
                if ticks is None or frame.time_base is None:
                    continue
                time = self._added[number] + ticks * frame.time_base
                if last is None or time > last:
                    yield ShownFrame(time, number, aspect.now(), frame, reformatter)
                    last = time


def shown_frames(
    source: Source,
    start: Fraction | None = None,
    recordings: Sequence[Recording] = (),
) -> ShownFrames:
    """Decode frames in presentation order: all, or those from some time at or before `start` on.

    `start` is in seconds on the container's clock. `recordings` are those of `recordings_in`, where
    there is more than one: time goes on from each to the next. A frame that would be shown no later
    than the one before it is left out. Iterating raises VideoError.
    """
    # A clock that says a time twice does not tell where to go.
    if start is not None and len(recordings) < 2:
        with suppress(VideoError):
            frames = ShownFrames(source, start, ())
            if frames.begins_by(start):
                return frames
    return ShownFrames(source, None, recordings)


def recordings_in(source: str | Source) -> list[Recording]:
    """The recordings of the best video stream, nearly always one. Raises VideoError.

    Packets that an edit list discards are never shown and do not count.
    """
    with opened(source) as (container, stream):
        stamps: list[Stamp] = []
        try:
            stamps.extend(
                Stamp(packet.pts, packet.dts, max(0, packet.duration or 0))
                for packet in filter(is_shown, packets(container, stream))
                if packet.pts is not None or packet.dts is not None
            )
        except VideoError:
            # What was read until then can be shown.
            if not stamps:
                raise
        if not stamps or stream.time_base is None:
            raise VideoError(Reason.UNDECODABLE, "the video stream has no packets with a time")
        clock = Clock(
            tick=stream.time_base,
            may_jump=bool(container.format.flags & _TS_DISCONT),
            has_dts=container.format.name != MATROSKA,
        )
        found = recordings_of(stamps, clock)
        if not are_possible(found):
            raise VideoError(Reason.UNDECODABLE, "the video's clock shows times that cannot be")
        return found


def video_length(source: str | Source) -> Fraction:
    """See `videonet.video.decoder.video_length`."""
    return sum((each.length for each in recordings_in(source)), Fraction(0))


def scaled(height: Fraction | int, width: Fraction | int, short_side: int) -> tuple[int, int]:
    """Height and width after a resize that keeps the aspect and makes the short side so long."""
    if height <= width:
        return short_side, max(short_side, round(width * short_side / height))
    return max(short_side, round(height * short_side / width)), short_side


class _FrameClock:
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


def _probe(container: InputContainer, stream: VideoStream, frame: VideoFrame) -> Probe:
    mirrored, turns = orientation_of(frame)
    aspect = PixelAspect(stream).now()
    height, width = shown_size(frame.height, frame.width, aspect, turns)
    rate = stream.average_rate
    return Probe(
        width=max(1, round(width)),
        height=max(1, round(height)),
        fps=round(float(rate), 3) if rate else None,
        codec=stream.codec_context.codec.canonical_name,
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
    with undecodable():
        rgb = reformatter.reformat(frame, format="rgb0", threads=1)
    (plane,) = rgb.planes
    size = rgb.width, rgb.height
    pixels = np.asarray(plane)
    image = PIL.Image.frombuffer("RGBX", size, pixels, "raw", "RGBX", plane.line_size, 1)
    return image if orientation == AS_STORED else image.transpose(_AS_SHOWN[orientation])
