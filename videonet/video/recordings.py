"""The clock of a video: where it starts again or jumps, and what lies between.

A recording is a stretch of a video whose clock runs on. Most videos are one recording. Transport
streams that were joined, and broadcasts with a gap, are several, one after the other.
"""

import heapq
import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

# How far a clock may step forward without being doubted, seconds: FFmpeg's `-dts_delta_threshold`.
LARGEST_STEP = Fraction(10)

# What no clock shows, seconds. Some begin to count in 1970, none so that microseconds since then
# are more than a number of 64 bits.
LATEST = 10**12

# Most frames that a decoder keeps back for their order (in H.264 and HEVC), and one.
REORDERED = 17


class Stamp(NamedTuple):
    """What a packet says of its time, in ticks. At least one of pts and dts is known."""

    pts: int | None
    dts: int | None
    # 0: unknown
    duration: int

    @property
    def start(self) -> int:
        """When its frame is shown, as far as is known."""
        start = self.dts if self.pts is None else self.pts
        assert start is not None, "a packet without any time"
        return start


@dataclass(frozen=True)
class Clock:
    """What is to be known of a stream's clock."""

    # seconds
    tick: Fraction
    # whether the format's clock may jump (AVFMT_TS_DISCONT: MPEG-TS, MPEG-PS, HLS and the like)
    may_jump: bool
    # whether the file itself states dts; FFmpeg makes up those of Matroska
    has_dts: bool


@dataclass(frozen=True)
class Recording:
    """A stretch of a video whose clock runs on."""

    # number of its first packet, 0-based, among those that are shown and have a time
    packet: int
    # first time on the container's clock, seconds
    start: Fraction
    # seconds
    length: Fraction


def are_possible(recordings: Sequence[Recording]) -> bool:
    """Whether a video can consist of these: there are some, at times that a clock can show."""
    return bool(recordings) and all(
        each.packet >= 0 and each.length >= 0 and abs(each.start) + each.length <= LATEST
        for each in recordings
    )


def recordings_of(stamps: Sequence[Stamp], clock: Clock) -> list[Recording]:
    """The recordings that these packets are of, in the order of the file.

    The length of one is max(pts + duration) - min(pts) over its packets; a packet without a
    duration counts as the median gap between packets. One that another follows may lack frames
    between its last ones, which came later in the file: it ends with the dts at the latest, so that
    decoding goes on from one to the next without a gap, as FFmpeg's command line has it.
    """
    groups = list(_split(stamps, clock))
    gaps = [gap for group in groups for gap in _gaps(group)]
    usual = Fraction(statistics.median(gaps)) if gaps else Fraction(0)
    found, packet = [], 0
    for number, group in enumerate(groups, 1):
        own = _gaps(group)
        gap = Fraction(statistics.median(own)) if own else usual
        start = min(stamp.start for stamp in group)
        end = max(stamp.start + (stamp.duration or gap) for stamp in group)
        length = end - start
        if clock.has_dts and number < len(groups):
            sent = [(stamp.dts, stamp.duration or gap) for stamp in group if stamp.dts is not None]
            if sent:
                length = min(length, sum(sent[-1]) - sent[0][0])
        found.append(Recording(packet, start * clock.tick, length * clock.tick))
        packet += len(group)
    return found


def _gaps(group: Sequence[Stamp]) -> list[int]:
    starts = sorted(stamp.start for stamp in group)
    return [later - earlier for earlier, later in itertools.pairwise(starts)]


def _split(stamps: Sequence[Stamp], clock: Clock) -> Iterator[Sequence[Stamp]]:
    """The packets of each recording."""
    steps = _gaps(stamps) if any(stamp.duration == 0 for stamp in stamps) else []
    usual = round(statistics.median(steps)) if steps else 0
    watch = _Dts if clock.has_dts else _Pts
    watched = watch()
    begin = 0
    for number, stamp in enumerate(stamps):
        duration = stamp.duration or usual
        if watched.steps_back(stamp, duration) or _jumps(watched.ahead(stamp), clock):
            yield stamps[begin:number]
            begin, watched = number, watch()
        watched.take(stamp, duration)
    if begin < len(stamps):
        yield stamps[begin:]


class _Step(NamedTuple):
    """How far a clock goes forward at once, and how much of that a frame is shown, ticks."""

    size: int
    covered: int


def _jumps(step: _Step | None, clock: Clock) -> bool:
    """Whether a step forward is a jump of the clock, and no frame that is shown long."""
    if step is None or step.size * clock.tick <= LARGEST_STEP:
        return False
    return clock.may_jump or (step.size - step.covered) * clock.tick > LARGEST_STEP


class _Dts:
    """Watches the dts, which rise within a recording."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._duration = 0

    def steps_back(self, stamp: Stamp, duration: int) -> bool:
        """Whether the clock starts again; less than a frame's time is a matter of rounding."""
        if self._last is None or stamp.dts is None:
            return False
        return stamp.dts < self._last and stamp.dts <= self._last - min(duration, self._duration)

    def ahead(self, stamp: Stamp) -> _Step | None:
        """The step to this packet from the one before."""
        if self._last is None or stamp.dts is None:
            return None
        return _Step(stamp.dts - self._last, self._duration)

    def take(self, stamp: Stamp, duration: int) -> None:
        """Go on to this packet."""
        if stamp.dts is not None:
            self._last, self._duration = stamp.dts, duration


class _Pts:
    """Watches the pts, of which a few come later in the file than they are shown."""

    def __init__(self) -> None:
        # the latest, smallest first: what may still be waiting for its turn
        self._waiting: list[int] = []
        # the largest that has had its turn
        self._past: int | None = None
        self._highest: int | None = None
        self._duration = 0

    def steps_back(self, stamp: Stamp, duration: int) -> bool:  # noqa: ARG002
        """Whether the clock starts again."""
        return self._past is not None and stamp.start < self._past

    def ahead(self, stamp: Stamp) -> _Step | None:
        """The step to this packet from the one that is shown last of those before."""
        if self._highest is None:
            return None
        return _Step(stamp.start - self._highest, self._duration)

    def take(self, stamp: Stamp, duration: int) -> None:
        """Go on to this packet."""
        heapq.heappush(self._waiting, stamp.start)
        if len(self._waiting) > REORDERED:
            self._past = heapq.heappop(self._waiting)
        if self._highest is None or stamp.start >= self._highest:
            self._highest, self._duration = stamp.start, duration
