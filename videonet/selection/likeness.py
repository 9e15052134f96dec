"""Whether the clips of a video show what is in an evaluation set: a function of their frames.

Frames of a clip and of a video of the set whose hashes are alike prove little alone. Several that
follow each other in both at the same distance in time do; or one, if its pixels agree, too.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from videonet.schemas.clip_hashes import ClipHashes
from videonet.schemas.exclusion import Likeness
from videonet.selection.agreement import agreement, small_picture
from videonet.selection.common_frames import longest_run
from videonet.selection.reference import Reference
from videonet.video.frame_hash import HASH_BYTES, LEAST_QUALITY

# To be raised with every change to what counts as alike.
# (2: one frame is compared by the fields of its picture, up to more bits)
LIKENESS_VERSION = 2

# Bits of 256 in which frames that are alike differ at most, and how many such frames there must be,
# as far apart in time as in the set. By `benchmarks/likeness.py`.
MOST_BITS = 40
LEAST_FRAMES = 3

# Bits in which a single frame may differ. How well its pixels have to agree: up to 40 bits, so
# much; with each bit more, somewhat better, up to a limit. Likewise.
MOST_BITS_BY_PIXELS = 64
_AGREEMENT, _MORE_A_BIT, _MOST_AGREEMENT = 0.7, 0.01, 0.9
# How many pairs of frames are looked at, those whose hashes are nearest; so many of one file.
_MOST_LOOKED_AT, _MOST_OF_A_FILE = 64, 8

# The pictures [H, W] of frames of the clips, by their places among the hashes: of all that are
# asked for. Raises OSError where one of them is gone.
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

    `pictures` is asked for frames only where a single one would decide. What it raises is raised.
    """
    whole = np.frombuffer(hashes.hashes, np.uint8).reshape(-1, HASH_BYTES)
    places = [place for place, each in enumerate(hashes.qualities) if each >= LEAST_QUALITY]
    result = Likeness(video_key=hashes.video_key, sha256=hashes.sha256, frames=len(places))
    pairs = [
        _Pair(distance, places[number], frame, variant)
        for number, frame, variant, distance in reference.near(whole[places], MOST_BITS_BY_PIXELS)
    ]
    found = _in_sequence(hashes, reference, pairs) or _by_pixels(hashes, reference, pairs, pictures)
    return found or result


def least_agreement(bits: int) -> float:
    """How well the pixels of a single frame have to agree whose hash differs in so many bits.

    >>> least_agreement(30), least_agreement(50), least_agreement(64)
    (0.7, 0.8, 0.9)
    """
    return round(min(_MOST_AGREEMENT, _AGREEMENT + _MORE_A_BIT * max(0, bits - MOST_BITS)), 2)


def _in_sequence(
    hashes: ClipHashes, reference: Reference, pairs: Sequence[_Pair]
) -> Likeness | None:
    """The file that several frames are like, one after the other, if there is one: the longest."""
    by_file: defaultdict[int, list[_Pair]] = defaultdict(list)
    for pair in pairs:
        file = int(reference.file[pair.frame])
        if reference.is_video[file] and pair.distance <= MOST_BITS:
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
    apart = sorted(
        (hashes.times[pair.place] - int(reference.time[pair.frame]), pair) for pair in pairs
    )
    offsets = np.array([offset for offset, _ in apart], np.int64)
    run = longest_run(offsets, np.array([pair.place for _, pair in apart], np.int64))
    return [pair for _, pair in apart[run.begin : run.end]]


def _by_pixels(
    hashes: ClipHashes, reference: Reference, pairs: Sequence[_Pair], pictures: Pictures
) -> Likeness | None:
    """The file that a frame is like in its hash and its pixels, if there is one: the nearest."""
    looked_at = _nearest(reference, pairs)
    if not looked_at:
        return None
    shown = pictures(sorted({each.place for each in looked_at}))
    found = agreement(
        np.array([small_picture(shown[each.place]) for each in looked_at]),
        np.array([reference.altered(each.frame, each.variant) for each in looked_at]),
    )
    alike = [
        place
        for place, (agreed, pair) in enumerate(zip(found.tolist(), looked_at, strict=True))
        if agreed >= least_agreement(pair.distance)
    ]
    if not alike:
        return None
    file = reference.file[looked_at[alike[0]].frame]
    own = [looked_at[each] for each in alike if reference.file[looked_at[each].frame] == file]
    correlated = round(float(found[alike[0]]), 3)
    return _likeness(hashes, reference, own, len({each.place for each in own}), correlated)


def _nearest(reference: Reference, pairs: Sequence[_Pair]) -> list[_Pair]:
    """The pairs whose hashes are nearest; few of each file, so that none hides another."""
    chosen: list[_Pair] = []
    of_file = Counter[int]()
    for pair in sorted(pairs):
        file = int(reference.file[pair.frame])
        if of_file[file] < _MOST_OF_A_FILE and len(chosen) < _MOST_LOOKED_AT:
            of_file[file] += 1
            chosen.append(pair)
    return chosen


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
