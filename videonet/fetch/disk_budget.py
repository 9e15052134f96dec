"""The disk budget: how many bytes of downloaded videos may lie in the store at once.

It is kept within one process: where several machines fill a store, there is none.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from videonet.stop_signal import StopSignal

# What a disk keeps free: records, shards and everything else on it need room too. It is so many
# bytes, or of a disk below 20 GB so large a share, as file systems keep for their own needs.
_RESERVE, _RESERVED_SHARE = 1_000_000_000, 0.05

_LOOK_UP = 0.25  # seconds; how soon a wait sees that the run is to end


def reserve_of(disk: int) -> int:
    """How many bytes are kept free on a disk of so many bytes."""
    return min(_RESERVE, int(disk * _RESERVED_SHARE))


class DiskBudget:
    """Counts bytes of videos in a store; a download waits here until there is room for it.

    A video's bytes are taken while it is downloaded and given back when it is not to be kept. While
    steps are taken with it, its fate is open. When no video whose fate is open could still make
    room, waiting is in vain, and `take` returns False.
    """

    def __init__(self, limit: int | None, used: int = 0, *, stop: StopSignal | None = None) -> None:
        """`limit` and `used` in bytes; no limit with None. `stop` ends every wait."""
        self._limit = limit
        self._used = used
        self._open = 0
        self._waiting = 0
        self._changed = Condition()
        self._stop = stop or StopSignal()

    @property
    def used(self) -> int:
        """Bytes taken and not given back."""
        return self._used

    def begin(self) -> None:
        """A video's fate is open from here on."""
        with self._changed:
            self._open += 1

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While this lasts, a video that holds no bytes waits for something other than room."""
        with self._changed:
            self._open -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._open += 1

    def settle(self, released: int = 0) -> None:
        """A video's fate is decided, and `released` bytes of it are gone."""
        with self._changed:
            self._open -= 1
            self._used -= released
            self._changed.notify_all()

    def give_back(self, released: int) -> None:
        """`released` bytes are gone of a video whose fate is still open."""
        with self._changed:
            self._used -= released
            self._changed.notify_all()

    def bring(self, size: int) -> None:
        """`size` bytes of a video whose fate is open are here, whether or not there is room."""
        with self._changed:
            self._used += size

    def take(self, wanted: int, timeout: float) -> bool:
        """Take `wanted` bytes for a video whose fate is open, waiting up to `timeout` seconds.

        False if there is no room for them, now or when all others have been decided. Raises
        Stopped when the run is to end.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            try:
                while not (self._fits(wanted) or self._in_vain(wanted)):
                    self._stop.check()
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.wait(min(left, _LOOK_UP))
                if not self._fits(wanted):
                    return False
                self._used += wanted
                return True
            finally:
                self._waiting -= 1

    def _fits(self, wanted: int) -> bool:
        return self._limit is None or self._used + wanted <= self._limit

    def _in_vain(self, wanted: int) -> bool:
        too_much = self._limit is not None and wanted > self._limit
        return too_much or self._waiting >= self._open
