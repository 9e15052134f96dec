"""How much time is left for one candidate."""

import time


class Clock:
    """A deadline that can be set again."""

    def __init__(self, seconds: float) -> None:
        self.begin(seconds)

    def begin(self, seconds: float) -> None:
        """From now on, `seconds` are left."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until the deadline; below zero after it."""
        return self._end - time.monotonic()
