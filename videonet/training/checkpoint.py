"""What a training run leaves behind so that it can go on: RUN/checkpoints/step-00000500.pt.

Everything that is random is drawn from the seed and the number of the step (or of the example), so
these two are all random states there are, and the loader's position as well.
"""

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

import videonet
from videonet.errors import UsageError
from videonet.files import abandoned, drafted, drafts_below
from videonet.text import as_shown
from videonet.training.config import check_settings_stay

_NAME = re.compile(r"step-(\d{8})\.pt")


def path_of(run: Path, step: int) -> Path:
    """Where the checkpoint after so many steps lies."""
    return run / "checkpoints" / f"step-{step:08d}.pt"


def save(run: Path, checkpoint: Mapping[str, Any], keep_last: int, keep_every: int) -> Path:
    """Write a checkpoint, and delete those that need not stay.

    `checkpoint["step"]` is the number of steps done. The last `keep_last` checkpoints stay, and
    those of every multiple of `keep_every` steps (0: none). Raises UsageError if it cannot be
    written.
    """
    path = path_of(run, checkpoint["step"])
    # To memory first: to a full disk PyTorch writes on, and complains of something else.
    content = BytesIO()
    torch.save(dict(checkpoint), content)
    try:
        with drafted(path) as draft:
            draft.write_bytes(content.getbuffer())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); once it can, the same command goes on."
        ) from error
    # A killed run's: each has the size of a checkpoint.
    for left in abandoned(drafts_below(path.parent)):
        left.unlink(missing_ok=True)
    steps = _steps(run)
    for step in steps[:-keep_last]:
        if not (keep_every and step % keep_every == 0):
            path_of(run, step).unlink(missing_ok=True)
    return path


def newest(run: Path) -> Path | None:
    """The checkpoint of the most steps; None: there is none yet."""
    step = newest_step(run)
    return path_of(run, step) if step else None


def newest_step(run: Path) -> int:
    """After how many steps the newest checkpoint was written; 0: there is none yet."""
    return max(_steps(run), default=0)


def clear_drafts(run: Path) -> None:
    """Delete what a killed run had begun to write."""
    for path in (run / "checkpoints").glob(".step-*.pt.tmp"):
        path.unlink(missing_ok=True)


def numbers_in(found: Mapping[str, Any], name: str) -> list[int]:
    """What a training had met: rows of clips, or videos. Earlier versions did not write them."""
    rows = found.get(name, [])
    return [each for each in rows if _is_step(each)] if isinstance(rows, list) else []


def check_finite(network: nn.Module, step: int) -> None:
    """Raise UsageError if a weight is no number, before a checkpoint is made of it.

    The loss of a step says nothing of the weights after it. Waits for the device.
    """
    norms = torch.stack(torch._foreach_norm(list(network.parameters())))
    if not norms.isfinite().all():
        raise UsageError(
            f"After step {step:,} some weights are no numbers any more; train again, in another "
            f"--out, with a lower optimizer.base_lr."
        )


def load(path: Path) -> dict[str, Any]:
    """The checkpoint in `path`, its tensors on the CPU. Raises UsageError. Runs no code in it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The checkpoint {path} cannot be read ({error.strerror}).") from error
    try:
        # Nothing but numbers and names: a stranger's file may not say what is to be called.
        found = torch.load(  # noqa: TID251
            BytesIO(content), map_location="cpu", weights_only=True
        )
    except Exception as error:  # a broken file can raise almost anything here
        raise _is_none(path, f"PyTorch cannot read it: {_first_sentence(error)}") from error
    if not isinstance(found, dict) or not found.keys() >= {"config", "step", "online"}:
        raise _is_none(path, "it is of another kind")
    if not (_is_step(found["step"]) and _is_config(found["config"]) and _are_weights(found)):
        raise _is_none(path, "what it says of its run makes no sense")
    return found


def restore(
    found: Mapping[str, Any], path: Path, parts: Mapping[str, nn.Module | Optimizer]
) -> None:
    """Put into networks and optimiser what the checkpoint in `path` holds under their names.

    Raises UsageError for one that lacks some, or has those of others.
    """
    for name, part in parts.items():
        try:
            part.load_state_dict(found[name])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            why = f"its {name} is missing, or of another network"
            raise _is_none(path, why) from error


def _is_step(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_config(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(table, dict) for table in value.values())


def _are_weights(found: Mapping[str, Any]) -> bool:
    """Whether the networks are tensors by name, none of which is larger than what it holds."""
    return all(
        isinstance(name, str) and isinstance(each, torch.Tensor) and _is_plain(each)
        for network in ("online", "target", "heads")
        for name, each in _items(found.get(network, {}))
    )


def _items(value: object) -> Iterable[tuple[object, object]]:
    return value.items() if isinstance(value, dict) else ((None, None),)


def _is_plain(tensor: torch.Tensor) -> bool:
    """A few bytes can be a tensor of any size: one value, repeated."""
    is_dense = tensor.layout == torch.strided and tensor.device.type == "cpu"
    return is_dense and tensor.nbytes <= tensor.untyped_storage().nbytes()


def _is_none(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"{path} is no checkpoint of a training run ({reason}); move it away to go on from the one "
        "before it, or name another."
    )


def _first_sentence(error: Exception) -> str:
    return as_shown(re.split(r"[.\n]", str(error), maxsplit=1)[0])[:200] or type(error).__name__


def split_of(found: Mapping[str, Any]) -> str | None:
    """The hex sha256 of the split that a training was begun with; None: with none."""
    said = found.get("split_sha256")
    return said if isinstance(said, str) else None


def takes_split(run: Path) -> bool:
    """Whether a training in RUN takes the split of its data set: unless it was begun without.

    What is wrong with a checkpoint is said when it is loaded to go on.
    """
    path = newest(run)
    try:
        return path is None or split_of(load(path)) is not None
    except UsageError:
        return True


def check_goes_on(
    found: Mapping[str, Any],
    run: Path,
    config: Mapping[str, Any],
    manifest_sha256: str,
    split_sha256: str | None = None,
) -> None:
    """Raise UsageError unless a run of `config` over this data set can go on from `found`."""
    begun_on = as_shown(str(found.get("manifest_sha256")))
    if begun_on != manifest_sha256:
        raise UsageError(
            f"{run} was begun on a data set with another manifest ({begun_on[:12]}"
            f"..., this one is {manifest_sha256[:12]}...); give that --data, or another --out."
        )
    begun_with = split_of(found)
    if begun_with != split_sha256:
        now = "has none" if split_sha256 is None else f"has {split_sha256[:12]}..."
        raise UsageError(
            f"{run} was begun with the split {as_shown(str(begun_with))[:12]}... of its data set, "
            f"which {now} now; restore that split.parquet, or give another --out."
        )
    check_settings_stay(run, found["config"], config)


def versions() -> dict[str, str]:
    """What the losses of a run depend on, by name."""
    packages = ("numpy", "pyarrow", "simplejpeg", "timm", "torch", "torchvision")
    return {name: version(name) for name in packages} | {"videonet": videonet.__version__}


def _steps(run: Path) -> list[int]:
    """The steps after which there is a checkpoint, ascending."""
    names = (_NAME.fullmatch(path.name) for path in (run / "checkpoints").glob("step-*.pt"))
    return sorted(int(name[1]) for name in names if name)
