"""The linear classifier that a probe has trained, as other evaluations use it."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional

from videonet.errors import UsageError
from videonet.evaluation.facts import Head
from videonet.evaluation.model import CLASSES, Model, needed_features
from videonet.files import drafted, sha256_of

# In the folder of a model's results. Of several the first is taken.
NAMES = ("imagenet_linear.head.safetensors", "imagenet_linear_cached.head.safetensors")

_SAID = "videonet"


def write_head(
    file: Path, weight: Tensor, bias: Tensor, model: Model, protocol: str, *, partial: bool
) -> None:
    """Write a head for the features of `model`: weight [1000, D] and bias [1000].

    `partial`: whether it was trained on a part of the data alone.
    """
    said = {
        "model_sha256": model.facts.sha256,
        "network": model.facts.network,
        "partial": partial,
        "protocol": protocol,
    }
    tensors = {"weight": weight.cpu().contiguous(), "bias": bias.cpu().contiguous()}
    content = safetensors.torch.save(tensors, {_SAID: json.dumps(said, sort_keys=True)})
    with drafted(file) as draft:
        draft.write_bytes(content)


def with_head(model: Model, file: Path) -> Model:
    """The model with the classifier in `file`. Raises UsageError if that is of another model."""
    features = needed_features(model, "a head")
    try:
        with safe_open(file, "pt") as opened:
            said = json.loads((opened.metadata() or {})[_SAID])
            weight, bias = opened.get_tensor("weight"), opened.get_tensor("bias")
        of = (said["model_sha256"], said["network"])
        protocol, partial = str(said["protocol"]), bool(said["partial"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file} is no head that a linear probe has written ({error}).") from error
    if of != (model.facts.sha256, model.facts.network):
        raise UsageError(
            f"{file} was trained on the features of another model or checkpoint than "
            f"{model.facts.name}; evaluate that on imagenet-linear-cached or imagenet-linear again."
        )
    if weight.ndim != 2 or len(weight) != CLASSES or bias.shape != (CLASSES,):
        raise UsageError(f"{file} is no head of {CLASSES:,} classes.")
    weight, bias = weight.to(model.device), bias.to(model.device)

    def logits(images: Tensor) -> Tensor:
        return functional.linear(features(images), weight, bias)

    head = Head(protocol=protocol, partial=partial, sha256=sha256_of(file))
    return replace(model, logits=logits, facts=msgspec.structs.replace(model.facts, head=head))


def head_beside(folder: Path) -> Path | None:
    """The head among the results in a folder; None: there is none."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)
