"""What a source says of a video, before anybody asked whether the title matters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

from videonet.schemas.video_info import VideoInfo

# Rows that travel together. One element a title would cost half an hour for ten million.
BATCH_ROWS = 1_000


class Row(NamedTuple):
    """One video as a source lists it."""

    # 0-based position in the source's order
    rank: int
    video: VideoInfo
    # what was asked of the source; None where it is read through
    query: str | None = None
    # ours, where the source knows it already
    video_key: str | None = None


class Batch(Protocol):
    """Rows that travel together, in the order of the source."""

    @property
    def titles(self) -> Sequence[str]:
        """The title of each row."""

    def rows(self, places: Sequence[int]) -> list[Row]:
        """The rows at these places of `titles`. Most titles name no class, so few are asked for."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __iter__(self) -> Iterator[Row]:
        """All rows."""


@dataclass(frozen=True)
class Rows:
    """A batch of rows that are there already."""

    all: tuple[Row, ...]

    @property
    def titles(self) -> list[str]:
        """As the rows have them."""
        return [row.video.title for row in self.all]

    def rows(self, places: Sequence[int]) -> list[Row]:
        """Those of them."""
        return [self.all[place] for place in places]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.all)

    def __iter__(self) -> Iterator[Row]:
        """All of them."""
        return iter(self.all)


class Source(Protocol):
    """What every source can do."""

    @property
    def kind(self) -> str:
        """Recorded with everything it found: "catalogue", "folder", ..."""

    def check(self) -> Sequence[str]:
        """Raise UsageError, before any work is done, if the source cannot be read.

        Sentences say what a user should know of how it is read; mostly there are none.
        """

    def batches(self) -> Iterator[Batch]:
        """All rows in order. Raises UsageError where they cannot be read."""


def in_batches(rows: Iterator[Row]) -> Iterator[Batch]:
    """Rows in batches of at most BATCH_ROWS."""
    while batch := tuple(islice(rows, BATCH_ROWS)):
        yield Rows(batch)
