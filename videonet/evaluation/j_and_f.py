"""J and F: how well masks of objects in a video lie on the true ones, region and boundary.

After Perazzi et al. 2016 and Pont-Tuset et al. 2017, as davis2017-evaluation computes it
(metrics.py and evaluation.py, commit 30b698a).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from videonet.errors import UsageError

# How far a boundary may be from the true one, as a part of the image's diagonal.
TOLERANCE = 0.008

# A frame is recalled if it is better than this.
_RECALLED = 0.5

Mask = NDArray[np.bool_]
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class ObjectScores:
    """J and F of one object, a value a frame; the first and the last frame are left out."""

    # label in the masks, from 1
    label: int
    j: NDArray[np.float64]
    f: NDArray[np.float64]


def scores(truth: Labels, found: Labels, sequence: str) -> list[ObjectScores]:
    """J and F of each object of a sequence.

    Both are uint8 [frames, H, W], 0 for the background, 1 and up for objects; at least three
    frames. Objects are those of the first true mask. In `truth`, 255 is no object; an object that
    is missing in `found` scores as an empty mask. Raises UsageError where `found` has an object
    that there is not, or the two differ in shape.
    """
    if truth.shape != found.shape:
        raise UsageError(
            f"The masks of {sequence} are {_shape(found)}, and the true ones {_shape(truth)}."
        )
    # NOTE: 255 stands for pixels that belong to no object. The reference code makes background of
    # it before it looks for such pixels, and so counts them.
    truth = np.where(truth == 255, 0, truth)
    count = int(truth[0].max())
    if found.max(initial=0) > count:
        raise UsageError(
            f"The masks of {sequence} have an object {found.max()}, and there are {count}."
        )
    inner = slice(1, -1)
    return [
        ObjectScores(
            label,
            np.array([j_of(t, f) for t, f in _pairs(truth[inner], found[inner], label)]),
            np.array([f_of(t, f) for t, f in _pairs(truth[inner], found[inner], label)]),
        )
        for label in range(1, count + 1)
    ]


def j_of(truth: Mask, found: Mask) -> float:
    """Intersection over union of two masks [H, W]; 1 where both are empty."""
    union = int((truth | found).sum())
    return int((truth & found).sum()) / union if union else 1.0


def f_of(truth: Mask, found: Mask) -> float:
    """Harmonic mean of the precision and the recall of the boundary of `found` [H, W]."""
    ours, theirs = boundary(found), boundary(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    reach = math.ceil(TOLERANCE * math.hypot(*truth.shape))
    precision = _near(ours, theirs, reach)
    recall = _near(theirs, ours, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: Mask) -> Mask:
    """Where a pixel differs from the one to its right, below it, or below to its right."""
    # Beyond the image there is what is at its edge.
    wide = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, across = wide[:-1, 1:], wide[1:, :-1], wide[1:, 1:]
    edge: Mask = (mask != right) | (mask != below) | (mask != across)
    return edge


def recall(values: NDArray[np.float64]) -> float:
    """Share of the frames that are better than a half."""
    return float((values > _RECALLED).mean())


def decay(values: NDArray[np.float64]) -> float:
    """How much worse the last quarter of the frames is than the first."""
    # NOTE: the reference keeps these places in 8 bits, which turns over beyond 255 frames; ours
    # do not.
    places = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    first = values[places[0] : places[1] + 1]
    last = values[places[3] : places[4] + 1]
    return float(first.mean() - last.mean())


def _near(boundary: Mask, other: Mask, reach: int) -> float:
    """Share of a boundary's pixels within so many pixels of another boundary."""
    distance = distance_transform_edt(~other)
    return float((distance[boundary] <= reach).mean())


def _pairs(truth: Labels, found: Labels, label: int) -> list[tuple[Mask, Mask]]:
    return [(t == label, f == label) for t, f in zip(truth, found, strict=True)]


def _shape(masks: Labels) -> str:
    frames, height, width = masks.shape
    return f"{frames} of {width} x {height} pixels"
