"""Masks of objects are carried from frame to frame by how alike features are, without training.

After VFS (Xu and Wang 2021; mmaction/models/trackers/vanilla_tracker.py and
models/common/local_attention.py, commit 87ca362). Each position of a frame looks at the positions
near it in the first frame and in the frames before, and takes the mean of what the most alike ones
hold, weighted by the softmax of their cosine.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# Positions of a block of queries, along each side. Each looks at a disc, as in VFS: of a radius of
# 18, at 1,005 of DAVIS's 6,420 positions. The discs of a block lie in one square, all of whose
# cosines are computed: of a block of 16 the square has 2,500 positions, of 8 it has 1,764.
_BLOCK = {"cpu": 8, "cuda": 16}


@dataclass(frozen=True)
class Rule:
    """How a position finds what it is like. The values are VFS's for ResNet-50."""

    # frames before, besides the first one
    before: int = 20
    # positions that are nearer than this are looked at, in positions of the features
    radius: float = 18.0
    # positions whose values count, over all frames
    top: int = 10
    temperature: float = 0.07


def propagated(features: Iterable[Tensor], first: Tensor, rule: Rule) -> Iterator[Tensor]:
    """Soft maps of the objects of each frame, [K, h, w], the first of which are `first`.

    `features` are [C, h, w] a frame; no more of them are kept than are looked at. The first frame
    is looked at always: among the first frames it is there twice, as in VFS.
    """
    keys: deque[Tensor] = deque(maxlen=rule.before)
    values: deque[Tensor] = deque(maxlen=rule.before)
    start: Tensor | None = None
    blocks: list[_Block] = []
    maps = first
    for frame in features:
        here = functional.normalize(frame, dim=0)
        if start is None:
            start, blocks = here, _blocks(here, rule.radius)
        else:
            maps = _attended(
                here, torch.stack([start, *keys]), torch.stack([first, *values]), blocks, rule
            )
        keys.append(here)
        values.append(maps)
        yield maps


def labels(maps: Tensor, height: int, width: int) -> Tensor:
    """Which object is at each pixel: uint8 [height, width], of soft maps [K, h, w].

    Each object's map is stretched to reach from 0 to 1 first, as VFS does.
    """
    large = functional.interpolate(maps[None], (height, width), mode="bilinear")[0]
    low, high = large.amin(dim=(1, 2), keepdim=True), large.amax(dim=(1, 2), keepdim=True)
    stretched = (large - low) / (high - low + 1e-12)
    return torch.where(high > 0, stretched, large).argmax(dim=0).to(torch.uint8)


class _Block(NamedTuple):
    """Some queries, and all keys that any of them looks at."""

    rows: slice
    columns: slice
    key_rows: slice
    key_columns: slice
    # [queries, keys], whether the key is too far away
    far: Tensor


def _blocks(features: Tensor, radius: float) -> list[_Block]:
    height, width = features.shape[1:]
    side = _BLOCK.get(features.device.type, 16)
    # Strictly nearer: of a radius of 18, 17 along a side.
    reach = int(-(-radius // 1)) - 1
    blocks = []
    for top in range(0, height, side):
        for left in range(0, width, side):
            rows = slice(top, min(top + side, height))
            columns = slice(left, min(left + side, width))
            key_rows = slice(max(0, rows.start - reach), min(height, rows.stop + reach))
            key_columns = slice(max(0, columns.start - reach), min(width, columns.stop + reach))
            queries, keys = (
                _places(*each, features.device)
                for each in ((rows, columns), (key_rows, key_columns))
            )
            far = (queries[:, None] - keys[None]).square().sum(dim=2) >= radius**2
            blocks.append(_Block(rows, columns, key_rows, key_columns, far))
    return blocks


def _places(rows: slice, columns: slice, device: torch.device) -> Tensor:
    """Rows and columns of the positions of a block, [positions, 2]."""
    across = torch.arange(columns.start, columns.stop, device=device)
    return torch.cartesian_prod(torch.arange(rows.start, rows.stop, device=device), across)


def _attended(
    queries: Tensor, keys: Tensor, values: Tensor, blocks: list[_Block], rule: Rule
) -> Tensor:
    """What the queries [C, h, w] find in the values [T, K, h, w] of keys [T, C, h, w]."""
    found = values.new_empty(values.shape[1:])
    for block in blocks:
        asking = queries[:, block.rows, block.columns]
        near = keys[:, :, block.key_rows, block.key_columns].flatten(2)
        cosines = torch.matmul(asking.flatten(1).mT, near)
        cosines.masked_fill_(block.far, -torch.inf)
        # [queries, frames x keys]
        alike = cosines.transpose(0, 1).flatten(1).topk(min(rule.top, len(near) * near.shape[2]))
        weights = (alike.values / rule.temperature).softmax(dim=1)
        held = values[:, :, block.key_rows, block.key_columns].flatten(2).transpose(0, 1).flatten(1)
        mixed = (held[:, alike.indices] * weights).sum(dim=2)
        found[:, block.rows, block.columns] = mixed.view(-1, *asking.shape[1:])
    return found
