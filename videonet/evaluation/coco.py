"""COCO 2017: detection after fine-tuning, with torchvision's FCOS."""

from functools import partial
from pathlib import PurePosixPath

from videonet.evaluation import detection
from videonet.evaluation.about import About, Needs
from videonet.evaluation.annotated_boxes import BoxedImage
from videonet.evaluation.average_precision import COCO_NAMES
from videonet.evaluation.dataset_files import folder
from videonet.evaluation.detection import Settings
from videonet.evaluation.protocol import Given, Outcome

__all__ = ["NEEDS", "PROTOCOL", "Settings", "evaluate"]

PROTOCOL = About(
    name="coco-fcos-torchvision",
    mark="ours",
    source="the paper's rules for images and its schedule; torchvision's FCOS; faster-coco-eval",
    assumptions=detection.ASSUMPTIONS,
    confirmed_by=(
        "nothing published: the paper's rows are of FCOS*, and torchvision's row of its FCOS is of "
        "another schedule"
    ),
    notes=("This is not FCOS*, which the paper's numbers are of.",),
    main=COCO_NAMES[:3],
)

NEEDS = Needs(
    data="COCO 2017",
    layout=(
        "train2017/*.jpg",
        "val2017/*.jpg",
        "annotations/instances_train2017.json",
        "annotations/instances_val2017.json",
    ),
    model=detection.MODEL,
    cost="1 to 2 days",
)

EXPECTED = {"train images": 118_287, "val images": 5_000, "categories": 80}


def evaluate(given: Given) -> Outcome:
    """The twelve numbers of COCO on its validation images."""
    folder(given.data, PROTOCOL.name, NEEDS.layout)
    train, val = (
        (f"annotations/instances_{part}.json", partial(_place, part))
        for part in ("train2017", "val2017")
    )
    opened = detection.open_boxes(given, train, val, EXPECTED, NEEDS.layout)
    return detection.evaluated(given, opened, "coco", PROTOCOL.name)


def _place(part: str, image: BoxedImage) -> str:
    return f"{part}/{PurePosixPath(image.file_name).name}"
