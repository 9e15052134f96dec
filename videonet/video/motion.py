"""How much moves in a clip, and where it is cut: measured on its ticks, of small pictures.

All is integer arithmetic up to the last division, so the same frames give the same bytes anywhere.

A cut is found where the picture differs from what was shown before by far more than pictures do
around it. That is the idea of PySceneDetect's AdaptiveDetector (a difference over the rolling
average of its neighbours). NOTE: ours is that the smallest of the differences across a place
counts, from any of the three ticks before it to any of the three from it on: what a flash brings is
gone again two ticks later, and what a cut brings stays.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# To be raised with every change to what is measured here.
MOTION_VERSION = 1

# Cells of a small picture are as large, pixels; so many are most along one side.
_CELL = 8
_MOST_CELLS = 128

# One pixel of so many counts, along each side of a cell.
_EVERY = 2

# Of 256 parts, as ITU-R BT.601 weighs them: red, green, blue.
_LUMA = np.array([77, 150, 29])

# Steps of luma in a small picture, for one of 0 to 255.
_STEPS = 16

# A picture repeats the one before where no cell differs by more than so many levels of luma, 0 to
# 255. `python -m benchmarks.cuts` has what that is of compressed stills, and of videos.
REPEATED = 2

# Ticks on each side of a place that are looked at to tell whether there is a cut.
_NEAR = 3

# Levels of luma that are added to what moves around a place: where nothing does, a picture must
# differ by CUT times as much.
_QUIET = 3

# There is a cut where the score of a place is at least this; measured by the same benchmark.
CUT = 2.25

# A clip is called still where at least this share of its ticks repeats the one before; likewise.
STILL = 0.9

# Shares and differences are stored in such steps: all formats of shards hold them exactly.
PARTS = 1024

# int16 [rows, columns]: mean luma of each cell, in steps of 1/16 of a level
Small = NDArray[np.int16]


class Motion(NamedTuple):
    """What is measured of a clip."""

    # share of its ticks that show what the tick before them showed, cuts left out; 1: a still
    repeated: float
    # mean difference of luma from one tick to the next, levels of 0 to 255, cuts left out
    difference: float
    # positions of the frames that begin another shot, ascending; none for the first
    cuts: tuple[int, ...]


def small_picture(image: NDArray[np.uint8]) -> Small:
    """The small picture of a frame, uint8 RGB [H, W, 3]; each side has at least 8 pixels."""
    height, width = (max(_CELL, -(-side // _MOST_CELLS)) for side in image.shape[:2])
    rows, columns = image.shape[0] // height, image.shape[1] // width
    image = image[: rows * height, : columns * width]
    # Row by row and column by column, which is faster than a sum over axes. Of cells of 8 x 8
    # pixels 16 bits hold the sum.
    is_usual = height == width == _CELL
    lines: NDArray[Any] = image[::height].astype(np.uint16 if is_usual else np.uint32)
    for row in range(_EVERY, height, _EVERY):
        lines += image[row::height]
    lines = lines.reshape(rows, columns, width, 3)
    cells = lines[:, :, 0].astype(np.int64)
    for column in range(_EVERY, width, _EVERY):
        cells += lines[:, :, column]
    counted = -(-height // _EVERY) * -(-width // _EVERY)
    small: Small = (cells @ _LUMA * _STEPS // (counted * 256)).astype(np.int16)
    return small


def measured(pictures: Sequence[Small], shown: Sequence[int]) -> Motion:
    """What is measured of a clip whose ticks show these pictures.

    `pictures` are those of its frames, of one size, and `shown` is the position of the frame that
    each tick shows, ascending; there is at least one.
    """
    ticks = np.stack([pictures[place] for place in shown])
    is_cut = cut_scores(pictures, shown) >= CUT
    moved = np.abs(ticks[1:] - ticks[:-1])
    within = moved[~is_cut]
    # With a cut at each tick, there is no step within a shot.
    pairs = max(1, len(within))
    repeated = int(np.count_nonzero(within.max(axis=(1, 2)) <= REPEATED * _STEPS))
    difference = int(within.sum(dtype=np.int64))
    return Motion(
        repeated=_parts(repeated, pairs),
        difference=_parts(difference, pairs * ticks[0].size * _STEPS),
        cuts=tuple(shown[1 + place] for place in np.flatnonzero(is_cut).tolist()),
    )


def cut_scores(pictures: Sequence[Small], shown: Sequence[int]) -> NDArray[np.float64]:
    """How much each tick but the first looks like the beginning of another shot: [ticks - 1].

    The arguments are those of `measured`.
    """
    ticks = np.stack([pictures[place] for place in shown])
    count = len(ticks)
    # By how many ticks they are apart: sums of the differences of all cells.
    apart = {
        lag: np.abs(ticks[lag:] - ticks[:-lag]).sum(axis=(1, 2), dtype=np.int64)
        for lag in range(1, min(2 * _NEAR, count))
    }
    scores = np.zeros(count - 1)
    for place in range(1, count):
        begin, end = max(0, place - _NEAR), min(count, place + _NEAR)
        across = min(
            int(apart[after - before][before])
            for before in range(begin, place)
            for after in range(place, end)
        )
        # Steps between ticks there, without the one that is looked at.
        around = apart[1][begin : end - 1].sum() - apart[1][place - 1]
        quiet = _QUIET * _STEPS * ticks[0].size
        scores[place - 1] = across / (around / max(1, end - begin - 2) + quiet)
    return scores


def are_parts(value: float, most: int) -> bool:
    """Whether a share or a difference is one that can be measured, at most `most`."""
    return 0 <= value <= most and (value * PARTS).is_integer()


def _parts(count: int, of: int) -> float:
    """A ratio in steps of 1/1024, as near as they allow."""
    return (2 * count * PARTS + of) // (2 * of) / PARTS
