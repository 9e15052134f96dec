"""A shard: records in a Parquet file, a row each, in the order of their digests.

The name of a shard says how long it is, and the sha256 of its footer, which has the sha256 of each
group of rows. So a part of a shard can be believed without the whole. Arrow is given no other
bytes: it ends the process over some that were altered.
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

_SCHEMA = pa.schema([("digest", pa.binary(32)), ("record", pa.binary())])

T = TypeVar("T")

# In the footer: hex sha256 of each group of rows.
_SUMS = b"videonet.sha256"

# What is read for one row: so many rows at most, of so many bytes.
_GROUP, _GROUP_BYTES = 500, 250_000

# What is read first: the footer says where rows are, in 300 bytes for each group.
_FOOTER = 32_768

_NAME = re.compile(
    r"(?P<number>[0-9]{12})-b(?P<bits>[01]*)-(?P<size>[0-9]+)-(?P<sha256>[0-9a-f]{64})\.parquet"
)

# By digest, in their order.
Rows = dict[str, bytes]


class DamageError(Exception):
    """A shard holds something else than its name says."""


class Shard(NamedTuple):
    """What the name of a shard says."""

    # of the lease under which it was written
    number: int
    # leading bits that all its digests have
    bits: str


def shard_of_name(name: str) -> Shard | None:
    """What the name of a shard says; None: it is no shard's."""
    found = _NAME.fullmatch(name.rpartition("/")[2])
    return Shard(int(found["number"]), found["bits"]) if found else None


def shard_name(shard: Shard, data: bytes) -> str:
    """The name, below the folder of the shards, of one with this content."""
    sha256 = hashlib.sha256(data[-_footer_bytes(data) :]).hexdigest()
    return f"{shard.number:012d}-b{shard.bits}-{len(data)}-{sha256}.parquet"


def packed_bytes(rows: Rows) -> bytes:
    """Rows, in the order of their digests, as a shard. Equal rows are equal bytes."""
    digests = pa.array(map(bytes.fromhex, rows), pa.binary(32))
    table = pa.table([digests, pa.array(rows.values(), pa.binary())], schema=_SCHEMA)
    # Twice: what the footer says of groups is known when they are written.
    data = memoryview(_parquet(table))
    places = _groups(pq.read_metadata(pa.BufferReader(data)))
    sums = [hashlib.sha256(data[begin:end]).hexdigest() for begin, end in places]
    return _parquet(table.replace_schema_metadata({_SUMS: ",".join(sums)}))


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=max(1, min(_GROUP, _GROUP_BYTES * len(table) // max(1, table.nbytes))),
        compression="zstd",
        # All values differ.
        use_dictionary=False,
        write_statistics=["digest"],
    )
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _groups(metadata: pq.FileMetaData) -> list[tuple[int, int]]:
    """Where the pages of each group of rows begin and end in their file, bytes."""
    places = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(each) for each in range(group.num_columns)]
        begin = min(column.data_page_offset for column in columns)
        places.append((begin, begin + sum(column.total_compressed_size for column in columns)))
    return places


def _footer_bytes(data: bytes | bytearray) -> int:
    """How long the footer of a shard is, by its end."""
    return int.from_bytes(data[-8:-4], "little") + 8


class ShardFile:
    """A shard of which parts are read as they are asked for.

    `read` gives the bytes of the shard between two places; None: the shard is not there any more,
    which ends all calls with FileNotFoundError. Raises DamageError.
    """

    def __init__(self, name: str, read: Callable[[int, int], bytes | None], *, whole: bool) -> None:
        """With `whole`, all of it is read at once."""
        found = _NAME.fullmatch(name.rpartition("/")[2])
        if found is None:
            raise DamageError
        size = int(found["size"])
        self._read = read
        # What is not read is zero.
        self._content = bytearray(size)
        self._whole = whole
        self._fill(0 if whole else max(0, size - _FOOTER), size)
        begin = max(0, size - _footer_bytes(self._content))
        if not whole and begin < size - _FOOTER:
            self._fill(begin, size)
        if hashlib.sha256(self._content[begin:]).hexdigest() != found["sha256"]:
            raise DamageError
        self._file = pq.ParquetFile(pa.BufferReader(self._content))
        self._groups = _groups(self._file.metadata)
        self._sums = self._file.metadata.metadata[_SUMS].decode().split(",")

    def rows(self) -> Rows:
        """All records."""
        rows: Rows = {}
        for number in range(len(self._groups)):
            rows |= self._group(number)
        return rows

    def row(self, digest: str) -> Rows:
        """The record of a digest, if it is there."""
        for number in range(len(self._groups)):
            held = self._file.metadata.row_group(number).column(0).statistics
            if held.min.hex() <= digest <= held.max.hex():
                return between(self._group(number), digest, digest)
        return {}

    def _group(self, number: int) -> Rows:
        begin, end = self._groups[number]
        if not self._whole:
            self._fill(begin, end)
        if hashlib.sha256(memoryview(self._content)[begin:end]).hexdigest() != self._sums[number]:
            raise DamageError
        table = self._file.read_row_group(number, use_threads=False)
        digests = map(bytes.hex, table["digest"].to_pylist())
        return dict(zip(digests, table["record"].to_pylist(), strict=True))

    def _fill(self, begin: int, end: int) -> None:
        data = self._read(begin, end)
        if data is None:
            raise FileNotFoundError
        if len(data) != end - begin:
            raise DamageError
        self._content[begin:end] = data


def span(prefix: str) -> tuple[str, str]:
    """The first and the last hex digest that begin with these bits."""
    low, high = (int(f"{prefix:{bit}<256}", 2) for bit in "01")
    return f"{low:064x}", f"{high:064x}"


def between(rows: dict[str, T], low: str, high: str) -> dict[str, T]:
    """The rows with digests from `low` to `high`, both inclusive."""
    digests = list(rows)
    chosen = digests[bisect_left(digests, low) : bisect_right(digests, high)]
    return rows if len(chosen) == len(rows) else {digest: rows[digest] for digest in chosen}
