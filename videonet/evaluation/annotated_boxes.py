"""Boxes of objects, as COCO and LVIS have them in JSON."""

from pathlib import Path
from typing import Any

import msgspec

from videonet.errors import UsageError
from videonet.evaluation.dataset_files import unreadable


class BoxedImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image, and for LVIS what is known of categories that have no boxes in it."""

    id: int
    height: int
    width: int
    # COCO has the first, LVIS the second
    file_name: str = ""
    coco_url: str = ""
    # of LVIS: which are not in it, and of which there are more than there are boxes
    neg_category_ids: tuple[int, ...] = ()
    not_exhaustive_category_ids: tuple[int, ...] = ()


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """An object: left, top, width and height in pixels."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    # one box around many; it is neither found nor missed
    iscrowd: int = 0


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """A category. LVIS says how frequent it is: r, c or f."""

    id: int
    name: str
    frequency: str = "f"


class Boxes(msgspec.Struct, frozen=True, kw_only=True):
    """All boxes of a part of a data set."""

    images: tuple[BoxedImage, ...]
    annotations: tuple[Box, ...]
    categories: tuple[Category, ...]

    def as_coco(self) -> dict[str, Any]:
        """The same as the plain lists and dicts that COCO's tools change as they go."""
        found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return found


def read_boxes(file: Path) -> Boxes:
    """The boxes in a JSON file. Raises UsageError, also where they are of images that it lacks."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Boxes)
    except OSError as error:
        raise unreadable(file, error.strerror or error) from error
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{file} does not hold boxes as COCO or LVIS has them ({error})."
        ) from error
    images = {each.id for each in found.images}
    categories = {each.id for each in found.categories}
    for each in found.annotations:
        if each.image_id not in images or each.category_id not in categories:
            raise UsageError(
                f"{file} has the box {each.id} of image {each.image_id} and category "
                f"{each.category_id}, and does not name both; give the file as it was published."
            )
    if not images or not categories:
        raise UsageError(f"{file} names {len(images)} images and {len(categories)} categories.")
    return found
