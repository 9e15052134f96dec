"""Whether a training has learned, asked at its end.

Asked is whether a frame finds another moment of its own video: what VITO teaches. The untrained
network is asked the same, as it can do some of it by the colours of a video alone. Who asks both is
`beside_untrained`; this needs no PyTorch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from videonet.text import number

# Videos that are asked about. NOTE: ours. Of fewer, hardly any difference is none of chance; of
# more, the end of a training would take minutes.
FEWEST, MOST = 10, 256

# A difference that chance makes less often than this is none of chance, on one side.
_RARE = 0.025


_Share = Annotated[float, Meta(ge=0, le=1)]


class _Values(msgspec.Struct):
    """What a line of the log says of it."""

    same_video: _Share
    untrained: _Share
    videos: Annotated[int, Meta(ge=FEWEST, le=MOST)]
    held_out: Literal[0, 1]
    gained: Annotated[int, Meta(ge=0)]
    lost: Annotated[int, Meta(ge=0)]


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
            "gained": self.gained,
            "lost": self.lost,
        }

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Self | None:
        """What `values` gave; None: what a log says is none of it, or of an earlier version."""
        try:
            said = msgspec.convert(values, _Values)
        except msgspec.ValidationError:
            return None
        found, untrained = (round(each * said.videos) for each in (said.same_video, said.untrained))
        if found - untrained != said.gained - said.lost or said.gained + said.lost > said.videos:
            return None
        return cls(said.videos, bool(said.held_out), found, untrained, said.gained, said.lost)

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


def too_few(videos: int) -> str:
    """What is said where a data set has too few videos to ask about."""
    return (
        f"Whether it learned cannot be told by {number(videos, 'video')}: at least {FEWEST} are "
        "needed."
    )


def _at_least(hits: int, tries: int, one: int, of: int) -> float:
    """The probability of so many hits or more, where each is `one` in `of`."""
    ways = sum(
        comb(tries, count) * one**count * (of - one) ** (tries - count)
        for count in range(hits, tries + 1)
    )
    share: float = ways / of**tries
    return share
