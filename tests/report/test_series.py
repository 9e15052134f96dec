"""Curves of any length: thinned, so that no extreme is lost."""

import math

from hypothesis import given
from hypothesis import strategies as st

from videonet.report.training_page.series import Point, Series

LINES = st.dictionaries(st.integers(0, 10**7), st.floats(-1e6, 1e6), min_size=1, max_size=300)


def series_of(points: list[Point], most: int) -> Series:
    series = Series(most)
    for point in points:
        series.add(*point)
    return series


def four(points: list[Point]) -> set[Point]:
    """The first, the last, the lowest and the highest."""
    return {
        points[0],
        points[-1],
        min(points, key=lambda each: (each.value, each.step)),
        max(points, key=lambda each: (each.value, -each.step)),
    }


@given(LINES, st.integers(2, 40))
def test_of_each_part_the_first_last_lowest_and_highest_are_kept_and_nothing_else(lines, most):
    points = [Point(*each) for each in sorted(lines.items())]
    series = series_of(points, most)
    parts: dict[int, list[Point]] = {}
    for point in points:
        parts.setdefault(point.step // series.every, []).append(point)
    assert len(parts) <= most
    assert series.points() == sorted(set().union(*map(four, parts.values())))
    # No more is thinned than has to be.
    assert series.every == 1 or len({each.step // (series.every // 2) for each in points}) > most


@given(LINES)
def test_a_curve_that_is_thinned_has_the_ends_and_extremes_of_the_whole(lines):
    points = [Point(*each) for each in sorted(lines.items())]
    assert four(points) <= set(series_of(points, 2).points())


def test_what_is_no_number_is_counted_and_not_drawn():
    series = Series()
    for step, value in enumerate([1.0, math.nan, math.inf, 1e200, 2.0]):
        series.add(step, value)
    assert series.points() == [Point(0, 1.0), Point(4, 2.0)]
    assert (series.no_numbers, series.first_no_number) == (3, 1)
    assert not Series()
