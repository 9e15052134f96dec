"""What a training run says of itself: RUN/log.jsonl, pictures, the terminal, and trackers.

A step's number is how many steps are done, as in the names of checkpoints. The journal of a run
that was killed and went on is that of a run that was never killed: what was said after the
checkpoint is said again, and not kept twice. So whatever belongs to a step must be said before its
checkpoint is written.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec
import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column
from torch import Tensor

from videonet.errors import UsageError
from videonet.files import drafted
from videonet.text import duration
from videonet.training.log_lines import EvaluationLine, Line, NoteLine, StepLine, lines_of
from videonet.training.trackers import OpenTracker, Trackers, open_tracker

# Seconds between lines where there is no terminal, as elsewhere in `videonet`.
SAY_EVERY = 30.0


def finite(step: int, loss: Tensor) -> float:
    """The loss as a number; waits for the device. Raises UsageError if it is none."""
    value = float(loss)
    if not math.isfinite(value):
        raise UsageError(
            f"The loss is {value} at step {step:,}, so training cannot go on; begin again, in "
            f"another --out, with a lower optimizer.base_lr."
        )
    return value


class RunLogger:
    """The journal of a run; of its ranks only the first keeps one. A context manager.

    `resumed_at` is the step of the checkpoint that the run goes on from, 0 if it begins; `steps` is
    the last one's number. `to` names trackers, which `open_tracker` opens, and which are told the
    run's `settings`. `clock` tells seconds.
    """

    def __init__(
        self,
        run: Path,
        *,
        resumed_at: int,
        steps: int,
        console: Console | None = None,
        to: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
        open_tracker: OpenTracker = open_tracker,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._run, self._resumed_at, self._clock = run, resumed_at, clock
        self._open_trackers = {
            name: partial(open_tracker, name, run, resumed_at, settings or {}) for name in to
        }
        self._stack = ExitStack()
        self._terminal = _Terminal(console or Console(quiet=True), resumed_at, steps)
        self._trackers = Trackers(self._terminal.say)
        self._last = resumed_at

    def __enter__(self) -> Self:
        """Take back what was said after the checkpoint, and begin; the first step starts now."""
        with ExitStack() as stack:
            self._log = stack.enter_context(_log(self._run, self._resumed_at))
            stack.enter_context(_quiet_board())
            stack.callback(self._trackers.close)
            for name, opened in self._open_trackers.items():
                self._trackers.open(name, opened)
            stack.enter_context(self._terminal.bar)
            self._stack = stack.pop_all()
        self._begun = self._clock()
        self._aside = 0.0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the line on the terminal and close the files."""
        self._stack.close()

    def first(self, step: int, loss: Tensor, images: int) -> None:
        """Say, on the terminal alone, that the first step since the run began is done.

        The journal has no line of it: one that went on would have another one. `loss` and `images`
        are as in `step`. Raises UsageError if the loss is no number.
        """
        seconds = self._clock() - self._begun - self._aside
        self._terminal.first(step, finite(step, loss), images / seconds, seconds)

    def step(
        self,
        step: int,
        *,
        loss: Tensor,
        learning_rate: float,
        target_momentum: float | None,
        images: int,
        waited: float,
        crossing: Tensor | None = None,
        damaged: int = 0,
        left_out: int = 0,
    ) -> None:
        """Write a line. Raises UsageError if the loss is no number.

        To be called every so many steps only, for it waits until the device has computed the loss.
        `loss` is a scalar; `images` are those of one step of all ranks; `waited` is how long the
        steps since the last call (or the beginning) waited for their batches, seconds in all;
        `crossing`, a scalar, is the sum over these steps of the shares of windows that cross a cut;
        `damaged` are the damaged clips so far, and `left_out` the videos without enough shots.
        """
        value = finite(step, loss)
        now = self._clock()
        steps = step - self._last
        seconds = (now - self._begun - self._aside) / steps
        line = StepLine(
            step=step,
            loss=value,
            learning_rate=learning_rate,
            target_momentum=target_momentum,
            seconds=seconds,
            seconds_waiting=waited / steps,
            images_per_second=images / seconds,
            windows_crossing=None if crossing is None else crossing.item() / steps,
            damaged=damaged,
            left_out=left_out,
        )
        self._last, self._begun, self._aside = step, now, 0.0
        # What there is nothing to say of is no curve either.
        scalars = {
            name: value
            for name, value in msgspec.to_builtins(line).items()
            if name not in ("kind", "step") and value is not None
        }
        self._write(line, scalars)
        self._terminal.step(line)

    def evaluation(
        self, step: int, name: str, values: Mapping[str, Any], *, aloud: bool = True
    ) -> None:
        """Write down what an evaluation found: numbers by name, or more such mappings."""
        self._write(EvaluationLine(step, name, dict(values)), {name: values})
        if not aloud:
            return
        found = ", ".join(f"{key} {value:.4g}" for key, value in _flat(values))
        self._terminal.say(f"step {step:,}, {name}: {found}")

    def note(self, said: str) -> None:
        """Write down what is to be known of the whole run, once: when it begins."""
        if not self._resumed_at:
            self._write(NoteLine(0, said), {})

    def failed_evaluation(self, step: int, name: str, why: str) -> None:
        """Write down that an evaluation found nothing, and why: training goes on."""
        self._write(EvaluationLine(step, name, {}, why), {})
        self._terminal.say(f"step {step:,}, {name} cannot be evaluated: {why}")

    def say(self, sentence: str) -> None:
        """Say something on the terminal, and there alone."""
        self._terminal.say(sentence)

    def picture(self, step: int, image: Image.Image) -> None:
        """Keep a picture of the attention after so many steps, RGB."""
        with drafted(self._run / "pictures" / f"attention-{step:08d}.png") as draft:
            image.save(draft, "PNG")
        self._trackers.picture(step, "attention", np.asarray(image))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Do not count the time inside as training's: evaluations, pictures, checkpoints."""
        begun = self._clock()
        try:
            yield
        finally:
            self._aside += self._clock() - begun

    def _write(self, line: Line, scalars: Mapping[str, Any]) -> None:
        self._log.write(msgspec.json.encode(line) + b"\n")
        self._log.flush()
        if flat := dict(_flat(scalars)):
            self._trackers.numbers(line.step, flat)


class _Terminal:
    """How far a run is: a line that is kept up on a terminal, plain lines now and then elsewhere.

    `bar` is to be entered.
    """

    def __init__(self, console: Console, done: int, steps: int) -> None:
        self._console, self._steps = console, steps
        self._said = -math.inf
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            # All room that is left, which may not be enough.
            TextColumn("{task.fields[said]}", table_column=Column(no_wrap=True, ratio=1)),
            console=console,
            expand=True,
            transient=True,
            disable=not console.is_terminal,
            refresh_per_second=2,
        )
        self._task = self.bar.add_task("step", total=steps, completed=done, said="")

    def first(self, step: int, loss: float, images: float, seconds: float) -> None:
        """Say it. Beginning is slow, so what is left is likely to be less."""
        left = (self._steps - step) * seconds
        said = f"loss {loss:.3f}, {images:,.0f} images/s"
        if left:
            said += f", less than {duration(left)} left"
        if self._console.is_terminal:
            self.bar.update(self._task, completed=step, said=said)
        elif left:
            self._said = time.monotonic()
            self.say(f"step {step:,} of {self._steps:,}: {said}")

    def step(self, line: StepLine) -> None:
        """Say it, unless another was said a moment ago and this one is not the last."""
        left = (self._steps - line.step) * line.seconds
        said = f"loss {line.loss:.3f}, {line.images_per_second:,.0f} images/s"
        if left:
            said += f", about {duration(left)} left"
        said += f", {line.seconds_waiting / line.seconds:.0%} waiting for data"
        now = time.monotonic()
        if self._console.is_terminal:
            self.bar.update(self._task, completed=line.step, said=said)
        elif now - self._said >= SAY_EVERY or not left:
            self._said = now
            self.say(f"step {line.step:,} of {self._steps:,}: {said}")

    def say(self, text: str) -> None:
        """A line that stays; on a terminal above the one that is kept up."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _log(run: Path, resumed_at: int) -> BinaryIO:
    """The log, open for more lines, without those that were written after `resumed_at`."""
    file = run / "log.jsonl"
    kept = [line for line in lines_of(run) if line.step <= resumed_at]
    with drafted(file) as draft:
        draft.write_bytes(msgspec.json.Encoder().encode_lines(kept))
    return file.open("ab")


@contextmanager
def _quiet_board() -> Iterator[None]:
    """While this lasts, have the thread that writes TensorBoard's files print no trace.

    Where it fails, such as on a full disk, whoever gives it the next number is told why.
    """
    before = threading.excepthook

    def hook(ended: threading.ExceptHookArgs) -> None:
        if not type(ended.thread).__module__.startswith("tensorboard."):
            before(ended)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def _flat(values: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, float]]:
    """All numbers, by their names with those of the mappings that they are in."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{name}/")
        else:
            yield f"{within}{name}", value
