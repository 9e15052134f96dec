"""Where a network looks and where people do: maps of images, and how alike two of them are."""

import warnings
from collections.abc import Callable

import torch
from scipy.stats import ConstantInputWarning, spearmanr
from torch import Tensor
from torch.nn import functional

from videonet.evaluation.model import Model, needed_gradients

# From images, float32 [N, 3, crop, crop], and their classes, int64 [N], to maps [N, 224, 224].
Maps = Callable[[Tensor, Tensor], Tensor]

# Pixels of a side of all maps that are compared.
SIDE = 224

# Of a heat map before it is blurred, and of the blur, which is of so many pixels.
_BLURRED_SIDE = 64
_KERNEL, _SIGMA = 10, 10.0


def attention_maps(masks: list[Tensor]) -> Tensor:
    """The mean of the masks of all scales, float32 [N, h, w] each, at full size: [N, 224, 224]."""
    return torch.stack([resized(each, SIDE) for each in masks]).mean(dim=0)


def gradient_maps(model: Model, what: str) -> Maps:
    """The maps of a classifier. Raises UsageError.

    A map is the gradient of the label's logit by the image: of its channels the largest size.
    """
    logits = needed_gradients(model, what)

    def maps(images: Tensor, labels: Tensor) -> Tensor:
        with torch.enable_grad():
            images = images.detach().requires_grad_()
            # One image does not change the logits of another one.
            chosen = logits(images).gather(1, labels[:, None]).sum()
            (gradients,) = torch.autograd.grad(chosen, images)
        return resized(gradients.abs().amax(dim=1), SIDE)

    return maps


def heat_maps(clicks: Tensor) -> Tensor:
    """Maps of clicks, float32 [N, 256, 256], as they are compared: [N, 224, 224], blurred."""
    small = resized(clicks, _BLURRED_SIDE)
    # As TensorFlow's SAME: of an even kernel there is one pixel more on the right and below.
    before = (_KERNEL - 1) // 2
    after = _KERNEL - 1 - before
    padded = functional.pad(small[:, None], (before, after, before, after))
    kernel = blur_kernel().to(clicks.device)
    return resized(functional.conv2d(padded, kernel[None, None])[:, 0], SIDE)


def blur_kernel() -> Tensor:
    """Harmonization's Gaussian, float32 [10, 10] of sum 1.

    An even kernel has no middle: across it goes from -5 to 4, and down from 4 to -5.
    """
    across = torch.arange(_KERNEL, dtype=torch.float64) - _KERNEL // 2
    squares = across.flip(0)[:, None] ** 2 + across[None] ** 2
    kernel = torch.exp(-squares / (2 * _SIGMA**2))
    return (kernel / kernel.sum()).float()


def resized(maps: Tensor, side: int) -> Tensor:
    """Maps float [N, h, w] as [N, side, side]: bilinear, not smoothed, as TensorFlow has it."""
    return functional.interpolate(
        maps[:, None].float(), (side, side), mode="bilinear", align_corners=False
    )[:, 0]


def rank_correlations(one: Tensor, other: Tensor) -> list[float]:
    """Spearman's correlation of each pair of maps, [N, h, w] both; nan where one is constant."""
    pairs = zip(one.cpu().numpy(), other.cpu().numpy(), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return [float(spearmanr(a.ravel(), b.ravel()).statistic) for a, b in pairs]
