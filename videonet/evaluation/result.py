"""The result of one evaluation: a JSON file, and a Parquet file of its items beside it."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet import versions
from videonet.errors import UsageError
from videonet.evaluation.about import About
from videonet.evaluation.facts import Facts, Preparation
from videonet.files import drafted, read_bounded

UNKNOWN = "cannot be told: name the data set with --trained-on"

_MOST_BYTES = 10_000_000

# What a number may depend on, besides what clips do.
_PACKAGES = (
    *("faster-coco-eval", "scipy", "segmentation-models-pytorch", "timm", "torch", "torchvision"),
)

# Those of images and of videos.
_DECODERS = ("av", "libavcodec", "libswscale", "pillow")


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number, and the ends of its 95 % interval."""

    value: float | None
    low: float | None = None
    high: float | None = None


class DataFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which evaluation data it was."""

    # hex sha256 over the sorted lines "path size sha256" of all files
    fingerprint: str
    counts: dict[str, int]
    expected: dict[str, int]
    # results on a part stand in no comparison
    partial: bool


class TrainingData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of the videos that the model was trained on."""

    manifest_sha256: str | None
    # None: not known, as the data set was not named
    videos: int | None = None
    # whether videos like those of the evaluation data were left out of it: begins with "excluded"
    # and how, "not excluded", or "cannot be told" and why
    excluded: str = UNKNOWN
    # how videos were chosen: a classifier knows the labels that it was trained on
    chosen_by: str = UNKNOWN


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is written of an evaluation. No paths of a machine, and no secrets."""

    # what a reader must know first
    read_this_first: str
    evaluation: str
    protocol: About
    settings: dict[str, Any]
    # those that are not the protocol's own; results that were made before this was said have none
    changed: dict[str, Any] = {}
    numbers: dict[str, Value]
    # what intervals were resampled over, of which seed
    resampled: str
    seed: int
    facts: dict[str, Any]
    model: Facts
    preparation: Preparation
    trained_on: TrainingData
    data: DataFacts
    # name of the Parquet file beside this one
    items: str
    # "cpu", or what the GPU is called
    device: str
    precision: str
    versions: dict[str, str]
    seconds: float
    # UTC
    created: str


def check_place(file: Path, protocol: str) -> None:
    """Raise UsageError where `file` is of another evaluation or protocol, or none at all."""
    if file.exists():
        before = read(file)
        if before.protocol.name != protocol:
            raise UsageError(
                f"{file} holds a result of {before.protocol.name}, and this is one of {protocol}; "
                f"give another --out."
            )


def write(file: Path, result: Result, items: pa.Table) -> None:
    """Write both files. Raises UsageError, as `check_place` does."""
    check_place(file, result.protocol.name)
    try:
        with drafted(file.with_name(result.items)) as draft:
            pq.write_table(items, draft)
        encoded = msgspec.json.encode(result, order="deterministic")
        with drafted(file) as draft:
            draft.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror}); name another with --out."
        ) from error


def read(file: Path) -> Result:
    """The result in a file. Raises UsageError."""
    try:
        return msgspec.json.decode(read_bounded(file, _MOST_BYTES), type=Result)
    except OSError as error:
        raise UsageError(f"The result {file} cannot be read ({error.strerror}).") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{file} is no result of `videonet evaluate` ({error}).") from error


def versions_here() -> dict[str, str]:
    """What is installed of that which numbers may depend on."""
    known = versions.versions()
    ours = {name: known[name] for name in (*_DECODERS, "numpy", "onnxruntime", "videonet")}
    return ours | {name: version(name) for name in _PACKAGES}
