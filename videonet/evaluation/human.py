"""Do networks err where people do: error consistency and shape bias (Geirhos et al. 2019 to 2021).

A network sees the stimuli that people were shown, and names one of 16 categories.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from videonet.errors import UsageError
from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import Weights, interval
from videonet.evaluation.class_lists import human_categories
from videonet.evaluation.classifying import decisions
from videonet.evaluation.consistency import (
    MEASURES,
    Floats,
    Pair,
    human_pairs,
    is_right,
    mean_measures,
    pairs_with,
    place_of,
    shape_bias,
)
from videonet.evaluation.dataset_files import checked, folder, images_below
from videonet.evaluation.decision_records import (
    Trial,
    by_decider,
    condition_in,
    image_id,
    read_records,
)
from videonet.evaluation.model import Function, needed_logits
from videonet.evaluation.protocol import Given, Number, Outcome

# What the paper's Table 3 names, and how many stimuli and people each has.
EXPERIMENTS = {
    "edge": (160, 10),
    "cue-conflict": (1280, 10),
    "low-pass": (1280, 4),
    "uniform-noise": (1280, 4),
}

PROTOCOL = About(
    name="model-vs-human",
    mark="published stand-in",
    source=(
        "bethgelab/model-vs-human plotting/analyses.py, plotting/plot.py, "
        "helper/plotting_helper.py, datasets/decision_mappings.py (2921634)"
    ),
    assumptions=(
        "The paper's classifier is a linear one on frozen features; the result says whose it is.",
        "A category's probability is the mean softmax of its outputs, as model-vs-human has it.",
        "Stimuli are prepared as the model itself wants images.",
        "Which of the measures are the paper's columns, and what they were divided by, its text "
        "does not say: each measure has its own name, and none is called the paper's.",
    ),
    confirmed_by="the paper's supervised ResNet-50, once its columns are known",
    notes=(
        "Conditions without distortion, and those that people get right in less than a fifth, "
        "do not count.",
    ),
    main=(
        "squared accuracy difference",
        "observed consistency",
        "error consistency",
        "shape bias",
    ),
)

NEEDS = Needs(
    data="model-vs-human: edge, cue-conflict, low-pass, uniform-noise",
    layout=(
        "datasets/EXPERIMENT/**/*.png, the stimuli",
        "raw-data/EXPERIMENT/*.csv, the records of people",
    ),
    model="a classifier of ImageNet's 1,000 classes: its own, or a head of a linear probe",
    classifies=True,
    cost="seconds",
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which experiments count."""

    experiments: tuple[str, ...] = tuple(EXPERIMENTS)


class _Experiment(NamedTuple):
    name: str
    people: list[Trial]
    network: list[Trial]


def evaluate(given: Given) -> Outcome:
    """The measures of each experiment and their means, beside those of people among themselves."""
    needed_logits(given.model, PROTOCOL.name)
    names = _known(given.settings.experiments)
    stimuli = {name: _stimuli(given.data, name) for name in names}
    records = {name: sorted((given.data / "raw-data" / name).glob("*.csv")) for name in names}
    people = {name: [t for file in records[name] for t in read_records(file)] for name in names}
    data = checked(
        given.data,
        [
            *(p for paths in stimuli.values() for p in paths),
            *(f for each in records.values() for f in each),
        ],
        {name: count for each in names for name, count in _counts(each, stimuli, people).items()},
        {
            name: count
            for each, expected in EXPERIMENTS.items()
            for name, count in zip(_named(each), expected, strict=True)
        },
        partial=given.partial,
        told=given.told,
    )
    given.parts.of(data.fingerprint)
    paths = [path for name in names for path in stimuli[name]]
    chosen = iter(decisions(given, paths, PROTOCOL.name, categorising(given.model.device)))
    categories = list(human_categories())
    experiments = [
        _Experiment(
            name,
            people[name],
            _answered(people[name], {p: categories[next(chosen)] for p in stimuli[name]}, given),
        )
        for name in names
    ]
    numbers, ceiling = _numbers(experiments, given.seed)
    facts = {"people": ceiling, "measures": MEASURES}
    return Outcome(numbers, "stimuli", _items(experiments), data, facts)


def categorising(device: torch.device) -> Function:
    """Which of the 16 categories has the largest mean probability over its outputs."""
    kept = [torch.tensor(each, device=device) for each in human_categories().values()]

    def decide(logits: Tensor) -> Tensor:
        shares = logits.softmax(dim=1)
        return torch.stack([shares[:, each].mean(dim=1) for each in kept], dim=1).argmax(dim=1)

    return decide


def _numbers(
    experiments: Sequence[_Experiment], seed: int
) -> tuple[dict[str, Number], dict[str, float]]:
    """The numbers of the network, and those of people among themselves."""
    places: dict[str, dict[str, int]] = {}
    count = 0
    for each in experiments:
        keys = dict.fromkeys(place_of(trial) for trial in (*each.people, *each.network))
        places[each.name] = {key: count + place for place, key in enumerate(keys)}
        count += len(keys)
    pairs = {each.name: _pairs(each, places[each.name]) for each in experiments}
    even = np.ones((1, count))
    humans = {
        each.name: {
            name: float(value[0])
            for name, value in mean_measures(
                human_pairs(each.name, each.people, places[each.name]), even
            ).items()
        }
        for each in experiments
    }

    def numbers(weights: Weights) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        by_name = {name: mean_measures(each, weights) for name, each in pairs.items()}
        for name, measures in by_name.items():
            found |= {f"{name}: {measure}": value for measure, value in measures.items()}
        found |= _means(by_name, humans)
        for each in experiments:
            own = weights[:, [places[each.name][place_of(trial)] for trial in each.network]]
            right = np.array([is_right(trial) for trial in each.network], np.float64)
            with np.errstate(invalid="ignore", divide="ignore"):
                found[f"{each.name}: accuracy"] = own @ right / own.sum(axis=1)
            if each.name == "cue-conflict":
                found["shape bias"] = shape_bias(each.network, own)
        return found

    ceiling = {f"{n}: {m}": value for n, all_of in humans.items() for m, value in all_of.items()}
    for each in experiments:
        right = [is_right(trial) for trial in each.people]
        ceiling[f"{each.name}: accuracy"] = float(np.mean(right))
        if each.name == "cue-conflict":
            ceiling["shape bias"] = float(
                shape_bias(each.people, np.ones((1, len(each.people))))[0]
            )
    return interval(count, seed, numbers), ceiling


def _means(
    networks: Mapping[str, Mapping[str, Floats]], humans: Mapping[str, Mapping[str, float]]
) -> dict[str, Floats]:
    """Means over experiments, and the two ways to divide by what people reach."""
    found = {m: np.mean([each[m] for each in networks.values()], axis=0) for m in MEASURES}
    ratios: dict[str, Floats] = {}
    for measure in ("observed consistency", "error consistency"):
        among = [humans[name][measure] for name in networks]
        each = [networks[name][measure] / humans[name][measure] for name in networks]
        ratios[f"{measure}, mean over people's mean"] = found[measure] / np.mean(among)
        ratios[f"{measure}, mean of ratios to people's"] = np.mean(each, axis=0)
    return found | ratios


def _pairs(experiment: _Experiment, places: dict[str, int]) -> list[Pair]:
    """The network against each person."""
    return [
        pair
        for person in by_decider(experiment.people).values()
        for pair in pairs_with(experiment.name, experiment.network, person, places)
    ]


def _answered(people: Sequence[Trial], chosen: Mapping[Path, str], given: Given) -> list[Trial]:
    """The network's trials: its answers to the stimuli that people saw."""
    categories = {place_of(trial): trial.category for trial in people}
    only = {trial.condition for trial in people}
    # Where there is but one condition, files may come without their full names.
    single = next(iter(only)) if len(only) == 1 else None
    trials = [
        Trial(given.model.facts.name, condition, image_id(path.name), "", answer)
        for path, answer in chosen.items()
        if (condition := condition_in(path.name) or single) is not None
    ]
    seen = [trial for trial in trials if place_of(trial) in categories]
    if len(seen) < len(chosen):
        strange = next(p for p in chosen if image_id(p.name) not in {t.image for t in seen})
        raise UsageError(
            f"Nobody was shown {strange}: no record in raw-data names it; give the stimuli as "
            f"model-vs-human has them."
        )
    return [trial._replace(category=categories[place_of(trial)]) for trial in seen]


def _items(experiments: Sequence[_Experiment]) -> pa.Table:
    rows = [(each.name, trial) for each in experiments for trial in each.network]
    return pa.table(
        {
            "experiment": [name for name, _ in rows],
            "condition": [trial.condition for _, trial in rows],
            "image": [trial.image for _, trial in rows],
            "category": [trial.category for _, trial in rows],
            "answer": [trial.answer for _, trial in rows],
        }
    )


def _known(names: Sequence[str]) -> list[str]:
    strange = sorted(set(names) - set(EXPERIMENTS))
    if strange or not names:
        raise UsageError(
            f"There is no experiment {', '.join(strange) or 'named'}; the experiments are "
            f"{', '.join(EXPERIMENTS)}."
        )
    return [name for name in EXPERIMENTS if name in names]


def _stimuli(root: Path, name: str) -> list[Path]:
    folder(root / "raw-data" / name, "model-vs-human", NEEDS.layout)
    paths = images_below(folder(root / "datasets" / name, "model-vs-human", NEEDS.layout))
    if not paths:
        raise UsageError(f"{root / 'datasets' / name} holds no images.")
    return paths


def _named(experiment: str) -> tuple[str, str]:
    return f"{experiment} stimuli", f"{experiment} people"


def _counts(
    name: str, stimuli: Mapping[str, list[Path]], people: Mapping[str, list[Trial]]
) -> dict[str, int]:
    return dict(zip(_named(name), (len(stimuli[name]), len(by_decider(people[name]))), strict=True))
