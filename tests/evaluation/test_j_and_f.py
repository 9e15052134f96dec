"""J and F, on the masks that OSVOS published for DAVIS, and where masks are odd."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.evaluation.material import shared
from videonet.errors import UsageError
from videonet.evaluation.j_and_f import boundary, decay, f_of, j_of, recall, scores


def masks(sequence: str, which: str) -> np.ndarray:
    """Masks of a sequence, uint8 [frames, H, W], 1 where its object is."""
    paths = sorted((shared("davis") / sequence / which).glob("*.png"))
    return np.stack([np.asarray(Image.open(path)) > 0 for path in paths]).astype(np.uint8)


# What davis2017-evaluation computes of them, to four decimals or five: J, its recall and decay, and
# F with its decay.
PUBLISHED = {
    "car-shadow": (0.92840, 1.0, 0.11028, 0.91741, 0.16975),
    "blackswan": (0.9430, 1.0, None, 0.9741, None),
    "cows": (0.9522, 1.0, None, None, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("sequence", PUBLISHED)
def test_osvos_has_the_scores_that_its_masks_are_known_for(sequence):
    truth, found = masks(sequence, "masks"), masks(sequence, "osvos_result")
    (scored,) = scores(truth, found, sequence)
    measured = (
        *(scored.j.mean(), recall(scored.j), decay(scored.j)),
        *(scored.f.mean(), decay(scored.f)),
    )
    for value, expected in zip(measured, PUBLISHED[sequence], strict=True):
        if expected is not None:
            assert value == pytest.approx(expected, abs=5.1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("sequence", PUBLISHED)
def test_another_program_finds_the_same(sequence):
    evaluator = pytest.importorskip("vos_benchmark.evaluator").Evaluator(name=sequence)
    truth, found = masks(sequence, "masks"), masks(sequence, "osvos_result")
    for one, other in zip(found[1:-1], truth[1:-1], strict=True):
        evaluator.feed_frame(one, other)
    j, f = evaluator.conclude()
    (scored,) = scores(truth, found, sequence)
    assert 100 * scored.j.mean() == pytest.approx(j[1], abs=1e-9)
    assert 100 * scored.f.mean() == pytest.approx(f[1], abs=1e-9)


def test_the_first_and_the_last_frame_do_not_count():
    truth = np.ones((5, 8, 8), np.uint8)
    found = truth.copy()
    found[[0, -1]] = 0
    (scored,) = scores(truth, found, "made")
    assert scored.j.tolist() == [1, 1, 1]


def test_empty_masks_are_alike_and_one_that_is_empty_is_all_wrong():
    empty, full = np.zeros((9, 5), bool), np.zeros((9, 5), bool)
    full[3:6, 2:4] = True
    assert (j_of(empty, empty), f_of(empty, empty)) == (1, 1)
    assert (j_of(full, empty), f_of(full, empty)) == (0, 0)
    assert (j_of(empty, full), f_of(empty, full)) == (0, 0)


def test_a_missing_object_scores_nothing_and_one_too_many_is_a_sentence():
    truth = np.zeros((4, 6, 10), np.uint8)
    truth[:, :3], truth[:, 3:] = 1, 2
    found = np.where(truth == 2, 0, truth)
    one, two = scores(truth, found, "made")
    assert (one.j.mean(), two.j.mean(), two.f.mean()) == (1, 0, 0)
    found[2, 0, 0] = 3
    with pytest.raises(UsageError, match="made have an object 3, and there are 2"):
        scores(truth, found, "made")
    with pytest.raises(UsageError, match="4 of 10 x 6 pixels, and the true ones 4 of 5 x 6"):
        scores(truth[:, :, :5], truth, "made")


def test_pixels_of_no_object_are_background():
    truth = np.zeros((3, 4, 4), np.uint8)
    truth[:, :2] = 1
    unsure = truth.copy()
    unsure[:, 3] = 255
    assert scores(unsure, truth, "made")[0].j.tolist() == [1]


def test_a_boundary_pixel_differs_from_those_right_and_below():
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:4] = True
    assert boundary(mask).astype(int).tolist() == [
        [0, 1, 1, 1, 0, 0],
        [0, 1, 0, 1, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_a_long_video_decays_as_its_quarters_say():
    # Places beyond 255 do not turn over.
    values = np.linspace(1, 0, 1001)
    assert decay(values) == pytest.approx(0.75, abs=1e-3)


@given(st.data())
def test_scores_are_shares_and_a_mask_is_like_itself(data: st.DataObject):
    height, width = (data.draw(st.integers(2, 12)) for _ in range(2))
    draw = st.lists(st.booleans(), min_size=height * width, max_size=height * width)
    one, other = (np.array(data.draw(draw)).reshape(height, width) for _ in range(2))
    assert j_of(one, one) == f_of(one, one) == 1
    for of in (j_of, f_of):
        assert 0 <= of(one, other) <= 1
        assert of(one, other) == pytest.approx(of(other, one))
