"""videonet.classifier.sidecar: the JSON file beside an ONNX file."""

import json
from pathlib import Path

import pytest

from videonet.classifier.sidecar import Sidecar, parse_sidecar, sidecar_content
from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.targets.imagenet import IMAGENET_LISTS, imagenet_labels

WHOLE = {
    "labels": [{"wnid": "n02121808", "name": "cat"}, {"wnid": None, "name": "toaster oven"}],
    "input_size": [32, 48],
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
}


def write(folder: Path, text: str) -> Path:
    (folder / "model.json").write_text(text)
    return folder / "model.onnx"


def read_sidecar(model: Path) -> Sidecar | None:
    content = sidecar_content(model)
    return None if content is None else parse_sidecar(model, content)


def test_it_says_labels_size_mean_and_std(tmp_path: Path):
    sidecar = read_sidecar(write(tmp_path, json.dumps(WHOLE)))
    assert sidecar is not None
    assert sidecar.labels[0] == Label(wnid="n02121808", name="cat")
    assert sidecar.labels[1].wnid is None
    assert sidecar.input_size == (32, 48)
    assert (sidecar.mean, sidecar.std) == ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@pytest.mark.parametrize("name", IMAGENET_LISTS)
def test_a_list_of_imagenets_may_stand_for_its_labels(tmp_path: Path, name: str):
    sidecar = read_sidecar(write(tmp_path, json.dumps(WHOLE | {"labels": name})))
    assert sidecar is not None
    assert sidecar.label_of_each == imagenet_labels(name)


def test_there_need_not_be_one(tmp_path: Path):
    assert read_sidecar(tmp_path / "model.onnx") is None


@pytest.mark.parametrize("field", WHOLE)
def test_a_missing_field_is_named(tmp_path: Path, field: str):
    rest = {name: value for name, value in WHOLE.items() if name != field}
    with pytest.raises(UsageError, match=rf"model\.json: .*missing.*`{field}`"):
        read_sidecar(write(tmp_path, json.dumps(rest)))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"meen": [0, 0, 0]}, "meen"),
        ({"mean": [0.5, 0.5]}, r"\$\.mean"),
        ({"mean": [0.5, 0.5, "0.5"]}, r"\$\.mean\[2\]"),
        ({"std": [0.25, 0, 0.25]}, r"\$\.std\[1\]"),
        ({"input_size": 224}, r"\$\.input_size"),
        ({"input_size": [100_000, 224]}, r"\$\.input_size\[0\]"),
        ({"input_size": [224, 0]}, r"\$\.input_size\[1\]"),
        ({"labels": ["cat", "dog"]}, r"\$\.labels\[0\]"),
        ({"labels": [{"wnid": None, "name": "the only one"}]}, r"\$\.labels"),
        ({"labels": "imagenet2k"}, r"\$\.labels"),
        ({"sigmoid_threshold": 1}, r"\$\.sigmoid_threshold"),
    ],
)
def test_an_unknown_or_wrong_field_is_named(tmp_path: Path, change: dict[str, object], named: str):
    with pytest.raises(UsageError, match=rf"model\.json: .*{named}.*it should read"):
        read_sidecar(write(tmp_path, json.dumps(WHOLE | change)))


@pytest.mark.parametrize("text", ["", "labels: cat", '{"labels":', "[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, text: str):
    with pytest.raises(UsageError, match=r"model\.json: .*it should read"):
        read_sidecar(write(tmp_path, text))


def test_one_that_has_no_end_is_not_read_to_its_end(tmp_path: Path):
    (tmp_path / "model.json").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=r"model\.json: it has more than 16,000,000 bytes"):
        read_sidecar(tmp_path / "model.onnx")
