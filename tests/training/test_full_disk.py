"""A disk that fills while a training writes to it ends the training, which goes on later."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.execution.disks import fill, make_room, memory_disk
from tests.patience import PATIENCE
from tests.training.training import ALONE, STEPS, command, quick, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.training import checkpoint  # noqa: E402
from videonet.training.log_lines import StepLine, lines_of  # noqa: E402
from videonet.training.train import train  # noqa: E402

pytestmark = pytest.mark.slow

# The files of a training that are written one after the other, and after how many steps the newest
# checkpoint was made before.
WRITTEN = {
    "configuration": (2, 0),
    "note": (3, 0),
    "log": (5, 0),
    "first": (6, 0),
    "second": (7, 3),
    "last": (8, 6),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


def losses(run: Path) -> list[tuple[int, float]]:
    return [(each.step, each.loss) for each in lines_of(run) if isinstance(each, StepLine)]


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, float]]:
    run = tmp_path_factory.mktemp("unbroken")
    train(quick(), data, run)
    return losses(run)


@pytest.mark.parametrize(
    "file",
    [
        file if file == "last" else pytest.param(file, marks=pytest.mark.thorough)
        for file in WRITTEN
    ],
)
def test_it_ends_in_one_sentence_and_the_former_checkpoint_stays(
    data: Path, unbroken: list[tuple[int, float]], tmp_path: Path, file: str
):
    number, before = WRITTEN[file]
    with memory_disk(tmp_path / "disk") as disk:
        run = disk / "run"
        struck = [sys.executable, "-m", "tests.execution.struck", "fill", str(disk), str(number)]
        ended = subprocess.run(
            [*struck, "train", *command(data, run)],
            capture_output=True,
            text=True,
            env=ALONE,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == 2, ended.stderr
        said = ended.stderr.splitlines()
        assert "Traceback" not in ended.stderr
        assert [line for line in said if line.startswith("videonet: ")] == said[-1:]
        assert "No space left on device" in said[-1]
        assert "the same command goes on" in said[-1]
        assert checkpoint.newest_step(run) == before
        if before:
            assert checkpoint.load(checkpoint.path_of(run, before))["step"] == before

        make_room(disk)
        train(quick(), data, run)
        assert losses(run) == unbroken
        assert checkpoint.load(checkpoint.path_of(run, STEPS))["step"] == STEPS


def test_a_full_disk_at_the_start_is_told_before_a_step_is_taken(data: Path, tmp_path: Path):
    with memory_disk(tmp_path / "disk") as disk:
        fill(disk)
        ended = subprocess.run(
            [sys.executable, "-m", "videonet", "train", *command(data, disk / "run")],
            capture_output=True,
            text=True,
            env=ALONE,
            timeout=PATIENCE,
            check=False,
        )
    assert ended.returncode == 2, ended.stderr
    assert "No space left on device" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert "step 1" not in ended.stderr
