"""A backbone that is evaluated: what it can do, and how images are prepared for it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from videonet.errors import UsageError
from videonet.evaluation.facts import Facts, Preparation

# Classes of ImageNet-1k, in the order of their sorted wnids.
CLASSES = 1000


Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Model:
    """A model that was opened. What it lacks is None, and asking for that is a sentence.

    Images are float32 [N, 3, crop, crop], normalised, on `device`.
    """

    facts: Facts
    preparation: Preparation
    device: torch.device
    # features of the last stage, pooled as the architecture does, float32 [N, D]
    features: Function | None
    # of the 1,000 classes, float32 [N, 1000]
    logits: Function | None
    # timm's; None for ONNX
    backbone: nn.Module | None
    # masks of each scale, float [N, h, w] of sum 1; of trainings that pool by attention
    attention: Callable[[Tensor], list[Tensor]] | None = None

    def normalised(self, images: Tensor) -> Tensor:
        """Images [N, 3, H, W] as the model takes them, on its device.

        They are uint8, or floating point in [0, 1].
        """
        images = images.to(self.device, non_blocking=True)
        images = images if images.is_floating_point() else images.float() / 255
        mean, std = self._mean_and_std
        return (images - mean) / std

    @cached_property
    def _mean_and_std(self) -> tuple[Tensor, Tensor]:
        # Once: to a GPU each would be a copy that is waited for.
        mean, std = (
            torch.tensor(each, device=self.device).view(1, 3, 1, 1)
            for each in (self.preparation.mean, self.preparation.std)
        )
        return mean, std


def needed_logits(model: Model, what: str) -> Function:
    """The function that classifies. Raises UsageError."""
    if model.logits is None:
        raise UsageError(
            f"{what} asks for ImageNet's {CLASSES:,} classes, and {model.facts.name} has no "
            f"classifier; `videonet evaluate MODEL --on imagenet-linear-cached` trains one, and "
            f"writes it beside its result."
        )
    return model.logits


def needed_features(model: Model, what: str) -> Function:
    """The function that gives pooled features. Raises UsageError."""
    if model.features is None:
        raise UsageError(
            f"{what} asks for features, and {model.facts.name} gives logits alone; give an ONNX "
            f"file with the output features, as `videonet export --to onnx` writes it, or "
            f"timm:NAME@FILE."
        )
    return model.features


def needed_gradients(model: Model, what: str) -> Function:
    """The function that classifies, if gradients go through it. Raises UsageError."""
    logits = needed_logits(model, what)
    if model.backbone is None:
        raise UsageError(
            f"{what} asks for gradients, and {model.facts.name} is an ONNX file, which has none; "
            f"give the folder of the training, or timm:NAME@FILE of the same weights."
        )
    return logits


def needed_backbone(model: Model, what: str) -> Any:
    """The network itself, for the features of its stages. Raises UsageError."""
    if model.backbone is None:
        raise UsageError(
            f"{what} asks for the features of a stage, and {model.facts.name} is an ONNX file, "
            f"which gives its last output alone; give the folder of the training, or "
            f"timm:NAME@FILE of the same weights."
        )
    return model.backbone
