"""What is done to each frame before the network sees it, on the device, a batch at a time.

The values are those of BYOL's table (Grill et al. 2020, appendix B), with the crop of VITO
(Parthasarathy et al. 2023). `draw` draws the parameters of each image, `apply` applies them,
`normalised` comes last. Images are floating point [N, 3, H, W], RGB in [0, 1].
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# Height and width of what comes out, pixels.
SIZE = 224

# Share of the frame's area, and width to height.
CROP_AREA = (0.4, 1.0)
CROP_ASPECT = (3 / 4, 4 / 3)
# A crop that does not fit into the frame is drawn again, so many times in all (torchvision).
CROP_ATTEMPTS = 10

FLIP = 0.5
JITTER = 0.8
# Most that brightness, contrast and saturation change, as a part of 1, and hue, in turns.
JITTER_BY = (0.4, 0.4, 0.2, 0.1)
GREY = 0.2
# Pixels.
BLUR_SIGMA = (0.1, 2.0)
SOLARISE_FROM = 0.5

# Of ImageNet's training images, as torchvision and timm have them.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

# Red, green and blue in a grey value: ITU-R BT.601, rounded as torchvision rounds it.
LUMA = (0.2989, 0.587, 0.114)


@dataclass(frozen=True)
class Recipe:
    """What the two augmentations differ in: how probable blur and solarisation are."""

    name: str
    blur: float
    solarise: float


A1 = Recipe("A1", blur=1.0, solarise=0.0)
A2 = Recipe("A2", blur=0.1, solarise=0.2)

# Of the first, second and third view.
VIEW_RECIPES = (A1, A2, A1)


@dataclass(frozen=True)
class Drawn:
    """The parameters of N images, on the device of the generator that drew them."""

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


def draw(recipe: Recipe, sizes: Tensor, generator: torch.Generator) -> Drawn:
    """Parameters for images of these `sizes`: int64 [N, 2], height and width in pixels.

    So the images of a batch may be padded below and on the right: no crop reaches beyond its
    size. A generator of the CPU spares `apply` waiting for a GPU.
    """
    device = generator.device

    def random(*shape: int) -> Tensor:
        return torch.rand(len(sizes), *shape, generator=generator, device=device)

    crop = _crops(sizes.to(device), random(2, CROP_ATTEMPTS), random(2))
    unchanged = torch.tensor((1.0, 1.0, 1.0, 0.0), device=device)
    change = torch.tensor(JITTER_BY, device=device) * (2 * random(4) - 1)
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


def apply(images: Tensor, drawn: Drawn, size: int = SIZE) -> Tensor:
    """The images as `drawn` makes them, [N, 3, size, size] in [0, 1]."""
    views = resized_crop(images, drawn.crop, size)
    _change(views, drawn.flip, flipped)
    for place in range(len(_JITTERS)):
        for number, jitter in enumerate(_JITTERS):
            chosen = drawn.jitter & (drawn.order[:, place] == number)
            _change(views, chosen, jitter, drawn.factors[:, number])
    _change(views, drawn.grey, greyed)
    _change(views, drawn.blur, blurred, drawn.sigma)
    _change(views, drawn.solarise, solarised)
    return views


def normalised(images: Tensor) -> Tensor:
    """Images as the network takes them: less ImageNet's mean, by its standard deviation."""
    mean, std = (images.new_tensor(each).view(3, 1, 1) for each in (MEAN, STD))
    return (images - mean) / std


# The operations. Each changes all images that it is given, by one parameter an image: [N].


def resized_crop(images: Tensor, crop: Tensor, size: int) -> Tensor:
    """The boxes `crop`, int64 [N, 4], bicubic with antialiasing to [N, 3, size, size].

    Bicubic filters overshoot: what they give is clipped to [0, 1].
    """
    # Every image has its own box, so resizing is a product with matrices of its own: 0.1 GFLOP a
    # frame, and no loop over the images.
    top, left, height, width = crop.to(images.device).unbind(1)
    down = _bicubic(top, height, images.shape[2], size, images.dtype)
    across = _bicubic(left, width, images.shape[3], size, images.dtype)
    return (down[:, None] @ images @ across[:, None].mT).clamp(0, 1)


def flipped(images: Tensor) -> Tensor:
    """The images, left and right exchanged."""
    return images.flip(-1)


# NOTE: colours are jittered as in torchvision. BYOL's own code adds to the brightness instead of
# scaling it, takes contrast from each channel's mean instead of the grey mean, scales saturation
# in HSV instead of blending with grey, and clips after all four instead of after each. VITO does
# not say which it took.


def brightened(images: Tensor, factor: Tensor) -> Tensor:
    """Blended with black."""
    return _blended(images, torch.zeros_like(images[:, :1]), factor)


def contrasted(images: Tensor, factor: Tensor) -> Tensor:
    """Blended with the mean grey of the image."""
    return _blended(images, _luma(images).mean(dim=(-3, -2, -1), keepdim=True), factor)


def saturated(images: Tensor, factor: Tensor) -> Tensor:
    """Blended with the image in grey."""
    return _blended(images, _luma(images), factor)


def hued(images: Tensor, turns: Tensor) -> Tensor:
    """Hue turned, value and chroma as they were."""
    red, green, blue = images.unbind(1)
    least, value = images.aminmax(dim=1)
    chroma = value - least
    divisor = torch.where(chroma == 0, 1, chroma)
    # In sixths of a turn, from red.
    hue = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    )
    begins = images.new_tensor((5, 3, 1)).view(3, 1, 1)
    sixths = (begins + (hue + 6 * _per_image(turns, hue))[:, None]).remainder(6)
    away = torch.minimum(sixths, 4 - sixths).clamp(0, 1)
    return value[:, None] - chroma[:, None] * away


_JITTERS = (brightened, contrasted, saturated, hued)


def greyed(images: Tensor) -> Tensor:
    """All three channels grey."""
    return _luma(images).expand_as(images)


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur, 23x23 at 224 pixels and about a tenth of other sizes; borders are mirrored."""
    count, channels, height, width = images.shape
    reach = height // 20
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.softmax(-((offsets / sigma.to(images)[:, None]) ** 2) / 2, dim=1)
    kernels = kernel.repeat_interleave(channels, dim=0)[:, None]
    # One group a channel of an image: each has its own kernel.
    planes = functional.pad(
        images.reshape(1, count * channels, height, width), (reach,) * 4, mode="reflect"
    )
    planes = functional.conv2d(planes, kernels[:, :, None, :], groups=count * channels)
    planes = functional.conv2d(planes, kernels[:, :, :, None], groups=count * channels)
    return planes.view_as(images)


def solarised(images: Tensor) -> Tensor:
    """What is at least half bright, inverted."""
    return torch.where(images >= SOLARISE_FROM, 1 - images, images)


def _change(
    views: Tensor, chosen: Tensor, operation: Callable[..., Tensor], *parameters: Tensor
) -> None:
    """Apply `operation` in place to the views that are chosen, bool [N], and to no other."""
    which = chosen.nonzero().squeeze(1)
    if len(which):
        given = (each[which].to(views) for each in parameters)
        which = which.to(views.device)
        views[which] = operation(views[which], *given)


def _crops(sizes: Tensor, random: Tensor, place: Tensor) -> Tensor:
    """Boxes as torchvision draws them, but all attempts at once.

    `random` are [N, 2, attempts] for area and aspect, `place` are [N, 2], all uniform in [0, 1).
    NOTE: where no attempt fits, the largest box of the nearest aspect is taken, as in torchvision,
    yet not from the middle but from anywhere.
    """
    height, width = (sizes[:, axis, None].double() for axis in (0, 1))
    smallest, largest = CROP_AREA
    narrow, wide = CROP_ASPECT
    area = height * width * (smallest + (largest - smallest) * random[:, 0])
    aspect = (math.log(narrow) + math.log(wide / narrow) * random[:, 1]).exp()
    last_resort = (width / narrow).round().minimum(height), (height * wide).round().minimum(width)
    heights = torch.cat(((area / aspect).sqrt().round(), last_resort[0]), dim=1)
    widths = torch.cat(((area * aspect).sqrt().round(), last_resort[1]), dim=1)
    fits = (heights <= height) & (widths <= width)
    first = fits.int().argmax(dim=1, keepdim=True)
    taken = torch.cat((heights.gather(1, first), widths.gather(1, first)), dim=1).long()
    begins = ((sizes - taken + 1) * place.double()).long()
    return torch.cat((begins, taken), dim=1)


def _bicubic(
    begin: Tensor, length: Tensor, available: int, size: int, dtype: torch.dtype
) -> Tensor:
    """Matrices [N, size, available] that resize a stretch of a line, as torch does it.

    Keys' cubic filter with a = -0.5, widened where it shrinks; what lies outside the stretch does
    not count. `begin` and `length` are int64 [N], pixels.
    """
    length = length.to(dtype)[:, None, None]
    scale = length / size
    centres = (torch.arange(size, device=begin.device, dtype=dtype)[:, None] + 0.5) * scale
    pixels = torch.arange(available, device=begin.device, dtype=dtype) - begin[:, None, None]
    x = ((pixels + 0.5 - centres) / scale.clamp(min=1)).abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = torch.where(x < 1, near, torch.where(x < 2, far, 0))
    weights = torch.where((pixels >= 0) & (pixels < length), weights, 0)
    return weights / weights.sum(dim=-1, keepdim=True)


def _blended(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """As much of the images as `factor` says, and the rest of the other; clipped to [0, 1]."""
    share = _per_image(factor, images)
    return (share * images + (1 - share) * other).clamp(0, 1)


def _luma(images: Tensor) -> Tensor:
    """Grey values, [N, 1, H, W]."""
    return (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)


def _per_image(values: Tensor, like: Tensor) -> Tensor:
    """One value an image, [N], in a shape and a dtype that go with `like`."""
    return values.to(like).view(-1, *(1,) * (like.ndim - 1))
