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
from videonet.fetch.host_state import HostState, Pace
from videonet.schemas.progress import ClosedHost
from videonet.stop_signal import StopSignal

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
    ) -> None:
        """`clock` gives seconds that only grow; `stop` ends every wait."""
        self._pace = pace
        self._clock = clock
        self._stop = stop or StopSignal()
        self._lock = Lock()
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
        self._take(host, seconds, HostState.take_connection)
        try:
            yield
        finally:
            with self._changing(host) as held:
                held.state.held -= 1

    def permit(self, host: str, seconds: float) -> "Permit":
        """The right to one request, waiting up to `seconds` for it. Raises like `download`."""
        return Permit(self, host, self._take(host, seconds, HostState.take_permit))

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

    def _take(
        self, name: str, seconds: float, take: Callable[[HostState, float], int | None]
    ) -> int:
        """The number that `take` gives of the host, once it gives one."""
        with self._lock:
            host = self._host(name)
            end = self._clock() + seconds
            while True:
                self._stop.check()
                if host.closed is not None:
                    raise NotAskedError(_why_closed(host.closed, self._pace))
                now = self._clock()
                taken = take(host.state, now)
                if taken is not None:
                    self._hosts[name] = host
                    return taken
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

    def _host(self, name: str) -> "_Host":
        host: _Host | None = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(HostState(self._pace), Condition(self._lock))
        return host


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


def _why_closed(closed: ClosedHost, pace: Pace) -> str:
    why = (
        f"kept refusing ({closed.refusals} times in a row)"
        if closed.refusals >= pace.patience
        else "refused and asked for a long wait"
    )
    return f"{closed.host} {why}; come back after {closed.until:%Y-%m-%d %H:%M} UTC"
