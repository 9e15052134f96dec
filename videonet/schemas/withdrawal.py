"""A video that its makers, or anybody with a say, want out of all data sets; and lists of such."""

from typing import Annotated, Literal

import msgspec

from videonet.schemas.record import Record

# Longer than any id or key of a video, characters.
MOST_ID = 4_096

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_ID)]


class Withdrawal(Record, frozen=True, kw_only=True):
    """Kept in the store, and in OUT for those who use OUT with another store."""

    video_key: str
    # what the source calls it
    video_id: str


class ListedVideo(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One video in a list that `videonet withdraw --from` takes: a JSON array of these.

    OUT/withdrawn.json is such a list. So are the marks of a sample page, which also name what is to
    stay, and the proposals of `videonet recheck`, which say why.
    """

    video_key: Id
    video_id: Id
    # "keep": a person looked at it, and it stays
    mark: Literal["drop", "keep"] = "drop"
    # for people
    reason: Annotated[str, msgspec.Meta(max_length=2_000)] | None = None
