"""Overlap of classes: intersections and unions, counted over a whole set as PASCAL VOC does."""

import warnings

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from videonet.evaluation.bootstrap import Weights, interval
from videonet.evaluation.protocol import Number

# A pixel of no class: it counts nowhere, whatever is found there.
IGNORED = 255

# Of an image, pixels of each class: found where it is, found or there, there, as items have them.
COLUMNS = ("intersections", "unions", "labelled")


def overlaps(truth: Tensor, found: Tensor, classes: int) -> Tensor:
    """Intersections, unions and labelled pixels of each class, int64 [3, classes].

    `truth` and `found` are [H, W] of one device, which is not waited for; `truth` has IGNORED where
    nothing counts.
    """
    truth, found = truth.long().flatten(), found.long().flatten()
    # What is ignored has a place of its own, past all others.
    places = torch.where(truth == IGNORED, classes * classes, truth * classes + found)
    counts = torch.zeros(classes * classes + 1, dtype=torch.int64, device=places.device)
    counts.scatter_add_(0, places, torch.ones_like(places))
    confusion = counts[:-1].view(classes, classes)
    both, there = confusion.diagonal(), confusion.sum(dim=1)
    return torch.stack([both, there + confusion.sum(dim=0) - both, there])


def numbers_of(items: pa.Table, seed: int) -> dict[str, Number]:
    """mIoU, and the accuracy over pixels and over classes, with intervals over images."""
    both, either, there = (counts_of(items, column) for column in COLUMNS)

    def numbers(weights: Weights) -> dict[str, NDArray[np.float64]]:
        hit, labelled = weights @ both, weights @ there
        return {
            "mIoU": mean_of_classes(hit, weights @ either),
            "pixel accuracy": _ratio(hit.sum(axis=1), labelled.sum(axis=1)),
            "mean accuracy": mean_of_classes(hit, labelled),
        }

    return interval(len(both), seed, numbers)


def mean_of_classes(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of part / whole over classes, float [n], of [n, classes].

    A class whose `whole` is 0 is left out; where all are, there is no mean.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing
        found: NDArray[np.float64] = np.nanmean(_ratio(part, whole), axis=1)
    return found


def counts_of(items: pa.Table, column: str) -> NDArray[np.float64]:
    """Pixels of each class in each image, float [images, classes]."""
    return np.array(items[column].to_pylist(), dtype=np.float64)


def of_classes(items: pa.Table) -> list[float | None]:
    """Intersection over union of each class over all images; None: it is nowhere."""
    both, either = (counts_of(items, column).sum(axis=0) for column in COLUMNS[:2])
    return [None if np.isnan(each) else float(each) for each in _ratio(both, either)]


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
