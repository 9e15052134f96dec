"""videonet.classifier.trial: a model is first opened where it can do no harm."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.classifier.conftest import MakeModel
from tests.classifier.test_contents import classifier_of, with_functions
from tests.classifier.test_model import COLOURS, PREPARATION
from tests.patience import wait_for
from videonet.cage.confinement import can_shut_in
from videonet.classifier import trial
from videonet.classifier.download import Asset
from videonet.classifier.model import Classifier
from videonet.classifier.trial import Limits, limits_for, try_first
from videonet.errors import UsageError

GIGABYTE = 1_000_000_000


def constant(name: str, *values: int) -> onnx.NodeProto:
    return helper.make_node(
        "Constant", [], [name], value=numpy_helper.from_array(np.array(values), name)
    )


def added(name: str) -> list[onnx.NodeProto]:
    """`scores` is `pooled` and the least number of `name`."""
    return [
        helper.make_node("Cast", [name], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMin", ["floats"], ["least"], keepdims=0),
        helper.make_node("Add", ["pooled", "least"], ["scores"]),
    ]


# Some hundred bytes each, for 100 GB and more.
BOMBS = {
    "ConstantOfShape": [
        constant("shape", 200_000, 200_000),
        helper.make_node("ConstantOfShape", ["shape"], ["many"]),
    ],
    "Expand": [
        constant("shape", 200_000, 200_000),
        constant("one", 1),
        helper.make_node("Expand", ["one", "shape"], ["many"]),
    ],
    "Tile": [
        constant("times", 1 << 36),
        constant("one", 1),
        helper.make_node("Tile", ["one", "times"], ["many"]),
    ],
    "Range": [
        *(
            helper.make_node("Constant", [], [name], value_int=value)
            for name, value in (("from", 0), ("to", 1 << 36), ("by", 1))
        ),
        helper.make_node("Range", ["from", "to", "by"], ["many"]),
    ],
    "of the images": [
        # a shape that no optimiser knows beforehand
        helper.make_node("Shape", ["image"], ["size"]),
        constant("factor", 40, 60, 1000, 1000),
        helper.make_node("Mul", ["size", "factor"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["many"]),
    ],
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_model_that_takes_all_memory_is_refused(tmp_path: Path, bomb: str):
    path = classifier_of(tmp_path / "model.onnx", *BOMBS[bomb], *added("many"))
    before = psutil.Process().memory_info().rss
    with pytest.raises(UsageError, match=r"^\S*model\.onnx: .*") as raised:
        Classifier(path)
    assert str(raised.value).isprintable()
    assert psutil.Process().memory_info().rss - before < GIGABYTE / 10


def test_weights_that_are_large_only_when_unpacked_are_refused(tmp_path: Path):
    path = classifier_of(tmp_path / "model.onnx", *added("many"))
    model = onnx.load(path)
    model.graph.sparse_initializer.append(
        onnx.SparseTensorProto(
            values=numpy_helper.from_array(np.ones(1, np.float32), "many"),
            indices=numpy_helper.from_array(np.zeros(1, np.int64), "places"),
            dims=[1 << 36],
        )
    )
    onnx.save(model, path)
    with pytest.raises(UsageError, match=r"model\.onnx: "):
        Classifier(path)


def test_a_file_that_is_large_only_when_it_is_parsed_is_refused(tmp_path: Path):
    """40 MB of empty nodes, two bytes each."""
    content = onnx.ModelProto(graph=onnx.GraphProto(node=[onnx.NodeProto()])).SerializeToString()
    assert content.endswith(b"\n\0")
    nodes = b"\n\0" * 20_000_000
    head = onnx.ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 17)])
    length, size = b"", len(nodes)
    while size:
        length += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
    content = head.SerializeToString() + b":" + length + nodes
    with pytest.raises(UsageError, match=r"model\.onnx: "):
        try_first(tmp_path / "model.onnx", content, PREPARATION, Limits(memory=GIGABYTE))


def without_end(path: Path) -> Path:
    """A classifier with a loop that never ends."""
    yes = helper.make_tensor_value_info("yes", TensorProto.BOOL, [])
    turn = helper.make_tensor_value_info("turn", TensorProto.INT64, [])
    value = helper.make_tensor_value_info("value", TensorProto.FLOAT, None)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["yes"], ["still"]),
            helper.make_node("Cos", ["value"], ["next"]),
        ],
        "body",
        [turn, yes, value],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    start = numpy_helper.from_array(np.array(True), "start")
    return classifier_of(
        path,
        helper.make_node("Constant", [], ["start"], value=start),
        helper.make_node("Loop", ["", "start", "pooled"], ["scores"], body=body),
    )


def test_a_model_that_never_ends_is_refused(tmp_path: Path):
    path = without_end(tmp_path / "model.onnx")
    limits = Limits(memory=8 * GIGABYTE, processor=3)
    with pytest.raises(UsageError, match=r"its first run.* took more than 3 s of a processor; no"):
        try_first(path, path.read_bytes(), PREPARATION, limits)
    limits = Limits(memory=8 * GIGABYTE, wall=3)
    with pytest.raises(UsageError, match=r"its first run.* took more than 3 s; no classifier"):
        try_first(path, path.read_bytes(), PREPARATION, limits)
    assert not trials()


def test_a_classifier_has_its_model_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trial, "limits_for", lambda _: Limits(memory=8 * GIGABYTE, processor=3))
    with pytest.raises(UsageError, match="took more than 3 s of a processor"):
        Classifier(without_end(tmp_path / "model.onnx"))


def test_functions_that_call_each_other_many_times_are_refused(tmp_path: Path):
    """2 to the 40th nodes, once written out."""
    path = classifier_of(
        tmp_path / "model.onnx",
        helper.make_node("f0", ["pooled"], ["scores"], domain="mine"),
        domains=("mine",),
    )
    bodies = {
        f"f{n}": [
            helper.make_node(f"f{n + 1}", ["x"], ["a"], domain="mine"),
            helper.make_node(f"f{n + 1}", ["a"], ["y"], domain="mine"),
        ]
        for n in range(40)
    }
    with_functions(path, **bodies, f40=[helper.make_node("Relu", ["x"], ["y"])])
    limits = Limits(memory=2 * GIGABYTE, processor=3)
    with pytest.raises(UsageError, match=r"model\.onnx: its first run"):
        try_first(path, path.read_bytes(), PREPARATION, limits)


def test_a_model_that_passed_is_not_tried_again(make_model: MakeModel, cache: Path):
    (cache / "tried-models").unlink()
    path = make_model(sidecar=COLOURS)
    Classifier(path)
    (passed,) = (cache / "tried-models").iterdir()
    # Were it tried, it would be refused.
    nothing = Limits(memory=1, processor=1)
    try_first(path, path.read_bytes(), PREPARATION, nothing)
    passed.unlink()
    # Without memory, the first library that wants some says so in its own words.
    with pytest.raises(UsageError, match=r"model\.onnx: its first run"):
        try_first(path, path.read_bytes(), PREPARATION, nothing)


def test_another_size_of_image_is_another_trial(make_model: MakeModel, cache: Path):
    (cache / "tried-models").unlink()
    for size in ([4, 6], [8, 8]):
        Classifier(make_model(image=("N", 3, "H", "W"), sidecar=COLOURS | {"input_size": size}))
    assert len(list((cache / "tried-models").iterdir())) == 2


def test_a_model_that_was_refused_is_not_remembered(tmp_path: Path, cache: Path):
    (cache / "tried-models").unlink()
    path = classifier_of(tmp_path / "model.onnx", *BOMBS["Tile"], *added("many"))
    for _ in range(2):
        with pytest.raises(UsageError):
            Classifier(path)
    assert not (cache / "tried-models").exists()


def test_a_cache_that_cannot_be_written_does_no_harm(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VIDEONET_CACHE", "/proc/none")
    assert Classifier(make_model(sidecar=COLOURS)).outputs == 3


def test_the_default_classifier_needs_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    content = b"pinned by its digest"
    pinned = Asset(name="r", url_path="r", bytes=20, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(trial, "RESNET50", pinned)
    try_first(tmp_path / "r.onnx", content, PREPARATION, Limits(memory=1, processor=1))


def test_the_process_of_a_trial_writes_no_file_and_imports_nothing_from_here(
    make_model: MakeModel, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    (cache / "tried-models").unlink()
    path = make_model(sidecar=COLOURS)
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "onnx.py").write_text("raise SystemExit('a file of the working directory')")
    monkeypatch.chdir(folder)
    try_first(path, path.read_bytes(), PREPARATION)
    assert [each.name for each in folder.iterdir()] == ["onnx.py"]


def test_an_honest_model_has_room():
    assert limits_for(100_000_000).memory == 8_800_000_000


def test_a_run_with_a_bomb_ends_with_one_sentence(tmp_path: Path):
    path = classifier_of(tmp_path / "model.onnx", *BOMBS["Expand"], *added("many"))
    command = [str(Path(sys.executable).with_name("videonet")), "targets", "imagenet1k"]
    ended = subprocess.run(
        [*command, "--classifier", str(path)], capture_output=True, text=True, env=os.environ
    )
    assert ended.returncode == 2, ended.stderr
    assert "model.onnx" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert json.loads(path.with_suffix(".json").read_text()) == COLOURS


def trials() -> list[psutil.Process]:
    """Those of this process that go on."""
    return [each for each in psutil.Process().children() if "trial" in " ".join(each.cmdline())]


def statuses(process: psutil.Process) -> list[str]:
    """What the system says of each thread."""
    try:
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        return [(each / "status").read_text() for each in tasks]
    except OSError:
        return []


@pytest.mark.skipif(not can_shut_in(), reason="this system shuts no process in")
def test_a_model_runs_where_no_file_and_no_secret_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("A_SECRET", "hunter2")
    path = without_end(tmp_path / "model.onnx")
    limits = Limits(memory=8 * GIGABYTE, processor=60)
    begun: list[psutil.Process] = []

    def is_shut_in() -> bool:
        begun[:] = trials()
        return any("Seccomp:\t2" in status for each in begun for status in statuses(each))

    with ThreadPoolExecutor(1) as pool:
        refused = pool.submit(try_first, path, path.read_bytes(), PREPARATION, limits)
        try:
            wait_for(is_shut_in)
            (process,) = begun
            threads = statuses(process)
            # For root alone; nobody else may look.
            with suppress(PermissionError):
                assert b"hunter2" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        finally:
            for each in begun:
                each.kill()
        with pytest.raises(UsageError, match="crashed"):
            refused.result()
    assert all("Seccomp:\t2" in status for status in threads)
