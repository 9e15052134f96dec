"""What a site answered when it was searched, and what that brought."""

from typing import Annotated, ClassVar

from videonet.schemas.record import Flat, Record
from videonet.schemas.video_info import DETAILS, VideoInfo


class SearchResult(Record, frozen=True, kw_only=True):
    """One row of STORE/search/*.parquet: one result of one query.

    The first columns are those of a catalogue, so such a file can be used as one.
    """

    # when it was asked has a column of its own
    last_columns: ClassVar = tuple(name for name in DETAILS if name != "asked")

    # its live_status is what the site said when it was asked
    video: Annotated[VideoInfo, Flat(video_id="id", root=None, asked=None)]
    # what was asked
    query: str
    # 0-based position among the query's results
    rank: int
    # when it was asked, UTC, ISO 8601, and by which run
    searched: str
    run_id: str


class NameYield(Record, frozen=True, kw_only=True):
    """What searching for one name or synonym of a target brought, over all queries with it."""

    name: str
    queries: int
    # results looked at
    results: int
    # videos whose title names the target and that no earlier result had brought
    new: int
    # what its last failed query failed for; None: all were answered
    failed: str | None


class Search(Record, frozen=True, kw_only=True):
    """What searching for one target brought."""

    target_id: str
    # why it ended: "full", "nothing new", "no more queries" or "failed"
    end: str
    names: tuple[NameYield, ...]
