"""Batch norms whose statistics are those of the batch of all ranks.

On GPUs PyTorch's own SyncBatchNorm, which refuses CPUs; on CPUs the same computation, written
down. Both have the keys of the batch norms that they replace.
"""

from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d, convert_sync_batchnorm
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm


def synchronised(module: nn.Module, device_type: str) -> None:
    """Have all batch norms within a module synchronised over the ranks, for "cuda" or "cpu".

    In place: they are exchanged for others, with the same parameters and buffers under the same
    names. So the module must not be a batch norm itself. A process on its own needs nothing, and
    its module stays as it is. Call it after the ranks have joined, and before the module is copied
    or wrapped.
    """
    assert not isinstance(module, _BatchNorm), "only what is within a module can be exchanged"
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return
    if device_type == "cuda":
        # timm's form of torch.nn.SyncBatchNorm.convert_sync_batchnorm: it keeps the activations
        # that some of timm's batch norms contain.
        convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
    else:
        _exchange(module)


class AllReduceBatchNorm(_BatchNorm):
    """A batch norm of any number of dimensions, with the statistics of all ranks' values.

    Takes over parameters, buffers and settings of `norm`, and what timm's BatchNormAct2d does
    after it. Input and output are [N, channels, ...]; ranks may differ in N. Every rank must call
    it, and call backward, as often as all others.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__(
            norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
        )
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.train(norm.training)
        if isinstance(norm, BatchNormAct2d):
            self.drop, self.act = norm.drop, norm.act

    def forward(self, values: Tensor) -> Tensor:
        """Values less their mean, by their standard deviation; scaled and shifted."""
        normal = self._by_batch(values) if self.training else super().forward(values)
        return self.act(self.drop(normal)) if hasattr(self, "act") else normal

    def _by_batch(self, values: Tensor) -> Tensor:
        # Statistics of bfloat16 values are float32, as in torch's own batch norms.
        exact = values.to(torch.promote_types(values.dtype, torch.float32))
        others = [0, *range(2, values.ndim)]
        count = values.numel() // values.shape[1]

        # Centred before it is squared: of values far from zero, the mean square less the square
        # of the mean would have no correct digit left.
        sums = _all_reduce(torch.cat((exact.sum(others), exact.new_full((1,), count))))
        mean, total = sums[:-1] / sums[-1], sums[-1]
        centred = exact - _per_channel(mean, exact)
        variance = _all_reduce(centred.square().sum(others)) / total
        self._remember(mean, variance, total)

        normal = centred * _per_channel((variance + self.eps).rsqrt(), exact)
        if self.affine:
            normal = normal * _per_channel(self.weight, exact) + _per_channel(self.bias, exact)
        return normal.to(values.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, total: Tensor) -> None:
        """Move the running statistics, of which the variance is the unbiased one (as in torch)."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        # Without a momentum they are the mean over all batches.
        share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        unbiased = variance * total / (total - 1)
        for running, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            running += share * (new.to(running.dtype) - running)

    def _check_input_dim(self, values: Tensor) -> None:  # type: ignore[override]
        """Any number of dimensions is right."""


class _AllReduce(torch.autograd.Function):
    """Sum over all ranks. What every rank made of the sum counts in each rank's gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


def _all_reduce(values: Tensor) -> Tensor:
    total: Tensor = _AllReduce.apply(values)
    return total


def _exchange(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            setattr(module, name, AllReduceBatchNorm(child))
        else:
            _exchange(child)


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    """One value a channel, [channels], in a shape that goes with [N, channels, ...]."""
    return values.view(-1, *(1,) * (like.ndim - 2))
