"""image_operations: each held against torchvision's, on the same parameters."""

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torchvision.transforms.v2 import InterpolationMode  # noqa: E402
from torchvision.transforms.v2 import functional as tv  # noqa: E402

from videonet.training.augment.image_operations import (  # noqa: E402
    adjust_hue,
    blurred,
    brightened,
    contrasted,
    flipped,
    resized_crop,
    resized_one_by_one,
    resized_together,
    saturated,
    solarised,
    to_grayscale,
)

N = 6

# The whole, a part that shrinks, parts that grow, a line, and one that reaches the corner.
BOXES = torch.tensor(
    [
        *((0, 0, 45, 60), (3, 7, 40, 31), (10, 20, 20, 10)),
        *((5, 5, 1, 50), (25, 35, 20, 25), (1, 2, 30, 40)),
    ]
)


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


def resized(images, crop, size):
    """One image at a time, as torchvision does it, before anything is clipped."""
    return each(
        images,
        lambda image, box: tv.resized_crop(
            image, *box, [size, size], InterpolationMode.BICUBIC, antialias=True
        ),
        crop.tolist(),
    )


# On a CPU and on a GPU; both are tested on a CPU.
RESIZES = [resized_one_by_one, resized_together]


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("size", [32, 64])
def test_a_crop_is_resized_as_torchvision_resizes_it(images, resize, size):
    expected = resized(images, BOXES, size)
    torch.testing.assert_close(resize(images, BOXES, size), expected)
    found = resize(images.float(), BOXES, size)
    torch.testing.assert_close(found, expected.float(), atol=1e-5, rtol=0)
    clipped = resized_crop(images, BOXES, size)
    torch.testing.assert_close(clipped, expected.clamp(0, 1))


@pytest.mark.parametrize("resize", RESIZES)
def test_a_crop_of_bytes_is_resized_without_rounding(images, resize):
    frames = (images * 255).round().byte().permute(0, 2, 3, 1).contiguous()
    stored = frames.permute(0, 3, 1, 2)
    expected = resized(stored.double() / 255, BOXES, 32).float()
    found = resize(stored, BOXES, 32) / 255
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    clipped = resized_crop(stored, BOXES, 32)
    torch.testing.assert_close(clipped, expected.clamp(0, 1), atol=1e-5, rtol=0)


def test_a_bicubic_crop_is_clipped(images):
    edges = (images > 0.5).double()
    crops = torch.tensor([(0, 0, 20, 20)] * N)
    overshot = resized(edges, crops, 64)
    assert overshot.min() < 0
    assert overshot.max() > 1
    ours = resized_crop(edges, crops, 64)
    assert (ours.min(), ours.max()) == (0, 1)


@pytest.mark.parametrize("resize", RESIZES)
def test_padding_is_not_seen(images, resize):
    crops = torch.tensor([(0, 0, 45, 60)] * N)
    padded = torch.nn.functional.pad(images, (0, 9, 0, 13), value=1.0)
    torch.testing.assert_close(resize(padded, crops, 32), resize(images, crops, 32))


@pytest.mark.parametrize("resize", RESIZES)
def test_lower_precision_of_the_network_is_not_that_of_its_images(images, resize):
    images = images.float()
    with torch.autocast("cpu", torch.bfloat16):
        views = resize(images, BOXES, 32), blurred(images, torch.full((N,), 0.7))
        assert (images[0, 0] @ images[0, 0].mT).dtype == torch.bfloat16
    assert torch.equal(views[0], resize(images, BOXES, 32))
    assert torch.equal(views[1], blurred(images, torch.full((N,), 0.7)))


COLOURS = {
    "brightness": (brightened, tv.adjust_brightness, (0.6, 0.8, 1.0, 1.1, 1.3, 1.4)),
    "contrast": (contrasted, tv.adjust_contrast, (0.6, 0.8, 1.0, 1.1, 1.3, 1.4)),
    "saturation": (saturated, tv.adjust_saturation, (0.8, 0.9, 1.0, 1.05, 1.1, 1.2)),
    "hue": (adjust_hue, tv.adjust_hue, (-0.1, -0.05, 0.0, 0.03, 0.06, 0.1)),
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
    torch.testing.assert_close(adjust_hue(images, torch.ones(N)), images)


@pytest.mark.parametrize(("side", "kernel"), [(224, 23), (96, 9), (64, 7)])
def test_blur_is_torchvisions_with_a_tenth_of_the_size(side, kernel):
    images = torch.rand(3, 3, side, 40, generator=seeded(1), dtype=torch.float64)
    sigmas = (0.1, 0.7, 2.0)
    expected = each(
        images, lambda image, sigma: tv.gaussian_blur(image, [kernel] * 2, [sigma] * 2), sigmas
    )
    ours = blurred(images, torch.tensor(sigmas, dtype=torch.float64))
    torch.testing.assert_close(ours, expected)


def test_grey_flip_and_solarisation_are_torchvisions(images):
    images[4, :, :9] = 0.5  # just bright enough
    torch.testing.assert_close(to_grayscale(images), tv.rgb_to_grayscale(images, 3))
    torch.testing.assert_close(flipped(images), tv.horizontal_flip(images))
    torch.testing.assert_close(solarised(images), tv.solarize(images, 0.5))
