"""LVIS v1: detection of 1,203 categories after fine-tuning, with torchvision's FCOS."""

import msgspec

from videonet.errors import UsageError
from videonet.evaluation import coco, detection
from videonet.evaluation.about import Needs
from videonet.evaluation.annotated_boxes import BoxedImage
from videonet.evaluation.dataset_files import folder
from videonet.evaluation.detection import Settings
from videonet.evaluation.protocol import Given, Outcome

__all__ = ["NEEDS", "PROTOCOL", "Settings", "evaluate"]

PROTOCOL = msgspec.structs.replace(
    coco.PROTOCOL,
    name="lvis-fcos-torchvision",
    confirmed_by=(
        "nothing published: the paper's rows are of FCOS*, and torchvision has no row of LVIS"
    ),
    notes=(
        *coco.PROTOCOL.notes,
        "What an image has no boxes of counts there only if it is known not to be in it.",
    ),
    main=("AP", "AP rare", "AP common", "AP frequent"),
)

NEEDS = Needs(
    data="LVIS v1, with the images of COCO 2017",
    layout=(
        "train2017/*.jpg",
        "val2017/*.jpg",
        "annotations/lvis_v1_train.json",
        "annotations/lvis_v1_val.json",
    ),
    model=detection.MODEL,
    cost="1 to 2 days",
)

EXPECTED = {"train images": 100_170, "val images": 19_809, "categories": 1_203}

# Images of its validation set lie in both.
_FOLDERS = ("train2017", "val2017")


def evaluate(given: Given) -> Outcome:
    """AP on the validation images, and that of rare, common and frequent categories."""
    folder(given.data, PROTOCOL.name, NEEDS.layout)
    train, val = ((f"annotations/lvis_v1_{part}.json", _place) for part in ("train", "val"))
    opened = detection.open_boxes(given, train, val, EXPECTED, NEEDS.layout)
    return detection.evaluated(given, opened, "lvis", PROTOCOL.name)


def _place(image: BoxedImage) -> str:
    """Where an image lies: its address ends with that."""
    *_, part, name = ("", "", *image.coco_url.split("/"))
    if part not in _FOLDERS or not name:
        raise UsageError(
            f"LVIS's image {image.id} has the address {image.coco_url!r}, which should end with "
            f"train2017/NAME.jpg or val2017/NAME.jpg."
        )
    return f"{part}/{name}"
