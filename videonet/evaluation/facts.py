"""Which model was evaluated, and what it was shown: as results have it, read without PyTorch."""

from typing import Literal

import msgspec


class Preparation(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an image: the shorter side resized, the middle cut out, normalised."""

    # pixels: the shorter side, and the side of the square that is cut out of it
    resize: int
    crop: int
    # of RGB from 0 to 1: the model gets (value - mean) / std
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A linear classifier that was trained on a model's features."""

    # of the probe that trained it
    protocol: str
    # whether that saw a part of its data alone
    partial: bool
    # hex, of its file
    sha256: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Which model it is. No paths and no host: a result may be published."""

    kind: Literal["training", "timm", "state dict", "onnx"]
    # what it is called in a table
    name: str
    architecture: str
    # hex, of the file that its weights are from
    sha256: str
    # of the repository that they were downloaded from
    revision: str | None = None
    # whether its own classifier gives the classes of ImageNet
    classifies: bool
    # the head that classifies instead
    head: Head | None = None
    # of a training: which of its two networks, after how many steps, of which settings, on which
    # data set
    network: Literal["online", "target"] | None = None
    steps: int | None = None
    images_seen: int | None = None
    config_sha256: str | None = None
    manifest_sha256: str | None = None
    # of the split of that data set; None: none that is known of
    split_sha256: str | None = None
    # after what its method was written, where that is no publication's own: its results stand
    # beside no number of that publication
    after: str | None = None
