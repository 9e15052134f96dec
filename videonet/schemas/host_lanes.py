"""How the processes that share a store share what one host is asked."""

from datetime import datetime
from typing import Annotated

import msgspec

from videonet.schemas.record import Record


class Claimant(Record, frozen=True, kw_only=True):
    """A process that asks a host, or waits to."""

    # grows each time that the process says that it is still there
    sign: int
    # after so long without a new sign, others take its lanes
    seconds: float
    # that it holds, from 0; none: it waits
    lanes: tuple[int, ...] = ()


class HostLanes(Record, frozen=True, kw_only=True):
    """STORE/host/<digest>.json: who may ask a host at this moment, and what all know of it.

    A host has as many lanes as a run may have connections to it. Times of day are seconds since
    1970-01-01 UTC.
    """

    host: str
    # by name, see `videonet.fetch.lane_keeper`; those that wait are served in this order
    claimants: tuple[tuple[str, Claimant], ...] = ()
    # refusals that counted, ever: of a burst that many processes see, one does
    slowdowns: int = 0
    # as a part of a run's pace, above 0; so many of its lanes are open
    rate: float = 1.0
    # in a row
    refusals: int = 0
    # when it may be asked again, time of day
    resumes: float = 0.0
    # when to come back to a host that is closed; None: it is open
    closed: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    # when nothing of this counts any more but the claimants, time of day
    forgotten: float = 0.0
