"""What linear probes on ImageNet have in common: their settings, and which head is reported."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import torch
from msgspec import Meta
from torch import Tensor, nn

from videonet.errors import UsageError
from videonet.evaluation.bootstrap import mean_intervals
from videonet.evaluation.head_file import write_head
from videonet.evaluation.imagenet_folders import ImageNet
from videonet.evaluation.linear_heads import Schedule, best, classified
from videonet.evaluation.protocol import Given, Outcome

# Names of the numbers that are shown.
MAIN = ("top1", "top1 at the rate chosen on train")

# What the paper's A.6 leaves open, and both probes take alike.
ASSUMPTIONS = (
    "Features are the last stage, pooled as the architecture does.",
    "80 epochs, 1,024 images a step, rates times batch / 256, falling to 0 by cosine: A.6 says "
    "none of these.",
    "10,000 training images are held out, by which a rate is chosen without the validation images.",
    "Heads begin with weights of deviation 0.01.",
)

NOTES = ("`top1` is at the best rate for the images it is reported on, as the paper has it.",)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paper's rates, and BYOL's schedule."""

    rates: tuple[Annotated[float, Meta(gt=0)], ...] = (0.4, 0.3, 0.2, 0.1, 0.05)
    epochs: Annotated[int, Meta(ge=1)] = 80
    batch: Annotated[int, Meta(ge=1)] = 1024
    # whether rates are for a batch of 256
    scale_rates: bool = True
    # training images that choose a rate, and train no head
    held_out: Annotated[int, Meta(ge=1)] = 10_000


class Part(NamedTuple):
    """Images of a kind: features [n, D] of their middles, and labels [n], on the device."""

    features: Tensor
    labels: Tensor


def schedule_of(settings: Settings, seed: int) -> Schedule:
    """How the heads are trained."""
    factor = settings.batch / 256 if settings.scale_rates else 1.0
    rates = tuple(rate * factor for rate in settings.rates)
    return Schedule(rates, settings.epochs, settings.batch, seed)


def held_out(count: int, settings: Settings, seed: int) -> tuple[Tensor, Tensor]:
    """Places, of so many training images, of those that choose a rate and of those that train.

    Raises UsageError where none would be left to train.
    """
    held = settings.held_out
    if held >= count:
        raise UsageError(
            f"held_out is {held:,}, and there are {count:,} training images; set it lower."
        )
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[:held].sort().values, order[held:].sort().values


def outcome(
    given: Given,
    imagenet: ImageNet,
    protocol: str,
    heads: Sequence[nn.Linear],
    held: Part,
    val: Part,
) -> Outcome:
    """Numbers of the head that is best for the images they are of, and of that chosen on train.

    The first is written as the model's head, where its classes are those of ImageNet.
    """
    rates: tuple[float, ...] = given.settings.rates
    decided = [classified(head, val.features) for head in heads]
    right = {
        rate: (found == val.labels).cpu().numpy().astype(np.float64)
        for rate, found in zip(rates, decided, strict=True)
    }
    on_held = [(classified(head, held.features) == held.labels).double().mean() for head in heads]
    chosen = best([each.mean() for each in right.values()], rates)
    honest = best([float(each) for each in on_held], rates)
    columns = {
        "top1": right[rates[chosen]],
        "top1 at the rate chosen on train": right[rates[honest]],
        **{f"top1 at rate {rate:g}": each for rate, each in right.items()},
    }
    if imagenet.is_whole:
        head = heads[chosen]
        write_head(
            given.head,
            head.weight.detach(),
            head.bias.detach(),
            given.model,
            protocol,
            partial=imagenet.data.is_partial,
        )
    items = pa.table(
        {
            "image": [path.relative_to(given.data).as_posix() for path in imagenet.val.paths],
            "decision": [imagenet.classes[each] for each in decided[chosen].tolist()],
            "right": right[rates[chosen]] == 1,
        }
    )
    facts = {
        "rate": rates[chosen],
        "rate chosen on train": rates[honest],
        "head": given.head.name if imagenet.is_whole else None,
    }
    numbers = mean_intervals(columns, given.seed)
    return Outcome(numbers, "images", items, imagenet.data, facts)
