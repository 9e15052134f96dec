"""The store itself: every video that earlier runs found, under all titles it was found with.

Sightings are kept as Parquet files that are named after their content, so finding the same
things again adds nothing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.candidate import Sighting
from videonet.schemas.record import arrow_schema
from videonet.sources.source import BATCH_ROWS, Batch, Row, in_batches
from videonet.storage.store import Store

FOLDER = "found"


@dataclass(frozen=True)
class KnownVideos:
    """Rows in the order of their video keys; the titles of a video in alphabetical order."""

    store: Store
    kind: str = "store"

    def check(self) -> None:
        """Raise UsageError if nothing was ever found."""
        if next(self.store.list(FOLDER), None) is None:
            raise UsageError(
                f"The store {self.store.root} knows no videos yet; "
                "fill it with a run from another source."
            )

    def batches(self) -> Iterator[Batch]:
        """All sightings, each once."""
        return in_batches(self._row(rank, each) for rank, each in enumerate(self._sightings()))

    def _sightings(self) -> Iterator[Sighting]:
        files = [self.store.root / name for name in self.store.list(FOLDER)]
        table = pa.concat_tables(self._table(file) for file in files)
        # All columns, so that what comes first does not depend on the names of the files.
        names = dict.fromkeys(("video_key", "title", "url", *Sighting.__struct_fields__))
        order = [(name, "ascending") for name in names]
        seen: set[tuple[str, str, str | None]] = set()
        key = None
        for batch in table.sort_by(order).to_batches(BATCH_ROWS):
            for row in batch.to_pylist():
                sighting = Sighting.from_row(row)
                if sighting.video_key != key:
                    key, seen = sighting.video_key, set()
                said = (sighting.title, sighting.url, sighting.root)
                if said not in seen:
                    seen.add(said)
                    yield sighting

    def _table(self, file: Path) -> pa.Table:
        try:
            return pq.read_table(file)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(
                f"{file} of the store is damaged ({error}); delete it, and run again from the "
                "source that it came from."
            ) from error

    def _row(self, rank: int, sighting: Sighting) -> Row:
        return Row(
            rank=rank,
            video_id=sighting.video_id,
            url=sighting.url,
            root=sighting.root,
            title=sighting.title,
            duration=sighting.duration,
            channel=sighting.channel,
            licence=sighting.licence,
            query=sighting.query,
            video_key=sighting.video_key,
        )


def remember(store: Store, sightings: Sequence[Sighting]) -> None:
    """Keep what a source said, for later runs with `--source store`."""
    rows = sorted(sightings, key=lambda each: each.to_json())
    content = hashlib.sha256(b"\n".join(each.to_json() for each in rows)).hexdigest()
    file: Path = store.temporary()
    table = pa.Table.from_pylist([each.to_row() for each in rows], arrow_schema(Sighting))
    pq.write_table(table, file, compression="zstd")
    store.adopt(file, f"{FOLDER}/{content}.parquet")
