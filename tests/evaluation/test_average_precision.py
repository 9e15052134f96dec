"""Average precision: COCO's fixture, LVIS's federated rule, and intervals over images."""

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.evaluation.material import shared

pytest.importorskip("torch")

from videonet.errors import UsageError
from videonet.evaluation.annotated_boxes import (
    Box,
    BoxedImage,
    Boxes,
    Category,
    read_boxes,
)
from videonet.evaluation.average_precision import (
    COCO_NAMES,
    Detection,
    average_precision,
)

# As pycocotools 2.0.11 and faster-coco-eval 1.8.0 have them.
KNOWN = (
    *(0.5070, 0.6994, 0.5754, 0.5856, 0.5194, 0.5014),
    *(0.3892, 0.5961, 0.5977, 0.6398, 0.5664, 0.5643),
)


@pytest.fixture(scope="module")
def fixture() -> tuple[Boxes, list[Detection]]:
    folder = shared("evaluation/coco")
    truth = read_boxes(folder / "instances_val2014_100.json")
    said = json.loads((folder / "instances_val2014_fakebbox100_results.json").read_text())
    found = [
        Detection(each["image_id"], each["category_id"], tuple(each["bbox"]), each["score"])
        for each in said
    ]
    # One of the hundred images has no detections; the published numbers leave it out.
    images = {each.image_id for each in found}
    return of_images(truth, images), found


def of_images(truth: Boxes, images: set[int]) -> Boxes:
    return msgspec.structs.replace(
        truth,
        images=tuple(each for each in truth.images if each.id in images),
        annotations=tuple(each for each in truth.annotations if each.image_id in images),
    )


def test_the_twelve_numbers_of_the_fixture(fixture):
    numbers = average_precision(*fixture, "coco", seed=0)
    assert tuple(numbers) == COCO_NAMES
    assert [round(each.value, 4) for each in numbers.values()] == list(KNOWN)
    for name in ("AP", "AP50", "AP75"):
        assert numbers[name].low < numbers[name].value < numbers[name].high
    assert all(numbers[name].low is None for name in COCO_NAMES[3:])


def test_intervals_are_of_images_that_count_as_often_as_they_were_drawn(fixture):
    truth, found = fixture
    # Twenty images alone; each is there as often as its weight in a data set made of copies.
    images = sorted({each.id for each in truth.images})[:20]
    few = of_images(truth, set(images))
    of_few = [each for each in found if each.image_id in set(images)]
    weights = np.random.default_rng(3).multinomial(20, [1 / 20] * 20)
    from videonet.evaluation import average_precision as module

    matched = module._matched(few, of_few, "coco")
    place = {each.id: number for number, each in enumerate(few.images)}
    of_place = np.array([weights[images.index(each.id)] for each in few.images])
    drawn = np.array([each.precisions(of_place) for each in matched.values()])
    copied, detections, boxes = [], [], []
    for image in few.images:
        for copy in range(of_place[place[image.id]]):
            name = image.id * 100 + copy
            copied.append(msgspec.structs.replace(image, id=name))
            boxes += [
                msgspec.structs.replace(each, id=each.id * 100 + copy, image_id=name)
                for each in few.annotations
                if each.image_id == image.id
            ]
            detections += [
                each._replace(image_id=name) for each in of_few if each.image_id == image.id
            ]
    whole = msgspec.structs.replace(few, images=tuple(copied), annotations=tuple(boxes))
    numbers = module.average_precision(whole, detections, "coco", seed=0)
    known = drawn[~np.isnan(drawn).any(axis=1)]
    assert known.mean() == pytest.approx(numbers["AP"].value, abs=1e-9)
    assert known[:, 0].mean() == pytest.approx(numbers["AP50"].value, abs=1e-9)


def boxes(images, annotations, categories=("r", "c", "f")) -> Boxes:
    return Boxes(
        images=tuple(images),
        annotations=tuple(
            Box(id=number, image_id=image, category_id=category, bbox=bbox, area=bbox[2] * bbox[3])
            for number, (image, category, bbox) in enumerate(annotations, start=1)
        ),
        categories=tuple(
            Category(id=number, name=str(number), frequency=each)
            for number, each in enumerate(categories, start=1)
        ),
    )


HERE, THERE = (10.0, 10.0, 40.0, 40.0), (60.0, 60.0, 30.0, 30.0)


def test_lvis_counts_what_is_known_of_an_image_alone():
    """Category 1 is in image 1; of image 2 it is known not to be there, of image 3 nothing."""
    images = (
        BoxedImage(id=1, height=100, width=100),
        BoxedImage(id=2, height=100, width=100, neg_category_ids=(1,)),
        BoxedImage(id=3, height=100, width=100),
        BoxedImage(id=4, height=100, width=100, not_exhaustive_category_ids=(1,)),
    )
    truth = boxes(images, [(1, 1, HERE), (4, 1, HERE), (3, 2, HERE)], ("r", "c"))
    right = [Detection(1, 1, HERE, 0.5), Detection(4, 1, HERE, 0.4), Detection(3, 2, HERE, 0.3)]

    def ap(*wrong: Detection, rules="lvis") -> float:
        return average_precision(truth, [*right, *wrong], rules, seed=0)["AP"].value

    assert ap() == 1
    # Nothing is known: it does not count. In COCO it is wrong.
    nothing_known = Detection(3, 1, THERE, 0.9)
    assert ap(nothing_known) == 1
    assert ap(nothing_known, rules="coco") == pytest.approx((2 / 3 + 1) / 2, abs=0.01)
    # More of it are in image 4 than there are boxes: what matches none does not count either.
    assert ap(Detection(4, 1, THERE, 0.9)) == 1
    # It is known not to be there, or all of it have boxes: it is wrong.
    for wrong in (Detection(2, 1, THERE, 0.9), Detection(1, 1, THERE, 0.9)):
        assert ap(wrong) == pytest.approx((2 / 3 + 1) / 2, abs=0.01)
    numbers = average_precision(truth, [*right, Detection(2, 1, HERE, 0.9)], "lvis", seed=0)
    assert numbers["AP rare"].value == pytest.approx(2 / 3, abs=0.01)
    assert numbers["AP common"].value == 1
    assert np.isnan(numbers["AP frequent"].value)
    assert numbers["AR300"].value == 1


def test_lvis_counts_the_best_300_of_an_image():
    truth = boxes([BoxedImage(id=1, height=100, width=100)], [(1, 1, HERE)], ("f",))
    others = [Detection(1, 2, THERE, 0.9)] * 300
    found = [*others, Detection(1, 1, HERE, 0.5)]
    both = msgspec.structs.replace(
        truth, categories=(*truth.categories, Category(id=2, name="2", frequency="c"))
    )
    assert average_precision(both, found, "lvis", seed=0)["AP"].value == 0
    assert average_precision(both, found[1:], "lvis", seed=0)["AP"].value == 1
    assert average_precision(both, found, "coco", seed=0)["AP"].value == 1


def test_where_nothing_was_found_it_is_0(fixture):
    few = of_images(fixture[0], {each.id for each in fixture[0].images[:5]})
    numbers = average_precision(few, [], "coco", seed=0)
    assert (numbers["AP"].value, numbers["AP"].low, numbers["AP"].high) == (0, 0, 0)


def test_lvis_is_read_with_what_it_knows_of_its_images():
    found = read_boxes(shared("evaluation/coco/lvis_val_100.json"))
    assert (len(found.images), len(found.categories), len(found.annotations)) == (100, 1230, 977)
    assert any(each.neg_category_ids for each in found.images)
    assert any(each.not_exhaustive_category_ids for each in found.images)
    assert {each.frequency for each in found.categories} == {"r", "c", "f"}
    # What is there is what is found: all that is counted is right.
    few = of_images(found, {each.id for each in found.images[:15]})
    right = [Detection(each.image_id, each.category_id, each.bbox, 0.5) for each in few.annotations]
    assert average_precision(few, right, "lvis", seed=0)["AP"].value == pytest.approx(1)


def test_files_that_hold_no_boxes_are_refused(tmp_path):
    file: Path = tmp_path / "a.json"
    with pytest.raises(UsageError, match=r"a\.json cannot be read"):
        read_boxes(file)
    file.write_text("[]")
    with pytest.raises(UsageError, match="does not hold boxes as COCO or LVIS has them"):
        read_boxes(file)
    shutil.copy(shared("evaluation/coco/instances_val2014_100.json"), file)
    found = json.loads(file.read_text())
    found["images"].pop()
    file.write_text(json.dumps(found))
    with pytest.raises(UsageError, match="and does not name both"):
        read_boxes(file)
