"""What one process has done of a run, and what that took: counted here, and kept in the store."""

from __future__ import annotations

import functools
import os
import platform
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from videonet.curation.host_counts import HostCounts
from videonet.curation.run_progress import STAGES
from videonet.errors import UsageError
from videonet.schemas.progress import ClosedHost, ProcessProgress, StageCost
from videonet.schemas.reason import Outcome
from videonet.schemas.verdict import Verdict
from videonet.stop_signal import Stopped

if TYPE_CHECKING:
    from videonet.storage.dataset_dir import DatasetDir  # slow, and not needed for --help
    from videonet.storage.store import Store

# Seconds between two times that a process says how far it is: while its counts change, and while
# they do not.
SAY_EVERY = 1.0
SIGN_OF_LIFE = 5.0

# Buckets take one write a second of an object, and each write is paid for.
SAY_EVERY_IN_A_BUCKET = 12.0

# A run is as fast as it has been for so long, seconds. What an earlier attempt has done is skipped
# within a moment, and would promise too much.
RECENT = 180.0
_SAMPLE_EVERY = 5.0


@dataclass
class Work:
    """One piece of work while it goes on; the worker adds the bytes that go through it."""

    bytes: int = 0
    items: int = 1


class Progress:
    """Counts what this process does of one run, for all its threads.

    With `begin`, or else with the first thing that is counted, a thread begins to write the counts
    to the store. It ends with `end`, when the run is finished, when the run was begun again
    elsewhere, or with the process.
    """

    def __init__(
        self,
        store: Store,
        output: DatasetDir,
        run_id: str,
        clock: Callable[[], float] = time.monotonic,
        closed: Callable[[], Sequence[ClosedHost]] = tuple,
        part: str = "",
    ) -> None:
        """`clock` tells the time that passes between two verdicts, seconds.

        `closed` tells the hosts that this process no longer asks. `part` is of the candidate list,
        as of `ProcessProgress`.
        """
        self._clock, self._closed, self._part = clock, closed, part
        self._store = store
        self._output = output
        self._run_id = run_id
        self._process = f"{platform.node()}-{os.getpid()}"
        # Containers often share a name, and the number of their one process.
        self._name = store.progress_name(run_id, f"{self._process}-{uuid.uuid4().hex[:12]}")
        self._say_every, self._sign_of_life = SAY_EVERY, SIGN_OF_LIFE
        if not store.is_folder:
            self._say_every = self._sign_of_life = SAY_EVERY_IN_A_BUCKET
        self._lock = threading.Lock()
        # what is said later says more
        self._saying = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        # whether the run is to end before it is done
        self.called_off = False
        self._zero()

    def begin(self) -> None:
        """Count from zero, and keep the store informed."""
        self.end()
        with self._lock:
            self._zero()
            self._start()

    def end(self) -> None:
        """Write the counts for the last time; nothing is written after this."""
        with self._lock:
            thread, going_on = self._thread, not self._over.is_set()
            self._over.set()
        if thread is not None and going_on:
            thread.join()
            self._ended = True
            self._say()

    @property
    def is_active(self) -> bool:
        """Whether the store is being kept informed: from the first count until the end."""
        return self._thread is not None and not self._over.is_set()

    def show_life(self) -> None:
        """Keep the store informed from here on, though there may be nothing to count for long."""
        with self._lock:
            self._start()

    def say(self) -> None:
        """Let the store have all that was counted by now, if there is anything new.

        Where no process is told that a run is over, whoever looks at it then finds all counts.
        """
        with self._saying:
            # what is being said is said now
            is_new = self._changed
        if self.is_active and is_new:
            self._say()

    # What is counted.

    @contextmanager
    def at_work(self, stage: str) -> Iterator[Work]:
        """Count one piece of a stage's work: the time that it takes, and what is said of it.

        Time spent waiting counts, such as for a site's turn; what the end of a run has called off
        is no item.
        """
        work = Work()
        self.show_life()
        if stage != "search":
            with self._changing():
                self._look_back()
        begin = time.monotonic()
        with self._lock:
            self._going_on[stage] += 1
        try:
            yield work
        except Stopped:
            work.items = 0
            raise
        finally:
            with self._changing():
                self._going_on[stage] -= 1
                cost = self._stages[stage]
                cost.seconds += time.monotonic() - begin
                cost.items += work.items
                cost.bytes += work.bytes

    def going_on(self, stage: str) -> int:
        """How many pieces of a stage's work go on at this moment."""
        return self._going_on[stage]

    def fetched(self, host: str, *, succeeded: bool) -> None:
        """A video of this host was fetched, or could not be."""
        with self._changing():
            self._hosts.count(host, succeeded=succeeded)

    def searched(self) -> None:
        """One more target was searched for."""
        with self._changing():
            self._searched += 1

    def listed(self, pairs: int) -> None:
        """The candidate list is complete and has so many pairs of candidate and target."""
        with self._changing():
            self._pairs = pairs
            self._look_back()

    def decided(self, verdicts: Iterable[Verdict]) -> None:
        """These pairs have a verdict. One that is decided again counts once, as it turned out last.

        A runner repeats what a machine did not bring to an end.
        """
        with self._changing():
            self._look_back()
            for verdict in verdicts:
                # A number for each pair: there may be millions of them.
                pair, kind = hash((verdict.video_key, verdict.target_id)), _kind(verdict)
                before = self._decided.get(pair)
                if before is not None:
                    self._outcomes[before] -= 1
                self._outcomes[kind] += 1
                self._decided[pair] = kind

    def now(self) -> ProcessProgress:
        """The counts as they are."""
        with self._lock:
            recent_pairs, recent_seconds = self._look_back() if self._samples else (0, 0.0)
            return ProcessProgress(
                process=self._process,
                begun=self._begun,
                updated=_timestamp(),
                searched=self._searched,
                pairs=self._pairs,
                kept=self._outcomes[Outcome.KEPT, ""],
                rejected=self._by_reason(Outcome.REJECTED),
                failed=self._by_reason(Outcome.FAILED),
                recent_pairs=recent_pairs,
                recent_seconds=round(recent_seconds, 3),
                stages={
                    name: StageCost(
                        seconds=round(cost.seconds, 3), items=cost.items, bytes=cost.bytes
                    )
                    for name, cost in self._stages.items()
                    if cost.seconds
                },
                hosts=self._hosts.of_late(),
                closed=tuple(self._closed()),
                ended=self._ended,
                part=self._part,
                namespace=namespace_here(),
            )

    # How the store is kept informed.

    def _zero(self) -> None:
        self._begun = _timestamp()
        self._searched = self._pairs = 0
        self._outcomes: Counter[_Kind] = Counter()
        # by the hash of video and target
        self._decided: dict[int, _Kind] = {}
        # moments, seconds, and pairs that had a verdict then; the first as videos are first seen
        self._samples: deque[tuple[float, int]] = deque()
        self._stages = {name: _Cost() for name in STAGES}
        self._going_on: Counter[str] = Counter()
        self._hosts = HostCounts()
        self._ended = False
        self._over.clear()
        self._thread = None
        self._changed = True
        self._said = False

    def _start(self) -> None:
        """Have a thread write the counts, unless there was one. The lock is held."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._keep_saying, name="videonet-progress", daemon=True
            )
            self._thread.start()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            self._start()
            self._changed = True
            yield

    def _look_back(self) -> tuple[int, float]:
        """Pairs that were decided of late, and in how many seconds. The lock is held."""
        now, done = self._clock(), self._outcomes.total()
        if not self._samples or now - self._samples[-1][0] >= _SAMPLE_EVERY:
            self._samples.append((now, done))
        # From the last moment that is that long ago, or from the first.
        while len(self._samples) > 1 and self._samples[1][0] <= now - RECENT:
            self._samples.popleft()
        begun, before = self._samples[0]
        return done - before, now - begun

    def _keep_saying(self) -> None:
        going_on = self._say()
        said = time.monotonic()
        while going_on and not self._over.wait(self._say_every):
            finished = False
            with suppress(OSError, UsageError):
                # On a cluster, nothing tells a process that the run is finished.
                finished = self._output.manifest() is not None
            if finished or self._changed or time.monotonic() - said >= self._sign_of_life:
                going_on = self._say() and not finished
                said = time.monotonic()

    def _say(self) -> bool:
        """Write the counts; False, and nothing is written, where what was said is gone.

        The run was begun again then, or another one over OUT, and no longer asks for it.
        """
        # What cannot be written now will be the next time; no run fails for its counters.
        with self._saying, suppress(OSError, UsageError):
            if self._said and self._store.read(self._name) is None:
                return False
            self._changed = False
            self._store.write(self._name, self.now().to_json())
            self._said = True
        return True

    def _by_reason(self, outcome: Outcome) -> dict[str, int]:
        counts = self._outcomes.items()
        return dict(sorted((reason, n) for (each, reason), n in counts if each is outcome and n))


@functools.cache
def namespace_here() -> str:
    """What tells whose process numbers are meant: the machine since it was started, a container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


# Outcome and reason, "" for none.
_Kind = tuple[Outcome, str]


def _kind(verdict: Verdict) -> _Kind:
    return verdict.outcome, verdict.reason.value if verdict.reason else ""


@dataclass
class _Cost:
    """A stage's cost while it grows; see `videonet.schemas.progress.StageCost`."""

    seconds: float = 0.0
    items: int = 0
    bytes: int = 0


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
