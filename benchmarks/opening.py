"""Opens an ONNX file once in this process, in one of two ways, and prints what that took as JSON.

    python -m benchmarks.opening bare|classifier FILE.onnx

It imports neither PyTorch nor timm, whose memory would hide that of the model. See
`benchmarks.open_model`.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import psutil

from videonet.classifier.model import Classifier
from videonet.classifier.onnx_runtime import onnxruntime as ort
from videonet.classifier.onnx_session import image_input
from videonet.classifier.sidecar import IMAGENET_MEAN, IMAGENET_STD
from videonet.classifier.uint8_input import with_uint8_input


class Opened(msgspec.Struct, frozen=True):
    """What one opening took. Memory is resident memory of the process beyond its imports."""

    # until the first answer, of the clock, and of all processor cores
    seconds: float
    cpu_seconds: float
    # at most, and after the first answer
    peak_bytes: int
    bytes: int
    # processor time of making the graph in memory, alone
    graph_cpu_seconds: float | None


def bare(file: Path) -> None:
    """ONNX Runtime opens the file as it is, and runs two images."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    session.run(None, {session.get_inputs()[0].name: np.zeros((2, 3, 224, 224), np.float32)})
    KEPT.append(session)


def classifier(file: Path) -> None:
    """The classifier is opened, which runs two images."""
    KEPT.append(Classifier(file))


WAYS: dict[str, Callable[[Path], None]] = {"bare": bare, "classifier": classifier}

# What was opened stays, as it does in a run.
KEPT: list[object] = []


def main(way: str, file: Path) -> None:
    """Open, and print."""
    process = psutil.Process()
    before, begin, cpu = process.memory_info().rss, time.monotonic(), time.process_time()
    WAYS[way](file)
    seconds, cpu_seconds = time.monotonic() - begin, time.process_time() - cpu
    opened = Opened(
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        peak_bytes=_peak() - before,
        bytes=process.memory_info().rss - before,
        graph_cpu_seconds=_graph(file) if way == "classifier" else None,
    )
    sys.stdout.buffer.write(msgspec.json.encode(opened))


def _graph(file: Path) -> float:
    """Processor time of making the graph."""
    model = onnx.load_model_from_string(file.read_bytes())
    images = image_input(file, model)
    begin = time.process_time()
    with_uint8_input(model, images, IMAGENET_MEAN, IMAGENET_STD)
    return time.process_time() - begin


def _peak() -> int:
    """Highest resident memory of this process so far, bytes."""
    # kB, but bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    _, *arguments = sys.argv
    main(arguments[0], Path(os.fsdecode(arguments[1])))
