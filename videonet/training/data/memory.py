"""Memory for batches that is used again.

On virtual machines memory that is used for the first time, shared memory above all, can cost as
much as decoding what it is to hold.
"""

import math
import weakref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class BufferPool:
    """Memory that is handed out again once no tensor lies in it any more."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.uint8]] = []

    def empty(self, *shape: int) -> Tensor:
        """A tensor of bytes, whatever they are: uint8 [*shape]."""
        size = math.prod(shape)
        whole = self._free.pop() if self._free else None
        if whole is None or whole.size < size:
            # NumPy asks the system for large pages, PyTorch does not.
            whole = np.empty(size, np.uint8)
        # The tensor keeps this view alive, and a view of the tensor keeps the tensor's memory.
        lent = whole[:size].reshape(shape)
        weakref.finalize(lent, self._free.append, whole).atexit = False
        return torch.from_numpy(lent)

    def take_back(self) -> None:
        """The last tensor is not handed out after all; once it is gone, its memory is free."""


class SharedRingBuffer:
    """Shared memory of a worker process: of `places` tensors the last ones are intact."""

    def __init__(self, places: int) -> None:
        self._places = [torch.empty(0, dtype=torch.uint8)] * places
        self._next = 0

    def empty(self, *shape: int) -> Tensor:
        """A tensor of bytes, in the place of the one that was made so many before: uint8."""
        size = math.prod(shape)
        if self._places[self._next].numel() < size:
            # As torch's own default_collate: a tensor of other memory is copied to be handed over.
            storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
            self._places[self._next] = torch.empty(0, dtype=torch.uint8).set_(storage)
        place = self._places[self._next]
        self._next = (self._next + 1) % len(self._places)
        return place[:size].view(shape)

    def take_back(self) -> None:
        """The last tensor is not handed out after all: the next one takes its place."""
        self._next = (self._next - 1) % len(self._places)
