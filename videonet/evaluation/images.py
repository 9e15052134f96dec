"""Images as an evaluation shows them: the middle, or a random crop; decoded in other processes."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, hflip, resize, resized_crop

from videonet.errors import UsageError
from videonet.evaluation.dataset_files import unreadable
from videonet.evaluation.facts import Preparation
from videonet.training.augment.augmentation import CROP_ATTEMPTS, FLIP, crop_boxes

# What the shorter side is before the middle is cut out, for 224 pixels: 256 (He et al. 2016).
_RESIZE, _CROP = 256, 224

# Smallest share of an image that a random crop takes, of BYOL's linear evaluation and of others.
CROP_FROM = 0.08


class Place(NamedTuple):
    """An image at one time of a training: what is drawn for it depends on these alone."""

    epoch: int
    # among the paths
    image: int


def shorter_side(crop: int) -> int:
    """The shorter side to which an image is resized, if the square cut out has so many pixels."""
    return round(crop * _RESIZE / _CROP)


def prepared(image: Image.Image, preparation: Preparation) -> Tensor:
    """An image as uint8 [3, crop, crop]: RGB, not normalised yet."""
    image = image.convert("RGB")
    image = resize(image, preparation.resize, InterpolationMode(preparation.interpolation))
    image = center_crop(image, preparation.crop)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def cropped(image: Image.Image, preparation: Preparation, random: np.random.Generator) -> Tensor:
    """A random part of an image, in half of all cases mirrored, as uint8 [3, crop, crop]: RGB."""
    image = image.convert("RGB")
    sizes = torch.tensor([[image.height, image.width]])
    drawn, where = (
        torch.from_numpy(random.random(shape)) for shape in ((1, 2, CROP_ATTEMPTS), (1, 2))
    )
    (box,) = crop_boxes(sizes, CROP_FROM, drawn, where).tolist()
    interpolation = InterpolationMode(preparation.interpolation)
    image = resized_crop(image, *box, [preparation.crop, preparation.crop], interpolation)
    if random.random() < FLIP:
        image = hflip(image)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def batches(
    paths: Sequence[Path], preparation: Preparation, batch: int, workers: int
) -> Iterator[Tensor]:
    """The images in `paths`, in order, uint8 [N, 3, crop, crop]; pinned where there is a GPU.

    `workers` processes decode; 0: this one does. Raises UsageError for one that cannot be read.
    """
    return loaded(_Images(paths, preparation), workers, batch_size=batch)


def random_crops(
    paths: Sequence[Path],
    preparation: Preparation,
    steps: Iterable[list[Place]],
    seed: int,
    workers: int,
) -> Iterator[Tensor]:
    """Random crops of the images of each step, as `batches` gives images.

    What is drawn depends on the seed, the epoch and the image alone.
    """
    return loaded(_Crops(paths, preparation, seed), workers, batch_sampler=steps)


def loaded(images: Dataset[Any], workers: int, **how: Any) -> Iterator[Any]:
    """What a data set has, in batches; `how` is said to PyTorch's DataLoader.

    What is a sentence instead is raised as UsageError.
    """
    loader = DataLoader(
        images,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        **{"collate_fn": _together, **how},
    )
    for found in loader:
        if isinstance(found, str):
            raise UsageError(found)
        yield found


class _Images(Dataset[Tensor | str]):
    """An image that cannot be read is the sentence that says so."""

    def __init__(self, paths: Sequence[Path], preparation: Preparation) -> None:
        self._paths, self._preparation = paths, preparation

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> Tensor | str:
        path = self._paths[place]
        try:
            with Image.open(path) as image:
                return prepared(image, self._preparation)
        # A broken file can raise almost anything in Pillow.
        except Exception as error:  # noqa: BLE001
            return str(unreadable(path, error))


class _Crops(Dataset[Tensor | str]):
    """Random crops, by epoch and image."""

    def __init__(self, paths: Sequence[Path], preparation: Preparation, seed: int) -> None:
        self._paths, self._preparation, self._seed = paths, preparation, seed

    def __getitem__(self, place: Place) -> Tensor | str:
        path = self._paths[place.image]
        random = np.random.default_rng((self._seed, place.epoch, place.image))
        try:
            with Image.open(path) as image:
                return cropped(image, self._preparation, random)
        # As above.
        except Exception as error:  # noqa: BLE001
            return str(unreadable(path, error))


def _together(images: list[Tensor | str]) -> Tensor | str:
    wrong = next((each for each in images if isinstance(each, str)), None)
    return wrong or torch.stack(cast(list[Tensor], images))
