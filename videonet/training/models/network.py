"""The network: a timm backbone, attention over the positions of its last stages, and a projector.

After Parthasarathy et al. 2023 (VITO): the features of the last two stages are pooled each by an
attention of its own, put side by side, and projected. Images are floating point [N, 3, H, W], as
`augmentation.normalised` leaves them.
"""

import copy
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from videonet.errors import UsageError

Pooling = Literal["attention", "average"]


class Network(nn.Module):
    """Backbone, pooling and projector: a projection of each image, float [N, `projection`].

    `backbone` is the name of any timm model that gives the features of its stages; the last
    `scales` of them are pooled. The two `hidden` are widths of hidden layers, in channels: of the
    attention and of the projector. `image_size` is the side of the images in pixels, which some
    transformers must know beforehand; without it they take timm's own. Raises UsageError where
    timm knows no such name, or the model gives no features for images of that size.

    The last batch norm gain of each residual block of a ResNet begins at zero (Goyal et al. 2017,
    5.1), as timm makes them; other backbones begin as timm has it.
    """

    def __init__(
        self,
        backbone: str,
        scales: int,
        pooling: Pooling,
        pooling_hidden: int,
        projector_hidden: int,
        projection: int,
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        self.backbone, size = _backbone(backbone, image_size)
        stages = _stages(self.backbone, backbone, size, scales)
        self._scales, self._norm = scales, stages.norm
        # What lies behind the last stage (a head's norm, a convolution) learns nothing here, and
        # DistributedDataParallel would wait for its gradients. It stays in the backbone, so that
        # timm finds all its keys, with the weights that it began with.
        for name, parameter in self.backbone.named_parameters():
            if name in stages.idle:
                parameter.requires_grad_(False)
        self.pools = nn.ModuleList(
            AttentionPool(channels, pooling_hidden) if pooling == "attention" else _average_pool()
            for channels in stages.channels
        )
        # The first bias would change nothing, for the batch norm takes out the mean. That the
        # second layer has none either is from BYOL's published code.
        self.projector = nn.Sequential(
            nn.Linear(sum(stages.channels), projector_hidden, bias=False),
            nn.BatchNorm1d(projector_hidden),
            nn.ReLU(inplace=True),
            nn.Linear(projector_hidden, projection, bias=False),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Projections, float [N, projection]. Not l2-normalised: that is part of the loss."""
        projections: Tensor = self.projector(self.embedding(images))
        return projections

    def embedding(self, images: Tensor) -> Tensor:
        """Pooled features of all scales side by side, float [N, sum of channels]."""
        return torch.cat(
            [pool(each) for pool, each in zip(self.pools, self.features(images), strict=True)],
            dim=1,
        )

    def features(self, images: Tensor) -> list[Tensor]:
        """What the last stages give, float [N, channels, h, w] each; the finer one first.

        NOTE: "stages" are those of timm's `forward_intermediates`. A plain vision transformer
        has blocks instead, so its last two scales are equally fine.
        """
        return list(_intermediates(self.backbone, images, self._scales, self._norm))

    def attention(self, images: Tensor) -> list[Tensor]:
        """Where each scale looks: masks, float [N, h, w], each of sum 1. Average pooling: none."""
        return [
            pool.mask(each)
            for pool, each in zip(self.pools, self.features(images), strict=True)
            if isinstance(pool, AttentionPool)
        ]


class AttentionPool(nn.Module):
    """The mean of the features over all positions, weighted by how much each one matters.

    A position's weight is the softmax, over the positions of an image, of a logit that two 1x1
    convolutions make of its features (VITO: a two-layer MLP a scale).
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        # NOTE: the ReLU between the layers is our reading of "MLP". A bias of the last one would
        # add the same to all logits, which no softmax sees; that of the first one matters.
        self.logits = nn.Sequential(
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, 1, 1, bias=False),
        )

    def mask(self, features: Tensor) -> Tensor:
        """Weights of the positions, float32 or float64 [N, h, w], of sum 1 an image.

        `features` are [N, channels, h, w].
        """
        logits = self.logits(features)
        # In bfloat16 the weights of some hundred positions would not add up to 1.
        precision = torch.promote_types(logits.dtype, torch.float32)
        return torch.softmax(logits.flatten(1), dim=1, dtype=precision).view_as(logits[:, 0])

    def forward(self, features: Tensor) -> Tensor:
        """Pooled features, [N, channels], in the precision of the features."""
        # As a product and a sum, which autocast leaves in the precision of the mask; of a matrix
        # product it would round the mask first.
        pooled = (features * self.mask(features)[:, None]).sum((2, 3))
        return pooled.to(features.dtype)


class PerView(nn.Module):
    """A network applied to one view after the other, in a single call.

    So DistributedDataParallel, which wraps this, sees one forward for each backward pass, and adds
    up the gradients of all views before it exchanges them.

    NOTE: batch norms see one view at a time: their statistics are those of N images (over all
    ranks), not of V * N. That is BYOL's published code; we know of no word of VITO on it.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Iterable[Tensor]) -> Tensor:
        """Projections, float [V, N, projection], of V views, float [N, 3, H, W] each."""
        return torch.stack([self.network(view) for view in views])


@dataclass(frozen=True)
class _Stages:
    """What a backbone gives."""

    # channels of its last stages, the finer one first
    channels: tuple[int, ...]
    # whether its final norm can be part of the last one
    norm: bool
    # names of the parameters that these features do not depend on
    idle: frozenset[str]


def _backbone(name: str, image_size: int | None) -> tuple[nn.Module, int]:
    """A timm model without its classifier, and the side of its images. Raises UsageError."""
    if not timm.is_model(name):
        raise _unknown(name)
    try:
        settings = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError:  # the name is right, and its tag (which weights) is not
        raise _unknown(name) from None
    assert settings is not None
    usual = settings.input_size[-1]
    size = image_size or usual
    # Other models take images of any size, and no such argument.
    given: dict[str, Any] = {}
    if settings.fixed_input_size and size != usual:
        given["img_size"] = size
    try:
        return timm.create_model(name, pretrained=False, num_classes=0, **given), size
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise _no_features(name, size, error) from error


@torch.enable_grad()
def _stages(backbone: nn.Module, name: str, size: int, scales: int) -> _Stages:
    """Find out what the backbone gives, on images that have a shape and no content.

    No names of modules are assumed: autograd says what the features depend on, and nothing is
    computed. Raises UsageError.
    """
    copied = copy.deepcopy(backbone).to("meta")
    # Two, for batch norms want more than one value.
    images = torch.zeros(2, 3, size, size, device="meta")
    try:
        # NOTE: where a transformer ends in a norm, its last stage is taken after it, as timm's
        # classifiers do. Some have a norm that timm does not offer here.
        try:
            norm, features = True, _intermediates(copied, images, scales, norm=True)
        except AssertionError:
            norm, features = False, _intermediates(copied, images, scales, norm=False)
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise _no_features(name, size, error) from error
    learning = {key: each for key, each in copied.named_parameters() if each.requires_grad}
    total = torch.stack([each.sum() for each in features]).sum()
    gradients = torch.autograd.grad(total, list(learning.values()), allow_unused=True)
    idle = (key for key, gradient in zip(learning, gradients, strict=True) if gradient is None)
    return _Stages(tuple(each.shape[1] for each in features), norm, frozenset(idle))


def _intermediates(backbone: Any, images: Tensor, scales: int, norm: bool) -> list[Tensor]:
    """Features of the last stages, [N, channels, h, w] each."""
    features: list[Tensor] = backbone.forward_intermediates(
        images, indices=scales, norm=norm, output_fmt="NCHW", intermediates_only=True
    )
    return features


def _average_pool() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _unknown(name: str) -> UsageError:
    # What follows a dot is a tag: which weights.
    near = difflib.get_close_matches(name.partition(".")[0], timm.list_models(), n=1)
    hint = f"did you mean {near[0]}?" if near else "timm.list_models() has all names."
    return UsageError(f"timm knows no backbone named {name!r}; {hint}")


def _no_features(name: str, size: int, error: Exception) -> UsageError:
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return UsageError(
        f"timm's {name} gives no features of its stages for images of {size} pixels ({reason}); "
        f"take another backbone, such as resnet50, or another size."
    )
