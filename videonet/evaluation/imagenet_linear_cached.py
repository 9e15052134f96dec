"""A linear probe on ImageNet, on features that are computed once, of images as they are."""

from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa
import torch
from msgspec import Meta

from videonet.errors import UsageError
from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import mean_intervals
from videonet.evaluation.head_file import write_head
from videonet.evaluation.imagenet_folders import LAYOUT, open_imagenet
from videonet.evaluation.linear_heads import Schedule, best, classified, trained_heads
from videonet.evaluation.model import needed_features
from videonet.evaluation.pooled import pooled
from videonet.evaluation.protocol import Given, Outcome

PROTOCOL = About(
    name="byol-linear-cached",
    mark="ours",
    source=(
        "the paper's A.6 (rates, Nesterov 0.9, no weight decay, the best of the validation "
        "images); epochs, schedule and scaling of google-deepmind/deepmind-research "
        "byol/configs/eval.py"
    ),
    assumptions=(
        "Features are of the middle of each image, without the random crops and flips of the "
        "paper's probe: they are computed once.",
        "Features are the last stage, pooled as the architecture does.",
        "80 epochs, 1,024 images a step, rates times batch / 256, falling to 0 by cosine: A.6 says "
        "none of these.",
        "10,000 training images are held out, by which a rate is chosen without the validation "
        "images.",
        "Heads begin with weights of deviation 0.01.",
    ),
    notes=("`top1` is at the best rate for the images it is reported on, as the paper has it.",),
    main=("top1", "top1 at the rate chosen on train"),
)

NEEDS = Needs(
    data="ImageNet-1k",
    layout=LAYOUT,
    model="features",
    cost="10 to 20 minutes, bound by decoding",
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paper's rates, and BYOL's schedule."""

    rates: tuple[Annotated[float, Meta(gt=0)], ...] = (0.4, 0.3, 0.2, 0.1, 0.05)
    epochs: Annotated[int, Meta(ge=1)] = 80
    batch: Annotated[int, Meta(ge=1)] = 1024
    # whether rates are for a batch of 256
    scale_rates: bool = True
    # training images that choose a rate, and train no head
    held_out: Annotated[int, Meta(ge=1)] = 10_000


def evaluate(given: Given) -> Outcome:
    """Share of the validation images that a linear classifier of frozen features gets right."""
    needed_features(given.model, PROTOCOL.name)
    settings: Settings = given.settings
    imagenet = open_imagenet(given, PROTOCOL.name)
    if settings.held_out >= len(imagenet.train.paths):
        raise UsageError(
            f"held_out is {settings.held_out:,}, and there are {len(imagenet.train.paths):,} "
            f"training images; set it lower."
        )
    device = given.model.device
    train, val = (
        pooled(given, split.paths, f"{PROTOCOL.name} {name}").to(device)
        for name, split in (("train", imagenet.train), ("val", imagenet.val))
    )
    labels, truth = (
        torch.tensor(each.labels, device=device) for each in (imagenet.train, imagenet.val)
    )
    held, kept = _held_out(len(train), settings.held_out, given.seed)
    factor = settings.batch / 256 if settings.scale_rates else 1.0
    schedule = Schedule(
        tuple(rate * factor for rate in settings.rates),
        settings.epochs,
        settings.batch,
        given.seed,
    )
    heads = trained_heads(train[kept], labels[kept], len(imagenet.classes), schedule)
    decided = [classified(head, val) for head in heads]
    right = {
        rate: (found == truth).cpu().numpy().astype(np.float64)
        for rate, found in zip(settings.rates, decided, strict=True)
    }
    on_held = [(classified(head, train[held]) == labels[held]).double().mean() for head in heads]
    chosen = best([each.mean() for each in right.values()], settings.rates)
    honest = best([float(each) for each in on_held], settings.rates)
    columns = {
        "top1": right[settings.rates[chosen]],
        "top1 at the rate chosen on train": right[settings.rates[honest]],
        **{f"top1 at rate {rate:g}": each for rate, each in right.items()},
    }
    if imagenet.is_whole:
        head = heads[chosen]
        write_head(
            given.head,
            head.weight.detach(),
            head.bias.detach(),
            given.model,
            PROTOCOL.name,
            partial=imagenet.data.is_partial,
        )
    items = pa.table(
        {
            "image": [path.relative_to(given.data).as_posix() for path in imagenet.val.paths],
            "decision": [imagenet.classes[each] for each in decided[chosen].tolist()],
            "right": right[settings.rates[chosen]] == 1,
        }
    )
    facts = {
        "rate": settings.rates[chosen],
        "rate chosen on train": settings.rates[honest],
        "head": given.head.name if imagenet.is_whole else None,
    }
    numbers = mean_intervals(columns, given.seed)
    return Outcome(numbers, "images", items, imagenet.data, facts)


def _held_out(count: int, held: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Places of the training images that choose a rate, and of those that train."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[:held].sort().values, order[held:].sort().values
