"""augmentation: each operation held against torchvision's, on the same parameters."""

import dataclasses

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torchvision.transforms.v2 import InterpolationMode  # noqa: E402
from torchvision.transforms.v2 import functional as tv  # noqa: E402

from videonet.vito.augmentation import (  # noqa: E402
    A1,
    A2,
    VIEW_RECIPES,
    apply,
    blurred,
    brightened,
    contrasted,
    draw,
    flipped,
    greyed,
    hued,
    normalised,
    resized_crop,
    saturated,
    solarised,
)

N = 6
SIZES = torch.tensor([[45, 60]] * N)
MANY = torch.tensor([[256, 341]] * 4_000)


@pytest.fixture
def images() -> torch.Tensor:
    """Noise of all colours, with grey, black, white and pure pixels among it."""
    images = torch.rand(N, 3, 45, 60, generator=seeded(7), dtype=torch.float64)
    images[0, :, :9] = 0.25
    images[1, :, :9] = 0.0
    images[2, :, :9] = 1.0
    images[3, 0, :9] = 1.0
    images[3, 1:, :9] = 0.0
    return images


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def each(images, operation, parameters):
    """One image at a time, as torchvision does it."""
    return torch.stack([operation(*pair) for pair in zip(images, parameters, strict=True)])


def test_a_crop_is_resized_as_torchvision_resizes_it(images):
    # The whole, a part that shrinks, parts that grow, a line, and one that reaches the corner.
    boxes = [(0, 0, 45, 60), (3, 7, 40, 31), (10, 20, 20, 10), (5, 5, 1, 50), (25, 35, 20, 25)]
    crops = torch.tensor([*boxes, (1, 2, 30, 40)])
    expected = each(
        images,
        lambda image, box: tv.resized_crop(
            image, *box, [32, 32], InterpolationMode.BICUBIC, antialias=True
        ).clamp(0, 1),
        crops.tolist(),
    )
    torch.testing.assert_close(resized_crop(images, crops, 32), expected)
    torch.testing.assert_close(
        resized_crop(images.float(), crops, 32), expected.float(), atol=1e-5, rtol=0
    )


def test_a_bicubic_crop_is_clipped(images):
    edges = (images > 0.5).double()
    crops = torch.tensor([(0, 0, 20, 20)] * N)
    resized = tv.resized_crop(edges[0], 0, 0, 20, 20, [64, 64], InterpolationMode.BICUBIC)
    assert resized.min() < 0
    assert resized.max() > 1
    ours = resized_crop(edges, crops, 64)
    assert (ours.min(), ours.max()) == (0, 1)


def test_padding_is_not_seen(images):
    crops = torch.tensor([(0, 0, 45, 60)] * N)
    padded = torch.nn.functional.pad(images, (0, 9, 0, 13), value=1.0)
    torch.testing.assert_close(resized_crop(padded, crops, 32), resized_crop(images, crops, 32))


COLOURS = {
    "brightness": (brightened, tv.adjust_brightness, (0.6, 0.8, 1.0, 1.1, 1.3, 1.4)),
    "contrast": (contrasted, tv.adjust_contrast, (0.6, 0.8, 1.0, 1.1, 1.3, 1.4)),
    "saturation": (saturated, tv.adjust_saturation, (0.8, 0.9, 1.0, 1.05, 1.1, 1.2)),
    "hue": (hued, tv.adjust_hue, (-0.1, -0.05, 0.0, 0.03, 0.06, 0.1)),
}


@pytest.mark.parametrize("name", COLOURS)
def test_colours_change_as_in_torchvision(images, name):
    ours, theirs, factors = COLOURS[name]
    # torchvision turns hues in float32, whatever it is given.
    precision = {"atol": 2e-6, "rtol": 0} if name == "hue" else {}
    parameters = torch.tensor(factors, dtype=torch.float64)
    expected = each(images, theirs, factors)
    torch.testing.assert_close(ours(images, parameters), expected, **precision)
    torch.testing.assert_close(
        ours(images.float(), parameters), expected.float(), atol=1e-5, rtol=0
    )


def test_a_hue_that_is_turned_all_the_way_is_what_it_was(images):
    torch.testing.assert_close(hued(images, torch.ones(N)), images)


@pytest.mark.parametrize(("side", "kernel"), [(224, 23), (96, 9), (64, 7)])
def test_blur_is_torchvisions_with_a_tenth_of_the_size(side, kernel):
    images = torch.rand(3, 3, side, 40, generator=seeded(1), dtype=torch.float64)
    sigmas = (0.1, 0.7, 2.0)
    expected = each(
        images, lambda image, sigma: tv.gaussian_blur(image, [kernel] * 2, [sigma] * 2), sigmas
    )
    ours = blurred(images, torch.tensor(sigmas, dtype=torch.float64))
    torch.testing.assert_close(ours, expected)


def test_grey_flip_solarisation_and_normalisation_are_torchvisions(images):
    torch.testing.assert_close(greyed(images), tv.rgb_to_grayscale(images, 3))
    torch.testing.assert_close(flipped(images), tv.horizontal_flip(images))
    torch.testing.assert_close(solarised(images), tv.solarize(images, 0.5))
    expected = tv.normalize(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(normalised(images), expected)


@pytest.mark.parametrize("recipe", [A1, A2], ids=["A1", "A2"])
def test_a_whole_augmentation_is_torchvisions_image_by_image_in_its_own_order(images, recipe):
    drawn = draw(recipe, SIZES, seeded(5))
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


def test_views_keep_to_their_size_and_range_and_leave_the_frames_as_they_were(images):
    before = images.clone()
    views = apply(images, draw(A2, SIZES, seeded(1)))
    assert views.shape == (N, 3, 224, 224)
    assert views.min() >= 0
    assert views.max() <= 1
    assert torch.equal(images, before)


def test_the_generator_decides_everything(images):
    once, again, other = (apply(images, draw(A2, SIZES, seeded(s)), 32) for s in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_the_first_and_third_view_are_always_blurred_and_never_solarised():
    assert VIEW_RECIPES == (A1, A2, A1)
    first, second = draw(A1, MANY, seeded(0)), draw(A2, MANY, seeded(0))
    assert first.blur.all()
    assert not first.solarise.any()
    assert share(second.blur) == pytest.approx(0.1, abs=0.03)
    assert share(second.solarise) == pytest.approx(0.2, abs=0.03)


def test_what_happens_happens_as_often_as_stated():
    drawn = draw(A1, MANY, seeded(1))
    assert share(drawn.flip) == pytest.approx(0.5, abs=0.04)
    assert share(drawn.jitter) == pytest.approx(0.8, abs=0.03)
    assert share(drawn.grey) == pytest.approx(0.2, abs=0.03)


def test_factors_are_uniform_around_no_change():
    factors = draw(A1, MANY, seeded(2)).factors
    low, high = factors.amin(0).tolist(), factors.amax(0).tolist()
    assert low == pytest.approx([0.6, 0.6, 0.8, -0.1], abs=0.005)
    assert high == pytest.approx([1.4, 1.4, 1.2, 0.1], abs=0.005)
    assert factors.mean(0).tolist() == pytest.approx([1, 1, 1, 0], abs=0.02)
    assert factors.std(0).tolist() == pytest.approx([0.231, 0.231, 0.115, 0.058], abs=0.01)


def test_sigma_is_uniform():
    sigma = draw(A1, MANY, seeded(3)).sigma
    assert (float(sigma.min()), float(sigma.max())) == (
        pytest.approx(0.1, abs=0.01),
        pytest.approx(2, abs=0.01),
    )
    assert float(sigma.mean()) == pytest.approx(1.05, abs=0.05)


def test_every_order_of_the_jitters_is_equally_likely():
    order = draw(A1, MANY, seeded(4)).order
    orders, counts = order.unique(dim=0, return_counts=True)
    assert len(orders) == 24
    assert counts.min() > 110  # 167 each, in the mean
    assert counts.max() < 230


def test_crops_lie_within_their_own_frame_and_are_of_the_stated_area_and_aspect():
    sizes = torch.tensor([[256, 341], [341, 256], [256, 455], [256, 256]]).repeat(1_000, 1)
    top, left, height, width = draw(A1, sizes, seeded(5)).crop.unbind(1)
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
    _, _, height, width = draw(A1, sizes, seeded(6)).crop.unbind(1)
    assert set(zip(height.tolist(), width.tolist(), strict=True)) == {(64, 85), (85, 64)}


def test_crops_are_placed_anywhere():
    top, left, height, width = draw(A1, MANY, seeded(7)).crop.unbind(1)
    room = (341 - width) > 20
    assert float((left / (341 - width))[room].mean()) == pytest.approx(0.5, abs=0.03)
    assert ((top == 0) & (height < 250)).any()
    assert (top + height == 256).any()


def share(chosen) -> float:
    return float(chosen.float().mean())
