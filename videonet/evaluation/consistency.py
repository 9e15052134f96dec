"""How alike two deciders are: in accuracy, and in which images they get wrong.

After Geirhos et al. 2020 ("Beyond accuracy") and their model-vs-human (plotting/analyses.py). A
"pair" is what two deciders got right of the same images of one condition.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from videonet.evaluation.decision_records import Trial, by_decider, shape_and_texture

# Conditions of an experiment that do not count.
# NOTE: model-vs-human (plotting/plot.py) leaves out images without distortion, and conditions that
# people get right in less than a fifth.
LEFT_OUT = {"low-pass": ("0", "15", "40"), "uniform-noise": ("0", "0.6", "0.9")}

# What `measures` gives, and what each means.
MEASURES = {
    "squared accuracy difference": "(p - q)^2, of a pair's accuracies p and q",
    "absolute accuracy difference": "|p - q|",
    "observed consistency": "share of the images that both get right, or both wrong",
    "error consistency": "Cohen's kappa of that: 0 by chance, 1 where all errors are the same",
}

Floats = NDArray[np.float64]


class Pair:
    """Two deciders, one condition."""

    def __init__(self, ours: Sequence[bool], theirs: Sequence[bool], places: Sequence[int]) -> None:
        """Right or wrong of each image; `places` are those of the images among all weights."""
        self._ours = np.array(ours, np.float64)
        self._theirs = np.array(theirs, np.float64)
        self._same = (self._ours == self._theirs).astype(np.float64)
        self._places = np.array(places, np.intp)

    def measures(self, weights: Floats) -> dict[str, Floats]:
        """The measures, [n] each, for weights [n, images of all conditions]."""
        mine = weights[:, self._places]
        with np.errstate(invalid="ignore", divide="ignore"):
            total = mine.sum(axis=1)
            p, q, observed = (
                mine @ each / total for each in (self._ours, self._theirs, self._same)
            )
            expected = p * q + (1 - p) * (1 - q)
            kappa = np.where(observed == 1, 1, (observed - expected) / (1 - expected))
        found = ((p - q) ** 2, np.abs(p - q), observed, kappa)
        return dict(zip(MEASURES, found, strict=True))


def mean_measures(pairs: Sequence[Pair], weights: Floats) -> dict[str, Floats]:
    """The mean of each measure over pairs and conditions, each of which counts alike."""
    found = [pair.measures(weights) for pair in pairs]
    return {name: np.mean([each[name] for each in found], axis=0) for name in MEASURES}


def pairs_with(
    experiment: str, ours: Sequence[Trial], theirs: Sequence[Trial], places: dict[str, int]
) -> list[Pair]:
    """One decider against another, condition by condition, on the images that both saw.

    `places` has the place of each image's weight by `place_of`.
    """
    others = {(each.condition, each.image): each for each in theirs}
    left_out = LEFT_OUT.get(experiment, ())
    conditions: dict[str, list[tuple[Trial, Trial]]] = {}
    for each in ours:
        other = others.get((each.condition, each.image))
        if other is not None and each.condition not in left_out:
            conditions.setdefault(each.condition, []).append((each, other))
    return [
        Pair(
            [is_right(one) for one, _ in both],
            [is_right(other) for _, other in both],
            [places[place_of(one)] for one, _ in both],
        )
        for _, both in sorted(conditions.items())
    ]


def place_of(trial: Trial) -> str:
    """By what an image in a condition is told from others."""
    return f"{trial.condition} {trial.image}"


def is_right(trial: Trial) -> bool:
    """Whether the category was named. No answer is wrong."""
    return trial.answer == trial.category


def human_pairs(experiment: str, people: Sequence[Trial], places: dict[str, int]) -> list[Pair]:
    """Each person against each other one: the ceiling, for what a network may agree with people."""
    return [
        pair
        for one, other in combinations(by_decider(people).values(), 2)
        for pair in pairs_with(experiment, one, other, places)
    ]


def shape_bias(trials: Sequence[Trial], weights: Floats) -> Floats:
    """Answers for the shape as a share of those for shape or texture, [n].

    `weights` are [n, trials]. Images whose shape and texture are of one category do not count
    (Geirhos et al. 2019).
    """
    shape, texture = np.zeros(len(trials)), np.zeros(len(trials))
    for place, trial in enumerate(trials):
        cues = shape_and_texture(trial.image)
        if cues[0] != cues[1]:
            shape[place] = trial.answer == cues[0]
            texture[place] = trial.answer == cues[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = (weights @ shape) / (weights @ (shape + texture))
    return found
