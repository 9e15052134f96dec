"""Data sets of segmentation: what is missing, of another size or of another data set is said."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.asked import refused
from tests.evaluation.coco_as_voc import write_voc
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from tests.training.test_export import save, trained  # noqa: E402
from videonet.evaluation import ade20k, pascal_voc  # noqa: E402
from videonet.evaluation.overlap import IGNORED  # noqa: E402

ALL = "--partial"


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(folder, trained("test_resnet", 1), step=500)
    return folder


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return write_voc(shared("evaluation/coco"), tmp_path / "voc", most=3)


def test_a_part_of_the_set_stops_it(training, voc, tmp_path):
    said = refused(training, "pascal-voc", voc, tmp_path / "a.json")
    assert f"{voc} holds 3 train images, 3 val images" in said
    assert "the whole data set 10,582 train images, 1,449 val images" in said


def test_lists_images_and_masks_that_are_missing_are_named(training, voc, tmp_path):
    asked = (training, "pascal-voc", voc, tmp_path / "a.json")
    lists = voc / "ImageSets" / "Segmentation"
    name = (lists / "val.txt").read_text().split()[1]
    mask = voc / "SegmentationClass" / f"{name}.png"
    mask.rename(tmp_path / "mask.png")
    for more in ((), (ALL,)):
        assert f"{mask} is missing" in refused(*asked, *more)
    (voc / "JPEGImages" / f"{name}.jpg").unlink()
    assert f"{name}.jpg is missing" in refused(*asked)
    # With --partial it is left out; then there is no image at all.
    shutil.rmtree(voc / "JPEGImages")
    shutil.rmtree(voc / "SegmentationClass")
    assert "has no train images; there should be JPEGImages/NAME.jpg" in refused(*asked, ALL)
    (lists / "trainaug.txt").unlink()
    assert "trainaug.txt cannot be read" in refused(*asked, ALL)
    (lists / "trainaug.txt").write_text("a\nb\na\n")
    assert "names 1 images more than once" in refused(*asked, ALL)
    (lists / "trainaug.txt").write_text("../a\n")
    assert "should have the name of an image, without a suffix, in each line" in refused(
        *asked, ALL
    )


def test_an_image_in_both_lists_stops_it(training, voc, tmp_path):
    lists = voc / "ImageSets" / "Segmentation"
    shutil.copy(lists / "val.txt", lists / "trainaug.txt")
    said = refused(training, "pascal-voc", voc, tmp_path / "a.json", ALL)
    assert "is among the images to train on and among those to report on" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda mask: mask[:-3], "pixels, and"),
        (lambda mask: np.full_like(mask, 21), "has the label 21, and the classes are 0 to 20"),
        (lambda mask: np.stack([mask] * 3, axis=2), "and no colours"),
    ],
)
def test_a_mask_of_another_size_or_kind_is_named_before_training(
    training, voc, tmp_path, change, says
):
    mask = sorted((voc / "SegmentationClass").iterdir())[4]
    Image.fromarray(change(np.array(Image.open(mask)))).save(mask)
    said = refused(training, "pascal-voc", voc, tmp_path / "a.json", ALL)
    assert mask.name in said
    assert says in said
    mask.write_bytes(mask.read_bytes()[:40])
    assert f"{mask} cannot be read" in refused(
        training, "pascal-voc", voc, tmp_path / "a.json", ALL
    )


def test_a_mask_of_sbd_counts_where_voc_has_none(voc):
    from types import SimpleNamespace

    name = (voc / "ImageSets" / "Segmentation" / "trainaug.txt").read_text().split()[0]
    own, added = (
        voc / each / f"{name}.png" for each in ("SegmentationClass", "SegmentationClassAug")
    )
    added.parent.mkdir()
    shutil.copy(own, added)
    given = SimpleNamespace(data=voc)
    assert pascal_voc._pair(given, name).mask == own
    own.unlink()
    assert pascal_voc._pair(given, name).mask == added


def test_the_label_0_of_ade20k_is_no_class(tmp_path):
    mask = np.array([[0, 1, 150], [255, 2, 0]], np.uint8)
    Image.fromarray(mask).save(tmp_path / "a.png")
    found = ade20k.LABELLING.read(tmp_path / "a.png")
    assert found.tolist() == [[IGNORED, 0, 149], [IGNORED, 1, IGNORED]]
    assert len(ade20k.LABELLING.classes) == 150
    assert len(pascal_voc.LABELLING.classes) == 21
