"""Images that say what is wanted may not be those that a model is tried on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from videonet.errors import UsageError
from videonet.execution.open_neighbours import refuse_evaluation_images
from videonet.selection.reference import make_reference
from videonet.video.decoder import shared_decoder


def drawn(seed: int) -> Image.Image:
    """A picture with much to see."""
    levels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return Image.fromarray(levels).resize((240, 180), Image.Resampling.BICUBIC)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of an evaluation set, and one of images that show what is wanted."""
    evaluation, images = tmp_path / "evaluation", tmp_path / "images"
    for folder in (evaluation, images / "cats"):
        folder.mkdir(parents=True)
    for seed in range(4):
        drawn(seed).save(evaluation / f"{seed}.png")
        drawn(seed + 10).save(images / "cats" / f"{seed}.png")
    return evaluation, images


def refuse(evaluation: Path, images: Path) -> None:
    files = [(file.name, file) for file in sorted(evaluation.iterdir())]
    refuse_evaluation_images(images, make_reference(files, shared_decoder()))


def test_other_images_are_taken(folders: tuple[Path, Path]):
    refuse(*folders)


def test_a_copy_is_named(folders: tuple[Path, Path]):
    evaluation, images = folders
    shutil.copy(evaluation / "2.png", images / "cats" / "mine.png")
    with pytest.raises(UsageError, match=r", 1 image is in .*mine\.png is like 2\.png\. Take"):
        refuse(evaluation, images)


def test_a_copy_that_was_mirrored_and_compressed_is_named(folders: tuple[Path, Path]):
    evaluation, images = folders
    ImageOps.mirror(drawn(1)).save(images / "mirrored.jpg", quality=70)
    with pytest.raises(UsageError, match=r"mirrored\.jpg is like 1\.png"):
        refuse(evaluation, images)
