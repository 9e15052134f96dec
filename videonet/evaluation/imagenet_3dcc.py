"""ImageNet-3DCC: what a classifier loses where a scene is blurred, fogged or lit (Kar et al. 2022).

The images of ImageNet's validation set, changed with their depth in seven ways of five severities.
"""

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from videonet.errors import UsageError
from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import Weights, interval
from videonet.evaluation.class_lists import output_of_wnid
from videonet.evaluation.classifying import decisions
from videonet.evaluation.dataset_files import checked, folder, images_below
from videonet.evaluation.model import needed_logits
from videonet.evaluation.protocol import Given, Outcome

CORRUPTIONS = (
    *("far_focus", "near_focus", "fog_3d", "flash"),
    *("xy_motion_blur", "z_motion_blur", "view_jitter"),
)
SEVERITIES = (1, 2, 3, 4, 5)

PROTOCOL = About(
    name="imagenet-3dcc",
    mark="ours",
    source=(
        "the paper's figure: accuracy on ImageNet's validation images less that on corrupted "
        "ones, for each severity the mean of seven corruptions of EPFL-VILAB/3DCommonCorruptions"
    ),
    assumptions=(
        "The paper's classifier is a linear one on frozen features; the result says whose it is.",
        "Images are prepared as the model itself wants them.",
        f"The seven corruptions lie in folders named {', '.join(CORRUPTIONS)}.",
        "Corruptions count alike, without the normalisation of a mean corruption error.",
    ),
    confirmed_by="nothing published: the paper draws a figure of these numbers, and prints none",
    main=tuple(f"drop at severity {each}" for each in SEVERITIES),
)

# The images as they are.
_CLEAN = "val"

NEEDS = Needs(
    data="ImageNet-3DCC, and ImageNet's validation images",
    layout=(
        f"{_CLEAN}/WNID/*.JPEG, the images as they are",
        f"CORRUPTION/SEVERITY/WNID/*, for {', '.join(CORRUPTIONS)} and severities 1 to 5",
    ),
    model="a classifier of ImageNet's 1,000 classes: its own, or a head of a linear probe",
    classifies=True,
    cost="5 minutes, bound by decoding",
)

EXPECTED = {"images": 50_000, "classes": 1000, "corrupted images": 50_000 * 35}

Floats = NDArray[np.float64]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There are none."""


def evaluate(given: Given) -> Outcome:
    """How much less of the images a classifier gets right, for each severity."""
    needed_logits(given.model, PROTOCOL.name)
    clean, corrupted = _images(given.data)
    wnids = [path.relative_to(given.data / _CLEAN).parts[0] for path in clean]
    everything = [*clean, *(path for paths in corrupted.values() for path in paths)]
    data = checked(
        given.data,
        everything,
        {
            "images": len(clean),
            "classes": len(set(wnids)),
            "corrupted images": len(everything) - len(clean),
        },
        EXPECTED,
        partial=given.partial,
        told=given.told,
    )
    given.parts.of(data.fingerprint)
    decided = decisions(given, everything, PROTOCOL.name, _largest)
    outputs = output_of_wnid()
    truth = np.array([outputs[wnid] for wnid in wnids])
    # The images as they are, and then those of each corruption and severity, in the same order.
    right = (decided.reshape(-1, len(clean)) == truth).astype(np.float64)
    whole, changed = right[0], right[1:].reshape(len(CORRUPTIONS), len(SEVERITIES), len(clean))
    names = list(outputs)
    items = pa.table(
        {
            "image": [path.relative_to(given.data).as_posix() for path in everything],
            "decision": [names[each] for each in decided],
            "right": right.ravel() == 1,
        }
    )
    numbers = interval(len(clean), given.seed, lambda weights: numbers_of(whole, changed, weights))
    return Outcome(numbers, "images, each with all that was made of it", items, data)


def numbers_of(whole: Floats, changed: Floats, weights: Weights) -> dict[str, Floats]:
    """Numbers [n] of weights [n, images], of right decisions [images], [7, 5, images]: 1 or 0."""
    total = weights.sum(axis=1)
    clean = weights @ whole / total
    # Of each corruption and severity: the shape is 7, 5, n.
    accuracies = changed @ weights.T / total
    drops = clean - accuracies.mean(axis=0)
    found = {f"drop at severity {each}": drops[at] for at, each in enumerate(SEVERITIES)}
    found |= {"drop": drops.mean(axis=0), "top1 of the images as they are": clean}
    for at, name in enumerate(CORRUPTIONS):
        for severity, values in zip(SEVERITIES, accuracies[at], strict=True):
            found[f"top1 with {name} {severity}"] = values
    return found


def _largest(logits: Tensor) -> Tensor:
    return torch.argmax(logits, dim=1)


def _images(root: Path) -> tuple[list[Path], dict[tuple[str, int], list[Path]]]:
    """The images as they are, and what each corruption and severity made of them, in their order.

    Raises UsageError where a folder or an image is missing, also of a part of the data set: a mean
    over fewer corruptions is another number.
    """
    clean = _sorted(folder(root / _CLEAN, "ImageNet-3DCC", NEEDS.layout))
    strange = sorted(
        {path.relative_to(root / _CLEAN).parts[0] for path in clean} - set(output_of_wnid())
    )
    if strange or not clean:
        wrong = f"a folder {strange[0]}, which is no class" if strange else "no images"
        raise UsageError(
            f"{root / _CLEAN} has {wrong}; below --data there should be {'; '.join(NEEDS.layout)}."
        )
    wanted = _names(clean, root / _CLEAN)
    corrupted = {}
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            place = folder(root / name / str(severity), "ImageNet-3DCC", NEEDS.layout)
            found = _sorted(place)
            names = _names(found, place)
            if names != wanted:
                other = sorted({*names} ^ {*wanted}) or ["an image twice"]
                raise UsageError(
                    f"{place} does not hold the images of {root / _CLEAN}: the first difference is "
                    f"{other[0]}; all 35 folders should hold the same ones."
                )
            corrupted[name, severity] = found
    return clean, corrupted


def _sorted(root: Path) -> list[Path]:
    """All images of a folder, sorted by what they are called, whatever their format."""
    return sorted(images_below(root), key=lambda path: path.with_suffix(""))


def _names(paths: list[Path], root: Path) -> list[str]:
    """What images are called: WNID/ILSVRC2012_val_00000001."""
    return [path.relative_to(root).with_suffix("").as_posix() for path in paths]
