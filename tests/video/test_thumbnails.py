"""thumbnail: small frames side by side, and which of the scanned frames they are."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from videonet.video.thumbnails import HEIGHT, frames_of, spread, strip


def grey(levels: list[int], height: int = 64, width: int = 64) -> np.ndarray:
    """Frames of one shade each."""
    return np.stack([np.full((height, width, 3), level, np.uint8) for level in levels])


def shade(image: Image.Image) -> float:
    return float(np.asarray(image.convert("L")).mean())


@given(st.integers(1, 500))
def test_a_few_frames_are_spread_from_the_first_to_the_last(count: int):
    shown = spread(count)
    assert (shown[0], shown[-1]) == (0, count - 1)
    assert len(shown) == min(count, 4)
    assert shown == sorted(set(shown))


def test_a_strip_gives_back_the_frames_that_it_shows_by_their_index():
    frames = frames_of(strip(grey([0, 50, 100, 150, 200, 250]), [5, 0, 3, 0]))
    assert list(frames) == [0, 3, 5]
    assert [round(shade(frames[index]), -1) for index in frames] == [0, 150, 250]


@pytest.mark.parametrize(("size", "expected"), [((64, 64), (64, 64)), ((224, 448), (224, HEIGHT))])
def test_frames_are_made_small_and_keep_their_shape(size, expected):
    strip_of_two = strip(grey([10, 20], *size), [0, 1])
    assert {frame.size for frame in frames_of(strip_of_two).values()} == {expected}


@pytest.mark.parametrize("data", [b"", b"no jpeg", strip(grey([1]), [0])[:300]])
def test_what_is_no_strip_has_no_frames(data: bytes):
    assert frames_of(data) == {}


def test_a_picture_that_does_not_say_what_it_shows_has_no_frames():
    plain = io.BytesIO()
    Image.new("RGB", (64, 64)).save(plain, "JPEG")
    assert frames_of(plain.getvalue()) == {}
