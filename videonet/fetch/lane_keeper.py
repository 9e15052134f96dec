"""The lanes of hosts that a process holds: taken, renewed and given back in the store.

    STORE/host/<digest>.json    who may ask a host, and what all know of it

A process reads and writes there before it first asks a host, and again every ten seconds as long
as it asks it. Nobody's clock matters: a holder is gone when others have seen no new sign of it for
longer than it believes in its lanes.
"""

import hashlib
import math
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from typing import Protocol

import msgspec

from videonet.errors import UsageError
from videonet.files import has_ended, process_name
from videonet.schemas.host_lanes import Claimant, HostLanes
from videonet.storage.objects import Objects, Versioned
from videonet.storage.side_by_side import side_by_side

# Seconds after which a holder gives the next sign, at least. All holders of a host write the same
# object, and buckets take one write a second of it: with many lanes, signs are rarer.
RENEW, _A_LANE = 10.0, 1.25

# Who has given no sign for three times as long is gone. A holder believes in its lanes for less, so
# that it has stopped by then.
_GONE, _BELIEVED = 3.0, 2.5

# Seconds after which a holder looks at least: so soon it has heard that a host is closed.
_HEARD = 25.0

# Seconds after which a process that waits for a lane looks again, and the least between two looks.
_LOOK, _LEAST = 2.0, 1.0

# Hosts that are looked after at the same time: a bucket answers in 30 ms and more.
_AT_ONCE = 8

# How often others may write first before this process waits for a moment.
_TRIES = 4


class Laned(Protocol):
    """What a process knows of a host: see `videonet.fetch.lanes.LanedState`."""

    lanes: dict[int, float]

    @property
    def demand(self) -> int:
        """The lanes that its threads have need of at this moment."""

    def settle(
        self, known: HostLanes, me: str, sign: Claimant, now: float, wall: float
    ) -> HostLanes:
        """What all are to know from now on."""

    def hold(self, shared: HostLanes, me: str, now: float, until: float) -> None:
        """All know this by now."""


class LaneKeeper:
    """The lanes of one process at all hosts. Safe to share between threads."""

    def __init__(
        self,
        objects: Objects,
        state_of: Callable[[str], AbstractContextManager[Laned]],
        clock: Callable[[], float],
        lanes: int,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`state_of` gives what this process knows of a host, for one thread at a time.

        `clock` gives seconds that only grow, `wall` the time of day. Hosts have so many `lanes`.
        Nothing is read or written before the first `look_soon`.
        """
        self._objects, self._state_of, self._clock, self._wall = objects, state_of, clock, wall
        self._me = f"{process_name()}.{uuid.uuid4().hex[:12]}"
        self._renew = max(RENEW, _A_LANE * lanes)
        # the keeper's own, by host: when each is to be looked after, and what is being looked after
        self._changed = threading.Condition()
        self._due: dict[str, float] = {}
        self._looked: dict[str, float] = {}
        self._busy: set[str] = set()
        self._over = False
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None
        # by host and claimant: its last sign, and when it was first seen here
        self._seen: dict[str, dict[str, tuple[int, float]]] = {}
        # by host: the last sign that was given, and when
        self._signs: dict[str, tuple[int, float]] = {}

    def look_soon(self, host: str) -> None:
        """Look after a host's lanes as soon as may be. This does not wait."""
        with self._changed:
            if self._over:
                return
            at = self._looked.get(host, -math.inf) + _LEAST
            if at >= self._due.get(host, math.inf):
                return
            self._due[host] = at
            if self._thread is None:
                self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lanes")
                self._thread = threading.Thread(target=self._keep, name="lanes", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Let others have all lanes. Where the store cannot be reached, they end by themselves."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
            thread, pool = self._thread, self._pool
        if thread is not None and pool is not None:
            thread.join()
            # What is being looked after ends first, so that nothing is taken afterwards.
            pool.shutdown()
        list(side_by_side(_AT_ONCE, self._leave, list(self._signs)))

    def _keep(self) -> None:
        assert self._pool is not None
        while True:
            with self._changed:
                if self._over:
                    return
                now = self._clock()
                due = {host: at for host, at in self._due.items() if host not in self._busy}
                ready = [host for host, at in due.items() if at <= now]
                if not ready:
                    self._changed.wait(min(due.values(), default=math.inf) - now if due else None)
                    continue
                for host in ready:
                    self._busy.add(host)
                    self._looked[host] = now
                    self._due[host] = math.inf
            for host in ready:
                self._pool.submit(self._look_after, host)

    def _look_after(self, host: str) -> None:
        # Where the store is out of reach, lanes end, and hosts are asked no more, until it is back.
        again: float | None = _LOOK
        with suppress(OSError, UsageError):
            again = self.look(host)
        with self._changed:
            self._busy.discard(host)
            if again is not None:
                self._due[host] = min(self._due[host], self._clock() + again)
            elif self._due[host] == math.inf:
                # Nobody has asked for it meanwhile.
                del self._due[host], self._looked[host]
                self._seen.pop(host, None)
                self._signs.pop(host, None)
            self._changed.notify_all()

    def look(self, host: str) -> float | None:
        """Bring the lanes of a host up to date; seconds to the next look, None: none is needed.

        Raises OSError and UsageError.
        """
        for _ in range(_TRIES):
            read, known = self._read(host)
            now = self._clock()
            number, given = self._signs.get(host, (0, -math.inf))
            if now >= given + self._renew:
                number, given = number + 1, now
            sign = Claimant(sign=number, seconds=_GONE * self._renew)
            with self._state_of(host) as state:
                shared = state.settle(known, self._me, sign, now, self._wall())
            if self._written(host, shared, read):
                self._signs[host] = number, given
                with self._state_of(host) as state:
                    until = given + _BELIEVED * self._renew
                    state.hold(shared, self._me, self._clock(), until)
                    if state.lanes:
                        return min(self._renew, _HEARD)
                    # Who stands there as waiting looks again, if only to go.
                    is_there = any(name == self._me for name, _ in shared.claimants)
                    return _LOOK if state.demand or is_there else None
        return _LEAST

    def _leave(self, host: str) -> None:
        with suppress(OSError, UsageError):
            for _ in range(_TRIES):
                with self._state_of(host) as state:
                    state.lanes.clear()
                read, known = self._read(host)
                others = tuple(each for each in known.claimants if each[0] != self._me)
                left = msgspec.structs.replace(known, claimants=others)
                if others == known.claimants or self._written(host, left, read):
                    return

    def _read(self, host: str) -> tuple[Versioned | None, HostLanes]:
        """What the store says of a host, without claimants that are gone."""
        read = self._objects.read_versioned(_name_of(host))
        known = HostLanes(host=host)
        if read is not None:
            # What a failing disk has damaged says nothing.
            with suppress(msgspec.DecodeError):
                known = HostLanes.from_json(read.data)
        now, seen = self._clock(), self._seen.get(host, {})
        there: dict[str, tuple[int, float]] = {}
        left = []
        for name, claimant in known.claimants:
            sign, since = seen.get(name, (-1, now))
            there[name] = (claimant.sign, now if sign != claimant.sign else since)
            is_gone = now > there[name][1] + claimant.seconds or has_ended(name.partition(".")[0])
            if name == self._me or not is_gone:
                left.append((name, claimant))
        self._seen[host] = there
        return read, msgspec.structs.replace(known, claimants=tuple(left))

    def _written(self, host: str, shared: HostLanes, read: Versioned | None) -> bool:
        """Let all know this, unless somebody has written since `read`."""
        name = _name_of(host)
        if shared == HostLanes(host=host, slowdowns=shared.slowdowns):
            return read is None or self._objects.delete(name, read.generation)
        data = shared.to_json()
        if read is None:
            return self._objects.write_once(name, data) is not None
        return data == read.data or self._objects.write_if(name, data, read.generation) is not None


def _name_of(host: str) -> str:
    return f"host/{hashlib.sha256(host.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.json"
