"""Curves of any length in bounded memory: thinned, and no extreme is lost."""

import math
from dataclasses import dataclass
from typing import NamedTuple

# The most parts of a curve: so many are told apart on a screen. Each is up to four points.
MOST = 200

# What is larger is as good as no number: no axis has room for it.
_LARGEST = 1e100


class Point(NamedTuple):
    """A number after so many steps."""

    step: int
    value: float


@dataclass
class _Part:
    """Of the points within some steps, the four that a drawing of them needs."""

    first: Point
    last: Point
    lowest: Point
    highest: Point

    def take(self, point: Point) -> None:
        """Be the part of one point more. Of two after the same step, this is the later one."""
        step, value = point
        if step < self.first.step:
            self.first = point
        if step >= self.last.step:
            self.last = point
        if value < self.lowest.value or (value == self.lowest.value and step < self.lowest.step):
            self.lowest = point
        if value > self.highest.value or (value == self.highest.value and step < self.highest.step):
            self.highest = point


class Series:
    """One curve. Of each `every` steps it keeps the first, last, lowest and highest point.

    `every` is 1, so that nothing is lost, until there would be more than `most` parts; then it
    doubles, as often as needed, and what is kept is what would be had it been so from the
    beginning. (The points that M4 draws; Jugel et al. 2014.)
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._parts: dict[int, _Part] = {}
        self.every = 1
        # how many were no numbers, and after how many steps the first one
        self.no_numbers = 0
        self.first_no_number: int | None = None

    def add(self, step: int, value: float) -> None:
        """Take a point up; one that is no number is only counted."""
        if not (math.isfinite(value) and abs(value) < _LARGEST):
            self.no_numbers += 1
            if self.first_no_number is None:
                self.first_no_number = step
            return
        point = Point(step, value)
        part = self._parts.get(step // self.every)
        if part is not None:
            part.take(point)
            return
        self._parts[step // self.every] = _Part(point, point, point, point)
        while len(self._parts) > self._most:
            self._halve()

    def _halve(self) -> None:
        """Have half as many parts."""
        self.every *= 2
        parts, self._parts = self._parts, {}
        for place, part in sorted(parts.items()):
            there = self._parts.setdefault(place // 2, part)
            if there is not part:
                for point in (part.first, part.last, part.lowest, part.highest):
                    there.take(point)

    def points(self) -> list[Point]:
        """What is kept, by steps."""
        kept = {
            point
            for part in self._parts.values()
            for point in (part.first, part.last, part.lowest, part.highest)
        }
        return sorted(kept)

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self._parts)
