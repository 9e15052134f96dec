"""A backbone with torchvision's FCOS on top: from images to boxes."""

from collections import OrderedDict
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from videonet.errors import UsageError
from videonet.evaluation.model import Model, needed_backbone

# Of the stages that the pyramid stands on. Two levels above are made of the last.
STRIDES = (8, 16, 32)

# Boxes below this score are none. torchvision's 0.2 is for looking at; AP wants them all.
_LEAST_SCORE = {100: 0.05, 300: 0.0001}


class Pyramid(nn.Module):
    """Features of five strides, from 8 to 128, as FCOS takes them.

    Batch norms keep their statistics, so that images may be computed a few at a time.
    """

    def __init__(self, backbone: Any, stages: list[int], channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.out_channels = channels
        self._stages = stages
        widths = [backbone.feature_info[each]["num_chs"] for each in stages]
        self.pyramid = FeaturePyramidNetwork(
            widths, channels, extra_blocks=LastLevelP6P7(channels, channels)
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Features of images [N, 3, H, W] by level."""
        found = self.backbone.forward_intermediates(
            images, indices=self._stages, output_fmt="NCHW", intermediates_only=True
        )
        levels: dict[str, Tensor] = self.pyramid(
            OrderedDict((str(place), each) for place, each in enumerate(found))
        )
        return levels

    def train(self, mode: bool = True) -> "Pyramid":
        """As in other networks, but for batch norms."""
        super().train(mode)
        for each in self.backbone.modules():
            if isinstance(each, nn.BatchNorm2d):
                each.eval()
        return self


class _AsTheyAre(nn.Module):
    """What FCOS does to images before and to boxes after: nothing. They come prepared."""

    def forward(self, images: list[Tensor], targets: Any) -> tuple[ImageList, Any]:
        sizes = [(each.shape[-2], each.shape[-1]) for each in images]
        return ImageList(torch.stack(list(images)), sizes), targets

    def postprocess(self, found: Any, _sizes: Any, _original: Any) -> Any:
        return found


def _in_float32(_head: nn.Module, _given: Any, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the head gives, so that a loss of what was made in bfloat16 is one of float32."""
    return {name: each.float() for name, each in found.items()}


def detector(model: Model, classes: int, channels: int, most: int, what: str) -> Any:
    """FCOS for so many classes and at most so many boxes an image, on the model's device.

    The model itself is left as it is. What is new begins at random, by PyTorch's global generator.
    Raises UsageError.
    """
    backbone = needed_backbone(model, what)
    name = model.facts.architecture
    given: dict[str, Any] = {"strict_img_size": False} if hasattr(backbone, "patch_embed") else {}
    try:
        copied: Any = timm.create_model(name, pretrained=False, num_classes=0, **given)
        weights = backbone.state_dict()
        copied.load_state_dict({key: weights[key] for key in copied.state_dict()})
    except (TypeError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"{what} makes {name} anew for images of other sizes, and that cannot be done with "
            f"the weights of {model.facts.name}; give a ResNet, an EfficientNet or a Swin."
        ) from error
    strides = [each["reduction"] for each in copied.feature_info]
    if not set(STRIDES) <= set(strides):
        raise UsageError(
            f"{what} asks for features of the strides 8, 16 and 32, and those of {name} are of "
            f"{', '.join(map(str, strides))}; give a ResNet, an EfficientNet or a Swin."
        )
    # Of several of a stride, the last.
    stages = [len(strides) - 1 - strides[::-1].index(each) for each in STRIDES]
    network = FCOS(
        Pyramid(copied, stages, channels),
        classes,
        score_thresh=_LEAST_SCORE[most],
        detections_per_img=most,
    )
    network.transform = _AsTheyAre()
    network.head.register_forward_hook(_in_float32)
    return network.to(model.device)
