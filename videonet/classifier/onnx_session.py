"""Reading an ONNX file, what its input is, and opening it with ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx
from google.protobuf.message import DecodeError

from videonet.classifier.contents import check_contents, without_notes
from videonet.classifier.download import unreadable
from videonet.classifier.onnx_runtime import onnxruntime as ort
from videonet.errors import UsageError
from videonet.files import read_bounded

_PROVIDERS: dict[str, list[str | tuple[str, dict[str, str]]]] = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": [
        # The default search times all algorithms in every process again: the choice is chance.
        # TF32 would keep 10 of a float's 23 bits.
        ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}),
        "CPUExecutionProvider",
    ],
}

# Types of an output that NumPy computes a softmax of.
_SCORES = frozenset({"tensor(float)", "tensor(float16)", "tensor(double)"})

# What protobuf writes at most; a longer model has its weights in other files.
MOST_BYTES = 2**31 - 1

_ort_errors = ort.capi.onnxruntime_pybind11_state

# what ONNX Runtime raises when it cannot open or run a model: they have no base class of their own
ORT_ERRORS = (
    _ort_errors.EPFail,
    _ort_errors.Fail,
    _ort_errors.InvalidArgument,
    _ort_errors.InvalidGraph,
    _ort_errors.InvalidProtobuf,
    _ort_errors.NoSuchFile,
    _ort_errors.NotImplemented,
    _ort_errors.RuntimeException,
    # and when it quotes names of the model that are no text
    UnicodeDecodeError,
)


@dataclass(frozen=True)
class ImageInput:
    """The input of an image classifier: floats [batch, 3, *size], of 32 bits or of 16."""

    name: str
    # its type and shape, as they are written for people
    declared: str
    # None: any number of images
    batch: int | None
    # height and width, pixels; None: any
    size: tuple[int | None, int | None]
    # whether it takes floats of 16 bits
    is_half: bool = False


def read_model(path: Path) -> bytes:
    """The content of a model's file. Raises UsageError, also for one that is too long."""
    try:
        return read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise unreadable(path, error) from error


def parse_model(path: Path, content: bytes) -> onnx.ModelProto:
    """The model in the content of the ONNX file at `path`.

    Raises `UsageError` when the content is no such model, or holds what `check_contents` refuses.
    """
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise _not_a_model(path, error) from error
    if not model.graph.node:
        raise _not_a_model(path, ValueError("it computes nothing"))
    check_contents(path, model)
    without_notes(model)
    return model


def image_input(path: Path, model: onnx.ModelProto) -> ImageInput:
    """The one input of an image classifier. Raises `UsageError` where it is something else."""
    graph = model.graph
    # In files of an old kind the weights are inputs, too.
    weights = {each.name for each in graph.initializer}
    inputs = [each for each in graph.input if each.name not in weights]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise UsageError(
            f"{path}: has {len(inputs)} inputs and {len(graph.output)} outputs, expected one input "
            "of images and one output of scores; export the classifier alone"
        )
    (images,) = inputs
    # protobuf gives names that are no UTF-8 as bytes.
    if not isinstance(images.name, str):
        raise _not_a_model(path, ValueError("the name of its input is not UTF-8"))
    tensor = images.type.tensor_type
    kinds = {number: name.lower() for name, number in onnx.TensorProto.DataType.items()}
    kind = f"tensor({kinds.get(tensor.elem_type, tensor.elem_type)})"
    # a free dimension has a name, or none
    named = [
        each.dim_value if each.dim_value > 0 else each.dim_param or None
        for each in tensor.shape.dim
    ]
    shape = [size if isinstance(size, int) else None for size in named]
    is_float = kind in ("tensor(float)", "tensor(float16)")
    if not is_float or len(shape) != 4 or shape[1] not in (3, None):
        hint = " (channels last)" if len(shape) == 4 and shape[3] == 3 else ""
        raise UsageError(
            f"{path}: its input is {kind} {named}{hint}, expected tensor(float) [N, 3, H, W]; "
            "export it with such an input"
        )
    return ImageInput(
        images.name,
        f"{kind} {named}",
        batch=shape[0],
        size=(shape[2], shape[3]),
        is_half=kind == "tensor(float16)",
    )


def ends_in_sigmoid(model: onnx.ModelProto) -> bool:
    """Whether the scores of a classifier are sigmoids, by the node that they come from."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    name = model.graph.output[0].name
    # No longer than the graph, which might be a circle.
    for _ in model.graph.node:
        node = made_by.get(name)
        if node is None or node.op_type not in _SAME_VALUES or not node.input:
            return node is not None and node.op_type == "Sigmoid"
        name = node.input[0]
    return False


# Nodes that change the form of scores, and not their values.
_SAME_VALUES = frozenset({"Identity", "Cast", "Flatten", "Reshape", "Squeeze"})


def open_session(
    path: Path, graph: bytes, threads: int, device: Literal["cpu", "cuda"]
) -> ort.InferenceSession:
    """A session of `graph`, made of the file at `path`. Each batch runs on `threads` threads.

    Any number of threads may run the session. It keeps `graph` in memory. Raises `UsageError` when
    `graph` is no ONNX model, and when a GPU was asked for and cannot be used.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # errors are raised
    # Threads that wait for work leave the core to the decoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(
            graph,
            options,
            providers=_PROVIDERS[device],
            enable_fallback=False,
        )
    except (*ORT_ERRORS, MemoryError) as error:
        raise _not_a_model(path, error) from error
    # ONNX Runtime goes on without the GPU when its libraries or its driver are missing.
    if device == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise UsageError(
            "device 'cuda': ONNX Runtime cannot use a GPU here; install onnxruntime-gpu with the "
            "CUDA and cuDNN that it needs on a machine with an NVIDIA GPU, or use 'cpu'"
        )
    return session


def check_output(path: Path, session: ort.InferenceSession) -> None:
    """Raise UsageError if the one output of a classifier is something else than scores."""
    (scores,) = session.get_outputs()
    if scores.type not in _SCORES:
        raise UsageError(
            f"{path}: its output is {scores.type} {scores.shape}, expected tensor(float) "
            "[N, classes]; export it with the scores of its classes as its output"
        )


def first_line(error: Exception) -> str:
    """What ONNX Runtime says, without the trace that may follow."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _not_a_model(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path}: cannot be opened as an ONNX model ({first_line(error)}); "
        "give the path of an ONNX file"
    )
