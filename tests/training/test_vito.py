"""loss: InfoNCE between views, held against loops that spell the formula out."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.training.methods.vito import info_nce, vito_loss  # noqa: E402

BOTH = pytest.mark.parametrize("negatives", ["view", "all_views"])

# Of four videos; the first, second and fourth appear more than once.
VIDEOS = [4, 7, 7, 2, 4, 9, 7, 9]

fewer_examples = settings(max_examples=25)


def projections(count: int, seed: int, views: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(views, count, 5, generator=generator, dtype=torch.float64)


def slow_loss(online, target, videos, temperature, negatives) -> float:
    """The mean over clips of the sum over ordered pairs of views, one number at a time."""
    online = [[each / np.linalg.norm(each) for each in view] for view in np.asarray(online)]
    target = [[each / np.linalg.norm(each) for each in view] for view in np.asarray(target)]
    loss = 0.0
    for i, j in permutations(range(len(online)), 2):
        for clip, video in enumerate(videos):
            query = online[i][clip]
            own = np.exp(query @ target[j][clip] / temperature)
            total = own
            for view in range(len(target)):
                for other, other_video in enumerate(videos):
                    if other_video != video and (negatives == "all_views" or view == j):
                        total += np.exp(query @ target[view][other] / temperature)
            loss -= np.log(own / total)
    return loss / len(videos)


@BOTH
@pytest.mark.parametrize("views", [2, 3])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_loss_is_the_formula_spelt_out(negatives, views, temperature):
    online, target = projections(8, 1, views), projections(8, 2, views)
    expected = slow_loss(online, target, VIDEOS, temperature, negatives)
    found = vito_loss(online, target, torch.tensor(VIDEOS), temperature, negatives)
    assert found.dtype == torch.float64
    assert float(found) == pytest.approx(expected, rel=1e-12)
    single = vito_loss(online.float(), target.float(), torch.tensor(VIDEOS), temperature, negatives)
    assert single.dtype == torch.float32
    assert float(single) == pytest.approx(expected, rel=1e-5)


@BOTH
def test_gradients_are_those_of_small_differences(negatives):
    online, target = projections(4, 3).requires_grad_(), projections(4, 4)
    videos = torch.tensor([1, 2, 1, 3])
    vito_loss(online, target, videos, 0.3, negatives).backward()
    step = 1e-6
    for place in np.ndindex(*online.shape):
        change = torch.zeros_like(online)
        change[place] = step
        with torch.no_grad():
            above, below = (
                vito_loss(online + sign * change, target, videos, 0.3, negatives)
                for sign in (1, -1)
            )
        slope = float(above - below) / (2 * step)
        assert float(online.grad[place]) == pytest.approx(slope, abs=1e-8)


@BOTH
def test_nothing_is_learnt_by_the_target(negatives):
    online, target = projections(4, 3).requires_grad_(), projections(4, 4).requires_grad_()
    vito_loss(online, target, torch.tensor([1, 2, 1, 3]), 0.1, negatives).backward()
    assert online.grad.abs().min() > 0
    assert target.grad is None


@BOTH
def test_two_clips_of_one_video_are_never_each_others_negatives(negatives):
    online, target = projections(4, 5).requires_grad_(), projections(4, 6)
    changed = target.clone()
    changed[:, 1] = projections(1, 7)[:, 0]

    def gradient(target, videos):
        loss = vito_loss(online, target, torch.tensor(videos), 0.1, negatives)
        return torch.autograd.grad(loss, online)[0][:, 0]

    # What the first clip learns does not depend on the second clip of its video ...
    assert torch.equal(gradient(target, [3, 3, 5, 6]), gradient(changed, [3, 3, 5, 6]))
    # ... which it does if that is of another video.
    assert not torch.allclose(gradient(target, [3, 4, 5, 6]), gradient(changed, [3, 4, 5, 6]))


@BOTH
def test_clips_of_one_video_alone_have_nothing_to_learn(negatives):
    online, target = projections(3, 8).requires_grad_(), projections(3, 9)
    loss = vito_loss(online, target, torch.tensor([5, 5, 5]), 0.1, negatives)
    loss.backward()
    assert loss.item() == 0
    assert not online.grad.any()


def test_what_has_no_negatives_or_no_other_view_is_refused():
    with pytest.raises(ValueError, match="a batch of one clip has none"):
        vito_loss(projections(1, 1), projections(1, 2), torch.tensor([1]), 0.1, "view")
    with pytest.raises(ValueError, match="needs two, and was given 1"):
        vito_loss(
            projections(4, 1, views=1), projections(4, 2, views=1), torch.arange(4), 0.1, "view"
        )


@BOTH
@fewer_examples
@given(data=st.data())
def test_lengths_of_projections_and_order_and_numbers_of_videos_do_not_matter(negatives, data):
    videos = data.draw(st.lists(st.integers(0, 3), min_size=2, max_size=7), label="videos")
    online, target = projections(len(videos), 11), projections(len(videos), 12)
    expected = float(vito_loss(online, target, torch.tensor(videos), 0.1, negatives))
    order = torch.tensor(data.draw(st.permutations(range(len(videos))), label="order"))
    factor = data.draw(st.floats(0.01, 100), label="factor")
    others = 1_000_000_007 - 13 * torch.tensor(videos)
    found = vito_loss(
        factor * online[:, order], target[:, order] / factor, others[order], 0.1, negatives
    )
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert expected >= 0


@BOTH
def test_under_autocast_the_loss_is_computed_in_float32(negatives):
    online, target = projections(8, 1).bfloat16(), projections(8, 2).bfloat16()
    videos = torch.tensor(VIDEOS)
    expected = vito_loss(online.float(), target.float(), videos, 0.1, negatives)
    with torch.autocast("cpu", torch.bfloat16):
        found = vito_loss(online, target, videos, 0.1, negatives)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_similarities_that_overflow_as_exponentials_do_no_harm():
    queries = torch.eye(2, requires_grad=True)
    ignored = torch.zeros(2, 2, dtype=torch.bool)
    loss = info_nce(queries, -torch.eye(2), torch.arange(2), ignored, temperature=1e-3)
    loss.backward()
    assert loss.item() == pytest.approx(1000)
    assert torch.isfinite(queries.grad).all()
