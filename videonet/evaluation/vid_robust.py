"""ImageNet-Vid-Robust: does a classifier stay right in the frames around one (Shankar et al. 2021).

pm0 is the share of anchor frames that are right, pm10 the share of those that are right with all of
their neighbours, up to ten frames before and after.
"""

import json
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from videonet.errors import UsageError
from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import mean_intervals
from videonet.evaluation.classifying import decisions
from videonet.evaluation.dataset_files import checked, folder, unreadable
from videonet.evaluation.model import Function, needed_logits
from videonet.evaluation.protocol import Given, Outcome
from videonet.files import read_bounded

PROTOCOL = About(
    name="imagenet-vid-robust",
    mark="published stand-in",
    source="modestyachts/imagenet-testbed src/eval_settings/imagenet_vid_robust.py (4ce1ad9)",
    assumptions=(
        "The paper's classifier is a linear one on frozen features; the result says whose it is.",
        "Images are prepared as the model itself wants them.",
        "Logits of a class are merged by their maximum, as for all models but smoothed ones.",
    ),
    confirmed_by="torchvision's ResNet-50 (V1): pm0 67.54, pm10 52.48, on all 1,109 anchors",
    main=("pm0", "pm10"),
)

METADATA = ("pmsets.json", "labels.json", "class_idx_map.json")

NEEDS = Needs(
    data="ImageNet-Vid-Robust",
    layout=(
        "val/ILSVRC2015_val_*/*.JPEG",
        f"metadata/{{{','.join(METADATA)}}}, those of imagenet-testbed",
    ),
    model="a classifier of ImageNet's 1,000 classes: its own, or a head of a linear probe",
    classifies=True,
    cost="seconds",
)

EXPECTED = {"anchors": 1109, "neighbours": 21_070, "outputs": 288, "classes": 30}

# Of the longest of the three files, ten times over.
_MOST_BYTES = 20_000_000


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There are none."""


class Sets(NamedTuple):
    """What the metadata says."""

    # the neighbours of each anchor, and the labels of each frame, by path
    neighbours: dict[str, list[str]]
    labels: dict[str, list[int]]
    # of each of ImageNet's outputs that counts, the class it is part of
    merged: dict[int, int]


def evaluate(given: Given) -> Outcome:
    """pm0 and pm10."""
    needed_logits(given.model, PROTOCOL.name)
    sets = _read(given.data)
    if given.partial:
        sets = _present(given.data, sets)
    names = frames_of(sets.neighbours)
    _check_all_there(given.data, names)
    files = [*(given.data / "metadata" / name for name in METADATA)]
    data = checked(
        given.data,
        [*files, *(given.data / name for name in names)],
        {
            "anchors": len(sets.neighbours),
            "neighbours": sum(map(len, sets.neighbours.values())),
            "outputs": len(sets.merged),
            "classes": len(set(sets.merged.values())),
        },
        EXPECTED,
        partial=given.partial,
        told=given.told,
    )
    given.parts.of(data.fingerprint)
    decide = merging(sets.merged, given.model.device)
    paths = [given.data / name for name in names]
    decided = decisions(given, paths, PROTOCOL.name, decide).tolist()
    right = {name: label in sets.labels[name] for name, label in zip(names, decided, strict=True)}
    anchors, all_around = scores(sets.neighbours, right)
    items = pa.table(
        {
            "frame": names,
            "decision": decided,
            "right": list(right.values()),
            "anchor": [name in sets.neighbours for name in names],
        }
    )
    numbers = mean_intervals({"pm0": anchors, "pm10": all_around}, given.seed)
    return Outcome(numbers, "anchors, each of another video", items, data)


def frames_of(neighbours: dict[str, list[str]]) -> list[str]:
    """The paths of all frames, anchors and neighbours, each once and sorted."""
    return sorted({*neighbours, *(each for near in neighbours.values() for each in near)})


def scores(
    neighbours: dict[str, list[str]], right: dict[str, bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each anchor, 1 or 0: whether it is right, and whether it is with all its neighbours."""
    anchors = [right[anchor] for anchor in neighbours]
    around = [all(right[each] for each in near) for near in neighbours.values()]
    both = [one and rest for one, rest in zip(anchors, around, strict=True)]
    return np.array(anchors, np.float64), np.array(both, np.float64)


def merging(merged: dict[int, int], device: torch.device) -> Function:
    """Which of the 30 classes has the largest logit; that of a class is its largest output's."""
    outputs = torch.tensor(sorted(merged), device=device)
    classes = torch.tensor([merged[each] for each in sorted(merged)], device=device)
    count = int(classes.max()) + 1

    def decide(logits: Tensor) -> Tensor:
        lowest = logits.new_full((len(logits), count), -torch.inf)
        into = classes.expand(len(logits), -1)
        return lowest.scatter_reduce(1, into, logits[:, outputs], "amax").argmax(dim=1)

    return decide


def _read(root: Path) -> Sets:
    folder(root / "metadata", "ImageNet-Vid-Robust", NEEDS.layout)
    pmsets, labels, merged = (_json(root / "metadata" / name) for name in METADATA)
    try:
        sets = Sets(
            msgspec.convert(pmsets, dict[str, list[str]]),
            msgspec.convert(labels, dict[str, list[int]]),
            {int(key): value for key, value in msgspec.convert(merged, dict[str, int]).items()},
        )
        missing = [name for name in frames_of(sets.neighbours) if name not in sets.labels]
        strange = [name for name in frames_of(sets.neighbours) if ".." in Path(name).parts]
        if missing or strange or not sets.merged or not sets.neighbours:
            raise ValueError
    except ValueError:  # msgspec's is one
        raise UsageError(
            f"{root / 'metadata'} does not say what is asked of it; put imagenet-testbed's "
            f"{', '.join(METADATA)} there."
        ) from None
    return sets


def _json(file: Path) -> object:
    try:
        return json.loads(read_bounded(file, _MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(file, error) from error


def _check_all_there(root: Path, names: list[str]) -> None:
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        raise UsageError(
            f"{len(missing):,} of {len(names):,} frames are missing, the first is "
            f"{root / missing[0]}; give all of them, or --partial for the anchors that are whole."
        )


def _present(root: Path, sets: Sets) -> Sets:
    """The anchors all of whose frames are there."""
    here = {
        anchor: near
        for anchor, near in sets.neighbours.items()
        if all((root / name).is_file() for name in (anchor, *near))
    }
    if not here:
        raise UsageError(f"{root} has no anchor with all its neighbours: nothing can be evaluated.")
    return sets._replace(neighbours=here)
