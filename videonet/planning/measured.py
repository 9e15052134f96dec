"""What each sampled candidate takes, noted as soon as it is known, so that a kill loses little."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from videonet.curation.context import RunContext
from videonet.curation.progress import Progress, Work
from videonet.schemas.pilot import DOWNLOAD
from videonet.schemas.record import Record
from videonet.schemas.verdict import Verdict

N = TypeVar("N", int, float)

# Comes after the verdicts on a video, in the same thread.
_AFTERWARDS = "captions"


class Took(Record, frozen=True, kw_only=True):
    """What a candidate took, or a part of that: one line of a file."""

    video_key: str
    # seconds by stage
    seconds: dict[str, float]
    # requests by host
    requests: dict[str, int]


class Measured(Progress):
    """Counts as any run does; and for each candidate what it took, as lines of `file`.

    A candidate is with one thread from its first step to its verdicts.
    """

    def __init__(self, context: RunContext, file: Path) -> None:
        closed = context.web.rate_limiter.closed_hosts
        super().__init__(context.store, context.output, context.plan.run_id, closed=closed)
        context.web.rate_limiter.told_request = self._requested
        context.web.rate_limiter.told_connection = self._connected
        self._file = file
        self._own = threading.local()

    @contextmanager
    def at_work(self, stage: str) -> Iterator[Work]:
        """See `Progress`."""
        begin = time.monotonic()
        try:
            with super().at_work(stage) as work:
                yield work
        finally:
            if stage not in (DOWNLOAD, _AFTERWARDS):
                self._seconds[stage] += time.monotonic() - begin
            if stage == _AFTERWARDS:
                self._note(getattr(self._own, "last", ""))

    def decided(self, verdicts: Iterable[Verdict]) -> None:
        """See `Progress`."""
        rows = list(verdicts)
        super().decided(rows)
        if rows:
            self._own.last = rows[0].video_key
            self._note(rows[0].video_key)

    def _requested(self, host: str) -> None:
        self._requests[host] += 1

    def _connected(self, _host: str, held: float) -> None:
        # How long a thread waits for a connection says nothing of the time of a whole run.
        self._seconds[DOWNLOAD] += held

    @property
    def _seconds(self) -> defaultdict[str, float]:
        if not hasattr(self._own, "seconds"):
            self._own.seconds = defaultdict(float)
        seconds: defaultdict[str, float] = self._own.seconds
        return seconds

    @property
    def _requests(self) -> defaultdict[str, int]:
        if not hasattr(self._own, "requests"):
            self._own.requests = defaultdict(int)
        requests: defaultdict[str, int] = self._own.requests
        return requests

    def _note(self, video_key: str) -> None:
        """Write down what this thread has counted since it did so last."""
        seconds = {stage: round(value, 4) for stage, value in sorted(self._seconds.items())}
        took = Took(
            video_key=video_key, seconds=seconds, requests=dict(sorted(self._requests.items()))
        )
        self._seconds.clear()
        self._requests.clear()
        # One write: lines of several threads do not run into each other.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        try:
            os.write(descriptor, took.to_json() + b"\n")
        finally:
            os.close(descriptor)


def measured(file: Path) -> dict[str, Took]:
    """What each candidate took, by key, over all attempts; broken lines are left out."""
    found: dict[str, Took] = {}
    lines = file.read_bytes().splitlines() if file.exists() else []
    for line in lines:
        try:
            took = Took.from_json(line)
        except msgspec.DecodeError:
            continue
        before = found.get(took.video_key)
        if before is not None:
            took = Took(
                video_key=took.video_key,
                seconds=_added(before.seconds, took.seconds),
                requests=_added(before.requests, took.requests),
            )
        found[took.video_key] = took
    return found


def _added(one: Mapping[str, N], other: Mapping[str, N]) -> dict[str, N]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
