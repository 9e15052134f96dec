"""Whether a site can be reached at all, from how the first queries of a run fare."""

import threading
from collections import Counter

from videonet.schemas.reason import Reason

# So many queries have to fail so often each: for seconds, as a short disturbance does not last.
QUERIES = 2
ATTEMPTS = 3


class Outage:
    """Notices that no query of a run gets a connection, for all its threads.

    It ends a run over a thousand classes within seconds: otherwise each class would wait for all
    of its attempts. After one answer there is a connection, and each query counts for itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: Counter[str] = Counter()
        self._is_answered = False

    @property
    def is_total(self) -> bool:
        """Whether several queries failed for the network, and none was ever answered."""
        with self._lock:
            often = sum(attempts >= ATTEMPTS for attempts in self._failed.values())
            return not self._is_answered and often >= QUERIES

    def failed(self, words: str, reason: Reason) -> None:
        """Count an attempt at a query that failed. Another reason than the network is an answer."""
        with self._lock:
            if reason is Reason.NETWORK:
                self._failed[words] += 1
            else:
                self._is_answered = True

    def answered(self) -> None:
        """Say that a query was answered."""
        with self._lock:
            self._is_answered = True
