"""The class that the nearest images vote for, each by how near it is."""

import torch
from torch import Tensor
from torch.nn import functional

# Queries at a time: of ImageNet's training images, 330 MB of similarities.
_AT_ONCE = 64


def voted(
    queries: Tensor,
    bank: Tensor,
    labels: Tensor,
    neighbours: int,
    temperature: float,
    *,
    own: bool = False,
) -> Tensor:
    """The class of each query, int64 [n], of features [n, D] and a bank [m, D] with labels [m].

    The nearest by cosine vote with exp(cosine / temperature). With `own` the bank is the queries
    themselves, and none votes for itself. Of classes with as many votes the smaller is taken.
    """
    queries, bank = (functional.normalize(each, dim=1) for each in (queries, bank))
    classes = int(labels.max()) + 1
    found = []
    for begin in range(0, len(queries), _AT_ONCE):
        cosines = queries[begin : begin + _AT_ONCE] @ bank.mT
        if own:
            cosines.diagonal(begin).fill_(-torch.inf)
        # Of the nearest but itself, there may be fewer.
        nearest = cosines.topk(min(neighbours, len(bank) - own), dim=1)
        votes = cosines.new_zeros(len(cosines), classes)
        votes.scatter_add_(1, labels[nearest.indices], (nearest.values / temperature).exp())
        found.append(votes.argmax(dim=1))
    return torch.cat(found)
