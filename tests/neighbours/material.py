"""Videos and images of single colours, and an embedding that tells colours apart."""

import json
from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from PIL import Image

from demo.encoding import Encoding, encode

# What is shown, by the name of the video; reds and blues, from the purest on.
COLOURS = {
    "red-1": (255, 0, 0),
    "red-2": (240, 40, 10),
    "red-3": (220, 90, 40),
    "blue-1": (0, 0, 255),
    "blue-2": (30, 60, 230),
    "green-1": (20, 230, 20),
}

SIZE = (64, 64)


def write_embedding(folder: Path) -> Path:
    """An ONNX file whose features are the mean colour, from -1 to 1."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3])],
    )
    path = folder / "colours.onnx"
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    said = {"input_size": [32, 32], "mean": [0.5] * 3, "std": [0.5] * 3}
    path.with_suffix(".json").write_text(json.dumps(said))
    return path


def write_videos(folder: Path, names: Iterable[str], seconds: int = 11) -> Path:
    """A folder with videos of these names, of five frames a second."""
    folder.mkdir(exist_ok=True)
    for name in names:
        frames = [Image.new("RGB", SIZE, COLOURS[name])] * (5 * seconds)
        encode(folder / f"{name}.mp4", frames, SIZE, 5, Encoding())
    return folder


def write_images(folder: Path, colours: dict[str, tuple[int, int, int]]) -> Path:
    """A folder of images by their paths in it."""
    for name, colour in colours.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 50), colour).save(file)
    return folder
