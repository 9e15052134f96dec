"""The folder of a training that never was: settings, log, note and pictures, as one leaves them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

from videonet.files import process_name
from videonet.schemas.training_note import Session, TrainedOn, TrainingNote
from videonet.training.config import load, to_toml
from videonet.training.log_lines import LOG, EvaluationLine, Line, StepLine
from videonet.training.session import NOTE

# Steps of the configuration `vito_tiny`.
STEPS = 600

# What an evaluation says that found much, and little before.
LEARNED: Mapping[str, Any] = {
    "same_video": 0.45,
    "untrained": 0.12,
    "chance": 0.01,
    "videos": 100,
    "held_out": 1,
    "gained": 35,
    "lost": 2,
}

DATA = TrainedOn(
    dataset="moving_objects",
    manifest_sha256="35c4" * 16,
    videos=800,
    held_out=177,
    clips=900,
    trained_clips=700,
)


def step_line(step: int, **changes: Any) -> StepLine:
    """The line of a step whose loss falls from 30 to 10."""
    line = StepLine(
        step=step,
        loss=30 - 20 * step / STEPS,
        learning_rate=0.002 * (1 - step / STEPS),
        target_momentum=0.9 + 0.1 * step / STEPS,
        seconds=1.5,
        seconds_waiting=0.3,
        images_per_second=128.0,
    )
    return msgspec.structs.replace(line, **changes)


def session(after: int = 0, **changes: Any) -> Session:
    whole = Session(
        begun="2026-05-09 07:12 UTC",
        after=after,
        process=process_name(),
        ranks=1,
        device="CPU",
        versions={"torch": "2.14.1", "timm": "1.0.31"},
    )
    return msgspec.structs.replace(whole, **changes)


def usual_lines(last: int = STEPS) -> list[Line]:
    """A line each ten steps, retrieval each hundred, and at the end whether it learned."""
    lines: list[Line] = []
    for step in range(10, last + 1, 10):
        lines.append(step_line(step))
        if step % 100 == 0:
            values = {"same_video": 0.1 + step / 1000, "same_class": 0.3, "left_out": 2}
            lines.append(EvaluationLine(step, "retrieval", values))
    if last == STEPS:
        lines.append(EvaluationLine(STEPS, "learned", dict(LEARNED)))
    return lines


def write_training(
    run: Path,
    lines: Iterable[Line],
    sessions: Iterable[Session] = (),
    pictures: Iterable[int] = (),
    settings: Iterable[str] = (),
    data: TrainedOn = DATA,
) -> Path:
    """The folder, with a picture after each of `pictures` steps and the settings of `vito_tiny`."""
    (run / "pictures").mkdir(parents=True)
    (run / "checkpoints").mkdir()
    (run / "config.toml").write_text(to_toml(load("vito_tiny", list(settings))), "utf-8")
    (run / LOG).write_bytes(msgspec.json.Encoder().encode_lines(list(lines)))
    (run / NOTE).write_bytes(TrainingNote(trained_on=data, sessions=tuple(sessions)).to_json())
    for step in pictures:
        shade = (step % 256, 90, 160)
        Image.new("RGB", (600, 240), shade).save(run / "pictures" / f"attention-{step:08d}.png")
    return run
