"""ImageNet as it lies on disk: a folder for each class, for training and for validation."""

from pathlib import Path
from typing import NamedTuple

from videonet.errors import UsageError
from videonet.evaluation.class_lists import output_of_wnid
from videonet.evaluation.dataset_files import checked, folder, images_below
from videonet.evaluation.protocol import Data, Given

LAYOUT = ("train/WNID/*.JPEG", "val/WNID/*.JPEG")

EXPECTED = {"train images": 1_281_167, "val images": 50_000, "classes": 1000}


class Split(NamedTuple):
    """The images of a part of the set, and the class of each, by its place among `classes`."""

    paths: list[Path]
    labels: list[int]


class ImageNet(NamedTuple):
    """Both parts, and the wnids of their classes, sorted: the order of ImageNet's outputs."""

    train: Split
    val: Split
    classes: list[str]
    data: Data

    @property
    def is_whole(self) -> bool:
        """Whether its classes are those of ImageNet-1k, so that a head's outputs are too."""
        return self.classes == list(output_of_wnid())


def open_imagenet(given: Given, what: str) -> ImageNet:
    """Both parts. Raises UsageError, also where one has classes that the other has not."""
    parts = {name: folder(given.data / name, what, LAYOUT) for name in ("train", "val")}
    paths = {name: images_below(root) for name, root in parts.items()}
    wnids = {
        name: [path.relative_to(parts[name]).parts[0] for path in found]
        for name, found in paths.items()
    }
    classes = sorted(set(wnids["train"]))
    if classes != sorted(set(wnids["val"])) or len(classes) < 2:
        raise UsageError(
            f"{given.data} has {len(classes)} classes in train and {len(set(wnids['val']))} in "
            f"val; both should have the same ones, in {' and '.join(LAYOUT)}."
        )
    counts = {f"{name} images": len(found) for name, found in paths.items()}
    data = checked(
        given.data,
        [path for found in paths.values() for path in found],
        {**counts, "classes": len(classes)},
        EXPECTED,
        partial=given.partial,
        told=given.told,
    )
    given.parts.of(data.fingerprint)
    place = {wnid: number for number, wnid in enumerate(classes)}
    train, val = (
        Split(paths[name], [place[wnid] for wnid in wnids[name]]) for name in ("train", "val")
    )
    return ImageNet(train, val, classes, data)
