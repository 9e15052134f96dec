"""Who decided what of which image: the records of the model-vs-human benchmark."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from videonet.errors import UsageError
from videonet.evaluation.dataset_files import unreadable

_COLUMNS = ("subj", "object_response", "category", "condition", "imagename")


class Trial(NamedTuple):
    """One image that one decider was shown."""

    # person or network
    decider: str
    # "0.10" and "0.1" are the same one: numbers are written in one way
    condition: str
    # what tells an image from others, whatever the number of its trial
    image: str
    # which of 16 categories is shown, and which was answered; "na": none was
    category: str
    answer: str


def read_records(file: Path) -> list[Trial]:
    """The trials in a CSV file. Raises UsageError."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [
                {name.lower(): value for name, value in row.items() if name}
                for row in csv.DictReader(lines)
            ]
    except (OSError, ValueError, csv.Error) as error:
        raise unreadable(file, error) from error
    lacking = [name for name in _COLUMNS if any(row.get(name) is None for row in rows)]
    if lacking or not rows:
        raise UsageError(
            f"{file} has no {lacking[0] if lacking else 'rows'}; its columns should be "
            f"{', '.join(_COLUMNS)}."
        )
    return [
        Trial(
            row["subj"],
            condition_of(row["condition"]),
            image_id(row["imagename"]),
            row["category"],
            row["object_response"],
        )
        for row in rows
    ]


def image_id(name: str) -> str:
    """What of a file's name tells the image: the last part, or two of an image of ImageNet.

    "0001_edg_dnn_0_oven_00_oven10.png" is "oven10.png", and
    "0001_lp_s01_40_chair_10_n04099969_7577.png" is "n04099969_7577.png".
    """
    parts = name.split("_")
    return "_".join(parts[-2:] if len(parts) > 1 and parts[-2].startswith("n0") else parts[-1:])


def condition_in(name: str) -> str | None:
    """The condition in a stimulus's file name; None: it has none, as where there is but one."""
    parts = name.split("_")
    return condition_of(parts[3]) if len(parts) >= 6 else None


def condition_of(text: str) -> str:
    """A condition as it is compared: numbers by their value."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def shape_and_texture(image: str) -> tuple[str, str]:
    """Which shape and which texture an image of conflicting cues has: "cat7-clock2.png"."""
    shape, _, texture = image.partition(".")[0].partition("-")
    return shape.rstrip("0123456789"), texture.rstrip("0123456789")


def by_decider(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """The trials of each decider, in order of the names."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.decider, []).append(trial)
    return dict(sorted(found.items()))
