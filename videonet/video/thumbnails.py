"""A few frames of a video side by side, small: what a person looks at later to judge a verdict.

The strip is one JPEG; its comment says which of the scanned frames it shows, such as "0 33 41 66".
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from videonet.shards.jpeg import size_of

# Frames that are evenly spread over the scanned ones, first and last included; and the height of
# the strip, pixels.
SPREAD = 4
HEIGHT = 112

_QUALITY = 80


def spread(count: int) -> list[int]:
    """Indices of a few of `count` frames, ascending: first and last included, none twice."""
    return sorted(set(np.linspace(0, count - 1, SPREAD).round().astype(int).tolist()))


def strip(images: NDArray[np.uint8], shown: Sequence[int]) -> bytes:
    """The frames at the indices `shown`, side by side in ascending order, as a JPEG.

    `images` are uint8 RGB [N, H, W, 3], as the classifier saw them.
    """
    positions = sorted(set(shown))
    height = min(HEIGHT, images.shape[1])
    width = round(images.shape[2] * height / images.shape[1])
    picture = Image.new("RGB", (width * len(positions), height))
    for place, position in enumerate(positions):
        frame = Image.fromarray(images[position])
        small = frame.resize((width, height), Image.Resampling.BILINEAR)
        picture.paste(small, (place * width, 0))
    jpeg = io.BytesIO()
    comment = " ".join(map(str, positions)).encode()
    picture.save(jpeg, "JPEG", quality=_QUALITY, comment=comment)
    return jpeg.getvalue()


def frames_of(jpeg: bytes) -> dict[int, Image.Image]:
    """The frames of a strip, by their index among the scanned ones; none if it is no such JPEG."""
    try:
        if size_of(jpeg)[0] > HEIGHT:
            return {}
        picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
        picture.load()
        positions = [int(each) for each in picture.info.get("comment", b"").split()]
    except (UnidentifiedImageError, OSError, ValueError):
        return {}
    width = picture.width // max(len(positions), 1)
    if not width:
        return {}
    return {
        position: picture.crop((place * width, 0, (place + 1) * width, picture.height))
        for place, position in enumerate(positions)
    }
