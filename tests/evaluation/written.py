"""Results as `videonet evaluate` writes them, of models that were never there."""

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from videonet.evaluation.about import UNCONFIRMED, About
from videonet.evaluation.facts import Facts, Preparation
from videonet.evaluation.result import DataFacts, Result, TrainingData, Value, write

DAVIS = About(
    name="davis2017-vfs",
    mark="published stand-in",
    source="a repository",
    assumptions=("Something is assumed.",),
    main=("J", "F"),
)


def result(**changes: Any) -> Result:
    """A result on the whole of DAVIS, with what is changed of it."""
    whole = {"sequences": 30, "frames": 1999, "objects": 61}
    usual = Result(
        read_this_first=UNCONFIRMED,
        evaluation="davis2017",
        protocol=DAVIS,
        settings={"short_side": 480},
        numbers={
            "J": Value(value=0.61, low=0.58, high=0.64),
            "F": Value(value=0.66, low=0.62, high=0.7),
        },
        resampled="sequences",
        seed=0,
        facts={},
        model=Facts(
            kind="training",
            name="run",
            architecture="resnet50",
            sha256="a" * 64,
            classifies=False,
            network="online",
            steps=1000,
            images_seen=12_288_000,
        ),
        preparation=Preparation(resize=256, crop=224, mean=(0.5,) * 3, std=(0.2,) * 3),
        trained_on=TrainingData(manifest_sha256="b" * 64, videos=1234),
        data=DataFacts(fingerprint="c" * 64, counts=whole, expected=whole, partial=False),
        items="davis2017.parquet",
        device="cpu",
        precision="float32",
        versions={"videonet": "0.1.0"},
        seconds=1.5,
        created="2026-01-01T00:00:00+00:00",
    )
    return msgspec.structs.replace(usual, **changes)


def with_numbers(**numbers: tuple[float, float, float]) -> Result:
    values = {
        name: Value(value=value, low=low, high=high) for name, (value, low, high) in numbers.items()
    }
    return result(numbers=values)


def in_training(folder: Path, *results: Result) -> Path:
    """A training's folder with these results in it."""
    for each in results:
        items = pa.table({"item": ["one"]})
        write(folder / "evaluations" / f"{each.evaluation}.json", each, items)
    return folder
