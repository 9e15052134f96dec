"""What is in a data set: its classes and its shards."""

from collections.abc import Sequence
from dataclasses import dataclass

from videonet.dataset.card.facts import CardFacts
from videonet.schemas.manifest import Shard
from videonet.schemas.neighbours import NOT_COMPARED
from videonet.schemas.target import Target

# With more classes than this, the fullest and the thinnest are shown, so many of each.
CLASSES_SHOWN = 50
EDGE = 20


@dataclass(frozen=True)
class ClassLine:
    """One class in the table."""

    name: str
    target_id: str
    # pairs of video and class
    candidates: int
    kept: int
    # kept pairs, and labels from duplicates
    labels: int
    clips: int


@dataclass(frozen=True)
class ClassTable:
    """The classes that a card shows."""

    # classes with fewer candidates than they could have, and how many these are; of neighbours,
    # those with fewer videos than were asked for
    short: int
    quota: int
    with_video: int
    # whether only those at both ends are shown
    is_cut: bool
    # all that are shown, or those with most videos
    fullest: Sequence[ClassLine]
    # classes between the fullest and the thinnest
    hidden: int
    # of those with a video, the ones with fewest; none where nothing is hidden
    thinnest: Sequence[ClassLine]
    # classes without a video that are not shown one by one
    empty: int


def class_table(facts: CardFacts) -> ClassTable:
    """All classes in the order of the list; of many, those with a video, the fullest first."""
    counts, settings = facts.manifest.targets, facts.settings
    classes = [counts[each.target_id] for each in facts.targets if each != NOT_COMPARED]
    quota = settings.per_target if facts.is_near else settings.per_class
    filled = [each for each in facts.targets if facts.labels_of(each.target_id)]
    is_cut = len(facts.targets) > CLASSES_SHOWN
    shown = list(facts.targets)
    if is_cut:
        # Of classes with as many videos, in the order of the list: sorting is stable.
        shown = sorted(filled, key=lambda each: -facts.labels_of(each.target_id))
    hidden = max(0, len(shown) - 2 * EDGE) if is_cut else 0
    return ClassTable(
        short=sum((each.kept if facts.is_near else each.pairs) < quota for each in classes),
        quota=quota,
        with_video=len(filled),
        is_cut=is_cut,
        fullest=[_line(facts, each) for each in (shown[:EDGE] if hidden else shown)],
        hidden=hidden,
        thinnest=[_line(facts, each) for each in (shown[-EDGE:] if hidden else ())],
        empty=facts.classes - len(filled) if is_cut else 0,
    )


def shards_by_format(facts: CardFacts) -> list[tuple[str, list[Shard]]]:
    """The shards of each format."""
    return [
        (name, [each for each in facts.manifest.shards if each.path.startswith(f"clips/{name}/")])
        for name in sorted(facts.formats)
    ]


def _line(facts: CardFacts, target: Target) -> ClassLine:
    counts = facts.manifest.targets[target.target_id]
    return ClassLine(
        name=facts.names[target.target_id],
        target_id=target.target_id,
        candidates=counts.pairs,
        kept=counts.kept,
        labels=facts.labels_of(target.target_id),
        clips=facts.confirmation(target.target_id).clips,
    )
