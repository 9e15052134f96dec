"""ONNX Runtime, imported so that it tells its maker nothing. All of the project takes it from here.

Left to itself, ONNX Runtime 1.31 looks up a host of its maker's and keeps a device id and a queue
of events below the user's ~/.cache. Whether it does so is decided while it is imported.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["onnxruntime"]

# Read by ONNX Runtime when its library is loaded; later changes make no difference to it.
_VARIABLE = "ORT_DISABLE_TELEMETRY"

# Values with which it reports.
_REPORTS = frozenset({"0", "false", "no", "off"})


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Set the variable while ONNX Runtime is imported, and leave the environment as it was."""
    before = os.environ.get(_VARIABLE)
    if "onnxruntime" in sys.modules and (before or "0").lower() in _REPORTS:
        warnings.warn(
            "onnxruntime was imported before videonet, and so reports to its maker; set "
            f"{_VARIABLE}=1 in the environment of the program, or before that import",
            RuntimeWarning,
            stacklevel=3,
        )
    os.environ[_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


with _without_telemetry():
    import onnxruntime
