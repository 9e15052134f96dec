"""Neighbours by all ways to make a data set: parts, worker processes, titles, a lock file."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.curated import Ended, videonet
from tests.curating import bytes_of
from tests.neighbours.runs import became, material_once, run, typed, whole_once
from videonet.schemas.reason import Outcome
from videonet.storage.dataset_dir import DatasetDir

pytestmark = pytest.mark.slow

Command = Callable[..., Ended]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store and OUT of a run; to be read only."""
    return whole_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def command(material: Path, tmp_path: Path) -> Command:
    """The command that asks for the same, with OUT `tmp_path/out`."""

    def give(*more: str | Path) -> Ended:
        return videonet(*typed(material, tmp_path, *more))

    return give


def test_parts_and_the_rest_make_the_data_set_of_one_command(
    command: Command, whole: Path, tmp_path: Path
):
    for part in ("list", "1/2", "2/2"):
        ended = command("--part", part)
        assert ended.code == 0, ended
        assert DatasetDir(tmp_path / "out").manifest() is None
    ended = command()
    assert ended.code == 0, ended
    assert "2 targets of 2 have the 2 videos that were asked for" in ended.stdout
    assert bytes_of(tmp_path / "out") == bytes_of(whole / "out")
    # All was compared by the parts.
    assert DatasetDir(tmp_path / "out").stages()["scan"].items == 6


def test_worker_processes_make_the_same_data_set(command: Command, whole: Path, tmp_path: Path):
    two = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    ended = command("--", *two)
    assert ended.code == 0, ended
    assert bytes_of(tmp_path / "out") == bytes_of(whole / "out")


def test_a_run_that_is_given_the_same_has_nothing_to_do(command: Command, tmp_path: Path):
    assert command().code == 0
    before = bytes_of(tmp_path / "out")
    ended = command()
    assert ended.code == 0, ended
    assert "nothing" in ended.stdout.lower()
    assert bytes_of(tmp_path / "out") == before


def test_a_class_list_says_which_videos_are_compared(material: Path, tmp_path: Path):
    (tmp_path / "classes.txt").write_text("tench: red\n")
    run(material, tmp_path, targets=str(tmp_path / "classes.txt"))
    assert {name: each[0] for name, each in became(tmp_path / "out").items()} == {
        "red-1": "red",
        "red-2": "red",
        "red-3": "red",
    }


def test_it_is_rebuilt_from_its_lock_file(material: Path, whole: Path, tmp_path: Path):
    lock = tmp_path / "videos.lock.parquet"
    shutil.copy(whole / "out" / lock.name, lock)
    ended = videonet(
        *("rebuild", lock, "--files-root", material / "videos"),
        *("--store", tmp_path / "store", "--out", tmp_path / "out"),
    )
    assert ended.code == 0, ended
    clips = {path: sha256 for path, sha256 in bytes_of(whole / "out").items() if "clips" in path}
    again = bytes_of(tmp_path / "out")
    assert {path: again[path] for path in clips} == clips
    assert {each[1] for each in became(tmp_path / "out").values()} == {Outcome.KEPT}
