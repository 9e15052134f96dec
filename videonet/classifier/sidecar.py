"""What belongs to an ONNX classifier: a small JSON file beside it, `model.onnx` -> `model.json`."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from videonet.errors import UsageError
from videonet.files import read_bounded
from videonet.schemas.label import Label
from videonet.schemas.record import Record
from videonet.targets.imagenet import imagenet_labels
from videonet.text import as_shown

# Larger pictures than any classifier takes: a batch of two is 200 MB.
_MOST_PIXELS = 4096

# The labels of a classifier of 100,000 classes.
_MOST_BYTES = 16_000_000

# Those of `videonet.targets.imagenet.IMAGENET_LISTS`.
ImagenetList = Literal[
    "imagenet1k",
    "imagenet12k",
    "imagenet21k",
    "imagenet22k",
    "imagenet22k-ms",
    "imagenet21k-miil",
]

Pixels = Annotated[int, Meta(ge=1, le=_MOST_PIXELS)]
Positive = Annotated[float, Meta(gt=0)]

# of pixels from 0 to 1, as all of torchvision's ImageNet classifiers are trained
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# How the name of a classifier's JSON file ends.
SIDECAR = ".json"

EXAMPLE = (
    '{"labels": [{"wnid": "n02084071", "name": "dog"}, ...], "input_size": [224, 224], '
    '"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'
)


class Preparation(Record, frozen=True, kw_only=True):
    """What becomes of a frame before a model gets it."""

    # height and width, pixels; None: those of the model's own input
    input_size: tuple[Pixels, Pixels] | None
    # of R, G and B from 0 to 1: the model gets (value - mean) / std
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]


# Of a model without a JSON file.
UNSAID = Preparation(input_size=None, mean=IMAGENET_MEAN, std=IMAGENET_STD)


class Sidecar(Record, frozen=True, kw_only=True):
    """The whole of `model.json`."""

    # one an output, in the order of the outputs; or a list of ImageNet's, in its order
    labels: Annotated[tuple[Label, ...], Meta(min_length=2)] | ImagenetList
    # height and width, pixels
    input_size: tuple[Pixels, Pixels]
    # of R, G and B from 0 to 1: the model gets (value - mean) / std
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    # of a model whose outputs are sigmoids, each for itself: the highest of them counts where it is
    # at least so probable, and else the frame shows nothing; None: they are made for a softmax
    sigmoid_threshold: Annotated[float, Meta(gt=0, lt=1)] | None = None

    @property
    def label_of_each(self) -> tuple[Label, ...]:
        """The labels, also where a list stands for them."""
        return self.labels if isinstance(self.labels, tuple) else imagenet_labels(self.labels)

    @property
    def preparation(self) -> Preparation:
        """What it says of frames."""
        return Preparation(input_size=self.input_size, mean=self.mean, std=self.std)


def sidecar_path(model: Path) -> Path:
    """Where the JSON file of an ONNX file is looked for."""
    return model.with_suffix(SIDECAR)


def sidecar_content(model: Path) -> bytes | None:
    """What the JSON file beside `model` holds; None: there is none. Raises UsageError."""
    path = sidecar_path(model)
    if not path.exists():
        return None
    try:
        return read_bounded(path, _MOST_BYTES)
    except OSError as error:
        raise _unusable(path, error.strerror or error) from error


def parse_sidecar(model: Path, content: bytes) -> Sidecar:
    """What `content` says, which is that of the JSON file beside `model`.

    Raises `UsageError` naming the file and the field that is missing, unknown or wrong.
    """
    try:
        return Sidecar.from_json(content)
    except msgspec.DecodeError as error:
        raise _unusable(sidecar_path(model), error) from error


def _unusable(path: Path, why: object) -> UsageError:
    return UsageError(f"{path}: {as_shown(str(why))}; it should read {EXAMPLE}")
