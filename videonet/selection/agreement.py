"""Whether two pictures show the same, whatever covers a part of one of them.

Hashes of a picture change all over when a logo is put into a corner of it. Its pixels do not: so
pictures are compared field by field, and the fields that agree least do not count.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Height and width of the pictures that are compared, and of their fields, pixels.
COMPARED_SIDE = 32
_FIELD = 8
_FIELDS = (COMPARED_SIDE // _FIELD) ** 2

# Of the fields that show something, those that agree least: one in so many does not count. A logo
# as wide as a fifth of the picture lies in up to four of the sixteen.
_COVERED = 4

# A field shows something if its grey levels have at least this standard deviation; so many have to.
_BUSY = 3.0
_LEAST_FIELDS = 6


def small_picture(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture [H, W] as it is compared pixel by pixel: grey levels [32, 32]."""
    small = Image.fromarray(grey).resize((COMPARED_SIDE,) * 2, Image.Resampling.BOX)
    return np.asarray(small, np.float32)


def agreement(pictures: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """How well pictures [N, 32, 32] agree with others [N, 32, 32], one by one: [N], -1 to 1.

    Of each field, that is Pearson's correlation of its grey levels; of the picture, the least of
    those of three quarters of the fields. Only fields count where the other picture shows
    something; with too few of them, there is no agreement: 0.
    """
    own, _ = _fields(pictures)
    theirs, levels = _fields(others)
    is_busy = levels >= _BUSY
    found = np.where(is_busy, (own * theirs).sum(axis=-1), np.float32(np.inf))
    number = is_busy.sum(axis=-1)
    place = np.minimum(number // _COVERED, _FIELDS - 1)
    least = np.take_along_axis(np.sort(found, axis=-1), place[:, None], axis=-1)[:, 0]
    return np.where(number >= _LEAST_FIELDS, least, np.float32(0))


def _fields(pictures: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each field's pixels, of mean 0 and length 1: [N, 16, 64]; and their standard deviations."""
    across = COMPARED_SIDE // _FIELD
    split = pictures.reshape(-1, across, _FIELD, across, _FIELD).swapaxes(2, 3)
    pixels = split.reshape(-1, _FIELDS, _FIELD * _FIELD)
    pixels = pixels - pixels.mean(axis=-1, keepdims=True)
    levels = pixels.std(axis=-1)
    # What is flat is 0 all over, and stays so.
    return pixels / np.maximum(levels[..., None] * _FIELD, np.float32(1e-6)), levels
