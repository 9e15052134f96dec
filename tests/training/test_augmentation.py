"""augmentation: what is drawn, how often, and all of it against torchvision, image by image."""

import contextlib
import dataclasses
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torchvision.transforms.v2 import InterpolationMode  # noqa: E402
from torchvision.transforms.v2 import functional as tv  # noqa: E402

from tests.training.copies import Copies  # noqa: E402
from videonet.training.augment.augmentation import (  # noqa: E402
    A1,
    A2,
    RECIPES,
    apply,
    augmented,
    draw,
    normalised,
)

N = 6
SIZES = torch.tensor([[45, 60]] * N)
MANY = torch.tensor([[256, 341]] * 4_000)


@pytest.fixture
def frames() -> torch.Tensor:
    """Coloured noise, uint8 [N, 53, 64, 3]; what lies beyond SIZES is padding."""
    frames = torch.randint(0, 256, (N, 53, 64, 3), generator=seeded(7), dtype=torch.uint8)
    frames[:, 45:] = 0
    frames[:, :, 60:] = 0
    return frames


@pytest.fixture
def images(frames) -> torch.Tensor:
    """The same as torchvision takes them: float64 [N, 3, 45, 60] in [0, 1], and no padding."""
    return frames[:, :45, :60].permute(0, 3, 1, 2).double() / 255


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("recipe", [A1, A2], ids=["A1", "A2"])
def test_a_whole_augmentation_is_torchvisions_image_by_image_in_its_own_order(images, recipe):
    drawn = draw(recipe, SIZES, seeded(5), crop_from=0.4)
    # Something of everything.
    drawn = dataclasses.replace(
        drawn,
        jitter=torch.tensor([True, True, True, True, True, False]),
        grey=torch.arange(N) == 2,
        solarise=torch.arange(N) == 3,
    )
    assert len({tuple(order) for order in drawn.order.tolist()}) > 2
    expected = torch.stack([_as_torchvision(image, drawn, i) for i, image in enumerate(images)])
    torch.testing.assert_close(apply(images, drawn, 40), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", RECIPES)
def test_padded_frames_become_what_the_network_takes(frames, images, name):
    found = augmented(frames, SIZES, RECIPES[name], seeded(5), size=40, crop_from=0.3)
    drawn = draw(RECIPES[name], SIZES, seeded(5), crop_from=0.3)
    views = torch.stack([_as_torchvision(image, drawn, i) for i, image in enumerate(images)])
    expected = tv.normalize(views, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    torch.testing.assert_close(found, expected.float(), atol=1e-4, rtol=0)


def _as_torchvision(image, drawn, i):
    box = drawn.crop[i].tolist()
    view = tv.resized_crop(image, *box, [40, 40], InterpolationMode.BICUBIC).clamp(0, 1)
    if drawn.flip[i]:
        view = tv.horizontal_flip(view)
    jitters = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    for number in drawn.order[i].tolist() if drawn.jitter[i] else ():
        view = jitters[number](view, float(drawn.factors[i, number]))
    if drawn.grey[i]:
        view = tv.rgb_to_grayscale(view, 3)
    if drawn.blur[i]:
        view = tv.gaussian_blur(view, [5, 5], [float(drawn.sigma[i])] * 2)
    return tv.solarize(view, 0.5) if drawn.solarise[i] else view


def test_the_mean_and_deviation_of_imagenet_are_taken_out(images):
    expected = tv.normalize(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(normalised(images), expected)


def test_views_keep_to_their_size_and_range_and_leave_the_frames_as_they_were(images):
    before = images.clone()
    views = apply(images, draw(A2, SIZES, seeded(1), crop_from=0.4), 224)
    assert views.shape == (N, 3, 224, 224)
    assert views.min() >= 0
    assert views.max() <= 1
    assert torch.equal(images, before)


def test_the_generator_decides_everything(frames):
    once, again, other = (
        augmented(frames, SIZES, A2, seeded(s), size=32, crop_from=0.4) for s in (1, 1, 2)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_lower_precision_of_the_network_is_not_that_of_its_images(frames):
    expected = augmented(frames, SIZES, A1, seeded(1), size=32, crop_from=0.4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(
            augmented(frames, SIZES, A1, seeded(1), size=32, crop_from=0.4), expected
        )


def test_the_cpu_never_waits_for_the_device(frames, monkeypatch):
    # The meta device computes nothing, so whatever asked it for a value would raise an error. It
    # knows no autocast that could be turned off.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    given = frames.to("meta")
    with Copies() as copies:
        views = augmented(given, SIZES, A2, seeded(1), size=32, crop_from=0.4)
    assert (views.device.type, views.shape) == ("meta", (N, 3, 32, 32))
    assert copies.all > 10
    assert copies.waited_for == 0


def test_the_first_augmentation_always_blurs_and_never_solarises():
    assert {"A1": A1, "A2": A2} == RECIPES
    first, second = (
        draw(A1, MANY, seeded(0), crop_from=0.4),
        draw(A2, MANY, seeded(0), crop_from=0.4),
    )
    assert first.blur.all()
    assert not first.solarise.any()
    assert share(second.blur) == pytest.approx(0.1, abs=0.03)
    assert share(second.solarise) == pytest.approx(0.2, abs=0.03)


def test_what_happens_happens_as_often_as_stated():
    drawn = draw(A1, MANY, seeded(1), crop_from=0.4)
    assert share(drawn.flip) == pytest.approx(0.5, abs=0.04)
    assert share(drawn.jitter) == pytest.approx(0.8, abs=0.03)
    assert share(drawn.grey) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("crop_from", [0.4, 0.08])
def test_crops_are_uniform_in_area_and_log_uniform_in_aspect(crop_from):
    # All crops of a square fit that take at most three quarters of it, so among those no aspect is
    # rarer than another.
    sizes = torch.tensor([[4_096, 4_096]] * 12_000)
    _, _, height, width = draw(A1, sizes, seeded(8), crop_from).crop.double().unbind(1)
    area, aspect = height * width / 4_096**2, (width / height).log()
    assert float(area.min()) == pytest.approx(crop_from, abs=0.001)
    fitting = area < 0.75
    ends = (crop_from, 0.75), (math.log(3 / 4), math.log(4 / 3))
    counts, _, _ = np.histogram2d(area[fitting], aspect[fitting], bins=(4, 4), range=ends)
    assert counts.sum() > fitting.sum() - 10  # all but those that are rounded over an end
    expected = counts.sum() / 16
    # Of chi-square with 15 degrees of freedom, one in a thousand is larger.
    assert ((counts - expected) ** 2 / expected).sum() < 37.7


def test_factors_are_uniform_around_no_change():
    factors = draw(A1, MANY, seeded(2), crop_from=0.4).factors
    low, high = factors.amin(0).tolist(), factors.amax(0).tolist()
    assert low == pytest.approx([0.6, 0.6, 0.8, -0.1], abs=0.005)
    assert high == pytest.approx([1.4, 1.4, 1.2, 0.1], abs=0.005)
    assert factors.mean(0).tolist() == pytest.approx([1, 1, 1, 0], abs=0.02)
    assert factors.std(0).tolist() == pytest.approx([0.231, 0.231, 0.115, 0.058], abs=0.01)


def test_sigma_is_uniform():
    sigma = draw(A1, MANY, seeded(3), crop_from=0.4).sigma
    assert (float(sigma.min()), float(sigma.max())) == (
        pytest.approx(0.1, abs=0.01),
        pytest.approx(2, abs=0.01),
    )
    assert float(sigma.mean()) == pytest.approx(1.05, abs=0.05)


def test_every_order_of_the_jitters_is_equally_likely():
    order = draw(A1, MANY, seeded(4), crop_from=0.4).order
    orders, counts = order.unique(dim=0, return_counts=True)
    assert len(orders) == 24
    assert counts.min() > 110  # 167 each, in the mean
    assert counts.max() < 230


def test_crops_lie_within_their_own_frame_and_are_of_the_stated_area_and_aspect():
    sizes = torch.tensor([[256, 341], [341, 256], [256, 455], [256, 256]]).repeat(1_000, 1)
    top, left, height, width = draw(A1, sizes, seeded(5), crop_from=0.4).crop.unbind(1)
    assert min(top.min(), left.min()) >= 0
    assert (top + height <= sizes[:, 0]).all()
    assert (left + width <= sizes[:, 1]).all()
    area = height * width / sizes.prod(dim=1)
    # Rounded to pixels, and what never fits is as much as there is.
    assert area.min() > 0.39
    aspect = width / height
    assert aspect.min() > 0.74
    assert aspect.max() < 1.35
    # Of a square, nearly all can be taken, and upright as often as lying.
    assert area[3::4].max() > 0.95
    assert share(aspect[3::4] < 1) == pytest.approx(0.5, abs=0.05)


def test_a_frame_that_no_crop_fits_gives_the_largest_one_of_the_nearest_aspect():
    sizes = torch.tensor([[64, 640], [640, 64]]).repeat(50, 1)
    _, _, height, width = draw(A1, sizes, seeded(6), crop_from=0.4).crop.unbind(1)
    assert set(zip(height.tolist(), width.tolist(), strict=True)) == {(64, 85), (85, 64)}


def test_crops_are_placed_anywhere():
    top, left, height, width = draw(A1, MANY, seeded(7), crop_from=0.4).crop.unbind(1)
    room = (341 - width) > 20
    assert float((left / (341 - width))[room].mean()) == pytest.approx(0.5, abs=0.03)
    assert ((top == 0) & (height < 250)).any()
    assert (top + height == 256).any()


def share(chosen) -> float:
    return float(chosen.float().mean())
