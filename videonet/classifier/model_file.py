"""Where a classifier's file is on this machine."""

from pathlib import Path

from videonet.classifier.sidecar import SIDECAR
from videonet.storage.inputs import local_input


def model_file(path_or_address: str) -> Path:
    """An ONNX file, with its JSON file beside it; both are copied from an address of a bucket.

    Raises UsageError as `local_input` does.
    """
    return local_input(path_or_address, SIDECAR)
