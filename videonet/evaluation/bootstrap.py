"""95 % intervals: what a number would have been on other items of the same kind."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from videonet.evaluation.protocol import Number

# Resampled data sets.
# NOTE: ours. Of 1,000 the ends of a 95 % interval move by some hundredths of its width.
TIMES = 1000

# Resampled at a time: of 50,000 items 20 MB.
_AT_ONCE = 50

Weights = NDArray[np.float64]


def interval(
    items: int, seed: int, numbers: Callable[[Weights], dict[str, NDArray[np.float64]]]
) -> dict[str, Number]:
    """Each number on the items as they are, and the middle 95 % of it on resampled ones.

    `numbers` takes weights, float [n, items], and gives n values of each number; a weight says how
    often the item is drawn. One item alone has no interval.
    """
    found = {name: float(value[0]) for name, value in numbers(np.ones((1, items))).items()}
    if items < 2:
        return {name: Number(value) for name, value in found.items()}
    random = np.random.default_rng(seed)
    drawn: dict[str, list[NDArray[np.float64]]] = {name: [] for name in found}
    for _ in range(TIMES // _AT_ONCE):
        weights = random.multinomial(items, [1 / items] * items, size=_AT_ONCE)
        for name, values in numbers(weights.astype(np.float64)).items():
            drawn[name].append(values)
    return {name: Number(value, *_middle(drawn[name])) for name, value in found.items()}


def mean_intervals(columns: dict[str, NDArray[np.float64]], seed: int) -> dict[str, Number]:
    """The mean of each column over items, with its interval. Columns are float [items]."""
    (items,) = {len(column) for column in columns.values()}

    def means(weights: Weights) -> dict[str, NDArray[np.float64]]:
        return {name: weights @ column / items for name, column in columns.items()}

    return interval(items, seed, means)


def _middle(values: list[NDArray[np.float64]]) -> tuple[float, float]:
    # Where a resample has nothing to divide by, it has no value.
    low, high = np.nanquantile(np.concatenate(values), (0.025, 0.975))
    return float(low), float(high)
