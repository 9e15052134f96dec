"""COCO's images with their boxes, laid out as COCO 2017 is."""

import json
from pathlib import Path

import yaml
from PIL import Image


def write_coco(coco: Path, root: Path, train: list[str], val: list[str]) -> Path:
    """The images of these names, of its training images, as both parts of a data set.

    The same image may be in both: a copy has another name.
    """
    names = yaml.safe_load((coco / "box_classes.yaml").read_text())["names"]
    categories = [{"id": number + 1, "name": name} for number, name in names.items()]
    (root / "annotations").mkdir(parents=True)
    for part, chosen in (("train2017", train), ("val2017", val)):
        (root / part).mkdir()
        images, annotations = [], []
        for name in chosen:
            source = coco / "train2017" / "images" / f"{name}.jpg"
            (root / part / source.name).symlink_to(source)
            with Image.open(source) as image:
                width, height = image.size
            number = int(name)
            images.append(
                {"id": number, "file_name": source.name, "width": width, "height": height}
            )
            for line in (coco / "train2017" / "boxes" / f"{name}.txt").read_text().splitlines():
                label, middle, centre, across, down = map(float, line.split())
                box = [
                    (middle - across / 2) * width,
                    (centre - down / 2) * height,
                    across * width,
                    down * height,
                ]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": int(label) + 1,
                        "bbox": box,
                        "area": box[2] * box[3],
                        "iscrowd": 0,
                    }
                )
        written = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(written))
    return root
