"""A classifier's graph with the normalisation inside: it takes frames as they are decoded.

In front of the model's own nodes it computes `frame * (1 / (255 * std)) - mean / std` in float32,
first the product, then the sum. A model that takes floats of 16 bits gets them rounded after that.
It is made in memory each time a model is opened (what that costs: `benchmarks.open_model`), so that
nothing answers for a model but the file whose sha256 is recorded.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from videonet.classifier.onnx_session import ImageInput

# Of all names that are added to a model.
_PREFIX = "videonet_uint8_"


def with_uint8_input(
    model: onnx.ModelProto,
    images: ImageInput,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> bytes:
    """The model, as a file, with the input uint8 RGB [N, H, W, 3] in place of `images`.

    `mean` and `std` are of R, G and B from 0 to 1: the model gets (value - mean) / std. `model` is
    used up.
    """
    shift, spread = (np.reshape(each, (3, 1, 1)) for each in (mean, std))
    scale, bias = (1 / (255 * spread)).astype(np.float32), (-shift / spread).astype(np.float32)
    frames, planes, values, scaled = (f"{_PREFIX}{part}" for part in ("in", "nchw", "float", "mul"))
    sums = f"{_PREFIX}add" if images.is_half else images.name
    nodes = [
        # Bytes are moved, not floats.
        helper.make_node("Transpose", [frames], [planes], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", [planes], [values], to=TensorProto.FLOAT),
        # Constants, since initializers of old files would have to be inputs.
        _constant("scale", scale),
        helper.make_node("Mul", [values, f"{_PREFIX}scale"], [scaled]),
        _constant("bias", bias),
        helper.make_node("Add", [scaled, f"{_PREFIX}bias"], [sums]),
    ]
    if images.is_half:
        nodes.append(helper.make_node("Cast", [sums], [images.name], to=TensorProto.FLOAT16))
    graph = model.graph
    taken = next(each for each in graph.input if each.name == images.name)
    count, _, height, width = taken.type.tensor_type.shape.dim
    given = helper.make_tensor_value_info(frames, TensorProto.UINT8, [None, None, None, 3])
    # Those that are free keep their names, which may be those of the output, too.
    for mine, theirs in zip(given.type.tensor_type.shape.dim, (count, height, width), strict=False):
        mine.CopyFrom(theirs)
    taken.CopyFrom(given)
    own = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *own])
    content: bytes = model.SerializeToString()
    return content


def _constant(name: str, values: NDArray[np.float32]) -> onnx.NodeProto:
    tensor = numpy_helper.from_array(values)
    return helper.make_node("Constant", [], [f"{_PREFIX}{name}"], value=tensor)
