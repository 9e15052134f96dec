"""`--select neighbours:DIR`: which videos are taken, and that it matters not how they came."""

import shutil
from pathlib import Path

import pytest

from tests.curating import bytes_of, verdicts_of
from tests.neighbours.material import write_images
from tests.neighbours.runs import became, material_once, run, whole_once
from videonet.dataset.verify import verify
from videonet.schemas.reason import Outcome, Reason
from videonet.storage.dataset_dir import DatasetDir


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store and OUT of a run; to be read only."""
    return whole_once(tmp_path_factory.getbasetemp())


def test_of_each_target_the_nearest_videos_are_kept(whole: Path):
    kept, left = (Outcome.KEPT, None), (Outcome.REJECTED, Reason.NOT_SELECTED)
    found = became(whole / "out")
    assert found.pop("broken") == ("(not compared)", Outcome.FAILED, Reason.NOT_A_VIDEO)
    assert found.pop("green-1")[0] in ("red", "blue")
    assert found == {
        "red-1": ("red", *kept),
        "red-2": ("red", *kept),
        "red-3": ("red", *left),
        "blue-1": ("blue", *kept),
        "blue-2": ("blue", *kept),
    }


def test_a_verdict_says_how_near_a_video_is_and_where_it_stands(whole: Path):
    verdicts = {each.video.title: each for each in verdicts_of(whole / "out")}
    nearest, third = verdicts["red-1"], verdicts["red-3"]
    assert (nearest.best_probability or 0) > 0.99
    assert (third.best_probability or 1) < (nearest.best_probability or 0)
    assert third.error in (
        "number 3 of 3 by nearness to its target; 2 are taken",
        "number 3 of 4 by nearness to its target; 2 are taken",
    )


def test_the_data_set_is_sound_and_names_what_it_was_chosen_from(whole: Path):
    assert verify(whole / "out").problems == []
    output = DatasetDir(whole / "out")
    manifest = output.manifest()
    assert manifest is not None
    assert manifest.chosen_from is not None
    assert manifest.settings.neighbours == output.centres().images
    assert [each.name for each in output.targets()] == ["blue", "red", "(not compared)"]


@pytest.mark.slow
def test_a_list_that_grows_comes_to_what_a_fresh_run_comes_to(
    material: Path, whole: Path, tmp_path: Path
):
    few = tmp_path / "few"
    few.mkdir()
    for name in ("red-3", "red-2", "blue-2"):
        shutil.copy(material / "videos" / f"{name}.mp4", few)
    grows = {"source": f"folder:{few}"}
    run(material, tmp_path, **grows)
    assert became(tmp_path / "out")["red-3"][1] is Outcome.KEPT
    for each in (material / "videos").iterdir():
        shutil.copy(each, few)
    run(material, tmp_path, **grows)
    assert bytes_of(tmp_path / "out") == bytes_of(whole / "out")


@pytest.mark.slow
def test_other_targets_need_no_second_look_at_the_videos(
    material: Path, whole: Path, tmp_path: Path
):
    images = write_images(tmp_path / "images", {"green/1.png": (0, 255, 0), "red.png": (255, 0, 0)})
    others = {"select": f"neighbours:{images}", "shards": 1}
    shutil.copytree(whole / "store", tmp_path / "store")
    run(material, tmp_path, **others)
    stages = DatasetDir(tmp_path / "out").stages()
    assert "scan" not in stages or stages["scan"].items == 0
    assert became(tmp_path / "out")["green-1"] == ("green", Outcome.KEPT, None)
    run(material, tmp_path / "fresh", **others)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "fresh" / "out")
