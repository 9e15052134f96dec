"""Clips as Parquet: one row a clip, with the columns of `videonet.schemas.clip.Clip`.

A row group is the least that a reader can fetch, so it is one clip: row group `i` is clip `i`. In
a shard of 244 clips of 1 MB the footer is then 0.28 MB and a clip costs one read of 1.03 MB;
with eight clips a group it would be 0.04 MB and 8.2 MB.

In layout 2 a row group begins with all that is small, and ends with the frames: first the lengths
of all of them, then their bytes (parquet-format: Encodings.md, DELTA_LENGTH_BYTE_ARRAY). So one
read of some kilobytes says where each frame lies, and another one fetches it.
"""

import itertools
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.clip import LABEL_ID_COLUMNS, MOTION_COLUMNS, Clip
from videonet.schemas.shard_form import LAYOUTS, OLDEST_FORM, ShardForm
from videonet.schemas.table import arrow_schema
from videonet.shards.page_headers import Read, pages

# The column of the frames, and its name as a column of the file.
FRAMES = "image_encoded"
_FRAMES_IN_FILE = f"{FRAMES}.list.element"

# All columns that there are, in their order in layout 1.
SCHEMA = pa.schema([field.with_nullable(False) for field in arrow_schema(Clip)])


def schema_of(form: ShardForm) -> pa.Schema:
    """The columns of a shard, in their order there."""
    lacking = {
        *(() if form.motion else MOTION_COLUMNS),
        *(() if form.label_ids else LABEL_ID_COLUMNS),
    }
    fields = [field for field in SCHEMA if field.name not in lacking]
    if form.layout > 1:
        fields.sort(key=lambda field: field.name == FRAMES)
    return pa.schema(fields)


# Of all shards that there may be.
SCHEMAS = tuple(
    schema_of(ShardForm(*form)) for form in itertools.product(LAYOUTS, (True, False), (True, False))
)


def columns_in(footer: pq.FileMetaData) -> dict[str, int]:
    """The position of each column of a clip in a file: each is one column there, also a list."""
    paths = (footer.schema.column(at).path for at in range(footer.num_columns))
    return {path.partition(".")[0]: at for at, path in enumerate(paths)}


# The first column of a file, in every form.
_EXAMPLE_ID = 0


def example_id(footer: pq.FileMetaData, group: int) -> str | None:
    """The clip of a row group; None where it is not one clip, or the footer does not say."""
    row_group = footer.row_group(group)
    if row_group.num_rows != 1:
        return None
    # The least and the greatest of one value.
    statistics = row_group.column(_EXAMPLE_ID).statistics
    return statistics.min if statistics is not None and statistics.has_min_max else None


# What a column of one clip may take when it is read, bytes: that of the frames, and each other. And
# how many items a list has at most: frames, or labels.
_MOST_FRAME_BYTES = 1 << 30
_MOST_BYTES = 16_000_000
_MOST_ITEMS = 100_000


def check_claims(
    read: Read, group: pq.RowGroupMetaData, columns: Collection[str] | None = None
) -> None:
    """Raise ValueError for a row group that is not one clip, or is larger when it is read.

    Looked at are these columns; None: all.
    """
    if group.num_rows != 1:
        raise ValueError(f"it is {group.num_rows:,} rows, where one clip is expected")
    for column in map(group.column, range(group.num_columns)):
        # Every column of a clip is one column of the file, also where it is a list.
        name = column.path_in_schema.partition(".")[0]
        if columns is not None and name not in columns:
            continue
        values, unpacked, dictionary = 0, 0, 0
        for page in pages(read, column):
            values += page.values
            unpacked += page.unpacked
            dictionary = max(dictionary, page.unpacked if page.is_dictionary else 0)
            most = _MOST_FRAME_BYTES if name == FRAMES else _MOST_BYTES
            # A value of a dictionary may stand for each item.
            if values > _MOST_ITEMS or max(unpacked, dictionary * values) > most:
                raise ValueError(f"its {name[:80]} would take more memory than that of any clip")


def frames_in(file: BinaryIO) -> int:
    """How many frames the clips of a file have: its footer alone is read.

    Raises OSError or `pyarrow.ArrowException` where that cannot be read.
    """
    footer = pq.read_metadata(file)
    # Of a list, its column counts the items.
    column = columns_in(footer)["image_timestamp"]
    groups = map(footer.row_group, range(footer.num_row_groups))
    return sum(group.column(column).num_values for group in groups)


@contextmanager
def open_writer(path: Path, form: ShardForm = OLDEST_FORM) -> Iterator[Callable[[Clip], None]]:
    """A function that appends a clip to the new file `path`. Holds one clip in memory."""
    schema = schema_of(form)
    with open_table(path, schema, form.layout) as writer:
        yield lambda clip: writer.write_table(pa.Table.from_pylist([clip.to_row()], schema=schema))


@contextmanager
def open_table(path: Path, schema: pa.Schema, layout: int) -> Iterator[pq.ParquetWriter]:
    """A new file with the columns of a clip, and perhaps others; each table becomes a row group."""
    with pq.ParquetWriter(
        path,
        schema,
        # JPEGs are compressed already; the rest is too small to matter.
        compression="none",
        use_dictionary=False,
        column_encoding={_FRAMES_IN_FILE: "DELTA_LENGTH_BYTE_ARRAY"} if layout > 1 else None,
        # So that a query for one clip skips the others' row groups.
        write_statistics=["example_id"],
        write_page_checksum=True,
    ) as writer:
        yield writer


def read(path: Path) -> Iterator[Clip]:
    """The clips of a file, in order, one in memory at a time.

    Raises `UsageError`, naming file and clip, if a page differs from its checksum or the file was
    cut short.
    """
    with path.open("rb") as source:
        where = "the footer"
        try:
            file = pq.ParquetFile(source, page_checksum_verification=True)
            for group in range(file.num_row_groups):
                where = f"clip {group}"
                check_claims(partial(os.pread, source.fileno()), file.metadata.row_group(group))
                for row in file.read_row_group(group).to_pylist():
                    yield Clip.from_row(row)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UsageError(f"{path}: {where} is damaged ({error}). Write it again.") from error
