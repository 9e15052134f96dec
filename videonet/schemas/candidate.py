"""Videos before anything of them was fetched: what a source said, and what was asked for."""

from typing import Annotated, ClassVar

from videonet.schemas.record import Flat, Record
from videonet.schemas.video_info import DETAILS, VideoInfo


class Sighting(Record, frozen=True, kw_only=True):
    """What a source said of one video, once. The store keeps all sightings of a video."""

    last_columns: ClassVar = DETAILS

    # ours: "youtube:ID", "url:<sha256 of the canonical url>" or "sha256:<of the content>"
    video_key: str
    video: Annotated[VideoInfo, Flat()]
    # kind of source that found it: "catalogue", "folder", ...
    source: str
    # what was asked of the source; None where it was read through
    query: str | None
    # 0-based position in the source's order
    rank: int


class Match(Record, frozen=True, kw_only=True):
    """Why a candidate is one for this target."""

    target_id: str
    # names and synonyms found in the title
    names: tuple[str, ...]
    # the title they were found in; None: the candidate's own
    title: str | None
    query: str | None
    # 0-based position of that title in the source's order
    rank: int


class Candidate(Record, frozen=True, kw_only=True):
    """A video that is to be looked at once, for one or more targets."""

    last_columns: ClassVar = DETAILS

    video_key: str
    # as the source that found it first described it
    video: Annotated[VideoInfo, Flat()]
    source: str
    # content that a lock file asks for; None: whatever is there
    sha256: str | None
    # one a target, in the order of the run's target list
    matches: tuple[Match, ...]
