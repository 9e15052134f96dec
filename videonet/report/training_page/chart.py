"""Curves as a drawing: where lines, dots and labels are, and the same in numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from videonet.report.training_page.series import Point, Series
from videonet.text import number

# The drawing's own units: it is stretched to the width that there is.
WIDTH, HEIGHT = 1000, 100

# A curve of at most so many points has a dot at each.
_MOST_DOTS = 30

# About so many labels along each axis.
_TICKS = 4


def plain(value: float) -> str:
    """A number as people read it: "12.9", "0.00036", "1,234,000"."""
    if 1000 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def percent(value: float) -> str:
    """A share as a percentage."""
    return f"{100 * value:.3g} %"


class Tick(NamedTuple):
    """A label of an axis, and where: 0 to 100 from the left, or from the top."""

    at: float
    label: str


class Dot(NamedTuple):
    """A point, 0 to 100 from the left and from the top, and what it is."""

    x: float
    y: float
    said: str


@dataclass(frozen=True)
class Curve:
    """One line of a chart."""

    label: str
    # 1 to 8, of the page's colours
    colour: int
    # of an SVG's polyline, in the units of the drawing
    points: str
    dots: tuple[Dot, ...]
    # in words: the first point, the lowest, the highest, the last
    first: str
    lowest: str
    highest: str
    last: str


@dataclass(frozen=True)
class Chart:
    """One drawing, with the same in numbers."""

    name: str
    title: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    # one sentence each
    notes: tuple[str, ...]


def chart(
    name: str,
    title: str,
    curves: Mapping[str, Series],
    steps: int,
    shown: Callable[[float], str] = plain,
    *,
    from_zero: bool = False,
    notes: Sequence[str] = (),
) -> Chart | None:
    """The chart of series by their labels, over so many steps; None: there is nothing to draw."""
    drawn = {label: series for label, series in curves.items() if series}
    if not drawn:
        return None
    points = {label: series.points() for label, series in drawn.items()}
    values = [point.value for each in points.values() for point in each]
    steps = max(steps, 1, *(each[-1].step for each in points.values()))
    y_at, y_values = _axis(0.0 if from_zero and min(values) >= 0 else min(values), max(values))
    _, x_values = _axis(0.0, float(steps))
    return Chart(
        name=name,
        title=title,
        curves=tuple(
            _curve(label, 1 + place % 8, each, steps, y_at, shown)
            for place, (label, each) in enumerate(points.items())
        ),
        x_ticks=tuple(
            Tick(round(100 * each / steps, 3), f"{each:,.0f}") for each in x_values if each <= steps
        ),
        y_ticks=tuple(Tick(round(100 * y_at(each), 3), shown(each)) for each in y_values),
        notes=(*_thinned(drawn), *_no_numbers(drawn), *notes),
    )


def _curve(
    label: str,
    colour: int,
    points: Sequence[Point],
    steps: int,
    y_at: Callable[[float], float],
    shown: Callable[[float], str],
) -> Curve:
    def said(point: Point) -> str:
        return f"{shown(point.value)} (step {point.step:,})"

    def x(point: Point) -> float:
        return point.step / steps

    dots = points if len(points) <= _MOST_DOTS else ()
    return Curve(
        label=label,
        colour=colour,
        points=" ".join(
            f"{WIDTH * x(each):.5g},{HEIGHT * y_at(each.value):.5g}" for each in points
        ),
        dots=tuple(
            Dot(round(100 * x(each), 3), round(100 * y_at(each.value), 3), said(each))
            for each in dots
        ),
        first=said(points[0]),
        lowest=said(min(points, key=lambda each: each.value)),
        highest=said(max(points, key=lambda each: each.value)),
        last=said(points[-1]),
    )


def _axis(low: float, high: float) -> tuple[Callable[[float], float], list[float]]:
    """Where a value is, 0 at the highest and 1 at the lowest, and round values to label."""
    # Where all are alike, or differ by less than is worth telling apart.
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        around = max(abs(high), 1e-9) / 2
        low, high = low - around, high + around
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(each for each in (1, 2, 5, 10) if each * power >= rough * (1 - 1e-9))
    begin, end = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    bottom, top = begin * step, end * step
    return (
        # Rounding must not lead out of the drawing.
        lambda value: min(max((top - value) / (top - bottom), 0.0), 1.0),
        # So that 3 * 0.1 is 0.3.
        [float(f"{place * step:.12g}") for place in range(begin, end + 1)],
    )


def _thinned(curves: Mapping[str, Series]) -> list[str]:
    every = max(series.every for series in curves.values())
    if every == 1:
        return []
    return [
        f"Thinned: of each {every:,} steps, the first, last, lowest and highest point are drawn."
    ]


def _no_numbers(curves: Mapping[str, Series]) -> list[str]:
    return [
        f"{label}: no number that can be drawn in {number(series.no_numbers, 'line')}, the first "
        f"after step {series.first_no_number:,}."
        for label, series in curves.items()
        if series.no_numbers
    ]
