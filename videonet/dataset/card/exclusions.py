"""What was left out of a data set because somebody named it, or because it is like something."""

from dataclasses import dataclass

from videonet.dataset.card.facts import CardFacts
from videonet.dataset.verdict_db import open_verdicts
from videonet.schemas.reason import Reason

_COUNTS = """
    select count(distinct video) filter (reason = ?),
           count(distinct video) filter (reason = ?),
           count(distinct video) filter (outcome = 'kept' and is_not_compared)
    from pairs
"""
# Of other candidates, nothing was ever here; and of some, this or an earlier run looked at a few
# frames, and no clip was cut or compared.
_OTHERS = """
    select count(*) filter (content is null), count(*) filter (content is not null)
    from candidates
    where video not in (select video from pairs where outcome = 'kept' or reason = ?)
"""


@dataclass(frozen=True)
class Exclusions:
    """Videos, by what became of them where something was excluded."""

    # that a list names, or their channels; and whose clips are like an evaluation set
    excluded: int
    like: int
    # kept ones none of whose frames could be compared; candidates that were downloaded and left out
    # for another reason; and those that were never downloaded
    not_compared: int
    left_out: int
    never_downloaded: int


def exclusions_of(facts: CardFacts) -> Exclusions | None:
    """What is counted where anything is excluded; None: nothing is, or it was done elsewhere.

    Raises UsageError if the verdicts cannot be read.
    """
    settings = facts.settings
    nothing = settings.excluded is None and settings.excluded_like is None
    if nothing or facts.is_rebuilt:
        return None
    with open_verdicts(facts.output, ("content", "is_not_compared")) as db:
        (counts,) = db.rows(_COUNTS, [Reason.EXCLUDED.value, Reason.EVALUATION_DATA.value])
        ((unseen, left_out),) = db.rows(_OTHERS, [Reason.EVALUATION_DATA.value])
    excluded, like, not_compared = counts
    return Exclusions(excluded, like, not_compared, left_out, unseen)
