"""A comparison as a page of HTML with a dot plot, drawn as SVG. It has no script."""

import math
from dataclasses import dataclass
from importlib import resources

from jinja2 import BaseLoader, Environment, StrictUndefined

from videonet.evaluation.about import UNCONFIRMED
from videonet.evaluation.comparison import Comparison, Row
from videonet.evaluation.comparison_text import NO_DIFFERENCE
from videonet.schemas.shown import printable

# Pixels of the drawing.
_LEFT, _WIDTH, _RIGHT = 250, 560, 90
_LANE, _GAP = 22, 16
# Room for the longest label.
_LABEL = 230

# How each column is drawn, besides its colour: so that nobody has to tell colours apart.
_SHAPES = ("circle", "square", "triangle", "pentagon")


@dataclass(frozen=True)
class _Dot:
    x: float
    y: float
    # ends of the interval; None: there is none
    low: float | None
    high: float | None
    label: str
    colour: int
    shape: str
    is_hollow: bool


@dataclass(frozen=True)
class _PaperMark:
    x: float
    y: float
    label: str
    is_alike: bool
    # whether its label is to its left
    is_left: bool


@dataclass(frozen=True)
class _Band:
    """A row of the plot."""

    top: float
    height: float
    title: str
    protocol: str
    dots: list[_Dot]
    marks: list[_PaperMark]
    # of the axis: where, and what number
    ticks: list[tuple[float, str]]


def render(comparison: Comparison) -> str:
    """The page. Names in it are strangers'; none of them is markup."""
    environment = Environment(
        loader=BaseLoader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    folder = resources.files(__package__)
    template = environment.from_string(folder.joinpath("comparison.html").read_text("utf-8"))
    bands = _bands(comparison)
    return template.render(
        comparison=comparison,
        bands=bands,
        height=bands[-1].top + bands[-1].height + _GAP if bands else 0,
        left=_LEFT,
        width=_WIDTH,
        right=_RIGHT,
        shapes=[_SHAPES[place % len(_SHAPES)] for place in range(len(comparison.columns))],
        style=folder.joinpath("comparison.css").read_text("utf-8"),
        first=UNCONFIRMED,
        no_difference=NO_DIFFERENCE,
    )


def _shown(value: object) -> object:
    return printable(value) if type(value) is str else value


def _bands(comparison: Comparison) -> list[_Band]:
    bands: list[_Band] = []
    top = float(_GAP)
    for row in comparison.rows:
        band = _band(row, top)
        bands.append(band)
        top += band.height + _GAP
    return bands


def _band(row: Row, top: float) -> _Band:
    low, high = _axis(row)

    def x(value: float) -> float:
        return round(_LEFT + _WIDTH * (value - low) / (high - low), 2)

    dots = [
        _Dot(
            x=x(cell.value.value),
            y=top + 34 + _LANE * place,
            low=None if cell.value.low is None else x(cell.value.low),
            high=None if cell.value.high is None else x(cell.value.high),
            label=f"{100 * cell.value.value:.1f}",
            colour=place % 6,
            shape=_SHAPES[place % len(_SHAPES)],
            is_hollow=not cell.is_paper,
        )
        for place, cell in enumerate(row.cells)
        if cell is not None and cell.value.value is not None
    ]
    # A line ends at its label, and labels stand to its left: so none crosses another one.
    marks = [
        _PaperMark(
            x=x(each.value),
            y=top + 34 + _LANE * place,
            label=f"{each.label} {100 * each.value:.1f}",
            is_alike=each.is_alike,
            is_left=x(each.value) > _LEFT + _LABEL - 100,
        )
        for place, each in enumerate(
            sorted(row.marks, key=lambda each: each.value), start=len(row.cells)
        )
    ]
    lanes = len(row.cells) + len(marks)
    ticks = [(x(each), f"{100 * each:g}") for each in _ticks(low, high)]
    less = ", less is better" if row.less_is_better else ""
    title = f"{row.evaluation.replace('_', '-')}: {row.metric}{less}"
    return _Band(top, 46 + _LANE * lanes, title, row.protocol, dots, marks, ticks)


def _axis(row: Row) -> tuple[float, float]:
    """Ends of a row's axis, in tenths: all that is shown, and no more than is needed."""
    values = [each.value for each in row.marks]
    for cell in row.cells:
        if cell is not None:
            ends = (cell.value.value, cell.value.low, cell.value.high)
            values += [each for each in ends if each is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    low, high = math.floor(10 * low) / 10, math.ceil(10 * high) / 10
    return (low, high) if high > low else (low, low + 0.1)


def _ticks(low: float, high: float) -> list[float]:
    step = 0.1 if high - low > 0.15 else 0.02
    count = round((high - low) / step)
    every = max(1, math.ceil(count / 8))
    return [round(low + step * place, 4) for place in range(0, count + 1, every)]
