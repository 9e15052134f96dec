"""The lines of RUN/log.jsonl: what a training says of itself, step by step. Needs no PyTorch."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from videonet.errors import UsageError

# Below RUN.
LOG = "log.jsonl"

# A line of a training has some hundred bytes, one of a large evaluation some thousand. What is
# longer is none of ours, and is passed over in pieces of this size.
_MOST_BYTES = 1_000_000


# More steps than any training has: a line that says more is none of a training.
MOST_STEPS = 10**12


class StepLine(msgspec.Struct, frozen=True, tag_field="kind", tag="step", omit_defaults=True):
    """A line of log.jsonl: one step, and how fast it went since the line before."""

    # steps done
    step: int
    # of this step alone, the mean over all ranks
    loss: float
    learning_rate: float
    # None: there is no target network
    target_momentum: float | None
    # a step's, in the mean; of which the loop waited for its batch (a GPU may have had work left)
    seconds: float
    seconds_waiting: float
    # of all ranks
    images_per_second: float
    # share of the windows since the line before that cross a cut; None: they need not keep to shots
    windows_crossing: float | None = None
    # clips that turned out to be damaged since training began
    damaged: int = 0
    # videos since training began that have fewer shots than the method wants
    left_out: int = 0


class EvaluationLine(
    msgspec.Struct, frozen=True, tag_field="kind", tag="evaluation", omit_defaults=True
):
    """A line of log.jsonl: what an evaluation found."""

    # steps done
    step: int
    name: str
    # numbers by name; or more such
    values: dict[str, Any]
    # why there are none
    failed: str | None = None


class NoteLine(msgspec.Struct, frozen=True, tag_field="kind", tag="note"):
    """A line of log.jsonl: what is to be known of the whole run."""

    # steps done
    step: int
    said: str


Line = StepLine | EvaluationLine | NoteLine

_DECODER = msgspec.json.Decoder(Line)


def lines_of(run: Path) -> list[Line]:
    """What a run has written to its log, in order. A line that was cut short is left out."""
    return [line for line in read_lines(run) if line is not None]


def read_lines(run: Path) -> Iterator[Line | None]:
    """The lines of a log, one at a time; None for each that is no line of a training.

    The last one may be only half written: then it is left out. A loss that is no number, which
    others may have written, is NaN. Raises UsageError where the log cannot be read.
    """
    file = run / LOG
    if file.exists() and not file.is_file():
        raise UsageError(f"{file} is no file; it must be the log of a training.")
    try:
        with file.open("rb") as log:
            while written := log.readline(_MOST_BYTES):
                if not written.strip():
                    continue
                line = _line(written)
                if line is not None or written.endswith(b"\n"):
                    yield line
                elif len(written) == _MOST_BYTES:
                    yield None
                    _pass_over(log)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read ({error.strerror}); it must be the log of a training."
        ) from error


def _pass_over(log: Any) -> None:
    """Read on to the end of a line that is too long."""
    while (piece := log.readline(_MOST_BYTES)) and not piece.endswith(b"\n"):
        pass


def _line(written: bytes) -> Line | None:
    try:
        line: Line = _DECODER.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        line_or_none = _without_numbers(written)
        if line_or_none is None:
            return None
        line = line_or_none
    return line if 0 <= line.step <= MOST_STEPS else None


def _without_numbers(written: bytes) -> Line | None:
    """A line in which a number is none: JSON has no NaN, so it is written as NaN or null."""
    try:
        found = json.loads(written)
        if not isinstance(found, dict):
            return None
        filled = {name: math.nan if each is None else each for name, each in found.items()}
        line: Line = msgspec.convert(filled, Line)
    except (ValueError, RecursionError):
        # msgspec's errors are ValueErrors, too.
        return None
    return line
