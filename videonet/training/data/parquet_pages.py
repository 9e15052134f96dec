"""Single JPEGs of a clip in a Parquet file, without the others, and the numbers beside them.

A trainer uses 3 of the 128 frames of a clip. Arrow's reader copies all of them, 2 to 6 MB, which
takes as long as it takes to decode two. But a shard's JPEGs are stored as they are. In layout 2
their lengths stand together in front of them. In layout 1 each stands after its length: the way to
one leads over the lengths of those before it.

What is stored is described by parquet-format: Encodings.md (levels, PLAIN, DELTA_BINARY_PACKED,
DELTA_LENGTH_BYTE_ARRAY). For headers of pages see `videonet.shards.page_headers`.
"""

import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from videonet.shards.page_headers import HEADER_BYTES, STORED_BYTES, TYPE, Read, struct_in, varint

_LENGTH = struct.Struct("<I").unpack

# The field of a PageHeader that holds a DataPageHeader, and fields of that.
_DATA_PAGE = 5
_VALUES, _ENCODING = 1, 2
_IS_DATA_PAGE = 0

# Encodings of values.
_PLAIN, _DELTA_LENGTH = 0, 6

# So many bytes behind the header of a page hold what says which row a value is of, and the lengths
# of 128 frames, with room to spare.
LENGTHS_BYTES = 1024

# A length has at most 32 bits. Of a clip there are some hundred, and of a block of them as well.
_MOST_BITS = 32
_MOST_VALUES = 100_000
_MOST_IN_A_BLOCK = 4_096

# As wide as the numbers of a clip are.
_INT64_BYTES = 8
_INT64 = struct.Struct("<q").unpack

# How the header of a page of one such number begins: a data page, of 8 bytes, stored as 8 bytes.
_ONE_NUMBER = b"\x15\x00\x15\x10\x15\x10"


class OtherLayoutError(Exception):
    """The values are not stored as they are, or the page makes no sense."""


class _Values(NamedTuple):
    """The values of the one page of a column: where they begin and end, in the file."""

    encoding: int
    number: int
    begin: int
    end: int


def places_of(
    read: Read, column: pq.ColumnChunkMetaData, wanted: Sequence[int]
) -> list[tuple[int, int]]:
    """Length and offset, within the file, of these values of a column of byte arrays.

    `column` must be of a row group of one row that is a list: Arrow writes that as one page, as it
    begins pages with rows. Raises OtherLayoutError where it is compressed, coded with a dictionary,
    of another version or cut into pages, or damaged.
    """
    try:
        values = _values(read, column, levels=2)
        if not max(wanted) < values.number <= _MOST_VALUES:
            raise OtherLayoutError("there are fewer values than wanted, or more than in any clip")
        if values.encoding == _DELTA_LENGTH:
            return _places_together(read, values, wanted)
        if values.encoding == _PLAIN:
            return _places_on_the_way(read, values, wanted)
    except _SENSELESS as error:
        raise OtherLayoutError("the page makes no sense") from error
    raise OtherLayoutError("the values are not as they are")


def numbers_of(read: Read, column: pq.ColumnChunkMetaData, *, is_list: bool) -> list[int]:
    """The values of a column of 64 bit integers, of a row group of one row; of a list perhaps none.

    Raises OtherLayoutError as `places_of` does.
    """
    if column.physical_type != "INT64":
        raise OtherLayoutError("the values are no such numbers")
    try:
        if not is_list and _is_one_number(read, column):
            # The page ends with it, and the rest of its header need not be known: every clip has
            # four of these.
            end = column.data_page_offset + column.total_compressed_size
            return [*_INT64(read(_INT64_BYTES, end - _INT64_BYTES))]
        values = _values(read, column, levels=2 if is_list else 0)
        found = np.frombuffer(read(values.end - values.begin, values.begin), "<i8")
        # A list of none has one value that is missing.
        fits = len(found) == values.number or (is_list and len(found) == 0 and values.number == 1)
        whole = len(found) * _INT64_BYTES == values.end - values.begin
        if values.encoding == _PLAIN and fits and whole:
            numbers: list[int] = found.tolist()
            return numbers
    except _SENSELESS as error:
        raise OtherLayoutError("the page makes no sense") from error
    raise OtherLayoutError("the values are not as they are")


_SENSELESS = (IndexError, KeyError, OverflowError, TypeError, ValueError, struct.error)


def _is_one_number(read: Read, column: pq.ColumnChunkMetaData) -> bool:
    """Whether a column is a page of one number, as it is."""
    return (
        column.num_values == 1
        and column.compression == "UNCOMPRESSED"
        and "PLAIN" in column.encodings
        and not column.has_dictionary_page
        and read(len(_ONE_NUMBER), column.data_page_offset) == _ONE_NUMBER
    )


def _values(read: Read, column: pq.ColumnChunkMetaData, levels: int) -> _Values:
    """Where the values of a column are. In front of them stand so many kinds of levels."""
    if column.compression != "UNCOMPRESSED" or column.has_dictionary_page:
        raise OtherLayoutError("the values are compressed, or refer to a dictionary")
    at = column.data_page_offset
    end = at + column.total_compressed_size
    header, length = struct_in(read(HEADER_BYTES, at), 0)
    page = header[_DATA_PAGE]
    if header[TYPE] != _IS_DATA_PAGE or at + length + header[STORED_BYTES] != end:
        raise OtherLayoutError("the values are not one page")
    at += length
    # Which values are of which row, and which are missing: of one row, and none.
    for _ in range(levels):
        at += 4 + _LENGTH(read(4, at))[0]
    if at > end:
        raise OtherLayoutError("the levels are longer than their page")
    return _Values(page[_ENCODING], page[_VALUES], at, end)


def _places_on_the_way(read: Read, values: _Values, wanted: Sequence[int]) -> list[tuple[int, int]]:
    """Of values of which each stands after its length."""
    at, places = values.begin, []
    for _ in range(max(wanted) + 1):
        (length,) = _LENGTH(read(4, at))
        at += 4
        places.append((length, at))
        at += length
    if at > values.end:
        raise OtherLayoutError("the values are longer than their page")
    return [places[number] for number in wanted]


def _places_together(read: Read, values: _Values, wanted: Sequence[int]) -> list[tuple[int, int]]:
    """Of values behind all of their lengths."""
    room = values.end - values.begin
    data = read(min(LENGTHS_BYTES, room), values.begin)
    try:
        lengths, size = unpacked(data, values.number)
    except IndexError:
        # Of thousands of frames, which no clip has: a length takes six bytes at most.
        most = LENGTHS_BYTES + 6 * values.number
        lengths, size = unpacked(read(min(most, room), values.begin), values.number)
    ends = [*accumulate(lengths)]
    if min(lengths) < 0 or size + ends[-1] != room:
        raise OtherLayoutError("the lengths are not those of what is in the page")
    begin = values.begin + size
    return [(lengths[number], begin + ends[number] - lengths[number]) for number in wanted]


def unpacked(data: bytes, count: int) -> tuple[list[int], int]:
    """`count` numbers as DELTA_BINARY_PACKED has them, and where they end in `data`.

    Numbers are sums of differences. These come in blocks, which have a least difference, and
    smaller blocks, which have a number of bits. Raises IndexError where the data end before, and
    ValueError for what makes no sense.
    """
    block, at = varint(data, 0)
    parts, at = varint(data, at)
    total, at = varint(data, at)
    first, at = _signed(data, at)
    size = block // parts if parts else 0
    # The time for a block grows with its square.
    fits = 0 < size * parts == block <= _MOST_IN_A_BLOCK and size % 8 == 0
    if total != count or not 0 < count <= _MOST_VALUES or not fits:
        raise ValueError("the numbers are not as many as the page says")
    steps = [first]
    while len(steps) < count:
        least, at = _signed(data, at)
        widths = data[at : at + parts]
        at += parts
        if len(widths) < parts:
            raise IndexError("the numbers do not end")
        for bits in widths:
            some = min(size, count - len(steps))
            if some == 0:
                break
            if bits > _MOST_BITS:
                raise ValueError("a number has too many bits")
            end = at + bits * size // 8
            if end > len(data):
                raise IndexError("the numbers do not end")
            # One large number, of which each takes its bits, the lowest first.
            packed, mask = int.from_bytes(data[at:end], "little"), (1 << bits) - 1
            steps += [
                (packed >> shift & mask) + least for shift in range(0, bits * some, bits or 1)
            ]
            if not bits:
                steps += [least] * some
            at = end
    return [*accumulate(steps)], at


def _signed(data: bytes, at: int) -> tuple[int, int]:
    """A number whose lowest bit is its sign, and where it ends."""
    value, at = varint(data, at)
    return value >> 1 ^ -(value & 1), at
