"""Images with a mask of classes beside each: whether all are there, and are what they should be."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from videonet.errors import UsageError
from videonet.evaluation.dataset_files import checked, unreadable
from videonet.evaluation.overlap import IGNORED
from videonet.evaluation.protocol import Data, Given

Mask = NDArray[np.uint8]


class Pair(NamedTuple):
    """An image and its mask."""

    image: Path
    mask: Path


@dataclass(frozen=True)
class Labelling:
    """What the numbers in masks mean."""

    # names of the classes, in the order of their numbers
    classes: tuple[str, ...]
    # number of the first class in the files. Those below it are no class
    first: int = 0

    def read(self, path: Path) -> Mask:
        """The classes in a mask, uint8 [H, W]: 0 is the first, IGNORED none. Raises UsageError."""
        try:
            with Image.open(path) as image:
                found = np.array(image)
        except Exception as error:  # a broken file can raise almost anything in Pillow
            raise unreadable(path, error) from error
        if found.ndim != 2 or found.dtype != np.uint8:
            raise UsageError(
                f"{path} is {found.dtype} of shape {found.shape}; a mask has one number a pixel, "
                f"which says of which class it is, and no colours."
            )
        last = self.first + len(self.classes) - 1
        strange = found[(found > last) & (found != IGNORED)]
        if strange.size:
            raise UsageError(
                f"{path} has the label {strange.max()}, and the classes are {self.first} to "
                f"{last}, besides {IGNORED} for none; give masks of this data set alone."
            )
        is_class = (found >= self.first) & (found != IGNORED)
        return np.where(is_class, found - np.uint8(self.first), np.uint8(IGNORED))


class Labelled(NamedTuple):
    """A data set: pairs to train on, pairs to report on."""

    train: list[Pair]
    val: list[Pair]
    data: Data


def open_labelled(
    given: Given,
    train: Sequence[Pair],
    val: Sequence[Pair],
    labelling: Labelling,
    expected: dict[str, int],
    layout: Sequence[str],
) -> Labelled:
    """Both parts, of which every mask was read. Raises UsageError.

    With `--partial`, pairs of which neither file is there are left out.
    """
    parts = {"train": _present(given, train, layout), "val": _present(given, val, layout)}
    for name, found in parts.items():
        if not found:
            raise UsageError(
                f"{given.data} has no {name} images; there should be {'; '.join(layout)}."
            )
    common = {each.image for each in parts["train"]} & {each.image for each in parts["val"]}
    if common:
        raise UsageError(
            f"{min(common)} is among the images to train on and among those to report on; give "
            f"lists that have none in common."
        )
    both = [pair for found in parts.values() for pair in found]
    data = checked(
        given.data,
        [path for pair in both for path in pair],
        {f"{name} images": len(found) for name, found in parts.items()},
        expected,
        partial=given.partial,
        told=given.told,
    )
    given.parts.of(data.fingerprint)
    # Decoding leaves Python's lock alone.
    with ThreadPoolExecutor(4) as pool:
        for number, _ in enumerate(pool.map(lambda pair: _check(pair, labelling), both)):
            if number % 500 == 0:
                given.told("looks at masks", number, len(both))
    return Labelled(parts["train"], parts["val"], data)


def names_in(file: Path) -> list[str]:
    """The names in a list of images, one in each line. Raises UsageError."""
    try:
        names = file.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error
    if not names or any("/" in name or name.startswith(".") for name in names):
        raise UsageError(
            f"{file} should have the name of an image, without a suffix, in each line."
        )
    twice = len(names) - len(set(names))
    if twice:
        raise UsageError(f"{file} names {twice} images more than once; give each a line.")
    return names


def _present(given: Given, pairs: Sequence[Pair], layout: Sequence[str]) -> list[Pair]:
    found = []
    for pair in pairs:
        there = [path.is_file() for path in pair]
        if all(there):
            found.append(pair)
        elif any(there) or not given.partial:
            missing = pair[there.index(False)]
            raise UsageError(
                f"{missing} is missing; below --data there should be {'; '.join(layout)}, a mask "
                f"for each image."
            )
    return found


def _check(pair: Pair, labelling: Labelling) -> None:
    mask = labelling.read(pair.mask)
    try:
        with Image.open(pair.image) as image:
            size = image.size
    except Exception as error:  # as above
        raise unreadable(pair.image, error) from error
    if mask.shape != size[::-1]:
        raise UsageError(
            f"{pair.mask} is {mask.shape[1]} x {mask.shape[0]} pixels, and {pair.image.name} "
            f"{size[0]} x {size[1]}; give the mask of this image."
        )
