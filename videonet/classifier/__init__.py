"""Which class a frame shows, by an ONNX classifier."""

from videonet.classifier.download import fetch_default
from videonet.classifier.model import DEFAULT, Classifier, describe, load_classifier
from videonet.classifier.session import Device
from videonet.classifier.sidecar import Sidecar

__all__ = [
    "DEFAULT",
    "Classifier",
    "Device",
    "Sidecar",
    "describe",
    "fetch_default",
    "load_classifier",
]
