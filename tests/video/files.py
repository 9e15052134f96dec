"""Videos to decode: drawn for one test each, and real ones where they are at hand."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from demo.drawing import draw_video
from videonet.schemas.reason import Reason
from videonet.video.decode import VideoError, shown_frames

SIZE = (96, 64)  # width and height
CROP = (56, 56)


def real(name: str) -> Path:
    root = Path(os.environ.get("VIDEONET_SHARED") or Path(__file__).parents[3] / "shared")
    path = root / "data" / "videos" / name
    if not path.is_file():
        pytest.skip(f"no real video {path}: set VIDEONET_SHARED")
    return path


def draw(path: Path, seconds: float = 1, **options) -> Path:
    draw_video(path, "balloon", seconds, size=options.pop("size", SIZE), **options)
    return path


def difference(one, other) -> float:
    """Mean difference of two pictures, of 255."""
    one, other = np.asarray(one, np.int16), np.asarray(other, np.int16)
    assert one.shape == other.shape
    return float(np.abs(one - other).mean())


def stored(path: Path, stream: int = 0) -> Iterator[Image.Image]:
    """All frames as they are stored, decoded without our code."""
    with av.open(str(path)) as file:
        for frame in file.decode(video=stream):
            yield frame.to_image()


def reason_of(function, *arguments) -> Reason:
    with pytest.raises(VideoError) as caught:
        function(*arguments)
    assert str(caught.value)
    return caught.value.reason


def times(path: Path) -> list[Fraction]:
    return [frame.time for frame in shown_frames(path)]
