"""Linear classifiers on frozen features: one for each learning rate, all in one pass."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

from videonet.evaluation.shuffled import shuffled

MOMENTUM = 0.9

# Of the weights a head begins with; biases begin at 0.
_DEVIATION = 0.01

_STEPS = "steps done"


@dataclass(frozen=True)
class Schedule:
    """How heads are trained: SGD with Nesterov's momentum and no weight decay."""

    # learning rates, one a head, as they are applied first
    rates: tuple[float, ...]
    epochs: int
    # images a step
    batch: int
    seed: int

    def batch_of(self, count: int) -> int:
        """Images a step, if there are so many."""
        return min(self.batch, count)

    def steps(self, count: int) -> int:
        """Steps in all, for so many images. What does not fill a batch at an epoch's end is out."""
        return self.epochs * (count // self.batch_of(count))

    def batches(self, count: int) -> Iterator[tuple[int, Tensor]]:
        """The epoch of each step, and places of its images, int64 [batch], for so many images."""
        return shuffled(count, self.batch_of(count), self.epochs, self.seed)


class HeadTrainer:
    """Trains a head for each rate of a schedule, a step of all at a time.

    All begin alike and see the same batches in the same order, so that a head does not depend on
    which others there are, to the last bit. The rate falls to 0 by cosine over `steps` steps.
    """

    def __init__(
        self, width: int, classes: int, schedule: Schedule, steps: int, device: torch.device
    ) -> None:
        self.heads = [_head(width, classes, schedule.seed).to(device) for _ in schedule.rates]
        # steps that were done
        self.done = 0
        self._rates, self._steps = schedule.rates, steps
        groups = [{"params": list(head.parameters())} for head in self.heads]
        # One after the other: each alone is then computed as among others.
        self._optimizer = torch.optim.SGD(
            groups, lr=0.0, momentum=MOMENTUM, nesterov=True, foreach=False
        )

    def step(self, features: Tensor, labels: Tensor) -> None:
        """Change all heads by features [n, D] and labels [n] of their device."""
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * self.done / self._steps))
        self._optimizer.zero_grad()
        # Also where the network itself is asked for none.
        with torch.enable_grad():
            for head in self.heads:
                loss = functional.cross_entropy(head(features), labels)
                loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.done += 1

    def state(self) -> bytes:
        """All that going on depends on: equal states are equal bytes."""
        tensors = {_STEPS: torch.tensor(self.done)}
        for number, parameter in enumerate(self._parameters()):
            momentum = self._optimizer.state[parameter]["momentum_buffer"]
            tensors |= {f"{number}": parameter.detach(), f"{number} momentum": momentum}
        return safetensors.torch.save({name: each.cpu() for name, each in tensors.items()})

    def restore(self, file: Path) -> None:
        """Go on from what `state` gave of such heads. Raises SafetensorError for half a file."""
        with safe_open(file, "pt") as found:
            self.done = int(found.get_tensor(_STEPS))
            for number, parameter in enumerate(self._parameters()):
                with torch.no_grad():
                    parameter.copy_(found.get_tensor(f"{number}"))
                momentum = found.get_tensor(f"{number} momentum").to(parameter.device)
                self._optimizer.state[parameter]["momentum_buffer"] = momentum

    def _parameters(self) -> list[nn.Parameter]:
        return [parameter for head in self.heads for parameter in head.parameters()]


def trained_heads(
    features: Tensor, labels: Tensor, classes: int, schedule: Schedule
) -> list[nn.Linear]:
    """A head for each rate, trained on features [n, D] and labels [n] of the same device."""
    count, width = features.shape
    trainer = HeadTrainer(width, classes, schedule, schedule.steps(count), features.device)
    for _, chosen in schedule.batches(count):
        part = chosen.to(features.device)
        trainer.step(features[part], labels[part])
    return trainer.heads


def best(accuracies: Sequence[float], rates: Sequence[float]) -> int:
    """The place of the most accurate head; of several, of that with the smallest rate."""
    return max(range(len(rates)), key=lambda place: (accuracies[place], -rates[place]))


@torch.inference_mode()
def classified(head: nn.Linear, features: Tensor) -> Tensor:
    """The class of each feature vector, int64 [n], of features [n, D]."""
    return torch.cat([head(part).argmax(dim=1) for part in torch.split(features, 8192)])


def _head(width: int, classes: int, seed: int) -> nn.Linear:
    head = nn.Linear(width, classes)
    random = torch.Generator().manual_seed(seed)
    nn.init.normal_(head.weight, std=_DEVIATION, generator=random)
    nn.init.zeros_(head.bias)
    return head
