"""Which frames of a clip the trainer looks at: a window of the clip, and three moments of it.

Times are microseconds. A frame is shown from its own time until the next frame's, so a clip that
stores a frame once where two ticks show it is sampled as it would be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas import Clip

# Length of a window, seconds: 32 frames at 12.5 a second; and the number of views
# (Parthasarathy et al. 2023, 3.1).
WINDOW_SECONDS = 2.56
VIEWS = 3

# A clip holds ticks of four windows at most. A frame that has been shown since long before the
# first tick must not make it longer.
CLIP_SECONDS = 4 * WINDOW_SECONDS

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Span:
    """A stretch of time: from `begin` to before `end`, microseconds."""

    begin: int
    end: int


def span_of(clip: Clip) -> Span:
    """The time that a clip shows."""
    longest = round(CLIP_SECONDS * _MICROSECONDS)
    begin = max(clip.clip_start_timestamp, clip.clip_end_timestamp - longest)
    return Span(begin, clip.clip_end_timestamp)


def window(span: Span, generator: np.random.Generator, seconds: float = WINDOW_SECONDS) -> Span:
    """A stretch of `seconds` at a uniform position; all of a span that is no longer than that."""
    length = round(seconds * _MICROSECONDS)
    room = span.end - span.begin - length
    if room <= 0:
        return span
    begin = span.begin + int(generator.integers(room, endpoint=True))
    return Span(begin, begin + length)


def marginal(window: Span, generator: np.random.Generator, count: int = VIEWS) -> tuple[int, ...]:
    """So many times within a window, each drawn independently and uniformly. In no order."""
    return tuple(generator.integers(window.begin, window.end, count).tolist())


def frames_at(times: Sequence[int], moments: Sequence[int]) -> tuple[int, ...]:
    """Index of the frame that is shown at each moment: the last one at or before it.

    `times` are the frames' own, strictly increasing. Before the first frame the first one counts.
    """
    found = np.searchsorted(np.asarray(times), np.asarray(moments), side="right") - 1
    return tuple(np.maximum(found, 0).tolist())
