"""Images with boxes as detection shows them: fitted into one size, in training at random scales.

Boxes are left, top, right and bottom, in pixels.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import resize

from videonet.evaluation.dataset_files import unreadable
from videonet.evaluation.images import Place, loaded

BoxArray = NDArray[np.float32]

# What is left of a box at the edge of a part is a box, if its sides are so many pixels.
_LEAST = 1.0


class Boxed(NamedTuple):
    """An image, its boxes float32 [K, 4], and the class of each, int64 [K]."""

    path: Path
    boxes: BoxArray
    classes: NDArray[np.int64]


class Batch(NamedTuple):
    """Images as they are shown, uint8 [N, 3, height, width], with the boxes that are left."""

    images: Tensor
    boxes: list[Tensor]
    classes: list[Tensor]
    # of each image, what its pixels were multiplied with: down and across
    factors: list[tuple[float, float]]


@dataclass(frozen=True)
class Fitted:
    """How images are shown: as large as they can be within this size."""

    height: int
    width: int
    # in training, what that is multiplied with
    ratios: tuple[float, float] = (0.8, 1.25)
    # what is beyond an image, RGB from 0 to 1
    beyond: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def size(self, height: int, width: int, ratio: float = 1.0) -> tuple[int, int]:
        """The height and width at which an image is shown, of those that it has."""
        factor = ratio * min(self.height / height, self.width / width)
        return max(1, round(height * factor)), max(1, round(width * factor))


def shown(images: Sequence[Boxed], fitted: Fitted, batch: int, workers: int) -> Iterator[Batch]:
    """All images as a whole, in order. Raises UsageError for one that cannot be read."""
    dataset = _Wholes(images, fitted)
    return loaded(dataset, workers, batch_size=batch, collate_fn=_together)


def random_parts(
    images: Sequence[Boxed],
    fitted: Fitted,
    steps: Iterable[list[Place]],
    seed: int,
    workers: int,
) -> Iterator[Batch]:
    """Images of each step at random scales, cut or filled up, mirrored in half of all cases.

    What is drawn depends on the seed, the epoch and the image alone.
    """
    dataset = _Parts(images, fitted, seed)
    return loaded(dataset, workers, batch_sampler=steps, collate_fn=_together)


_One = tuple[Tensor, Tensor, Tensor, tuple[float, float]]


def whole(image: Image.Image, boxed: Boxed, fitted: Fitted) -> _One:
    """An image in the top left of the size, with its boxes, classes and factors."""
    pixels, boxes, factors = _resized(image, boxed, fitted, 1.0)
    filled = _filled(pixels, fitted)
    return filled, torch.from_numpy(boxes), torch.from_numpy(boxed.classes), factors


def random_part(
    image: Image.Image, boxed: Boxed, fitted: Fitted, random: np.random.Generator
) -> _One:
    """An image at a random scale; what does not fit is cut off, at a random place."""
    pixels, boxes, factors = _resized(image, boxed, fitted, random.uniform(*fitted.ratios))
    height, width = pixels.shape[:2]
    top = int(random.integers(max(0, height - fitted.height) + 1))
    left = int(random.integers(max(0, width - fitted.width) + 1))
    pixels = pixels[top : top + fitted.height, left : left + fitted.width]
    height, width = pixels.shape[:2]
    limits = np.array([width, height, width, height], np.float32)
    boxes = np.clip(boxes - np.array([left, top, left, top], np.float32), 0, limits)
    if random.random() < 0.5:
        pixels = pixels[:, ::-1]
        boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
    is_left = ((boxes[:, 2:] - boxes[:, :2]) >= _LEAST).all(axis=1)
    return (
        _filled(pixels, fitted),
        torch.from_numpy(boxes[is_left]),
        torch.from_numpy(boxed.classes[is_left]),
        factors,
    )


def _resized(
    image: Image.Image, boxed: Boxed, fitted: Fitted, ratio: float
) -> tuple[NDArray[np.uint8], BoxArray, tuple[float, float]]:
    height, width = fitted.size(image.height, image.width, ratio)
    down, across = height / image.height, width / image.width
    pixels = resize(image.convert("RGB"), [height, width], InterpolationMode.BILINEAR)
    boxes = boxed.boxes * np.array([across, down, across, down], np.float32)
    return np.array(pixels), boxes, (down, across)


def _filled(pixels: NDArray[np.uint8], fitted: Fitted) -> Tensor:
    found = np.empty((3, fitted.height, fitted.width), np.uint8)
    found[:] = np.array([round(each * 255) for each in fitted.beyond], np.uint8)[:, None, None]
    found[:, : pixels.shape[0], : pixels.shape[1]] = pixels.transpose(2, 0, 1)
    return torch.from_numpy(found)


def _opened(path: Path) -> Image.Image | str:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    # A broken file can raise almost anything in Pillow.
    except Exception as error:  # noqa: BLE001
        return str(unreadable(path, error))


class _Wholes(Dataset[_One | str]):
    """An image that cannot be read is the sentence that says so."""

    def __init__(self, images: Sequence[Boxed], fitted: Fitted) -> None:
        self._images, self._fitted = images, fitted

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, place: int) -> _One | str:
        image = _opened(self._images[place].path)
        return image if isinstance(image, str) else whole(image, self._images[place], self._fitted)


class _Parts(Dataset[_One | str]):
    """Random parts, by epoch and image."""

    def __init__(self, images: Sequence[Boxed], fitted: Fitted, seed: int) -> None:
        self._images, self._fitted, self._seed = images, fitted, seed

    def __getitem__(self, place: Place) -> _One | str:
        boxed = self._images[place.image]
        image = _opened(boxed.path)
        if isinstance(image, str):
            return image
        random = np.random.default_rng((self._seed, place.epoch, place.image))
        return random_part(image, boxed, self._fitted, random)


def _together(items: list[_One | str]) -> Batch | str:
    found = []
    for each in items:
        if isinstance(each, str):
            return each
        found.append(each)
    images, boxes, classes, factors = zip(*found, strict=True)
    return Batch(torch.stack(images), list(boxes), list(classes), list(factors))
