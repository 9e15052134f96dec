"""demo/classifier.onnx: small, and right about drawings that it has never seen."""

import json
from pathlib import Path

import av
import numpy as np
import onnx
import pytest

from demo.drawing import KINDS, SCENERY, draw_video
from demo.encoding import Encoding
from demo.train_classifier import MODEL, SIZE, junk_frames, prepare
from videonet.classifier.onnx_runtime import onnxruntime


def classify(images: np.ndarray) -> np.ndarray:
    """Logits [N, classes] of prepared frames [N, SIZE, SIZE, 3]."""
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": np.ascontiguousarray(images.transpose(0, 3, 1, 2))})
    return logits


def test_it_is_small_enough_to_live_in_the_repository():
    assert MODEL.stat().st_size < 500_000


def test_any_runtime_of_the_last_years_can_read_it():
    model = onnx.load(MODEL)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert model.opset_import[0].version == 17


def test_its_card_says_what_goes_in_and_what_comes_out():
    card = json.loads(MODEL.with_suffix(".json").read_text())
    assert [each["name"] for each in card["labels"]] == list(KINDS)
    assert card["input_size"] == [SIZE, SIZE]
    assert len(card["mean"]) == len(card["std"]) == 3


@pytest.mark.parametrize("count", [1, 5])
def test_a_batch_has_any_number_of_frames(count: int):
    assert classify(junk_frames(count)).shape == (count, len(KINDS))


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_it_is_right_about_97_of_100_frames_of_unseen_videos(tmp_path: Path, codec):
    right = []
    for label, kind in enumerate(KINDS):
        for seed in range(4):
            path = tmp_path / f"{kind}-{seed}.mkv"
            draw_video(path, kind, 4, size=(240, 180), seed=seed, encoding=Encoding(codec))
            with av.open(str(path)) as file:
                images = np.stack([prepare(each.to_image()) for each in file.decode(video=0)])
            right.extend(classify(images).argmax(axis=1) == label)
    assert np.mean(right) >= 0.97


def test_it_sees_no_subject_in_plain_colours_and_noise():
    assert set(classify(junk_frames(200)).argmax(axis=1)) == {KINDS.index(SCENERY)}
