"""The pictures of where the network looks that a training left, as the page shows them."""

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from videonet.files import is_file, read_bounded

# The most pictures on a page: of each training some from its beginning to its end.
MOST = 12

# As the trainer names them.
_NAME = re.compile(r"attention-(\d{8,12})\.png")

# A picture of six frames at three scales has a million pixels and a megabyte.
_MOST_PIXELS = 20_000_000
_MOST_BYTES = 20_000_000

# Of the pictures in the page.
_QUALITY = 85


@dataclass(frozen=True)
class AttentionPicture:
    """One of them."""

    # steps done
    step: int
    # JPEG, base64
    jpeg: str
    # pixels
    width: int
    height: int


@dataclass(frozen=True)
class AttentionPictures:
    """Those of a training, the first and the last of them and others evenly between."""

    pictures: tuple[AttentionPicture, ...]
    # how many there are in all
    count: int
    # names of files among those to be shown that are no pictures
    broken: tuple[str, ...]


def attention_pictures(run: Path) -> AttentionPictures:
    """The pictures in RUN/pictures."""
    found = {
        int(name[1]): file
        for file in (run / "pictures").glob("attention-*.png")
        if (name := _NAME.fullmatch(file.name)) and is_file(file)
    }
    pictures, broken = [], []
    for step in _spread(sorted(found), MOST):
        picture = _read(step, found[step])
        if picture is None:
            broken.append(found[step].name)
        else:
            pictures.append(picture)
    return AttentionPictures(tuple(pictures), len(found), tuple(broken))


def _spread(steps: list[int], most: int) -> list[int]:
    """At most so many of them, the first, the last, and others evenly between."""
    if len(steps) <= most:
        return steps
    return [steps[round(place * (len(steps) - 1) / (most - 1))] for place in range(most)]


def _read(step: int, file: Path) -> AttentionPicture | None:
    """The picture in a file; None: it is none."""
    try:
        with Image.open(io.BytesIO(read_bounded(file, _MOST_BYTES)), formats=("PNG",)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            shown = image.convert("RGB")
    # A broken file can raise almost anything here.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None
    jpeg = io.BytesIO()
    shown.save(jpeg, "JPEG", quality=_QUALITY, subsampling=0)
    encoded = base64.b64encode(jpeg.getvalue()).decode()
    return AttentionPicture(step, encoded, shown.width, shown.height)
