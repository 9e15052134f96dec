"""What an evaluation is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from videonet.evaluation.about import About, Needs
from videonet.evaluation.model import Model
from videonet.evaluation.parts import Parts


class Number(NamedTuple):
    """A result with its 95 % interval; without one where nothing was resampled."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Data:
    """What was read: a fingerprint of it, and whether that is all of the data set."""

    # hex sha256 over the sorted lines "path size sha256" of all files
    fingerprint: str
    # counts by name, such as {"images": 7500}, and what they are for the whole set
    counts: dict[str, int]
    expected: dict[str, int]

    @property
    def is_partial(self) -> bool:
        """Whether something is missing of the data set, or too much."""
        return self.counts != self.expected


@dataclass(frozen=True)
class Outcome:
    """What an evaluation found."""

    # by name, such as "top1"
    numbers: dict[str, Number]
    # what an interval was resampled over, such as "images"; empty: there are none
    resampled: str
    # a row an item: an image, an object, a video
    items: pa.Table
    data: Data
    # facts of this evaluation that are no numbers, as JSON has them
    facts: dict[str, Any] = field(default_factory=dict)
    # whether the model's classifier had a part in it, if the evaluation asks for one
    by_classifier: bool = True


@dataclass(frozen=True)
class Given:
    """What an evaluation works on."""

    model: Model
    # folder of the evaluation data
    data: Path
    # the module's own Settings
    settings: Any
    # where finished parts are kept until the result is written
    parts: Parts
    # where a head goes, if the evaluation trains one
    head: Path
    # images at a time, and processes that decode
    batch: int = 64
    workers: int = 0
    seed: int = 0
    # whether a data set may lack some of its files
    partial: bool = False
    # told how far it is: what, done, of how many
    told: Callable[[str, int, int], None] = lambda _what, _done, _all: None


class Evaluation(Protocol):
    """A module of an evaluation."""

    PROTOCOL: About
    NEEDS: Needs
    Settings: type[Any]

    def evaluate(self, given: Given) -> Outcome:
        """What the model is worth on the data. Raises UsageError."""
