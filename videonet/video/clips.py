"""A kept video becomes clips: stretches of JPEG frames at a fixed rate."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import msgspec
import simplejpeg

from videonet.schemas.clip import Clip
from videonet.schemas.reason import Reason
from videonet.versions import clip_versions
from videonet.video.decode import ShownFrame, VideoError, scaled, shown_frames, video_length

# A training window is 2.56 s of video at 12.5 frames a second (Parthasarathy et al. 2023, 3.1);
# a clip is up to four windows, and what is shorter than one is of no use.
FRAME_RATE = Fraction(25, 2)
WINDOW = Fraction("2.56")
CLIP_SECONDS = 4 * WINDOW

# What the clips say they belong to.
DATASET = "videonet"

SHORT_SIDE = 256
JPEG_QUALITY = 90

# Largest height or width of a JPEG that the encoder makes, pixels.
LARGEST_JPEG = 65_500

# To be raised with every change to this code, or to the decoder's, that changes what is cut.
CUT_VERSION = 3

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class ClipSettings:
    """What the bytes of clips depend on, beside the video and the constants of this module."""

    max_clips: int

    @property
    def key(self) -> str:
        """Name under which clips are stored: other settings, code or libraries have another."""
        depends = {
            "version": CUT_VERSION,
            "rate": str(FRAME_RATE),
            "window": str(WINDOW),
            "clip": str(CLIP_SECONDS),
            "side": SHORT_SIDE,
            "quality": JPEG_QUALITY,
            "max_clips": self.max_clips,
            "libraries": clip_versions(),
        }
        return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class ClipOrigin:
    """Whose clips they are, and what they show."""

    dataset: str
    video_key: str
    video_id: str
    url: str
    # positions in the run's target list, ascending, and the names at those positions
    labels: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


def spans(length: Fraction, max_clips: int) -> list[tuple[Fraction, Fraction]]:
    """Begin and end of each clip of a video of `length` seconds, from its first shown frame on.

    Clips follow each other without gaps; a rest shorter than a window is dropped. If there are
    more than `max_clips`, so many full ones stay, spread evenly.
    """
    full = int(length // CLIP_SECONDS)
    if full > max_clips or (full == max_clips and length - full * CLIP_SECONDS >= WINDOW):
        chosen = [_evenly(i, max_clips, full) for i in range(max_clips)]
        return [(index * CLIP_SECONDS, (index + 1) * CLIP_SECONDS) for index in chosen]
    begins = [index * CLIP_SECONDS for index in range(full + 1)]
    whole = [(begin, min(begin + CLIP_SECONDS, length)) for begin in begins]
    return [(begin, end) for begin, end in whole if end - begin >= WINDOW]


def cut_clips(
    file: Path, length: Fraction, origin: ClipOrigin, settings: ClipSettings
) -> Iterator[Clip]:
    """The clips of a video of measured `length` seconds, in order. Raises VideoError.

    At each tick the last frame shown at or before it is taken; a frame that two ticks show is
    stored once, with its own time.
    """
    frames = shown_frames(file)
    first = next(frames, None)
    if first is None:
        raise VideoError(Reason.UNDECODABLE, "no frame could be decoded")
    source, at = _Ticker(itertools.chain([first], frames)), Fraction(0)
    for number, (begin, end) in enumerate(spans(length, settings.max_clips)):
        if begin > at:
            # What lies between spans need not be decoded, and may be broken.
            source = _Ticker(shown_frames(file, first.time + begin))
        at = end
        shown = source.frames(first.time + begin, first.time + end)
        yield _clip(shown, first.time + end, origin, number)


def iter_clips(file: str | Path, max_clips: int = 4) -> Iterator[Clip]:
    """The clips that a curation would make of a video file, without labels, in order.

    A clip holds up to 10.24 s: JPEG frames at 12.5 ticks a second, their short side 256 pixels.
    Raises VideoError for a file that is no video, or that cannot be decoded.

    >>> for clip in iter_clips("swan.mp4"):
    ...     clip.example_id, clip.image_width, clip.image_height, len(clip.image_encoded)
    ('swan.mp4#0', 455, 256, 128)
    """
    file = Path(file)
    origin = ClipOrigin(DATASET, file.name, file.stem, file.name)
    return cut_clips(file, video_length(file), origin, ClipSettings(max_clips))


def labelled(clip: Clip, origin: ClipOrigin) -> Clip:
    """A clip with what `origin` says of it; its frames stay as they are."""
    return msgspec.structs.replace(
        clip,
        clip_data_path=origin.url,
        clip_media_id=origin.video_id,
        clip_label_index=origin.labels,
        clip_label_string=origin.names,
        clip_label_text=origin.names,
    )


class _Ticker:
    """Frames as ticks show them. Spans are asked for in ascending order."""

    def __init__(self, frames: Iterator[ShownFrame]) -> None:
        self._frames = frames
        self._now = next(frames)
        self._next = next(frames, None)

    def frames(self, begin: Fraction, end: Fraction) -> Iterator[ShownFrame]:
        """The frames shown at the ticks from `begin` to before `end`, none twice."""
        ticks = int(-((begin - end) * FRAME_RATE // 1))
        last = None
        for tick in range(ticks):
            self._advance(begin + tick / FRAME_RATE)
            if self._now is not last:
                yield self._now
            last = self._now

    def _advance(self, time: Fraction) -> None:
        while self._next is not None and self._next.time <= time:
            self._now, self._next = self._next, next(self._frames, None)


def _clip(frames: Iterator[ShownFrame], end: Fraction, origin: ClipOrigin, number: int) -> Clip:
    jpegs: list[bytes] = []
    times: list[int] = []
    height = width = 0
    for frame in frames:
        if not height:
            height, width = scaled(*frame.size, SHORT_SIDE)
            if max(height, width) > LARGEST_JPEG:
                raise VideoError(Reason.UNDECODABLE, f"frames of {width}x{height} are no JPEGs")
        image = frame.image(height, width)
        jpegs.append(simplejpeg.encode_jpeg(image, quality=JPEG_QUALITY, colorspace="RGB"))
        times.append(round(frame.time * MICROSECONDS))
    return Clip(
        example_id=f"{origin.video_key}#{number}",
        example_dataset_name=origin.dataset,
        clip_data_path=origin.url,
        clip_media_id=origin.video_id,
        clip_start_timestamp=times[0],
        clip_end_timestamp=round(end * MICROSECONDS),
        clip_label_index=origin.labels,
        clip_label_string=origin.names,
        clip_label_text=origin.names,
        image_format="jpeg",
        image_height=height,
        image_width=width,
        image_channels=3,
        image_colorspace="RGB",
        image_frame_rate=float(FRAME_RATE),
        image_encoded=tuple(jpegs),
        image_timestamp=tuple(times),
    )


def _evenly(i: int, chosen: int, of: int) -> int:
    """The i-th of `chosen` positions out of `of`: from the first to the last; one: the middle."""
    return (of - 1) // 2 if chosen == 1 else round(Fraction(i * (of - 1), chosen - 1))
