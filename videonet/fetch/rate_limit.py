"""When each host may be asked: requests and downloads wait here for their hosts."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Condition, Lock

import cachetools
import yarl

from videonet.fetch.failure import NotAskedError
from videonet.fetch.host_state import HostState, Pace, Wanted
from videonet.fetch.lane_keeper import LaneKeeper
from videonet.fetch.lanes import LanedState
from videonet.schemas.progress import ClosedHost
from videonet.stop_signal import StopSignal
from videonet.storage.objects import Objects

_LOOK_UP = 0.25  # seconds; how soon a wait sees that the run is to end
_YEAR = 366 * 86400.0  # seconds; servers may name any number, and a calendar ends


def host_of(url: str) -> str:
    """The host that `url` asks, in lower case, with a port that is not its scheme's own.

    "" where there is none.
    """
    try:
        return (yarl.URL(url).host_port_subcomponent or "").lower()
    except (ValueError, IndexError):
        # yarl raises the second for "//:".
        return ""


class RateLimiter:
    """Says of all hosts when they may be asked. One a run and process, shared by its threads."""

    def __init__(
        self,
        pace: Pace,
        *,
        clock: Callable[[], float] = time.monotonic,
        stop: StopSignal | None = None,
        shared: Objects | None = None,
    ) -> None:
        """`clock` gives seconds that only grow; `stop` ends every wait.

        `shared` is the store of all processes that keep the pace together; None: this one keeps it
        alone. Then `close` is to be called.
        """
        self._pace = pace
        self._clock = clock
        self._stop = stop or StopSignal()
        # are told, in the thread that asks, the host of each request that may be made, and how long
        # a connection of a host was held, seconds
        self.told_request: Callable[[str], object] = _nobody
        self.told_connection: Callable[[str, float], object] = _nobody
        self._lock = Lock()
        self._lanes = (
            None if shared is None else LaneKeeper(shared, self._laned, clock, pace.connections)
        )
        # A host is put here again after every change, so that the time to forget it is up to date.
        self._hosts: cachetools.TLRUCache[str, _Host] = cachetools.TLRUCache(
            math.inf, ttu=lambda _, host, now: host.state.remembered_until(now), timer=clock
        )

    @contextmanager
    def download(self, host: str, seconds: float) -> Iterator[None]:
        """Hold one of the host's connections, waiting up to `seconds` for it; none in a pause.

        Raises NotAskedError (rate limited) at once if the host is or becomes closed, or has to be
        left in peace for longer than `seconds`, and after `seconds` without a free connection.
        Raises Stopped when the run is to end.
        """
        self._take(host, seconds, "connection")
        begin = self._clock()
        try:
            yield
        finally:
            self.told_connection(host, self._clock() - begin)
            with self._changing(host) as held:
                held.state.held -= 1

    def permit(self, host: str, seconds: float) -> "Permit":
        """The right to one request, waiting up to `seconds` for it. Raises like `download`."""
        permit = Permit(self, host, self._take(host, seconds, "permit"))
        self.told_request(host)
        return permit

    def closed_hosts(self) -> list[ClosedHost]:
        """The hosts that this run no longer asks, by name."""
        with self._lock:
            known = [host.closed for host in self._hosts.values() if host.closed is not None]
        return sorted(known, key=lambda closed: closed.host)

    def succeeded(self, name: str, number: int) -> None:
        """The host answered the request of this permit."""
        with self._changing(name) as host:
            host.state.succeeded(number)

    def refused(self, name: str, number: int, retry_after: float | None) -> None:
        """The host refused the request of this permit, perhaps for `retry_after` seconds."""
        with self._changing(name) as host:
            now = self._clock()
            host.state.refused(number, retry_after, now)
            if host.state.closed:
                wait = timedelta(seconds=min(host.state.comes_back() - now, _YEAR))
                until = datetime.now(UTC) + wait
                host.closed = ClosedHost(
                    host=name, refusals=max(1, host.state.refusals), until=until
                )

    def close(self) -> None:
        """Let other processes have what this one may ask; nothing is to be asked afterwards."""
        if self._lanes is not None:
            self._lanes.close()

    def _take(self, name: str, seconds: float, wanted: Wanted) -> int:
        """The number of what is wanted of the host, once there is one."""
        with self._lock:
            host = self._host(name)
            host.state.waiting[wanted] += 1
            self._hosts[name] = host
            try:
                return self._taken(name, host, seconds, wanted)
            finally:
                host.state.waiting[wanted] -= 1
                self._hosts[name] = host

    def _taken(self, name: str, host: "_Host", seconds: float, wanted: Wanted) -> int:
        """As `_take`, with the lock held, but while this waits."""
        end = self._clock() + seconds
        while True:
            self._stop.check()
            if host.closed is not None:
                raise NotAskedError(_why_closed(host.closed, self._pace))
            now = self._clock()
            state = host.state
            taken = state.take_permit(now) if wanted == "permit" else state.take_connection(now)
            if taken is not None:
                return taken
            self._look_after(name, host)
            # Where the next permit comes too late, a connection is of no use either.
            due = host.state.next_permit()
            if due > end:
                raise NotAskedError(f"{name} has no turn in the next {due - now:.1f} s")
            if now >= end:
                raise NotAskedError(f"{name} was busy for {seconds:g} s")
            until = min(due, end) if due > now else end
            host.changed.wait(min(until - now, _LOOK_UP))

    @contextmanager
    def _changing(self, name: str) -> Iterator["_Host"]:
        """A host, to be changed. The threads that wait for the host look at it afterwards."""
        with self._lock:
            host = self._host(name)
            yield host
            self._hosts[name] = host
            host.changed.notify_all()
            self._look_after(name, host)

    def _host(self, name: str) -> "_Host":
        host: _Host | None = self._hosts.get(name)
        if host is None:
            state = HostState(self._pace) if self._lanes is None else LanedState(self._pace)
            host = self._hosts[name] = _Host(state, Condition(self._lock))
        return host

    def _look_after(self, name: str, host: "_Host") -> None:
        """Have other processes asked for lanes, or told of what happened, if that has to be."""
        if (
            self._lanes is not None
            and isinstance(host.state, LanedState)
            and host.state.is_pressing
        ):
            self._lanes.look_soon(name)

    @contextmanager
    def _laned(self, name: str) -> Iterator[LanedState]:
        """The state of a host whose lanes are being looked after, to be changed."""
        with self._changing(name) as host:
            assert isinstance(host.state, LanedState)
            yield host.state
            closed = host.state.closed_elsewhere
            if closed is not None and host.closed is None:
                host.closed = ClosedHost(
                    host=name, refusals=max(1, host.state.refusals), until=closed
                )


class Permit:
    """The right to one request, of which one of the two methods is called once.

    A request that fails for other reasons says nothing of the host's patience: then neither is.
    """

    def __init__(self, limiter: RateLimiter, host: str, number: int) -> None:
        self._limiter = limiter
        self._host = host
        self._number = number

    def succeeded(self) -> None:
        """The host answered the request."""
        self._limiter.succeeded(self._host, self._number)

    def refused(self, retry_after: float | None = None) -> None:
        """The host asks for fewer requests, and perhaps for none for `retry_after` seconds."""
        self._limiter.refused(self._host, self._number, retry_after)


@dataclass
class _Host:
    """The state of a host, and what threads wait at for a change of the state."""

    state: HostState
    changed: Condition
    closed: ClosedHost | None = None


def _nobody(*_: object) -> None:
    """Where nobody counts."""


def _why_closed(closed: ClosedHost, pace: Pace) -> str:
    why = (
        f"kept refusing ({closed.refusals} times in a row)"
        if closed.refusals >= pace.patience
        else "refused and asked for a long wait"
    )
    return f"{closed.host} {why}; come back after {closed.until:%Y-%m-%d %H:%M} UTC"
