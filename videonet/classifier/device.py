"""Where a classifier runs: whether there is a GPU that ONNX Runtime can compute on."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from videonet.classifier.onnx_runtime import onnxruntime
from videonet.classifier.onnx_session import ORT_ERRORS, first_line, open_session
from videonet.errors import UsageError
from videonet.schemas.settings import Device

# NVIDIA's driver, on Linux and WSL and on Windows.
_DRIVERS = ("libcuda.so.1", "nvcuda.dll")

# Severities of ONNX Runtime's log, which is one for the whole process. It does not tell which
# severity is set; a warning is its default.
_WARNING, _FATAL = 2, 4


def device_here(device: Device) -> Literal["cpu", "cuda"]:
    """The device that is meant; for "auto", a GPU if ONNX Runtime can compute on one.

    Raises UsageError for another word.
    """
    match device:
        case "cpu" | "cuda":
            return device
        case "auto":
            return "cuda" if _has_gpu() and why_not_cuda() is None else "cpu"
    raise UsageError(f"device {device!r}: expected one of {', '.join(get_args(Device))}")


def _has_gpu() -> bool:
    """Whether NVIDIA's driver knows a GPU; asked first, as most machines have none."""
    for name in _DRIVERS:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int()
        return (
            not driver.cuInit(0)
            and not driver.cuDeviceGetCount(ctypes.byref(count))
            and count.value > 0
        )
    return False


def why_not_cuda() -> str | None:
    """What keeps ONNX Runtime from computing on a GPU; None where it does."""
    image = np.zeros((1, 3, 8, 8), np.float32)
    # A convolution, for that is what cuDNN does.
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights"], ["scores"])],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image.shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    try:
        with _silent():
            session = open_session(Path("tiny.onnx"), model.SerializeToString(), 1, "cuda")
            session.run(None, {"image": image})
    except UsageError:
        library = Path(onnxruntime.__file__).parent / "capi/libonnxruntime_providers_cuda.so"
        try:
            ctypes.CDLL(str(library))
        except OSError as error:
            return f"ONNX Runtime cannot load CUDA ({first_line(error)})"
        return "ONNX Runtime cannot use it"
    except ORT_ERRORS as error:
        return f"ONNX Runtime fails on it ({first_line(error)})"
    return None


@contextmanager
def _silent() -> Iterator[None]:
    """Keep ONNX Runtime from saying on stderr what becomes a finding."""
    onnxruntime.set_default_logger_severity(_FATAL)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(_WARNING)
