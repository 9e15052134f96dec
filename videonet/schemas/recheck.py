"""What became of kept videos since: the answers of `videonet recheck`, in OUT/_state/recheck."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from videonet.schemas.reason import Reason
from videonet.schemas.record import Record


class Now(StrEnum):
    """How a video was found."""

    HERE = "here"
    GONE = "gone"
    PRIVATE = "private"
    OTHER_LICENCE = "other licence"
    # nothing is known: the site is down, refuses, or answers in a way that says nothing sure
    UNTOLD = "untold"

    @property
    def is_proposed(self) -> bool:
        """Whether it is a ground to take the video out, which a person decides."""
        return self in (Now.GONE, Now.PRIVATE, Now.OTHER_LICENCE)


class RecheckAnswer(Record, frozen=True, kw_only=True):
    """What was found of one video, at one time."""

    video_key: str
    video_id: str
    # when, UTC
    asked: Annotated[datetime, msgspec.Meta(tz=True)]
    now: Now
    # why it could not be had; None: it could
    reason: Reason | None
    # for people: the site's words, or both licences; at most 300 characters
    said: str


class Round(Record, frozen=True, kw_only=True):
    """A call of `videonet recheck` that has not ended: the same call goes on with it."""

    # when it began, UTC: what was answered later need not be asked again
    begun: Annotated[datetime, msgspec.Meta(tz=True)]
    # what was to be asked again, days
    older_than: float
