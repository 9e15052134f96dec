"""The loss of VITO: each view of a clip is to be told apart from all other videos by another view.

InfoNCE (van den Oord et al. 2018) between projections of the online and of the target network,
summed over all ordered pairs of views (Parthasarathy et al. 2023).
"""

from itertools import permutations
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from videonet.training.config import Config
from videonet.training.data.examples import Shots
from videonet.training.data.loader import Batch
from videonet.training.distributed import gathered, rank_now
from videonet.training.models.network import Network, PerView

Negatives = Literal["view", "all_views"]


class VITO:
    """What the trainer asks of this method: see `Method`."""

    has_target = True
    in_one_pass = False
    shots: Shots | None = None

    def __init__(self, config: Config) -> None:
        # frames of one window of a video
        self.views: tuple[str, ...] = config.views.recipes
        self._loss = config.loss

    def learner(self, network: Network) -> nn.Module:
        """What learns: the network, shown one view after the other."""
        return PerView(network)

    def loss(
        self, learner: nn.Module, follower: nn.Module | None, views: list[Tensor], batch: Batch
    ) -> Tensor:
        """The loss of the network that learns towards the one that follows it."""
        assert follower is not None
        with torch.no_grad():
            targets = follower(views)
        return vito_loss(
            learner(views),
            targets,
            batch.videos,
            temperature=self._loss.temperature,
            negatives=self._loss.negatives,
        )


def vito_loss(
    online: Tensor,
    target: Tensor,
    videos: Tensor,
    temperature: float,
    negatives: Negatives,
) -> Tensor:
    """The sum over all views i != j of InfoNCE from online view i to target view j; a scalar.

    `online` and `target` are the projections of this rank's clips, float [V, N, D]; `videos` says
    which video each clip is of, int64 [N]. What an online view i is told apart from are the target
    views j of all clips of other videos, on all ranks ("view", the paper's), or all their target
    views ("all_views"). Two clips of one video are never each other's negatives.

    float32, or float64 if given that, under autocast as well. It is the mean over this rank's
    clips: where all ranks have equally many, the mean of their gradients, which
    DistributedDataParallel takes, is the gradient of the mean over the global batch.

    NOTE: negatives are of the batch at hand, so the gradients of two half batches do not add up to
    that of a whole one: accumulating them is no substitute for a larger batch.

    Raises ValueError if there are fewer than two views, or but one clip on all ranks. If all clips
    are of one video there is nothing to tell apart: the loss is 0, as the formula has it, and so
    are its gradients. (To refuse that, every step would have to wait for the GPU.)
    """
    views, count, _ = online.shape
    if views < 2:
        raise ValueError(f"The loss compares views of a clip: it needs two, and was given {views}.")
    with torch.autocast(online.device.type, enabled=False):
        # NOTE: the paper's projections are taken to be l2-normalised; as with the temperature, it
        # does not say so.
        queries = _unit(online)
        # No gradient passes through the target network, so gathering needs none.
        keys, owners = gathered(_unit(target.detach()), dim=1), gathered(videos, dim=0)
        if len(owners) < 2:
            raise ValueError("The loss needs negatives: a batch of one clip has none.")
        own = rank_now() * count + torch.arange(count, device=videos.device)
        same = videos[:, None] == owners
        # Of each target view: the keys, which is a clip's own, and which are not to count.
        if negatives == "view":
            ignored = same.scatter(1, own[:, None], False)
            against = [(view, own, ignored) for view in keys]
        else:
            same = same.repeat(1, views)
            positives = [j * len(owners) + own for j in range(views)]
            against = [
                (keys.flatten(0, 1), each, same.scatter(1, each[:, None], False))
                for each in positives
            ]
        loss = queries.new_zeros(())
        for i, j in permutations(range(views), 2):
            loss = loss + info_nce(queries[i], *against[j], temperature)
    return loss


def info_nce(
    queries: Tensor, keys: Tensor, positives: Tensor, ignored: Tensor, temperature: float
) -> Tensor:
    """How surprising it is that a query's own key is its positive; the mean over N queries.

    -log(exp(q.k / t) / (exp(q.k / t) + sum over negatives n of exp(q.n / t)))

    `queries` [N, D] and `keys` [M, D] are unit vectors, `positives` int64 [N] the key that belongs
    to each query, `ignored` bool [N, M] the keys that are neither that one nor negatives.
    """
    logits = queries @ keys.mT / temperature
    return functional.cross_entropy(logits.masked_fill(ignored, -torch.inf), positives)


def _unit(projections: Tensor) -> Tensor:
    """Projections by their length, at least in float32. One of length 0 stays as it is."""
    precision = torch.promote_types(projections.dtype, torch.float32)
    return functional.normalize(projections.to(precision), dim=-1)
