"""Asks a network and the untrained one whether frames find other moments of their videos."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from videonet.training.config import Config
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.moments import two_moments
from videonet.training.evaluation import embeddings_of
from videonet.training.learned import FEWEST, MOST, Learned
from videonet.training.models.network import Network
from videonet.training.retrieval import found_again


def learned(
    network: Network, untrained: Network, dataset: ClipIndex, config: Config
) -> Learned | None:
    """Ask both networks; None: there are too few videos.

    Raises UsageError for a damaged clip that may not be, and where too few others are left.
    """
    asked = asked_about(dataset)
    if asked is None:
        return None
    videos, held_out = asked
    size, seed = config.augmentation.size, config.train.seed
    allowed = config.data.most_damaged > 0

    def found_by(asked: Network) -> Tensor:
        moments = two_moments(dataset, videos, seed, may_be_damaged=allowed)
        return found_again(*embeddings_of(asked, moments, size, FEWEST).features)

    now, before = found_by(network), found_by(untrained)
    return Learned(
        videos=len(now),
        held_out=held_out,
        found=int(now.sum()),
        untrained=int(before.sum()),
        gained=int((now & ~before).sum()),
        lost=int((before & ~now).sum()),
    )


def asked_about(dataset: ClipIndex) -> tuple[NDArray[np.int64], bool] | None:
    """The videos to ask about, int64 [n], and whether they are held out; None: there are too few.

    Those that are held out if there are enough, and those that are trained on if not.
    """
    for held_out in (True, False):
        videos = np.flatnonzero(dataset.held_out == held_out)
        if len(videos) >= FEWEST:
            chosen = np.linspace(0, len(videos) - 1, min(len(videos), MOST)).astype(np.int64)
            return videos[chosen], held_out
    return None
