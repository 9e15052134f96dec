"""What sites answered to queries: a file each, and later a file for several of them.

    STORE/search/<digest>.parquet    the results of one query
    STORE/search/<xxx>.parquet       those of packed queries whose digests begin so, query by query

Both are catalogues. A file of one query counts as later than what is packed. A reader looks at that
first and at the packed one second; packing goes the other way: so no reader misses anything.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.schemas.record import from_json
from videonet.schemas.search import SearchResult
from videonet.schemas.table import arrow_schema
from videonet.storage.lease import Lease
from videonet.storage.objects import Objects
from videonet.storage.side_by_side import at_once, side_by_side

_FOLDER = "search"

# Files of one query that may stay.
MOST_LOOSE = 1_024

# Leading hex digits of the digests in one packed file: of 40,000 queries it has ten, 300 kB.
DIGITS = 3

_LOOSE = re.compile(rf"{_FOLDER}/(?P<digest>[0-9a-f]{{64}})\.parquet")

_SCHEMA = arrow_schema(SearchResult)

# In the schema: which queries are in a packed file, in the order of their rows.
_QUERIES = b"videonet.queries"


class _Packed(NamedTuple):
    """A query in a packed file."""

    digest: str
    rows: int
    # what its own file said beside its rows
    metadata: dict[str, str]


class SearchFiles:
    """The files of one store. Safe to share between threads and processes."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def read(self, digest: str) -> pa.Table | None:
        """The results of a query; None: it was not asked, or what it brought cannot be read.

        With the metadata of the table that was written.
        """
        data = self._objects.read(_loose(digest))
        if data is not None:
            return _table(data)
        return _queries(self._objects.read(_packed(digest))).get(digest)

    def write(self, digest: str, table: pa.Table) -> None:
        """Keep the results of a query, in place of those that are there. Raises OSError."""
        name, data = _loose(digest), _bytes(table)
        while self._objects.write_once(name, data) is None:
            before = self._objects.read_versioned(name)
            if before is not None and self._objects.write_if(name, data, before.generation):
                return

    def pack(self, lease: Lease) -> int:
        """Pack files of one query if they are many; how many were packed.

        What is not under the lease any more is left to others. Raises LeaseLostError.
        """
        found = (_LOOSE.fullmatch(entry.name) for entry in self._objects.list(f"{_FOLDER}/"))
        loose = [each["digest"] for each in found if each is not None]
        if len(loose) <= MOST_LOOSE:
            return 0
        by_file: defaultdict[str, list[str]] = defaultdict(list)
        for digest in loose:
            by_file[_packed(digest)].append(digest)

        def pack(file: str) -> int:
            return self._pack(lease, file, by_file[file])

        return sum(side_by_side(at_once(self._objects.address), pack, by_file))

    def _pack(self, lease: Lease, name: str, digests: list[str]) -> int:
        # In this order, like a reader: another command may have packed them.
        states = {digest: self._objects.read_versioned(_loose(digest)) for digest in digests}
        held = {digest: each for digest, each in states.items() if each is not None}
        before = self._objects.read_versioned(name)
        new = _of_ours({digest: _table(each.data) for digest, each in held.items()})
        if not new:
            return 0
        together = _together(_of_ours(_queries(before and before.data)) | new)
        if before is None:
            written = lease.write_once(name, together)
        else:
            written = lease.write_if(name, together, before.generation)
        if written is None:
            return 0
        for digest in new:
            # One that was written since stays.
            self._objects.delete(_loose(digest), held[digest].generation)
        return len(new)


def _loose(digest: str) -> str:
    return f"{_FOLDER}/{digest}.parquet"


def _packed(digest: str) -> str:
    return f"{_FOLDER}/{digest[:DIGITS]}.parquet"


def _together(queries: Mapping[str, pa.Table]) -> bytes:
    """A packed file of queries, by their digests."""
    ordered = sorted(queries.items())
    packed = [
        _Packed(
            digest,
            table.num_rows,
            {key.decode(): each.decode() for key, each in (table.schema.metadata or {}).items()},
        )
        for digest, table in ordered
    ]
    rows = pa.concat_tables([table.replace_schema_metadata(None) for _, table in ordered])
    return _bytes(rows.replace_schema_metadata({_QUERIES: msgspec.json.encode(packed)}))


def _queries(data: bytes | None) -> dict[str, pa.Table]:
    """The queries in a packed file, by their digests; none where it cannot be read."""
    table = None if data is None else _table(data)
    if table is None:
        return {}
    queries, begin = {}, 0
    try:
        packed = from_json((table.schema.metadata or {})[_QUERIES], list[_Packed])
    except (KeyError, msgspec.DecodeError):
        return {}
    for each in packed:
        rows = table.slice(begin, each.rows)
        queries[each.digest] = rows.replace_schema_metadata(each.metadata)
        begin += each.rows
    return queries


def _of_ours(queries: Mapping[str, pa.Table | None]) -> dict[str, pa.Table]:
    """Those that have the columns of this version: others are asked for again."""
    return {
        digest: table
        for digest, table in queries.items()
        if table is not None and table.schema.remove_metadata().equals(_SCHEMA)
    }


def _table(data: bytes) -> pa.Table | None:
    """What is in a file; None: it is damaged, for which Arrow has several exceptions."""
    try:
        return pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError, ValueError):
        return None


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data
