"""Intersections and unions of classes: against loops, with absent classes and ignored pixels."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.evaluation.overlap import (  # noqa: E402
    COLUMNS,
    IGNORED,
    mean_of_classes,
    numbers_of,
    of_classes,
    overlaps,
)


def by_loops(truth, found, classes):
    """Pixel by pixel."""
    counts = np.zeros((3, classes), dtype=int)
    for row in range(truth.shape[0]):
        for column in range(truth.shape[1]):
            there, said = truth[row, column], found[row, column]
            if there == IGNORED:
                continue
            counts[2, there] += 1
            counts[1, there] += 1
            if there == said:
                counts[0, there] += 1
            else:
                counts[1, said] += 1
    return counts


def table_of(counts: list[np.ndarray]) -> pa.Table:
    return pa.table({name: [each[place] for each in counts] for place, name in enumerate(COLUMNS)})


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9))
def test_overlaps_are_those_of_a_loop_over_pixels(seed, classes, height, width):
    random = np.random.default_rng(seed)
    truth = random.choice([*range(classes), IGNORED], size=(height, width)).astype(np.uint8)
    found = random.integers(0, classes, size=(height, width))
    counted = overlaps(torch.from_numpy(truth), torch.from_numpy(found), classes)
    assert counted.tolist() == by_loops(truth, found, classes).tolist()


def test_classes_are_counted_over_all_images_and_absent_ones_are_left_out():
    # Class 1 is half found in a large image, and not at all in a small one; class 2 is only found
    # where it is not; class 3 is nowhere, and what is ignored counts nowhere.
    first = np.array([[1, 1, 1, 1], [0, 0, 0, IGNORED]])
    first_found = np.array([[1, 1, 0, 0], [0, 0, 2, 1]])
    second, second_found = np.array([[1, IGNORED]]), np.array([[0, 3]])
    items = table_of([by_loops(first, first_found, 4), by_loops(second, second_found, 4)])
    numbers = numbers_of(items, seed=0)
    of_each = [2 / 6, 2 / 5, 0.0, None]
    assert of_classes(items) == of_each
    # Not the mean of the images' own means, and not over four classes.
    assert numbers["mIoU"].value == pytest.approx((2 / 6 + 2 / 5 + 0) / 3)
    assert numbers["pixel accuracy"].value == pytest.approx(4 / 8)
    # Class 2 is nowhere in truth: it has no accuracy.
    assert numbers["mean accuracy"].value == pytest.approx((2 / 3 + 2 / 5) / 2)


def test_intervals_are_those_of_the_whole_set_counted_anew():
    random = np.random.default_rng(1)
    counts = []
    for _ in range(12):
        truth = random.choice([0, 1, 2, IGNORED], size=(5, 5))
        found = np.where(random.random((5, 5)) < 0.7, truth, random.integers(0, 3, (5, 5)))
        counts.append(by_loops(truth, np.where(found == IGNORED, 0, found), 3))
    number = numbers_of(table_of(counts), seed=3)["mIoU"]
    values = []
    draws = np.random.default_rng(5)
    for _ in range(400):
        both, either, _ = sum(counts[place] for place in draws.integers(0, 12, 12))
        values.append(np.mean(both / either))
    assert number.low < number.value < number.high
    assert (number.low, number.high) == pytest.approx(np.quantile(values, (0.025, 0.975)), abs=0.03)


def test_where_nothing_is_labelled_there_is_no_mean():
    nothing = np.zeros((1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(mean_of_classes(nothing, nothing)).all()
