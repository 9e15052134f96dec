"""Whether the classifier can run on a GPU."""

import ctypes
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videonet.doctor.finding import Finding, State
from videonet.errors import UsageError

# Severities of ONNX Runtime's log, which is one for the whole process. It does not tell which
# severity is set; a warning is its default.
_WARNING, _FATAL = 2, 4


def look_at_gpu(*, needed: bool) -> Finding:
    """Whether ONNX Runtime computes on a GPU: it lists CUDA also where it cannot."""
    card, why_not = _card(), _why_not_cuda()
    if why_not is None:
        use = None if needed else "to run the classifier on it, give --device cuda"
        return Finding("GPU", State.OK, card or "ONNX Runtime computes on CUDA", use)
    if card is None and not needed:
        return Finding("GPU", State.OPTIONAL, "none; the classifier runs on the CPU")
    if card is None:
        advice = "use --device cpu, or a machine with an NVIDIA GPU and its driver"
        found = f"nvidia-smi finds no GPU, and {why_not}"
        return Finding("GPU", State.MISSING, found, advice)
    from videonet.classifier.onnx_runtime import onnxruntime

    advice = f"install CUDA {onnxruntime.cuda_version} and cuDNN 9, or use --device cpu"
    state = State.MISSING if needed else State.OPTIONAL
    return Finding("GPU", state, f"{card}, but {why_not}", advice)


def _card() -> str | None:
    """Name and driver of the first GPU; None where there is none."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    name, _, driver = said.stdout.partition("\n")[0].partition(", ")
    return f"{name}, driver {driver}"


def _why_not_cuda() -> str | None:
    """What keeps ONNX Runtime from computing on a GPU; None where it does."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from videonet.classifier.onnx_runtime import onnxruntime
    from videonet.classifier.onnx_session import ORT_ERRORS, first_line, open_session

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
    from videonet.classifier.onnx_runtime import onnxruntime

    onnxruntime.set_default_logger_severity(_FATAL)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(_WARNING)
