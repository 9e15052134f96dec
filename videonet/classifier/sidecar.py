"""What belongs to an ONNX classifier: a small JSON file beside it, `model.onnx` -> `model.json`."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.record import Record

Pixels = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]

# of pixels from 0 to 1, as all of torchvision's ImageNet classifiers are trained
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

EXAMPLE = (
    '{"labels": [{"wnid": "n02084071", "name": "dog"}, ...], "input_size": [224, 224], '
    '"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'
)


class Sidecar(Record, frozen=True, kw_only=True):
    """The whole of `model.json`."""

    # one an output, in the order of the outputs
    labels: Annotated[tuple[Label, ...], Meta(min_length=2)]
    # height and width, pixels
    input_size: tuple[Pixels, Pixels]
    # of R, G and B from 0 to 1: the model gets (value - mean) / std
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]


def sidecar_path(model: Path) -> Path:
    """Where the JSON file of an ONNX file is looked for."""
    return model.with_suffix(".json")


def read_sidecar(model: Path) -> Sidecar | None:
    """The JSON file beside `model`, or None where there is none.

    Raises `UsageError` naming the file and the field that is missing, unknown or wrong.
    """
    path = sidecar_path(model)
    if not path.exists():
        return None
    try:
        return Sidecar.from_json(path.read_bytes())
    except (msgspec.DecodeError, OSError) as error:
        raise UsageError(f"{path}: {error}; it should read {EXAMPLE}") from error
