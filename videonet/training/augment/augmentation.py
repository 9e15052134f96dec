"""What is done to each frame before the network sees it, on the device, a batch at a time.

The values are those of BYOL's table (Grill et al. 2020, appendix B), with the crop of VITO
(Parthasarathy et al. 2023). `augmented` is all of it: `draw` draws the parameters of each image,
`apply` applies them, `normalised` comes last.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from videonet.training.augment.image_operations import (
    adjust_hue,
    blurred,
    brightened,
    contrasted,
    flipped,
    resized_crop,
    saturated,
    solarised,
    to_device,
    to_grayscale,
)

# Width to height.
CROP_ASPECT = (3 / 4, 4 / 3)
# A crop that does not fit into the frame is drawn again, so many times in all (torchvision).
CROP_ATTEMPTS = 10

FLIP = 0.5
JITTER = 0.8
# Most that brightness, contrast and saturation change, as a part of 1, and hue, in turns.
JITTER_BY = (0.4, 0.4, 0.2, 0.1)
GREY = 0.2
# Pixels, whatever the size.
BLUR_SIGMA = (0.1, 2.0)

# Of ImageNet's training images, as torchvision and timm have them.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Recipe:
    """What the two augmentations differ in: how probable blur and solarisation are."""

    name: str
    blur: float
    solarise: float


A1 = Recipe("A1", blur=1.0, solarise=0.0)
A2 = Recipe("A2", blur=0.1, solarise=0.2)
RECIPES = {recipe.name: recipe for recipe in (A1, A2)}


@dataclass(frozen=True)
class Drawn:
    """The parameters of N images, on the CPU."""

    # [N, 4], int64: top, left, height and width of the crop, pixels
    crop: Tensor
    # [N], whether it happens
    flip: Tensor
    jitter: Tensor
    grey: Tensor
    blur: Tensor
    solarise: Tensor
    # [N, 4], float32: brightness, contrast and saturation as factors, hue in turns
    factors: Tensor
    # [N, 4], int64: these four, by number, as they follow each other
    order: Tensor
    # of the blur, [N] in pixels
    sigma: Tensor


def augmented(
    frames: Tensor,
    sizes: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    *,
    size: int,
    crop_from: float,
) -> Tensor:
    """Frames as the network takes them: float32 [N, 3, size, size], contiguous, normalised.

    `frames` are uint8 [N, H, W, 3] on the device, padded below and on the right to a common H and
    W; `sizes`, int64 [N, 2], are their own heights and widths, on the CPU as is the generator. So
    a GPU is given its work and never waited for.
    """
    drawn = draw(recipe, sizes, generator, crop_from)
    return normalised(apply(frames.permute(0, 3, 1, 2), drawn, size))


def draw(recipe: Recipe, sizes: Tensor, generator: torch.Generator, crop_from: float) -> Drawn:
    """Parameters for images of these `sizes`: int64 [N, 2], height and width in pixels.

    `crop_from` is the smallest share of an image's area that a crop takes; the largest is all of
    it. Sizes and generator are
    the CPU's.
    """

    def random(*shape: int) -> Tensor:
        return torch.rand(len(sizes), *shape, generator=generator)

    crop = crop_boxes(sizes, crop_from, random(2, CROP_ATTEMPTS), random(2))
    unchanged = torch.tensor((1.0, 1.0, 1.0, 0.0))
    change = torch.tensor(JITTER_BY) * (2 * random(4) - 1)
    low, high = BLUR_SIGMA
    return Drawn(
        crop=crop,
        flip=random() < FLIP,
        jitter=random() < JITTER,
        grey=random() < GREY,
        blur=random() < recipe.blur,
        solarise=random() < recipe.solarise,
        factors=unchanged + change,
        order=random(4).argsort(dim=1),
        sigma=low + (high - low) * random(),
    )


def apply(images: Tensor, drawn: Drawn, size: int) -> Tensor:
    """The images as `drawn` makes them: [N, 3, size, size], floating point in [0, 1].

    `images` are [N, 3, H, W], uint8 in 0..255 or floating point in [0, 1], and stay as they are.
    """
    views = resized_crop(images, drawn.crop, size)
    _change(views, drawn.flip, flipped)
    jitter(views, drawn.jitter, drawn.factors, drawn.order)
    _change(views, drawn.grey, to_grayscale)
    _change(views, drawn.blur, blurred, drawn.sigma)
    _change(views, drawn.solarise, solarised)
    return views


_JITTERS = (brightened, contrasted, saturated, adjust_hue)


def jitter(views: Tensor, chosen: Tensor, factors: Tensor, order: Tensor) -> None:
    """Change the colours of those views that are chosen, in place; parameters as in `Drawn`."""
    for place in range(len(_JITTERS)):
        for number, operation in enumerate(_JITTERS):
            which = chosen & (order[:, place] == number)
            _change(views, which, operation, factors[:, number])


def normalised(images: Tensor) -> Tensor:
    """Images as the network takes them: less ImageNet's mean, by its standard deviation."""
    mean, std = (
        to_device(torch.tensor(each, dtype=images.dtype).view(3, 1, 1), images.device)
        for each in (MEAN, STD)
    )
    return (images - mean) / std


def _change(
    views: Tensor, chosen: Tensor, operation: Callable[..., Tensor], *parameters: Tensor
) -> None:
    """Apply `operation` in place to the views that are chosen, bool [N], and to no other."""
    # How many are chosen is known on the CPU; asked of a GPU, it would come after all its work.
    which = chosen.nonzero().squeeze(1)
    if len(which):
        given = [each[which] for each in parameters]
        which = to_device(which, views.device)
        views[which] = operation(views[which], *given)


def crop_boxes(sizes: Tensor, crop_from: float, random: Tensor, place: Tensor) -> Tensor:
    """Boxes as torchvision draws them, but all attempts at once: int64 [N, 4], as `Drawn.crop`.

    `sizes` are int64 [N, 2], height and width in pixels; `random` are [N, 2, attempts] for area
    and aspect, `place` are [N, 2], all uniform in [0, 1).
    NOTE: where no attempt fits, the largest box of the nearest aspect is taken, as in torchvision,
    yet not from the middle but from anywhere.
    """
    height, width = (sizes[:, axis, None].double() for axis in (0, 1))
    narrow, wide = CROP_ASPECT
    area = height * width * (crop_from + (1 - crop_from) * random[:, 0])
    aspect = (math.log(narrow) + math.log(wide / narrow) * random[:, 1]).exp()
    last_resort = (width / narrow).round().minimum(height), (height * wide).round().minimum(width)
    heights = torch.cat(((area / aspect).sqrt().round(), last_resort[0]), dim=1)
    widths = torch.cat(((area * aspect).sqrt().round(), last_resort[1]), dim=1)
    fits = (heights <= height) & (widths <= width)
    first = fits.int().argmax(dim=1, keepdim=True)
    taken = torch.cat((heights.gather(1, first), widths.gather(1, first)), dim=1).long()
    begins = ((sizes - taken + 1) * place.double()).long()
    return torch.cat((begins, taken), dim=1)
