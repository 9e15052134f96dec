"""An image of a user's, as a model sees a frame."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from videonet.errors import UsageError
from videonet.text import as_shown

# What Pillow raises for a file that is damaged, no image, or one of billions of pixels.
_ERRORS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def read_image(file: Path, resize: int, crop: tuple[int, int]) -> NDArray[np.uint8]:
    """The middle of an image, uint8 RGB [*crop, 3], upright. Raises UsageError.

    Its short side is resized to so many pixels before, as that of a frame is.
    """
    try:
        with Image.open(file) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except _ERRORS as error:
        raise UsageError(
            f"The image {file} cannot be read ({as_shown(str(error))}); replace it, or take it "
            "out of the folder."
        ) from error
    scale = resize / min(upright.size)
    size = tuple(max(resize, round(each * scale)) for each in upright.size)
    small = upright.resize((size[0], size[1]), Image.Resampling.BILINEAR)
    height, width = crop
    left, top = (small.width - width) // 2, (small.height - height) // 2
    return np.asarray(small.crop((left, top, left + width, top + height)))
