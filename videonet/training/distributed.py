"""The processes that train together: one, or as many as torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable

from videonet.errors import OneRankError, UsageError

# How PyTorch's messages between ranks say that another one gave no answer, and that it has gone.
_SILENT = ("timed out", "timeout")
_GONE = ("connection closed by peer", "connection reset by peer", "broken pipe")

# What is in messages between ranks that are no DistError: Gloo's name the file of its source, and
# the last is of whoever waits for it.
_OF_GLOO = ("gloo", "operation timed out!")

# So a GPU says that one of its own programs was too slow, also beneath NCCL.
_OF_THE_GPU = "cuda error"


@dataclass(frozen=True)
class Ranks:
    """Which one this process is of those that train together."""

    # 0 to count - 1; rank 0 writes
    rank: int
    count: int
    device: torch.device

    @property
    def device_name(self) -> str:
        """What this rank computes on: "CPU", or the name of a GPU."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"

    def __str__(self) -> str:
        """Where the training takes place, in words."""
        name = self.device_name
        return f"{self.count} x {name}" if self.count > 1 else name


@contextmanager
def init(device: str, timeout: float) -> Iterator[Ranks]:
    """Join the other ranks that torchrun started, if it did.

    `device` is "cpu", "cuda" (one GPU a rank) or "auto": a GPU if there is one. Raises UsageError
    if a GPU was asked for and there is none, and, while this lasts, OneRankError once another rank
    has gone or has given no answer for `timeout` seconds. On GPUs PyTorch itself ends a process
    that waited so long, and prints why.
    """
    rank, count, local = (
        int(os.environ.get(name, default))
        for name, default in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))
    )
    chosen = _device(device, local)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if count == 1:
        yield Ranks(rank, count, chosen)
        return
    with _lost_rank_named(rank, timeout):
        distributed.init_process_group(
            "nccl" if chosen.type == "cuda" else "gloo", timeout=timedelta(seconds=timeout)
        )
        try:
            yield Ranks(rank, count, chosen)
        finally:
            distributed.destroy_process_group()


@contextmanager
def _lost_rank_named(rank: int, timeout: float) -> Iterator[None]:
    """Say in a sentence that another rank has gone, or hangs. Raises OneRankError."""
    try:
        yield
    except RuntimeError as error:
        said = str(error).lower()
        if _OF_THE_GPU in said or not (
            isinstance(error, distributed.DistError) or any(each in said for each in _OF_GLOO)
        ):
            raise
        if any(each in said for each in _GONE):
            raise OneRankError(
                f"Rank {rank} has lost another rank, which says itself why; the same command goes "
                "on from the newest checkpoint."
            ) from error
        if any(each in said for each in _SILENT):
            raise OneRankError(
                f"Rank {rank} has waited {timeout:g} s for another rank, which hangs or is at an "
                "evaluation; the same command goes on from the newest checkpoint. Set "
                "train.timeout_seconds higher if ranks need longer."
            ) from error
        raise


class Agreement:
    """One number for all ranks: the largest of those that they give before a step."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._said: Tensor | None = None

    def on(self, number: int) -> int:
        """What all ranks know before this step, each of which must ask; 0 where all say 0.

        On GPUs it is what they said before the step before: the processor does not wait for work
        that it has only handed out.
        """
        if self._ranks.count == 1:
            return number
        said = torch.tensor(number, device=self._ranks.device)
        distributed.all_reduce(said, distributed.ReduceOp.MAX)
        known = said
        if self._ranks.device.type == "cuda":
            known, self._said = said if self._said is None else self._said, said
        return int(known)


def wait_for_all(ranks: Ranks) -> None:
    """Wait until each rank has come here."""
    if ranks.count > 1:
        distributed.barrier()


def mean_over_ranks(value: Tensor) -> Tensor:
    """The mean of a scalar over all ranks, each of which must ask for it."""
    mean = value.detach().clone()
    if distributed.is_initialized():
        distributed.all_reduce(mean)
        mean /= distributed.get_world_size()
    return mean


def gathered(values: Tensor, dim: int = 0) -> Tensor:
    """The values of all ranks, one rank after the other along `dim`, alike on all of them.

    No gradient passes through it; all ranks must ask, with values of one shape.
    """
    if not distributed.is_initialized():
        return values
    parts = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, values.contiguous())
    return torch.cat(parts, dim=dim)


def gathered_with_gradient(values: Tensor) -> Tensor:
    """As `gathered`, along the first dimension; what every rank makes of it counts in a gradient.

    DistributedDataParallel takes the mean of the ranks' gradients, which then is the gradient of
    the mean of their losses.
    """
    if not distributed.is_initialized():
        return values
    found: Tensor = _Gather.apply(values)
    return found


class _Gather(torch.autograd.Function):
    """The values of all ranks; a rank's gradient is the sum of what all ranks have for its values.

    PyTorch's own is deprecated, and sends as much where a backend cannot scatter sums.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.count = len(values)
        return gathered(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        begin = distributed.get_rank() * ctx.count
        return total[begin : begin + ctx.count]


def rank_now() -> int:
    """Which rank this process is: 0 where it trains alone."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def broadcast(number: int) -> int:
    """The number that rank 0 gives, on every rank; each must ask."""
    if not distributed.is_initialized():
        return number
    given = [number]
    distributed.broadcast_object_list(given, src=0)
    return given[0]


def _device(asked: str, local_rank: int) -> torch.device:
    found = torch.cuda.device_count()
    if asked == "cpu" or (asked == "auto" and not found):
        return torch.device("cpu")
    if local_rank >= found:
        raise UsageError(
            f"Rank {local_rank} of this machine was to have a GPU of its own, and PyTorch finds "
            f"{found}; start fewer ranks, or set train.device=cpu."
        )
    return torch.device("cuda", local_rank)
