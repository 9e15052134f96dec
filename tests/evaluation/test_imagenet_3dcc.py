"""ImageNet-3DCC: what is lost by each severity, over seven corruptions of the same images."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.evaluation.asked import evaluate, refused
from tests.evaluation.material import shared
from tests.evaluation.written import in_training, result

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.evaluation.comparison import compare  # noqa: E402
from videonet.evaluation.imagenet_3dcc import (  # noqa: E402
    CORRUPTIONS,
    PROTOCOL,
    SEVERITIES,
    numbers_of,
)
from videonet.evaluation.result import Value  # noqa: E402

IMAGES = 8


@pytest.fixture(scope="module")
def sources() -> list[Path]:
    return sorted(shared("evaluation/imagenet_sample").glob("*.jpg"))[:IMAGES]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, sources: list[Path]) -> Path:
    """Real images. Of severity s, the first s are those of the class after it."""
    root = tmp_path_factory.mktemp("3dcc")
    for place, path in enumerate(sources):
        write(path, root / "val" / path.stem / "1.JPEG")
        for name in CORRUPTIONS:
            for severity in SEVERITIES:
                shown = sources[(place + (place < severity)) % IMAGES]
                write(shown, root / name / str(severity) / path.stem / "1.jpg")
    return root


def write(source: Path, file: Path) -> None:
    file.parent.mkdir(parents=True)
    shutil.copy(source, file)


@pytest.fixture(scope="module")
def mobilenet() -> Path:
    return shared("models/mobilenetv1_0.25_128_in1k.onnx")


def test_a_drop_is_the_accuracy_of_the_images_less_the_mean_over_corruptions():
    whole = np.array([1.0, 1.0, 1.0, 0.0])
    changed = np.zeros((len(CORRUPTIONS), len(SEVERITIES), 4))
    changed[:, 0] = whole  # the first severity changes nothing
    changed[0, 1] = (1, 1, 0, 0)  # the second: two of seven corruptions leave something
    changed[1, 1] = (1, 0, 0, 0)
    weights = np.array([[1.0, 1, 1, 1], [0, 0, 1, 3]])
    found = {name: each.tolist() for name, each in numbers_of(whole, changed, weights).items()}
    assert found["top1 of the images as they are"] == [0.75, 0.25]
    assert found["drop at severity 1"] == [0, 0]
    assert found["drop at severity 2"] == pytest.approx([0.75 - 0.75 / 7, 0.25])
    assert found["drop at severity 5"] == [0.75, 0.25]
    assert found["drop"] == pytest.approx([(4 * 0.75 - 0.75 / 7) / 5, 0.2])
    assert found["top1 with far_focus 2"] == [0.5, 0]
    assert len(found) == 5 + 2 + 35


def test_real_images_lose_what_was_changed_in_them(data, sources, mobilenet, tmp_path):
    found = evaluate(mobilenet, "imagenet-3dcc", data, tmp_path / "a.json", "--partial")
    items = pq.read_table(tmp_path / found.items)
    # Of the images as they are, which are first.
    decided = dict(zip(sources, items["decision"].to_pylist()[:IMAGES], strict=True))
    names = [path.stem for path in sources]
    clean = np.mean([decided[path] == path.stem for path in sources])
    assert found.numbers["top1 of the images as they are"].value == clean > 0.2
    for severity in SEVERITIES:
        shown = [sources[(at + (at < severity)) % IMAGES] for at in range(IMAGES)]
        right = np.mean([decided[path] == name for path, name in zip(shown, names, strict=True)])
        drop = found.numbers[f"drop at severity {severity}"].value
        assert drop == pytest.approx(clean - right)
    assert found.numbers["drop at severity 5"].value > 0
    assert found.data.counts == {
        "images": IMAGES,
        "classes": IMAGES,
        "corrupted images": 35 * IMAGES,
    }


def test_a_severity_an_image_or_a_class_that_is_missing_stops_it(data, mobilenet, tmp_path):
    root = Path(shutil.copytree(data, tmp_path / "data"))
    asked = (mobilenet, "imagenet-3dcc", root, tmp_path / "a.json", "--partial")
    image = next((root / "flash" / "3").rglob("*.jpg"))
    image.unlink()
    said = refused(*asked)
    assert f"{root}/flash/3 does not hold the images of {root}/val: the first difference" in said
    assert f"is {image.parent.name}/1; all 35 folders should hold the same ones" in said
    shutil.rmtree(root / "flash" / "3")
    assert f"has no folder {root}/flash/3; below --data there should be val/WNID" in refused(*asked)
    (root / "val" / image.parent.name).rename(root / "val" / "dog")
    assert f"{root}/val has a folder dog, which is no class" in refused(*asked)


def test_less_of_a_drop_is_better(tmp_path):
    def losing(low: float, middle: float, high: float):
        values = {each: Value(value=middle, low=low, high=high) for each in PROTOCOL.main}
        return result(evaluation="imagenet_3dcc", protocol=PROTOCOL, numbers=values)

    runs = [
        in_training(tmp_path / "a", losing(0.1, 0.2, 0.25)),
        in_training(tmp_path / "b", losing(0.3, 0.4, 0.5)),
    ]
    rows = compare(runs, with_paper=True).rows
    assert len(rows) == 5
    assert all([each.is_best for each in row.cells] == [True, False] for row in rows)
