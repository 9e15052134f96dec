"""OUT/split.parquet, read and written as a whole: some 50 MB for a million videos.

Rows are in the order of their keys. Nothing of the machine or the clock is in it.
"""

import hashlib
import io
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.split import Side, SplitHeader, SplitVideo, Why
from videonet.schemas.table import arrow_schema
from videonet.storage.dataset_files import DatasetFiles
from videonet.text import as_shown

SPLIT_FILE = "split.parquet"

VERSION = 1

# Its key among the file's metadata.
_HEADER = b"videonet.split"

# More than any split has, bytes: what is read may be a stranger's.
_MOST_BYTES = 1_000_000_000
_MOST_ROWS = 100_000_000


@dataclass(frozen=True, eq=False)
class Split:
    """A split as it was read."""

    header: SplitHeader
    # the columns of `SplitVideo`
    table: pa.Table
    # hex, of the whole file
    sha256: str

    def sides(self, video_keys: pa.Array) -> pa.Array:
        """The side of each of these videos, a string; null for one that the split does not know."""
        places = pc.index_in(video_keys, value_set=self.table["video_key"].combine_chunks())
        return self.table["side"].combine_chunks().take(places)


def read_split(files: DatasetFiles) -> Split | None:
    """The split of a data set; None: there is none. Raises UsageError for one that is damaged."""
    if files.size(SPLIT_FILE) is None:
        return None
    place = f"{files.address}/{SPLIT_FILE}"
    try:
        return split_in(files.read(SPLIT_FILE, _MOST_BYTES), place)
    except OSError as error:
        raise UsageError(
            f"{place} cannot be read ({as_shown(error.strerror or str(error))}); once it can, the "
            "same command goes on."
        ) from error


def split_in(data: bytes, place: str) -> Split:
    """The split in the bytes of a file, which lies at `place`. Raises UsageError if it is none."""
    try:
        with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
            if file.metadata.num_rows > _MOST_ROWS:
                raise ValueError(f"it has {file.metadata.num_rows:,} rows")
            said = (file.metadata.metadata or {}).get(_HEADER)
            if said is None or not file.schema_arrow.equals(arrow_schema(SplitVideo)):
                raise ValueError("its columns, or what it says of itself, are those of no split")
            header = SplitHeader.from_json(said)
            table = file.read()
        _check(header, table)
    except (pa.ArrowException, msgspec.MsgspecError, OSError, ValueError) as error:
        raise UsageError(
            f"{place} is no split, or is damaged ({as_shown(str(error))}); restore it, or delete "
            "it and run `videonet split` again, which may then choose other sides."
        ) from error
    return Split(header, table, hashlib.sha256(data).hexdigest())


def write_split(files: DatasetFiles, header: SplitHeader, table: pa.Table) -> bool:
    """Write a split, whose rows are in order; whether the file has changed. Raises OSError."""
    data, schema = io.BytesIO(), arrow_schema(SplitVideo)
    with pq.ParquetWriter(data, schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(table.cast(schema))
        writer.add_key_value_metadata({_HEADER: header.to_json()})
    content = data.getvalue()
    if files.size(SPLIT_FILE) == len(content) and content == files.read(SPLIT_FILE, len(content)):
        return False
    files.write(SPLIT_FILE, content)
    return True


def _check(header: SplitHeader, table: pa.Table) -> None:
    """Raise ValueError for rows that no split has."""
    if header.version != VERSION:
        raise ValueError(f"it is of version {header.version}, and {VERSION} can be read")
    if any(column.null_count for column in table.columns):
        raise ValueError("a value is missing")
    for name, kind in (("side", Side), ("why", Why)):
        known = pa.array([each.value for each in kind])
        if not pc.all(pc.is_in(table[name], value_set=known), min_count=0).as_py():
            raise ValueError(f"it names a {name} that is none of {', '.join(kind)}")
    keys = table["video_key"].combine_chunks()
    if len(keys) and not np.all(pc.less(keys[:-1], keys[1:]).to_numpy(zero_copy_only=False)):
        raise ValueError("its videos are not in order, or one is there twice")
