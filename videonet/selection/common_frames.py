"""How much of one video is to be seen in another one: like frames, one after the other."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from videonet.video.frame_hash import distances

# Frames are alike if their hashes differ in at most so many of 256 bits.
LIKE_BITS = 24

# Frames that are alike count together if the one video runs beside the other: what lies between
# their times is the same, give or take so many microseconds. Of two encodings, frames that were
# taken twice a second are up to a quarter of a second apart, to both sides.
_SLACK = 600_000


class Frames(NamedTuple):
    """The frames of a video that show something."""

    # hashes, uint64 [N, 4]: see `videonet.video.frame_hash.words`
    words: NDArray[np.uint64]
    # ascending, microseconds within the video: int64 [N]
    times: NDArray[np.int64]


class Run(NamedTuple):
    """Pairs of like frames that count together: places from `begin` to `end`."""

    # different frames of the one video
    frames: int
    begin: int
    end: int


def frames_in_common(one: Frames, other: Frames) -> int:
    """How many frames of the shorter video are like one of the longer, which runs beside it.

    The shorter one is that with fewer frames; of two with equally many, that of which fewer are. So
    it is the same whichever is named first. Times of both may differ by any span, which is then the
    same for all of these frames.
    """
    shorter, longer = sorted((one, other), key=lambda each: len(each.times))
    frames, others = np.nonzero(distances(shorter.words, longer.words) <= LIKE_BITS)
    offsets = longer.times[others] - shorter.times[frames]
    order = np.lexsort((frames, offsets))
    found = longest_run(offsets[order], frames[order]).frames
    if len(shorter.times) < len(longer.times):
        return found
    # One frame may be like several, so that counts differ.
    return min(found, longest_run(offsets[order], others[order]).frames)


def longest_run(offsets: NDArray[np.int64], frames: NDArray[np.int64]) -> Run:
    """The pairs whose offsets lie within the slack that have the most different frames.

    Of each pair, `offsets` is what lies between its times, ascending, microseconds, and `frames`
    the number of its frame in the one video. Of several such runs the first.
    """
    within: dict[int, int] = {}
    best, first = Run(0, 0, 0), 0
    for last, frame in enumerate(frames.tolist()):
        within[frame] = within.get(frame, 0) + 1
        while offsets[last] - offsets[first] > _SLACK:
            gone = int(frames[first])
            within[gone] -= 1
            if not within[gone]:
                del within[gone]
            first += 1
        if len(within) > best.frames:
            best = Run(len(within), first, last + 1)
    return best
