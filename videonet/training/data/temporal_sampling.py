"""Which frames of a clip the trainer looks at: a window of the clip, and moments of it.

`timestamps` draws them by one of four schemes: `marginal` is VITO's (Parthasarathy et al. 2023),
`delta` and `uniform` are what it is compared with, `same` is the one image of MoCLR (Tian et al.
2021).

Times are microseconds. A frame is shown from its own time until the next frame's, so a clip that
stores a frame once where two ticks show it is sampled as it would be seen.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videonet.schemas.clip import Clip

# A clip holds ticks of so many seconds at most, as curation cuts it (`videonet/clips.py`). A frame
# that has been shown since long before the first tick must not make it longer.
CLIP_SECONDS = 10.24

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Interval:
    """A stretch of time: from `begin` to before `end`, microseconds."""

    begin: int
    end: int


def interval_of(clip: Clip) -> Interval:
    """The time that a clip shows."""
    return interval_between(clip.clip_start_timestamp, clip.clip_end_timestamp)


def interval_between(begin: int, end: int) -> Interval:
    """The time that a clip shows whose first frame begins, and whose last one ends, then."""
    return Interval(max(begin, end - round(CLIP_SECONDS * _MICROSECONDS)), end)


def window(span: Interval, generator: np.random.Generator, seconds: float) -> Interval:
    """A stretch of `seconds` at a uniform position; all of a span that is no longer than that."""
    length = round(seconds * _MICROSECONDS)
    room = span.end - span.begin - length
    if room <= 0:
        return span
    begin = span.begin + int(generator.integers(room, endpoint=True))
    return Interval(begin, begin + length)


def shots_of(span: Interval, cuts: Sequence[int]) -> tuple[Interval, ...]:
    """The shots of a clip that shows the time `span`, in order: what lies between its cuts.

    `cuts` are its `clip_cut_timestamp`. So a method that learns from frames, shots and videos, such
    as VIVI (Tschannen et al. 2020), has its shots.

    >>> shots_of(Interval(0, 10_240_000), [2_000_000])
    (Interval(begin=0, end=2000000), Interval(begin=2000000, end=10240000))
    """
    within = [cut for cut in sorted(set(cuts)) if span.begin < cut < span.end]
    bounds = [span.begin, *within, span.end]
    return tuple(map(Interval, bounds[:-1], bounds[1:]))


def window_within_shot(
    span: Interval, cuts: Sequence[int], generator: np.random.Generator, seconds: float
) -> tuple[Interval, bool]:
    """A stretch of `seconds` that crosses no cut, and whether it still crosses one.

    All that cross none are equally probable. Where no shot is as long, it is one of `window`, which
    may cross a cut.
    NOTE: ours. The published trainer knows of no cuts.
    """
    length = round(seconds * _MICROSECONDS)
    shots = [shot for shot in shots_of(span, cuts) if shot.end - shot.begin >= length]
    if not shots:
        drawn = window(span, generator, seconds)
        return drawn, len(shots_of(drawn, cuts)) > 1
    places = [shot.end - shot.begin - length + 1 for shot in shots]
    place = int(generator.integers(sum(places)))
    for shot, own in zip(shots, places, strict=True):
        if place < own:
            return Interval(shot.begin + place, shot.begin + place + length), False
        place -= own
    raise AssertionError


def windows_apart(
    spans: Sequence[Interval],
    generator: np.random.Generator,
    count: int,
    seconds: float,
    apart: float,
) -> list[list[Interval]]:
    """So many stretches of `seconds` within spans, as evenly as these have room: those of each.

    `spans` ascend, and do not meet. From the end of a stretch to the begin of the next one, in
    whichever span, there are `apart` seconds at least. Where there is no room for `count` of them,
    there are as many as there is room for, where the last `apart` seconds of a span count as none
    if another one follows at once. All places within a span are equally probable.
    """
    length, gap = (round(each * _MICROSECONDS) for each in (seconds, apart))
    ends = [*(each.begin - gap for each in spans[1:]), spans[-1].end]
    lengths = [min(span.end, end) - span.begin for span, end in zip(spans, ends, strict=True)]
    # The last of a span needs no gap behind it.
    most = [max(0, (each + gap) // (length + gap)) for each in lengths]
    shares = [0] * len(spans)
    while sum(shares) < min(count, sum(most)):
        free = [place for place, share in enumerate(shares) if share < most[place]]
        left = count - sum(shares)
        for place in generator.permutation(free)[:left]:
            shares[place] += 1
    found = []
    for span, share, own in zip(spans, shares, lengths, strict=True):
        room = own - share * length - max(share - 1, 0) * gap
        before = np.sort(generator.integers(room, size=share, endpoint=True)) if share else ()
        begins = [
            span.begin + int(each) + place * (length + gap) for place, each in enumerate(before)
        ]
        found.append([Interval(begin, begin + length) for begin in begins])
    return found


def timestamps(
    sampling: str,
    window: Interval,
    generator: np.random.Generator,
    count: int,
    delta_seconds: float,
) -> tuple[int, ...]:
    """The moments of `count` views within a window, by one of the schemes below, given by name.

    Raises ValueError for another name.
    """
    match sampling:
        case "marginal":
            return marginal(window, generator, count)
        case "delta":
            return delta(window, generator, count, delta_seconds)
        case "uniform":
            return uniform(window, generator, count)
        case "same":
            return same(window, generator, count)
    raise ValueError(f"no way of sampling is called {sampling!r}")


def marginal(window: Interval, generator: np.random.Generator, count: int) -> tuple[int, ...]:
    """So many times within a window, each drawn independently and uniformly. In no order.

    VITO's own scheme.
    """
    return tuple(generator.integers(window.begin, window.end, count).tolist())


def delta(
    window: Interval,
    generator: np.random.Generator,
    count: int,
    delta_seconds: float,
) -> tuple[int, ...]:
    """Times that follow each other at a fixed distance; the first is uniform so that all fit.

    NOTE: in a window that is too short for them they are as far apart as it allows. Such a
    window is the whole of a short clip, which would be no example at all otherwise.
    """
    longest = window.end - window.begin - 1
    apart = round(delta_seconds * _MICROSECONDS)
    if count > 1:
        apart = min(apart, longest // (count - 1))
    room = longest - apart * (count - 1)
    first = window.begin + int(generator.integers(room, endpoint=True))
    return tuple(first + place * apart for place in range(count))


def uniform(window: Interval, generator: np.random.Generator, count: int) -> tuple[int, ...]:
    """One uniform time in each of `count` equal chunks of the window, in their order."""
    length = window.end - window.begin
    # In units of a microsecond / count, of which every chunk has `length`, however short it is.
    drawn = generator.integers(length, size=count).tolist()
    return tuple(
        window.begin + (place * length + within) // count for place, within in enumerate(drawn)
    )


def same(window: Interval, generator: np.random.Generator, count: int) -> tuple[int, ...]:
    """One uniform time for all views, which then differ by augmentation alone: MoCLR's images."""
    return marginal(window, generator, 1) * count


def frames_at(times: Sequence[int], moments: Sequence[int]) -> tuple[int, ...]:
    """Index of the frame that is shown at each moment: the last one at or before it.

    `times` are the frames' own, strictly increasing. Before the first frame the first one counts.
    """
    return tuple(max(bisect_right(times, moment) - 1, 0) for moment in moments)
