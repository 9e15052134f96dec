"""The tables of a data set, a Parquet file a shard: how they are written, and read in pieces."""

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.manifest import DataSettings
from videonet.schemas.record import Record
from videonet.schemas.table import arrow_schema, from_batch, to_batch
from videonet.shards.page_headers import rows_at_once
from videonet.storage.dataset_files import DatasetFiles

R = TypeVar("R", bound=Record)

_ROWS_AT_ONCE = 1_000

# A shard has some 250 candidates, and a row for each of their classes.
_MOST_ROWS = 1_000_000


# The kind of table that only data sets with captions have.
CAPTIONS = "captions"

# Of what else there is a file a shard, below the folder of that name.
LISTED = ("candidates", "verdicts")


class DamagedTableError(UsageError):
    """A table whose content makes no sense: it is lost, and reading it again does not help."""


def tables_of(settings: DataSettings) -> tuple[str, ...]:
    """The kinds of tables that a data set has."""
    return (*LISTED, CAPTIONS) if settings.captions else LISTED


def shard_of_table(kind: str, path: str) -> tuple[int, int] | None:
    """Of which shard the table of that kind at a path below OUT is, and of how many; None: none."""
    found = re.fullmatch(rf"{kind}/{kind}-(\d+)-of-(\d+)\.parquet", path)
    return (int(found[1]), int(found[2])) if found else None


def table_path(kind: str, index: int, shards: int) -> str:
    """Where the table of a shard's candidates, verdicts or captions lies below OUT."""
    return f"{kind}/{kind}-{index:05d}-of-{shards:05d}.parquet"


def write_table(files: DatasetFiles, path: str, rows: Sequence[R], kind: type[R]) -> None:
    """Write a table of records in this order."""
    schema = arrow_schema(kind)
    with (
        files.draft(path) as draft,
        pq.ParquetWriter(draft, schema, compression="zstd") as table,
    ):
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            table.write_batch(to_batch(kind, rows[start : start + _ROWS_AT_ONCE]))


def read_table(files: DatasetFiles, path: str, kind: type[R], advice: str) -> Iterator[R]:
    """The records of a table, in order.

    Raises UsageError with the `advice` for a table that cannot be read or is not there, and
    DamagedTableError for one that is damaged.
    """
    try:
        with files.local(path) as file, pq.ParquetFile(file) as table:
            if table.metadata.num_rows > _MOST_ROWS:
                raise ValueError(f"it has more than {_MOST_ROWS:,} rows")
            rows = rows_at_once(file, table.metadata, _ROWS_AT_ONCE)
            for batch in table.iter_batches(rows):
                yield from from_batch(kind, batch)
    except (OSError, pa.ArrowException, msgspec.MsgspecError, ValueError) as error:
        raise unreadable_table(files, path, error, advice) from error


def unreadable_table(files: DatasetFiles, path: str, error: Exception, advice: str) -> UsageError:
    """The sentence on a table that cannot be read: a DamagedTableError where that will not pass."""
    why = next(iter(str(error).splitlines()), type(error).__name__)
    # The system numbers what it refuses, such as one more open file; what Arrow finds wrong with a
    # file has no number. There may be too little memory now for a table that is whole.
    passes = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno)
    kind = UsageError if passes else DamagedTableError
    return kind(f"{files.address}/{path} cannot be read ({why}); {advice}.")
