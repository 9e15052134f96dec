"""Segmentation: a backbone is trained with a head on masks, and its mIoU counted on others."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
import torch
from msgspec import Meta
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.functional import resize

from videonet.evaluation.labelled_images import Labelled, Labelling, Pair
from videonet.evaluation.overlap import COLUMNS, IGNORED, numbers_of, of_classes, overlaps
from videonet.evaluation.protocol import Given, Outcome
from videonet.evaluation.segmentation_images import Shown, parts, wholes
from videonet.evaluation.segmentation_network import Head, Segmenter, is_swin, resized, segmenter
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
KEPT_EVERY = 500

# Images of a part that are reported on.
PART = 100

_MOMENTUM = 0.9

# Of AdamW: what is not made smaller, as mmsegmentation has it for Swin.
_UNDECAYED = ("norm", "relative_position_bias_table", "absolute_pos_embed")


@dataclass(frozen=True)
class Recipe:
    """How a head of one kind is trained with the backbone on one data set."""

    head: Head
    shown: Shown
    steps: int
    optimizer: Literal["sgd", "adamw"]
    rate: float
    weight_decay: float
    # the rate falls to `least` by (1 - share of the steps) to this power; 0: by milestones alone
    power: float = 0.0
    least: float = 0.0
    # shares of the steps after which the rate is a tenth of what it was
    milestones: tuple[float, ...] = ()
    # share of the steps in which the rate rises from nearly 0
    warm_up: float = 0.0

    def rate_of(self, done: int) -> float:
        """The learning rate of the step after `done` steps."""
        share = done / self.steps
        rate = self.rate
        if self.power:
            rate = (rate - self.least) * (1 - share) ** self.power + self.least
        rate *= 0.1 ** sum(share >= each for each in self.milestones)
        if share < self.warm_up:
            rate *= 1e-6 + (1 - 1e-6) * share / self.warm_up
        return rate


# What both data sets take of ADE20K's recipes.
AS_ADE20K = Shown(short_side=512, longest=2048, crop=512, most_of_a_class=0.75, distorts=True)

# Of both data sets.
MODEL = (
    "a network of convolutions that timm can widen, such as a ResNet or an EfficientNet, or Swin"
)

ASSUMPTIONS = (
    "Images are resized with antialiasing; saturation is changed by blending with grey.",
    "Batch norm counts over one process's images. Where steps are set, all times of the schedule "
    "are shares of them.",
    "Beyond an image is the mean colour that the model wants, of no class.",
)


def upernet(steps: int) -> Recipe:
    """Mmsegmentation's recipe of UPerNet for Swin on ADE20K, for so many steps."""
    return Recipe(
        Head("upernet", 512, dropout=0.1, auxiliary=0.4, drop_path=0.3),
        AS_ADE20K,
        steps=steps,
        optimizer="adamw",
        rate=6e-5,
        weight_decay=0.01,
        power=1.0,
        warm_up=1_500 / 160_000,
    )


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The recipe's. A setting of 0 is as the recipe of the head has it."""

    # images a step
    batch: Annotated[int, Meta(ge=2)] = 16
    steps: Annotated[int, Meta(ge=0)] = 0
    rate: Annotated[float, Meta(ge=0)] = 0.0
    # side of training images, and shorter side of whole ones, pixels
    crop: Annotated[int, Meta(ge=0, le=4096)] = 0
    short_side: Annotated[int, Meta(ge=0, le=4096)] = 0
    seed: Annotated[int, Meta(ge=0)] = 0
    # of products while it trains; mIoU is counted in float32
    training_precision: Literal["float32", "bfloat16"] = "float32"


def recipe_for(given: Given, fcn: Recipe, upernet: Recipe) -> Recipe:
    """The recipe that goes with the model, with what the settings change."""
    settings: Settings = given.settings
    recipe = upernet if is_swin(given.model) else fcn
    shown = recipe.shown
    if settings.short_side:
        longest = round(shown.longest / shown.short_side * settings.short_side)
        shown = replace(shown, short_side=settings.short_side, longest=longest)
    return replace(
        recipe,
        shown=replace(shown, crop=settings.crop or shown.crop),
        steps=settings.steps or recipe.steps,
        rate=settings.rate or recipe.rate,
    )


def evaluated(
    given: Given, labelled: Labelled, labelling: Labelling, recipe: Recipe, what: str
) -> Outcome:
    """MIoU on the images to report on, after training on the others."""
    with random_of_its_own(), torch.enable_grad():
        network = _trained(given, labelled.train, labelling, recipe, what)
    items = _items(given, network.eval(), labelled.val, labelling, recipe, what)
    of_each = dict(zip(labelling.classes, of_classes(items), strict=True))
    facts = {
        "head": recipe.head.kind,
        "steps": recipe.steps,
        "rate": recipe.rate,
        "crop": recipe.shown.crop,
        "short side": recipe.shown.short_side,
        "mIoU is the mean over": sum(each is not None for each in of_each.values()),
        "IoU of classes": of_each,
    }
    numbers = numbers_of(items, given.seed)
    return Outcome(numbers, "images", items, labelled.data, facts)


def _trained(
    given: Given, pairs: Sequence[Pair], labelling: Labelling, recipe: Recipe, what: str
) -> Segmenter:
    """The network after all steps, from the newest state on if there is one."""
    settings: Settings = given.settings
    # Its own, for what is before the first step.
    begin_random(settings.seed, recipe.steps)
    network = segmenter(given.model, recipe.head, len(labelling.classes), what)
    optimizer = _optimizer(network, recipe)
    done = 0
    state = given.parts.state(what)
    if state is not None:
        # Of a disk that lost its end, nothing is gone on from.
        with suppress(SafetensorError):
            done = restore(state, network, optimizer)
    shown = parts(
        pairs,
        labelling,
        recipe.shown,
        given.model.preparation.mean,
        places(len(pairs), settings.batch, done, recipe.steps, settings.seed),
        settings.seed,
        given.workers,
    )
    network.train()
    for batch in shown:
        begin_random(settings.seed, done)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_of(done)
        # Whole: a part of pinned memory would be copied, and waited for.
        moved = batch.to(given.model.device, non_blocking=True)
        optimizer.zero_grad()
        with training_precision(given.model.device, settings.training_precision):
            logits = network(given.model.normalised(moved[:, :3]))
        loss = loss_of(logits, moved[:, 3].long(), recipe.head)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        done += 1
        if done % KEPT_EVERY == 0 or done == recipe.steps:
            check_finite(loss, what, done, recipe.rate)
            given.parts.keep_state(what, state_of(network, optimizer, done))
        given.told(f"{what} trains", done, recipe.steps)
    return network


def loss_of(logits: Sequence[Tensor], labels: Tensor, head: Head) -> Tensor:
    """Cross-entropy of each head [N, C, H, W] against labels [N, H, W], the mean over all pixels.

    As in mmsegmentation, pixels of no class count in the mean, as 0.
    """
    weights = (1.0, head.auxiliary)[: len(logits)]
    sums = [
        weight * functional.cross_entropy(each, labels, ignore_index=IGNORED, reduction="sum")
        for each, weight in zip(logits, weights, strict=True)
    ]
    return torch.stack(sums).sum() / labels.numel()


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(), recipe.rate, _MOMENTUM, weight_decay=recipe.weight_decay
        )
    of_name: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, each in network.named_parameters():
        of_name[any(word in name for word in _UNDECAYED)].append(each)
    groups: list[dict[str, Any]] = [
        {"params": of_name[True], "weight_decay": 0.0},
        {"params": of_name[False], "weight_decay": recipe.weight_decay},
    ]
    return torch.optim.AdamW(groups, recipe.rate)


def _items(
    given: Given,
    network: Segmenter,
    pairs: Sequence[Pair],
    labelling: Labelling,
    recipe: Recipe,
    what: str,
) -> pa.Table:
    def of_part(begin: int) -> pa.Table:
        chosen = pairs[begin : begin + PART]
        counts = []
        for number, image in enumerate(wholes(chosen, labelling, given.workers)):
            moved = image.to(given.model.device, non_blocking=True)
            found = segmented(given, network, moved[:, :3], recipe)
            counts.append(overlaps(moved[0, 3], found, len(labelling.classes)))
            given.told(what, begin + number, len(pairs))
        # Here alone the device is waited for.
        of_images = torch.stack(counts).cpu().numpy()
        columns: dict[str, Any] = {
            "image": [pair.image.relative_to(given.data).as_posix() for pair in chosen]
        }
        for place, name in enumerate(COLUMNS):
            columns[name] = list(of_images[:, place])
        return pa.table(columns)

    made = [
        given.parts.made(f"{what} {begin}", partial(of_part, begin))
        for begin in range(0, len(pairs), PART)
    ]
    return pa.concat_tables(made)


@torch.inference_mode()
def segmented(given: Given, network: Segmenter, image: Tensor, recipe: Recipe) -> Tensor:
    """The class of each pixel of an image uint8 [1, 3, H, W] of the device, int64 [H, W]."""
    height, width = image.shape[2:]
    small = resize(image, list(recipe.shown.size(height, width)), antialias=True)
    (logits,) = network(given.model.normalised(small))
    return resized(logits, (height, width), recipe.head)[0].argmax(dim=0)
