"""preview: what the trainer sees of a clip, as pictures."""

import pytest

from tests.shards.conftest import make_clip

pytest.importorskip("torch").set_num_threads(1)

from videonet.training.data.preview import views_of  # noqa: E402

CLIP = make_clip(0, frames=40)


def test_a_window_has_three_views_within_it_and_the_second_is_augmented_otherwise():
    shown = views_of(CLIP, seed=1)
    assert [view.recipe for view in shown.views] == ["A1", "A2", "A1"]
    assert shown.window.end - shown.window.begin == 2_560_000
    for view in shown.views:
        assert shown.window.begin <= view.moment < shown.window.end
        assert view.image.size == (224, 224)


def test_the_seed_decides_what_is_shown():
    once, again, other = (views_of(CLIP, seed) for seed in (1, 1, 2))
    assert once.window == again.window != other.window
    for one, two in zip(once.views, again.views, strict=True):
        assert (one.moment, one.image.tobytes()) == (two.moment, two.image.tobytes())
