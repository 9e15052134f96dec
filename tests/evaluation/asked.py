"""Asking for an evaluation as a user does, and reading what it wrote."""

from pathlib import Path

from tests.curated import Ended, sentence, videonet
from videonet.evaluation.result import Result, read


def evaluate(model: object, name: str, data: Path, file: Path, *more: object) -> Result:
    """The result of `videonet evaluate`, on the CPU."""
    ended = ended_of(model, name, data, file, *more)
    assert ended.code == 0, ended.stderr
    return read(file)


def ended_of(model: object, name: str, data: Path, file: Path, *more: object) -> Ended:
    command = ("evaluate", model, "--on", name, "--data", data, "--out", file, "--device", "cpu")
    return videonet(*command, *more)


def refused(model: object, name: str, data: Path, file: Path, *more: object) -> str:
    """What is said where an evaluation cannot be done."""
    return sentence(ended_of(model, name, data, file, *more))
