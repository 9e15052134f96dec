"""A tracker as a user would write one: lines of JSON in a file of the run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = "ours.jsonl"


class OwnTracker:
    """What it is told, a line each."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def tell(self, **said: object) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(said) + "\n")

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self.tell(step=step, values=dict(values))

    def picture(self, step: int, name: str, image: NDArray[np.uint8]) -> None:
        self.tell(step=step, picture=name, shape=image.shape)

    def close(self) -> None:
        self.tell(closed=True)


def open_tracker(name: str, run: Path, resumed_at: int, settings: Mapping[str, Any]) -> OwnTracker:
    """In place of the trainer's."""
    tracker = OwnTracker(run / FILE)
    tracker.tell(opened=name, resumed_at=resumed_at, batch=settings["train"]["batch"])
    return tracker


def told_in(run: Path) -> list[dict[str, Any]]:
    """What the tracker of a run was told."""
    return [json.loads(line) for line in (run / FILE).read_text().splitlines()]
