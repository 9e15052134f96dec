"""How a run behaves towards each host that it asks: how fast, how much at once, how long.

A host that refuses (429, a bot check) is left in peace for a while, then asked half as fast, and
faster again as it answers. One that keeps refusing is asked no more in this run.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Condition, Lock

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

# Hosts that are remembered although nothing is wrong with them: 6 MB.
REMEMBERED = 4096

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
class Closed:
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


class Politeness:
    """Says of all hosts when they may be asked. One a process, shared by its threads."""

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
        # the one that was asked least lately first
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

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
            with self._changing(host) as state:
                state.held -= 1

    def turn(self, host: str, seconds: float) -> "Turn":
        """The right to one request, waiting up to `seconds` for it. Raises like `download`."""
        return Turn(self, host, self._take(host, seconds, HostState.take_turn))

    def closed(self) -> list[Closed]:
        """The hosts that this run no longer asks, by name."""
        with self._lock:
            known = [host.closed for host in self._hosts.values() if host.closed is not None]
        return sorted(known, key=lambda closed: closed.host)

    def _succeeded(self, host: str, number: int) -> None:
        with self._changing(host) as state:
            state.succeeded(number)

    def _refused(self, host: str, number: int, retry_after: float | None) -> None:
        with self._changing(host) as state:
            now = self._clock()
            state.refused(number, retry_after, now)
            if state.closed:
                wait = timedelta(seconds=min(state.comes_back() - now, _YEAR))
                until = datetime.now(UTC) + wait
                self._hosts[host].closed = Closed(host, max(1, state.refusals), until)

    def _take(
        self, name: str, seconds: float, take: Callable[["HostState", float], int | None]
    ) -> int:
        """What `take` gives of the host at some moment, once there is any."""
        with self._lock:
            host = self._host(name)
            host.waiting += 1
            try:
                end = self._clock() + seconds
                while True:
                    self._stop.check()
                    if host.closed is not None:
                        raise NotAskedError(_why_closed(host.closed, self._pace))
                    now = self._clock()
                    taken = take(host.state, now)
                    if taken is not None:
                        return taken
                    # Where the next turn comes too late, a connection is of no use either.
                    due = host.state.next_turn()
                    if due > end:
                        raise NotAskedError(f"{name} has no turn in the next {due - now:.1f} s")
                    if now >= end:
                        raise NotAskedError(f"{name} was busy for {seconds:g} s")
                    until = min(due, end) if due > now else end
                    host.changed.wait(min(until - now, _LOOK_UP))
            finally:
                host.waiting -= 1

    @contextmanager
    def _changing(self, name: str) -> Iterator["HostState"]:
        """The state of a host, to be changed; whoever waits for the host looks at it then."""
        with self._lock:
            host = self._host(name)
            yield host.state
            host.changed.notify_all()

    def _host(self, name: str) -> "_Host":
        host = self._hosts.get(name)
        if host is None:
            self._forget()
            host = self._hosts[name] = _Host(HostState(self._pace), Condition(self._lock))
        self._hosts.move_to_end(name)
        return host

    def _forget(self) -> None:
        """Make room for one more host.

        Two are looked at for one that comes. So this never takes long, and for each host that has
        to be remembered about one stays that could go.
        """
        if len(self._hosts) < REMEMBERED:
            return
        now = self._clock()
        for name, host in list(islice(self._hosts.items(), 2)):
            if host.waiting == 0 and host.state.forgettable(now):
                del self._hosts[name]
            else:
                self._hosts.move_to_end(name)


class Turn:
    """The right to one request; whoever made it says once how the host answered.

    A request that came to nothing for other reasons says nothing of the host's patience.
    """

    def __init__(self, politeness: Politeness, host: str, number: int) -> None:
        self._politeness = politeness
        self._host = host
        self._number = number

    def succeeded(self) -> None:
        """The host gave what it was asked for."""
        self._politeness._succeeded(self._host, self._number)

    def refused(self, retry_after: float | None = None) -> None:
        """The host asks to be asked less, and perhaps not for `retry_after` seconds."""
        self._politeness._refused(self._host, self._number, retry_after)


class HostState:
    """What one host bears, from how it answered. Times are seconds on the caller's clock.

    Turns are numbered. Answers to turns that were given before the last refusal that counted speak
    of the faster pace of then: of a burst, one refusal counts. Since none are given during a
    pause, each that counts is to a request that was made after the wait that was due, and the
    refusals in a row are those without an answered request that was made between them.
    """

    def __init__(self, pace: Pace) -> None:
        self.rate = pace.requests_per_second
        self.connections = pace.connections
        # connections in use; more than `connections` after a refusal, until they are given back
        self.held = 0
        # in a row
        self.refusals = 0
        # when the host may be asked again in this run
        self.resumes = -math.inf
        # when it was closed
        self.closed_at: float | None = None
        self._pace = pace
        self._slot = -math.inf
        self._turns = 0
        self._outdated = 0  # the last turn whose answer no longer counts
        self._pause = min(pace.pause, pace.longest_pause)
        self._successes = 0
        self._named = -math.inf  # the latest time that a Retry-After stood for

    @property
    def closed(self) -> bool:
        """Whether it is not to be asked again."""
        return self.closed_at is not None

    def next_turn(self) -> float:
        """When there will be a turn, as far as is known now."""
        return max(self._slot, self.resumes)

    def take_turn(self, now: float) -> int | None:
        """The number of a turn if there is one.

        Turns lie on a line at even distances that may lag behind the clock by BURST.
        """
        if now < self.next_turn():
            return None
        distance = 1 / self.rate
        self._slot = max(self.next_turn(), now - max(0.0, BURST - distance)) + distance
        self._turns += 1
        return self._turns

    def take_connection(self, now: float) -> int | None:
        """How many connections are in use, with the one that was free."""
        if now < self.resumes or self.held >= self.connections:
            return None
        self.held += 1
        return self.held

    def succeeded(self, turn: int) -> None:
        """A request was answered."""
        if turn <= self._outdated:
            return
        self.refusals = 0
        self._pause = min(self._pace.pause, self._pace.longest_pause)
        full = self._pace.requests_per_second
        self.rate = min(full, self.rate + full / RECOVERY)
        self._successes += 1
        if self._successes % SUCCESSES == 0:
            self.connections = min(self._pace.connections, self.connections + 1)

    def refused(self, turn: int, retry_after: float | None, now: float) -> None:
        """A request was refused, and the host asked to wait `retry_after` seconds."""
        if turn > self._outdated:
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
            self._outdated = self._turns

    def _slow_down(self) -> None:
        self._outdated = self._turns
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

    def forgettable(self, now: float) -> bool:
        """Whether a host of which nothing is known would be treated the same, or soon enough."""
        pace = (self._pace.requests_per_second, self._pace.connections, 0)
        unharmed = (self.rate, self.connections, self.refusals) == pace
        idle = now - self.next_turn()
        enough = BURST if unharmed else self._pace.come_back
        return self.held == 0 and idle >= enough


@dataclass
class _Host:
    """The state of a host, and who waits for it."""

    state: HostState
    changed: Condition
    waiting: int = 0
    closed: Closed | None = None


def _why_closed(closed: Closed, pace: Pace) -> str:
    why = (
        f"kept refusing ({closed.refusals} times in a row)"
        if closed.refusals >= pace.patience
        else "refused and asked for a long wait"
    )
    return f"{closed.host} {why}; come back after {closed.until:%Y-%m-%d %H:%M} UTC"
