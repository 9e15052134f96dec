"""Whether a training has learned, asked at its end.

Asked is whether a frame finds another moment of its own video: what VITO teaches. The untrained
network is asked the same, as it can do some of it by the colours of a video alone.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from videonet.text import number
from videonet.training.config import Config
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.loader import two_moments
from videonet.training.evaluation import embeddings_of
from videonet.training.models.network import Network
from videonet.training.retrieval import found_again

# Videos that are asked about. NOTE: ours. Of fewer, hardly any difference is none of chance; of
# more, the end of a training would take minutes.
FEWEST, MOST = 10, 256

# A difference that chance makes less often than this is none of chance, on one side.
_RARE = 0.025


@dataclass(frozen=True)
class Learned:
    """Of how many videos a frame of the first third finds one of the last third among all."""

    videos: int
    # whether they were held out, or trained on
    held_out: bool
    # by the network that was trained, and by the one that it was before its first step
    found: int
    untrained: int
    # by the one and not by the other
    gained: int
    lost: int

    @property
    def is_shown(self) -> bool:
        """Whether neither chance nor the untrained network explains it."""
        more = _at_least(self.gained, self.gained + self.lost, 1, 2)
        beyond_chance = _at_least(self.found, self.videos, 1, self.videos)
        return max(more, beyond_chance) < _RARE

    @property
    def can_be_shown(self) -> bool:
        """Whether the untrained network leaves enough videos: finding them all would show it."""
        left = self.videos - self.untrained
        return _at_least(left, left, 1, 2) < _RARE

    def values(self) -> dict[str, float]:
        """As a line of the log has it; shares are 0 to 1."""
        return {
            "same_video": self.found / self.videos,
            "untrained": self.untrained / self.videos,
            "chance": 1 / self.videos,
            "videos": self.videos,
            "held_out": int(self.held_out),
        }

    def sentence(self) -> str:
        """Whether it learned, in one sentence."""
        if self.is_shown:
            verdict = "It learned"
        elif self.can_be_shown:
            verdict = "Nothing shows that it learned"
        else:
            verdict = "These videos are too easy to show whether it learned"
        which = "held-out videos" if self.held_out else "videos that it was trained on"
        shares = self.values()
        others = "" if self.held_out else "; of others, data.held_out would tell"
        return (
            f"{verdict}: a frame finds another moment of its video in {shares['same_video']:.0%} "
            f"of {self.videos} {which}, where the untrained network does in "
            f"{shares['untrained']:.0%} and chance in {shares['chance']:.1%}{others}."
        )


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


def too_few(dataset: ClipIndex) -> str:
    """What is said where there are too few videos to ask about."""
    return (
        f"Whether it learned cannot be told by {number(len(dataset.held_out), 'video')}: at least "
        f"{FEWEST} are needed."
    )


def _at_least(hits: int, tries: int, one: int, of: int) -> float:
    """The probability of so many hits or more, where each is `one` in `of`."""
    ways = sum(
        comb(tries, count) * one**count * (of - one) ** (tries - count)
        for count in range(hits, tries + 1)
    )
    share: float = ways / of**tries
    return share
