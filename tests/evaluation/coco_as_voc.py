"""COCO's images with its masks, laid out as VOC, in few classes of many images, or as ADE20K."""

from pathlib import Path

import numpy as np
from PIL import Image

# By the number of a class of VOC: which of COCO's panoptic classes are in it. All others are
# background. Sixty images are too few for twenty classes.
PERSON, CAT, CAR, TABLE = 15, 8, 7, 11
GROUPS = {
    PERSON: (1,),
    CAT: tuple(range(16, 26)),  # animals
    CAR: tuple(range(2, 10)),  # vehicles
    TABLE: (*range(44, 62), 67, 189, 196),  # tables, and what is on them
}
UNLABELLED, NOTHING = 0, 255


def write_voc(coco: Path, root: Path, most: int | None = None) -> Path:
    """All images of both parts, or the first `most` of each, in `root`."""
    table = np.zeros(256, np.uint8)
    for ours, theirs in GROUPS.items():
        table[list(theirs)] = ours
    table[UNLABELLED] = NOTHING
    lists = root / "ImageSets" / "Segmentation"
    for folder in (lists, root / "JPEGImages", root / "SegmentationClass"):
        folder.mkdir(parents=True)
    for part, name in (("train2017", "trainaug"), ("val2017", "val")):
        masks = sorted((coco / part / "masks").glob("*.png"))[:most]
        for mask in masks:
            found = Image.fromarray(table[np.array(Image.open(mask))])
            found.putpalette(list(range(256)) * 3)  # VOC's have a palette
            found.save(root / "SegmentationClass" / mask.name)
            image = coco / part / "images" / f"{mask.stem}.jpg"
            (root / "JPEGImages" / image.name).symlink_to(image)
        names = [mask.stem for mask in masks]
        (lists / f"{name}.txt").write_text("\n".join(names) + "\n")
    return root


def write_ade20k(coco: Path, root: Path, most: int) -> Path:
    """The first `most` images of each part. Of COCO's numbers those above 150 are no class here."""
    for part, name in (("train2017", "training"), ("val2017", "validation")):
        images, annotations = (root / each / name for each in ("images", "annotations"))
        images.mkdir(parents=True)
        annotations.mkdir(parents=True)
        for mask in sorted((coco / part / "masks").glob("*.png"))[:most]:
            found = np.array(Image.open(mask))
            Image.fromarray(np.where(found > 150, 0, found)).save(annotations / mask.name)
            image = coco / part / "images" / f"{mask.stem}.jpg"
            (images / image.name).symlink_to(image)
    return root
