"""Single JPEGs of a clip in a Parquet file, without reading the others.

A trainer uses 3 of the 128 frames of a clip. Arrow's reader copies all of them, 2 to 6 MB, which
takes as long as it takes to decode two. But a shard's JPEGs are stored as they are, each after its
length: the way to one leads over the lengths of those before it.

The layout is that of parquet-format: Encodings.md (levels, PLAIN). For headers of pages see
`videonet.shards.page_headers`.
"""

import struct

import pyarrow.parquet as pq

from videonet.shards.page_headers import HEADER_BYTES, STORED_BYTES, TYPE, Read, struct_in

_LENGTH = struct.Struct("<I").unpack

# The field of a PageHeader that holds a DataPageHeader, and fields of that.
_DATA_PAGE = 5
_VALUES, _ENCODING = 1, 2
_IS_DATA_PAGE, _IS_PLAIN = 0, 0


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
        header, length = struct_in(read(HEADER_BYTES, at), 0)
        page = header[_DATA_PAGE]
        plain = header[TYPE] == _IS_DATA_PAGE and page[_ENCODING] == _IS_PLAIN
        if not plain or page[_VALUES] < count or at + length + header[STORED_BYTES] != end:
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
    except (IndexError, KeyError, OverflowError, TypeError, ValueError, struct.error) as error:
        raise OtherLayoutError("the page makes no sense") from error
    if at > end:
        raise OtherLayoutError("the values are longer than their page")
    return places
