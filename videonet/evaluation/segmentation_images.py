"""Images with masks as segmentation shows them: random parts to train on, the whole to report on.

An image and its mask are one tensor, uint8 [4, H, W]: RGB, and the class of each pixel.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import adjust_hue, adjust_saturation, resize

from videonet.errors import UsageError
from videonet.evaluation.dataset_files import unreadable
from videonet.evaluation.images import Place, loaded
from videonet.evaluation.labelled_images import Labelling, Mask, Pair
from videonet.evaluation.overlap import IGNORED

# Times that a part is drawn anew where one class fills too much of it.
_ATTEMPTS = 10

# mmsegmentation's distortion: brightness is added, contrast and saturation multiplied, hue is a
# share of the circle. Each happens in half of all cases.
_BRIGHTNESS, _CONTRAST, _HUE = 32.0, (0.5, 1.5), 0.1


@dataclass(frozen=True)
class Shown:
    """How images are shown."""

    # the shorter side of whole images, pixels, and the longest side that they may have
    short_side: int
    longest: int
    # side of the square that is cut out of training images
    crop: int
    # what the sizes are multiplied with, between these, in training
    ratios: tuple[float, float] = (0.5, 2.0)
    # the share of a part that one class may fill
    most_of_a_class: float = 1.0
    # whether colours are distorted in training
    distorts: bool = False

    def size(self, height: int, width: int, ratio: float = 1.0) -> tuple[int, int]:
        """Height and width of an image that is shown, from those that it has."""
        factor = min(
            int(self.longest * ratio) / max(height, width),
            int(self.short_side * ratio) / min(height, width),
        )
        return max(1, int(height * factor + 0.5)), max(1, int(width * factor + 0.5))


def parts(
    pairs: Sequence[Pair],
    labelling: Labelling,
    shown: Shown,
    mean: tuple[float, float, float],
    steps: Iterable[list[Place]],
    seed: int,
    workers: int,
) -> Iterator[Tensor]:
    """Random parts of the images of each step, uint8 [batch, 4, crop, crop].

    What is drawn depends on the seed, the epoch and the image alone. Beyond an image is `mean`, RGB
    from 0 to 1, of no class. Raises UsageError for a file that cannot be read.
    """
    dataset = _Parts(pairs, labelling, shown, mean, seed)
    return loaded(dataset, workers, batch_sampler=steps)


def wholes(pairs: Sequence[Pair], labelling: Labelling, workers: int) -> Iterator[Tensor]:
    """Each image as it is, uint8 [1, 4, H, W]. Raises UsageError."""
    return loaded(_Wholes(pairs, labelling), workers, batch_size=1)


def part(
    image: Image.Image,
    mask: Mask,
    shown: Shown,
    mean: tuple[float, float, float],
    random: np.random.Generator,
) -> Tensor:
    """A random part of an image and its mask [H, W], uint8 [4, crop, crop]."""
    size = shown.size(image.height, image.width, random.uniform(*shown.ratios))
    pixels = np.array(resize(image.convert("RGB"), list(size), InterpolationMode.BILINEAR))
    labels = np.array(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST))
    rows, columns = _place(labels, shown, random)
    pixels, labels = pixels[rows, columns], labels[rows, columns]
    if random.random() < 0.5:
        pixels, labels = pixels[:, ::-1], labels[:, ::-1]
    if shown.distorts:
        pixels = distorted(pixels, random)
    found = np.empty((4, shown.crop, shown.crop), np.uint8)
    found[:3] = np.array([round(each * 255) for each in mean], np.uint8)[:, None, None]
    found[3] = IGNORED
    height, width = labels.shape
    found[:3, :height, :width] = pixels.transpose(2, 0, 1)
    found[3, :height, :width] = labels
    return torch.from_numpy(found)


def distorted(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Colours of an image [H, W, 3], distorted at random."""

    def chosen() -> bool:
        return bool(random.random() < 0.5)

    contrast_last = chosen()
    if chosen():
        pixels = _scaled(pixels, 1.0, random.uniform(-_BRIGHTNESS, _BRIGHTNESS))
    if not contrast_last and chosen():
        pixels = _scaled(pixels, random.uniform(*_CONTRAST), 0.0)
    image = Image.fromarray(pixels)
    if chosen():
        image = adjust_saturation(image, random.uniform(*_CONTRAST))
    if chosen():
        image = adjust_hue(image, random.uniform(-_HUE, _HUE))
    pixels = np.array(image)
    if contrast_last and chosen():
        pixels = _scaled(pixels, random.uniform(*_CONTRAST), 0.0)
    return pixels


def _scaled(pixels: NDArray[np.uint8], factor: float, more: float) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = np.clip(pixels * factor + more, 0, 255).astype(np.uint8)
    return found


def _place(labels: Mask, shown: Shown, random: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a part that no class fills, if one of some tries is that."""
    for _ in range(_ATTEMPTS):
        top, left = (int(random.integers(max(0, each - shown.crop) + 1)) for each in labels.shape)
        rows, columns = slice(top, top + shown.crop), slice(left, left + shown.crop)
        if shown.most_of_a_class >= 1:
            break
        counts = np.bincount(labels[rows, columns].ravel(), minlength=IGNORED + 1)[:IGNORED]
        if (counts > 0).sum() > 1 and counts.max() < shown.most_of_a_class * counts.sum():
            break
    return rows, columns


def _read(pair: Pair, labelling: Labelling) -> tuple[Image.Image, Mask]:
    mask = labelling.read(pair.mask)
    try:
        with Image.open(pair.image) as image:
            return image.convert("RGB"), mask
    except Exception as error:  # a broken file can raise almost anything in Pillow
        raise unreadable(pair.image, error) from error


class _Wholes(Dataset[Tensor | str]):
    """A file that cannot be read is the sentence that says so."""

    def __init__(self, pairs: Sequence[Pair], labelling: Labelling) -> None:
        self._pairs, self._labelling = pairs, labelling

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, place: int) -> Tensor | str:
        try:
            image, mask = _read(self._pairs[place], self._labelling)
        except UsageError as error:
            return str(error)
        return torch.from_numpy(np.concatenate([np.array(image), mask[..., None]], axis=2)).permute(
            2, 0, 1
        )


class _Parts(Dataset[Tensor | str]):
    """Random parts, by epoch and image."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        labelling: Labelling,
        shown: Shown,
        mean: tuple[float, float, float],
        seed: int,
    ) -> None:
        self._pairs, self._labelling, self._shown = pairs, labelling, shown
        self._mean, self._seed = mean, seed

    def __getitem__(self, place: Place) -> Tensor | str:
        random = np.random.default_rng((self._seed, place.epoch, place.image))
        try:
            image, mask = _read(self._pairs[place.image], self._labelling)
        except UsageError as error:
            return str(error)
        return part(image, mask, self._shown, self._mean, random)
