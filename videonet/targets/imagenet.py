"""The classes of ImageNet-12k, 21k and 22k: which there are, in which order, which above which.

`imagenet.tsv` beside this file is written by `scripts/make_imagenet.py`. Unlike the 1,000 classes
of ImageNet-1k, these overlap: the dog and each of its breeds are classes.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from videonet.schemas.label import Label
from videonet.targets.imagenet1k import IMAGENET_1K, imagenet1k_labels, imagenet1k_senses
from videonet.targets.synset import Sense

# What stands for a class list, or for the labels of a classifier -> its name in the table.
_TABLE_NAMES = {
    # timm's own choice; its models "in12k"
    "imagenet12k": "12k",
    # Google's list; models "in21k" with 21,843 outputs
    "imagenet21k": "21k",
    # the release of fall 2011; models "in22k"
    "imagenet22k": "22k",
    # Microsoft's order of it; FocalNet
    "imagenet22k-ms": "22k-ms",
    # Alibaba's choice; models "miil_in21k"
    "imagenet21k-miil": "21k-miil",
}

IMAGENET_LISTS = (IMAGENET_1K, *_TABLE_NAMES)

# At the end of the name of a list: with the classes that are people.
WITH_PEOPLE = "+people"

# Class lists that are no files.
BUILT_IN = (*IMAGENET_LISTS, *(f"{name}{WITH_PEOPLE}" for name in _TABLE_NAMES))

_PERSON = "n00007846"


@dataclass(frozen=True)
class ImagenetClass:
    """A row of the table."""

    # None: WordNet 3.0 has no such noun
    sense: Sense | None
    # names of the lists, as in the table
    lists: frozenset[str]
    # the nearest classes of the table above it
    nearest: tuple[str, ...]


@functools.cache
def imagenet_classes() -> Mapping[str, ImagenetClass]:
    """All classes by wnid, ascending."""
    return MappingProxyType(
        parse_table(resources.files("videonet.targets").joinpath("imagenet.tsv").read_text("utf-8"))
    )


def parse_table(table: str) -> dict[str, ImagenetClass]:
    """The classes of a table by wnid, in its order. What has no synset is no noun of WordNet."""
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {
        wnid: ImagenetClass(
            Sense(wnid, synset, (name, *filter(None, synonyms.split(", "))), gloss)
            if synset
            else None,
            frozenset(lists.split()),
            tuple(nearest.split()),
        )
        for wnid, lists, nearest, name, synonyms, synset, gloss in rows
    }


def imagenet_wnids(name: str) -> tuple[str, ...]:
    """The wnids of one of `IMAGENET_LISTS`, in the order of a classifier's outputs."""
    flat = imagenet1k_senses()
    if name == IMAGENET_1K:
        return tuple(flat)
    listed = _TABLE_NAMES[name]
    wnids = [wnid for wnid, each in imagenet_classes().items() if listed in each.lists]
    if listed == "22k-ms":
        # The classes of ImageNet-1k come first.
        wnids.sort(key=lambda wnid: wnid not in flat)
    return tuple(wnids)


def imagenet_labels(name: str) -> tuple[Label, ...]:
    """The labels of a classifier whose outputs are one of `IMAGENET_LISTS`."""
    if name == IMAGENET_1K:
        return imagenet1k_labels()
    return tuple(Label(wnid=wnid, name=imagenet_name(wnid)) for wnid in imagenet_wnids(name))


def imagenet_name(wnid: str) -> str:
    """What a class of the table is called; its wnid, where WordNet 3.0 has no name for it."""
    sense = imagenet_classes()[wnid].sense
    return sense.names[0] if sense else wnid


def imagenet_lineage(wnid: str) -> frozenset[str]:
    """A class and all classes above it; both of the table."""
    return _lineages()[wnid]


def is_person(wnid: str) -> bool:
    """Whether a class of the table is a kind of people: at or below WordNet's person.n.01."""
    return _PERSON in imagenet_lineage(wnid)


@functools.cache
def _lineages() -> Mapping[str, frozenset[str]]:
    classes = imagenet_classes()
    known: dict[str, frozenset[str]] = {}

    def lineage(wnid: str) -> frozenset[str]:
        if wnid not in known:
            known[wnid] = frozenset({wnid}).union(*map(lineage, classes[wnid].nearest))
        return known[wnid]

    for wnid in classes:
        lineage(wnid)
    return known
