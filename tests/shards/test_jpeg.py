"""videonet.shards.jpeg: a header is looked at before a picture is decoded."""

import io
import struct

import numpy as np
import pytest
import simplejpeg
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from videonet.shards.jpeg import MOST_PIXELS, check_size, decode, size_of

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
FRAME = simplejpeg.encode_jpeg(PIXELS, quality=90, colorspace="RGB")


def saved(**how: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", **how)
    return file.getvalue()


def claiming(jpeg: bytes, height: int, width: int) -> bytes:
    """The JPEG with another size in its header."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def test_a_frame_is_decoded_where_it_is_as_large_as_its_clip_says():
    assert size_of(FRAME) == (16, 24)
    assert np.array_equal(decode(FRAME, (16, 24)), simplejpeg.decode_jpeg(FRAME))
    buffer = np.empty((16, 24, 3), np.uint8)
    decode(FRAME, (16, 24), buffer)
    assert np.array_equal(buffer, simplejpeg.decode_jpeg(FRAME))


def test_pillows_files_are_read_too():
    assert size_of(saved(comment=b"0 33", quality=80, optimize=True)) == (16, 24)
    assert size_of(saved(exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")) == (16, 24)


@pytest.mark.parametrize("size", [(17, 24), (24, 16), (16, 25)])
def test_a_frame_of_another_size_is_refused(size: tuple[int, int]):
    with pytest.raises(ValueError, match=r"a frame of \(16, 24\) pixels in a clip of"):
        check_size(FRAME, size)


@pytest.mark.parametrize("size", [(65_535, 65_535), (4097, 4096), (0, 24), (16, 0)])
def test_a_frame_that_says_to_be_vast_is_refused_before_it_is_decoded(size: tuple[int, int]):
    with pytest.raises(ValueError, match="is said to be of"):
        decode(claiming(FRAME, *size), size)


def test_the_longest_picture_of_usual_height_is_small_enough():
    assert size_of(claiming(FRAME, 256, 65_535)) == (256, 65_535)
    assert MOST_PIXELS > 256 * 65_535


def test_a_picture_of_many_passes_is_refused():
    """Each takes some bytes, and as long as the whole picture."""
    with pytest.raises(ValueError, match="several passes"):
        size_of(saved(progressive=True))
    scan = FRAME[FRAME.index(b"\xff\xda") : -2]
    with pytest.raises(ValueError, match="several passes"):
        size_of(FRAME[:-2] + 5 * scan + b"\xff\xd9")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\x89PNG\r\n",
        FRAME[:20],
        FRAME[: FRAME.index(b"\xff\xc0") + 6],
        b"\xff\xd8" * 9,
    ],
)
def test_what_is_no_jpeg_is_refused(data: bytes):
    with pytest.raises(ValueError, match=r"JPEG|ends within"):
        size_of(data)


@given(st.lists(st.tuples(st.integers(0, len(FRAME) - 1), st.integers(0, 255)), max_size=6))
@example([(0, 0)])
def test_what_is_decoded_has_the_size_that_was_read(changes: list[tuple[int, int]]):
    data = bytearray(FRAME)
    for place, value in changes:
        data[place] = value
    try:
        size = size_of(bytes(data))
        found = decode(bytes(data), size).shape[:2]
    except ValueError:
        return
    assert found == size
