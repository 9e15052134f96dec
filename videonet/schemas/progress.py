"""How far a run is, and what its stages cost: counted by each of its processes while it goes on."""

from datetime import datetime
from typing import Annotated

import msgspec

from videonet.schemas.record import Record


class StageCost(Record, frozen=True, kw_only=True):
    """What one stage took so far. Threads work beside each other: their seconds are summed."""

    # spent at work, seconds of all threads
    seconds: float
    # candidates, targets or shards that were worked on; what was done before does not count
    items: int
    # bytes that went through it: asked of the web, read, or written
    bytes: int


class HostCount(Record, frozen=True, kw_only=True):
    """How a host answered for some minutes: videos that were fetched, and that failed."""

    # of the minutes, since 1970-01-01 UTC, seconds
    begun: int
    fetched: int
    failed: int


class ClosedHost(Record, frozen=True, kw_only=True):
    """A host that a run no longer asks."""

    host: str
    # in a row, each after the wait that was due
    refusals: int
    # When to come back, UTC: as the host said, and not before the pace's `come_back` if it had
    # been asked again and again by then.
    until: Annotated[datetime, msgspec.Meta(tz=True)]


class ProcessProgress(Record, frozen=True, kw_only=True):
    """STORE/progress/<run>/<process>.json: what one process has done of a run."""

    # "<host>-<pid>"
    process: str
    # UTC, ISO 8601: when the process began, and when it last said anything
    begun: str
    updated: str
    # targets that were searched for, where a site is searched
    searched: int
    # pairs of candidate and target in the whole run, or in the part of the candidate list that the
    # process looks at; 0 until the list is complete
    pairs: int
    # pairs that have a verdict
    kept: int
    # by reason
    rejected: dict[str, int]
    failed: dict[str, int]
    # of these pairs, those that were decided in the last `recent_seconds`: a few minutes, or less
    # where the process has not looked at videos for so long; both 0 until it does
    recent_pairs: int
    recent_seconds: float
    # by name of the stage: "search", "download", "scan", "measure", "cut", "captions", "write"
    stages: dict[str, StageCost]
    # by host, of the last hour, in the order of time; the hosts that were asked most
    hosts: dict[str, tuple[HostCount, ...]] = msgspec.field(default_factory=dict)
    # the hosts that the process no longer asks, in alphabetical order
    closed: tuple[ClosedHost, ...] = ()
    # whether the process has ended its work on the run: it is done, or was stopped
    ended: bool = False
    # the part of the candidate list that the process looks at, such as "3/8"; "": all of it
    part: str = ""
    # of the process number: where else it may be another process's; "": not known
    namespace: str = ""
