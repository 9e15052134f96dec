"""Propagation: the same as a slow and dense form of it, and what it must do by itself."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.evaluation.propagation import Rule, labels, propagated  # noqa: E402


def slowly(features: np.ndarray, first: np.ndarray, rule: Rule) -> list[np.ndarray]:
    """The same of features [T, C, h, w], each position against all, in float64."""
    frames, _, height, width = features.shape
    flat = features.reshape(frames, features.shape[1], -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    places = np.array([(y, x) for y in range(height) for x in range(width)])
    far = ((places[:, None] - places[None]) ** 2).sum(2) >= rule.radius**2
    maps = [first.reshape(len(first), -1)]
    for now in range(1, frames):
        # The first frame always, and once more while it is among those before.
        looked_at = [0, *range(max(0, now - rule.before), now)]
        alike = np.concatenate(
            [np.where(far, -np.inf, flat[now].T @ flat[each]) for each in looked_at], axis=1
        )
        held = np.concatenate([maps[each] for each in looked_at], axis=1)
        found = np.empty_like(maps[0])
        for place, row in enumerate(alike):
            best = np.argsort(-row, kind="stable")[: rule.top]
            weights = np.exp((row[best] - row[best[0]]) / rule.temperature)
            found[:, place] = held[:, best] @ (weights / weights.sum())
        maps.append(found)
    return [each.reshape(first.shape) for each in maps]


@pytest.mark.parametrize(("height", "width", "radius"), [(9, 21, 4.0), (20, 11, 2.5), (5, 5, 18.0)])
def test_windows_of_keys_give_what_all_keys_give(height, width, radius):
    random = np.random.default_rng(0)
    # Of few channels, so that positions are alike; 25 frames, so that the first ones are forgotten.
    features = random.standard_normal((25, 3, height, width))
    first = np.eye(3)[random.integers(0, 3, (height, width))].transpose(2, 0, 1)
    rule = Rule(before=20, radius=radius)
    found = propagated(map(torch.from_numpy, features), torch.from_numpy(first), rule)
    for ours, theirs in zip(found, slowly(features, first, rule), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-9)


@pytest.mark.parametrize("at", [18, 17])
def test_a_position_as_far_as_the_radius_is_not_looked_at(at):
    features = torch.zeros(2, 2, 1, 40)
    features[:, 0] = 1
    # The one position that is like the query is so far away.
    features[0, :, 0, 0] = features[1, :, 0, at] = torch.tensor([0.0, 1.0])
    first = torch.zeros(2, 1, 40)
    first[0], first[0, 0, 0], first[1, 0, 0] = 1, 0, 1
    _, last = propagated(features, first, Rule(top=1, radius=18.0))
    assert last[1, 0, at] == (1 if at < 18 else 0)


def test_a_position_looks_at_a_disc_of_1005_as_in_vfs():
    # All are alike and count alike, so what one of them holds is that part of what is found. Four
    # more are exactly as far as the radius: VFS's mask has `distance < radius`.
    features = torch.ones(2, 1, 37, 39)
    first = torch.zeros(2, 37, 39)
    first[0], first[:, 18, 19] = 1, torch.tensor([0.0, 1.0])
    _, last = propagated(features, first, Rule(top=10_000, radius=18.0))
    assert 1 / last[1, 18, 19].item() == pytest.approx(1005, abs=1e-2)
    assert last[1, 0, 19] == 0
    assert last[1, 1, 19] > 0


def test_a_square_that_moves_is_followed():
    frames = torch.zeros(12, 2, 24, 40)
    frames[:, 0] = 1
    for time, frame in enumerate(frames):
        frame[:, 8:14, 2 * time : 2 * time + 6] = torch.tensor([0.0, 1.0])[:, None, None]
    first = torch.stack([frames[0, 0], frames[0, 1]])
    *_, last = propagated(frames, first, Rule(radius=6.0))
    assert torch.equal(last.argmax(0), frames[-1, 1].long())


def test_a_video_that_stands_still_keeps_its_masks():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(16, 10, 12, generator=random).expand(5, -1, -1, -1)
    first = torch.nn.functional.one_hot(torch.arange(120).view(10, 12) % 3, 3).permute(2, 0, 1)
    # Of sharp weights, nothing but a position itself counts.
    for maps in propagated(features, first.float(), Rule(temperature=0.001, radius=5.0)):
        assert torch.equal(maps.argmax(0), first.argmax(0))


def test_maps_are_stretched_before_they_are_compared():
    maps = torch.tensor([[[0.9, 0.6], [0.9, 0.9]], [[0.1, 0.4], [0.1, 0.1]], [[0.0, 0.0]] * 2])
    # The object never has more than the background, and reaches its own most in one place.
    found = labels(maps, 2, 2)
    assert found.dtype == torch.uint8
    assert found.tolist() == [[0, 1], [0, 0]]
