"""ClickMe: does a network look where people say that one sees what it is (Fel et al. 2022)."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from videonet.errors import UsageError
from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import mean_intervals
from videonet.evaluation.dataset_files import checked, folder, unreadable
from videonet.evaluation.model import CLASSES, Model
from videonet.evaluation.protocol import Given, Number, Outcome
from videonet.evaluation.saliency import (
    Maps,
    attention_maps,
    gradient_maps,
    heat_maps,
    rank_correlations,
    resized,
)
from videonet.shards.sequence_example import Example, check_parts
from videonet.shards.tfrecord import read_records

# How well people agree with each other, as Harmonization has measured it; not computed anew.
HUMAN_CEILING = 0.65753

PROTOCOL = About(
    name="clickme-harmonization",
    mark="published stand-in",
    source=(
        "serre-lab/Harmonization evaluation/clickme.py (5e9354b), evaluation/metrics.py (d6ff0a7), "
        "common/clickme_dataset.py (22b177c), common/blur.py (5e9354b)"
    ),
    assumptions=(
        "A network that pools by attention is asked for its masks: of all scales, resized to 224 "
        "pixels (bilinear) and averaged as they are, though a mask of fewer positions weighs more.",
        "Others are asked for gradients: of the label's logit by the normalised image, the largest "
        "size among channels. The paper's classifier is a linear one; the result says whose it is.",
        "Images are resized to the size that the model wants.",
        "Images of which a map is constant have no correlation, and do not count; the result says "
        "how many. All others count; Harmonization leaves out what does not fill a batch of 64.",
    ),
    confirmed_by="the paper's supervised ResNet-50: 34.4",
    notes=(
        "Alignment is the mean of Spearman's correlation, divided by that of people among "
        f"themselves: {HUMAN_CEILING}.",
    ),
    main=("alignment",),
)

NEEDS = Needs(
    data="ClickMe, its validation files",
    layout=("val-*.tfrecords, 17 files",),
    model="a training that pools by attention; or a classifier of ImageNet, with gradients",
    classifies=True,
    cost="a minute",
)

EXPECTED = {"files": 17}

# Of both pictures of a record, pixels.
_SIDE = 256


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which maps: the masks of a network that has some, else gradients; or one of them."""

    maps: Literal["own", "attention", "gradient"] = "own"


class _Sample(NamedTuple):
    """A record: RGB [256, 256, 3] and clicks [256, 256], uint8, and the class."""

    image: NDArray[np.uint8]
    clicks: NDArray[np.uint8]
    label: int


def evaluate(given: Given) -> Outcome:
    """How alike the maps of a network are to where people clicked, by the human ceiling."""
    kind, maps = _maps(given.model, given.settings.maps)
    files = sorted(folder(given.data, "ClickMe", NEEDS.layout).glob("*.tfrecords"))
    if not files:
        raise UsageError(
            f"{given.data} has no TFRecords; below --data there should be {NEEDS.layout[0]}."
        )
    data = checked(
        given.data,
        files,
        {"files": len(files)},
        EXPECTED,
        partial=given.partial,
        told=given.told,
    )
    given.parts.of(data.fingerprint)
    made = []
    for number, file in enumerate(files):
        given.told(PROTOCOL.name, number, len(files))
        made.append(given.parts.made(f"{kind} {file.name}", partial(_of_file, given, file, maps)))
    items = pa.concat_tables(made)
    correlations = items["spearman"].to_numpy()
    known = correlations[~np.isnan(correlations)]
    columns = {"alignment": known / HUMAN_CEILING, "spearman": known}
    numbers = (
        mean_intervals(columns, given.seed)
        if len(known)
        else {name: Number(float("nan")) for name in columns}
    )
    facts = {
        "maps": kind,
        "images": len(correlations),
        "images left out, as a map is constant": len(correlations) - len(known),
    }
    return Outcome(numbers, "images", items, data, facts, by_classifier=kind == "gradient")


def _maps(model: Model, asked: str) -> tuple[str, Maps]:
    """Which maps they are, and the function that gives them. Raises UsageError."""
    attention = model.attention
    if asked == "attention" and attention is None:
        raise UsageError(
            f"maps=attention asks for attention masks, and {model.facts.name} has none; give the "
            f"folder of a training with pooling.kind = attention, or --set maps=gradient."
        )
    if asked == "gradient" or attention is None:
        return "gradient", gradient_maps(model, PROTOCOL.name)
    asks = attention

    def maps(images: Tensor, _labels: Tensor) -> Tensor:
        with torch.no_grad():
            return attention_maps(asks(images))

    return "attention", maps


def _of_file(given: Given, file: Path, maps: Maps) -> pa.Table:
    """A row for each record of a file."""
    places: list[int] = []
    labels: list[int] = []
    found: list[float] = []
    for samples in _batches(file, given.batch):
        device = given.model.device
        images, clicks = (
            torch.from_numpy(np.stack(each)).to(device)
            for each in ([each.image for each in samples], [each.clicks for each in samples])
        )
        truth = torch.tensor([each.label for each in samples], device=device)
        size = given.model.preparation.crop
        shown = resized(images.permute(0, 3, 1, 2).flatten(0, 1), size)
        shown = shown.view(len(samples), 3, size, size)
        seen = maps(given.model.normalised(shown), truth)
        found += rank_correlations(seen, heat_maps(clicks.float()))
        places += range(len(places), len(places) + len(samples))
        labels += [each.label for each in samples]
    return pa.table(
        {
            "file": [file.name] * len(places),
            "record": places,
            "label": labels,
            "spearman": pa.array(found, pa.float64()),
        }
    )


def _batches(file: Path, batch: int) -> Iterator[list[_Sample]]:
    """The records of a file, so many at a time. Raises UsageError."""
    waiting: list[_Sample] = []
    for number, record in enumerate(read_records(file)):
        try:
            waiting.append(_sample(record))
        except Exception as error:  # a broken picture can raise almost anything in Pillow
            raise unreadable(file, f"record {number} is none of ClickMe: {error}") from error
        if len(waiting) == batch:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _sample(record: bytes) -> _Sample:
    """What a record holds. Raises what is caught above."""
    check_parts(record, "Example")
    features = {each.key: each.value for each in Example.FromString(record).features.feature}
    (picture,), (heat,) = (features[name].bytes_list.value for name in ("image", "heatmap"))
    (label,) = features["label"].int64_list.value
    shown, clicked = (Image.open(io.BytesIO(each)) for each in (picture, heat))
    # Before they are decoded: a small file may be of a large picture.
    if shown.size != (_SIDE, _SIDE) or clicked.size != (_SIDE, _SIDE):
        raise ValueError(f"its pictures are not of {_SIDE} x {_SIDE} pixels")
    image, clicks = np.array(shown.convert("RGB")), np.array(clicked.convert("L"))
    if not 0 <= label < CLASSES:
        raise ValueError(f"its label is {label}")
    return _Sample(image, clicks, label)
