"""One evaluation from beginning to end: what was asked for, done, and written."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import torch

from videonet.errors import UsageError
from videonet.evaluation.about import UNCONFIRMED
from videonet.evaluation.facts import Facts
from videonet.evaluation.model import Model
from videonet.evaluation.parts import Parts
from videonet.evaluation.protocol import Evaluation, Given, Outcome
from videonet.evaluation.result import (
    DataFacts,
    Result,
    TrainingData,
    Value,
    versions_here,
    write,
)
from videonet.training.config_values import nearest, shown

_SEED = 0


@dataclass(frozen=True)
class Asked:
    """What an evaluation is run with."""

    data: Path
    # where the result goes
    file: Path
    settings: Any
    resume: bool = False
    partial: bool = False
    batch: int = 64
    workers: int = 0
    told: Callable[[str, int, int], None] = lambda _what, _done, _all: None


def settings_of(evaluation: Evaluation, given: Sequence[str]) -> Any:
    """The settings of an evaluation, from texts such as "radius=9". Raises UsageError."""
    fields = {each.name: each.type for each in msgspec.structs.fields(evaluation.Settings)}
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if name not in fields:
            known = f"did you mean {nearest(name, fields)}?" if fields else "it has none."
            raise UsageError(
                f"--set {text}: {evaluation.PROTOCOL.name} has no setting {name}; {known}"
            )
        if not equals:
            raise UsageError(f"--set {text} is no setting with its value, such as {name}=1.")
        values[name] = _converted(name, value, fields[name])
    return evaluation.Settings(**values)


def run(
    name: str, evaluation: Evaluation, model: Model, known: TrainingData, asked: Asked
) -> Result:
    """Evaluate, and write the result. Raises UsageError."""
    began = time.monotonic()
    versions = versions_here()
    facts = {
        "evaluation": name,
        "protocol": evaluation.PROTOCOL,
        "settings": msgspec.to_builtins(asked.settings),
        "model": model.facts,
        "preparation": model.preparation,
        "device": model.device.type,
        "batch": asked.batch,
        "versions": versions,
        "partial": asked.partial,
    }
    parts = Parts(asked.file.with_suffix(".parts"), facts, resume=asked.resume)
    given = Given(
        model=model,
        data=asked.data,
        settings=asked.settings,
        parts=parts,
        head=asked.file.with_suffix(".head.safetensors"),
        batch=asked.batch,
        workers=asked.workers,
        seed=_SEED,
        partial=asked.partial,
        told=asked.told,
    )
    with in_float32():
        outcome = evaluation.evaluate(given)
    used = model.facts
    if not outcome.by_classifier:
        used = msgspec.structs.replace(used, head=None)
    result = Result(
        read_this_first=UNCONFIRMED,
        evaluation=name,
        protocol=evaluation.PROTOCOL,
        settings=msgspec.to_builtins(asked.settings),
        changed=changed(asked.settings),
        numbers=_written(outcome),
        resampled=outcome.resampled,
        seed=_SEED,
        facts=outcome.facts,
        model=used,
        preparation=model.preparation,
        trained_on=known,
        data=DataFacts(
            fingerprint=outcome.data.fingerprint,
            counts=outcome.data.counts,
            expected=outcome.data.expected,
            partial=outcome.data.is_partial or _has_partial_head(used),
        ),
        items=asked.file.with_suffix(".parquet").name,
        device=_device(model.device),
        precision=_precision(asked.settings),
        versions=versions,
        seconds=round(time.monotonic() - began, 3),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write(asked.file, result, outcome.items)
    parts.done()
    return result


def changed(settings: Any) -> dict[str, Any]:
    """The settings that are not those that an evaluation has by itself."""
    usual = msgspec.to_builtins(type(settings)())
    given = msgspec.to_builtins(settings)
    return {name: value for name, value in given.items() if value != usual[name]}


@contextmanager
def in_float32() -> Iterator[None]:
    """Have GPUs compute in float32 as they say: TF32 would change which of two classes is first."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    try:
        products.allow_tf32 = convolutions.allow_tf32 = False
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


def _written(outcome: Outcome) -> dict[str, Value]:
    """Numbers as they are written. What is none, such as 0/0, is null."""
    return {
        name: Value(value=_finite(each.value), low=_finite(each.low), high=_finite(each.high))
        for name, each in outcome.numbers.items()
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)


def _converted(name: str, text: str, kind: Any) -> Any:
    parts: Mapping[str, Any] | list[str] | str = text
    if "tuple" in str(kind):
        parts = [each.strip() for each in text.split(",")]
    try:
        return msgspec.convert(parts, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"--set {name}={text}: {error} ({shown(text)}).") from error


def _has_partial_head(model: Facts) -> bool:
    """Whether the classifier was trained on a part of its data alone."""
    return model.head is not None and model.head.partial


def _precision(settings: Any) -> str:
    """In which precision it was computed. Evaluations that train a network may say another one."""
    trains = getattr(settings, "training_precision", "float32")
    return "float32" if trains == "float32" else f"float32, and {trains} in training"


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
