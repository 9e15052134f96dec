"""What changes while a network is trained, and so what a checkpoint holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from videonet.training import checkpoint
from videonet.training.config import Config, after, as_dict
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.damage import Damage
from videonet.training.data.left_out import LeftOut


@dataclass(frozen=True)
class State:
    """A training as it is after some step, on each of its ranks."""

    config: Config
    dataset: ClipIndex
    # how many train together
    ranks: int
    # all that learns: the network, called `network`, and what the method adds to it
    learning: nn.Module
    # the network that follows; None: the method has none
    target: nn.Module | None
    optimizer: torch.optim.Optimizer
    damage: Damage
    left_out: LeftOut

    def go_on(self, run: Path, done: int, console: Console) -> None:
        """Be as the checkpoint after so many steps has it. Raises UsageError."""
        path = checkpoint.path_of(run, done)
        found = checkpoint.load(path)
        of = self.dataset.manifest_sha256, self.dataset.split_sha256
        checkpoint.check_goes_on(found, run, as_dict(self.config), *of)
        checkpoint.restore(found, path, self._parts())
        self.damage.note(checkpoint.numbers_in(found, "damaged"))
        self.left_out.note(checkpoint.numbers_in(found, "left_out"))
        before = found.get("ranks")
        if before != self.ranks:
            console.print(
                f"with {self.ranks} ranks, {before} before: the clips and moments are the same, "
                "the augmentations are not"
            )

    def save(self, run: Path, done: int) -> None:
        """Write a checkpoint after so many steps, on rank 0 alone. Raises UsageError."""
        checkpoint.check_finite(self.learning, done)
        settings = as_dict(self.config)
        said = after(settings)
        state: dict[str, Any] = {
            "config": settings,
            "step": done,
            "ranks": self.ranks,
            **{name: part.state_dict() for name, part in self._parts().items()},
            "manifest_sha256": self.dataset.manifest_sha256,
            "split_sha256": self.dataset.split_sha256,
            "damaged": self.damage.rows,
            **({"left_out": self.left_out.videos} if self.left_out.videos else {}),
            **({"after": said} if said else {}),
            "versions": checkpoint.versions(),
        }
        checkpoint.save(run, state, self.config.log.keep_last, self.config.log.keep_every)

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        children = dict(self.learning.named_children())
        parts: dict[str, nn.Module | torch.optim.Optimizer] = {"online": children.pop("network")}
        if self.target is not None:
            parts["target"] = self.target
        if children:
            parts["heads"] = nn.ModuleDict(children)
        return parts | {"optimizer": self.optimizer}
