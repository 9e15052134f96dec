"""The store itself: every video that earlier runs found, under all titles it was found with.

Sightings are kept as Parquet files that are named after their content, so finding the same
things again adds nothing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import msgspec
import pyarrow as pa

from videonet.errors import UsageError
from videonet.schemas.candidate import Sighting
from videonet.schemas.table import arrow_schema, from_batch, to_batch
from videonet.sources.source import BATCH_ROWS, Batch, Row, in_batches
from videonet.sources.video_key import present_key
from videonet.storage.database import open_database
from videonet.storage.found_files import FOUND
from videonet.storage.lease import Lease
from videonet.storage.store import Store

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
        if not self.store.found.are_there:
            raise UsageError(
                f"The store {self.store.location} knows no videos yet; "
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
        for batch in self.tidied():
            yield from from_batch(Sighting, batch)

    def tidied(self) -> Iterator[pa.RecordBatch]:
        """All sightings, equal ones once, in the order of their keys."""
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
                for batch in (
                    db.from_arrow(read).distinct().order(order).to_arrow_reader(BATCH_ROWS)
                ):
                    yield batch.cast(schema)
        except duckdb.Error as error:
            if damaged:
                raise damaged[0] from error
            raise UsageError(
                f"What the store {self.store.location} knows cannot be sorted "
                f"({str(error).splitlines()[0]}); make room on its disk, and run the same command "
                "again."
            ) from error

    def _read(self, schema: pa.Schema, damaged: list[UsageError]) -> Iterator[pa.RecordBatch]:
        """All files, batch by batch. A damaged file ends it, and is put into `damaged`.

        The database that reads these batches hands on no exceptions.
        """
        try:
            for batch in self.store.found.batches():
                yield _with_all(schema, batch).cast(schema)
        except (pa.ArrowException, UsageError) as error:
            told = error if isinstance(error, UsageError) else self._of_another_version(error)
            damaged.append(told)
            raise

    def _of_another_version(self, error: pa.ArrowException) -> UsageError:
        return UsageError(
            f"{self.store.objects.address}/{FOUND} has a file with other columns ({error}): it was "
            "written by another version; delete it, and run again from the source it came from."
        )


def _with_all(schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with a column for what earlier versions had none for."""
    for name in Sighting.last_columns:
        if name not in batch.schema.names:
            batch = batch.append_column(name, pa.nulls(len(batch), schema.field(name).type))
    # In one order: the rows of all versions are sorted together.
    return batch.select([name for name in schema.names if name in batch.schema.names])


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
    store.found.write(content, pa.Table.from_batches([rows]))


def pack_found(store: Store, lease: Lease) -> bool:
    """Pack what sources said, if that is in many files; whether it was packed."""
    return store.found.pack(lease, KnownVideos(store).tidied)
