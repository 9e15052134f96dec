"""Activation checkpointing: a block's activations are computed again instead of being kept.

After Chen et al. 2016, "Training deep nets with sublinear memory cost". Of each block only what
goes into it is kept for the backward pass, which computes the rest once more: about a third more
time, for a fraction of the memory. Gradients, weights and running statistics are the same.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from timm.models import group_modules
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from videonet.errors import UsageError

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def recompute_blocks(backbone: nn.Module, name: str) -> int:
    """Have each block of a timm backbone computed again in the backward pass; how many there are.

    In place: names, parameters and buffers stay as they are. Call it after the target network was
    made of this one, which has no backward pass. Raises UsageError where timm tells of no blocks;
    `name` is what the user knows the backbone by.
    """
    blocks = blocks_of(backbone)
    if not blocks:
        raise UsageError(
            f"timm does not say which blocks {name} consists of, so train.activation_checkpointing "
            "cannot be on; set it to off and train.batch to less, or take another backbone."
        )
    for block in blocks:
        # On the module itself, for a wrapper would change the names of its weights.
        block.forward = partial(_recomputed, block, block.forward)
    return len(blocks)


def blocks_of(backbone: nn.Module) -> list[nn.Module]:
    """The modules that timm counts as a layer each, such as a ResNet's bottlenecks."""
    matcher = getattr(backbone, "group_matcher", None)
    if matcher is None:
        return []
    groups = group_modules(backbone, matcher(coarse=False))
    names = {_common([each.split(".") for each in group]) for group in groups.values()}
    found = (backbone.get_submodule(name) for name in sorted(names) if name)
    return [each for each in found if next(each.children(), None) is not None]


def _common(names: list[list[str]]) -> str:
    """The innermost module that all of these are within; "": the backbone itself."""
    first, last = min(names), max(names)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return ".".join(first[:same])


def _recomputed(block: nn.Module, forward: Callable[..., Tensor], *values: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*values)
    if torch.compiler.is_compiling():
        # The compiler sees both passes, and moves running statistics once.
        return checkpoint(forward, *values, use_reentrant=False)
    return checkpoint(forward, *values, use_reentrant=False, context_fn=partial(_passes, block))


def _passes(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What is around the first pass, and around the one in which all is computed again."""
    return nullcontext(), _statistics_aside(block)


@contextmanager
def _statistics_aside(block: nn.Module) -> Iterator[None]:
    """Let batch norms move copies of their running statistics: they have seen this batch before."""
    norms = [each for each in block.modules() if isinstance(each, _BatchNorm)]
    kept = [{name: norm._buffers.get(name) for name in _STATISTICS} for norm in norms]
    for norm, buffers in zip(norms, kept, strict=True):
        for name, buffer in buffers.items():
            norm._buffers[name] = None if buffer is None else buffer.clone()
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            norm._buffers.update(buffers)
