"""What the log of a training says, read once from its beginning to its end."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from videonet.report.training_page.series import Series
from videonet.text import as_shown
from videonet.training.log_lines import EvaluationLine, StepLine, read_lines

# The most evaluations that are shown, and numbers of one: a stranger's log may have any number.
_MOST_EVALUATIONS = 16
_MOST_NUMBERS = 12

# Seconds, some 30 years.
_LONGEST_STEP = 1e9

# What a log calls the question whether the training learned.
LEARNED = "learned"


class Evaluated:
    """What one evaluation found over the steps."""

    def __init__(self) -> None:
        # by the name of the number; of several levels, "davis/j_and_f"
        self.numbers: dict[str, Series] = {}
        # how often it failed, and why the last time
        self.failures = 0
        self.failed = ""
        # after how many steps it was last asked, and what it said then
        self.last_step = 0
        self.last: Mapping[str, Any] = {}

    def add(self, line: EvaluationLine) -> None:
        """Take a line up."""
        self.last_step = line.step
        if line.failed is not None:
            self.failures += 1
            self.failed = as_shown(line.failed)[:300]
            return
        self.last = line.values
        for name, value in _flat(line.values):
            if name in self.numbers or len(self.numbers) < _MOST_NUMBERS:
                self.numbers.setdefault(name, Series()).add(line.step, value)


class Journal:
    """All of it, in bounded memory."""

    def __init__(self) -> None:
        self.steps = {
            name: Series()
            for name in (
                *("loss", "learning_rate", "target_momentum", "images_per_second"),
                *("waiting", "windows_crossing"),
            )
        }
        # of lines of steps; the last one's number, 0: there is none
        self.lines = 0
        self.last_step = 0
        # of all steps together, without evaluations and checkpoints; of them, waited for data
        self.seconds = 0.0
        self.seconds_waiting = 0.0
        self.damaged = 0
        # of one step, of all ranks; None: no line says it
        self.images_a_step: int | None = None
        self.evaluations: dict[str, Evaluated] = {}
        # names of more evaluations than are shown are not kept
        self.has_more_evaluations = False
        # lines that are none of a training
        self.unreadable = 0

    def add_step(self, line: StepLine) -> None:
        """Take the line of a step up."""
        steps = max(0, line.step - self.last_step)
        self.lines += 1
        self.last_step = max(self.last_step, line.step)
        self.damaged = max(self.damaged, line.damaged)
        for name in ("loss", "learning_rate", "target_momentum", "images_per_second"):
            value = getattr(line, name)
            # A method without a target has no momentum of it.
            if value is not None:
                self.steps[name].add(line.step, value)
        if line.windows_crossing is not None:
            self.steps["windows_crossing"].add(line.step, line.windows_crossing)
        # A step that takes longer is none; nor do a few of them add up to more than a number holds.
        if 0 < line.seconds < _LONGEST_STEP and 0 <= line.seconds_waiting <= line.seconds:
            self.steps["waiting"].add(line.step, line.seconds_waiting / line.seconds)
            self.seconds += steps * line.seconds
            self.seconds_waiting += steps * line.seconds_waiting
            images = line.images_per_second * line.seconds
            if 0 < images < 1e15:
                self.images_a_step = round(images)

    def add_evaluation(self, line: EvaluationLine) -> None:
        """Take the line of an evaluation up."""
        name = as_shown(line.name)[:60] or "(no name)"
        if name not in self.evaluations and len(self.evaluations) == _MOST_EVALUATIONS:
            self.has_more_evaluations = True
            return
        self.evaluations.setdefault(name, Evaluated()).add(line)


def journal_of(run: Path) -> Journal:
    """What the log of a training in this folder says. Raises UsageError if it cannot be read."""
    journal = Journal()
    for line in read_lines(run):
        if line is None:
            journal.unreadable += 1
        elif isinstance(line, StepLine):
            journal.add_step(line)
        elif isinstance(line, EvaluationLine):
            journal.add_evaluation(line)
    return journal


def _flat(values: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, float]]:
    """All numbers, by their names with those of the mappings that they are in."""
    for name, value in values.items():
        full = f"{within}{as_shown(name)[:60]}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{full}/")
        elif value is None:
            yield full, math.nan  # as JSON has it
        elif isinstance(value, int | float):
            yield full, value
