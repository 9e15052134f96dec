"""Images as an evaluation shows them: resized, the middle cut out, decoded in other processes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize

from videonet.errors import UsageError
from videonet.evaluation.dataset_files import unreadable
from videonet.evaluation.facts import Preparation

# What the shorter side is before the middle is cut out, for 224 pixels: 256 (He et al. 2016).
_RESIZE, _CROP = 256, 224


def shorter_side(crop: int) -> int:
    """The shorter side to which an image is resized, if the square cut out has so many pixels."""
    return round(crop * _RESIZE / _CROP)


def prepared(image: Image.Image, preparation: Preparation) -> Tensor:
    """An image as uint8 [3, crop, crop]: RGB, not normalised yet."""
    image = image.convert("RGB")
    image = resize(image, preparation.resize, InterpolationMode(preparation.interpolation))
    image = center_crop(image, preparation.crop)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def batches(
    paths: Sequence[Path], preparation: Preparation, batch: int, workers: int
) -> Iterator[Tensor]:
    """The images in `paths`, in order, uint8 [N, 3, crop, crop]; pinned where there is a GPU.

    `workers` processes decode; 0: this one does. Raises UsageError for one that cannot be read.
    """
    loader = DataLoader(
        _Images(paths, preparation),
        batch_size=batch,
        num_workers=workers,
        collate_fn=_together,
        pin_memory=torch.cuda.is_available(),
    )
    for found in loader:
        if isinstance(found, str):
            raise UsageError(found)
        yield cast(Tensor, found)


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


def _together(images: list[Tensor | str]) -> Tensor | str:
    wrong = next((each for each in images if isinstance(each, str)), None)
    return wrong or torch.stack(cast(list[Tensor], images))
