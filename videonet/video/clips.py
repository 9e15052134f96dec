"""A kept video becomes clips: stretches of JPEG frames at a fixed rate."""

import hashlib
import itertools
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import msgspec
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from videonet.schemas.clip import Clip
from videonet.schemas.option import default_of
from videonet.schemas.reason import Reason
from videonet.schemas.selection import Subsampling
from videonet.schemas.settings import DataOptions
from videonet.versions import clip_versions
from videonet.video.container import Source, VideoError
from videonet.video.decode import (
    ShownFrame,
    ShownFrames,
    recordings_in,
    scaled,
    shown_frames,
)
from videonet.video.motion import MOTION_VERSION, Motion, Small, measured, small_picture
from videonet.video.recordings import Recording

# A training window is 2.56 s of video, at 12.5 frames a second unless something else is asked for
# (Parthasarathy et al. 2023, 3.1); a clip is up to four windows, and what is shorter than one is of
# no use.
WINDOW = Fraction("2.56")
CLIP_SECONDS = 4 * WINDOW

# What the clips say they belong to.
DATASET = "videonet"

# Largest height or width of a JPEG that the encoder makes, pixels.
LARGEST_JPEG = 65_500

# To be raised with every change to this code, or to the decoder's, that changes what is cut.
# (3: the whole display matrix, the pixels' aspect, recordings, damage)
CUT_VERSION = 3

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class ClipSettings:
    """What the bytes of clips depend on, beside the video and the constants of this module."""

    max_clips: int
    # longest stretch of lost frames in a clip, seconds, and most of the frames of all clips that
    # may be lost, as a share of them
    max_hole: float = default_of(DataOptions, "max_hole")
    max_lost: float = default_of(DataOptions, "max_lost")
    # whether what moves in them is measured; see `videonet.schemas.manifest.DataSettings`
    motion: bool = False
    # what its pictures are; see `videonet.schemas.selection.ClipOptions`
    short_side: int = default_of(DataOptions, "short_side")
    frame_rate: float = default_of(DataOptions, "frame_rate")
    jpeg_quality: int = default_of(DataOptions, "jpeg_quality")
    jpeg_subsampling: str = default_of(DataOptions, "jpeg_subsampling")

    @property
    def rate(self) -> Fraction:
        """Ticks a second."""
        return Fraction(str(self.frame_rate))

    @property
    def key(self) -> str:
        """Name under which clips are stored: other settings, code or libraries have another."""
        depends: dict[str, object] = {
            "version": CUT_VERSION,
            "rate": str(self.rate),
            "window": str(WINDOW),
            "clip": str(CLIP_SECONDS),
            "side": self.short_side,
            "quality": self.jpeg_quality,
            "max_clips": self.max_clips,
            "max_hole": self.max_hole,
            "max_lost": self.max_lost,
            "libraries": clip_versions(),
        }
        if self.jpeg_subsampling != Subsampling.NONE:
            depends["subsampling"] = self.jpeg_subsampling
        if self.motion:
            # Without it, the key is that of versions that measured nothing.
            depends["motion"] = MOTION_VERSION
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


@dataclass
class CutReport:
    """What is to be known of the clips of a video besides them; noted while they are cut."""

    # frames in the spans of the clips, and how many of them are lost
    frames: int = 0
    lost: int = 0
    # clips that have too long a hole
    left_out: int = 0
    # how long the first frame of each clip is shown, up to the video's next one, microseconds: so
    # much may a clip span besides its ticks
    first_durations: list[int] = field(default_factory=list)


class ClipSpan(NamedTuple):
    """Where a clip begins and ends: seconds from the first shown frame of its recording on."""

    recording: int
    begin: Fraction
    end: Fraction


def spans(length: Fraction, max_clips: int) -> list[tuple[Fraction, Fraction]]:
    """Begin and end of each clip of a video of `length` seconds, from its first shown frame on.

    Clips follow each other without gaps; a rest shorter than a window is dropped. If there are
    more than `max_clips`, so many full ones stay, spread evenly.
    """
    return [(each.begin, each.end) for each in clip_spans([length], max_clips)]


def clip_spans(lengths: Sequence[Fraction], max_clips: int) -> list[ClipSpan]:
    """Likewise of a video that consists of recordings of so many seconds each.

    No clip spans two of them. Where more than `max_clips` are possible, full ones go before rests.
    """
    # They are counted and not listed: a broken clock may show a thousand years.
    full = [int(length // CLIP_SECONDS) for length in lengths]
    with_rests = [
        count + (length - count * CLIP_SECONDS >= WINDOW)
        for count, length in zip(full, lengths, strict=True)
    ]
    possible = sum(with_rests)
    places: Iterable[int]
    pool, places = with_rests, range(possible)
    if possible > max_clips:
        pool = full if sum(full) >= max_clips else with_rests
        places = [_evenly(i, max_clips, sum(pool)) for i in range(max_clips)]
    ends = list(itertools.accumulate(pool))
    found = []
    for place in places:
        recording = bisect_right(ends, place)
        begin = (place - ends[recording] + pool[recording]) * CLIP_SECONDS
        end = min(begin + CLIP_SECONDS, lengths[recording])
        found.append(ClipSpan(recording, begin, end))
    return found


def cut_clips(
    file: Source,
    length: Fraction,
    origin: ClipOrigin,
    settings: ClipSettings,
    recordings: Sequence[Recording] | None = None,
    report: CutReport | None = None,
) -> Iterator[Clip]:
    """The clips of a video of measured `length` seconds, in order. Raises VideoError.

    At each tick the last frame shown at or before it is taken; a frame that two ticks show is
    stored once, with its own time. `recordings` are those of the video, or none if it is known to
    be a single one; None: they are looked for. `report` is filled. A clip with too long a hole is
    left out. If too much is lost of all clips, or all are left out, VideoError is raised after the
    last one.
    """
    recordings = recordings_in(file) if recordings is None else recordings
    report = CutReport() if report is None else report
    is_one = len(recordings) < 2
    lengths = [length] if is_one else [each.length for each in recordings]
    ticker = _Ticker(shown_frames(file, recordings=recordings), settings.rate)
    base, of, at, number = ticker.begin(0), 0, Fraction(0), 0
    for recording, begin, end in clip_spans(lengths, settings.max_clips):
        if recording != of:
            base, of = ticker.begin(recording), recording
        elif begin > at and is_one and base is not None:
            # What lies between spans need not be decoded, and may be broken.
            ticker = _Ticker(shown_frames(file, base + begin), settings.rate)
        at = end
        clip, duration = None, 0
        if base is not None:
            shown = ticker.frames(base + begin, base + end)
            clip, duration = _clip(
                ticker,
                shown,
                base + end,
                base + lengths[recording],
                origin,
                number,
                settings,
            )
            hole = ticker.account(base + begin, base + end, report)
            if hole > Fraction(str(settings.max_hole)):
                clip = None
        if clip is None:
            report.left_out += 1
        else:
            number += 1
            report.first_durations.append(duration)
            yield clip
    if report.lost > Fraction(str(settings.max_lost)) * report.frames or (
        report.left_out and not number
    ):
        text = f"{report.lost} of the {report.frames} frames of its clips are damaged"
        raise VideoError(Reason.UNDECODABLE, text)


def labelled(clip: Clip, origin: ClipOrigin) -> Clip:
    """A clip with what `origin` says of it; its frames stay as they are.

    It has no ids of labels: the shard that it is written to gives it those.
    """
    number = clip.example_id.rpartition("#")[2]
    return msgspec.structs.replace(
        clip,
        example_id=f"{origin.video_key}#{number}",
        clip_data_path=origin.url,
        clip_media_id=origin.video_id,
        clip_label_index=origin.labels,
        clip_label_string=origin.names,
        clip_label_text=origin.names,
        clip_label_target_id=None,
        clip_label_wnid=None,
    )


class _Ticker:
    """Frames as ticks show them. Spans are asked for in ascending order."""

    def __init__(self, frames: ShownFrames, rate: Fraction) -> None:
        self._frames, self._rate = frames, rate
        self._failure: VideoError | None = None
        self._recording = 0
        self._now: ShownFrame | None = None
        # of the frames that have passed since the last account, seconds
        self._passed: list[Fraction] = []
        self._next = self._read()

    def begin(self, recording: int) -> Fraction | None:
        """Go to a recording. When its first frame is shown, also a lost one; None: none is whole.

        Raises VideoError if the video has none at all.
        """
        self._recording, self._now = recording, None
        while self._next is not None and self._next.recording < recording:
            self._next = self._read()
        if self._next is None or self._next.recording != recording:
            if recording == 0 and self._failure is not None:
                raise self._failure
            return None
        lost = [time for number, time in self._frames.lost if number == recording]
        return min([self._next.time, *lost])

    def frames(self, begin: Fraction, end: Fraction) -> Iterator[tuple[ShownFrame, bool]]:
        """The frames shown at the ticks from `begin` to before `end`, and whether each is new.

        At a tick that shows what the tick before showed, it is not.

        Raises VideoError where the file breaks off before `end`.
        """
        last = None
        for tick in range(self._ticks(begin, end)):
            self._advance(begin + tick / self._rate)
            if self._now is not None:
                yield self._now, self._now is not last
            last = self._now
        if self._failure is not None:
            reached = self._frames.reached
            if reached is None or reached < end:
                raise self._failure

    def shown_until(self, end: Fraction) -> Fraction:
        """When the next frame takes the place of the present one; at `end` where none does."""
        following = self._next
        if following is None or following.recording != self._recording:
            return end
        return following.time

    def account(self, begin: Fraction, end: Fraction, report: CutReport) -> Fraction:
        """Count the frames of a span that have passed; its longest hole, seconds."""
        last = begin + (self._ticks(begin, end) - 1) / self._rate
        whole = [time for time in self._passed if begin <= time]
        lost = sorted(
            time
            for number, time in self._frames.lost
            if number == self._recording and begin <= time <= last
        )
        self._passed.clear()
        report.frames += len(whole) + len(lost)
        report.lost += len(lost)
        whole.append(min(end, self.shown_until(end)))
        holes = [whole[min(bisect_right(whole, time), len(whole) - 1)] - time for time in lost]
        return max(holes, default=Fraction(0))

    def _ticks(self, begin: Fraction, end: Fraction) -> int:
        return int(-((begin - end) * self._rate // 1))

    def _advance(self, time: Fraction) -> None:
        while (
            self._next is not None
            and self._next.recording == self._recording
            and self._next.time <= time
        ):
            self._passed.append(self._next.time)
            self._now, self._next = self._next, self._read()

    def _read(self) -> ShownFrame | None:
        try:
            return next(self._frames, None)
        except VideoError as failure:
            self._failure = failure
            return None


class _Measures:
    """What moves in a clip, measured while its frames pass."""

    def __init__(self) -> None:
        self._pictures: list[Small] = []
        # of each tick, which of them it shows
        self._shown: list[int] = []

    def see(self, image: NDArray[np.uint8] | None) -> None:
        """The next tick shows this frame; None: the one that the tick before showed."""
        if image is not None:
            self._pictures.append(small_picture(image))
        self._shown.append(len(self._pictures) - 1)

    def motion(self) -> Motion:
        """What was measured, once there was a frame."""
        return measured(self._pictures, self._shown)


def _clip(
    ticker: _Ticker,
    frames: Iterator[tuple[ShownFrame, bool]],
    end: Fraction,
    last: Fraction,
    origin: ClipOrigin,
    number: int,
    settings: ClipSettings,
) -> tuple[Clip | None, int]:
    """The clip of these frames up to `end`, if there is one, and how long the first is shown.

    Their recording ends at `last`. All in seconds, but for how long a frame is shown: microseconds.
    """
    measures = _Measures() if settings.motion else None
    subsampling = settings.jpeg_subsampling.replace(":", "")
    jpegs: list[bytes] = []
    times: list[int] = []
    height = width = duration = 0
    for frame, is_new in frames:
        if not is_new:
            if measures is not None:
                measures.see(None)
            continue
        if not height:
            height, width = scaled(*frame.size, settings.short_side)
            if max(height, width) > LARGEST_JPEG:
                raise VideoError(Reason.UNDECODABLE, f"frames of {width}x{height} are no JPEGs")
            duration = max(0, round((ticker.shown_until(last) - frame.time) * MICROSECONDS))
        image = frame.image(height, width)
        if measures is not None:
            measures.see(image)
        jpegs.append(
            simplejpeg.encode_jpeg(
                image,
                quality=settings.jpeg_quality,
                colorspace="RGB",
                colorsubsampling=subsampling,
            )
        )
        time = round(frame.time * MICROSECONDS)
        times.append(max(time, times[-1] + 1) if times else time)
    if not times:
        return None, duration
    clip = Clip(
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
        image_frame_rate=settings.frame_rate,
        image_encoded=tuple(jpegs),
        image_timestamp=tuple(times),
    )
    if measures is not None:
        clip = _with_motion(clip, measures.motion())
    return clip, duration


def _with_motion(clip: Clip, motion: Motion) -> Clip:
    """The clip with the columns of motion."""
    return msgspec.structs.replace(
        clip,
        clip_motion_repeated=motion.repeated,
        clip_motion_difference=motion.difference,
        clip_cut_timestamp=tuple(clip.image_timestamp[place] for place in motion.cuts),
    )


def _evenly(i: int, chosen: int, of: int) -> int:
    """The i-th of `chosen` positions out of `of`: from the first to the last; one: the middle."""
    return (of - 1) // 2 if chosen == 1 else round(Fraction(i * (of - 1), chosen - 1))
