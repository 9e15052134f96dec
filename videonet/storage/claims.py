"""Videos in hand: of all runs that use a store, one works on a video, and others wait for it.

    STORE/claim/<xx>/<digest>.json    who works on a video: see `videonet.schemas.lease`

A claim only saves work. What is written of a video is right whoever writes it, also where a run
that was held up meets another one that took its video over.
"""

import threading
from contextlib import suppress

from videonet.errors import UsageError
from videonet.stop_signal import StopSignal
from videonet.storage.lease import Renewed
from videonet.storage.objects import Objects

# A video that a machine had in hand when it was lost is taken over after so long. Claims are
# renewed by a thread: also a download of an hour keeps its claim.
SECONDS = 120.0

# How often someone who waits looks again, seconds: at first, and after a while.
_LOOK_FIRST, _LOOK_LAST = 0.1, 5.0


class Postponed(BaseException):
    """Another run has the video in hand: it is to be looked at later.

    No Exception, so that nothing takes it for a failure and records it.
    """


class Claims:
    """The claims of one run in one process. Safe to share between threads."""

    def __init__(
        self, objects: Objects, *, seconds: float = SECONDS, stop: StopSignal | None = None
    ) -> None:
        """`stop` ends every wait. Nothing is written before the first claim."""
        self._objects, self._seconds = objects, seconds
        self._stop = stop or StopSignal()
        self._lock = threading.Lock()
        self._held: dict[str, Renewed] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def has(self, place: str) -> bool:
        """Whether this run has the video in hand that the store keeps at `place`, <xx>/<digest>."""
        return place in self._held

    def take(self, place: str) -> bool:
        """Take a video in hand; False: another run has it. Raises OSError and UsageError."""
        return self.has(place) or self._take(self._claim(place), place)

    def wait(self, place: str) -> None:
        """Take a video in hand, when no other run has it any more. Raises Stopped, and as `take`.

        Others may have changed all that is known of it by then.
        """
        if self.has(place):
            return
        claim = self._claim(place)
        look = _LOOK_FIRST
        while not self._take(claim, place):
            self._stop.check()
            self._stop.wait(look)
            look = min(2 * look, _LOOK_LAST)

    def give_back(self, place: str) -> None:
        """Let others have a video, if this run has it."""
        with self._lock:
            claim = self._held.pop(place, None)
        if claim is not None:
            claim.give_back(forget=True)

    def close(self) -> None:
        """Let others have all videos of this run."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for place in list(self._held):
            self.give_back(place)

    def _take(self, claim: Renewed, place: str) -> bool:
        if not claim.take():
            return False
        with self._lock:
            self._held[place] = claim
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="claims", daemon=True)
                self._thread.start()
        return True

    def _claim(self, place: str) -> Renewed:
        return Renewed(self._objects, f"claim/{place}.json", self._seconds, numbered=False)

    def _keep(self) -> None:
        while not self._over.wait(self._seconds / 8):
            for claim in list(self._held.values()):
                with suppress(OSError, UsageError):
                    if claim.is_due:
                        claim.renew()
