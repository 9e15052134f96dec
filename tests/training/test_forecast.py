"""forecast: what a training asks of a machine, said before it begins."""

import pytest

from tests.curated import videonet
from tests.training.training import command, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


def test_a_dry_run_says_what_a_training_comes_to_and_begins_none(tmp_path):
    data = small_data(tmp_path / "data", videos=10)
    ended = videonet("train", *command(data, tmp_path / "run"), "--dry-run")
    assert ended.code == 0, ended.stderr
    said = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    assert said["data"].endswith(" clips of 10 videos")
    assert said["steps"] == "8, each of 8 clips and 24 images"
    assert said["images"] == "192"
    assert " of each rank's cpu, " in said["memory"]
    assert said["shared"].startswith("0 bytes of /dev/shm for each rank")
    assert "of computing on 1 x cpu, without reading clips" in said["time"]
    assert not (tmp_path / "run").exists()
