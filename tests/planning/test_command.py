"""`videonet plan` as it is typed."""

import shutil
from pathlib import Path

import pytest

from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import videonet
from videonet.schemas.forecast import PlanForecast


def typed(world: World, folder: Path, *more: str) -> list[str]:
    videos = folder / "videos"
    if not videos.exists():
        videos.mkdir()
        shutil.copy(world.files / "valley.mp4", videos / "a balloon.mp4")
    return [
        *("plan", "--targets", str(world.classes), "--source", f"folder:{videos}"),
        *("--classifier", str(MODEL), "--store", str(folder / "store")),
        *("--out", str(folder / "out"), *more),
    ]


@pytest.mark.slow
def test_a_plan_is_printed_and_written_and_is_of_this_machine(world: World, tmp_path: Path):
    file = tmp_path / "plan.json"
    first = videonet(*typed(world, tmp_path, "--json", str(file), "--runner", "flink"))
    assert first.code == 0
    assert "The whole run, with 95 % intervals" in first.stdout
    assert "The largest item of the cost" in first.stdout
    assert "The pilot runs on this machine" in first.stderr
    written = file.read_bytes()
    assert PlanForecast.from_json(written.strip()).sampled == 1
    second = videonet(*typed(world, tmp_path, "--json", str(file)))
    assert second.stdout == first.stdout
    assert file.read_bytes() == written
    assert "The pilot was made before" in second.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--json", "/nowhere/plan.json"), "in a folder that is not there"),
        (("--prices", "/nowhere/prices.toml"), "/nowhere/prices.toml"),
        (("--select", "neighbours:images"), "plan with a class list"),
    ],
)
def test_what_is_typed_wrong_is_one_sentence(
    world: World, tmp_path: Path, more: tuple[str, str], said: str
):
    ended = videonet(*typed(world, tmp_path, *more))
    assert ended.code == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
