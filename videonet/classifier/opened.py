"""An ONNX classifier that was opened and has looked at a batch of noise."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from videonet.classifier.onnx_session import (
    ORT_ERRORS,
    check_output,
    ends_in_sigmoid,
    first_line,
    image_input,
    open_session,
    parse_model,
)
from videonet.classifier.sidecar import EXAMPLE, Preparation, sidecar_path
from videonet.classifier.uint8_input import with_uint8_input
from videonet.errors import UsageError

# Frames that a model gets at once. On a CPU, what a few frames need stays in its caches
# (`benchmarks.scan` tries other numbers). A GPU wants more; none was at hand to find out how many.
BATCH: dict[str, int] = {"cpu": 2, "cuda": 50}


class OpenModel:
    """The session of the model in `content`, which was read from the file `path`.

    Raises UsageError when that is not an image classifier, does not fit what its JSON file says of
    its input, or a GPU was asked for and cannot be used.
    """

    def __init__(
        self,
        path: Path,
        content: bytes,
        preparation: Preparation,
        *,
        threads: int = 1,
        device: Literal["cpu", "cuda"] = "cpu",
    ) -> None:
        self._path = path
        model = parse_model(path, content)
        # As large as the model: opening it needs the room.
        del content
        self.input = image_input(path, model)
        # frames that the model gets at once
        self.batch = self.input.batch or BATCH.get(device, 1)
        # height and width of a frame, pixels
        self.crop = _crop(path, self.input.size, preparation.input_size)
        # whether each output is a probability for itself
        self.gives_sigmoids = ends_in_sigmoid(model)
        graph = with_uint8_input(model, self.input, preparation.mean, preparation.std)
        del model
        self.session = open_session(path, graph, threads, device)
        check_output(path, self.session)
        self._images = self.session.get_inputs()[0].name
        # of a batch of noise: [batch, outputs]
        self.trial_scores = self._try()

    def run(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """The model's output, [batch, outputs], for `batch` frames, RGB [batch, *crop, 3]."""
        scores: NDArray[Any] = self.session.run(None, {self._images: images})[0]
        return scores

    def _try(self) -> NDArray[Any]:
        """The output for a batch of noise: declared shapes may be missing or wrong."""
        shape = (self.batch, *self.crop, 3)
        try:
            scores = self.run(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
        except (*ORT_ERRORS, MemoryError) as error:
            raise UsageError(
                f"{self._path}: fails on float32 {[self.batch, 3, *self.crop]} "
                f"({first_line(error)}); export it for such an input"
            ) from error
        if scores.ndim != 2 or len(scores) != self.batch:
            raise UsageError(
                f"{self._path}: its output is {list(scores.shape)} for {self.batch} images, "
                f"expected [{self.batch}, classes]; export it with its classification head"
            )
        if not np.isfinite(scores).all():
            raise UsageError(f"{self._path}: its output is not finite; export it in full precision")
        return scores


def _crop(
    path: Path, takes: tuple[int | None, int | None], given: tuple[int, int] | None
) -> tuple[int, int]:
    """Height and width of a frame: what the JSON file says, else what the model takes."""
    match given or takes:
        case (int(height), int(width)):
            crop = height, width
        case _:
            raise UsageError(
                f"{path}: takes images of any size; write {sidecar_path(path)} to say which: "
                f"{EXAMPLE}"
            )
    if any(size not in (None, wanted) for size, wanted in zip(takes, crop, strict=True)):
        raise UsageError(
            f"{sidecar_path(path)}: input_size is {list(crop)}, but {path.name} takes "
            f"{list(takes)}; write what the model takes"
        )
    return crop
