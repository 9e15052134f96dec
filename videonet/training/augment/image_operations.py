"""What can be done to images, a batch at a time, with parameters of its own for each image.

Images are [N, 3, H, W], RGB, floating point in [0, 1]; parameters are [N], one an image. Each
operation is torchvision's. None waits for a GPU: what an operation needs from the CPU goes through
`to_device`, and nothing comes back.
"""

import torch
from torch import Tensor
from torch.nn import functional

SOLARISE_FROM = 0.5

# Red, green and blue in a grey value: ITU-R BT.601, rounded as torchvision rounds it.
LUMA = (0.2989, 0.587, 0.114)


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Values on a device, for which the CPU does not wait.

    A GPU copies by itself from pinned memory alone; torch keeps that until it is copied.
    """
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


def resized_crop(images: Tensor, crop: Tensor, size: int) -> Tensor:
    """The boxes `crop` resized to [N, 3, size, size], bicubic with antialiasing, as torch does it.

    `images` may also be uint8 in 0..255; then what comes out is float32. `crop` is int64 [N, 4] on
    the CPU: top, left, height and width, pixels. Bicubic filters overshoot: what they give is
    clipped to [0, 1].

    NOTE: the filter is ours. BYOL resizes bicubically and does not say whether with antialiasing.
    """
    # On a CPU the products cost four times as much as torch's own filter (N 64, 256x341, to 64 or
    # 224 pixels); on a GPU that filter would be started once an image.
    resize = resized_one_by_one if images.device.type == "cpu" else resized_together
    views = resize(images, crop, size)
    return (views if images.is_floating_point() else views / 255).clamp_(0, 1)


def resized_one_by_one(images: Tensor, crop: Tensor, size: int) -> Tensor:
    """The boxes, resized but not clipped, each by torch's own filter."""
    boxes = (
        _floating(image[None, :, top : top + height, left : left + width]).contiguous()
        for image, (top, left, height, width) in zip(images, crop.tolist(), strict=True)
    )
    return torch.cat(
        [functional.interpolate(box, (size, size), mode="bicubic", antialias=True) for box in boxes]
    )


def resized_together(images: Tensor, crop: Tensor, size: int) -> Tensor:
    """The boxes, resized but not clipped, by products with two matrices for each image.

    That is 0.2 GFLOP for a frame of 256x341 pixels to 224.
    """
    count, channels, height, width = images.shape
    top, left, tall, wide = to_device(crop, images.device).unbind(1)
    # Frames are stored with the channels last: these are views of them then, not copies.
    lines = _floating(images.permute(0, 2, 3, 1).reshape(count, height, width * channels))
    down = _bicubic(top, tall, height, size, lines.dtype)
    across = _bicubic(left, wide, width, size, lines.dtype)
    # bfloat16 has fewer digits than a pixel.
    with torch.autocast(images.device.type, enabled=False):
        rows = (down @ lines).view(count, size, width, channels).permute(0, 3, 1, 2)
        columns = rows.reshape(count, channels * size, width) @ across.mT
    return columns.view(count, channels, size, size)


def flipped(images: Tensor) -> Tensor:
    """The images, left and right exchanged."""
    return images.flip(-1)


# NOTE: colours are jittered as in torchvision. BYOL's own code (deepmind-research/byol) adds to the
# brightness instead of scaling it, takes contrast from each channel's mean instead of the grey
# mean, and scales saturation in HSV instead of blending with grey. VITO does not say which it took.


def brightened(images: Tensor, factor: Tensor) -> Tensor:
    """Blended with black."""
    return _blended(images, torch.zeros_like(images[:, :1]), factor)


def contrasted(images: Tensor, factor: Tensor) -> Tensor:
    """Blended with the mean grey of the image."""
    return _blended(images, _luma(images).mean(dim=(-3, -2, -1), keepdim=True), factor)


def saturated(images: Tensor, factor: Tensor) -> Tensor:
    """Blended with the image in grey."""
    return _blended(images, _luma(images), factor)


def adjust_hue(images: Tensor, turns: Tensor) -> Tensor:
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
    hue = (hue + 6 * _per_image(turns, hue)).remainder(6)
    # How far each channel lies below the brightest one, as a part of the chroma.
    below = torch.stack((2 - (hue - 3).abs(), (hue - 2).abs() - 1, (hue - 4).abs() - 1), dim=1)
    return value[:, None] - chroma[:, None] * below.clamp_(0, 1)


def to_grayscale(images: Tensor) -> Tensor:
    """All three channels grey."""
    return _luma(images).expand_as(images)


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur, 23x23 at 224 pixels and about a tenth of other sizes; `sigma` in pixels.

    NOTE: borders are mirrored, as in torchvision; in BYOL's own code they fade to black.
    """
    count, channels, height, width = images.shape
    reach = height // 20
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.softmax(-((offsets / _per_image(sigma, images).view(-1, 1)) ** 2) / 2, dim=1)
    kernels = kernel.repeat_interleave(channels, dim=0)[:, None]
    # One group a channel of an image: each has its own kernel.
    planes = functional.pad(
        images.reshape(1, count * channels, height, width), (reach,) * 4, mode="reflect"
    )
    with torch.autocast(images.device.type, enabled=False):
        planes = functional.conv2d(planes, kernels[:, :, None, :], groups=count * channels)
        planes = functional.conv2d(planes, kernels[:, :, :, None], groups=count * channels)
    return planes.view_as(images)


def solarised(images: Tensor) -> Tensor:
    """What is at least half bright, inverted."""
    return torch.where(images >= SOLARISE_FROM, 1 - images, images)


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
    return (share * images + (1 - share) * other).clamp_(0, 1)


def _luma(images: Tensor) -> Tensor:
    """Grey values, [N, 1, H, W]."""
    red, green, blue = images.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def _floating(images: Tensor) -> Tensor:
    """Values as they are, with a fraction: 0..255 stays 0..255."""
    return images if images.is_floating_point() else images.float()


def _per_image(values: Tensor, like: Tensor) -> Tensor:
    """One value an image, [N], in a shape, a dtype and on a device that go with `like`."""
    values = to_device(values, like.device).to(like.dtype)
    return values.view(-1, *(1,) * (like.ndim - 1))
