"""Features of one stage of a backbone, at the stride that an evaluation wants."""

import copy
from typing import Any

from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from videonet.errors import UsageError
from videonet.evaluation.model import Function, Model, needed_backbone

# Of ResNets: the stage that VFS takes, "res4".
_RESNET_STAGE = "layer3"


def of_stride_8(model: Model, what: str) -> Function:
    """A function from images [N, 3, H, W] to features [N, C, h, w] with a position each 8 pixels.

    Of a ResNet these are the features of its third stage, whose stride is taken out as VFS does:
    without dilation, and in a copy. Of others they are those of the last stage of that stride.
    Raises UsageError where there is none.
    """
    backbone = needed_backbone(model, what)
    stages = getattr(backbone, "feature_info", None)
    strides = [each["reduction"] for each in _as_list(stages)]
    if isinstance(backbone, ResNet):
        backbone, index = _without_stride(backbone, what), _index_of(stages, _RESNET_STAGE)
    elif 8 in strides:
        index = len(strides) - 1 - strides[::-1].index(8)
    else:
        raise UsageError(
            f"{what} asks for features of stride 8, and those of {model.facts.architecture} are "
            f"of {', '.join(map(str, strides)) or 'none'}; give a network with such a stage, as "
            f"ResNets, EfficientNets and Swin have."
        )

    def features(images: Tensor) -> Tensor:
        found: list[Tensor] = backbone.forward_intermediates(
            images, indices=[index], output_fmt="NCHW", intermediates_only=True
        )
        return found[0]

    return features


def is_of_basic_blocks(model: Model) -> bool:
    """Whether it is a ResNet such as ResNet-18, for which VFS looks less far."""
    backbone = model.backbone
    if not isinstance(backbone, ResNet):
        return False
    return any(isinstance(each, BasicBlock) for each in backbone.modules())


def _without_stride(backbone: Any, what: str) -> Any:
    """A copy whose third stage has stride 1."""
    copied = copy.deepcopy(backbone)
    first = copied.layer3[0]
    if not isinstance(first.aa, nn.Identity):
        raise UsageError(
            f"{what} takes the stride out of the third stage of a ResNet, and this one blurs "
            f"there; give a plain ResNet, such as resnet50."
        )
    for module in first.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.stride = (1, 1)
    # Of those that pool beside their first block (ResNet-D): timm makes nothing of it for stride 1.
    for name, module in list(first.downsample.named_children()):
        if isinstance(module, nn.AvgPool2d):
            setattr(first.downsample, name, nn.Identity())
    return copied


def _as_list(stages: Any) -> list[dict[str, Any]]:
    return list(stages) if stages is not None else []


def _index_of(stages: Any, module: str) -> int:
    return [each["module"] for each in _as_list(stages)].index(module)
