"""Where a network looks: frames, with the attention masks of each scale laid over them.

A column a frame: the frame itself, and below it, for each scale, what its mask (softmax over
positions, see `videonet.training.models.network`) weighs most. Weights are told relative to
uniform ones: 1 x is what every position would have if the network looked everywhere alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from videonet.training.augment.augmentation import normalised

if TYPE_CHECKING:
    from videonet.training.models.network import Network

# Pixels.
CELL = 192
GAP = 8
CAPTION = 24
MARGIN = 16
LETTERS = 16

PAPER = "#ffffff"
INK = "#1b2230"
MUTED = "#647084"

# From none of the weight to most of it: nine steps of matplotlib's colour map inferno (CC0), made
# so that equal steps look equal and more is always brighter, in grey and to the colour-blind too.
COLOURS = np.array(
    [
        (0x00, 0x00, 0x04),
        (0x21, 0x0C, 0x4A),
        (0x56, 0x10, 0x6E),
        (0x89, 0x22, 0x6A),
        (0xBB, 0x37, 0x54),
        (0xE3, 0x59, 0x32),
        (0xF9, 0x8C, 0x0A),
        (0xF9, 0xC9, 0x32),
        (0xFC, 0xFF, 0xA4),
    ],
    dtype=np.float32,
)

# How much of a picture is colour; the rest is the frame in grey, by which one finds one's way.
OPACITY = 0.6

# Weight relative to uniform that the brightest colour means at least. A mask that is nearly
# uniform is of nearly one colour then, and no accident of it is blown up.
LEAST_TOP = 2.0


def picture(
    frames: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.float32]]
) -> Image.Image:
    """The frames and, below each, its mask of each scale with its largest weight.

    `frames`: n of uint8 [H, W, 3], square or nearly so. `masks`: for each scale, finer first,
    float [n, h, w], each mask adding up to 1; at least one scale.
    """
    names = ["frame", *(f"{mask.shape[1]} x {mask.shape[2]}" for mask in masks)]
    font = ImageFont.load_default(LETTERS)
    left = MARGIN + round(max(font.getlength(name) for name in names)) + GAP
    step = CELL + CAPTION + GAP
    width = left + len(frames) * (CELL + GAP) - GAP + MARGIN
    canvas = Image.new("RGB", (width, 2 * MARGIN + CELL + GAP + len(masks) * step - GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    tops = [MARGIN, *(MARGIN + CELL + GAP + place * step for place in range(len(masks)))]
    for name, top in zip(names, tops, strict=True):
        baseline = top + CELL / 2 + LETTERS / 3
        draw.text((MARGIN, baseline), name, fill=INK, font=font, anchor="ls")
    for place, frame in enumerate(frames):
        x = left + place * (CELL + GAP)
        shown = Image.fromarray(frame).resize((CELL, CELL), Image.Resampling.BICUBIC)
        canvas.paste(shown, (x, tops[0]))
        for mask, top in zip(masks, tops[1:], strict=True):
            canvas.paste(overlaid(shown, mask[place]), (x, top))
            said = f"up to {relative(mask[place]).max():.1f} x uniform"
            baseline = top + CELL + LETTERS + 3
            draw.text((x, baseline), said, fill=MUTED, font=font, anchor="ls")
    return canvas


def relative(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights [h, w] that add up to 1, as multiples of what each were if all were alike."""
    return mask * mask.size


def overlaid(image: Image.Image, mask: NDArray[np.float32]) -> Image.Image:
    """An RGB image in grey and, over it, the colours of the weights [h, w] that add up to 1.

    Weights between the middles of two positions are interpolated. The brightest colour is the
    largest weight, but at least LEAST_TOP times the uniform one.
    """
    weights = relative(mask)
    share = weights / max(float(weights.max()), LEAST_TOP)
    fine = Image.fromarray(share.astype(np.float32)).resize(image.size, Image.Resampling.BILINEAR)
    grey = np.asarray(image.convert("L"), dtype=np.float32)[..., None]
    mixed = OPACITY * coloured(np.asarray(fine)) + (1 - OPACITY) * grey
    return Image.fromarray(mixed.round().astype(np.uint8))


def coloured(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colour of each share in [0, 1], float [..., 3] up to 255."""
    steps = np.linspace(0, 1, len(COLOURS))
    return np.stack([np.interp(share, steps, channel) for channel in COLOURS.T], axis=-1)


def attention_of(
    network: Network, frames: Sequence[NDArray[np.uint8]], size: int
) -> Image.Image | None:
    """The picture of where a network looks in frames of several videos, augmented in no way.

    `frames`: uint8 [H, W, 3] of any sizes; the middle of each is shown to the network, `size`
    pixels high and wide. None if the network has no masks, as with average pooling. Batch norm
    takes its running statistics; these, the mode of each module and all random states stay as
    they were.
    """
    squares = [middle(frame, size) for frame in frames]
    device = next(network.parameters()).device
    images = torch.from_numpy(np.stack(squares)).to(device).permute(0, 3, 1, 2).float() / 255
    with at_rest(network):
        masks = network.attention(normalised(images))
    return picture(squares, [mask.float().cpu().numpy() for mask in masks]) if masks else None


@contextmanager
def at_rest(network: nn.Module) -> Iterator[None]:
    """Ask a network something while it is trained: what is asked inside changes nothing in it.

    Batch norms take their running statistics, so it asks nothing of other ranks either.
    """
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def middle(frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A frame [H, W, 3] with its shorter side resized to `size`, and of that the middle square."""
    image = Image.fromarray(frame)
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return np.array(resized.crop((left, top, left + size, top + size)))
