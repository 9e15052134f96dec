"""Whether all of a run's first videos are on hosts that must not be asked."""

import threading

from videonet.errors import UsageError
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason

# So many videos, the first that a run comes to.
FIRST = 8


class FirstRefusals:
    """Ends a run over a catalogue of hosts that are not on the public web, for all its threads.

    Otherwise the run would end much later, without a single video.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._lock = threading.Lock()
        self._begun = 0
        # videos that were decided without a request, or before this run
        self._passed_over = 0
        self._hosts: list[str] = []

    def begin(self) -> int:
        """A number for a video that the run comes to."""
        with self._lock:
            self._begun += 1
            return self._begun

    def end(self, number: int, fetched: Fetch | None) -> None:
        """Count what became of a video; raises UsageError if each of the first was refused."""
        with self._lock:
            if fetched is None or fetched.run_id != self._run_id:
                self._passed_over += 1
                return
            if number > FIRST + self._passed_over or len(self._hosts) >= FIRST:
                return
            if fetched.reason is Reason.REFUSED_ADDRESS and fetched.refused:
                self._hosts.append(fetched.refused[0])
            if len(self._hosts) < FIRST:
                return
            hosts = sorted(set(self._hosts))
        raise UsageError(
            f"The first {FIRST} videos are all on hosts outside the public web, such as "
            f"{hosts[0]}, which are not asked; if these are yours, run the same command with "
            f"--allow-private-hosts {','.join(hosts[:3])}."
        )
