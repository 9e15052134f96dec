"""How fast one host may be asked, and how much at once, from how it has answered.

A host that refuses (429, a bot check) is left in peace for a while, then asked half as fast, and
faster again as it answers. A host that keeps refusing is closed: this run asks it no more.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from videonet.schemas.option import default_of
from videonet.schemas.settings import RunOptions

# Requests that a host's idle time saves up for it, as seconds at its current rate.
BURST = 1.0

# No host is asked more slowly than this, requests per second; below it, pauses have to do. YouTube
# bears about 1,000 an hour from a guest (yt-dlp's wiki on extractors, "Common YouTube Errors").
SLOWEST = 0.25

# Successes that bring a slowed host another connection, and successes that bring it back to the
# full rate, which grows a little with each. So a host that refuses one request in twenty is asked
# less and less, but not without end.
SUCCESSES = 20
RECOVERY = 200

# Seconds for which an idle host is remembered although it did nothing wrong: the answers to its
# requests may take as long. 10,000 hosts are 15 MB.
REMEMBERED = 600.0


# What a thread wants of a host: the right to one request, or one of its connections.
Wanted = Literal["permit", "connection"]


@dataclass(frozen=True)
class Pace:
    """The most that a run asks of one host, and when it stops asking. All are above zero."""

    requests_per_second: float = default_of(RunOptions, "requests_per_second")
    # downloads at once from one host
    connections: int = default_of(RunOptions, "per_host")
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
        # threads that wait for either
        self.waiting: Counter[Wanted] = Counter()
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
