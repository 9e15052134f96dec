"""The two losses of VIVI: between frames, whose label is their shot, and between shots of videos.

Either is float32, or float64 if given that, under autocast as well, and is told of all ranks: the
mean over ranks of what each returns, which DistributedDataParallel makes of their gradients, is the
loss of the whole batch, though ranks may have unequal numbers of shots.
"""

from itertools import combinations
from typing import Literal

import torch
from torch import Tensor, distributed
from torch.nn import functional

from videonet.training.distributed import gathered, gathered_with_gradient, rank_now

Negatives = Literal["shots", "videos"]


def exemplar_loss(
    frames: Tensor, videos: Tensor, shots: Tensor, margin: float, negatives: Negatives
) -> Tensor:
    """Semi-hard triplets (Schroff et al. 2015) of frames, a scalar: the mean over all pairs.

    `frames` are projections, float [N, S, F, D]; `videos` says which video each example is of, and
    `shots` how many of its S shots there are, int64 [N]: the frames of others do not count. A pair
    are an anchor and another frame of its shot. Its negative is the nearest one that is farther
    from the anchor than that frame, or where there is none the farthest of all. The loss of a pair
    is what its negative lacks to be farther by `margin`. Distances are squared. An anchor without
    a negative does not count.

    NOTE: projections have length 1 each. Published code of the same authors (google/
    revisiting-self-supervised, exemplar.py) normalises along the batch, which we take for a slip.
    NOTE: (4): the label of a frame is its shot, so other shots of its own video are negatives;
    `negatives` "videos" spares them. Frames of other examples of its video are none in any case, as
    they may be of the same shot.
    """
    count, of_video, of_shot, _ = frames.shape
    with torch.autocast(frames.device.type, enabled=False):
        points = _unit(frames).flatten(0, 2)
        others = gathered_with_gradient(points)
        example = rank_now() * count + torch.arange(count, device=frames.device)
        slots = torch.arange(of_video, device=frames.device)
        own = [
            each.expand(count, of_video).repeat_interleave(of_shot, dim=1).flatten()
            for each in (
                videos[:, None],
                example[:, None],
                slots,
                slots < shots[:, None],
            )
        ]
        video, example, slot, is_there = own
        all_videos, all_examples, all_slots, all_there = map(gathered, own)
        is_other = video[:, None] != all_videos
        if negatives == "shots":
            is_own = example[:, None] == all_examples
            is_other = is_other | (is_own & (slot[:, None] != all_slots))
        is_other = is_other & all_there
        is_there = is_there & is_other.any(dim=1)

        distances = 2 - 2 * points @ others.mT
        place = rank_now() * len(points) + torch.arange(len(points), device=frames.device)
        within = place % of_shot
        total = distances.new_zeros(())
        for step in range(1, of_shot):
            # All other frames of a shot, one after the other.
            positive = place - within + (within + step) % of_shot
            near = distances.gather(1, positive[:, None])
            far = distances.gather(1, _semi_hard(distances, near, is_other))
            total = total + ((margin + near - far).relu().squeeze(1) * is_there).sum()
        return total / _share_of(is_there.sum() * (of_shot - 1)).to(total)


def prediction_loss(
    shots: Tensor, predicted: Tensor, videos: Tensor, number: Tensor, temperature: float
) -> Tensor:
    """InfoNCE (van den Oord et al. 2018) between shots of a video, a scalar.

    `shots` are float [N, S, D], and `predicted`, float [pairs of shots k < l, N, D], what shot k of
    each example tells of shot l; `videos` and `number`, int64 [N], say of which video an example is
    and how many of its S shots there are. It is the mean over all pairs of all examples that have S
    shots: others neither count nor are counted against.

    NOTE: (5): the critic is the inner product of vectors of length 1, by the temperature.
    NOTE: (6): a prediction is told apart from all shots of other videos, on all ranks, and not from
    shots of its own one, of this or another example.
    """
    count, of_video, _ = shots.shape
    with torch.autocast(shots.device.type, enabled=False):
        is_whole = number == of_video
        keys = gathered_with_gradient(_unit(shots)).flatten(0, 1)
        owners, are_there = (
            gathered(each).repeat_interleave(of_video) for each in (videos, is_whole)
        )
        ignored = (videos[:, None] == owners) | ~are_there
        first = (rank_now() * count + torch.arange(count, device=shots.device)) * of_video
        total = keys.new_zeros(())
        for queries, (_, later) in zip(
            _unit(predicted), combinations(range(of_video), 2), strict=True
        ):
            positive = first + later
            logits = (queries @ keys.mT / temperature).masked_fill(
                ignored.scatter(1, positive[:, None], False), -torch.inf
            )
            losses = functional.cross_entropy(logits, positive, reduction="none")
            total = total + (losses * is_whole).sum()
        return total / _share_of(is_whole.sum() * len(predicted)).to(total)


@torch.no_grad()
def _semi_hard(distances: Tensor, near: Tensor, is_other: Tensor) -> Tensor:
    """Which negative counts against a pair: int64 [n, 1].

    `distances` are [n, M], `near` [n, 1] those of the pairs, `is_other` bool [n, M].
    """
    beyond = distances.masked_fill(~is_other | (distances <= near), torch.inf).min(1, keepdim=True)
    farthest = distances.masked_fill(~is_other, -torch.inf).argmax(1, keepdim=True)
    return torch.where(beyond.values.isfinite(), beyond.indices, farthest)


def _unit(values: Tensor) -> Tensor:
    """Vectors by their length, at least in float32. One of length 0 stays as it is."""
    precision = torch.promote_types(values.dtype, torch.float32)
    return functional.normalize(values.to(precision), dim=-1)


def _share_of(count: Tensor) -> Tensor:
    """What the sum of a rank is divided by: the mean of all ranks' counts, and no zero."""
    total = count.double()
    if distributed.is_initialized():
        distributed.all_reduce(total)
        total /= distributed.get_world_size()
    return total.clamp_min(1e-9)
