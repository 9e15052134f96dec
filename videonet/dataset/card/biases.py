"""What a data set has too much and too little of, in numbers."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from videonet.dataset.card.facts import CardFacts
from videonet.schemas.neighbours import NOT_COMPARED

# Of fewer judged candidates, the share that was confirmed says little.
ENOUGH = 10
SHOWN = 5


@dataclass(frozen=True)
class Imbalance:
    """How unevenly labels are spread over classes."""

    classes: int
    # the class with most labels, and how many it has
    fullest: str
    most: int
    # labels of the class in the middle
    median: float
    # classes without a label
    empty: int
    # how many classes the fullest tenth is, and their labels
    tenth: int
    in_tenth: int


@dataclass(frozen=True)
class ConfirmedClass:
    """In how many of its judged pairs the classifier saw a class."""

    name: str
    confirmed: int
    judged: int


@dataclass(frozen=True)
class Recognition:
    """What the classifier did not recognise, and what is missing for that."""

    # pairs whose frames it judged, and those in which no frame showed it the class
    judged: int
    unseen: int
    # the classes that it confirmed most seldom
    lowest: Sequence[ConfirmedClass]


@dataclass(frozen=True)
class Certainty:
    """On how little the labels rest."""

    # labels with a known number of frames that confirm them
    weighed: int
    on_one_frame: int
    # with a best frame that is at most `numbers.UNCERTAIN` probable
    uncertain: int
    # labels of videos whose title has the class's own name
    by_name: int


@dataclass(frozen=True)
class Spans:
    """How much of the kept videos is in the clips, milliseconds."""

    in_clips: int
    whole: int


@dataclass(frozen=True)
class OtherHosts:
    """The hosts that are not shown one by one, and their videos."""

    hosts: int
    candidates: int
    kept: int


def imbalance(facts: CardFacts) -> Imbalance | None:
    """How unevenly labels are spread; None: there are none."""
    if not facts.labels:
        return None
    classes = [each.target_id for each in facts.targets if each != NOT_COMPARED]
    labels = {target_id: facts.labels_of(target_id) for target_id in classes}
    ordered = sorted(labels.values(), reverse=True)
    fullest = next(target_id for target_id in classes if labels[target_id] == ordered[0])
    tenth = math.ceil(len(ordered) / 10)
    return Imbalance(
        classes=len(ordered),
        fullest=facts.names[fullest],
        most=ordered[0],
        median=statistics.median(ordered),
        empty=ordered.count(0),
        tenth=tenth,
        in_tenth=sum(ordered[:tenth]),
    )


def recognition(facts: CardFacts) -> Recognition:
    """How many pairs the classifier judged, and in how many it did not see the class."""
    classes = [
        (target_id, ConfirmedClass(facts.names[target_id], each.confirmed, judged))
        for target_id, each in facts.numbers.classes.items()
        if (judged := each.confirmed + each.unseen)
    ]
    telling = [each for each in classes if each[1].judged >= ENOUGH]
    telling.sort(key=lambda each: (each[1].confirmed / each[1].judged, each[0]))
    return Recognition(
        judged=sum(each.judged for _, each in classes),
        unseen=sum(each.judged - each.confirmed for _, each in classes),
        lowest=[each for _, each in telling[:SHOWN]],
    )


def certainty(facts: CardFacts) -> Certainty:
    """On how little the labels of all classes rest."""
    counted = facts.numbers.classes.values()
    return Certainty(
        weighed=sum(each.weighed for each in counted),
        on_one_frame=sum(each.on_one_frame for each in counted),
        uncertain=sum(each.uncertain for each in counted),
        by_name=sum(each.by_name for each in counted),
    )


def spans(facts: CardFacts) -> Spans | None:
    """How much of the kept videos is in the clips; None: that is not known."""
    numbers = facts.numbers
    if not numbers.kept_seconds or numbers.clip_seconds is None:
        return None
    # A frame that is shown across the end of a clip is the next one's first: clips can overlap.
    whole = round(numbers.kept_seconds * 1000)
    return Spans(min(round(numbers.clip_seconds * 1000), whole), whole)


def other_hosts(facts: CardFacts) -> OtherHosts:
    """The hosts beside those in `numbers.hosts`."""
    numbers = facts.numbers
    return OtherHosts(
        hosts=numbers.all_hosts - len(numbers.hosts),
        candidates=numbers.candidates.videos - sum(each[1] for each in numbers.hosts),
        kept=numbers.kept.videos - sum(each[2] for each in numbers.hosts),
    )
