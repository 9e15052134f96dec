"""motion: how much moves in a clip, and where it is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.video.motion import (
    CUT,
    STILL,
    are_parts,
    cut_scores,
    measured,
    small_picture,
)

SIZE = (256, 455)


def scene(number: int) -> np.ndarray:
    """A picture with soft shapes, as uint8 [H, W + 200, 3]: wider, so that a camera may move."""
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (9, 21, 3)).astype(float)
    rows = np.linspace(0, 8, SIZE[0])
    columns = np.linspace(0, 20, SIZE[1] + 200)
    down = coarse[rows.astype(int)] * (1 - rows % 1)[:, None, None]
    down += coarse[np.minimum(rows.astype(int) + 1, 8)] * (rows % 1)[:, None, None]
    across = down[:, columns.astype(int)] * (1 - columns % 1)[:, None]
    across += down[:, np.minimum(columns.astype(int) + 1, 20)] * (columns % 1)[:, None]
    return across.astype(np.uint8)


def panned(number: int, count: int, step: int = 2) -> list[np.ndarray]:
    """Frames of a camera that moves over a scene by so many pixels a tick."""
    wide = scene(number)
    return [wide[:, step * tick : step * tick + SIZE[1]] for tick in range(count)]


def motion_of(frames: list[np.ndarray], shown: list[int] | None = None):
    pictures = [small_picture(each) for each in frames]
    return measured(pictures, list(range(len(frames))) if shown is None else shown)


def test_a_small_picture_has_the_mean_luma_of_cells_of_eight_pixels():
    image = np.zeros((256, 456, 3), np.uint8)
    image[8:16, 16:24] = (255, 255, 255)
    image[:8, :8] = (200, 0, 0)
    small = small_picture(image)
    assert small.shape == (32, 57)
    assert small[1, 2] == 255 * 16
    assert small[0, 0] == 200 * 77 * 16 // 256
    assert np.count_nonzero(small) == 2


@given(height=st.integers(8, 3000), width=st.integers(8, 3000), level=st.integers(0, 255))
def test_a_picture_of_any_size_gives_at_most_128_cells_a_side(height, width, level):
    small = small_picture(np.full((1, 1, 3), level, np.uint8).repeat(height, 0).repeat(width, 1))
    assert max(small.shape) <= 128
    assert (small == level * 16).all()


def test_a_still_repeats_throughout():
    motion = motion_of([scene(1)[:, : SIZE[1]]], [0] * 64)
    assert motion == (1.0, 0.0, ())


def test_a_moving_camera_repeats_nothing():
    motion = motion_of(panned(1, 64))
    assert motion.repeated == 0
    assert motion.difference > 1
    assert motion.cuts == ()


def test_ticks_that_show_the_frame_before_count_as_repeated():
    # Every frame for two ticks, as of a video of 6.25 frames a second.
    motion = motion_of(panned(1, 32), [tick // 2 for tick in range(64)])
    assert motion.repeated == pytest.approx(32 / 63, abs=1 / 1024)


def test_what_an_encoder_leaves_of_noise_is_no_motion():
    random = np.random.default_rng(0)
    still = scene(1)[:, : SIZE[1]].astype(int)
    noisy = [
        np.clip(still + random.integers(-2, 3, still.shape), 0, 255).astype(np.uint8)
        for _ in range(40)
    ]
    assert motion_of(noisy).repeated == 1


def test_a_cut_is_found_where_the_next_scene_begins():
    motion = motion_of(panned(1, 20) + panned(2, 20) + panned(3, 20))
    assert motion.cuts == (20, 40)
    assert motion.repeated == 0


def test_slides_are_still_although_they_follow_each_other_at_cuts():
    slides = [scene(number)[:, : SIZE[1]] for number in range(3)]
    motion = motion_of(slides, [0] * 40 + [1] * 40 + [2] * 40)
    assert motion == (1.0, 0.0, (1, 2))
    assert motion.repeated >= STILL


@pytest.mark.parametrize("ticks", [1, 2])
def test_a_flash_is_no_cut(ticks: int):
    frames = panned(1, 40)
    for tick in range(20, 20 + ticks):
        frames[tick] = np.clip(frames[tick].astype(int) + 150, 0, 255).astype(np.uint8)
    assert motion_of(frames).cuts == ()


def test_a_dissolve_is_no_cut():
    one, other = panned(1, 60), panned(2, 60)
    frames = one[:20]
    for tick in range(20, 40):
        share = (tick - 20) / 20
        frames.append(((1 - share) * one[tick] + share * other[tick]).astype(np.uint8))
    assert motion_of(frames + other[40:]).cuts == ()


def test_shots_of_three_ticks_are_told_apart():
    frames = [frame for number in range(6) for frame in panned(number, 3)]
    assert motion_of(frames).cuts == (3, 6, 9, 12, 15)


def test_a_cut_before_the_last_tick_is_found():
    assert motion_of([*panned(1, 30), scene(2)[:, : SIZE[1]]]).cuts == (30,)


@given(
    pictures=st.lists(st.integers(0, 255), min_size=1, max_size=12),
    data=st.data(),
)
def test_what_is_measured_is_what_formats_can_hold(pictures: list[int], data: st.DataObject):
    small = [np.full((4, 4), level * 16, np.int16) for level in pictures]
    steps = data.draw(st.lists(st.integers(1, 5), min_size=len(small), max_size=len(small)))
    shown = [place for place, step in enumerate(steps) for _ in range(step)]
    motion = measured(small, shown)
    assert are_parts(motion.repeated, 1)
    assert are_parts(motion.difference, 255)
    assert set(motion.cuts) <= set(range(1, len(small)))
    assert list(motion.cuts) == sorted(set(motion.cuts))
    found = np.flatnonzero(cut_scores(small, shown) >= CUT)
    assert [shown[place + 1] for place in found] == list(motion.cuts)


def test_measures_that_cannot_be_are_told():
    assert not are_parts(1.5, 1)
    assert not are_parts(-0.5, 1)
    assert not are_parts(0.3, 1)
    assert not are_parts(float("nan"), 1)
    assert not are_parts(float("inf"), 255)
