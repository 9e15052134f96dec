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


def chance(extremes: NDArray[np.float64], at: float) -> float:
    """The chance that a least value is at most `at`, by a Gumbel distribution of minima."""
    known = extremes[~np.isnan(extremes)]
    beta = max(float(known.std()), 1e-9) * math.sqrt(6) / math.pi
    mode = float(known.mean()) + 0.5772 * beta
    return -math.expm1(-math.exp(min(0.0, (at - mode) / beta)))


@dataclass
class Extrapolated:
    """Shares of innocent candidates against a large set."""

    # with a frame that near; with one, and its pixels agree; with three frames in sequence
    near: float
    by_pixels: float
    in_sequence: float

    @property
    def rejected(self) -> float:
        """By mistake."""
        return min(1.0, self.by_pixels + self.in_sequence)


def extrapolated(found: Nearness, scenes: float, bits: float, agreed: float) -> Extrapolated:
    """What to expect against so many scenes, for these limits of one frame."""
    near = scenes * chance(found.nearest, bits)
    # The pixels of the nearest frames, whether their hashes are as near as that or not.
    by_pixels = near * chance(-found.agreed, -agreed)
    in_sequence = scenes * chance(found.third, likeness.MOST_BITS)
    return Extrapolated(near, by_pixels, in_sequence)


def bounds(found: Nearness, scenes: float, bits: float, agreed: float) -> Extrapolated:
    """Likewise, each so much at most with a confidence of 95 %: over draws of scenes."""
    random = np.random.default_rng(0)
    rows, columns = found.nearest.shape
    drawn = []
    for _ in range(_DRAWS):
        mesh = np.ix_(random.integers(0, rows, rows), random.integers(0, columns, columns))
        some = Nearness(found.nearest[mesh], found.third[mesh], found.agreed[mesh])
        each = extrapolated(some, scenes, bits, agreed)
        drawn.append((each.near, each.by_pixels, each.in_sequence))
    return Extrapolated(*np.quantile(drawn, 0.95, axis=0).tolist())


def tell(kind: str, found: Nearness, scenes: float) -> None:
    """Print how near they are, and what that comes to against a set of so many scenes."""
    nearest, agreed = (each[~np.isnan(each)] for each in (found.nearest, found.agreed))
    seen = ((each, float(np.quantile(nearest, each))) for each in (0.01, 0.001))
    fit = "; ".join(
        f"{100 * share:g} % of the pairs differ in at most {at:.0f} bits, by the fit "
        f"{100 * chance(nearest, at):.2g} %"
        for share, at in seen
    )
    level = float(np.corrcoef(nearest, agreed)[0, 1])
    print(
        f"\ninnocent, {kind}: {len(nearest):,} pairs of different scenes. The nearest frames "
        f"differ in {nearest.min():.0f} bits at least, in {np.median(nearest):.0f} for half of "
        f"them; {fit}. Their pixels agree by {agreed.max():.2f} at most, by "
        f"{np.median(agreed):.2f} for half; correlation of bits and agreement {level:.2f}. A set "
        f"of {FRAMES:,} frames is {scenes:,.0f} such pairs for a candidate of 4 clips.\n"
    )
    print("| one frame within | pixels agree by | near | near and agreeing | at most (95 %) |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for bits in (48, 56, likeness.MOST_BITS_BY_PIXELS, 72):
        for least in (0.5, likeness.LEAST_AGREEMENT, 0.7):
            each, most = (act(found, scenes, bits, least) for act in (extrapolated, bounds))
            print(
                f"| {bits} bits | {least:g} | {each.near:.2g} | {each.by_pixels:.2g} | "
                f"{most.by_pixels:.2g} |"
            )
    limits = scenes, likeness.MOST_BITS_BY_PIXELS, likeness.LEAST_AGREEMENT
    each, most = (act(found, *limits) for act in (extrapolated, bounds))
    print(
        f"\nthree frames within {likeness.MOST_BITS} bits: {each.in_sequence:.2g}, at most "
        f"{most.in_sequence:.2g} (95 %). Rejected by mistake in all: {each.rejected:.2g}, at most "
        f"{most.rejected:.2g} (95 %)."
    )
