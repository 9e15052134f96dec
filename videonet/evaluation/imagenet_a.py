"""ImageNet-A: 7,500 natural images that a ResNet-50 gets wrong (Hendrycks et al. 2021)."""

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from videonet.errors import UsageError
from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import mean_intervals
from videonet.evaluation.class_lists import imagenet_a_wnids, output_of_wnid
from videonet.evaluation.classifying import decisions
from videonet.evaluation.dataset_files import checked, folder, images_below
from videonet.evaluation.model import Function, needed_logits
from videonet.evaluation.protocol import Given, Outcome

PROTOCOL = About(
    name="imagenet-a",
    mark="published stand-in",
    source=(
        "hendrycks/natural-adv-examples eval.py (2f866f5); modestyachts/imagenet-testbed "
        "src/eval_settings/imagenet_a.py (4ce1ad9)"
    ),
    assumptions=(
        "The paper's classifier is a linear one on frozen features; the result says whose it is.",
        "Images are prepared as the model itself wants them.",
    ),
    confirmed_by=(
        "torchvision's ResNet-50 (V1): 0.00, by construction, and MobileNetV2: 1.80, "
        "on all 7,500 images"
    ),
    notes=("The set was filtered against a ResNet-50: its images are those that one got wrong.",),
    main=("top1",),
)

NEEDS = Needs(
    data="ImageNet-A",
    layout=("WNID/*.jpg, 200 folders",),
    model="a classifier of ImageNet's 1,000 classes: its own, or a head of a linear probe",
    classifies=True,
    cost="seconds",
)

EXPECTED = {"images": 7500, "classes": 200}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There are none."""


def evaluate(given: Given) -> Outcome:
    """Share of the images whose class has the largest logit among the 200 of the set."""
    needed_logits(given.model, PROTOCOL.name)
    paths, classes = _images(given.data)
    data = checked(
        given.data,
        paths,
        {"images": len(paths), "classes": len(set(classes))},
        EXPECTED,
        partial=given.partial,
        told=given.told,
    )
    given.parts.of(data.fingerprint)
    wnids = imagenet_a_wnids()
    decided = decisions(given, paths, PROTOCOL.name, restricted(given.model.device))
    right = decided == np.array([wnids.index(wnid) for wnid in classes])
    items = pa.table(
        {
            "image": [path.relative_to(given.data).as_posix() for path in paths],
            "decision": [wnids[each] for each in decided],
            "right": right,
        }
    )
    numbers = mean_intervals({"top1": right.astype(np.float64)}, given.seed)
    return Outcome(numbers, "images", items, data)


def restricted(device: torch.device) -> Function:
    """Which of the 200 classes has the largest logit: the other 800 are left out before that."""
    outputs = output_of_wnid()
    kept = torch.tensor([outputs[wnid] for wnid in imagenet_a_wnids()], device=device)

    def decide(logits: Tensor) -> Tensor:
        return logits[:, kept].argmax(dim=1)

    return decide


def _images(root: Path) -> tuple[list[Path], list[str]]:
    """All images, and the wnid of each."""
    folder(root, "ImageNet-A", NEEDS.layout)
    paths = images_below(root)
    classes = [path.relative_to(root).parts[0] for path in paths]
    strange = sorted(set(classes) - set(imagenet_a_wnids()))
    if strange or not paths:
        wrong = f"a folder {strange[0]}, which is none of its classes" if strange else "no images"
        raise UsageError(
            f"{root} has {wrong}; ImageNet-A lies as {'; '.join(NEEDS.layout)} below --data."
        )
    return paths, classes
