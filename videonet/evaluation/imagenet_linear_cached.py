"""A linear probe on ImageNet, on features that are computed once, of images as they are."""

import torch

from videonet.evaluation import linear_probe
from videonet.evaluation.about import About, Needs
from videonet.evaluation.imagenet_folders import LAYOUT, open_imagenet
from videonet.evaluation.linear_heads import trained_heads
from videonet.evaluation.linear_probe import Part, Settings, held_out, outcome, schedule_of
from videonet.evaluation.model import needed_features
from videonet.evaluation.pooled import pooled
from videonet.evaluation.protocol import Given, Outcome

__all__ = ["NEEDS", "PROTOCOL", "Settings", "evaluate"]

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
        *linear_probe.ASSUMPTIONS,
    ),
    confirmed_by=(
        "nothing published: the paper's 76.1 of a supervised ResNet-50 is of a probe with "
        "random crops"
    ),
    notes=linear_probe.NOTES,
    main=linear_probe.MAIN,
)

NEEDS = Needs(
    data="ImageNet-1k",
    layout=LAYOUT,
    model="features",
    cost="10 to 20 minutes, bound by decoding",
)


def evaluate(given: Given) -> Outcome:
    """Share of the validation images that a linear classifier of frozen features gets right."""
    needed_features(given.model, PROTOCOL.name)
    settings: Settings = given.settings
    imagenet = open_imagenet(given, PROTOCOL.name)
    held, kept = held_out(len(imagenet.train.paths), settings, given.seed)
    device = given.model.device
    train, val = (
        Part(
            pooled(given, split.paths, f"{PROTOCOL.name} {name}").to(device),
            torch.tensor(split.labels, device=device),
        )
        for name, split in (("train", imagenet.train), ("val", imagenet.val))
    )
    heads = trained_heads(
        train.features[kept],
        train.labels[kept],
        len(imagenet.classes),
        schedule_of(settings, given.seed),
    )
    on_train = Part(train.features[held], train.labels[held])
    return outcome(given, imagenet, PROTOCOL.name, heads, on_train, val)
