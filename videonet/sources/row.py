"""What a source says of a video, before anybody asked whether the title matters."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

# Rows that travel together. One element a title would cost half an hour for ten million.
BATCH_ROWS = 1_000


class Row(NamedTuple):
    """One video as a source lists it."""

    # 0-based position in the source's order
    rank: int
    video_id: str
    # http(s) url, or path below `root`
    url: str
    root: str | None
    title: str
    # declared length, seconds
    duration: float | None = None
    channel: str | None = None
    licence: str | None = None
    live_status: str | None = None
    query: str | None = None
    # ours, where the source knows it already
    video_key: str | None = None


Batch = list[Row]


class Source(Protocol):
    """What every source can do."""

    @property
    def kind(self) -> str:
        """Recorded with everything it found: "catalogue", "folder", ..."""

    def check(self) -> None:
        """Raise UsageError, before any work is done, if the source cannot be read."""

    def batches(self) -> Iterator[Batch]:
        """All rows in order. Raises UsageError where they cannot be read."""


def in_batches(rows: Iterator[Row]) -> Iterator[Batch]:
    """Rows in lists of at most BATCH_ROWS."""
    batch: Batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def encodable(text: str) -> str:
    """`text` with "?" for halves of characters, which a title cut short in JSON can end with."""
    return text.encode("utf-8", "replace").decode()
