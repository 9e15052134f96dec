"""What a result says of the videos that the model was trained on: no more than is known."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from tests.curated import curated_once
from tests.evaluation.written import result
from tests.training.training import small_data
from videonet.dataset.split import split
from videonet.errors import UsageError
from videonet.evaluation.result import UNKNOWN
from videonet.evaluation.trained_on import training_data
from videonet.schemas.exclusion import ExcludedSet
from videonet.schemas.label import Label
from videonet.schemas.split import Side
from videonet.schemas.withdrawal import Withdrawal
from videonet.selection.reference import resolve_reference
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.split_file import read_split
from videonet.storage.store import Store
from videonet.targets.imagenet1k import imagenet1k_labels
from videonet.video.decoder import shared_decoder

FACTS = msgspec.structs.replace(result().model, manifest_sha256=None)

# Of the evaluation.
NOWHERE = Path("no-such-folder")

NOT_LEFT_OUT = (
    "not excluded by videonet: no setting in the manifest leaves out videos for an evaluation, and "
    "none were looked for. Whether its source had been rid of some before is not known."
)


@pytest.fixture
def out(tmp_path):
    return small_data(tmp_path / "out", videos=4)


def test_of_a_data_set_that_was_not_named_nothing_is_known():
    found = training_data(FACTS, None, NOWHERE)
    assert (found.videos, found.excluded, found.chosen_by) == (None, UNKNOWN, UNKNOWN)


def test_no_more_is_said_of_exclusion_than_the_data_set_tells(out):
    assert training_data(FACTS, str(out), NOWHERE).excluded == NOT_LEFT_OUT
    DatasetDir(out).write_withdrawals([Withdrawal(video_key="a", video_id="b")])
    said = training_data(FACTS, str(out), NOWHERE).excluded
    assert "none were looked for. 1 video withdrawn, for reasons not told. Whether" in said


def test_lists_of_what_is_left_out_are_named_and_not_taken_for_those_of_an_evaluation(out):
    dataset = DatasetDir(out)
    manifest = dataset.manifest()
    listed = ExcludedSet(sha256="ab" * 32, names=("kinetics.txt",), videos=2, channels=1)
    settings = msgspec.structs.replace(manifest.settings, excluded=listed)
    dataset.write_manifest(msgspec.structs.replace(manifest, settings=settings))
    said = training_data(FACTS, str(out), NOWHERE).excluded
    assert said.startswith(
        "cannot be told: by name alone, 2 videos and 1 channel of the lists kinetics.txt (sha256 "
        "abababababab...) were left out, and the data of this evaluation has no ids to compare with"
    )


def pictures(folder: Path, count: int) -> Path:
    """A folder of pictures that show something, and a file that is none."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for place in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3)).astype(np.uint8))
        coarse.resize((80, 60)).save(folder / f"{place}.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def compared_with(out: Path, store: Path, *folders: Path) -> None:
    """Have the manifest say what a curation with --exclude-like of the folders writes."""
    keeping = Store(store)
    keeping.prepare()
    like = resolve_reference(folders, keeping, shared_decoder(), lambda _said: None)
    dataset = DatasetDir(out)
    manifest = dataset.manifest()
    settings = msgspec.structs.replace(manifest.settings, excluded_like=like)
    dataset.write_manifest(msgspec.structs.replace(manifest, settings=settings))


@pytest.mark.parametrize("place", ["", "JPEGImages", "JPEGImages/480p"])
def test_videos_like_the_data_of_the_evaluation_were_excluded_and_how_is_said(out, tmp_path, place):
    data = tmp_path / "DAVIS"
    compared = pictures(data / place, 3)
    compared_with(out, tmp_path / "store", compared)
    said = training_data(FACTS, str(out), data).excluded
    name = compared.name
    assert said.startswith(
        f"excluded by frames: what shows the same as 3 frames of 3 files of {name} (sha256 "
    )
    assert f"were left out, and {name} of this evaluation's data has the same files." in said


@pytest.mark.parametrize("change", ["changed", "more", "fewer", "renamed", "gone"])
def test_of_other_files_than_were_compared_it_cannot_be_told(out, tmp_path, change):
    data = tmp_path / "DAVIS"
    folder = pictures(data / "JPEGImages", 3)
    compared_with(out, tmp_path / "store", folder)
    if change == "changed":
        shutil.copy(folder / "0.png", folder / "1.png")
    elif change == "more":
        shutil.copy(folder / "0.png", folder / "3.png")
    elif change == "fewer":
        (folder / "2.png").unlink()
    else:
        folder.rename(data / "frames" if change == "renamed" else tmp_path / "JPEGImages")
    said = training_data(FACTS, str(out), data).excluded
    assert said.startswith("cannot be told: what shows the same as 3 frames of 3 files of JPEG")
    assert "the data of this evaluation has no JPEGImages in it with the same files." in said


def test_of_a_set_of_several_folders_all_must_be_in_the_data_of_the_evaluation(out, tmp_path):
    # One digest is of all of them together.
    data = tmp_path / "data"
    folders = [pictures(data / "val", 2), pictures(data / "more" / "test", 3)]
    other = pictures(tmp_path / "ucf101", 1)
    compared_with(out, tmp_path / "store", *folders)
    assert "and test and val of this evaluation's data has" in said_of(out, data)
    compared_with(out, tmp_path / "store", *folders, other)
    assert said_of(out, data).startswith("cannot be told: ")


def said_of(out: Path, data: Path) -> str:
    return training_data(FACTS, str(out), data).excluded


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/"])
def test_a_strangers_manifest_has_no_folder_read_that_is_elsewhere(out, tmp_path, name):
    data = tmp_path / "data"
    compared_with(out, tmp_path / "store", pictures(data / "val", 1))
    dataset = DatasetDir(out)
    manifest = dataset.manifest()
    like = msgspec.structs.replace(manifest.settings.excluded_like, names=(name,))
    settings = msgspec.structs.replace(manifest.settings, excluded_like=like)
    dataset.write_manifest(msgspec.structs.replace(manifest, settings=settings))
    assert said_of(out, data).startswith("cannot be told: ")


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
    assert training_data(FACTS, str(out), NOWHERE).chosen_by.endswith(said)


def test_labels_that_cannot_be_read_are_not_guessed(out):
    assert "which they are is not known" in training_data(FACTS, str(out), NOWHERE).chosen_by
    (out / "labels.json").write_text("{")
    assert "which they are is not known" in training_data(FACTS, str(out), NOWHERE).chosen_by


def test_a_data_set_that_the_model_was_not_trained_on_is_refused(out):
    other = msgspec.structs.replace(FACTS, manifest_sha256="a" * 64)
    with pytest.raises(UsageError, match="was trained on a data set with another manifest"):
        training_data(other, str(out), NOWHERE)


def test_of_a_data_set_with_a_split_the_videos_of_its_side_are_counted(tmp_path, tmp_path_factory):
    curated = curated_once(tmp_path_factory.getbasetemp())
    out = shutil.copytree(curated.out, tmp_path / "out")
    (out / "run.json").unlink()
    done = split(out, 0.5)
    found = read_split(DatasetDir(out).files)
    facts = msgspec.structs.replace(FACTS, split_sha256=found.sha256)
    assert training_data(FACTS, str(out), NOWHERE).videos == sum(done.sides.values())
    assert training_data(facts, str(out), NOWHERE).videos == done.sides[Side.TRAIN]
    (out / "split.parquet").unlink()
    with pytest.raises(UsageError, match=r"was trained with the split .*, and there is none;"):
        training_data(facts, str(out), NOWHERE)
