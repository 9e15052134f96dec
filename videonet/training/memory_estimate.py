"""How much memory a training step takes, told before the first one.

What the passes keep is counted and not guessed: the network is run on images that have a shape and
no content, and every tensor that autograd keeps for the backward pass is added up.
"""

import copy
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from videonet.text import file_size
from videonet.training.config import Config
from videonet.training.distributed import broadcast
from videonet.training.methods.method import method_of
from videonet.training.models.network import Network
from videonet.training.models.recompute import blocks_of

# Where Linux keeps memory that processes share.
SHARED = Path("/dev/shm")  # noqa: S108

# Frames of clips have a short side of 256 pixels, and are mostly 16:9.
_FRAME = 256 * 455 * 3

# Of what a CUDA context, its libraries and the allocator's rounding take, bytes.
_BESIDE = 1_500_000_000

# What autocast computes in bfloat16 and what in float32, as far as backbones have it
# (https://docs.pytorch.org/docs/stable/amp.html, "CUDA Op-Specific Behavior").
_BFLOAT16: frozenset[Any] = frozenset(
    {functional.linear, functional.conv2d, torch.conv2d, torch.matmul, torch.bmm, Tensor.matmul}
    | {Tensor.__matmul__, functional.scaled_dot_product_attention}
)
_FLOAT32: frozenset[Any] = frozenset(
    {functional.layer_norm, torch.layer_norm, functional.softmax, torch.softmax, Tensor.softmax}
)


@dataclass(frozen=True)
class Estimate:
    """What a step of one rank takes, bytes."""

    # weights of the networks, gradients, and what the optimiser remembers
    weights: int
    # what is kept of the passes of all views
    activations: int
    # frames as they come, of this step and of the next, and views
    images: int
    # of its workers together, in /dev/shm
    shared: int

    @property
    def total(self) -> int:
        """Where the network is: all but what workers share."""
        return self.weights + self.activations + self.images


def estimate(config: Config, network: Network, ranks: int, *, recompute: bool) -> Estimate:
    """What a step takes on each of so many ranks; `recompute`: with activation checkpointing."""
    method = method_of(config)
    clips, views = config.train.batch // ranks, len(method.views)
    numbers = sum(each.numel() for each in network.parameters())
    # The one that learns, its gradients, the one that follows; and the optimiser's means.
    copies = 2 + method.has_target + (2 if config.optimizer.name == "adamw" else 1)
    side, low = config.augmentation.size, config.train.precision == "bfloat16"
    weights = numbers * (4 * copies + 2 * low)
    # What is kept once, whatever the batch, such as weights in bfloat16, is not of an image.
    with torch.random.fork_rng(devices=[]):
        two, four = (_Kept(network, side, count, low) for count in (2, 4))
    if recompute:
        kept = (four.with_inputs_alone - two.with_inputs_alone) // 2
        again = (four.largest_block - two.largest_block) // 2
    else:
        kept, again = (four.all - two.all) // 2, 0
    at_once = views if method.in_one_pass else 1
    image = 3 * side * side * 4
    return Estimate(
        weights=weights,
        activations=clips * (views * kept + at_once * again),
        images=clips * views * (2 * _FRAME + image),
        shared=3 * config.data.workers * clips * views * _FRAME,
    )


@dataclass(frozen=True)
class Fit:
    """What a step takes of what is there, and whether activations are computed again for that."""

    recompute: bool
    found: Estimate
    # bytes that are free for each rank; None: nobody can tell
    free: int | None
    shared_free: int | None

    def lacking(self, config: Config) -> str | None:
        """A sentence on what is likely to be too little, with the setting to change."""
        return shortage(self.found, self.free, self.shared_free, config)


def fit(config: Config, network: Network, device: torch.device, ranks: int) -> Fit:
    """Estimate a step, and decide on activation checkpointing, alike on all ranks.

    `network` is the one that is to learn, before its batch norms are synchronised.
    """
    asked = config.train.activation_checkpointing
    free = free_memory(device)
    whole = estimate(config, network, ranks, recompute=False)
    tight = free is not None and whole.total > free and bool(blocks_of(network.backbone))
    # Batch norms of all ranks exchange their statistics in the second pass, too.
    recompute = asked == "on" or bool(broadcast(int(asked == "auto" and tight)))
    found = estimate(config, network, ranks, recompute=True) if recompute else whole
    return Fit(recompute, found, free, free_shared_memory())


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free where the network is to be; None: the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(0, free - _BESIDE)
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 // _ranks_here()
    return None


def free_shared_memory() -> int | None:
    """Bytes of /dev/shm that each rank of this machine can have; None: there is none."""
    try:
        return shutil.disk_usage(SHARED).free // _ranks_here()
    except OSError:
        return None


def shortage(found: Estimate, free: int | None, shared: int | None, config: Config) -> str | None:
    """A sentence where a step wants more than is free; None: it fits, or nobody can tell."""
    if free is not None and found.total > free:
        return (
            f"a step takes about {file_size(found.total)} of each rank's memory, "
            f"{file_size(found.activations)} of it for what the passes keep, and {file_size(free)} "
            f"are free; set {less(config)}."
        )
    if shared is not None and found.shared > shared:
        return (
            f"the loader's processes take up to {file_size(found.shared)} of /dev/shm for each "
            f"rank, and {file_size(shared)} are free; set data.workers or train.batch lower, or "
            "make /dev/shm larger."
        )
    return None


def less(config: Config) -> str:
    """The settings by which a step takes less, as a part of a sentence."""
    recomputed = config.train.activation_checkpointing == "on"
    first = "" if recomputed else 'train.activation_checkpointing to "on", or '
    return f"{first}train.batch lower, or take more ranks"


def _ranks_here() -> int:
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


class _Kept:
    """What autograd keeps of a forward pass: bytes outside of all blocks, and of each block."""

    def __init__(self, network: Network, size: int, count: int, low: bool) -> None:
        """Run a copy of the network on `count` images of `size` pixels that have no content."""
        copied = copy.deepcopy(network).to("meta")
        self._own = {each.untyped_storage()._cdata for each in _tensors(copied)}
        self._outside: dict[int, int] = {}
        self._inputs: dict[int, int] = {}
        self._blocks: list[dict[int, int]] = []
        self._now = self._outside
        # Storages are told apart by their place, which must not be given to another one.
        self._alive: list[Tensor] = []
        for block in blocks_of(copied.backbone):
            self._blocks.append({})
            block.register_forward_pre_hook(partial(self._begin, self._blocks[-1]))
            block.register_forward_hook(self._end)
        images = torch.zeros(count, 3, size, size, device="meta")
        with _AsOnDevice(low), saved_tensors_hooks(self._note, _as_it_is):
            copied(images)

    @property
    def all(self) -> int:
        """Bytes that are kept for the backward pass."""
        return sum(map(_sum, [self._outside, *self._blocks]))

    @property
    def with_inputs_alone(self) -> int:
        """Likewise where of a block only what goes into it is kept."""
        return _sum(self._inputs | self._outside)

    @property
    def largest_block(self) -> int:
        """What is kept for a moment while a block is computed again."""
        return max(map(_sum, self._blocks), default=0)

    def _begin(self, block: dict[int, int], _: nn.Module, values: tuple[Tensor, ...]) -> None:
        self._now = block
        for each in values:
            self._alive.append(each)
            self._inputs[each.untyped_storage()._cdata] = each.untyped_storage().nbytes()

    def _end(self, *_: object) -> None:
        self._now = self._outside

    def _note(self, tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage()._cdata
        known = any(place in each for each in (self._own, self._outside, *self._blocks))
        if not known:
            self._alive.append(tensor)
            self._now[place] = tensor.untyped_storage().nbytes()
        return tensor


class _AsOnDevice(TorchFunctionMode):
    """The types that autocast computes in, if `low`, and attention as devices do it.

    Tensors without content know neither: autocast is for devices, and of attention they keep all
    weights, where devices keep their sums alone.
    """

    def __init__(self, low: bool) -> None:
        super().__init__()
        self._low = low

    def __torch_function__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if self._low and function in _BFLOAT16 | _FLOAT32:
            kind = torch.bfloat16 if function in _BFLOAT16 else torch.float32
            args = tuple(_as_kind(each, kind) for each in args)
            named = {name: _as_kind(each, kind) for name, each in named.items()}
        if function is functional.scaled_dot_product_attention:
            query, key, value, *_ = args
            return _Attention.apply(query, key, value)
        return function(*args, **named)


class _Attention(torch.autograd.Function):
    """What attention keeps in one pass over its keys (Dao et al. 2022): no weights."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Values like those of `query`, without content."""
        *batch, heads, count, _ = query.shape
        # Heads lie side by side, so that nothing is copied when they are put together.
        found = query.new_empty((*batch, count, heads, value.shape[-1])).transpose(-2, -3)
        sums = query.new_empty(query.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(query, key, value, found, sums)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        """Nobody asks for it."""
        raise NotImplementedError


def _as_kind(value: Any, kind: torch.dtype) -> Any:
    return value.to(kind) if isinstance(value, Tensor) and value.is_floating_point() else value


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def _sum(sizes: Mapping[int, int]) -> int:
    return sum(sizes.values())
