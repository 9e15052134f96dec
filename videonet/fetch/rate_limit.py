"""How a run behaves towards each host that it asks: how fast, how much at once, how long.

A host that refuses (429, a bot check) is left in peace for a while, then asked half as fast, and
faster again as it answers. One that keeps refusing is asked no more in this run.
"""

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
from videonet.stop_signal import StopSignal

# Requests that a host's idle time saves up for it, as seconds at its current rate.
BURST = 1.0

# No host is asked more slowly than this, requests per second; below it, pauses have to do. YouTube
# bears about 1,000 an hour from a guest (yt-dlp's wiki on extractors, "Common YouTube Errors").
SLOWEST = 0.25

# Successes that bring a slowed host another connection. Its rate grows with each one a little:
# so that a host which refuses one request in twenty is asked ever less, but not at last hardly at
# all, and one that has calmed down is back at the full rate after 200.
SUCCESSES = 20
RECOVERY = 200

# Seconds for which an idle host is remembered although it did nothing wrong: the answers to its
# requests may take as long. 10,000 hosts are 15 MB.
REMEMBERED = 600.0

_LOOK_UP = 0.25  # seconds; how soon a wait sees that the run is to end
_YEAR = 366 * 86400.0  # seconds; servers may name any number, and a calendar ends


@dataclass(frozen=True)
class Pace:
    """The most that a run asks of one host, and when it stops asking. All are above zero."""

    requests_per_second: float = 5.0
    # downloads at once from one host
    connections: int = 4
    # refusals in a row, each after the wait that was due, until the host is left alone
    patience: int = 10
    # Seconds a host is left in peace after a refusal that names no time. It doubles with each
    # refusal in a row, up to the longest: ten of them take 20 minutes.
    pause: float = 5.0
    # seconds; a host that asks for a longer wait is left alone at once
    longest_pause: float = 300.0
    # Seconds until it may be worth asking again a host that did not say when: YouTube limits a
    # session for up to an hour, says yt-dlp.
    come_back: float = 3600.0


@dataclass(frozen=True)
class ClosedHost:
    """A host that this run no longer asks."""

    host: str
    # in a row, each after the wait that was due
    refusals: int
    # When to come back, UTC: as the host said, and not before the pace's `come_back` if it had
    # been asked again and again by then.
    until: datetime


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
                host.closed = ClosedHost(name, max(1, host.state.refusals), until)

    def _take(
        self, name: str, seconds: float, take: Callable[["HostState", float], int | None]
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


class HostState:
    """What one host bears, from how it answered. Times are seconds on the caller's clock.

    Permits are numbered. The answers to permits that were given before the last refusal that
    counted speak of the faster pace of then: of a burst, one refusal counts. No permit is given
    during a pause. So each refusal that counts is of a request that was made after the wait that
    was due, and refusals are in a row if no request between them was answered.
    """

    def __init__(self, pace: Pace) -> None:
        self.rate = pace.requests_per_second
        self.connections = pace.connections
        # connections in use; after a refusal perhaps more than `connections`, until they end
        self.held = 0
        # in a row
        self.refusals = 0
        # when the host may be asked again in this run
        self.resumes = -math.inf
        # when it was closed
        self.closed_at: float | None = None
        self._pace = pace
        self._slot = -math.inf
        self._permits = 0
        self._outdated = 0  # the last permit whose answer no longer counts
        self._pause = min(pace.pause, pace.longest_pause)
        self._successes = 0
        self._named = -math.inf  # the latest time that a Retry-After stood for

    @property
    def closed(self) -> bool:
        """Whether it is not to be asked again."""
        return self.closed_at is not None

    def next_permit(self) -> float:
        """When there will be a permit, as far as is known now."""
        return max(self._slot, self.resumes)

    def take_permit(self, now: float) -> int | None:
        """The number of a permit if there is one.

        Permits lie on a line at even distances that may lag behind the clock by BURST.
        """
        if now < self.next_permit():
            return None
        distance = 1 / self.rate
        self._slot = max(self.next_permit(), now - max(0.0, BURST - distance)) + distance
        self._permits += 1
        return self._permits

    def take_connection(self, now: float) -> int | None:
        """How many connections are in use, with the one that was free."""
        if now < self.resumes or self.held >= self.connections:
            return None
        self.held += 1
        return self.held

    def succeeded(self, permit: int) -> None:
        """A request was answered."""
        if permit <= self._outdated:
            return
        self.refusals = 0
        self._pause = min(self._pace.pause, self._pace.longest_pause)
        full = self._pace.requests_per_second
        self.rate = min(full, self.rate + full / RECOVERY)
        self._successes += 1
        if self._successes % SUCCESSES == 0:
            self.connections = min(self._pace.connections, self.connections + 1)

    def refused(self, permit: int, retry_after: float | None, now: float) -> None:
        """A request was refused, and the host asked to wait `retry_after` seconds."""
        if permit > self._outdated:
            self._slow_down()
            if retry_after is None:
                self.resumes = max(self.resumes, now + self._pause)
            self._pause = min(2 * self._pause, self._pace.longest_pause)
        if retry_after is not None:
            self._named = max(self._named, now + retry_after)
            self.resumes = max(self.resumes, self._named)
        asks_too_much = retry_after is not None and retry_after > self._pace.longest_pause
        if not self.closed and (asks_too_much or self.refusals >= self._pace.patience):
            self.closed_at = now
            self.resumes = math.inf
            self._outdated = self._permits

    def _slow_down(self) -> None:
        self._outdated = self._permits
        self.refusals += 1
        self.rate = max(self.rate / 2, min(SLOWEST, self._pace.requests_per_second))
        self.connections = max(1, self.connections // 2)

    def comes_back(self) -> float:
        """When a closed host may be asked again, by another run."""
        assert self.closed_at is not None
        if self.refusals < self._pace.patience:
            return self._named
        # Short waits were obeyed, and of no use.
        return max(self._named, self.closed_at + self._pace.come_back)

    def remembered_until(self, now: float) -> float:
        """When a new state would treat the host the same, or after it was left in peace for long.

        Infinite while connections are in use, and for a host that was closed. A host that a thread
        waits for has connections in use, or a next permit that is still to come.
        """
        if self.held or self.closed:
            return math.inf
        pace = (self._pace.requests_per_second, self._pace.connections, 0)
        unharmed = (self.rate, self.connections, self.refusals) == pace
        return max(now, self.next_permit()) + (REMEMBERED if unharmed else self._pace.come_back)


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
