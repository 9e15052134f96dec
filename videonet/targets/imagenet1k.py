"""The 1,000 classes of ImageNet-1k (ILSVRC 2012), in torchvision's order of outputs.

`imagenet1k.tsv` beside this file is written by `scripts/make_imagenet1k.py`.
"""

import functools
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from videonet.schemas.label import Label
from videonet.targets.synset import Sense

# What stands for a class list of these.
IMAGENET_1K = "imagenet1k"


@functools.cache
def imagenet1k_senses() -> Mapping[str, Sense]:
    """Senses by wnid, in the order of the outputs: ascending wnids. None is above another."""
    table = resources.files("videonet.targets").joinpath("imagenet1k.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return MappingProxyType(
        {
            wnid: Sense(wnid, synset, (name, *filter(None, synonyms.split(", "))), gloss)
            for wnid, name, synonyms, synset, gloss in rows
        }
    )


def imagenet1k_labels() -> tuple[Label, ...]:
    """The labels of a classifier with ImageNet-1k's 1,000 outputs in torchvision's order."""
    return tuple(
        Label(wnid=sense.wnid, name=sense.names[0]) for sense in imagenet1k_senses().values()
    )
