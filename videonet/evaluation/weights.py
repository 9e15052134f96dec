"""Weights from a file: a state dict of safetensors or PyTorch. No code in it is run."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from videonet.errors import UsageError
from videonet.text import as_shown
from videonet.training.export import METADATA

# Where published checkpoints keep the state dict, if they hold other things as well.
_WITHIN = ("state_dict", "model", "model_state")


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file by their names, and what the file says of itself. Raises UsageError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The weights {path} cannot be read ({error.strerror}).") from error
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as opened:
                weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
                return weights, _said(opened.metadata() or {})
        # Nothing but numbers and names: a stranger's file may not say what is to be called.
        found = torch.load(  # noqa: TID251
            BytesIO(content), map_location="cpu", weights_only=True
        )
    except Exception as error:  # a broken file can raise almost anything here
        raise _no_weights(path, as_shown(str(error))[:200]) from error
    return _named_tensors(found, path), {}


def _said(metadata: dict[str, str]) -> dict[str, str]:
    """What `videonet export` has noted; nothing, if another program wrote the file."""
    try:
        said = json.loads(metadata.get(METADATA, "{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    return {name: each for name, each in said.items() if isinstance(each, str)}


def _named_tensors(found: Any, path: Path) -> dict[str, Tensor]:
    for name in _WITHIN:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
            break
    if not isinstance(found, dict) or not found:
        raise _no_weights(path, "it is of another kind")
    if not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
        raise _no_weights(path, "not all in it are tensors by name")
    # As DistributedDataParallel names them.
    return {name.removeprefix("module."): each for name, each in found.items()}


def _no_weights(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path} holds no weights ({why}); give a state dict, a .safetensors or .pth file."
    )
