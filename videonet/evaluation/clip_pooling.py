"""Features of the frames of a clip, pooled over time in three ways, and a classifier on them.

The ways are those of Parthasarathy et al. 2023. On a ResNet-50 the two scales are its last stage
(2,048 channels), pooled over the clip, and the one before (1,024), pooled over each of its halves.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from videonet.errors import UsageError
from videonet.evaluation.model import Model

Pooling = Literal["average", "two-scale average", "two-scale attention"]


class FrameFeatures(nn.Module):
    """A copy of a model's network, which can be trained: features of each frame, by scale.

    `widths` are the channels of each scale, the finer one first. The model stays as it is. Raises
    UsageError where it cannot be trained, or has no second scale.
    """

    def __init__(self, model: Model, pooling: Pooling, what: str) -> None:
        super().__init__()
        if model.backbone is None:
            raise UsageError(
                f"{what} trains the network itself, and {model.facts.name} is an ONNX file, which "
                f"cannot be; give the folder of the training, or timm:NAME@FILE of the same "
                f"weights."
            )
        backbone = cast(Any, model.backbone)
        self._finer = None if pooling == "average" else _finer_stage(backbone, model, what)
        # Of networks with a layer between pooling and classifier these differ.
        self.widths = [getattr(backbone, "head_hidden_size", backbone.num_features)]
        if self._finer is not None:
            self.widths.insert(0, backbone.feature_info[self._finer]["num_chs"])
        self.backbone = copy.deepcopy(backbone).requires_grad_(True)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Of images [N, 3, H, W], normalised: [N, channels] of each scale."""
        if self._finer is None:
            return [self._last(self.backbone.forward_features(images))]
        last, (finer,) = self.backbone.forward_intermediates(
            images, indices=[self._finer], output_fmt="NCHW"
        )
        return [finer.mean((2, 3)), self._last(last)]

    def _last(self, features: Tensor) -> Tensor:
        found: Tensor = self.backbone.forward_head(features, pre_logits=True)
        return found


class Average(nn.Module):
    """The mean over time."""

    def begin(self, frames: Tensor) -> None:
        """Nothing is learned."""

    def forward(self, frames: Tensor) -> Tensor:
        """Of features [clips, frames, channels]: [clips, channels]."""
        return frames.mean(1)


class TemporalAttention(nn.Module):
    """The sum of the frames z, each times tanh(W z): weights may be negative, and add up to any."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    @torch.no_grad()
    def begin(self, frames: Tensor) -> None:
        """Begin with weights near 1 / frames, as the mean has them, for features such as these.

        NOTE: ours. The paper does not say what W begins with. With small weights of any sign, what
        is pooled would be near 0.
        """
        mean = frames.float().mean((0, 1))
        weight = math.atanh(1 / frames.shape[1]) * mean / mean.square().sum().clamp(min=1e-12)
        self.weight.copy_(weight)

    def forward(self, frames: Tensor) -> Tensor:
        """Of features [clips, frames, channels]: [clips, channels]."""
        return (torch.tanh(frames @ self.weight)[..., None] * frames).sum(1)


class TwoScales(nn.Module):
    """The finer scale pooled over each half, and the coarser one over all, side by side."""

    def __init__(self, finer: "Average | TemporalAttention", coarser: Any) -> None:
        super().__init__()
        self.finer, self.coarser = finer, coarser

    def begin(self, finer: Tensor, coarser: Tensor) -> None:
        """What is learned begins as a mean of such features."""
        self.finer.begin(finer[:, : finer.shape[1] // 2])
        self.coarser.begin(coarser)

    def forward(self, finer: Tensor, coarser: Tensor) -> Tensor:
        """Of [clips, frames, channels] of both scales: [clips, 2 * finer + coarser channels].

        Both halves are pooled with the same weights.
        """
        half = finer.shape[1] // 2
        parts = self.finer(finer[:, :half]), self.finer(finer[:, half:]), self.coarser(coarser)
        return torch.cat(parts, dim=1)


def pool_of(pooling: Pooling, widths: Sequence[int]) -> tuple[nn.Module, int]:
    """The pooling for scales of these channels, and how many channels it gives."""
    if pooling == "average":
        return Average(), widths[-1]
    finer, coarser = widths
    if pooling == "two-scale average":
        return TwoScales(Average(), Average()), 2 * finer + coarser
    both = TwoScales(TemporalAttention(finer), TemporalAttention(coarser))
    return both, 2 * finer + coarser


class ClipClassifier(nn.Module):
    """Frames to features, these pooled over time, dropout, and a linear classifier."""

    def __init__(self, features: FrameFeatures, pooling: Pooling, classes: int, dropout: float):
        super().__init__()
        self.features = features
        self.pool, width = pool_of(pooling, features.widths)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, frames: Sequence[Tensor]) -> Tensor:
        """Logits [clips, classes] of features [clips, frames, channels] of each scale."""
        logits: Tensor = self.head(self.dropout(self.pool(*frames)))
        return logits

    def begin(self, frames: Sequence[Tensor]) -> None:
        """What the pooling learns begins as a mean of features such as these."""
        cast(Any, self.pool).begin(*frames)

    def of_frames(self, clips: Tensor) -> list[Tensor]:
        """Features [clips, frames, channels] of each scale, of clips [clips, frames, 3, H, W]."""
        found = self.features(clips.flatten(0, 1))
        return [each.unflatten(0, clips.shape[:2]) for each in found]


def _finer_stage(backbone: Any, model: Model, what: str) -> int:
    """The last stage with a stride below the last one's."""
    strides = [each["reduction"] for each in getattr(backbone, "feature_info", None) or ()]
    finer = [place for place, stride in enumerate(strides) if stride < strides[-1]]
    if not finer:
        raise UsageError(
            f"{what} pools stages of two strides, and {model.facts.architecture} has none of two; "
            f"give a network with such stages, as ResNets, EfficientNets and Swin have, or --set "
            f"poolings=average."
        )
    return finer[-1]
