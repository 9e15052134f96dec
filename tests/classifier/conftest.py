"""Tiny ONNX classifiers, made for one test each, and real ones where they are at hand."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

MakeModel = Callable[..., Path]


@pytest.fixture
def shared() -> Path:
    """The folder of real videos and classifiers."""
    root = Path(os.environ.get("VIDEONET_SHARED") or Path(__file__).parents[3] / "shared")
    if not (root / "data").is_dir():
        pytest.skip(f"no test material in {root}: set VIDEONET_SHARED")
    return root / "data"


@pytest.fixture(scope="session")
def tried_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is remembered which models were tried: many tests open the same."""
    return tmp_path_factory.mktemp("tried")


@pytest.fixture(autouse=True)
def cache(
    tmp_path_factory: pytest.TempPathFactory, tried_models: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The cache folder, of which other tests share that alone."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "tried-models").symlink_to(tried_models)
    monkeypatch.setenv("VIDEONET_CACHE", str(folder))
    return folder


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes model.onnx, a chain of operators, and `sidecar` as model.json beside it.

    By default its scores are the means of R, G and B, and 0 for all further outputs.
    """

    def make(
        *operators: str,
        image: Sequence[int | str] = ("N", 3, 4, 6),
        kind: int = TensorProto.FLOAT,
        outputs: int = 3,
        sidecar: dict[str, object] | None = None,
    ) -> Path:
        weights = numpy_helper.from_array(np.eye(3, outputs, dtype=np.float32), "weights")
        nodes, last = [], "image"
        for operator in operators or ("GlobalAveragePool", "Flatten", "MatMul"):
            taken = [last, "weights"] if operator == "MatMul" else [last]
            last = f"{len(nodes)}"
            nodes.append(helper.make_node(operator, taken, [last]))
        graph = helper.make_graph(
            nodes,
            "colours",
            [helper.make_tensor_value_info("image", kind, image)],
            [helper.make_tensor_value_info(last, kind, None)],
            [weights],
        )
        opset = [helper.make_opsetid("", 13)]
        path = tmp_path / "model.onnx"
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        if sidecar is not None:
            path.with_suffix(".json").write_text(json.dumps(sidecar))
        return path

    return make
