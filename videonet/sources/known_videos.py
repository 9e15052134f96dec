"""The store itself: every video that earlier runs found, under all titles it was found with.

Sightings are kept as Parquet files that are named after their content, so finding the same
things again adds nothing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.candidate import Sighting
from videonet.schemas.table import arrow_schema, from_batch, to_batch
from videonet.sources.source import BATCH_ROWS, Batch, Row, in_batches
from videonet.sources.video_key import present_key
from videonet.storage.database import open_database
from videonet.storage.store import FOUND, Store

# What is sorted in memory; the rest is sorted on disk.
_MEMORY = "250MB"


@dataclass(frozen=True)
class KnownVideos:
    """Rows in the order of their video keys; the titles of a video in alphabetical order.

    Memory does not grow with their number: they are sorted on disk.
    """

    store: Store
    kind: str = "store"

    def check(self) -> list[str]:
        """Raise UsageError if nothing was ever found."""
        if next(self.store.list(FOUND), None) is None:
            raise UsageError(
                f"The store {self.store.root} knows no videos yet; "
                "fill it with a run from another source."
            )
        return []

    def batches(self) -> Iterator[Batch]:
        """All sightings, each once. Raises UsageError for a file that cannot be read."""
        return in_batches(_row(rank, each) for rank, each in enumerate(self._distinct()))

    def _distinct(self) -> Iterator[Sighting]:
        """The first sighting of each title, url and folder of a video."""
        seen: set[tuple[str, str, str | None]] = set()
        key = None
        for sighting in self._sorted():
            if sighting.video_key != key:
                key, seen = sighting.video_key, set()
            video = sighting.video
            said = (video.title, video.url, video.root)
            if said not in seen:
                seen.add(said)
                yield sighting

    def _sorted(self) -> Iterator[Sighting]:
        # Here, since it takes long to import and no other source needs it.
        import duckdb

        schema = arrow_schema(Sighting)
        # All columns, so that what comes first does not depend on the names of the files.
        columns = dict.fromkeys(("video_key", "title", "url", *schema.names))
        order = ", ".join(f"{column} asc nulls last" for column in columns)
        spilled = self.store.temporary()
        damaged: list[UsageError] = []
        try:
            with open_database(spilled, memory=_MEMORY) as db:
                read = pa.RecordBatchReader.from_batches(schema, self._read(schema, damaged))
                for batch in db.from_arrow(read).order(order).to_arrow_reader(BATCH_ROWS):
                    yield from from_batch(Sighting, batch)
        except duckdb.Error as error:
            if damaged:
                raise damaged[0] from error
            raise UsageError(
                f"What the store {self.store.root} knows cannot be sorted "
                f"({str(error).splitlines()[0]}); make room on its disk, and run the same command "
                "again."
            ) from error

    def _read(self, schema: pa.Schema, damaged: list[UsageError]) -> Iterator[pa.RecordBatch]:
        """All files, batch by batch. A damaged file ends it, and is put into `damaged`.

        The database that reads these batches hands on no exceptions.
        """
        for name in self.store.list(FOUND):
            file = self.store.root / name
            try:
                with pq.ParquetFile(file) as table:
                    for batch in table.iter_batches(BATCH_ROWS):
                        yield batch.cast(schema)
            except (pa.ArrowException, OSError, ValueError) as error:
                damaged.append(
                    UsageError(
                        f"{file} of the store is damaged ({error}); delete it, and run again from "
                        "the source that it came from."
                    )
                )
                raise


def _row(rank: int, sighting: Sighting) -> Row:
    # What was live when it was found may have ended since.
    video = msgspec.structs.replace(sighting.video, live_status=None)
    # An earlier version may have called it otherwise.
    key = present_key(sighting.video_key, video.url)
    return Row(rank, video, sighting.query, key)


def remember(store: Store, sightings: Sequence[Sighting]) -> None:
    """Keep what a source said, for later runs with `--source store`."""
    said = sorted(((each.to_json(), each) for each in sightings), key=itemgetter(0))
    content = hashlib.sha256(b"\n".join(line for line, _ in said)).hexdigest()
    rows = to_batch(Sighting, [sighting for _, sighting in said])
    file: Path = store.temporary()
    pq.write_table(pa.Table.from_batches([rows]), file, compression="zstd")
    store.adopt(file, f"{FOUND}/{content}.parquet")
