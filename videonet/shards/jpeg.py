"""The JPEGs of a data set: what their headers say is looked at before anything is decoded.

A few hundred bytes can say of themselves that they are a picture of 65,535 x 65,535 pixels, or of
ten thousand passes. Frames are baseline JPEGs of the size that their clip states.
"""

import struct
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

# The longest side of a JPEG at the short side of a frame, 256.
MOST_PIXELS = 1 << 24

_SEGMENT = struct.Struct(">BBH").unpack_from
_FRAME = struct.Struct(">BHHB").unpack_from

_BEGIN = b"\xff\xd8"

# Markers that have no place in front of the size: of restarts, ends and pixels.
_WITHOUT_LENGTH = range(0xD0, 0xDB)

# Markers of what says how large the picture is. Only the first two kinds are read in one pass.
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})

# One for all colours together, or one for each. Within pixels these two bytes never stand.
_MOST_SCANS = 4


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Height and width of a baseline JPEG by its header, pixels.

    Raises ValueError for what is none, has several passes or more than MOST_PIXELS.
    """
    if jpeg[:2] != _BEGIN:
        raise ValueError("it is no JPEG")
    at = 2
    try:
        while True:
            mark, kind, length = _SEGMENT(jpeg, at)
            if mark != 0xFF or kind < 0xC0 or kind in _WITHOUT_LENGTH or length < 2:
                raise ValueError("its header is no JPEG's")
            if kind in _SIZES:
                break
            at += 2 + length
        _, height, width, _ = _FRAME(jpeg, at + 4)
    except struct.error as error:
        raise ValueError("it ends within its header") from error
    data = np.frombuffer(jpeg, np.uint8)
    # A search for two bytes takes longer, and as long as a twentieth of decoding.
    scans = np.count_nonzero((data[:-1] == 0xFF) & (data[1:] == 0xDA))
    if kind not in _SEQUENTIAL or scans > _MOST_SCANS:
        raise ValueError("it is a JPEG of several passes, where one is expected")
    if not 0 < height * width <= MOST_PIXELS:
        raise ValueError(
            f"it is said to be of {height} x {width} pixels, where {MOST_PIXELS:,} are the most"
        )
    return height, width


def check_size(jpeg: bytes, size: tuple[int, int]) -> None:
    """Raise ValueError unless a frame says of itself what its clip says, its height and width."""
    if (found := size_of(jpeg)) != size:
        raise ValueError(f"a frame of {found} pixels in a clip of {size}")


def decode(
    jpeg: bytes, size: tuple[int, int], buffer: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """The pixels of a frame, RGB [H, W, 3], into `buffer` if there is one.

    `size` is what the clip says of its frames, height and width. Raises ValueError for a frame that
    is damaged, or says otherwise of itself.
    """
    check_size(jpeg, size)
    pixels: Any = simplejpeg.decode_jpeg(jpeg, colorspace="RGB", buffer=buffer)
    return pixels  # type: ignore[no-any-return]
