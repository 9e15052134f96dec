"""What an evaluation says of itself, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import pyarrow as pa

from videonet.evaluation.model import Model
from videonet.evaluation.parts import Parts

# How near a protocol is to the paper's. "paper": every setting is printed, or is in the code that
# the paper names, and a published checkpoint gives the paper's row within its interval. "published
# stand-in": the recipe of another publication. "ours": nobody's but ours.
Mark = Literal["paper", "published stand-in", "ours"]

UNCONFIRMED = (
    "No protocol here is confirmed as the paper's: a published checkpoint has not been seen to "
    "give the paper's row on the full data."
)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol: what is done, after whom, and what was assumed where nobody says."""

    # such as "davis2017-vfs"; results of protocols of other names do not stand in one column
    name: str
    mark: Mark
    # where the rules are written down
    source: str
    # what the sources leave open, a sentence each
    assumptions: tuple[str, ...] = ()
    # whose published numbers would confirm it, on the full data
    confirmed_by: str = ""
    # of the data or the task, worth knowing beside the numbers
    notes: tuple[str, ...] = ()


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """The data that an evaluation wants, and what it costs."""

    # what the data set is called
    data: str
    # files and folders below DIR, a line each
    layout: tuple[str, ...]
    # of the model
    model: str
    # on one large GPU. By arithmetic, not measured
    cost: str


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
