"""What all processes of a run have told of it, as one: for the process that began it and waits."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from videonet.curation.run_progress import costs_of_processes, processes_of, rate_of
from videonet.errors import UsageError
from videonet.schemas.progress import ProcessProgress

if TYPE_CHECKING:
    from videonet.storage.store import Store  # slow, and not needed for --help

# Seconds between two looks at a folder, and at a bucket, where each is paid for.
_LOOK_EVERY, _LOOK_EVERY_IN_A_BUCKET = 2.0, 15.0


class RunCounts:
    """Counts as those of `videonet.curation.progress.Progress`, but of all processes of a run."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._look_every = _LOOK_EVERY if store.is_folder else _LOOK_EVERY_IN_A_BUCKET
        self._lock = threading.Lock()
        self._told: list[ProcessProgress] = []
        self._looked: float | None = None
        # when the last word came
        self._heard = time.monotonic()
        # whether the run is to end before it is done
        self.called_off = False

    @property
    def is_active(self) -> bool:
        """Whether any process has told anything."""
        return bool(self._look())

    @property
    def silent(self) -> float:
        """For how long no process has told anything, seconds."""
        self._look()
        return time.monotonic() - self._heard

    def now(self) -> ProcessProgress:
        """What they have told, as that of one process."""
        return together(self._look())

    def going_on(self, stage: str) -> int:  # noqa: ARG002
        """How many pieces of a stage's work this process is at: none."""
        return 0

    def end(self) -> None:
        """Nothing is left to be said by this process."""

    def _look(self) -> list[ProcessProgress]:
        with self._lock:
            moment = time.monotonic()
            if self._looked is None or moment - self._looked >= self._look_every:
                # What cannot be read now can be the next time.
                with suppress(OSError, UsageError):
                    told = processes_of(self._store, self._run_id)
                    if told != self._told:
                        self._told, self._heard = told, moment
                self._looked = time.monotonic()
            return self._told


def together(processes: Sequence[ProcessProgress]) -> ProcessProgress:
    """The sums of what at least one process tells; the times are those of the first and the last.

    The list is complete as soon as one process knows how many pairs it has.
    """
    rejected, failed = Counter[str](), Counter[str]()
    for each in processes:
        rejected.update(each.rejected)
        failed.update(each.failed)
    seconds = max(each.recent_seconds for each in processes)
    return ProcessProgress(
        process="",
        begun=min(each.begun for each in processes),
        updated=max(each.updated for each in processes),
        searched=sum(each.searched for each in processes),
        pairs=max(each.pairs for each in processes),
        kept=sum(each.kept for each in processes),
        rejected=dict(sorted(rejected.items())),
        failed=dict(sorted(failed.items())),
        recent_pairs=round((rate_of(processes) or 0.0) * seconds),
        recent_seconds=seconds,
        stages=costs_of_processes(processes),
    )
