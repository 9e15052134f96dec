"""Which of ImageNet's outputs an evaluation asks for: lists that belong to its data."""

import tomllib
from importlib import resources

from videonet.targets.imagenet1k import imagenet1k_labels


def output_of_wnid() -> dict[str, int]:
    """The output of each of ImageNet's 1,000 classes, by its wnid."""
    return {str(label.wnid): place for place, label in enumerate(imagenet1k_labels())}


def imagenet_a_wnids() -> list[str]:
    """The 200 classes of ImageNet-A, in the order of ImageNet's outputs."""
    lines = _text("imagenet_a.txt").splitlines()
    return [line for line in lines if not line.startswith("#")]


def human_categories() -> dict[str, list[int]]:
    """The 16 categories that people were asked for, sorted, and the outputs of each."""
    said = tomllib.loads(_text("human_categories.toml"))
    return {name: [*_numbers(said[name])] for name in sorted(said)}


def _numbers(ranges: str) -> list[int]:
    """The numbers in "8 10-16 18", both ends included."""
    ends = [tuple(map(int, each.split("-"))) for each in ranges.split()]
    return [number for each in ends for number in range(each[0], each[-1] + 1)]


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("lists", name).read_text(encoding="utf-8")
