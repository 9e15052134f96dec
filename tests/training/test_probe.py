"""Classifiers on features, which learn nothing in the network."""

from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shards.conftest import make_clip
from tests.training.training import STEPS, quick, small_data
from tests.training.written import write_out
from videonet.schemas.clip import Clip

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.errors import UsageError  # noqa: E402
from videonet.training.data.clip_index import open_clip_index  # noqa: E402
from videonet.training.data.moments import first_moments  # noqa: E402
from videonet.training.log_lines import EvaluationLine, StepLine, lines_of  # noqa: E402
from videonet.training.probe import RIDGE, linear_classes  # noqa: E402
from videonet.training.retrieval import nearest_classes  # noqa: E402
from videonet.training.train import train  # noqa: E402

CLASSES = torch.tensor([3, 5, 8])


def features_of(seed: int, count: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of three classes, which lie apart from each other: double [count, width]."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, 3, count)
    classes[:3] = range(3)
    features = 4 * np.eye(3, width)[classes] + 0.3 * random.normal(size=(count, width))
    return torch.from_numpy(features), CLASSES[classes]


@pytest.mark.parametrize(("count", "width"), [(100, 4), (10, 12)])
def test_classes_that_lie_apart_are_found(count, width):
    features, classes = features_of(0, count, width)
    asked, truth = features_of(1, 40, width)
    assert torch.equal(nearest_classes(asked, features, classes, 1), truth)
    assert torch.equal(linear_classes(features, classes, asked), truth)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(3, 40), st.sampled_from([0.125, 64])
)
def test_scale_and_place_of_features_change_nothing_in_what_is_found(seed, count, width, scale):
    features, classes = features_of(seed, count, width)
    asked, _ = features_of(seed + 1, 20, width)
    moved = linear_classes(scale * features + 7, classes, scale * asked + 7)
    assert torch.equal(moved, linear_classes(features, classes, asked))


@pytest.mark.parametrize(("count", "width"), [(50, 5), (6, 20)])
def test_both_ways_to_solve_the_regression_are_that_of_its_definition(count, width):
    features, classes = features_of(2, count, width)
    asked, _ = features_of(3, 30, width)
    mean, spread = features.mean(dim=0), features.std(dim=0)
    known, others = (features - mean) / spread, (asked - mean) / spread
    wanted = (classes[:, None] == CLASSES).double()
    base = wanted.mean(dim=0)
    # Least squares, with rows of their own that ask the weights to be small.
    rows = torch.cat([known, (RIDGE * count) ** 0.5 * torch.eye(width, dtype=torch.double)])
    targets = torch.cat([wanted - base, torch.zeros(width, 3, dtype=torch.double)])
    weights = torch.linalg.lstsq(rows, targets).solution
    expected = CLASSES[(others @ weights + base).argmax(dim=1)]
    assert torch.equal(linear_classes(features, classes, asked), expected)


def test_a_video_is_shown_by_its_first_clip(tmp_path):
    # Grey says which clip it is, and how late in it.
    def clip(video: str, number: int) -> Clip:
        greys = [np.full((16, 16, 3), 60 * number + 2 * frame, np.uint8) for frame in range(20)]
        jpegs = tuple(simplejpeg.encode_jpeg(grey, quality=100) for grey in greys)
        changes = {"image_encoded": jpegs, "image_height": 16, "image_width": 16}
        return make_clip(0, 20, example_id=f"{video}#{number}", **changes)

    keys = [f"v{number:02d}" for number in range(12)]
    out = write_out(tmp_path, [[clip(key, number) for key in keys for number in range(3)]])
    parts = list(first_moments(open_clip_index(out), np.arange(12), seed=1, at_once=5))
    assert [len(part.videos) for part in parts] == [5, 5, 2]
    greys = torch.cat([part.frames[0, :, 8, 8, 0] for part in parts])
    # Frames 0 to 6 of the first clip.
    assert greys.max() <= 2 * 7
    assert len(greys.unique()) > 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"), videos=40)


def test_a_training_is_asked_as_it_goes_and_learns_what_it_learns_without(data, tmp_path):
    train(quick("data.held_out=0.3", "log.probe_every=4"), data, tmp_path / "asked")
    lines = lines_of(tmp_path / "asked")
    found = [line for line in lines if isinstance(line, EvaluationLine) and line.name == "probe"]
    assert [line.step for line in found] == [4, STEPS]
    for line in found:
        assert set(line.values) == {"linear", "knn", "commonest"}
        assert all(0 <= value <= 1 for value in line.values.values())
    train(quick("data.held_out=0.3"), data, tmp_path / "not asked")
    losses = [
        [line.loss for line in lines_of(tmp_path / run) if isinstance(line, StepLine)]
        for run in ("asked", "not asked")
    ]
    assert losses[0] == losses[1]


def test_without_held_out_videos_it_is_refused(data, tmp_path):
    for share in ("0", "0.001"):
        config = quick(f"data.held_out={share}", "log.probe_every=4")
        with pytest.raises(UsageError, match=r"log\.probe_every needs at least 2; set data"):
            train(config, data, tmp_path / "run")
