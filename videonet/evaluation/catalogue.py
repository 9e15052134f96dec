"""Which evaluations there are, by name."""

import importlib
from typing import cast

from videonet.errors import UsageError
from videonet.evaluation.protocol import Evaluation
from videonet.training.config_values import nearest

# By the name of its module. In the order in which they are listed.
NAMES = (
    "imagenet_a",
    "vid_robust",
    "human",
    "davis2017",
    "davis2016_masks",
    "imagenet_knn",
    "imagenet_linear_cached",
    "imagenet_linear",
    "imagenet_3dcc",
    "clickme",
    "ucf101",
    "pascal_voc",
    "ade20k",
    "coco",
    "lvis",
)


def evaluation(name: str) -> Evaluation:
    """The evaluation of this name, also with hyphens in it. Raises UsageError."""
    known = name.replace("-", "_")
    if known not in NAMES:
        raise UsageError(
            f"There is no evaluation {known.replace('_', '-')}; did you mean "
            f"{nearest(known, NAMES).replace('_', '-')}? "
            f"`videonet evaluate --list` has all of them."
        )
    return cast(Evaluation, importlib.import_module(f"videonet.evaluation.{known}"))
