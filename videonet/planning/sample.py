"""Which candidates a pilot looks at: a sample by class, in which long videos are drawn more often.

Each candidate has a size: a half for being one, and a half for its declared duration in units of
the mean. Where none is declared, the mean stands for it. Classes have parts of the sample in
proportion to their sizes. Within a stratum, candidates are taken in the order of a fraction, made
of the digest of the video's key, over the size: sequential Poisson sampling (Ohlsson, 1998). So the
same candidates give the same sample, and one pass over a list of any length, in bounded memory, is
enough.
"""

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")

# Classes with fewer sampled candidates share a stratum: a spread is not known from fewer.
LEAST = 10

# So many times the sample is held until all were seen: of no class too few then.
_HELD = 50

_DIGITS = 13

# The longest duration that counts, seconds: one of milliseconds would make all others nothing.
_LONGEST = 86_400.0


class Drawn(NamedTuple, Generic[T]):
    """A sampled candidate."""

    item: T
    # its chance to be sampled, in (0, 1]
    chance: float
    # its class, and the stratum that it was drawn from: the class, or POOL
    of: str
    stratum: str
    size: float


# The stratum of all classes that have none of their own.
POOL = ""


class Sketch(Generic[T]):
    """Candidates as they are read, of which those are held that may be sampled."""

    def __init__(self, number: int, mean_duration: float) -> None:
        """`number` candidates are to be sampled; durations are in units of their mean, seconds."""
        self._number, self._mean = number, mean_duration
        self._held: list[tuple[float, str, T, str, float]] = []
        # by class
        self.candidates: dict[str, int] = {}
        self.sizes: dict[str, float] = {}

    def add(self, video_key: str, of: str, duration: float | None, item: T) -> None:
        """Take up a candidate of a class; `duration` as declared, seconds."""
        size = size_of(duration, self._mean)
        self.candidates[of] = self.candidates.get(of, 0) + 1
        self.sizes[of] = self.sizes.get(of, 0.0) + size
        entry = (-fraction_of(video_key) / size, video_key, item, of, size)
        if len(self._held) < self._number * _HELD:
            heapq.heappush(self._held, entry)
        elif entry[:2] > self._held[0][:2]:
            heapq.heapreplace(self._held, entry)

    def drawn(self) -> list[Drawn[T]]:
        """The sample, in the order of classes and keys."""
        numbers = shared_out(self.sizes, self._number, self.candidates)
        strata = strata_of(numbers)
        by_stratum: dict[str, list[tuple[float, str, T, str, float]]] = {}
        for entry in self._held:
            by_stratum.setdefault(strata[entry[3]], []).append(entry)
        found: list[Drawn[T]] = []
        for stratum, held in by_stratum.items():
            classes = [name for name, own in strata.items() if own == stratum]
            number = sum(numbers[name] for name in classes)
            candidates = sum(self.candidates[name] for name in classes)
            rest = sum(self.sizes[name] for name in classes) - sum(each[4] for each in held)
            # Those that are not held have a place after all that are, and are no larger.
            sizes = np.array([each[4] for each in held])
            chances = chances_of(sizes, number, max(rest, 0.0), candidates - len(held))
            order = sorted(
                range(len(held)),
                key=lambda i: (
                    0.0 if chances[i] >= 1 else -held[i][0] * held[i][4] / chances[i],
                    held[i][1],
                ),
            )
            found += [
                Drawn(held[i][2], float(chances[i]), held[i][3], stratum, held[i][4])
                for i in sorted(order[:number], key=lambda i: (held[i][3], held[i][1]))
            ]
        return sorted(found, key=lambda each: each.of)


def size_of(duration: float | None, mean_duration: float) -> float:
    """The size of a candidate: 1 on average; the declared duration is in seconds."""
    declared = declared_of(duration)
    return 1.0 if declared is None or mean_duration <= 0 else 0.5 + 0.5 * declared / mean_duration


def fraction_of(video_key: str) -> float:
    """A number in (0, 1) that has nothing to do with anything but the key."""
    digest = hashlib.sha256(f"plan:{video_key}".encode("utf-8", "surrogatepass")).hexdigest()
    place: float = (int(digest[:_DIGITS], 16) + 0.5) / 16**_DIGITS
    return place


def shared_out(sizes: Mapping[str, float], number: int, most: Mapping[str, int]) -> dict[str, int]:
    """How many of a sample each class has: by its size, by largest remainders, and not over `most`.

    >>> shared_out({"cat": 3.0, "dog": 1.0}, 4, {"cat": 100, "dog": 100})
    {'cat': 3, 'dog': 1}
    """
    given = dict.fromkeys(sizes, 0)
    while (left := min(number, sum(most[each] for each in sizes)) - sum(given.values())) > 0:
        open_ = [each for each in sizes if given[each] < most[each]]
        whole = sum(sizes[each] for each in open_)
        parts = {each: left * sizes[each] / whole for each in open_}
        taken = {each: min(int(part), most[each] - given[each]) for each, part in parts.items()}
        if not any(taken.values()):
            by_remainder = sorted(open_, key=lambda each: (-parts[each], each))
            taken = dict.fromkeys(by_remainder[:left], 1)
        for each, own in taken.items():
            given[each] += own
    return given


def strata_of(numbers: Mapping[str, int], least: int = LEAST) -> dict[str, str]:
    """The stratum of each class, by how many of it are sampled: itself, or POOL."""
    strata = {name: name if number >= least else POOL for name, number in numbers.items()}
    pooled = sum(number for name, number in numbers.items() if strata[name] == POOL)
    own = sorted((number, name) for name, number in numbers.items() if strata[name] != POOL)
    if POOL in strata.values() and pooled < least and own:
        strata[own[0][1]] = POOL
    return strata


def chances_of(
    sizes: npt.NDArray[np.float64], number: int, rest: float = 0.0, others: int = 0
) -> npt.NDArray[np.float64]:
    """Chances in proportion to sizes [N], of which none is over 1, and whose sum is `number`.

    `rest` is the size of `others` that are not among them.
    """
    chances = np.ones(len(sizes))
    if number >= len(sizes) + others:
        return chances
    free = np.ones(len(sizes), bool)
    while True:
        whole = float(sizes[free].sum()) + rest
        left = number - int((~free).sum())
        chances[free] = left * sizes[free] / whole if whole > 0 else 1.0
        certain = free & (chances >= 1)
        if not certain.any():
            return chances
        chances[certain] = 1.0
        free &= ~certain


def declared_of(duration: float | None) -> float | None:
    """A declared duration that can be reckoned with, seconds: none is over a day, or 0, or less."""
    return min(duration, _LONGEST) if duration is not None and duration > 0 else None


def mean_of(durations: Iterable[float | None]) -> float:
    """The mean of what is declared, seconds; 0: nothing is."""
    number, total = 0, 0.0
    for each in map(declared_of, durations):
        if each is not None:
            number, total = number + 1, total + each
    return total / number if number else 0.0


def indices(names: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The different names in order, and the place of each among them, int64 [N]."""
    different = sorted(set(names))
    place = {name: index for index, name in enumerate(different)}
    return different, np.array([place[name] for name in names], np.int64)
