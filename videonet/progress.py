"""How far a run in this process is. Only the local runner's progress line asks."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from schemas import Outcome, Verdict


@dataclass
class Progress:
    """Counts of one run, kept up by the stages."""

    # targets that were searched for, where a site is searched
    searched: int = 0
    # pairs of candidate and target; 0 until the candidate list is complete
    pairs: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """Pairs that have a verdict."""
        return self.outcomes.total()


_lock = threading.Lock()
_current = Progress()


def begin() -> Progress:
    """Start counting from zero; the counts that the stages of this process will keep up."""
    # The stages are pickled: all that they share with their caller is this module.
    global _current
    with _lock:
        _current = Progress()
        return _current


def searched() -> None:
    """One more target was searched for."""
    with _lock:
        _current.searched += 1


def pairs(number: int) -> None:
    """The candidate list is complete and has so many pairs."""
    _current.pairs = number


def decided(verdict: Verdict) -> None:
    """One more pair has a verdict."""
    with _lock:
        _current.outcomes[verdict.outcome] += 1
