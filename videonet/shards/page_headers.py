"""What the pages of a Parquet file say of themselves, before anything of them is unpacked.

A file's footer says how large its columns are once they are read. The pages say so again, and what
reads them believes the pages. A page is a few bytes and can be gigabytes, or a value that stands in
a billion rows.

The layout is that of parquet-format: parquet.thrift (PageHeader), and Thrift's compact protocol.
"""

import os
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow.parquet as pq

# Fields of a PageHeader, by which the numbers of values stand in the header of its own kind.
TYPE, UNPACKED_BYTES, STORED_BYTES = 1, 2, 3
_OF_KIND = {0: 5, 2: 7, 3: 8}
_DICTIONARY = 2

# Enough for the header of a page without statistics, which takes about 30, and for one with them.
HEADER_BYTES = 128
_LONG_HEADER_BYTES = 1 << 20

# Deeper than any header is nested.
_DEEPEST = 8

# What a page may take when it is unpacked, and what the rows may that are read at a time: bytes of
# one column. Writers cut pages at 1 MB, dictionaries too, or where a group of rows ends:
# then a thousand rows have room.
_MOST_PAGE_BYTES = 256_000_000
_MOST_BATCH_BYTES = 1_100_000_000

# Items of lists in one page.
_MOST_ITEMS = 10_000_000

# So many bytes of a file from an offset on, in this order; fewer where the file ends.
Read = Callable[[int, int], bytes]


def reader_of(file: BinaryIO) -> Read:
    """How to read some places of an open file, while nobody else reads it."""

    def read(size: int, offset: int) -> bytes:
        before = file.tell()
        try:
            file.seek(offset)
            return file.read(size)
        finally:
            file.seek(before)

    return read


class Page(NamedTuple):
    """What a page says of itself."""

    is_dictionary: bool
    # also those that are missing, and of a list each of its items
    values: int
    # bytes
    unpacked: int


def pages(read: Read, column: pq.ColumnChunkMetaData) -> Iterator[Page]:
    """The pages of a column in a row group, as far as the footer says they go.

    Raises ValueError for what makes no sense.
    """
    at = column.data_page_offset
    if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < at:
        at = column.dictionary_page_offset
    end = at + column.total_compressed_size
    left = column.num_values
    while at < end and left > 0:
        header, length = _header(read, at)
        try:
            kind = header[TYPE]
            stored, unpacked = header[STORED_BYTES], header[UNPACKED_BYTES]
            own = header.get(_OF_KIND.get(kind, 0))
            values = 0 if own is None else own[1]
            if min(stored, unpacked, values) < 0:
                raise ValueError("a page has a negative size")
        except (KeyError, TypeError) as error:
            raise ValueError("a page has no header") from error
        yield Page(kind == _DICTIONARY, values, unpacked)
        if kind != _DICTIONARY:
            left -= values
        at += length + stored


def _header(read: Read, at: int) -> tuple[dict[int, Any], int]:
    for most in (HEADER_BYTES, _LONG_HEADER_BYTES):
        data = read(most, at)
        try:
            return struct_in(data, 0)
        except IndexError as error:
            if len(data) < most or most == _LONG_HEADER_BYTES:
                raise ValueError("the header of a page does not end") from error
    raise AssertionError


def rows_at_once(
    file: Path, footer: pq.FileMetaData, most: int, columns: Collection[str] | None = None
) -> int:
    """How many rows of a table to read at a time, `most` or fewer, so that they have room.

    `columns` are the names of those at the top that are read; None: all. Raises OSError, and
    ValueError for a page that is too large by itself.
    """
    with file.open("rb") as source:
        read = partial(os.pread, source.fileno())
        heaviest = _heaviest(read, footer, columns)
    return max(1, min(most, _MOST_BATCH_BYTES // heaviest))


def _heaviest(read: Read, footer: pq.FileMetaData, columns: Collection[str] | None) -> int:
    """Bytes that a cell of these columns may take, at least 1."""
    heaviest = 1
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if columns is not None and column.path_in_schema.partition(".")[0] not in columns:
                continue
            is_list = column.path_in_schema.count(".") > 0
            for page in pages(read, column):
                if page.unpacked > _MOST_PAGE_BYTES or (is_list and page.values > _MOST_ITEMS):
                    raise ValueError(
                        f"a page of the column {column.path_in_schema[:80]} would take more than "
                        f"{_MOST_PAGE_BYTES:,} bytes or {_MOST_ITEMS:,} items"
                    )
                # A value of a dictionary may stand in each row.
                share = 1 if page.is_dictionary or is_list else max(page.values, 1)
                heaviest = max(heaviest, page.unpacked // share)
    return heaviest


def struct_in(data: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The fields of a struct in Thrift's compact protocol, by number, and where it ends.

    Raises IndexError where the data end before it does, ValueError for what is in no header.
    """
    if depth > _DEEPEST:
        raise ValueError("the header of a page is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        if kind in (1, 2):  # true, false
            fields[number] = kind == 1
        elif kind == 3:  # of 8 bits
            at += 1
        elif kind in (4, 5, 6):  # of 16, 32, 64 bits
            fields[number], at = _integer(data, at)
        elif kind == 7:  # floating point
            at += 8
        elif kind == 8:  # bytes
            length, at = varint(data, at)
            at += length
        elif kind == 12:  # struct
            fields[number], at = struct_in(data, at, depth + 1)
        else:
            raise ValueError(f"a page header has a field of kind {kind}")
    return fields, at + 1


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """A signed number, whose lowest bit is its sign, and where it ends."""
    value, at = varint(data, at)
    return value >> 1 ^ -(value & 1), at


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first, and where it ends.

    Raises IndexError where the data end before it does, ValueError for one of more than 64 bits.
    """
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number has more than 64 bits")
