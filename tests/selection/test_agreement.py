"""agreement: pictures are compared field by field, and what covers a part of one does not count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.video.test_frame_hash import scene
from videonet.selection.agreement import agreement, small_picture


def small(seed: int) -> np.ndarray:
    return small_picture(scene(seed)[..., 1])


def agreed(one: np.ndarray, other: np.ndarray) -> float:
    return float(agreement(one[None], other[None])[0])


def covered(picture: np.ndarray, height: int, width: int, level: float = 255) -> np.ndarray:
    """The picture with a plain patch in its top left corner."""
    again = picture.copy()
    again[:height, :width] = level
    return again


def test_a_picture_agrees_with_itself_also_brighter():
    assert agreed(small(1), small(1)) == pytest.approx(1)
    assert agreed(small(1) * 0.5 + 90, small(1)) == pytest.approx(1, abs=1e-4)


def test_other_pictures_do_not_agree():
    assert max(agreed(small(seed), small(50 + seed)) for seed in range(20)) < 0.4


@pytest.mark.parametrize(
    ("height", "width", "alike"), [(8, 32, True), (16, 16, True), (16, 32, False)]
)
def test_a_quarter_of_the_picture_may_be_covered(height: int, width: int, alike: bool):
    assert (agreed(covered(small(1), height, width), small(1)) > 0.9) == alike


def test_where_little_is_to_be_seen_nothing_agrees():
    flat = np.zeros((32, 32), np.float32)
    assert agreed(flat, flat) == 0
    assert agreed(small(1), flat) == 0
    few = np.where(np.arange(32)[:, None] < 8, small(1), 0)
    assert agreed(few, few) == 0
    half = np.where(np.arange(32)[:, None] < 16, small(1), 0)
    assert agreed(half, half) == pytest.approx(1)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=5))
@settings(max_examples=20)
def test_many_at_once_are_as_one_by_one_and_within_bounds(pairs: list[tuple[int, int]]):
    ones, others = (np.array([small(seed) for seed in each]) for each in zip(*pairs, strict=True))
    found = agreement(ones, others)
    alone = [agreed(one, other) for one, other in zip(ones, others, strict=True)]
    assert found.tolist() == pytest.approx(alone, abs=1e-6)
    assert (np.abs(found) <= 1 + 1e-5).all()
