"""ImageNet-Vid-Robust, on a whole real set: one anchor with its 20 neighbours."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.evaluation.asked import evaluate, refused
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.evaluation import vid_robust  # noqa: E402

ANCHOR = "val/ILSVRC2015_val_00000000/000442.JPEG"
TURTLES = 26
DUNG_BEETLE = 305


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frames and the metadata, as the evaluation wants them."""
    root = tmp_path_factory.mktemp("vid-robust")
    shutil.copytree(shared("evaluation/vid_robust"), (root / ANCHOR).parent)
    (root / "metadata").mkdir()
    for name in vid_robust.METADATA:
        shutil.copy(shared(f"lists/imagenet-vid-robust_{name}"), root / "metadata" / name)
    return root


@pytest.fixture(scope="module")
def mobilenet() -> Path:
    return shared("models/mobilenetv2_1.0_224_in1k.onnx")


def test_the_real_frames_are_right_though_no_top_class_of_a_thousand_is(data, mobilenet, tmp_path):
    result = evaluate(mobilenet, "vid-robust", data, tmp_path / "a.json", "--partial")
    assert {name: each.value for name, each in result.numbers.items()} == {"pm0": 1, "pm10": 1}
    assert result.data.counts["anchors"] == 1
    assert result.data.counts["neighbours"] == 20
    assert result.data.partial
    items = pq.read_table(tmp_path / result.items)
    assert set(items["decision"].to_pylist()) == {TURTLES}
    assert items["right"].to_pylist() == [True] * 21

    from videonet.evaluation.images import batches
    from videonet.evaluation.opening import How, open_model

    model = open_model(str(mobilenet), How(device="cpu"))
    (images,) = batches(
        [data / name for name in items["frame"].to_pylist()], model.preparation, 32, 0
    )
    top = model.logits(model.normalised(images)).argmax(1)
    assert set(top.tolist()) == {DUNG_BEETLE}


def test_the_metadata_holds_what_the_whole_set_has(data):
    sets = vid_robust._read(data)
    assert len(sets.neighbours) == 1109
    assert sum(map(len, sets.neighbours.values())) == 21_070
    assert (len(sets.merged), len(set(sets.merged.values()))) == (288, 30)
    counts = [len(sets.labels[name]) for name in vid_robust.frames_of(sets.neighbours)]
    assert {each: counts.count(each) for each in set(counts)} == {1: 20_665, 2: 1_463, 3: 51}


def test_one_wrong_neighbour_takes_the_anchor_from_pm10_alone():
    neighbours = {"a": ["b", "c"], "d": []}
    right = {"a": True, "b": False, "c": True, "d": True}
    anchors, around = vid_robust.scores(neighbours, right)
    assert (anchors.tolist(), around.tolist()) == ([1, 1], [0, 1])
    anchors, around = vid_robust.scores(neighbours, right | {"a": False, "b": True})
    assert (anchors.tolist(), around.tolist()) == ([0, 1], [0, 1])


def test_a_class_has_the_largest_of_its_outputs_and_others_do_not_count():
    decide = vid_robust.merging({0: 1, 2: 0, 5: 1}, torch.device("cpu"))
    logits = torch.tensor([[1.0, 99, 3, 99, 99, 2], [1, 99, 3, 99, 99, 4]])
    assert decide(logits).tolist() == [0, 1]


def test_the_merged_classes_are_those_of_a_loop(data):
    merged = vid_robust._read(data).merged
    logits = torch.randn(50, 1000, generator=torch.Generator().manual_seed(0))
    best = [
        max(range(30), key=lambda c: max(row[o] for o, of in merged.items() if of == c))
        for row in logits.tolist()
    ]
    assert vid_robust.merging(merged, torch.device("cpu"))(logits).tolist() == best


def test_a_frame_that_is_missing_stops_it(data, mobilenet, tmp_path):
    said = refused(mobilenet, "vid-robust", data, tmp_path / "a.json")
    assert "22,158 of 22,179 frames are missing, the first is " in said
    assert not (tmp_path / "a.json").exists()


def test_metadata_that_says_something_else_is_a_sentence(data, mobilenet, tmp_path):
    root = Path(shutil.copytree(data, tmp_path / "data"))
    file = root / "metadata" / "labels.json"
    for content in ("[]", "{", json.dumps({ANCHOR: [1]})):
        file.write_text(content)
        said = refused(mobilenet, "vid-robust", root, tmp_path / "a.json", "--partial")
        assert str(root / "metadata") in said
