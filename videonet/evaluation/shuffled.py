"""The order in which a training shows its items: another one each epoch, of a seed."""

from collections.abc import Iterator

import torch
from torch import Tensor


def shuffled(count: int, batch: int, epochs: int, seed: int) -> Iterator[tuple[int, Tensor]]:
    """The epoch of each step, and numbers of its items, int64 [batch], of 0 to `count` - 1.

    What does not fill a batch at an epoch's end is out.
    """
    random = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        order = torch.randperm(count, generator=random)
        for part in torch.split(order[: count // batch * batch], batch):
            yield epoch, part
