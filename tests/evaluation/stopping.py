"""Evaluations that are started in this process, and interrupted at a moment of their own."""

from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from videonet.evaluation.opening import How, open_model
from videonet.evaluation.result import Result, TrainingData
from videonet.evaluation.running import Asked, run, settings_of


class StoppedError(Exception):
    """An interruption."""


class At(NamedTuple):
    """A moment: of what is told, the end of its name, and how much is done."""

    what: str
    done: int


def started(
    evaluation: ModuleType,
    model: object,
    data: Path,
    file: Path,
    settings: tuple[str, ...] = (),
    *,
    stop: At | None = None,
    resume: bool = False,
    batch: int = 64,
    workers: int = 0,
) -> Result:
    """The result of a part of a data set, on the CPU. Raises StoppedError at `stop`."""

    def told(what: str, done: int, _all: int) -> None:
        if stop is not None and what.endswith(stop.what) and done == stop.done:
            raise StoppedError

    asked = Asked(
        data=data,
        file=file,
        settings=settings_of(evaluation, settings),
        resume=resume,
        partial=True,
        batch=batch,
        workers=workers,
        told=told,
    )
    opened = open_model(str(model), How(device="cpu"))
    name = evaluation.__name__.rpartition(".")[2]
    return run(name, evaluation, opened, TrainingData(manifest_sha256=None), asked)
