"""An ONNX image classifier: what it expects of a frame, and what it says of it."""

import hashlib
import threading
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from videonet.classifier.batches import Batches
from videonet.classifier.device import device_here
from videonet.classifier.download import DEFAULT, fetch_default
from videonet.classifier.model_file import model_file
from videonet.classifier.onnx_session import read_model
from videonet.classifier.opened import OpenModel
from videonet.classifier.sidecar import (
    EXAMPLE,
    UNSAID,
    parse_sidecar,
    sidecar_content,
    sidecar_path,
)
from videonet.classifier.trial import try_first
from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.manifest import ClassifierCard
from videonet.schemas.settings import Device
from videonet.targets.imagenet import IMAGENET_LISTS, imagenet_labels
from videonet.targets.imagenet1k import imagenet1k_labels


class Classifier:
    """An open ONNX file with what belongs to it; one instance serves any number of threads.

    Without a JSON file beside it, a model with 1,000 outputs is taken for an ImageNet-1k classifier
    in torchvision's order, with ImageNet's mean and std, of the model's own input size. The file is
    read once: what is opened is what `sha256` is of. A model that was never opened here is first
    tried in a process of its own, see `videonet.classifier.trial`.

    Raises `UsageError` when the file is not an image classifier or does not fit its JSON file, and
    when a GPU was asked for and cannot be used.
    """

    def __init__(self, path: Path, *, threads: int = 1, device: Device = "cpu") -> None:
        # all that another process needs to open the same
        self.path, self.threads, self.device = path, threads, device_here(device)
        content = read_model(path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        said = sidecar_content(path)
        # of the JSON file, if there is one
        self.sidecar_sha256 = None if said is None else hashlib.sha256(said).hexdigest()
        sidecar = None if said is None else parse_sidecar(path, said)
        preparation = sidecar.preparation if sidecar else UNSAID
        self.mean, self.std = preparation.mean, preparation.std
        try_first(path, content, preparation)
        self._model = OpenModel(path, content, preparation, threads=threads, device=self.device)
        # As large as the model.
        del content
        # frames that the model gets at once
        self.batch = self._model.batch
        # height and width of a frame, pixels
        self.crop = self._model.crop
        # A core takes what one video gives; a GPU waits for those of several.
        self._batches = (
            Batches(self._model.run, self.batch, self.crop) if self.device == "cuda" else None
        )
        self._lock = threading.Lock()
        self._frames_classified = 0
        scores = self._model.trial_scores
        self._scores_type = scores.dtype
        self.outputs = scores.shape[1]
        # A model that ends in a softmax gives probabilities: logits of noise do not sum to 1.
        self.gives_probabilities = not self._model.gives_sigmoids and bool(
            (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-2)
        )
        if not sidecar and self.outputs != 1000:
            raise UsageError(
                f"{path}: has {self.outputs} outputs, which are not ImageNet's 1,000 classes; "
                f"write {sidecar_path(path)} to say what they are: {EXAMPLE}"
                f"{_list_of(self.outputs)}"
            )
        self._threshold = sidecar.sigmoid_threshold if sidecar else None
        self._check_threshold()
        # one an output, in the order of the outputs; the last one of sigmoids is no output
        self.labels = sidecar.label_of_each if sidecar else imagenet1k_labels()
        if len(self.labels) != self.outputs:
            raise UsageError(
                f"{sidecar_path(path)}: has {len(self.labels)} labels, but {path.name} has "
                f"{self.outputs} outputs; list one label an output, in their order"
            )
        if self._threshold is not None:
            self.labels += (Label(wnid=None, name=f"nothing (below {self._threshold:g})"),)

    @property
    def resize(self) -> int:
        """What a frame's short side is resized to before it is cropped, pixels."""
        return round(max(self.crop) * 256 / 224)

    @property
    def card(self) -> ClassifierCard:
        """What the manifest says of it."""
        return ClassifierCard(
            name=self.path.stem, sha256=self.sha256, input_size=self.crop, outputs=len(self.labels)
        )

    @property
    def settings(self) -> dict[str, str | int]:
        """What its answers depend on besides the file: part of a result's key, with `sha256`."""
        settings: dict[str, str | int] = {
            "input_size": _joined(self.crop),
            "mean": _joined(self.mean),
            "std": _joined(self.std),
            "input": "uint8",
            "batch": self.batch,
            "threads": self.threads,
            "device": self.device,
        }
        if self._threshold is not None:
            settings["sigmoid_threshold"] = str(self._threshold)
        return settings

    @property
    def frames_classified(self) -> int:
        """How many frames this instance has classified; repeated ones count once."""
        return self._frames_classified

    def classify(self, frames: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The top-1 output of each frame, and its softmax probability.

        Of sigmoids it is the probability of this output alone. Where it is below the threshold, the
        frame shows the last of `labels`, which stands for nothing.

        `frames`: uint8 RGB [N, H, W, 3] with H, W = `crop`; any N. Returns int64 [N] and
        float32 [N]. Raises `ValueError` for other shapes or types.

        A frame that equals the one before it is not classified again. The model always gets
        `batch` frames, the last one repeated where too few are left: the batch size can change
        floats (with 2 threads, MobileNet's logits on a batch of 1 differ by 5e-7 from those on any
        larger one), and what is said of a frame must not depend on how many came with it.
        """
        if frames.dtype != np.uint8 or frames.shape[1:] != (*self.crop, 3):
            raise ValueError(
                f"expected uint8 [N, {self.crop[0]}, {self.crop[1]}, 3], "
                f"got {frames.dtype} {list(frames.shape)}"
            )
        changed = _changed(frames)
        places = np.flatnonzero(changed)
        scores = np.empty((len(places), self.outputs), self._scores_type)
        if self._batches is not None and len(places):
            scores[:] = self._batches.scores(frames, places)
        else:
            for start in range(0, len(places), self.batch):
                chunk = slice(start, start + self.batch)
                scores[chunk] = self._scores(frames, places[chunk])
        top1 = scores.argmax(axis=1)
        best = scores.max(axis=1, keepdims=True)
        if self.gives_probabilities or self._model.gives_sigmoids:
            probability = best[:, 0].astype(np.float64)
        elif self._threshold is not None:
            with np.errstate(over="ignore"):  # what is surely not there has the probability 0
                probability = 1 / (1 + np.exp(-best[:, 0], dtype=np.float64))
        else:
            probability = 1 / np.exp(scores - best, dtype=np.float64).sum(axis=1)
        if self._threshold is not None:
            top1 = np.where(probability >= self._threshold, top1, len(self.labels) - 1)
        with self._lock:
            self._frames_classified += len(places)
        answer = np.cumsum(changed) - 1
        return top1[answer], probability[answer].astype(np.float32)

    def describe(self) -> dict[str, str]:
        """What there is to know of it, in the order to be shown."""
        given = sidecar_path(self.path).name if self.sidecar_sha256 else None
        (scores,) = self._model.session.get_outputs()
        names = ", ".join(label.name for label in self.labels[:3])
        return {
            "file": str(self.path),
            "sha256": self.sha256,
            "input": f"{self._model.input.name}: {self._model.input.declared}",
            "output": f"{scores.name}: {scores.type} {scores.shape}, " + self._kind_of_scores,
            "labels": f"{self.outputs}: {names}, ... ({given or 'ImageNet-1k by default'})",
            "resize": f"short side to {self.resize} pixels (crop x 256/224)",
            "crop": f"{self.crop[0]} x {self.crop[1]} pixels ({given or 'size of the input'})",
            "mean": f"{_joined(self.mean)} ({given or 'ImageNet by default'})",
            "std": f"{_joined(self.std)} ({given or 'ImageNet by default'})",
            "batch": f"{self.batch} frames",
            "provider": self._model.session.get_providers()[0],
        }

    def __reduce__(self) -> NoReturn:
        """A session is open in one process only."""
        raise TypeError(
            "a Classifier cannot be pickled: send its path, threads and device, "
            "and call load_classifier there"
        )

    @property
    def _kind_of_scores(self) -> str:
        if self._threshold is not None:
            return f"sigmoids, the highest counts from {self._threshold:g}"
        return "probabilities" if self.gives_probabilities else "logits"

    def _check_threshold(self) -> None:
        """Raise UsageError if sigmoids have no threshold, or if something else has one."""
        beside = sidecar_path(self.path)
        if self._model.gives_sigmoids and self._threshold is None:
            raise UsageError(
                f"{self.path}: its outputs are sigmoids, each a yes or no for itself, and a frame "
                "may show none of the classes; say how probable the highest must be to count: "
                f'write "sigmoid_threshold": 0.5 into {beside}'
            )
        if self._threshold is not None and self.gives_probabilities:
            raise UsageError(
                f"{beside}: has a sigmoid_threshold, but the outputs of {self.path.name} sum to 1, "
                "as those of a softmax do; leave it out"
            )

    def _scores(self, frames: NDArray[np.uint8], places: NDArray[np.intp]) -> NDArray[Any]:
        """The model's output, [n, outputs], for n of the frames, 1 to `batch`."""
        first, last, count = places[0], places[-1], len(places)
        if count == self.batch == last - first + 1:
            images = frames[first : last + 1]  # no copy
        else:
            images = frames[np.pad(places, (0, self.batch - count), "edge")]
        return self._model.run(images)[:count]


def load_classifier(path_or_name: str, *, threads: int = 1, device: Device = "cpu") -> Classifier:
    """The classifier in an ONNX file, or the default one ("resnet50"), fetched when absent.

    `threads` is how many work on one batch. Raises `UsageError` as `Classifier` and
    `fetch_default` do.

    >>> classifier = load_classifier("classifier.onnx")
    >>> classifier.crop, classifier.labels[0].name
    ((64, 64), 'balloon')
    """
    path = fetch_default() if path_or_name == DEFAULT else model_file(path_or_name)
    return Classifier(path, threads=threads, device=device)


def describe(path_or_name: str, *, device: Device = "cpu") -> dict[str, str]:
    """What there is to know of a classifier, as lines to be shown. Raises `UsageError`."""
    return load_classifier(path_or_name, device=device).describe()


def _list_of(outputs: int) -> str:
    """What may stand for the labels of so many outputs, as the end of a sentence."""
    names = [name for name in IMAGENET_LISTS if len(imagenet_labels(name)) == outputs]
    return (
        f'; "labels": "{names[0]}" stands for those of ImageNet in timm\'s order' if names else ""
    )


def _joined(values: tuple[float, ...]) -> str:
    return " ".join(map(str, values))


def _changed(frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which frames [N] differ from the one before them; the first does."""
    changed = np.ones(len(frames), np.bool_)
    # Most differ in the middle row already.
    row = frames.shape[1] // 2
    alike = (frames[1:, row] == frames[:-1, row]).all(axis=(1, 2))
    for place in np.flatnonzero(alike):
        changed[place + 1] = not np.array_equal(frames[place], frames[place + 1])
    return changed
