"""Fills the batches of a session with the frames of several videos.

A GPU is fast with full batches, and only while there is always a next one. Each thread puts the
frames of its video into the batch that is being filled, and waits for their scores. Another thread
runs one batch after the other. What is said of a frame does not depend on the frames beside it: the
session always gets as many frames as it was made for, and each score is made of its frame alone.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Batches that may be filled, or wait, while one runs.
_AHEAD = 3

# How long a session without work waits for a batch to become full, seconds.
_PATIENCE = 0.01

# How long the thread waits for work before it ends, seconds. It keeps the session open.
_IDLE = 10.0

Scores = NDArray[Any]


class _Batch:
    """Frames of one batch, some of which are still being copied into it."""

    def __init__(self, frames: NDArray[np.uint8]) -> None:
        self.frames = frames
        self.clear()

    def clear(self) -> None:
        self.scores: Future[Scores] = Future()
        # places that are given away, and those of them whose frames are there
        self.taken = self.filled = 0


class Batches:
    """Any number of threads may ask for scores at once."""

    def __init__(
        self, run: Callable[[NDArray[np.uint8]], Scores], batch: int, crop: tuple[int, int]
    ) -> None:
        """`run` gives the scores [batch, outputs] of frames, uint8 [batch, *crop, 3]."""
        self._run, self._size = run, batch
        self._free = deque(_Batch(np.zeros((batch, *crop, 3), np.uint8)) for _ in range(_AHEAD))
        self._open: _Batch | None = None
        self._full: deque[_Batch] = deque()
        self._changed = threading.Condition()
        self._is_at_work = False

    def scores(self, frames: NDArray[np.uint8], places: NDArray[np.intp]) -> Scores:
        """The scores [n, outputs] of the frames at n places, at least one. Raises as `run` does."""
        parts: list[tuple[Future[Scores], int, int]] = []
        done = 0
        while done < len(places):
            batch, begin, end = self._places(len(places) - done)
            parts.append((batch.scores, begin, end))
            chosen = places[done : done + end - begin]
            # Checked places would go through a copy.
            np.take(frames, chosen, axis=0, out=batch.frames[begin:end], mode="clip")
            done += end - begin
            with self._changed:
                batch.filled += end - begin
                self._changed.notify_all()
        return np.concatenate([future.result()[begin:end] for future, begin, end in parts])

    def _places(self, wanted: int) -> tuple[_Batch, int, int]:
        """Up to so many places in the batch that is being filled; waits until there are some."""
        with self._changed:
            if not self._is_at_work:
                self._is_at_work = True
                threading.Thread(target=self._work, name="batches", daemon=True).start()
            while self._open is None and not self._free:
                self._changed.wait()
            if self._open is None:
                self._open = self._free.popleft()
                self._open.clear()
            batch = self._open
            begin = batch.taken
            end = batch.taken = min(begin + wanted, self._size)
            if end == self._size:
                self._full.append(batch)
                self._open = None
            return batch, begin, end

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            try:
                batch.scores.set_result(self._run(batch.frames))
            except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
                batch.scores.set_exception(error)
            with self._changed:
                self._free.append(batch)
                self._changed.notify_all()

    def _next(self) -> _Batch | None:
        """The next batch to run: a full one, or after a while what there is. None: no more."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._full or self._open, _IDLE):
                self._is_at_work = False
                return None
            self._changed.wait_for(lambda: self._full, _PATIENCE)
            if not self._full and self._open is not None:
                # Who comes from now on begins another one.
                self._full.append(self._open)
                self._open = None
            batch = self._full.popleft()
            # Places that nobody took hold frames of an earlier batch; nobody reads their scores.
            self._changed.wait_for(lambda: batch.filled == batch.taken)
            return batch
