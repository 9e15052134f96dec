"""Single JPEGs of a clip in a Parquet file, without reading the others.

A trainer uses 3 of the 128 frames of a clip. Arrow's reader copies all of them, 2 to 6 MB, which
takes as long as it takes to decode two. But a shard's JPEGs are stored as they are, each after its
length: the way to one leads over the lengths of those before it.

The layout is that of parquet-format: parquet.thrift (PageHeader), Encodings.md (levels, PLAIN), and
Thrift's compact protocol.
"""

import struct
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq

_LENGTH = struct.Struct("<I").unpack

# Fields of a PageHeader, and of the DataPageHeader in it.
_TYPE, _STORED_BYTES, _DATA_PAGE = 1, 3, 5
_VALUES, _ENCODING = 1, 2
_IS_DATA_PAGE, _IS_PLAIN = 0, 0

# Enough for the header of a page without statistics, which takes about 30.
_HEADER_BYTES = 128

# So many bytes of a file from an offset on, in this order; fewer where the file ends.
Read = Callable[[int, int], bytes]


class OtherLayoutError(Exception):
    """The values are not stored as they are, or the page makes no sense."""


def places_of(read: Read, column: pq.ColumnChunkMetaData, count: int) -> list[tuple[int, int]]:
    """Length and offset, within the file, of the first `count` values of a column of byte arrays.

    `column` must be of a row group of one row that is a list: Arrow writes that as one page, as it
    begins pages with rows. Raises OtherLayoutError where it is compressed, coded with a dictionary,
    of another version or cut into pages, or damaged.
    """
    if column.compression != "UNCOMPRESSED" or column.has_dictionary_page:
        raise OtherLayoutError("the values are compressed, or refer to a dictionary")
    at = column.data_page_offset
    end = at + column.total_compressed_size
    try:
        header, length = _struct(read(_HEADER_BYTES, at), 0)
        page = header[_DATA_PAGE]
        plain = header[_TYPE] == _IS_DATA_PAGE and page[_ENCODING] == _IS_PLAIN
        if not plain or page[_VALUES] < count or at + length + header[_STORED_BYTES] != end:
            raise OtherLayoutError("the values are not one page, in which they are as they are")
        at += length
        # Which values are of which row, and which are missing: of one row, and none.
        for _ in ("repetition levels", "definition levels"):
            at += 4 + _LENGTH(read(4, at))[0]
        places = []
        for _ in range(count):
            (length,) = _LENGTH(read(4, at))
            at += 4
            places.append((length, at))
            at += length
    except (IndexError, KeyError, OverflowError, TypeError, struct.error) as error:
        raise OtherLayoutError("the page makes no sense") from error
    if at > end:
        raise OtherLayoutError("the values are longer than their page")
    return places


def _struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """The fields of a struct in Thrift's compact protocol, by number, and where it ends."""
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
        elif kind in (4, 5, 6):  # of 16, 32, 64 bits
            fields[number], at = _integer(data, at)
        elif kind == 8:  # bytes
            length, at = _varint(data, at)
            at += length
        elif kind == 12:  # struct
            fields[number], at = _struct(data, at)
        else:
            raise OtherLayoutError(f"a page header has a field of kind {kind}")
    return fields, at + 1


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """A signed number, whose lowest bit is its sign, and where it ends."""
    value, at = _varint(data, at)
    return value >> 1 ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at
