"""journal: what a training run says of itself, also if it was killed and went on."""

import io
import json
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.errors import UsageError  # noqa: E402
from videonet.training.log_lines import EvaluationLine, StepLine, lines_of  # noqa: E402
from videonet.training.logger import RunLogger  # noqa: E402

STEPS = 40


def tell(logger: RunLogger, step: int, loss: float = 0.0, waited: float = 0.0) -> None:
    logger.step(
        step,
        loss=torch.tensor(loss or 8.0 - step / 100),
        learning_rate=step / 1000,
        target_momentum=0.99,
        images=96,
        waited=waited,
    )


def keep(run: Path, first: int, last: int, console: Console | None = None) -> None:
    """Let a run go on from step `first` to `last`, a line every tenth step."""
    to = ["tensorboard"] if find_spec("tensorboard") else []
    with RunLogger(run, resumed_at=first, steps=STEPS, console=console, to=to) as logger:
        for step in range(first + 1, last + 1):
            if step % 10 == 0:
                tell(logger, step)


def said(run: Path) -> list[tuple[int, float]]:
    return [(line.step, line.loss) for line in lines_of(run) if isinstance(line, StepLine)]


def shown_by_tensorboard(run: Path) -> dict[str, list[tuple[int, float]]]:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulators.EventAccumulator(str(run / "tensorboard")).Reload()
    return {
        name: [(each.step, each.value) for each in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }


def test_every_line_is_json_with_all_that_a_plot_needs(tmp_path):
    keep(tmp_path, 0, 20)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20]
    assert set(lines[0]) == {
        *("kind", "step", "loss", "learning_rate", "target_momentum"),
        *("seconds", "seconds_waiting", "images_per_second"),
    }
    assert lines[1]["kind"] == "step"
    assert lines[1]["loss"] == pytest.approx(7.8)
    assert lines[1]["learning_rate"] == 0.02


def test_a_line_is_there_as_soon_as_it_is_said(tmp_path):
    with RunLogger(tmp_path, resumed_at=0, steps=STEPS) as logger:
        tell(logger, 10)
        # As one who kills the process finds it.
        assert [step for step, _ in said(tmp_path)] == [10]


def test_times_are_those_of_one_step_without_what_went_on_aside(tmp_path):
    now = [100.0]
    with RunLogger(tmp_path, resumed_at=20, steps=STEPS, clock=lambda: now[0]) as logger:
        now[0] += 3
        with logger.aside():
            now[0] += 500
        now[0] += 1
        tell(logger, 30, waited=0.5)
        now[0] += 2
        tell(logger, 40, waited=0.25)
    first, second = lines_of(tmp_path)
    # Ten steps each.
    assert (first.seconds, second.seconds) == pytest.approx((0.4, 0.2))
    assert (first.seconds_waiting, second.seconds_waiting) == pytest.approx((0.05, 0.025))
    assert (first.images_per_second, second.images_per_second) == pytest.approx((240, 480))


def test_the_log_of_a_run_that_was_killed_is_that_of_one_that_never_was(tmp_path):
    keep(tmp_path / "whole", 0, STEPS)
    killed = tmp_path / "killed"
    keep(killed, 0, 30)
    log = killed / "log.jsonl"
    # In the middle of a line.
    log.write_bytes(log.read_bytes() + b'{"kind":"step","step":40,"lo')
    # The last checkpoint was that of step 20.
    keep(killed, 20, STEPS)
    assert said(killed) == said(tmp_path / "whole")
    assert len(log.read_text().splitlines()) == 4
    shown = shown_by_tensorboard(killed)
    assert [step for step, _ in shown["loss"]] == [10, 20, 30, 40]


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    keep(tmp_path, 0, 10)
    keep(tmp_path, 0, 20)
    assert [step for step, _ in said(tmp_path)] == [10, 20]


def test_what_was_found_of_a_step_is_kept_if_its_checkpoint_was_the_last(tmp_path):
    with RunLogger(tmp_path, resumed_at=0, steps=STEPS) as logger:
        for step in (10, 20):
            tell(logger, step)
            logger.evaluation(step, "retrieval", {"same_video": step / 100})
    keep(tmp_path, 10, STEPS)
    found = [(line.step, line.values) for line in lines_of(tmp_path) if hasattr(line, "values")]
    assert found == [(10, {"same_video": 0.1})]


def test_nested_evaluations_are_one_line_and_a_curve_each(tmp_path):
    output = io.StringIO()
    values = {"same_video": {"top_1": 0.5, "chance": 0.125}, "class": 0.25}
    console = Console(file=output, width=200)
    to = ["tensorboard"]
    with RunLogger(tmp_path, resumed_at=0, steps=STEPS, console=console, to=to) as logger:
        logger.evaluation(10, "retrieval", values)
    assert lines_of(tmp_path) == [EvaluationLine(10, "retrieval", values)]
    assert shown_by_tensorboard(tmp_path) == {
        "retrieval/same_video/top_1": [(10, 0.5)],
        "retrieval/same_video/chance": [(10, 0.125)],
        "retrieval/class": [(10, 0.25)],
    }
    assert output.getvalue() == (
        "step 10, retrieval: same_video/top_1 0.5, same_video/chance 0.125, class 0.25\n"
    )


def test_pictures_are_files_and_in_tensorboard(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    image = Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    with RunLogger(tmp_path, resumed_at=0, steps=STEPS, to=["tensorboard"]) as logger:
        logger.picture(500, image)
    file = tmp_path / "pictures" / "attention-00000500.png"
    assert np.array_equal(np.asarray(Image.open(file)), np.asarray(image))
    found = accumulators.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    (shown,) = found.Images("attention")
    assert (shown.step, shown.width, shown.height) == (500, 5, 4)


def test_where_nothing_else_is_asked_for_there_are_no_other_files(tmp_path):
    with RunLogger(tmp_path, resumed_at=0, steps=STEPS) as logger:
        tell(logger, 10)
        logger.evaluation(10, "retrieval", {"same_video": 0.5})
        logger.picture(10, Image.new("RGB", (4, 4)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "pictures"]
    assert len(lines_of(tmp_path)) == 2


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence_and_is_not_logged(tmp_path, loss):
    with RunLogger(tmp_path, resumed_at=0, steps=STEPS) as logger:
        tell(logger, 10)
        with pytest.raises(UsageError, match=rf"The loss is {loss} at step 20.*optimizer\.base_lr"):
            tell(logger, 20, loss=loss)
    assert [step for step, _ in said(tmp_path)] == [10]


def test_where_there_is_no_terminal_the_first_and_the_last_line_are_said_and_few_between(tmp_path):
    output = io.StringIO()
    keep(tmp_path, 0, STEPS, Console(file=output, width=60))
    first, last = output.getvalue().splitlines()
    assert first.startswith("step 10 of 40: loss 7.900, ")
    assert "images/s, about " in first
    assert first.endswith(" left, 0% waiting for data")
    assert last.startswith("step 40 of 40: loss 7.600, ")
    assert last.endswith("waiting for data")


def test_on_a_terminal_one_line_is_kept_up_and_leaves_nothing_behind(tmp_path):
    output = io.StringIO()
    console = Console(file=output, width=160, force_terminal=True)
    with RunLogger(tmp_path, resumed_at=20, steps=STEPS, console=console) as logger:
        tell(logger, 30)
        logger.evaluation(30, "retrieval", {"class": 0.25})
    written = output.getvalue()
    assert "step 30, retrieval: class 0.25" in written
    assert "loss 7.700, " in written.rpartition("class 0.25")[2]
    # The last that is done is to wipe the line out.
    assert output.getvalue().endswith("\x1b[2K")


def test_a_run_without_a_log_has_said_nothing(tmp_path):
    assert lines_of(tmp_path) == []


def test_the_first_step_is_said_at_once_and_is_no_line_of_the_journal(tmp_path):
    console = Console(file=io.StringIO(), width=120)
    with RunLogger(tmp_path, resumed_at=5, steps=STEPS, console=console) as logger:
        logger.first(6, torch.tensor(7.5), images=96)
        with pytest.raises(UsageError, match="The loss is nan at step 7"):
            logger.first(7, torch.tensor(math.nan), images=96)
    (line,) = console.file.getvalue().splitlines()
    assert line.startswith("step 6 of 40: loss 7.500, ")
    assert " images/s, less than " in line
    assert lines_of(tmp_path) == []
