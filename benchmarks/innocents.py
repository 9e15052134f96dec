"""How near videos are that have nothing in common, and what that comes to for a large set.

What is rejected by mistake is too seldom to be counted. So of each pair of different scenes, the
nearest frames are taken, altered ones among them, and how near these are is extrapolated by a
Gumbel distribution of extremes, fitted to its moments. A pair of scenes is one observation, however
many frames it has: frames of a video are not independent of each other.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videonet.schemas.clip_hashes import ClipHashes
from videonet.selection import likeness
from videonet.selection.agreement import agreement, small_picture
from videonet.selection.reference import Reference
from videonet.video.frame_hash import LEAST_QUALITY, distances, words

# What is extrapolated to: frames of a set, and seconds of a candidate's clips.
FRAMES, SECONDS = 100_000, 4 * 10.24
# Draws of scenes with replacement, for the upper bounds.
_DRAWS = 1_000
# Pairs of frames whose pixels are compared: as many as `likeness` looks at of a file.
_LOOKED_AT = 8


@dataclass
class Nearness:
    """How near candidates [C] are to files of a set [F]; NaN where they show the same scene."""

    # bits of the nearest frame, and of the third nearest frame of the candidate: [C, F]
    nearest: NDArray[np.float64]
    third: NDArray[np.float64]
    # the best agreement of pixels among the nearest pairs of frames: [C, F]
    agreed: NDArray[np.float64]


def nearness(
    candidates: Sequence[tuple[str, ClipHashes, Sequence[NDArray[np.uint8]]]],
    reference: Reference,
    is_same: Callable[[str, str], bool],
) -> Nearness:
    """Compare candidates, of which each has a name, hashes and pictures, with all of a set."""
    shape = len(candidates), len(reference.names)
    found = Nearness(*(np.full(shape, np.nan) for _ in range(3)))
    file_of = reference.file[reference.frame]
    held = words(reference.hashes.tobytes())
    begins = np.flatnonzero(np.r_[True, file_of[1:] != file_of[:-1]])
    ends = np.r_[begins[1:], len(file_of)]
    for row, (name, hashes, pictures) in enumerate(candidates):
        places = [place for place, each in enumerate(hashes.qualities) if each >= LEAST_QUALITY]
        if not places:
            continue
        bits = distances(words(hashes.hashes)[places], held)
        for begin, end in zip(begins, ends, strict=True):
            file = int(file_of[begin])
            if is_same(name, reference.names[file]):
                continue
            own = bits[:, begin:end]
            each = np.sort(own.min(axis=1))
            found.nearest[row, file], found.third[row, file] = each[0], each[min(2, len(each) - 1)]
            order = np.argsort(own, axis=None, kind="stable")[:_LOOKED_AT]
            frames, hashed = np.unravel_index(order, own.shape)
            shown = [small_picture(pictures[places[each]]) for each in frames]
            theirs = [
                reference.altered(int(reference.frame[each]), int(reference.variant[each]))
                for each in begin + hashed
            ]
            found.agreed[row, file] = agreement(np.array(shown), np.array(theirs)).max()
    return found


class _Minima:
    """A Gumbel distribution of minima, fitted to the moments of some."""

    def __init__(self, minima: NDArray[np.float64]) -> None:
        self._scale = max(float(minima.std()), 1e-9) * math.sqrt(6) / math.pi
        self._mode = float(minima.mean()) + 0.5772 * self._scale

    def chance(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """The chance that one is at most `at`, for each."""
        found: NDArray[np.float64] = -np.expm1(
            -np.exp(np.minimum(0.0, (at - self._mode) / self._scale))
        )
        return found


@dataclass
class Extrapolated:
    """Shares of innocent candidates against a large set."""

    # with one frame that near; with one, and its pixels agree; with three frames in sequence
    near: float
    by_pixels: float
    in_sequence: float


def extrapolated(found: Nearness, scenes: float, most: int) -> Extrapolated:
    """What to expect against so many scenes, where single frames may differ in `most` bits.

    Nearer frames agree somewhat better: that trend, a straight line, is extrapolated as well.
    """
    known = ~np.isnan(found.nearest)
    nearest, agreed = found.nearest[known], found.agreed[known]
    bits = np.arange(most + 1.0)
    near = scenes * _Minima(nearest).chance(bits)
    slope = float(np.polyfit(nearest, agreed, 1)[0])
    asked = np.array([likeness.least_agreement(int(each)) for each in bits])
    agreeing = _Minima(slope * nearest - agreed).chance(slope * bits - asked)
    in_sequence = scenes * _Minima(found.third[known]).chance(np.array([likeness.MOST_BITS]))
    return Extrapolated(
        near=float(near[-1]),
        by_pixels=float((np.diff(near, prepend=0.0) * agreeing).sum()),
        in_sequence=float(in_sequence[0]),
    )


def bounds(found: Nearness, scenes: float, most: int) -> Extrapolated:
    """Likewise, each so much at most with a confidence of 95 %: over draws of scenes."""
    random = np.random.default_rng(0)
    rows, columns = found.nearest.shape
    drawn = []
    for _ in range(_DRAWS):
        mesh = np.ix_(random.integers(0, rows, rows), random.integers(0, columns, columns))
        some = Nearness(found.nearest[mesh], found.third[mesh], found.agreed[mesh])
        each = extrapolated(some, scenes, most)
        drawn.append((each.near, each.by_pixels, each.in_sequence))
    return Extrapolated(*np.quantile(drawn, 0.95, axis=0).tolist())


def _fits(values: NDArray[np.float64], unit: str) -> str:
    """How many of the least values there are, and how many there are by the fit."""
    limits = np.quantile(values, [0.01, 0.001])
    fitted = 100 * _Minima(values).chance(limits)
    return " and ".join(
        f"{100 * (values <= at).mean():.2g} % are at {abs(at):.2f}{unit} or nearer, by the fit "
        f"{by:.2g} %"
        for at, by in zip(limits, fitted, strict=True)
    )


def tell(kind: str, found: Nearness, scenes: float) -> None:
    """Print how near they are, and what that comes to against a set of so many scenes."""
    known = ~np.isnan(found.nearest)
    nearest, agreed = found.nearest[known], found.agreed[known]
    level = float(np.corrcoef(nearest, agreed)[0, 1])
    print(
        f"\ninnocent, {kind}: {len(nearest):,} pairs of different scenes. The nearest frames "
        f"differ in {nearest.min():.0f} bits at least, in {np.median(nearest):.0f} for half of "
        f"them; {_fits(nearest, ' bits')}. Their pixels agree by {agreed.max():.2f} at most, by "
        f"{np.median(agreed):.2f} for half; {_fits(-agreed, '')}. Bits and agreement correlate "
        f"by {level:.2f}. A set of {FRAMES:,} frames is {scenes:,.0f} such pairs for a candidate "
        "of 4 clips.\n"
    )
    print("| one frame within | near | at most | near and agreeing | at most (95 %) |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for bits in (40, 48, 56, 60, 64, 68):
        each, most = (act(found, scenes, bits) for act in (extrapolated, bounds))
        print(
            f"| {bits} bits | {each.near:.2g} | {most.near:.2g} | {each.by_pixels:.2g} | "
            f"{most.by_pixels:.2g} |"
        )
    each, most = (
        act(found, scenes, likeness.MOST_BITS_BY_PIXELS) for act in (extrapolated, bounds)
    )
    print(
        f"\nthree frames within {likeness.MOST_BITS} bits: {each.in_sequence:.2g}, at most "
        f"{most.in_sequence:.2g} (95 %). Rejected by mistake in all: "
        f"{each.by_pixels + each.in_sequence:.2g}, at most "
        f"{most.by_pixels + most.in_sequence:.2g} (95 %)."
    )
