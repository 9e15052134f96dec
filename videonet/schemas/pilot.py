"""What a pilot has looked at and seen: STORE/plans/<key>.json, which forecasts are made of."""

from typing import Annotated

import msgspec

from videonet.schemas.reason import Reason
from videonet.schemas.record import Record

# Of what a candidate took, the seconds for which a connection of its host was held; what else it
# took has the names of stages.
DOWNLOAD = "download"

# A share of what is sampled: never 0.
Chance = Annotated[float, msgspec.Meta(gt=0, le=1)]


class KnownVideos(Record, frozen=True, kw_only=True):
    """Candidates of a class on which the source and the store have the last word already."""

    videos: int = 0
    kept: int = 0
    # of the kept ones: their lengths, clips, and bytes
    seconds: float = 0.0
    clips: int = 0
    bytes: int = 0
    # bytes of those among them that are not in the store any more, and are fetched again
    to_fetch: int = 0


class ClassCount(Record, frozen=True, kw_only=True):
    """The candidates of a class; one that was found for several belongs to the first of them."""

    target_id: str
    name: str
    # candidates that are not known, and the sum of their sizes: see `videonet.planning.sample`
    unknown: int
    size: float
    # where they were sampled: the class's own id, or "" for all classes with few candidates
    stratum: str
    known: KnownVideos = KnownVideos()


class Sampled(Record, frozen=True, kw_only=True):
    """A candidate that a pilot looks at."""

    video_key: str
    # its class: see `ClassCount`
    target_id: str
    stratum: str
    chance: Chance
    size: float
    # "": it is a local file
    host: str


class Observed(Sampled, frozen=True, kw_only=True):
    """A candidate that a pilot has looked at, and what that took."""

    kept: bool
    # None when kept
    reason: Reason | None
    # of a kept video, its length
    seconds: float = 0.0
    # bytes that were asked of the web: the whole file, or the part that first frames need
    moved: int = 0
    # bytes of the whole file, if that was fetched
    bytes: int = 0
    clips: int = 0
    # bytes of its clips
    clip_bytes: int = 0
    scanned: bool = False
    # requests by host
    requests: dict[str, int] = msgspec.field(default_factory=dict)
    # seconds of one thread by stage; None: the process was killed before it said so
    took: dict[str, float] | None = None


class Choice(Record, frozen=True, kw_only=True):
    """Which candidates a pilot looks at: written before it begins."""

    # titles that were looked at
    titles: int
    # of declared durations, seconds; 0: none is declared
    mean_duration: float
    # candidates whose source declares a duration
    declared: int
    # those that have candidates, in the order of the class list
    classes: tuple[ClassCount, ...]
    sampled: tuple[Sampled, ...]


class Pilot(Record, frozen=True, kw_only=True):
    """A pilot that is done."""

    titles: int
    mean_duration: float
    declared: int
    classes: tuple[ClassCount, ...]
    observed: tuple[Observed, ...]
    # where the classifier was: "cpu" or "cuda"
    device: str
