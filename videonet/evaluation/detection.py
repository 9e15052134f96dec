"""Detection: a backbone is trained with FCOS on boxes, and its AP counted on other images."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import torch
from msgspec import Meta
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from videonet.errors import UsageError
from videonet.evaluation.annotated_boxes import BoxedImage, Boxes, read_boxes
from videonet.evaluation.average_precision import MOST, Detection, Rules, average_precision
from videonet.evaluation.dataset_files import checked, unreadable
from videonet.evaluation.detection_images import Batch, Boxed, Fitted, random_parts, shown
from videonet.evaluation.detection_network import detector
from videonet.evaluation.protocol import Data, Given, Outcome
from videonet.evaluation.training_state import (
    begin_random,
    check_finite,
    places,
    random_of_its_own,
    restore,
    state_of,
    training_precision,
)

# Steps between two times that the state is kept, which is all that an interruption costs.
KEPT_EVERY = 200

# Images of a part that are reported on.
PART = 200

# The paper's: of a batch of 128 images, and shares of the training.
_RATE, _RATE_BATCH, _WEIGHT_DECAY = 1e-3, 128, 1e-4
_MILESTONES, _WARM_UP_EPOCHS = (2 / 3, 8 / 9), 0.25

MODEL = (
    "a network with features of the strides 8, 16 and 32, such as a ResNet, EfficientNet or Swin"
)

ASSUMPTIONS = (
    "torchvision's FCOS in the place of FCOS*, the paper's, whose three additions to FCOS are "
    "described in another paper, which was not at hand.",
    "The pyramid stands on what stages give, without norms between. Batch norms keep the "
    "statistics of the model, also of an untrained one. Images of a step are computed some at a "
    "time, and each such part's loss is divided by its own count of positions in boxes.",
    "The rate is in proportion to the batch. Images are mirrored in half of all cases. A box of "
    "which less than a pixel is left is none. Boxes around crowds are not trained on.",
    "Boxes below a score of .05 (COCO) or .0001 (LVIS) are none.",
    "One training; the paper has the mean of five, for which there is --set seed.",
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paper's, but for the rate of other batches."""

    # height and width into which images are fitted, pixels
    height: Annotated[int, Meta(ge=64, le=4096)] = 800
    width: Annotated[int, Meta(ge=64, le=4096)] = 1024
    epochs: Annotated[float, Meta(gt=0)] = 30.0
    # images a step, and how many of these are computed at a time
    batch: Annotated[int, Meta(ge=1)] = 128
    at_once: Annotated[int, Meta(ge=1)] = 8
    # of a batch of 128
    rate: Annotated[float, Meta(gt=0)] = _RATE
    # of the pyramid and the head
    channels: Annotated[int, Meta(ge=32, multiple_of=32)] = 256
    seed: Annotated[int, Meta(ge=0)] = 0
    # of products while it trains; boxes are found in float32
    training_precision: Literal["float32", "bfloat16"] = "float32"


class Part(NamedTuple):
    """Images of a part of a data set, their boxes, and those as they were read."""

    images: list[Boxed]
    truth: Boxes


class Opened(NamedTuple):
    """A data set: what is trained on, and what is reported on."""

    train: Part
    val: Part
    # ids of the categories, in the order of the detector's classes
    categories: list[int]
    data: Data


# A file of boxes, and where each of its images lies; both below --data.
Listed = tuple[str, Callable[[BoxedImage], str]]


def open_boxes(
    given: Given,
    train: Listed,
    val: Listed,
    expected: dict[str, int],
    layout: Sequence[str],
) -> Opened:
    """Both parts, of which every image is there and as large as it should be. Raises UsageError.

    With `--partial`, images that are not there are left out, with their boxes.
    """
    files = (train[0], val[0])
    read = [read_boxes(given.data / each) for each in files]
    categories = sorted(each.id for each in read[0].categories)
    if categories != sorted(each.id for each in read[1].categories):
        raise UsageError(f"{files[0]} and {files[1]} have other categories; give those of one set.")
    parts = [
        _part(given, each, categories, placing, layout)
        for each, (_, placing) in zip(read, (train, val), strict=True)
    ]
    both = set.intersection(*({each.path for each in part.images} for part in parts))
    if both:
        raise UsageError(f"{min(both)} is trained on and reported on; give lists without it.")
    counts = {
        "train images": len(parts[0].images),
        "val images": len(parts[1].images),
        "categories": len(categories),
    }
    paths = [each.path for part in parts for each in part.images]
    paths += [given.data / each for each in files]
    data = checked(given.data, paths, counts, expected, partial=given.partial, told=given.told)
    given.parts.of(data.fingerprint)
    return Opened(parts[0], parts[1], categories, data)


def evaluated(given: Given, opened: Opened, rules: Rules, what: str) -> Outcome:
    """AP on the images to report on, after training on the others."""
    with random_of_its_own(), torch.enable_grad():
        network = _trained(given, opened, rules, what)
    items = _items(given, network.eval(), opened, what)
    columns = {name: items[name].to_pylist() for name in _COLUMNS.names}
    boxes = zip(*(columns[name] for name in ("left", "top", "width", "height")), strict=True)
    of_each = zip(columns["image"], columns["category"], boxes, columns["score"], strict=True)
    found = [Detection(*each) for each in of_each]
    given.told("counts AP", 0, 1)
    numbers = average_precision(opened.val.truth, found, rules, given.seed)
    steps = _steps(given.settings, len(opened.train.images))
    facts = {"head": "FCOS of torchvision", "steps": steps}
    return Outcome(numbers, "images", items, opened.data, facts)


def rate_of(done: int, steps: int, settings: Settings) -> float:
    """The learning rate of the step after `done` of so many steps."""
    share = done / steps
    rate = settings.rate * settings.batch / _RATE_BATCH
    rate *= 0.1 ** sum(share >= each for each in _MILESTONES)
    rising = _WARM_UP_EPOCHS / settings.epochs
    return rate * min(1.0, (share + 1 / steps) / rising) if rising else rate


def _steps(settings: Settings, images: int) -> int:
    return max(1, round(settings.epochs * images / settings.batch))


def _part(
    given: Given,
    read: Boxes,
    categories: list[int],
    placing: Callable[[BoxedImage], str],
    layout: Sequence[str],
) -> Part:
    of_image: dict[int, list[tuple[tuple[float, ...], int]]] = defaultdict(list)
    number = {category: place for place, category in enumerate(categories)}
    for box in read.annotations:
        left, top, width, height = box.bbox
        if not box.iscrowd and width > 0 and height > 0:
            corners = (left, top, left + width, top + height)
            of_image[box.image_id].append((corners, number[box.category_id]))
    found, kept = [], []
    for image in read.images:
        path = given.data / placing(image)
        if not path.is_file():
            if given.partial:
                continue
            raise UsageError(
                f"{path} is missing; below --data there should be {'; '.join(layout)}."
            )
        boxes = of_image[image.id]
        corner_array = np.array([corners for corners, _ in boxes], np.float32).reshape(-1, 4)
        classes = np.array([each for _, each in boxes], np.int64)
        found.append(Boxed(path, corner_array, classes))
        kept.append(image)
    if not found:
        raise UsageError(
            f"{given.data} has none of the images that it names; below --data there should be "
            f"{'; '.join(layout)}."
        )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_check_size, [each.path for each in found], kept))
    ids = {each.id for each in kept}
    there = tuple(each for each in read.annotations if each.image_id in ids)
    return Part(found, msgspec.structs.replace(read, images=tuple(kept), annotations=there))


def _check_size(path: Path, said: BoxedImage) -> None:
    try:
        with Image.open(path) as image:
            width, height = image.size
    except Exception as error:  # a broken file can raise almost anything in Pillow
        raise unreadable(path, error) from error
    if (width, height) != (said.width, said.height):
        raise UsageError(
            f"{path} is {width} x {height} pixels, and its boxes are of one of {said.width} x "
            f"{said.height}; give the image as it was published."
        )


def _fitted(given: Given) -> Fitted:
    settings: Settings = given.settings
    return Fitted(settings.height, settings.width, beyond=given.model.preparation.mean)


def _trained(given: Given, opened: Opened, rules: Rules, what: str) -> Any:
    """The detector after all steps, from the newest state on if there is one."""
    settings: Settings = given.settings
    images = opened.train.images
    steps = _steps(settings, len(images))
    # Its own, for what is before the first step.
    begin_random(settings.seed, steps)
    most = MOST[rules][-1]
    network = detector(given.model, len(opened.categories), settings.channels, most, what)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=_WEIGHT_DECAY)
    done = 0
    state = given.parts.state(what)
    if state is not None:
        # Of a disk that lost its end, nothing is gone on from.
        with suppress(SafetensorError):
            done = restore(state, network, optimizer)
    drawn = places(len(images), settings.batch, done, steps, settings.seed)
    network.train()
    for batch in random_parts(images, _fitted(given), drawn, settings.seed, given.workers):
        begin_random(settings.seed, done)
        for group in optimizer.param_groups:
            group["lr"] = rate_of(done, steps, settings)
        optimizer.zero_grad()
        total = torch.zeros((), device=given.model.device)
        for part in _few(batch, settings.at_once):
            loss = _loss(given, network, part) * (len(part.images) / len(batch.images))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        optimizer.step()
        done += 1
        if done % KEPT_EVERY == 0 or done == steps:
            check_finite(total, what, done, settings.rate)
            given.parts.keep_state(what, state_of(network, optimizer, done))
        given.told(f"{what} trains", done, steps)
    return network


def _few(batch: Batch, count: int) -> Iterator[Batch]:
    for begin in range(0, len(batch.images), count):
        chosen = slice(begin, begin + count)
        yield Batch(
            batch.images[chosen],
            batch.boxes[chosen],
            batch.classes[chosen],
            batch.factors[chosen],
        )


def _loss(given: Given, network: Any, batch: Batch) -> Tensor:
    device = given.model.device
    targets = [
        {
            "boxes": boxes.to(device, non_blocking=True),
            "labels": classes.to(device, non_blocking=True),
        }
        for boxes, classes in zip(batch.boxes, batch.classes, strict=True)
    ]
    with training_precision(device, given.settings.training_precision):
        losses = network(list(given.model.normalised(batch.images)), targets)
    return torch.stack(list(losses.values())).sum()


def _items(given: Given, network: Any, opened: Opened, what: str) -> pa.Table:
    """A row for each box that was found."""
    images, truth = opened.val.images, opened.val.truth.images

    def of_part(begin: int) -> pa.Table:
        chosen = images[begin : begin + PART]
        rows: list[dict[str, Any]] = []
        number = begin
        batches = shown(chosen, _fitted(given), given.settings.at_once, given.workers)
        for batch in batches:
            with torch.inference_mode():
                found = network(list(given.model.normalised(batch.images)))
            for each, factors in zip(found, batch.factors, strict=True):
                rows += _rows(each, factors, truth[number], opened.categories)
                number += 1
            given.told(what, number, len(images))
        return pa.Table.from_pylist(rows, _COLUMNS)

    made = [
        given.parts.made(f"{what} {begin}", partial(of_part, begin))
        for begin in range(0, len(images), PART)
    ]
    return pa.concat_tables(made)


_COLUMNS = pa.schema(
    [
        *(("image", pa.int64()), ("category", pa.int64()), ("score", pa.float64())),
        *((name, pa.float64()) for name in ("left", "top", "width", "height")),
    ]
)


def _rows(
    found: dict[str, Tensor],
    factors: tuple[float, float],
    image: BoxedImage,
    categories: list[int],
) -> list[dict[str, Any]]:
    """Boxes of one image, in its own pixels and within it."""
    down, across = factors
    scale = torch.tensor([across, down, across, down], dtype=torch.float64)
    limits = torch.tensor([image.width, image.height] * 2, dtype=torch.float64)
    boxes = (found["boxes"].cpu().double() / scale).clamp(min=0)
    boxes = torch.minimum(boxes, limits)
    rows = zip(
        boxes.tolist(), found["labels"].tolist(), found["scores"].double().tolist(), strict=True
    )
    return [
        {
            "image": image.id,
            "category": categories[label],
            "score": score,
            "left": left,
            "top": top,
            "width": right - left,
            "height": bottom - top,
        }
        for (left, top, right, bottom), label, score in rows
        if right > left and bottom > top
    ]
