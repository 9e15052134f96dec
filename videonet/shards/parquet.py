"""Clips as Parquet: one row a clip, with the columns of `videonet.schemas.clip.Clip`.

A row group is the least that a reader can fetch, so it is one clip: row group `i` is clip `i`. In
a shard of 244 clips of 1 MB the footer is then 0.28 MB and a clip costs one read of 1.03 MB;
with eight clips a group it would be 0.04 MB and 8.2 MB.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.table import arrow_schema

SCHEMA = arrow_schema(Clip)


def frames_in(path: Path) -> int:
    """How many frames the clips of a file have: its footer alone is read.

    Raises OSError or `pyarrow.ArrowException` where that cannot be read.
    """
    footer = pq.read_metadata(path)
    # A field is one column of the file, also where it is a list; that counts the list's items.
    column = SCHEMA.names.index("image_timestamp")
    groups = map(footer.row_group, range(footer.num_row_groups))
    return sum(group.column(column).num_values for group in groups)


@contextmanager
def open_writer(path: Path) -> Iterator[Callable[[Clip], None]]:
    """A function that appends a clip to the new file `path`. Holds one clip in memory."""
    with pq.ParquetWriter(
        path,
        SCHEMA,
        # JPEGs are compressed already; the rest is too small to matter.
        compression="none",
        use_dictionary=False,
        # So that a query for one clip skips the others' row groups.
        write_statistics=["example_id"],
        write_page_checksum=True,
    ) as writer:
        yield lambda clip: writer.write_table(pa.Table.from_pylist([clip.to_row()], schema=SCHEMA))


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
                for row in file.read_row_group(group).to_pylist():
                    yield Clip.from_row(row)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UsageError(f"{path}: {where} is damaged ({error}). Write it again.") from error
