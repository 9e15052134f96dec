"""One open classifier for all runs of a process, as long as its files are what they were."""

import json
import os
from pathlib import Path

import pytest

from tests.classifier.conftest import MakeModel
from videonet.classifier.shared import shared_classifier
from videonet.errors import UsageError

LABELS = [{"wnid": None, "name": name} for name in ("red", "green", "blue")]
SIDECAR = {"labels": LABELS, "input_size": [4, 6], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


def test_the_same_file_is_opened_once(make_model: MakeModel):
    model = str(make_model(sidecar=SIDECAR))
    first = shared_classifier(model, "cpu")
    assert shared_classifier(model, "cpu") is first
    assert first.threads == 1


def test_a_file_that_was_replaced_is_opened_again(make_model: MakeModel):
    model = make_model(sidecar=SIDECAR)
    first, before = shared_classifier(str(model), "cpu"), model.stat()
    make_model("Neg", "GlobalAveragePool", "Flatten", "MatMul", sidecar=SIDECAR)
    # As where a file system counts time in seconds.
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = shared_classifier(str(model), "cpu")
    assert second.sha256 != first.sha256


def test_what_the_json_file_says_is_heeded_when_it_changes(make_model: MakeModel):
    model = make_model(sidecar=SIDECAR)
    first = shared_classifier(str(model), "cpu")
    model.with_suffix(".json").write_text(json.dumps(SIDECAR | {"mean": [0.1, 0.1, 0.1]}))
    assert shared_classifier(str(model), "cpu").mean == (0.1, 0.1, 0.1)
    assert first.mean == (0.5, 0.5, 0.5)


def test_a_file_that_is_not_there_is_no_classifier(tmp_path: Path):
    for _ in range(2):
        with pytest.raises(UsageError, match="cannot be read"):
            shared_classifier(str(tmp_path / "none.onnx"), "cpu")
