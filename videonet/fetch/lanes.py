"""How fast this process may ask a host that others ask, too: within the lanes that it holds.

A host has K lanes, as many as a run may have connections to it. Each lane has a K-th of the pace,
and one holder at a time. So the host is asked no faster than by one process, however many there
are, and whichever of them hold its lanes. A lane saves up nothing: whoever takes one waits for its
first request as long as between two.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from videonet.fetch.host_state import RECOVERY, HostState, Pace
from videonet.schemas.host_lanes import Claimant, HostLanes

# A thread that wakes up late may make good so much, seconds. For that, lanes are a little slower
# than their part of the pace: within ten seconds, a lane gives no more than its part and one.
_LATE = 0.1
_SLOWER = 1.01

# Seconds after which a process that holds a lane lets one have its turn that holds none.
_TURN = 30.0

# Seconds for which a process keeps lanes that it does not need any more.
_KEPT = 10.0

# That a host is closed counts for a day at most, whatever time it has named, seconds.
_LONGEST_CLOSED = 24 * 3600.0


class Wish(NamedTuple):
    """What a process wants of a host."""

    # lanes
    wanted: int
    # connections in use, each of which needs its lane
    held: int
    # whether others are to have their turn
    turn_is_over: bool = False


class Share(NamedTuple):
    """What a process has of a host from now on."""

    lanes: tuple[int, ...]
    # connections that it may begin to use; fewer than lanes, where one is to be free for others
    connections: int


def share_of(me: str, wish: Wish, claimants: Mapping[str, Claimant], lanes: int) -> Share:
    """What a process is to have of a host with so many lanes: of its own, and of what nobody has.

    `claimants` are those that still give signs. Those that wait are served in their order. Where
    lanes are short, whoever has more than a fair part gives away the rest, and whoever has no more
    than that gives away its only lane when its turn is over. Connections in use keep their lanes.
    """
    others = {name: each.lanes for name, each in claimants.items() if name != me}
    taken = {lane for held in others.values() for lane in held}
    before = claimants[me].lanes if me in claimants else ()
    own = [lane for lane in before if lane < lanes]
    wanted = min(wish.wanted, lanes)
    while len(own) > max(wanted, wish.held):
        own.pop()
    free = [lane for lane in range(lanes) if lane not in taken and lane not in own]

    waiting = [name for name, held in others.items() if not held]
    unserved = max(0, len(waiting) - len(free))
    if waiting:
        wanted = min(wanted, max(1, lanes // (len(others) + 1)))
    if unserved and wish.turn_is_over and all(len(held) <= 1 for held in others.values()):
        wanted = 0
    if len(own) < wanted:
        # Free lanes are for those that were here first.
        if me in claimants and not before:
            waiting = [name for name in waiting if _is_before(name, me, claimants)]
        own += free[: max(0, min(wanted - len(own), len(free) - len(waiting)))]
    given = min(unserved, max(0, len(own) - max(wanted, wish.held)))
    own = own[: len(own) - given]
    return Share(tuple(own), min(wanted, len(own)) if unserved > given else len(own))


def _is_before(name: str, me: str, claimants: Mapping[str, Claimant]) -> bool:
    names = list(claimants)
    return names.index(name) < names.index(me)


class LanedState(HostState):
    """What this process may ask of a host, and what it knows of it. One thread at a time."""

    def __init__(self, pace: Pace) -> None:
        super().__init__(pace)
        # when each lane that is held may be asked in next
        self.lanes: dict[int, float] = {}
        # when others may take them
        self.until = -math.inf
        # connections that may be begun, also where more lanes are held
        self._usable = 0
        # whether it wants more than it can have
        self._is_short = False
        # when this process came to hold any
        self._since = math.inf
        # the most lanes that were wanted, and whether any thread had to wait, since when
        self._most, self._has_waited, self._counted = 0, False, -math.inf
        # refusals that counted as others know; those that this process alone knows of, and answers
        # that it has not told of; and how many of these two it is about to tell
        self._slowdowns = 0
        self._untold, self._telling = (0, 0), (0, 0)
        # when to come back, where others have closed the host
        self.closed_elsewhere: datetime | None = None
        self._closed_told = False

    def next_permit(self) -> float:
        """When there will be a permit, as far as is known now; when there is a lane is not."""
        return max(min(self.lanes.values(), default=-math.inf), self.resumes)

    def take_permit(self, now: float) -> int | None:
        """The number of a permit if there is one."""
        self._most = max(self._most, self.demand)
        if now < self.next_permit() or not self._may_ask(now):
            self._has_waited = True
            return None
        lane = min(self.lanes, key=self.lanes.__getitem__)
        self.lanes[lane] = max(self.lanes[lane], now - _LATE) + self._distance
        self._permits += 1
        return self._permits

    def take_connection(self, now: float) -> int | None:
        """How many connections are in use, with the one that was free."""
        self._most = max(self._most, self.demand)
        usable = min(self._usable, len(self.lanes))
        if now < self.resumes or self.held >= usable or not self._may_ask(now):
            return None
        self.held += 1
        return self.held

    def succeeded(self, permit: int) -> None:
        """A request was answered."""
        if permit > self._outdated:
            refusals, answers = self._untold
            self._untold = refusals, answers + 1
        super().succeeded(permit)

    def refused(self, permit: int, retry_after: float | None, now: float) -> None:
        """A request was refused, and the host asked to wait `retry_after` seconds."""
        if permit > self._outdated:
            self._untold = self._untold[0] + 1, 0
        super().refused(permit, retry_after, now)

    def remembered_until(self, now: float) -> float:
        """As for a host that it asks alone, and for as long as it holds or wants lanes."""
        return math.inf if self.lanes or self.demand else super().remembered_until(now)

    @property
    def demand(self) -> int:
        """The lanes that its threads have need of at this moment."""
        return self.waiting["connection"] + max(self.held, self.waiting["permit"])

    @property
    def is_pressing(self) -> bool:
        """Whether lanes are to be asked for, given away, or others told something, soon."""
        return (
            (self.demand > len(self.lanes) and not self._is_short)
            or max(self._usable, self.held) < len(self.lanes)
            or self._untold[0] > 0
            or (self.closed and not self._closed_told)
        )

    @property
    def open_lanes(self) -> int:
        """After refusals there are fewer."""
        return max(1, int(self._part * self._pace.connections + 1e-6))

    @property
    def _part(self) -> float:
        return self.rate / self._pace.requests_per_second

    @property
    def _distance(self) -> float:
        """Seconds between two requests in one lane.

        They are never less than at the full pace over all lanes. So processes that know of
        different refusals keep the pace together.
        """
        least = self._pace.connections / self._pace.requests_per_second
        return _SLOWER * max(least, self.open_lanes / self.rate)

    def _may_ask(self, now: float) -> bool:
        return bool(self.lanes) and now < self.until

    # What processes tell each other.

    def settle(
        self, known: HostLanes, me: str, sign: Claimant, now: float, wall: float
    ) -> HostLanes:
        """What all are to know from now on, where they know `known`; lanes given up are gone now.

        `known` has no claimants but those that still give signs, `sign` is this one's next, and
        `wall` the time of day. Once others know what comes of this, `hold` is to follow.
        """
        told = self._told(known, now, wall)
        wanted = needed = max(self._most, self.demand)
        if self._has_waited and needed:
            # One thread may be worth more than a lane where there are enough of them.
            wanted = max(wanted, 2 * len(self.lanes))
        wish = Wish(wanted, self.held, now > self._since + max(_TURN, 4 * self._distance))
        claimants = dict(known.claimants)
        share = share_of(me, wish, claimants, self.open_lanes)
        self._usable, self._is_short = share.connections, len(share.lanes) < needed
        self.lanes = {lane: slot for lane, slot in self.lanes.items() if lane in share.lanes}
        before = claimants.get(me)
        if before is not None and not share.lanes and (before.lanes or not self.demand):
            # Out of those that wait, or to their end.
            del claimants[me]
        waiting = sum(not each.lanes for each in claimants.values())
        # More of them would come to write too often.
        if share.lanes or me in claimants or (self.demand and waiting < 2 * self.open_lanes):
            claimants[me] = msgspec.structs.replace(sign, lanes=share.lanes)
        return msgspec.structs.replace(told, claimants=tuple(claimants.items()))

    def hold(self, shared: HostLanes, me: str, now: float, until: float) -> None:
        """All know `shared` by now: the lanes that this process has there are its own `until`."""
        claimant = dict(shared.claimants).get(me)
        first = now + self._distance
        held = claimant.lanes if claimant else ()
        self.lanes = {lane: self.lanes.get(lane, first) for lane in held}
        self.until = until
        self._since = min(self._since, now) if held else math.inf
        if now >= self._counted + _KEPT:
            self._most, self._has_waited, self._counted = self.demand, False, now
        refusals, answers = self._untold
        self._untold = refusals - self._telling[0], max(0, answers - self._telling[1])
        self._slowdowns = shared.slowdowns
        if not self._untold[0]:
            self._adopt(shared)
        self._closed_told = shared.closed is not None
        if shared.closed is not None and not self.closed:
            self.closed_elsewhere, self.closed_at = shared.closed, now
            self.resumes = math.inf
            self._outdated = self._permits

    def _told(self, known: HostLanes, now: float, wall: float) -> HostLanes:
        """What is known of the host, with what only this process knew."""
        if wall > known.forgotten:
            known = HostLanes(host=known.host, claimants=known.claimants, slowdowns=known.slowdowns)
        if known.slowdowns != self._slowdowns:
            # Others were refused meanwhile: of a burst one refusal counts, and answers to what was
            # asked before it do not.
            self._slowdowns, self._untold = known.slowdowns, (0, 0)
            self._outdated = self._permits
            self._adopt(known)
        self.resumes = max(self.resumes, now + known.resumes - wall)
        refusals, answers = self._telling = self._untold
        rate, in_a_row, forgotten = known.rate, known.refusals, known.forgotten
        if refusals:
            rate, in_a_row = self._part, self.refusals
            forgotten = wall + self._pace.come_back
        elif answers:
            rate, in_a_row = min(1.0, rate + answers / RECOVERY), 0
        resumes, closed = wall + self.resumes - now, known.closed
        if self.closed and not self._closed_told and closed is None:
            left = min(self.comes_back() - now, _LONGEST_CLOSED)
            closed = datetime.fromtimestamp(wall + left, UTC)
        if closed is not None:
            resumes, forgotten = 0.0, max(forgotten, closed.timestamp())
        return msgspec.structs.replace(
            known,
            slowdowns=known.slowdowns + refusals,
            rate=rate,
            refusals=in_a_row,
            resumes=resumes if resumes > wall else 0.0,
            closed=closed,
            forgotten=forgotten,
        )

    def _adopt(self, known: HostLanes) -> None:
        self.rate = known.rate * self._pace.requests_per_second
        self.refusals = known.refusals
        longest = self._pace.longest_pause
        self._pause = min(self._pace.pause * 2.0 ** min(known.refusals, 32), longest)
