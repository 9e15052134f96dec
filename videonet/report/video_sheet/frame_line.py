"""The line of the first frames: the top-1 class of each frame, and which classes it confirms."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from videonet.report.video_sheet.view import ClassVerdict, label_name
from videonet.schemas.scan import Scan
from videonet.schemas.target import Target

# CSS classes of the colours that tell classes apart; all further classes share the colour OTHER.
COLOURS = tuple(f"colour-{number}" for number in range(1, 9))
OTHER = "colour-other"

# Most frame numbers below the line.
_TICKS = 10


class Run(NamedTuple):
    """Frames that follow each other and have one value in common."""

    # 0-based index of the first frame
    first: int
    frames: int
    value: int


@dataclass(frozen=True)
class Frame:
    """One frame as the classifier saw it."""

    # top-1 class
    name: str
    colour: str
    # of the top-1 class
    probability: float


@dataclass(frozen=True)
class Lane:
    """The frames that confirm one class of the class list."""

    target: Target
    runs: tuple[Run, ...]
    # frames that confirm the class
    frames: int
    # 0-based index of the frame that confirms the class most; None: no frame does
    best: int | None


@dataclass(frozen=True)
class LegendEntry:
    """One colour of the line."""

    colour: str
    name: str
    # frames that have the colour
    frames: int


@dataclass(frozen=True)
class FrameLine:
    """The first frames of a video, side by side."""

    frames: tuple[Frame, ...]
    # frames of one top-1 class, with the colour of each run
    runs: tuple[tuple[Run, str], ...]
    # one for each verdict
    lanes: tuple[Lane, ...]
    legend: tuple[LegendEntry, ...]
    # frames whose numbers are written below the line
    ticks: Sequence[int]


def frame_line(
    scan: Scan, verdicts: Sequence[ClassVerdict], label_names: Sequence[str]
) -> FrameLine:
    """The line of a scan of at least one frame.

    Classes that confirm a target have the first colours, then those of most frames.
    """
    colours = _colours(scan, (each.target for each in verdicts))
    seen = zip(scan.top1, scan.probability, strict=True)
    return FrameLine(
        frames=tuple(
            Frame(label_name(label_names, output), colours[output], probability)
            for output, probability in seen
        ),
        runs=tuple((run, colours[run.value]) for run in _runs(scan.top1)),
        lanes=tuple(_lane(scan, each) for each in verdicts),
        legend=tuple(_legend(scan, colours, label_names)),
        ticks=_ticks(len(scan.top1)),
    )


def _colours(scan: Scan, targets: Iterable[Target]) -> dict[int, str]:
    """The colour of each class that was seen, by classifier output, in the legend's order."""
    confirming = {output for target in targets for output in target.outputs}
    counts = Counter(scan.top1)
    order = sorted(counts, key=lambda output: (output not in confirming, -counts[output], output))
    colours = itertools.chain(COLOURS, itertools.repeat(OTHER))
    return dict(zip(order, colours, strict=False))


def _lane(scan: Scan, of: ClassVerdict) -> Lane:
    runs = _runs(output in of.target.outputs for output in scan.top1)
    confirming = tuple(run for run in runs if run.value)
    frames = sum(run.frames for run in confirming)
    return Lane(of.target, confirming, frames, of.verdict.best_match)


def _legend(
    scan: Scan, colours: dict[int, str], label_names: Sequence[str]
) -> Iterable[LegendEntry]:
    counts = Counter(scan.top1)
    for output, colour in colours.items():
        if colour != OTHER:
            yield LegendEntry(colour, label_name(label_names, output), counts[output])
    rest = [output for output, colour in colours.items() if colour == OTHER]
    if rest:
        yield LegendEntry(OTHER, f"{len(rest)} more", sum(counts[output] for output in rest))


def _ticks(frames: int) -> range:
    """Every so many frames, at a distance that reads well."""
    distances = (factor * 10**power for power in itertools.count() for factor in (1, 2, 5))
    return range(0, frames, next(each for each in distances if frames <= _TICKS * each))


def _runs(values: Iterable[int]) -> list[Run]:
    runs, first = [], 0
    for value, group in itertools.groupby(values):
        frames = len(list(group))
        runs.append(Run(first, frames, value))
        first += frames
    return runs
