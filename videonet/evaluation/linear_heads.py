"""Linear classifiers on frozen features: one for each learning rate, all in one pass."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

MOMENTUM = 0.9

# Of the weights a head begins with; biases begin at 0.
_DEVIATION = 0.01


@dataclass(frozen=True)
class Schedule:
    """How heads are trained: SGD with Nesterov's momentum and no weight decay."""

    # learning rates, one a head, as they are applied first
    rates: tuple[float, ...]
    epochs: int
    # images a step
    batch: int
    seed: int


def trained_heads(
    features: Tensor, labels: Tensor, classes: int, schedule: Schedule
) -> list[nn.Linear]:
    """A head for each rate, trained on features [n, D] and labels [n] of the same device.

    All begin alike and see the same batches in the same order, so that a head does not depend on
    which others there are, to the last bit. The rate falls to 0 by cosine.
    """
    heads = [_head(features, classes, schedule.seed) for _ in schedule.rates]
    groups = [
        {"params": list(head.parameters()), "lr": rate}
        for head, rate in zip(heads, schedule.rates, strict=True)
    ]
    # One after the other: each alone is then computed as among others.
    optimizer = torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True, foreach=False)
    batch = min(schedule.batch, len(features))
    steps = schedule.epochs * (len(features) // batch)
    for step, chosen in enumerate(_batches(len(features), batch, schedule)):
        part = chosen.to(features.device)
        for group, rate in zip(optimizer.param_groups, schedule.rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        optimizer.zero_grad()
        for head in heads:
            loss = functional.cross_entropy(head(features[part]), labels[part])
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return heads


def best(accuracies: Sequence[float], rates: Sequence[float]) -> int:
    """The place of the most accurate head; of several, of that with the smallest rate."""
    return max(range(len(rates)), key=lambda place: (accuracies[place], -rates[place]))


@torch.inference_mode()
def classified(head: nn.Linear, features: Tensor) -> Tensor:
    """The class of each feature vector, int64 [n], of features [n, D]."""
    return torch.cat([head(part).argmax(dim=1) for part in torch.split(features, 8192)])


def _head(features: Tensor, classes: int, seed: int) -> nn.Linear:
    head = nn.Linear(features.shape[1], classes)
    random = torch.Generator().manual_seed(seed)
    nn.init.normal_(head.weight, std=_DEVIATION, generator=random)
    nn.init.zeros_(head.bias)
    return head.to(features.device)


def _batches(count: int, batch: int, schedule: Schedule) -> Iterator[Tensor]:
    """Places of the images of each step. What does not fill a batch at an epoch's end is left."""
    random = torch.Generator().manual_seed(schedule.seed)
    for _ in range(schedule.epochs):
        order = torch.randperm(count, generator=random)
        yield from torch.split(order[: count // batch * batch], batch)
