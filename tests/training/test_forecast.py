"""forecast: what a training asks of a machine, said before it begins."""

from dataclasses import replace

import pytest

from tests.curated import videonet
from tests.training.training import command, quick, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.training.forecast import (  # noqa: E402
    Needs,
    _kept_for_backward,
    memory_of_step,
    needs,
)
from videonet.training.models.network import PerView  # noqa: E402
from videonet.training.train import network_of  # noqa: E402

ENOUGH = Needs(memory=3 * 10**9, free=4 * 10**9, shared=10**9, shared_free=2 * 10**9)


def test_what_is_counted_without_numbers_is_what_is_kept_with_them():
    config = quick()
    kept = []
    for device in ("meta", "cpu"):
        with torch.device(device):
            network = network_of(config).train()
            views = [torch.zeros(2, 3, 32, 32) for _ in range(3)]
        kept.append(_kept_for_backward(PerView(network), views))
    assert kept[0] == kept[1] > 0


def test_memory_grows_with_clips_but_for_the_weights():
    config = quick()
    one, two, four = (memory_of_step(config, clips, "cpu") for clips in (1, 2, 4))
    assert four - two == pytest.approx(2 * (two - one), abs=4)
    weights = sum(each.nbytes for each in network_of(config).parameters())
    assert one - (two - one) == pytest.approx(5 * weights, abs=4)  # AdamW's two among them
    larger = memory_of_step(quick("augmentation.size=64"), 4, "cpu")
    assert larger > 1.5 * four
    # A GPU keeps what is made in bfloat16 in half the room.
    less = memory_of_step(quick("train.precision=bfloat16"), 4, "cuda")
    assert one < less < four


def test_it_changes_no_random_numbers():
    before = torch.get_rng_state()
    needs(quick())
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_too_little_is_said_with_the_setting_to_change():
    config = quick("data.workers=2")
    assert ENOUGH.warnings(config) == []
    assert replace(ENOUGH, free=None, shared_free=None).warnings(config) == []
    (memory,) = replace(ENOUGH, free=10**9).warnings(config)
    assert "estimated to take 3.0 GB of memory, and 1.0 GB are free" in memory
    assert "set train.batch lower than 8, or train with more ranks" in memory
    (shared,) = replace(ENOUGH, shared_free=0).warnings(config)
    assert "take up to 1.0 GB, and 0.0 GB are free; set data.workers lower than 2" in shared


def test_workers_take_three_batches_each_in_shared_memory(monkeypatch):
    config = quick("data.workers=2")
    of_one = needs(config).shared
    assert of_one == 3 * 2 * 8 * 3 * 455 * 256 * 3
    assert needs(quick("data.workers=0")).shared == 0
    # Two ranks have half of the clips each.
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert needs(config).shared == of_one


def test_a_dry_run_says_what_a_training_comes_to_and_begins_none(tmp_path):
    data = small_data(tmp_path / "data", videos=10)
    ended = videonet("train", *command(data, tmp_path / "run"), "--dry-run")
    assert ended.code == 0, ended.stderr
    said = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    assert said["data"].endswith(" clips of 10 videos")
    assert said["steps"] == "8, each of 8 clips and 24 images"
    assert said["images"] == "192"
    assert " of each rank's cpu, " in said["memory"]
    assert said["shared"].startswith("0.0 GB of /dev/shm")
    assert "of computing on 1 x cpu, without reading clips" in said["time"]
    assert not (tmp_path / "run").exists()
