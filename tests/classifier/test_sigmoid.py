"""Classifiers whose outputs are sigmoids, each for itself: they need a threshold."""

import math

import pytest

from tests.classifier.conftest import MakeModel
from tests.classifier.test_model import COLOURS, LOGITS, plain
from videonet.classifier.model import Classifier, describe, load_classifier
from videonet.curation.scan import scan_key
from videonet.errors import UsageError

SIGMOIDS = (*LOGITS, "Sigmoid")
# Of the sigmoids of 0 to 1, which are the means of R, G and B, two thirds are above it.
THRESHOLD = COLOURS | {"sigmoid_threshold": 0.6}


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_sigmoids_without_a_threshold_are_refused(make_model: MakeModel):
    with pytest.raises(UsageError, match=r'are sigmoids.*"sigmoid_threshold": 0.5 into .*\.json'):
        load_classifier(str(make_model(*SIGMOIDS, sidecar=COLOURS)))


def test_they_are_known_behind_nodes_that_change_no_value(make_model: MakeModel):
    with pytest.raises(UsageError, match="are sigmoids"):
        load_classifier(str(make_model(*SIGMOIDS, "Identity", "Flatten", sidecar=COLOURS)))


def test_a_sigmoid_within_a_model_is_none_at_its_end(make_model: MakeModel):
    classifier = load_classifier(str(make_model(*SIGMOIDS, "MatMul", sidecar=COLOURS)))
    assert len(classifier.labels) == 3


@pytest.mark.parametrize("operators", [SIGMOIDS, LOGITS], ids=["sigmoids", "their logits"])
def test_the_highest_counts_from_the_threshold_on(
    make_model: MakeModel, operators: tuple[str, ...]
):
    classifier = load_classifier(str(make_model(*operators, sidecar=THRESHOLD)))
    top1, probability = classifier.classify(plain((255, 0, 0), (0, 51, 102), (102, 102, 153)))
    names = [classifier.labels[each].name for each in top1]
    assert names == ["red", "nothing (below 0.6)", "blue"]
    assert probability == pytest.approx([sigmoid(1), sigmoid(0.4), sigmoid(0.6)])


def test_several_classes_may_be_as_probable_as_can_be(make_model: MakeModel):
    classifier = load_classifier(str(make_model(*LOGITS, sidecar=THRESHOLD)))
    _, (probability,) = classifier.classify(plain((255, 255, 255)))
    assert probability == pytest.approx(sigmoid(1))  # and no third, as by a softmax


def test_a_softmax_with_a_threshold_is_refused(make_model: MakeModel):
    with pytest.raises(UsageError, match=r"json: has a sigmoid_threshold, but .* sum to 1"):
        load_classifier(str(make_model(*LOGITS, "Softmax", sidecar=THRESHOLD)))


def test_what_is_shown_of_it_says_so_and_one_class_more(make_model: MakeModel):
    path = make_model(*SIGMOIDS, sidecar=THRESHOLD)
    assert describe(str(path))["output"].endswith("sigmoids, the highest counts from 0.6")
    assert load_classifier(str(path)).card.outputs == 4


def test_another_threshold_scans_again(make_model: MakeModel):
    def key(sidecar: dict[str, object]) -> str:
        return scan_key(Classifier(make_model(*LOGITS, sidecar=sidecar)), frames=100)

    assert len({key(COLOURS), key(THRESHOLD), key(COLOURS | {"sigmoid_threshold": 0.7})}) == 3
