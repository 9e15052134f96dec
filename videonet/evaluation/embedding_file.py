"""A timm model as an ONNX file of its features, for `--embedding timm:NAME`."""

import hashlib
import json
from pathlib import Path

import onnx
import timm
import torch
from torch import Tensor, nn

from videonet.evaluation.opening import How, open_model
from videonet.files import cache_folder, drafted
from videonet.training.export import check_agreement, onnx_of

# To be raised with every change to how the file is made.
_VERSION = 1

TIMM = "timm:"


class _Features(nn.Module):
    """The last stage of a backbone, pooled as the architecture does."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.backbone.forward_head(  # type: ignore[operator]
            self.backbone.forward_features(images),  # type: ignore[operator]
            pre_logits=True,
        )
        return found


def embedding_file(named: str) -> Path:
    """The ONNX file of the model that `timm:NAME` or `timm:NAME@FILE` names, with its JSON file.

    It is made once, and kept in the user's cache folder; its input is float32 [N, 3, crop, crop].
    Weights that are not on this machine are not fetched. Raises UsageError as `open_model` does,
    and where ONNX Runtime computes other features than PyTorch.
    """
    model = open_model(named, How(device="cpu"))
    assert model.backbone is not None, "timm makes it"
    facts, preparation = model.facts, model.preparation
    made_of = (_VERSION, facts.architecture, facts.sha256, timm.__version__, torch.__version__)
    key = hashlib.sha256(json.dumps([*made_of, onnx.__version__]).encode()).hexdigest()[:16]
    file = cache_folder() / "embeddings" / f"{facts.architecture}-{key}.onnx"
    card = file.with_suffix(".json")
    if file.exists() and card.exists():
        return file
    size = preparation.crop
    features = _Features(model.backbone).eval()
    content = onnx_of(features, size).SerializeToString()
    check_agreement(content, features, size)
    said = {"input_size": [size, size], "mean": preparation.mean, "std": preparation.std}
    with drafted(card) as draft:
        draft.write_text(json.dumps(said))
    with drafted(file) as draft:
        draft.write_bytes(content)
    return file
