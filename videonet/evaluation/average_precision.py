"""Average precision of boxes, by faster-coco-eval: COCO's rules, or LVIS's.

A number that nothing was there for, such as the recall of large objects where there are none, is
none.
"""

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import faster_coco_eval.faster_eval_api_cpp as compiled
import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

from videonet.evaluation.annotated_boxes import Boxes
from videonet.evaluation.bootstrap import Weights, interval
from videonet.evaluation.protocol import Number

Rules = Literal["coco", "lvis"]

# The twelve numbers of COCO, in its order.
COCO_NAMES = (
    *("AP", "AP50", "AP75", "AP small", "AP medium", "AP large"),
    *("AR1", "AR10", "AR100", "AR small", "AR medium", "AR large"),
)

# The numbers of LVIS, and where faster-coco-eval has them.
LVIS_PLACES = {
    "AP": 0,
    "AP50": 1,
    "AP75": 2,
    "AP small": 3,
    "AP medium": 4,
    "AP large": 5,
    "AP rare": 14,
    "AP common": 15,
    "AP frequent": 16,
    "AR300": 6,
}

# Detections of an image that count, best first. For COCO these are of each category.
MOST = {"coco": (1, 10, 100), "lvis": (300,)}

_FREQUENCIES = {"r": "AP rare", "c": "AP common", "f": "AP frequent"}


class Detection(NamedTuple):
    """A box that was found: left, top, width, height in pixels of the image as it is."""

    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    score: float


def average_precision(
    truth: Boxes, found: Sequence[Detection], rules: Rules, seed: int
) -> dict[str, Number]:
    """All numbers of the rules; those of AP over sizes as one have intervals over images."""
    if rules == "lvis":
        found = _known(truth, _best(found, MOST["lvis"][0]))
    evaluator = _evaluator(truth, found, rules)
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    stats = [float(each) if each > -1 else float("nan") for each in evaluator.all_stats]
    places = LVIS_PLACES if rules == "lvis" else dict(zip(COCO_NAMES, range(12), strict=True))
    numbers = {name: Number(stats[place]) for name, place in places.items()}
    return numbers | _intervals(truth, found, rules, seed)


def _best(found: Sequence[Detection], most: int) -> list[Detection]:
    """The best of each image, whatever their category: LVIS counts no more."""
    of_image = defaultdict(list)
    for each in found:
        of_image[each.image_id].append(each)
    # Of equal scores, the first.
    return [
        each
        for detections in of_image.values()
        for each in sorted(detections, key=lambda each: -each.score)[:most]
    ]


def _known(truth: Boxes, found: Sequence[Detection]) -> list[Detection]:
    """Detections of which LVIS knows whether they are right. The others count nowhere.

    faster-coco-eval would leave them out as well, one by one and for each number.
    """
    known = {(each.image_id, each.category_id) for each in truth.annotations}
    known |= {(image.id, category) for image in truth.images for category in image.neg_category_ids}
    return [each for each in found if (each.image_id, each.category_id) in known]


def _evaluator(truth: Boxes, found: Sequence[Detection], rules: Rules, **how: Any) -> Any:
    there = COCO(truth.as_coco())
    evaluator = COCOeval_faster(
        there,
        there.loadRes([{**each._asdict(), "bbox": list(each.bbox)} for each in found]),
        "bbox",
        print_function=lambda *_: None,
        lvis_style=rules == "lvis",
        **how,
    )
    evaluator.params.maxDets = list(MOST[rules])
    return evaluator


def _intervals(
    truth: Boxes, found: Sequence[Detection], rules: Rules, seed: int
) -> dict[str, Number]:
    """AP, AP50, AP75, and for LVIS AP by frequency, of images drawn anew.

    What was matched in an image does not depend on the others, so that it is drawn with it.
    """
    matched = _matched(truth, found, rules)
    groups: dict[str, list[int]] = defaultdict(list)
    for place, category in enumerate(each for each in truth.categories if each.id in matched):
        groups[_FREQUENCIES[category.frequency]].append(place)
    order = [matched[each.id] for each in truth.categories if each.id in matched]

    def of_one(weights: NDArray[np.int64]) -> dict[str, float]:
        # [categories, IoUs], nan where the category is nowhere.
        of_all = np.array([each.precisions(weights) for each in order]).reshape(-1, 10)
        values = {"AP": of_all, "AP50": of_all[:, 0], "AP75": of_all[:, 5]}
        if rules == "lvis":
            values |= {name: of_all[places] for name, places in groups.items()}
        return {name: _mean(each) for name, each in values.items()}

    def numbers(weights: Weights) -> dict[str, NDArray[np.float64]]:
        of_each = [of_one(each) for each in weights.astype(np.int64)]
        return {name: np.array([each[name] for each in of_each]) for name in of_each[0]}

    return interval(len(truth.images), seed, numbers)


class _Matched:
    """What was matched of one category, image by image, as faster-coco-eval has it."""

    def __init__(self, evaluator: Any, places: list[int]) -> None:
        self._params = copy.deepcopy(evaluator._paramsEval)
        self._of_images = list(evaluator._evalImgs_cpp)
        self._places = np.array(places)

    def precisions(self, weights: NDArray[np.int64]) -> NDArray[np.float64]:
        """The precision at each IoU, the mean over recalls, if images count as often as this."""
        drawn = np.repeat(np.arange(len(self._places)), weights[self._places])
        nothing: NDArray[np.float64] = np.full(10, np.nan)
        if not drawn.size:
            return nothing
        self._params.imgIds = drawn.tolist()
        found = compiled.COCOevalAccumulate(
            self._params, [self._of_images[place] for place in drawn]
        )
        # [IoUs, recalls, categories, sizes, most detections], -1 where there is none to find.
        precision = np.array(found["precision"])[:, :, 0, 0, 0]
        return precision.mean(axis=1) if (precision > -1).all() else nothing


def _matched(truth: Boxes, found: Sequence[Detection], rules: Rules) -> dict[int, _Matched]:
    """By category, those that have boxes in truth."""
    evaluator = _evaluator(truth, found, rules, separate_eval=True)
    params = evaluator.params
    params.maxDets = [MOST[rules][-1]]
    params.areaRng, params.areaRngLbl = params.areaRng[:1], params.areaRngLbl[:1]
    place = {each.id: number for number, each in enumerate(truth.images)}
    there: dict[int, set[int]] = defaultdict(set)
    for box in truth.annotations:
        there[box.category_id].add(box.image_id)
    said: dict[int, set[int]] = defaultdict(set)
    for each in found:
        said[each.category_id].add(each.image_id)
    matched = {}
    for category, images in there.items():
        # Images without either change nothing.
        params.imgIds, params.catIds = sorted(images | said[category]), [category]
        evaluator.evaluate()
        matched[category] = _Matched(evaluator, [place[each] for each in evaluator.params.imgIds])
    return matched


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
