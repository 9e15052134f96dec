"""Parquet shards that `datasets.load_dataset` takes from the folder: a row a clip.

They are written as those of a data set that begins now (see `videonet.shards.parquet`).
The card declares the column of the frames as images, so that `datasets` decodes them when they are
asked for.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.export.names import stem_of
from videonet.export.sample import Sample
from videonet.schemas.shard_form import NEWEST_FORM, NEWEST_LAYOUT
from videonet.shards.page_headers import rows_at_once
from videonet.shards.parquet import check_claims, open_table, schema_of
from videonet.storage.dataset_files import MISSING, DatasetFiles

# Ids that are read at once.
_ROWS_AT_ONCE = 5_000


def path_of(side: str, index: int, shards: int) -> str:
    """See `Form`."""
    return f"data/{side}-{index:05d}-of-{shards:05d}.parquet"


def exported_schema(*, motion: bool) -> pa.Schema:
    """The columns of a shard; `motion`: whether those of motion are among them."""
    return schema_of(NEWEST_FORM._replace(motion=motion))


@contextmanager
def open_writer(
    files: DatasetFiles, path: str, *, motion: bool
) -> Iterator[Callable[[Sample], None]]:
    """See `Form`."""
    schema = exported_schema(motion=motion)
    with files.draft(path) as draft, open_table(draft, schema, NEWEST_LAYOUT) as table:
        yield lambda sample: table.write_table(pa.Table.from_pylist([sample.row()], schema=schema))


def strip(files: DatasetFiles, path: str, gone: Collection[str]) -> None:
    """See `Form`."""
    with _opened(files, path) as old:
        schema = old.schema_arrow
        with files.draft(path) as draft, open_table(draft, schema, NEWEST_LAYOUT) as new:
            for group in range(old.num_row_groups):
                clip = old.read_row_group(group)
                if _stem(clip["example_id"][0].as_py()) not in gone:
                    new.write_table(clip)


def clips_in(files: DatasetFiles, path: str) -> Counter[str]:
    """See `Form`."""
    found: Counter[str] = Counter()
    with _opened(files, path) as table, files.local(path) as file:
        rows = rows_at_once(file, table.metadata, _ROWS_AT_ONCE, ["example_id"])
        for batch in table.iter_batches(rows, columns=["example_id"]):
            found.update(map(_stem, batch["example_id"].to_pylist()))
    return found


def _stem(example_id: str) -> str:
    return stem_of(example_id.rpartition("#")[0])


@contextmanager
def _opened(files: DatasetFiles, path: str) -> Iterator[pq.ParquetFile]:
    """A shard whose clips have room in memory. Raises UsageError for one that is damaged."""
    try:
        with files.local(path) as file, file.open("rb") as source:
            table = pq.ParquetFile(source, page_checksum_verification=True)
            read = partial(os.pread, source.fileno())
            for group in range(table.num_row_groups):
                check_claims(read, table.metadata.row_group(group))
            yield table
    except (*MISSING, pa.ArrowException, ValueError) as error:
        raise UsageError(
            f"{files.address}/{path} is damaged ({error}); export the data set again."
        ) from error
