"""A network that is trained whole, step by step: its state, and going on from that to the bit."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from videonet.errors import UsageError
from videonet.evaluation.images import Place

_DONE = "steps done"
_NETWORK, _OPTIMIZER = "network ", "optimizer "


def state_of(network: nn.Module, optimizer: Optimizer, done: int) -> bytes:
    """All that going on after `done` steps depends on: equal states are equal bytes."""
    tensors = {_DONE: torch.tensor(done)}
    tensors |= {f"{_NETWORK}{name}": each for name, each in network.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{number} {name}": each for name, each in values.items()}
    kept = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
    return safetensors.torch.save(kept)


def restore(file: Path, network: nn.Module, optimizer: Optimizer) -> int:
    """Go on from what `state_of` gave of the same two: the steps that were done.

    Raises SafetensorError for half a file.
    """
    with safe_open(file, "pt") as found:
        tensors = {name: found.get_tensor(name) for name in found.keys()}  # noqa: SIM118
    weights: dict[str, Tensor] = {}
    state: dict[int, dict[str, Tensor]] = {}
    for name, each in tensors.items():
        if name.startswith(_NETWORK):
            weights[name.removeprefix(_NETWORK)] = each
        elif name.startswith(_OPTIMIZER):
            number, _, key = name.removeprefix(_OPTIMIZER).partition(" ")
            state.setdefault(int(number), {})[key] = each
    network.load_state_dict(weights)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    return int(tensors[_DONE])


def check_finite(loss: Tensor, what: str, done: int, rate: float) -> None:
    """Raise UsageError if the loss is none any more. The device is waited for."""
    value = float(loss.detach())
    if not math.isfinite(value):
        raise UsageError(
            f"{what}: the loss is {value} after {done:,} steps; give a lower rate, such as --set "
            f"rate={rate / 10:g}."
        )


def training_precision(device: torch.device, name: str) -> torch.autocast:
    """What a network that trains makes its products in: "float32", or "bfloat16"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=name == "bfloat16")


@contextmanager
def random_of_its_own() -> Iterator[None]:
    """Leave the random numbers of others as they were."""
    with torch.random.fork_rng():
        yield


def begin_random(seed: int, step: int) -> None:
    """Have PyTorch's random numbers depend on the seed and the step alone."""
    drawn = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)
    torch.manual_seed(int(drawn[0]))


def places(count: int, batch: int, begin: int, steps: int, seed: int) -> Iterator[list[Place]]:
    """The images of each step from `begin` on, of so many steps in all: each once an epoch.

    Epochs follow each other without a gap, so that a step may have images of two.
    """
    orders: dict[int, list[int]] = {}
    for step in range(begin, steps):
        found = []
        for number in range(step * batch, (step + 1) * batch):
            epoch, place = divmod(number, count)
            if epoch not in orders:
                random = np.random.default_rng((seed, epoch))
                # Of the epoch before this one alone there may be more to come, in this step.
                orders = {epoch: random.permutation(count).tolist()}
            found.append(Place(epoch, orders[epoch][place]))
        yield found
