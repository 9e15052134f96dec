"""Evaluations that a training does now and then: what it finds, and that it changes nothing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.curated import sentence, videonet
from tests.evaluation.asked import evaluate

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from tests.training.training import STEPS, command, quick, small_data  # noqa: E402
from videonet.errors import UsageError  # noqa: E402
from videonet.evaluation.class_lists import output_of_wnid  # noqa: E402
from videonet.training import checkpoint  # noqa: E402
from videonet.training.log_lines import EvaluationLine, lines_of  # noqa: E402
from videonet.training.train import train  # noqa: E402

KNN = 'log.evaluate=["imagenet_knn", "imagenet-linear-cached"]'


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little of eight classes, each of a colour of its own."""
    root = tmp_path_factory.mktemp("imagenet")
    random = np.random.default_rng(0)
    for place, wnid in enumerate(list(output_of_wnid())[:8]):
        colour = np.array([place % 2, place // 2 % 2, place // 4]) * 60
        for part, count in (("train", 6), ("val", 4)):
            (root / part / wnid).mkdir(parents=True)
            for number in range(count):
                noise = random.integers(0, 120, (40, 40, 3))
                image = Image.fromarray((colour + noise).astype(np.uint8))
                image.save(root / part / wnid / f"{number}.png")
    return root


def evaluations_of(run: Path) -> list[EvaluationLine]:
    lines = (line for line in lines_of(run) if isinstance(line, EvaluationLine))
    return [line for line in lines if line.name != "learned"]


def test_a_training_says_what_the_network_as_it_is_is_worth(data, imagenet, tmp_path):
    run = tmp_path / "run"
    asked = command(data, run, KNN, "log.evaluate_every=3")
    ended = videonet("train", *asked, "--evaluation-data", imagenet)
    assert ended.code == 0, ended.stderr
    knn, linear = (evaluations_of(run)[place::2] for place in (0, 1))
    assert [each.step for each in knn] == [3, 6, STEPS]
    assert all(set(each.values) == {"top1 on a part"} for each in knn)
    assert not (run / ".evaluating").exists()

    # What cannot be done is told, and ends no training.
    assert [each.step for each in linear] == [3, 6, STEPS]
    assert all("held_out is 10,000, and there are 48 training" in each.failed for each in linear)
    assert all(each.values == {} for each in linear)
    assert "step 3, imagenet-linear-cached cannot be evaluated: held_out is" in ended.stdout

    # It is what `videonet evaluate` finds of the checkpoint of that step.
    found = evaluate(run, "imagenet-knn", imagenet, tmp_path / "a.json", "--partial")
    assert knn[-1].values["top1 on a part"] == found.numbers["top1"].value

    # A training that does none has the same weights, to the last bit.
    other = tmp_path / "other"
    train(quick(), data, other)
    weights = [checkpoint.load(checkpoint.newest(each))["online"] for each in (run, other)]
    assert all(torch.equal(each, weights[1][name]) for name, each in weights[0].items())


@pytest.mark.parametrize(
    ("settings", "more", "said"),
    [
        ((KNN,), (), "name the folder of their data with --evaluation-data"),
        ((KNN,), ("--evaluation-data", "nowhere"), "There is no folder nowhere"),
        (
            ('log.evaluate=["imagenet_a"]',),
            ("--evaluation-data", "."),
            "log.evaluate names imagenet_a, which asks for a classifier of ImageNet",
        ),
        (
            ('log.evaluate=["imagenet_nn"]',),
            ("--evaluation-data", "."),
            "There is no evaluation imagenet-nn; did you mean imagenet-knn?",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_a_sentence_before_training(
    data, tmp_path, settings, more, said
):
    ended = videonet("train", *command(data, tmp_path / "run", *settings), *more)
    assert said in sentence(ended)
    assert not (tmp_path / "run").exists()


def test_a_trainer_that_was_handed_none_says_so(data, tmp_path):
    with pytest.raises(UsageError, match="was handed no such evaluation"):
        train(quick(KNN), data, tmp_path / "run")
