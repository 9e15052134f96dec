"""How the hosts that a run asks have answered of late: a site that breaks shows here first."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from videonet.schemas.progress import HostCount, ProcessProgress

HOUR = 3600  # seconds

# Counts are kept by spans of so many seconds, for so many of them: an hour, and what has begun.
SPAN = 300
SPANS = HOUR // SPAN + 1

# Hosts that a process tells of.
MOST_HOSTS = 50


class HostCounts:
    """Videos that were fetched and that failed, by host, of the last hour. One thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells the time of day, seconds since 1970-01-01 UTC."""
        self._clock = clock
        # by begin of the span, then by host and outcome
        self._spans: dict[int, Counter[tuple[str, bool]]] = {}

    def count(self, host: str, *, succeeded: bool) -> None:
        """One video of `host` was fetched, or could not be."""
        begun = int(self._clock()) // SPAN * SPAN
        self._spans.setdefault(begun, Counter())[host, succeeded] += 1
        self._forget()

    def of_late(self) -> dict[str, tuple[HostCount, ...]]:
        """The counts of the hosts that were asked most, in alphabetical order."""
        self._forget()
        asked: Counter[str] = Counter()
        for counts in self._spans.values():
            for (host, _), number in counts.items():
                asked[host] += number
        most = sorted(asked, key=lambda host: (-asked[host], host))[:MOST_HOSTS]
        return {host: self._of_host(host) for host in sorted(most)}

    def _of_host(self, host: str) -> tuple[HostCount, ...]:
        return tuple(
            HostCount(begun=begun, fetched=counts[host, True], failed=counts[host, False])
            for begun, counts in sorted(self._spans.items())
            if counts[host, True] or counts[host, False]
        )

    def _forget(self) -> None:
        oldest = int(self._clock()) // SPAN * SPAN - (SPANS - 1) * SPAN
        for begun in [each for each in self._spans if each < oldest]:
            del self._spans[begun]


def summed(processes: Iterable[ProcessProgress], since: float) -> dict[str, tuple[HostCount, ...]]:
    """What processes tell together of each host, in alphabetical order, of spans begun `since`.

    `since`: seconds since 1970-01-01 UTC.
    """
    counts: dict[str, dict[int, Counter[str]]] = {}
    for process in processes:
        for host, spans in process.hosts.items():
            for span in spans:
                if span.begun > since and (span.fetched or span.failed):
                    of_span = counts.setdefault(host, {}).setdefault(span.begun, Counter())
                    of_span.update(fetched=span.fetched, failed=span.failed)
    return {
        host: tuple(
            HostCount(begun=begun, fetched=counted["fetched"], failed=counted["failed"])
            for begun, counted in sorted(by_span.items())
        )
        for host, by_span in sorted(counts.items())
    }
