"""A linear probe on ImageNet, trained on random crops of its images, as BYOL's is."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from videonet.evaluation import linear_probe
from videonet.evaluation.about import About, Needs
from videonet.evaluation.imagenet_folders import LAYOUT, Split, open_imagenet
from videonet.evaluation.images import Place, random_crops
from videonet.evaluation.linear_heads import HeadTrainer
from videonet.evaluation.linear_probe import Part, Settings, held_out, outcome, schedule_of
from videonet.evaluation.model import needed_features
from videonet.evaluation.pooled import pooled
from videonet.evaluation.protocol import Given, Outcome

__all__ = ["NEEDS", "PROTOCOL", "Settings", "evaluate"]

PROTOCOL = About(
    name="byol-linear",
    mark="published stand-in",
    source=(
        "google-deepmind/deepmind-research byol/configs/eval.py (500ffd8), eval_experiment.py "
        "(6fcb842), utils/dataset.py (2e866f1), with the rates of the paper's A.6"
    ),
    assumptions=(
        "Images are cropped at random (from 8 % of their area on, aspect 3:4 to 4:3) and mirrored "
        "in half of all cases, as BYOL does: A.6 does not say. A crop that does not fit is drawn "
        "again, where BYOL cuts its sides.",
        "Images are resized with the interpolation that the model wants; BYOL's is bicubic.",
        *linear_probe.ASSUMPTIONS,
    ),
    confirmed_by="the paper's supervised ResNet-50: 76.1, near torchvision's (V1) own 76.13",
    notes=linear_probe.NOTES,
    main=linear_probe.MAIN,
)

NEEDS = Needs(
    data="ImageNet-1k",
    layout=LAYOUT,
    model="features",
    cost="4 to 5 hours, bound by decoding",
)

# Steps between two times that the state is kept. An interruption costs at most 500,000 images.
KEPT_EVERY = 500


def evaluate(given: Given) -> Outcome:
    """Share of the validation images that a linear classifier of frozen features gets right."""
    needed_features(given.model, PROTOCOL.name)
    settings: Settings = given.settings
    imagenet = open_imagenet(given, PROTOCOL.name)
    held, kept = held_out(len(imagenet.train.paths), settings, given.seed)
    # First, so that an image that cannot be read is found at once, and not after hours.
    val = _middles(given, imagenet.val, "val")
    on_train = _middles(given, _chosen(imagenet.train, held), "held out")
    heads = _trained(given, _chosen(imagenet.train, kept), len(imagenet.classes), val)
    return outcome(given, imagenet, PROTOCOL.name, heads, on_train, val)


def _chosen(split: Split, places: Tensor) -> Split:
    chosen = places.tolist()
    return Split([split.paths[each] for each in chosen], [split.labels[each] for each in chosen])


def _middles(given: Given, split: Split, name: str) -> Part:
    device = given.model.device
    features = pooled(given, split.paths, f"{PROTOCOL.name} {name}").to(device)
    return Part(features, torch.tensor(split.labels, device=device))


def _trained(given: Given, split: Split, classes: int, like: Part) -> list[nn.Linear]:
    """Heads that were trained on random crops, from the newest state on if there is one."""
    device, count = given.model.device, len(split.paths)
    schedule = schedule_of(given.settings, given.seed)
    steps = schedule.steps(count)
    trainer = HeadTrainer(like.features.shape[1], classes, schedule, steps, device)
    state = given.parts.state(PROTOCOL.name)
    if state is not None:
        # Of a disk that lost its end, nothing is gone on from.
        with suppress(SafetensorError):
            trainer.restore(state)

    begun = trainer.done

    def places() -> Iterator[list[Place]]:
        for epoch, chosen in islice(schedule.batches(count), begun, None):
            yield [Place(epoch, image) for image in chosen.tolist()]

    labels = torch.tensor(split.labels)
    crops = random_crops(split.paths, given.model.preparation, places(), given.seed, given.workers)
    batches = islice(schedule.batches(count), begun, None)
    for images, (_, chosen) in zip(crops, batches, strict=True):
        trainer.step(_features(given, images), labels[chosen].to(device, non_blocking=True))
        if trainer.done % KEPT_EVERY == 0 or trainer.done == steps:
            given.parts.keep_state(PROTOCOL.name, trainer.state())
        given.told(f"{PROTOCOL.name} trains", trainer.done, steps)
    return trainer.heads


@torch.no_grad()
def _features(given: Given, images: Tensor) -> Tensor:
    """Features of the images, float32 [n, D], so many at a time as fit."""
    features = needed_features(given.model, PROTOCOL.name)
    parts = torch.split(images, given.batch)
    return torch.cat([features(given.model.normalised(part)).float() for part in parts])
