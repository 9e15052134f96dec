"""attention_picture: where a network looks, as colours over its frames."""

import copy

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.training.attention_picture import (  # noqa: E402
    CAPTION,
    CELL,
    COLOURS,
    GAP,
    MARGIN,
    OPACITY,
    attention_of,
    coloured,
    middle,
    overlaid,
    picture,
    relative,
)
from videonet.training.augment.augmentation import normalised  # noqa: E402
from videonet.training.models.network import Network  # noqa: E402

GREY = np.array([0.299, 0.587, 0.114])
SIZES = ((40, 60), (90, 64), (32, 32))


def random_masks(n: int, h: int, w: int, seed: int = 0) -> np.ndarray:
    weights = np.random.default_rng(seed).exponential(size=(n, h, w)).astype(np.float32)
    return weights / weights.sum(axis=(1, 2), keepdims=True)


def random_frames() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network("test_resnet", 2, "attention", 8, 8, 4)


def test_more_is_always_brighter():
    luminance = coloured(np.linspace(0, 1, 500)) @ GREY
    assert (np.diff(luminance) > 0).all()
    assert luminance[0] < 2
    assert luminance[-1] > 240


def test_a_uniform_weight_is_one():
    np.testing.assert_allclose(relative(np.full((4, 5), 1 / 20, np.float32)), 1)
    mask = np.zeros((7, 7), np.float32)
    mask[2, 3] = 1
    assert relative(mask).max() == 49


def test_colours_are_those_of_the_weights_bilinearly_between_positions_over_grey():
    mask = random_masks(1, 3, 4)[0]
    image = Image.fromarray(np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    share = torch.from_numpy(mask / mask.max())[None, None]
    fine = torch.nn.functional.interpolate(share, (64, 64), mode="bilinear", align_corners=False)
    place = fine[0, 0].numpy() * (len(COLOURS) - 1)
    low = np.floor(place).astype(int).clip(0, len(COLOURS) - 2)
    part = (place - low)[..., None]
    colour = (1 - part) * COLOURS[low] + part * COLOURS[low + 1]
    grey = (np.asarray(image) @ GREY)[..., None]
    expected = OPACITY * colour + (1 - OPACITY) * grey
    assert mask.max() * mask.size > 2  # so it is the brightest colour
    np.testing.assert_allclose(np.asarray(overlaid(image, mask)), expected, atol=1.5)


def test_a_mask_that_is_nearly_uniform_is_nearly_of_one_colour_and_not_blown_up():
    random = np.random.default_rng(0)
    mask = (1 + 0.01 * random.standard_normal((7, 7))).astype(np.float32)
    shown = np.asarray(overlaid(Image.new("RGB", (70, 70)), mask / mask.sum()), dtype=float)
    assert np.ptp(shown, axis=(0, 1)).max() < 8
    np.testing.assert_allclose(
        shown.mean(axis=(0, 1)), OPACITY * COLOURS[len(COLOURS) // 2], atol=3
    )


def test_a_column_a_frame_with_its_masks_of_each_scale_below_it():
    frames = [middle(frame, 32) for frame in random_frames()]
    masks = [random_masks(3, 4, 4), random_masks(3, 2, 2)]
    drawn = picture(frames, masks)
    left = drawn.width - MARGIN - 3 * CELL - 2 * GAP
    assert left > MARGIN
    assert drawn.height == 2 * MARGIN + 3 * CELL + 2 * CAPTION + 2 * GAP
    for place, frame in enumerate(frames):
        x = left + place * (CELL + GAP)
        shown = Image.fromarray(frame).resize((CELL, CELL), Image.Resampling.BICUBIC)
        tops = [MARGIN, MARGIN + CELL + GAP, MARGIN + 2 * (CELL + GAP) + CAPTION]
        expected = [shown, *(overlaid(shown, mask[place]) for mask in masks)]
        for top, image in zip(tops, expected, strict=True):
            assert drawn.crop((x, top, x + CELL, top + CELL)).tobytes() == image.tobytes()


def test_the_largest_weight_and_the_cells_are_written_beside():
    frames = [np.zeros((32, 32, 3), np.uint8)]
    peak = np.zeros((1, 4, 4), np.float32)
    peak[0, 0, 0] = 1
    other = np.roll(peak, 1, axis=2)
    once, again, uniform = (
        np.asarray(picture(frames, [each]))[MARGIN + 2 * CELL + GAP :].tobytes()
        for each in (peak, other, np.full((1, 4, 4), 1 / 16, np.float32))
    )
    assert once == again != uniform
    labels = [
        np.asarray(picture(frames, [random_masks(1, cells, cells)]))[:, : 2 * MARGIN].tobytes()
        for cells in (4, 7)
    ]
    assert labels[0] != labels[1]


@pytest.mark.parametrize("size", [16, 48])
def test_the_middle_of_a_frame_is_shown_and_its_shorter_side_whole(size):
    frame = np.zeros((40, 80, 3), np.uint8)
    frame[:, 20:60] = 255
    assert (middle(frame, size)[:, 2:-2] == 255).all()
    assert middle(frame.transpose(1, 0, 2), size).shape == (size, size, 3)
    # What is resized is the frame, not the square.
    assert (middle(frame[:, :60], size)[:, 2 : size // 4 - 2] == 0).all()


def test_the_network_is_shown_each_frame_as_it_is_and_asked_in_eval_mode(network):
    # One batch of training has moved the running statistics.
    network(torch.randn(4, 3, 32, 32))
    squares = np.stack([middle(frame, 32) for frame in random_frames()])
    images = normalised(torch.from_numpy(squares).permute(0, 3, 1, 2) / 255)
    asked = copy.deepcopy(network).eval()
    expected = picture(squares, [mask.detach().numpy() for mask in asked.attention(images)])
    found = attention_of(network, random_frames(), 32)
    assert found is not None
    assert np.abs(np.asarray(found, dtype=int) - np.asarray(expected, dtype=int)).max() <= 1


def test_looking_changes_nothing(network):
    network.backbone.bn1.eval()  # as someone may have wanted
    before = copy.deepcopy(network.state_dict())
    modes = {name: module.training for name, module in network.named_modules()}
    random = torch.get_rng_state()
    attention_of(network, random_frames(), 32)
    assert {name: module.training for name, module in network.named_modules()} == modes
    assert torch.equal(torch.get_rng_state(), random)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in network.parameters())


def test_average_pooling_has_no_masks_to_show():
    network = Network("test_resnet", 2, "average", 8, 8, 4)
    assert attention_of(network, random_frames(), 32) is None
