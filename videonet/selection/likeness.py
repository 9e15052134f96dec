"""Whether the clips of a video show what is in an evaluation set: a function of their frames.

Frames of a clip and of a video of the set that are alike prove little alone. Several that follow
each other in both at the same distance in time do; or one, if its pixels are alike, too.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from videonet.schemas.clip_hashes import ClipHashes
from videonet.schemas.exclusion import Likeness
from videonet.selection.reference import Reference, small_picture
from videonet.video.frame_hash import HASH_BYTES, LEAST_QUALITY

# To be raised with every change to what counts as alike.
LIKENESS_VERSION = 1

# Bits of 256 in which frames that are alike differ at most, and how many such frames there must be,
# as far apart in time as in the set within so many microseconds. By `benchmarks/likeness.py`.
MOST_BITS = 40
LEAST_FRAMES = 3
_SAME_OFFSET = 600_000

# Correlation of the pixels of a single frame that is enough, and how many are looked at: those
# whose hashes are nearest.
LEAST_CORRELATION = 0.9
_MOST_LOOKED_AT = 12

# The pictures [H, W] of frames of the clips, by their places among the hashes.
Pictures = Callable[[Sequence[int]], Mapping[int, NDArray[np.uint8]]]


class _Pair(NamedTuple):
    """A frame of the clips, and one of the set that is like it."""

    distance: int
    # place among the hashes of the clips
    place: int
    frame: int
    variant: int


def compare(hashes: ClipHashes, reference: Reference, pictures: Pictures) -> Likeness:
    """What the clips of a video have in common with an evaluation set.

    `pictures` is asked for frames only where a single one would decide.
    """
    whole = np.frombuffer(hashes.hashes, np.uint8).reshape(-1, HASH_BYTES)
    places = [place for place, each in enumerate(hashes.qualities) if each >= LEAST_QUALITY]
    result = Likeness(video_key=hashes.video_key, sha256=hashes.sha256, frames=len(places))
    pairs = [
        _Pair(distance, places[number], frame, variant)
        for number, frame, variant, distance in reference.near(whole[places], MOST_BITS)
    ]
    found = _in_sequence(hashes, reference, pairs) or _by_pixels(hashes, reference, pairs, pictures)
    return found or result


def _in_sequence(
    hashes: ClipHashes, reference: Reference, pairs: Sequence[_Pair]
) -> Likeness | None:
    """The file that several frames are like, one after the other, if there is one: the longest."""
    by_file: defaultdict[int, list[_Pair]] = defaultdict(list)
    for pair in pairs:
        file = int(reference.file[pair.frame])
        if reference.is_video[file]:
            by_file[file].append(pair)
    best: tuple[int, int, int] | None = None
    chosen: list[_Pair] = []
    for file, own in sorted(by_file.items()):
        run = _longest_run(hashes, reference, own)
        distance = min((each.distance for each in run), default=0)
        this = len({each.place for each in run}), -distance, -file
        if this[0] >= LEAST_FRAMES and (best is None or this > best):
            best, chosen = this, run
    if best is None:
        return None
    return _likeness(hashes, reference, chosen, best[0])


def _longest_run(hashes: ClipHashes, reference: Reference, pairs: Sequence[_Pair]) -> list[_Pair]:
    """Pairs at about the same distance in time: of those, the most frames of the clips."""
    offsets = sorted(
        (hashes.times[pair.place] - int(reference.time[pair.frame]), pair) for pair in pairs
    )
    best: list[_Pair] = []
    most, begin = 0, 0
    counts: defaultdict[int, int] = defaultdict(int)
    for end, (offset, pair) in enumerate(offsets):
        counts[pair.place] += 1
        while offset - offsets[begin][0] > _SAME_OFFSET:
            gone = offsets[begin][1].place
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
            begin += 1
        if len(counts) > most:
            most, best = len(counts), [each for _, each in offsets[begin : end + 1]]
    return best


def _by_pixels(
    hashes: ClipHashes, reference: Reference, pairs: Sequence[_Pair], pictures: Pictures
) -> Likeness | None:
    """The file that a single frame is like in its hash and its pixels, if there is one."""
    nearest = sorted(pairs)[:_MOST_LOOKED_AT]
    if not nearest:
        return None
    shown = pictures(sorted({each.place for each in nearest}))
    for pair in nearest:
        if pair.place not in shown:
            continue
        found = correlation(
            small_picture(shown[pair.place]), reference.altered(pair.frame, pair.variant)
        )
        if found >= LEAST_CORRELATION:
            return _likeness(hashes, reference, [pair], 1, round(found, 3))
    return None


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's correlation of the grey levels of two pictures of one size, -1 to 1."""
    first, second = one.ravel() - one.mean(), other.ravel() - other.mean()
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / scale if scale else 0.0


def _likeness(
    hashes: ClipHashes,
    reference: Reference,
    pairs: Sequence[_Pair],
    matched: int,
    correlated: float | None = None,
) -> Likeness:
    nearest = min(pairs)
    return Likeness(
        video_key=hashes.video_key,
        sha256=hashes.sha256,
        frames=sum(each >= LEAST_QUALITY for each in hashes.qualities),
        neighbour=reference.names[int(reference.file[nearest.frame])],
        distance=nearest.distance,
        matched=matched,
        time=round(min(hashes.times[each.place] for each in pairs) / 1_000_000, 3),
        correlation=correlated,
    )
