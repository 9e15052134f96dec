"""A backbone with a segmentation head: FCN for networks of convolutions, UPerNet for Swin."""

from dataclasses import dataclass
from typing import Any, Literal

import timm
import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2
from torch import Tensor, nn
from torch.nn import functional

from videonet.errors import UsageError
from videonet.evaluation.model import Model, needed_backbone

Kind = Literal["fcn", "upernet"]

# Of the weights of classifiers, as mmsegmentation has it.
_DEVIATION = 0.01

# Swin halves its features three times after patches of 4 pixels.
_SWIN_STRIDE = 32


@dataclass(frozen=True)
class Head:
    """A segmentation head, as mmsegmentation describes one."""

    kind: Kind
    channels: int
    # of FCN: the stride to which the backbone is widened, by dilation
    stride: int = 32
    dilation: int = 1
    # of FCN: whether features stand beside what was made of them
    beside: bool = False
    dropout: float = 0.0
    # a second head, on the last stage but one, with this weight in the loss; 0: none
    auxiliary: float = 0.0
    align_corners: bool = False
    # of Swin: the rate at which whole layers are dropped
    drop_path: float = 0.0


class Segmenter(nn.Module):
    """From images [N, 3, H, W] to logits [N, classes, H, W]; in training, of each head."""

    def __init__(self, backbone: Any, head: Head, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self._head = head
        widths = [each["num_chs"] for each in backbone.feature_info]
        self._stages = len(widths)
        if head.kind == "upernet":
            self.decoder: nn.Module = _UPerNet(widths, head, classes)
        else:
            self.decoder = _FCN(widths[-1], head, classes)
        self.auxiliary: nn.Module | None = None
        if head.auxiliary:
            self.auxiliary = _auxiliary(widths[-2], head.dropout, classes)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Logits at the size of the images: of the head, and in training of the auxiliary one."""
        height, width = images.shape[2:]
        if self._head.kind == "upernet":
            images = functional.pad(images, (0, -width % _SWIN_STRIDE, 0, -height % _SWIN_STRIDE))
        stages = self.backbone.forward_intermediates(
            images, indices=self._stages, output_fmt="NCHW", intermediates_only=True
        )
        found = [self.decoder(stages)]
        if self.auxiliary is not None and self.training:
            found.append(self.auxiliary(stages[-2]))
        # A loss of what was made in bfloat16 is still one of float32.
        whole = [resized(each.float(), images.shape[2:], self._head) for each in found]
        return [each[:, :, :height, :width] for each in whole]


def resized(logits: Tensor, size: Any, head: Head) -> Tensor:
    """Logits [N, C, h, w] at another size."""
    return functional.interpolate(
        logits, size=tuple(size), mode="bilinear", align_corners=head.align_corners
    )


def is_swin(model: Model) -> bool:
    """Whether it is a Swin transformer, for which UPerNet is the usual head."""
    return isinstance(model.backbone, SwinTransformer | SwinTransformerV2)


def segmenter(model: Model, head: Head, classes: int, what: str) -> Segmenter:
    """A network to train, with the weights of the model. Raises UsageError.

    The model itself is left as it is. The head begins at random, by PyTorch's global generator.
    """
    backbone = needed_backbone(model, what)
    name = model.facts.architecture
    given: dict[str, Any] = {"output_stride": head.stride}
    if head.kind == "upernet":
        given = {"strict_img_size": False, "drop_path_rate": head.drop_path}
    try:
        copied: Any = timm.create_model(name, pretrained=False, num_classes=0, **given)
    except (TypeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"{what} gives {name} the head {head.kind}, for which {_wanted(head)}, and timm makes "
            f"no such one; give a ResNet, an EfficientNet or a Swin."
        ) from error
    weights = backbone.state_dict()
    ours = copied.state_dict()
    try:
        copied.load_state_dict({key: weights[key] for key in ours})
    except (KeyError, RuntimeError) as error:
        raise UsageError(
            f"{what} makes {name} anew for images of other sizes, and the weights of "
            f"{model.facts.name} do not go into that; give a network that was trained at the size "
            f"that timm names for it."
        ) from error
    built = Segmenter(copied, head, classes)
    return built.to(model.device)


def _wanted(head: Head) -> str:
    if head.kind == "fcn":
        return f"its features are widened to a stride of {head.stride}"
    return "it takes images of any size"


class _FCN(nn.Module):
    """Two convolutions and a classifier on the last stage."""

    def __init__(self, width: int, head: Head, classes: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            _block(width, head.channels, head.dilation),
            _block(head.channels, head.channels, head.dilation),
        )
        self.together = _block(width + head.channels, head.channels, 1) if head.beside else None
        self.classifier = _classifier(head.channels, head.dropout, classes)

    def forward(self, stages: list[Tensor]) -> Tensor:
        found = self.convolutions(stages[-1])
        if self.together is not None:
            found = self.together(torch.cat([stages[-1], found], dim=1))
        logits: Tensor = self.classifier(found)
        return logits


class _UPerNet(nn.Module):
    """UPerNet's decoder of segmentation-models-pytorch, and a classifier."""

    def __init__(self, widths: list[int], head: Head, classes: int) -> None:
        super().__init__()
        from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

        # Its first two features are those before the stages, which it leaves out.
        self.decoder = UPerNetDecoder([0, 0, *widths], len(widths) + 1, head.channels)
        self.classifier = _classifier(head.channels, head.dropout, classes)

    def forward(self, stages: list[Tensor]) -> Tensor:
        unused = stages[0]
        logits: Tensor = self.classifier(self.decoder([unused, unused, *stages]))
        return logits


def _auxiliary(width: int, dropout: float, classes: int) -> nn.Module:
    return nn.Sequential(_block(width, 256, 1), _classifier(256, dropout, classes))


def _block(width: int, channels: int, dilation: int) -> nn.Module:
    convolution = nn.Conv2d(width, channels, 3, padding=dilation, dilation=dilation, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def _classifier(width: int, dropout: float, classes: int) -> nn.Module:
    convolution = nn.Conv2d(width, classes, 1)
    nn.init.normal_(convolution.weight, std=_DEVIATION)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    return nn.Sequential(nn.Dropout2d(dropout), convolution)
