"""How good features are, without training anything on them: what is nearest to what.

Nearness is the cosine between two feature vectors. Features are floating point [n, D], NumPy
arrays or tensors of any device; what comes out is a share, 0 to 1.
"""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Numbers = Tensor | NDArray[Any]


def same_video_retrieval(queries: Numbers, keys: Numbers) -> float:
    """Share of the queries i whose nearest key is key i: of n videos, two moments each.

    Chance is 1/n. Otherwise as `found_again`.
    """
    return found_again(queries, keys).double().mean().item()


def found_again(queries: Numbers, keys: Numbers) -> Tensor:
    """Whether the nearest key of query i is key i: bool [n].

    Both are [n, D]. A tie is a miss, so features that are all equal find nothing. Raises ValueError
    where they differ in shape, or there are none.
    """
    queries, keys = _doubles(queries), _doubles(keys)
    if queries.shape != keys.shape or not len(queries):
        raise ValueError(
            f"queries are {tuple(queries.shape)} and keys {tuple(keys.shape)}: they must be as "
            "many, and at least one"
        )
    cosines = _cosines(queries, keys)
    own = cosines.diagonal().clone()
    others = cosines.fill_diagonal_(-torch.inf).amax(dim=1)
    return own > others


def knn_accuracy(features: Numbers, labels: Numbers, videos: Numbers, k: int) -> float:
    """Share of the frames whose class is found, as `class_found` says."""
    return class_found(features, labels, videos, k).double().mean().item()


def class_found(features: Numbers, labels: Numbers, videos: Numbers, k: int) -> Tensor:
    """Whether most of a frame's k nearest frames of other videos have its class: bool [n].

    `features` are [n, D]; `labels` and `videos`, int [n], say which class and which video each
    frame is of. Where classes have as many of the k, the one with the nearest frame is taken;
    where other videos have fewer than k frames, all of them count. Raises ValueError where all
    frames are of one video.
    """
    cosines = _cosines(_doubles(features), _doubles(features))
    labels, videos = (torch.as_tensor(each, device=cosines.device) for each in (labels, videos))
    cosines[videos[:, None] == videos] = -torch.inf
    if not (cosines > -torch.inf).any(dim=1).all():
        raise ValueError("there is nothing to compare with: all frames are of one video")
    return _voted(cosines, labels, k) == labels


def nearest_classes(queries: Numbers, keys: Numbers, labels: Numbers, k: int) -> Tensor:
    """The class that most of the k nearest keys of each query have, int [m].

    `queries` are [m, D], `keys` [n, D], and `labels`, int [n], say which class each key is of.
    Where classes have as many, the one with the nearest key is taken.
    """
    cosines = _cosines(_doubles(queries), _doubles(keys))
    return _voted(cosines, torch.as_tensor(labels, device=cosines.device), k)


def _voted(cosines: Tensor, labels: Tensor, k: int) -> Tensor:
    """The class that most of the k nearest of each row have; those of -inf do not count."""
    nearest = cosines.topk(min(k, cosines.shape[1]), dim=1)
    counted = nearest.values > -torch.inf
    classes = labels[nearest.indices]
    votes = ((classes[:, :, None] == classes[:, None, :]) & counted[:, None, :]).sum(dim=2)
    # Among those with most votes the nearest: a rank is always less than one vote.
    ranks = torch.arange(votes.shape[1], device=votes.device)
    winner = (votes * len(ranks) - ranks).where(counted, -1).argmax(dim=1, keepdim=True)
    return classes.gather(1, winner).squeeze(1)


def _doubles(features: Numbers) -> Tensor:
    return torch.as_tensor(features).detach().double()


def _cosines(queries: Tensor, keys: Tensor) -> Tensor:
    """Cosine of the angle between each query and each key, [n, m]."""
    return functional.normalize(queries, dim=1) @ functional.normalize(keys, dim=1).mT
