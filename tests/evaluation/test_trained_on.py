"""What a result says of the videos that the model was trained on: no more than is known."""

import shutil

import msgspec
import pytest

pytest.importorskip("torch")

from tests.curated import curated_once
from tests.evaluation.written import result
from tests.training.training import small_data
from videonet.dataset.split import sides_of, split
from videonet.errors import UsageError
from videonet.evaluation.result import UNKNOWN
from videonet.evaluation.trained_on import training_data
from videonet.schemas.exclusion import ExcludedSet
from videonet.schemas.label import Label
from videonet.schemas.split import Side
from videonet.schemas.withdrawal import Withdrawal
from videonet.storage.dataset_dir import DatasetDir
from videonet.targets.imagenet1k import imagenet1k_labels

FACTS = msgspec.structs.replace(result().model, manifest_sha256=None)

NOT_LEFT_OUT = (
    "not by videonet: no setting in the manifest leaves out videos for an evaluation, and none "
    "were looked for. Whether its source had been rid of some before is not known."
)


@pytest.fixture
def out(tmp_path):
    return small_data(tmp_path / "out", videos=4)


def test_of_a_data_set_that_was_not_named_nothing_is_known():
    found = training_data(FACTS, None)
    assert (found.videos, found.excluded, found.chosen_by) == (None, UNKNOWN, UNKNOWN)


def test_no_more_is_said_of_exclusion_than_the_data_set_tells(out):
    assert training_data(FACTS, str(out)).excluded == NOT_LEFT_OUT
    DatasetDir(out).write_withdrawals([Withdrawal(video_key="a", video_id="b")])
    said = training_data(FACTS, str(out)).excluded
    assert "none were looked for. 1 video withdrawn, for reasons not told. Whether" in said


def test_lists_of_what_is_left_out_are_named_and_not_taken_for_those_of_an_evaluation(out):
    dataset = DatasetDir(out)
    manifest = dataset.manifest()
    listed = ExcludedSet(sha256="ab" * 32, names=("kinetics.txt",), videos=2, channels=1)
    settings = msgspec.structs.replace(manifest.settings, excluded=listed)
    dataset.write_manifest(msgspec.structs.replace(manifest, settings=settings))
    said = training_data(FACTS, str(out)).excluded
    assert said.startswith(
        "by name alone: 2 videos and 1 channel of the lists kinetics.txt (sha256 abababababab...); "
        "whether these are of this evaluation the manifest does not say."
    )


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (imagenet1k_labels(), "trained on: those of ImageNet-1k (1,000 classes)"),
        (
            [Label(wnid=None, name=each) for each in ("balloon", "sail\nboat")],
            "trained on: 2 classes of its own: balloon, sail boat",
        ),
        (
            [Label(wnid=None, name=f"class {each}") for each in range(7)],
            "class 0, class 1, class 2, class 3, class 4 and 2 more",
        ),
    ],
)
def test_the_labels_of_the_classifier_that_chose_the_videos_are_named(out, labels, said):
    DatasetDir(out).write_labels(labels)
    assert training_data(FACTS, str(out)).chosen_by.endswith(said)


def test_labels_that_cannot_be_read_are_not_guessed(out):
    assert "which they are is not known" in training_data(FACTS, str(out)).chosen_by
    (out / "labels.json").write_text("{")
    assert "which they are is not known" in training_data(FACTS, str(out)).chosen_by


def test_a_data_set_that_the_model_was_not_trained_on_is_refused(out):
    other = msgspec.structs.replace(FACTS, manifest_sha256="a" * 64)
    with pytest.raises(UsageError, match="was trained on a data set with another manifest"):
        training_data(other, str(out))


def test_of_a_data_set_with_a_split_the_videos_of_its_side_are_counted(tmp_path, tmp_path_factory):
    curated = curated_once(tmp_path_factory.getbasetemp())
    out = shutil.copytree(curated.out, tmp_path / "out")
    (out / "run.json").unlink()
    done = split(out, 0.5)
    found = sides_of(DatasetDir(out))
    facts = msgspec.structs.replace(FACTS, split_sha256=found.sha256)
    assert training_data(FACTS, str(out)).videos == sum(done.sides.values())
    assert training_data(facts, str(out)).videos == done.sides[Side.TRAIN]
    (out / "split.parquet").unlink()
    with pytest.raises(UsageError, match=r"was trained with the split .*, and there is none;"):
        training_data(facts, str(out))
