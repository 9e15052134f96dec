"""A classifier's graph with the normalisation inside: it takes frames as they are decoded.

In front of the model's own nodes it computes `frame * (1 / (255 * std)) - mean / std` in float32,
first the product, then the sum. It is made once and kept beside the model, or in the cache folder
where nothing can be written beside it.
"""

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from videonet.classifier.onnx_session import ImageInput
from videonet.files import cache_folder, sync

# To be raised with every change to the nodes below.
_VERSION = 1

# Of all names that are added to a model.
_PREFIX = "videonet_uint8_"


@dataclass(frozen=True)
class Normalisation:
    """What a model's graph is made ready for."""

    # of the model's file
    sha256: str
    # of R, G and B from 0 to 1: the model gets (value - mean) / std
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def with_uint8_input(model: onnx.ModelProto, images: ImageInput, wanted: Normalisation) -> bytes:
    """The model, as a file, with the input uint8 RGB [N, H, W, 3] in place of `images`.

    `model` is used up.
    """
    mean, std = (np.reshape(each, (3, 1, 1)) for each in (wanted.mean, wanted.std))
    scale, bias = ((1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32))
    frames, planes, values, scaled = (f"{_PREFIX}{part}" for part in ("in", "nchw", "float", "mul"))
    nodes = [
        # Bytes are moved, not floats.
        helper.make_node("Transpose", [frames], [planes], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", [planes], [values], to=TensorProto.FLOAT),
        # Constants, since initializers of old files would have to be inputs.
        _constant("scale", scale),
        helper.make_node("Mul", [values, f"{_PREFIX}scale"], [scaled]),
        _constant("bias", bias),
        helper.make_node("Add", [scaled, f"{_PREFIX}bias"], [images.name]),
    ]
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


def kept_graphs(model: Path, wanted: Normalisation) -> Iterator[Path]:
    """The files of a graph that was made before."""
    for file in _places(model, wanted):
        # A folder that may not be looked into has none for us.
        with suppress(OSError):
            if file.exists():
                yield file


def keep_graph(model: Path, wanted: Normalisation, graph: bytes) -> None:
    """Write the graph where `kept_graphs` finds it, if that is possible anywhere.

    Any number of processes may do so at once: what they write is the same, and a file appears whole
    or not at all.
    """
    for file in _places(model, wanted):
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            # A folder that is marked as not to be written to is left alone by root, too.
            if not file.parent.stat().st_mode & _WRITABLE:
                continue
            _write(file, graph, model)
            return


_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def _write(file: Path, graph: bytes, model: Path) -> None:
    descriptor, name = tempfile.mkstemp(".tmp", f".{file.name}.", file.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(graph)
        shutil.copymode(model, draft)  # for the same users
        sync(draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _places(model: Path, wanted: Normalisation) -> list[Path]:
    depends = json.dumps({"version": _VERSION, **asdict(wanted)}, sort_keys=True)
    key = hashlib.sha256(depends.encode()).hexdigest()[:12]
    name = f"{model.stem}.{key}.uint8.onnx"
    return [model.with_name(name), cache_folder() / name]


def _constant(name: str, values: NDArray[np.float32]) -> onnx.NodeProto:
    tensor = numpy_helper.from_array(values)
    return helper.make_node("Constant", [], [f"{_PREFIX}{name}"], value=tensor)
