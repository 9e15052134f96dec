"""Nearest neighbours on ImageNet: does an image of a class lie near others of it."""

from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa
import torch
from msgspec import Meta

from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import mean_intervals
from videonet.evaluation.imagenet_folders import LAYOUT, open_imagenet
from videonet.evaluation.model import needed_features
from videonet.evaluation.neighbours import voted
from videonet.evaluation.pooled import pooled
from videonet.evaluation.protocol import Given, Outcome

PROTOCOL = About(
    name="knn-dino",
    mark="published stand-in",
    source="facebookresearch/dino eval_knn.py: 20 neighbours, temperature 0.07, cosine",
    assumptions=("Images are prepared as the model itself wants them.",),
    confirmed_by="DINO's own ResNet-50: 67.5, in the README of facebookresearch/dino",
    notes=("The paper has no such number. It is cheap, and follows the linear probe.",),
    main=("top1",),
)

NEEDS = Needs(
    data="ImageNet-1k",
    layout=LAYOUT,
    model="features",
    cost="5 to 10 minutes, bound by decoding",
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """DINO's."""

    neighbours: Annotated[int, Meta(ge=1)] = 20
    temperature: Annotated[float, Meta(gt=0)] = 0.07


def evaluate(given: Given) -> Outcome:
    """Share of the validation images whose class the nearest training images vote for."""
    needed_features(given.model, PROTOCOL.name)
    imagenet = open_imagenet(given, PROTOCOL.name)
    device = given.model.device
    bank, queries = (
        pooled(given, split.paths, f"{PROTOCOL.name} {name}").to(device)
        for name, split in (("train", imagenet.train), ("val", imagenet.val))
    )
    settings = given.settings
    labels = torch.tensor(imagenet.train.labels, device=device)
    found = voted(queries, bank, labels, settings.neighbours, settings.temperature).cpu().numpy()
    right = found == np.array(imagenet.val.labels)
    items = pa.table(
        {
            "image": [path.relative_to(given.data).as_posix() for path in imagenet.val.paths],
            "decision": [imagenet.classes[each] for each in found],
            "right": right,
        }
    )
    numbers = mean_intervals({"top1": right.astype(np.float64)}, given.seed)
    return Outcome(numbers, "images", items, imagenet.data)
