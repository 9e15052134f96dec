"""videonet export tells data sets from trainings, and says what does not fit."""

from pathlib import Path

import pytest

from tests.curated import Curated, curated_once, sentence, videonet


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("form", ["timm", "onnx"])
def test_a_data_set_is_no_training(curated: Curated, form: str):
    said = sentence(videonet("export", curated.out, "--to", form))
    assert "holds a data set" in said
    assert "webdataset, mp4, huggingface or list" in said


@pytest.mark.parametrize("form", ["webdataset", "mp4", "huggingface", "list"])
def test_a_training_is_no_data_set(tmp_path: Path, form: str):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.toml").write_text("")
    said = sentence(videonet("export", tmp_path / "run", "--to", form, "--out", tmp_path / "to"))
    assert "holds a training" in said
    assert "timm or onnx" in said


@pytest.mark.parametrize("form", ["webdataset", "list"])
def test_a_folder_that_is_neither_holds_no_finished_data_set(tmp_path: Path, form: str):
    said = sentence(videonet("export", tmp_path / "no", "--to", form, "--out", tmp_path / "to"))
    assert "holds no finished data set" in said
    assert not (tmp_path / "no").exists()


def test_of_a_data_set_it_must_be_said_where_to_write(curated: Curated):
    assert "--out DIR" in sentence(videonet("export", curated.out, "--to", "list"))


@pytest.mark.parametrize("given", [["--network", "online"], ["--checkpoint", __file__]])
def test_options_of_trainings_do_not_fit_data_sets(
    curated: Curated, tmp_path: Path, given: list[str]
):
    said = sentence(
        videonet("export", curated.out, "--to", "list", "--out", tmp_path / "to", *given)
    )
    assert "neither --checkpoint nor --network" in said


@pytest.mark.parametrize("given", [["--i-have-the-rights"], ["--store", "store"]])
def test_options_of_data_sets_do_not_fit_trainings(tmp_path: Path, given: list[str]):
    said = sentence(videonet("export", tmp_path, "--to", "timm", *given))
    assert "neither --store nor --i-have-the-rights" in said


def test_an_export_is_no_data_set(curated: Curated, tmp_path: Path):
    assert videonet("export", curated.out, "--to", "list", "--out", tmp_path / "to").code == 0
    said = sentence(videonet("export", tmp_path / "to", "--to", "mp4", "--out", tmp_path / "more"))
    assert "is an export already" in said


def test_local_videos_without_a_licence_are_refused_and_it_is_said_why(
    curated: Curated, tmp_path: Path
):
    said = sentence(videonet("export", curated.out, "--to", "webdataset", "--out", tmp_path / "to"))
    assert "None of 3 kept videos" in said
    assert "3 no_licence" in said


def test_the_command_that_uploads_a_folder_is_printed(curated: Curated, tmp_path: Path):
    ended = videonet(
        *("export", curated.out, "--to", "huggingface", "--out", tmp_path / "to"),
        "--i-have-the-rights",
    )
    assert ended.code == 0
    assert f"hf upload YOU/NAME {tmp_path / 'to'} . --type dataset" in ended.stdout
