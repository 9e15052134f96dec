"""checkpoint: which ones stay, which one a run goes on from, and what is no checkpoint."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from videonet.errors import UsageError  # noqa: E402
from videonet.training import checkpoint  # noqa: E402


def save(run: Path, step: int, keep_last: int = 2, keep_every: int = 0) -> None:
    state = {"config": {}, "online": {"weight": torch.full((2,), float(step))}, "step": step}
    checkpoint.save(run, state, keep_last, keep_every)


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_the_last_ones_stay_and_those_of_every_so_many_steps(tmp_path):
    for step in range(10, 80, 10):
        save(tmp_path, step, keep_last=2, keep_every=30)
    assert names(tmp_path) == [f"step-{step:08d}.pt" for step in (30, 60, 70)]


def test_a_run_goes_on_from_the_one_with_most_steps(tmp_path):
    assert checkpoint.newest(tmp_path) is None
    for step in (9, 100):
        save(tmp_path, step)
    newest = checkpoint.newest(tmp_path)
    assert newest == checkpoint.path_of(tmp_path, 100)
    assert checkpoint.load(newest)["online"]["weight"].tolist() == [100.0, 100.0]


def test_one_that_was_not_finished_does_not_count(tmp_path):
    save(tmp_path, 5)
    (tmp_path / "checkpoints" / ".step-00000006.pt.tmp").write_bytes(b"half")
    assert checkpoint.newest(tmp_path) == checkpoint.path_of(tmp_path, 5)
    save(tmp_path, 6)
    assert names(tmp_path) == ["step-00000005.pt", "step-00000006.pt"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all"])
def test_what_is_no_checkpoint_is_named(content, tmp_path):
    file = tmp_path / "step-00000005.pt"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="is no checkpoint of a training run"):
        checkpoint.load(file)


def test_a_checkpoint_of_something_else_is_named(tmp_path):
    file = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(2)}, file)
    with pytest.raises(UsageError, match="of another kind"):
        checkpoint.load(file)


def test_what_changes_no_batch_may_change():
    before = {"log": {"every": 1}, "data": {"workers": 0, "held_out": 0.1}}
    found = {"config": before, "manifest_sha256": "a" * 64}
    after = {"log": {"every": 9}, "data": {"workers": 4, "held_out": 0.1}}
    checkpoint.check_goes_on(found, Path("run"), after, "a" * 64)
    after["data"]["held_out"] = 0.2
    with pytest.raises(UsageError, match=r"begun with data\.held_out = 0\.1 .* go on with 0\.2"):
        checkpoint.check_goes_on(found, Path("run"), after, "a" * 64)
