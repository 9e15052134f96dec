"""trackers: where numbers and pictures go besides, through one function that a user can replace."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.curated import sentence, videonet
from tests.training import own_tracker
from tests.training.training import STEPS, command, quick, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.errors import UsageError  # noqa: E402
from videonet.training.log_lines import StepLine, lines_of  # noqa: E402
from videonet.training.trackers import check_installed, gone_on_with, open_tracker  # noqa: E402
from videonet.training.train import train  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


def test_a_function_of_ones_own_opens_what_log_to_names(data, tmp_path):
    config = quick('log.to=["ours"]', "data.held_out=0.3", "log.picture_every=5")
    train(config, data, tmp_path, open_tracker=own_tracker.open_tracker)
    opened, *told, closed = own_tracker.told_in(tmp_path)
    assert opened == {"opened": "ours", "resumed_at": 0, "batch": 8}
    assert closed == {"closed": True}
    steps = [each["step"] for each in told if "loss" in each.get("values", {})]
    assert steps == list(range(1, STEPS + 1))
    pictures = [each for each in told if "picture" in each]
    assert [(each["step"], each["picture"]) for each in pictures] == [
        (5, "attention"),
        (STEPS, "attention"),
    ]
    assert not (tmp_path / "tensorboard").exists()


class Failing:
    """A tracker that loses its server after some steps."""

    def __init__(self) -> None:
        self.told = 0

    def numbers(self, *_: object) -> None:
        self.told += 1
        if self.told > 3:
            raise ConnectionError("the server is\ngone")

    def picture(self, *_: object) -> None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError("it is closed already")


def test_a_tracker_that_fails_ends_no_training_and_is_told_nothing_more(data, tmp_path):
    failing, console = Failing(), Console(file=io.StringIO(), width=200)
    config = quick('log.to=["ours"]')
    train(config, data, tmp_path, console=console, open_tracker=lambda *_: failing)
    assert failing.told == 4
    said = console.file.getvalue()
    assert (
        said.count("ours fails and is told nothing more: ConnectionError: the server is gone") == 1
    )
    steps = [each.step for each in lines_of(tmp_path) if isinstance(each, StepLine)]
    assert steps == list(range(1, STEPS + 1))


def test_a_tracker_that_cannot_be_begun_is_a_sentence(data, tmp_path):
    def refused(*_: object) -> Failing:
        raise RuntimeError("no key")

    with pytest.raises(UsageError, match=r"log\.to names ours, which cannot be begun \(RuntimeErr"):
        train(quick('log.to=["ours"]'), data, tmp_path, open_tracker=refused)


def test_tensorboard_shows_what_it_is_told_and_purges_what_came_after_a_checkpoint(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for resumed_at in (0, 2):
        tracker = open_tracker("tensorboard", tmp_path, resumed_at, {})
        for step in range(resumed_at + 1, 5):
            tracker.numbers(step, {"loss": step + resumed_at / 10})
        tracker.picture(3, "attention", np.zeros((4, 5, 3), np.uint8))
        tracker.close()
    found = accumulators.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    shown = [(each.step, each.value) for each in found.Scalars("loss")]
    assert shown == [(1, 1), (2, 2), (3, pytest.approx(3.2)), (4, pytest.approx(4.2))]
    assert found.Images("attention")


# As far as its documentation says what is called; a server is none.
WANDB = """
import json, pathlib
class Image:
    def __init__(self, array): self.shape = array.shape
class Run:
    def __init__(self, file): self.file = file
    def log(self, values, step):
        said = {k: v.shape if isinstance(v, Image) else v for k, v in values.items()}
        with self.file.open("a") as log: log.write(json.dumps([step, said]) + "\\n")
    def finish(self): self.log({"finished": True}, None)
def init(*, project, name, id, resume, dir, config):
    assert (project, resume) == ("videonet", "allow")
    file = pathlib.Path(dir) / f"{name}-{id}.jsonl"
    Run(file).log({"batch": config["train"]["batch"]}, None)
    return Run(file)
"""


def test_wandb_goes_on_with_the_run_that_it_began(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "wandb.py").write_text(WANDB)
    monkeypatch.syspath_prepend(tmp_path / "site")
    # What is imported here is there no more afterwards.
    monkeypatch.setitem(sys.modules, "wandb", None)
    del sys.modules["wandb"]
    run = tmp_path / "run"
    run.mkdir()
    for step in (1, 2):
        tracker = open_tracker("wandb", run, step - 1, {"train": {"batch": 8}})
        tracker.numbers(step, {"loss": 0.5})
        tracker.picture(step, "attention", np.zeros((4, 5, 3), np.uint8))
        tracker.close()
    (file,) = run.glob("run-*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line for line in lines if line[0] is not None] == [
        *([1, {"loss": 0.5}], [1, {"attention": [4, 5, 3]}]),
        *([2, {"loss": 0.5}], [2, {"attention": [4, 5, 3]}]),
    ]
    assert lines.count([None, {"batch": 8}]) == lines.count([None, {"finished": True}]) == 2


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_what_is_not_installed_is_a_sentence_that_says_what_to_install(
    data, tmp_path, monkeypatch, name
):
    monkeypatch.setitem(sys.modules, name, None)
    said = sentence(videonet("train", *command(data, tmp_path / "run", f'log.to=["{name}"]')))
    assert f"log.to names {name}, which is not installed: pip install {name}" in said
    assert not (tmp_path / "run").exists()


def test_a_folder_of_the_name_is_not_the_library(tmp_path, monkeypatch):
    # wandb leaves one where it is started.
    (tmp_path / "wandb").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="pip install wandb"):
        check_installed(["wandb"])


def test_other_names_are_a_sentence():
    with pytest.raises(UsageError, match=r"log\.to names mlflow; it takes"):
        open_tracker("mlflow", Path(), 0, {})


def test_tensorboard_is_not_written_unless_asked_for_and_goes_on_where_it_was(data, tmp_path):
    train(quick("train.epochs=1", "optimizer.warmup_epochs=0"), data, tmp_path / "without")
    assert not (tmp_path / "without" / "tensorboard").exists()
    # As earlier versions left it.
    (tmp_path / "with" / "tensorboard").mkdir(parents=True)
    assert gone_on_with((), tmp_path / "with") == ("tensorboard",)
    assert gone_on_with(("tensorboard",), tmp_path / "with") == ("tensorboard",)
    assert gone_on_with(("wandb",), tmp_path / "without") == ("wandb",)
