"""An ONNX embedding: what it expects of a frame, and the features that it makes of it."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from videonet.classifier.batches import Batches
from videonet.classifier.device import device_here
from videonet.classifier.onnx_session import read_model
from videonet.classifier.opened import OpenModel
from videonet.classifier.sidecar import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    UNSAID,
    Pixels,
    Positive,
    Preparation,
    sidecar_content,
    sidecar_path,
)
from videonet.classifier.trial import try_first
from videonet.errors import UsageError
from videonet.schemas.record import from_json
from videonet.schemas.settings import Device
from videonet.text import as_shown

_EXAMPLE = '{"input_size": [224, 224], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'


class _Said(msgspec.Struct):
    """What the JSON file of an embedding says; that of a classifier says more, which is unused."""

    # height and width, pixels; None: those of the model's own input
    input_size: tuple[Pixels, Pixels] | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[Positive, Positive, Positive] = IMAGENET_STD


class Embedding:
    """An open ONNX file that gives features [N, size]; one instance serves any number of threads.

    Without a JSON file beside it, it gets pixels with ImageNet's mean and std, of its own input's
    size. A model that was never opened here is first tried in a process of its own, as a
    classifier is. Raises UsageError when the file is no such model, or does not fit its JSON file.
    """

    def __init__(self, path: Path, *, device: Device = "cpu") -> None:
        self.path, self.device = path, device_here(device)
        content = read_model(path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        said = sidecar_content(path)
        preparation = UNSAID if said is None else _preparation(path, said)
        try_first(path, content, preparation)
        self._model = OpenModel(path, content, preparation, threads=1, device=self.device)
        del content
        self._batch = self._model.batch
        # height and width of a frame, pixels
        self.crop = self._model.crop
        # numbers of a frame
        self.size = self._model.trial_scores.shape[1]
        self._type = self._model.trial_scores.dtype
        # A core takes what one video gives; a GPU waits for those of several.
        self._batches = (
            Batches(self._model.run, self._batch, self.crop) if self.device == "cuda" else None
        )
        # what features depend on besides the file
        self.settings: dict[str, str | int] = {
            "input_size": " ".join(map(str, self.crop)),
            "mean": " ".join(map(str, preparation.mean)),
            "std": " ".join(map(str, preparation.std)),
            "batch": self._batch,
            "device": self.device,
        }

    @property
    def resize(self) -> int:
        """What a frame's short side is resized to before it is cropped, pixels."""
        return round(max(self.crop) * 256 / 224)

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The features of each frame, of unit length: float32 [N, size].

        `frames`: uint8 RGB [N, H, W, 3] with H, W = `crop`. The model always gets as many frames as
        it was opened for, the last one repeated where too few are left: what is said of a frame
        does not depend on how many came with it. Features that are all 0 stay so.
        """
        found = np.empty((len(frames), self.size), self._type)
        if self._batches is not None and len(frames):
            found[:] = self._batches.scores(frames, np.arange(len(frames)))
        else:
            for start in range(0, len(frames), self._batch):
                chunk = frames[start : start + self._batch]
                padding = ((0, self._batch - len(chunk)), (0, 0), (0, 0), (0, 0))
                found[start : start + len(chunk)] = self._model.run(np.pad(chunk, padding, "edge"))[
                    : len(chunk)
                ]
        return of_unit_length(found)


def of_unit_length(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """The rows of [N, size], each divided by its length; rows of zeros stay so: float32."""
    exact = vectors.astype(np.float64)
    lengths = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
    unit = np.divide(exact, lengths, out=np.zeros_like(exact), where=lengths > 0)
    return np.asarray(unit, np.float32)


def _preparation(model: Path, content: bytes) -> Preparation:
    try:
        said = from_json(content, _Said)
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{sidecar_path(model)}: {as_shown(str(error))}; it should read {_EXAMPLE}"
        ) from error
    return Preparation(input_size=said.input_size, mean=said.mean, std=said.std)
