"""Which commands start without Beam, whose import takes longer than most of them work."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.train_classifier import MODEL
from videonet.training import config as configuration

DATA_SET = Path(__file__).parents[1] / "fixtures" / "before_rooms" / "finished" / "out"

# Runs the command that is typed, and then prints the packages that it has loaded.
RUN = """
import json, sys
from videonet.cli import main
sys.argv[0] = "videonet"
try:
    main()
finally:
    packages = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps(packages), file=sys.stderr)
"""

# What only a run needs, and what only a trainer does.
OF_A_RUN = {"apache_beam", "onnxruntime", "torch", "yt_dlp"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set."""
    return Path(shutil.copytree(DATA_SET, tmp_path_factory.mktemp("finished") / "out"))


def loaded(*typed: str | Path, code: int = 0) -> set[str]:
    """The packages that the command has loaded by its end, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, typed)], capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    (packages,) = (line for line in done.stderr.splitlines() if line.startswith('["'))
    return set(json.loads(packages))


def test_help_loads_nothing_that_only_work_needs():
    heavy = OF_A_RUN | {"av", "duckdb", "nltk", "pyarrow"}
    assert not heavy & loaded("--help")
    assert not heavy & loaded("curate", "--help")


def test_status_loads_nothing_of_a_run(out: Path):
    assert not OF_A_RUN & loaded("status", out)


def test_targets_loads_no_more_of_a_run_than_the_classifier_needs(tmp_path: Path):
    (tmp_path / "classes.txt").write_text("balloon\n")
    assert OF_A_RUN & loaded("targets", "imagenet1k") <= {"onnxruntime"}
    packages = loaded("targets", tmp_path / "classes.txt", "--classifier", MODEL)
    assert OF_A_RUN & packages == {"onnxruntime"}


def test_verify_loads_of_a_run_no_more_than_what_names_videos(out: Path):
    assert OF_A_RUN & loaded("verify", out) <= {"yt_dlp"}


def test_show_loads_nothing_of_a_run(out: Path, tmp_path: Path):
    packages = loaded("show", out, "balloon", "--to", tmp_path / "balloon.html")
    assert (tmp_path / "balloon.html").exists()
    assert not OF_A_RUN & packages


def test_curate_loads_beam(tmp_path: Path):
    folders = ("--store", tmp_path / "store", "--out", tmp_path / "out")
    (tmp_path / "classes.txt").write_text("balloon\n")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a balloon.mp4").touch()
    given = ("--targets", tmp_path / "classes.txt", "--source", f"folder:{tmp_path / 'videos'}")
    packages = loaded("curate", *given, "--classifier", __file__, *folders, code=2)
    assert "apache_beam" in packages


def test_wrong_settings_of_a_training_are_refused_without_pytorch(out: Path, tmp_path: Path):
    given = ("train", "--data", out, "--out", tmp_path / "run", "--config", "vito_tiny", "--set")
    assert "torch" not in loaded(*given, "train.epoch=3", code=2)
    assert "torch" not in loaded(*given, "train.epochs=1", code=2)
    nowhere = ("train", "--data", tmp_path / "none", "--out", tmp_path / "run")
    assert "torch" not in loaded(*nowhere, code=2)
    # As a run that has begun leaves them.
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "step-00000025.pt").touch()
    begun = configuration.load("vito_tiny", ["train.seed=1"])
    (tmp_path / "run" / "config.toml").write_text(configuration.to_toml(begun))
    assert "torch" not in loaded(*given, "train.seed=2", code=2)
