"""Open classifiers that the runs of one process share while their files stay the same."""

import hashlib
import threading
from pathlib import Path

import cachetools

from videonet.classifier.device import device_here
from videonet.classifier.download import DEFAULT, fetch_default
from videonet.classifier.embedding import Embedding
from videonet.classifier.model import Classifier
from videonet.classifier.model_file import model_file
from videonet.classifier.sidecar import sidecar_content
from videonet.files import sha256_of
from videonet.schemas.settings import Device

# A run opens its classifier when it is prepared and again when it begins: two runs find theirs.
# Runs keep those that are forgotten here for as long as they need them.
_REMEMBERED = 2

# Path, device, and the digests of the file and of the JSON file beside it.
_Key = tuple[Path, Device, str | None, str | None]

_lock = threading.Lock()
_classifiers: cachetools.LRUCache[_Key, Classifier] = cachetools.LRUCache(_REMEMBERED)
_embeddings: cachetools.LRUCache[_Key, Embedding] = cachetools.LRUCache(_REMEMBERED)


def shared_classifier(path_or_name: str, device: Device) -> Classifier:
    """The classifier in an ONNX file, or the default one ("resnet50"). Raises UsageError.

    A session works with one thread: scans run beside each other, and what a classifier answers
    must not depend on how many there are.
    """
    with _lock:
        path = fetch_default() if path_or_name == DEFAULT else model_file(path_or_name)
        said = sidecar_content(path)
        sidecar = None if said is None else hashlib.sha256(said).hexdigest()
        device = device_here(device)
        key = path.absolute(), device, _digest(path), sidecar
        classifier = _classifiers.get(key)
        if classifier is None:
            classifier = Classifier(path, threads=1, device=device)
            # Of what was opened: the files may have been replaced since they were looked at.
            opened = path.absolute(), device, classifier.sha256, classifier.sidecar_sha256
            _classifiers[opened] = classifier
        return classifier


def shared_embedding(path: str, device: Device) -> Embedding:
    """The embedding in an ONNX file. Raises UsageError."""
    with _lock:
        file = model_file(path)
        said = sidecar_content(file)
        sidecar = None if said is None else hashlib.sha256(said).hexdigest()
        key = file.absolute(), device_here(device), _digest(file), sidecar
        embedding = _embeddings.get(key)
        if embedding is None:
            embedding = _embeddings[key] = Embedding(file, device=device)
        return embedding


def _digest(file: Path) -> str | None:
    """Hex sha256 of a file; None: it cannot be read, and opening it says why."""
    try:
        return sha256_of(file)
    except OSError:
        return None
