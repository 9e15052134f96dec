"""videonet.classifier.contents: which models are whole in themselves, and only compute."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.classifier.conftest import MakeModel
from tests.classifier.test_model import COLOURS
from videonet.classifier.model import Classifier
from videonet.errors import UsageError

ELSEWHERE = r"model\.onnx: has weights in other files, so its sha256 does not tell what it is; save"

Change = Callable[[onnx.ModelProto], None]


def elsewhere(name: str = "far", location: str = "secret.bin") -> TensorProto:
    """A tensor whose numbers are in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def marked() -> TensorProto:
    """A tensor that names another file, and does not say that its numbers are there."""
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "far")
    tensor.external_data.add(key="location", value="secret.bin")
    return tensor


def of_a_newer_kind() -> TensorProto:
    """A tensor whose numbers are in a place that this version of ONNX has no name for."""
    tensor = elsewhere()
    data = tensor.SerializeToString()
    assert data.count(b"\x70\x01") == 1, "data_location is field 14"
    return TensorProto.FromString(data.replace(b"\x70\x01", b"\x70\x02"))


def sparse(values: TensorProto, indices: TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=values, indices=indices, dims=[3])


HERE = numpy_helper.from_array(np.arange(3, dtype=np.float32), "here")
PLACES = numpy_helper.from_array(np.arange(3), "places")


def node_with(**attributes: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["unused"], **attributes)


def graph_with(*nodes: onnx.NodeProto, weights: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "inner", [], [], list(weights))


def branch(inner: onnx.GraphProto) -> onnx.NodeProto:
    return helper.make_node("If", ["yes"], ["o"], then_branch=inner, else_branch=graph_with())


def add_node(node: onnx.NodeProto) -> Change:
    return lambda model: model.graph.node.append(node)


def add_function(*nodes: onnx.NodeProto) -> Change:
    return lambda model: model.functions.append(
        helper.make_function("mine", "f", [], ["unused"], list(nodes), model.opset_import)
    )


def add_training(model: onnx.ModelProto) -> None:
    model.training_info.add().initialization.CopyFrom(graph_with(weights=(elsewhere(),)))


FAR = node_with(value=elsewhere())

PLACES_OF_TENSORS: dict[str, Change] = {
    "initialiser": lambda model: model.graph.initializer.append(elsewhere()),
    "initialiser without a word": lambda model: model.graph.initializer.append(marked()),
    "address in memory": lambda model: model.graph.initializer.append(
        elsewhere(location="*/_ORT_MEM_ADDR_/*")
    ),
    "a newer kind": lambda model: model.graph.initializer.append(of_a_newer_kind()),
    "sparse values": lambda model: model.graph.sparse_initializer.append(
        sparse(elsewhere(), PLACES)
    ),
    "sparse indices": lambda model: model.graph.sparse_initializer.append(
        sparse(HERE, elsewhere())
    ),
    "constant": add_node(FAR),
    "sparse constant": add_node(node_with(sparse_value=sparse(elsewhere(), PLACES))),
    "attribute of any name": add_node(helper.make_node("Relu", ["0"], ["o"], odd=elsewhere())),
    "tensors": add_node(helper.make_node("Relu", ["0"], ["o"], odd=[HERE, elsewhere()])),
    "sparse tensors": add_node(
        helper.make_node("Relu", ["0"], ["o"], odd=[sparse(HERE, elsewhere())])
    ),
    "branch": add_node(branch(graph_with(FAR))),
    "branch in a branch": add_node(branch(graph_with(branch(graph_with(FAR))))),
    "loop": add_node(
        helper.make_node("Loop", ["", ""], ["o"], body=graph_with(weights=(elsewhere(),)))
    ),
    "scan": add_node(
        helper.make_node("Scan", ["0"], ["o"], body=graph_with(FAR), num_scan_inputs=1)
    ),
    "graphs": add_node(helper.make_node("Relu", ["0"], ["o"], odd=[graph_with(FAR)])),
    "function": add_function(FAR),
    "branch in a function": add_function(branch(graph_with(FAR))),
    "training": add_training,
}


@pytest.mark.parametrize("change", PLACES_OF_TENSORS.values(), ids=PLACES_OF_TENSORS)
def test_weights_in_another_file_are_refused_wherever_a_tensor_can_stand(
    make_model: MakeModel, change: Change
):
    path = make_model(sidecar=COLOURS)
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())
    np.arange(3, dtype=np.float32).tofile(path.with_name("secret.bin"))
    with pytest.raises(UsageError, match=ELSEWHERE):
        Classifier(path)


def classifier_of(path: Path, *nodes: onnx.NodeProto, domains: tuple[str, ...] = ()) -> Path:
    """A classifier that ends in these nodes, from `pooled` to `scores`, both [N, 3]."""
    first = [
        helper.make_node("GlobalAveragePool", ["image"], ["means"]),
        helper.make_node("Flatten", ["means"], ["pooled"]),
    ]
    graph = helper.make_graph(
        [*first, *nodes],
        "odd",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 4, 6])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])],
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(each, 1) for each in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    path.with_suffix(".json").write_text(json.dumps(COLOURS))
    return path


def last(operator: str, domain: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, ["pooled"], ["scores"], domain=domain, **attributes)


@pytest.mark.parametrize(
    ("operator", "domain"),
    [
        ("Gelu", "com.acme"),
        # what ONNX Runtime has, but no classifier needs: the first opens a file
        ("EPContext", "com.microsoft"),
        ("Tokenizer", "com.microsoft"),
        ("Scaler", "ai.onnx.ml"),
        ("Adam", "ai.onnx.preview.training"),
        ("ATen", "org.pytorch.aten"),
        ("ReorderInput", "com.microsoft.nchwc"),
    ],
)
def test_operators_are_onnxs_own(tmp_path: Path, operator: str, domain: str):
    path = tmp_path / "model.onnx"
    for node in (last(operator, domain), branch(graph_with(last(operator, domain)))):
        classifier_of(path, node, domains=(domain,))
        with pytest.raises(UsageError, match=rf"has the operator '{domain}\.{operator}', which"):
            Classifier(path)


def test_operators_of_a_fused_classifier_are_known(tmp_path: Path):
    path = classifier_of(
        tmp_path / "model.onnx", last("Gelu", "com.microsoft"), domains=("com.microsoft",)
    )
    assert Classifier(path).outputs == 3


def with_functions(path: Path, **bodies: list[onnx.NodeProto]) -> Path:
    """The classifier of `path` with functions of a domain of its own."""
    model = onnx.load(path)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    for name, nodes in bodies.items():
        model.functions.append(helper.make_function("mine", name, ["x"], ["y"], nodes, opsets))
    onnx.save(model, path)
    return path


def test_functions_in_the_file_may_be_used_where_their_domain_is_imported(tmp_path: Path):
    path = classifier_of(tmp_path / "model.onnx", last("f", "mine"), domains=("mine",))
    with pytest.raises(UsageError, match=r"has the operator 'mine\.f'"):
        Classifier(path)
    with_functions(path, f=[helper.make_node("Relu", ["x"], ["y"])])
    assert Classifier(path).outputs == 3
    model = onnx.load(path)
    del model.opset_import[1]
    onnx.save(model, path)
    with pytest.raises(UsageError, match=r"has the operator 'mine\.f'"):
        Classifier(path)


def test_a_function_holds_the_same_operators_as_a_model(tmp_path: Path):
    path = classifier_of(tmp_path / "model.onnx", last("f", "mine"), domains=("mine",))
    with_functions(path, f=[helper.make_node("Read", ["x"], ["y"], domain="com.acme")])
    with pytest.raises(UsageError, match=r"has the operator 'com\.acme\.Read'"):
        Classifier(path)


def test_a_function_that_needs_itself_is_refused(tmp_path: Path):
    path = classifier_of(tmp_path / "model.onnx", last("f", "mine"), domains=("mine",))
    call = {name: helper.make_node(name, ["x"], ["y"], domain="mine") for name in "fg"}
    with_functions(path, f=[branch(graph_with(call["g"]))], g=[call["f"]])
    with pytest.raises(UsageError, match="has functions that call themselves"):
        Classifier(path)


def test_a_function_takes_no_name_of_onnx_runtimes_own(tmp_path: Path):
    path = classifier_of(
        tmp_path / "model.onnx", last("EPContext", "com.microsoft"), domains=("com.microsoft",)
    )
    model = onnx.load(path)
    body = [helper.make_node("Relu", ["x"], ["y"])]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(
        helper.make_function("com.microsoft", "EPContext", ["x"], ["y"], body, opsets)
    )
    onnx.save(model, path)
    with pytest.raises(UsageError, match=r"has a function 'com\.microsoft\.EPContext'"):
        Classifier(path)


@pytest.mark.parametrize("version", [0, 2, 99])
def test_the_version_of_the_format_is_known(make_model: MakeModel, version: int):
    path = make_model(sidecar=COLOURS)
    model = onnx.load(path)
    model.ir_version = version
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match=rf"is of version {version} of the ONNX format, expected"):
        Classifier(path)


def test_an_operator_set_to_come_is_refused(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    model = onnx.load(path)
    model.opset_import[0].version = 999
    onnx.save(model, path)
    with pytest.raises(UsageError, match=r"operator set 999, expected at most \d\d; export"):
        Classifier(path)


def test_two_versions_of_one_operator_set_are_refused(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    model = onnx.load(path)
    model.opset_import.append(helper.make_opsetid("ai.onnx", 12))
    onnx.save(model, path)
    with pytest.raises(UsageError, match="names two versions of the operator set"):
        Classifier(path)


def test_names_that_are_no_text_or_hold_control_codes_are_shown_without_them(tmp_path: Path):
    path = tmp_path / "model.onnx"
    classifier_of(path, last("Read\x1b[2J\u202e", "x"), domains=("x",))
    with pytest.raises(UsageError) as raised:
        Classifier(path)
    assert str(raised.value).isprintable()
    content = path.read_bytes().replace(b"Read", b"\xff\xfe\xfd\xfc")
    path.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        Classifier(path)
    assert str(raised.value).isprintable()


def test_what_a_model_says_of_itself_sets_nothing(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
):
    """ONNX Runtime takes settings from this field where the environment tells it to."""
    path = make_model(sidecar=COLOURS)
    model = onnx.load(path)
    settings = {"session_options": {"enable_profiling": True}}
    helper.set_model_props(model, {"ort_config": json.dumps(settings)})
    onnx.save(model, path)
    monkeypatch.setenv("ORT_LOAD_CONFIG_FROM_MODEL", "1")
    monkeypatch.chdir(path.parent)
    before = set(path.parent.iterdir())
    Classifier(path)
    assert set(path.parent.iterdir()) == before
