"""The graph that takes frames as bytes: it says what the model says, and is made once."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from demo.drawing import Scene
from demo.train_classifier import MODEL
from tests.classifier.conftest import MakeModel
from tests.classifier.test_model import COLOURS, HAS_GPU, MOBILENET_V1, MOBILENET_V2, plain
from videonet.classifier.model import Classifier
from videonet.video.decode import first_frames


def link(model: Path, folder: Path) -> Path:
    """The model under a name in `folder`, with its JSON file."""
    (folder / model.name).symlink_to(model)
    if model.with_suffix(".json").exists():
        (folder / model.name).with_suffix(".json").symlink_to(model.with_suffix(".json"))
    return folder / model.name


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.uint8.onnx"))


def answers_of_the_model(
    path: Path, frames: NDArray[np.uint8], mean, std, provider: str = "CPUExecutionProvider"
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Top-1 and softmax of the model as it is, frame by frame, on floats that are made here."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=[provider])
    scale = (1 / (255 * np.array(std))).astype(np.float32)
    bias = (-np.array(mean) / np.array(std)).astype(np.float32)
    top1, probability = [], []
    for frame in frames:
        image = (frame.astype(np.float32) * scale + bias).transpose(2, 0, 1)[None]
        (scores,) = session.run(None, {session.get_inputs()[0].name: image})[0]
        powers = np.exp(scores - scores.max(), dtype=np.float64)
        top1.append(scores.argmax())
        probability.append(np.float32(powers.max() / powers.sum()))
    return np.array(top1), np.array(probability)


@pytest.fixture(scope="module")
def drawn() -> NDArray[np.uint8]:
    """Frames of the demo's classifier's size: drawings, and noise."""
    kinds = ("balloon", "lighthouse", "mushroom", "scenery")
    scenes = [Scene(kind, (64, 64), seed) for kind in kinds for seed in range(3)]
    pictures = [np.asarray(scene.frame(time)) for scene in scenes for time in (0, 3)]
    noise = np.random.default_rng(0).integers(0, 256, (7, 64, 64, 3), np.uint8)
    return np.concatenate([np.stack(pictures), noise])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier(link(MODEL, tmp_path_factory.mktemp("demo")))


# What it says


def test_it_says_to_the_last_bit_what_the_model_says_of_floats(demo: Classifier, drawn):
    expected = answers_of_the_model(MODEL, drawn, demo.mean, demo.std)
    np.testing.assert_array_equal(np.array(demo.classify(drawn)), np.array(expected))
    assert len(set(expected[0])) > 3


def test_what_is_said_of_a_frame_does_not_depend_on_the_others(demo: Classifier, drawn):
    together = np.array(demo.classify(drawn))
    alone = np.hstack([demo.classify(frame[None]) for frame in drawn])
    np.testing.assert_array_equal(alone, together)
    order = np.random.default_rng(0).permutation(len(drawn))
    np.testing.assert_array_equal(np.array(demo.classify(drawn[order])), together[:, order])


@pytest.mark.parametrize(("model", "size"), [(MOBILENET_V2, 8), (MOBILENET_V1, 24)])
def test_it_says_of_real_frames_what_the_model_says(
    shared: Path, tmp_path: Path, model: str, size: int
):
    classifier = Classifier(link(shared / model, tmp_path))
    videos = sorted(each for each in (shared / "videos").iterdir() if each.suffix == ".mp4")
    chosen = videos[:: len(videos) // size][:size]
    images = [first_frames(each, 2, classifier.resize, classifier.crop).images for each in chosen]
    frames = np.concatenate(images)
    expected = answers_of_the_model(shared / model, frames, classifier.mean, classifier.std)
    np.testing.assert_array_equal(np.array(classifier.classify(frames)), np.array(expected))


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="there is no GPU")
def test_it_says_on_a_gpu_what_the_model_says(shared: Path, tmp_path: Path):
    classifier = Classifier(link(shared / MOBILENET_V2, tmp_path), device="cuda")
    video = shared / "videos/samtrack_blackswan.mp4"
    frames = first_frames(video, 40, classifier.resize, classifier.crop).images
    top1, probability = answers_of_the_model(
        shared / MOBILENET_V2,
        frames,
        classifier.mean,
        classifier.std,
        "CUDAExecutionProvider",
    )
    seen, sure = classifier.classify(frames)
    assert seen.tolist() == top1.tolist()
    # The batch is another, and cuDNN chooses its algorithms by it.
    np.testing.assert_allclose(sure, probability, atol=1e-3)


# Repeated frames


@given(st.lists(st.integers(0, 2), max_size=25))
def test_a_frame_that_equals_the_one_before_it_is_classified_once(demo, drawn, pictures):
    frames = drawn[pictures]
    alone = [demo.classify(frame[None]) for frame in frames]
    before = demo.frames_classified
    top1, probability = demo.classify(frames)
    changes = sum(now != last for last, now in zip([None, *pictures], pictures, strict=False))
    assert demo.frames_classified - before == changes
    assert top1.tolist() == [each for ((each,), _) in alone]
    assert probability.tolist() == [each for (_, (each,)) in alone]


@pytest.mark.parametrize("place", [(0, 0, 0), (32, 17, 2), (63, 63, 1)])
def test_one_pixel_makes_another_frame(demo: Classifier, drawn, place: tuple[int, int, int]):
    frames = np.stack([drawn[0]] * 3)
    frames[1][place] += 1
    before = demo.frames_classified
    demo.classify(frames)
    assert demo.frames_classified - before == 3


# Odd models


@pytest.mark.parametrize(
    "image", [("N", "C", 4, 6), (None, 3, "H", "W"), (1, 3, 4, 6), (7, None, 4, None)]
)
def test_a_model_whose_dimensions_are_free_or_fixed_works(make_model: MakeModel, image):
    classifier = Classifier(make_model(image=image, sidecar=COLOURS))
    assert classifier.batch == (image[0] if isinstance(image[0], int) else 2)
    top1, _ = classifier.classify(plain((9, 0, 0), (0, 9, 0), (0, 0, 9)))
    assert top1.tolist() == [0, 1, 2]


def test_a_model_of_an_old_kind_whose_weights_are_inputs_works(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    model = onnx.load(path)
    model.ir_version = 3
    weights = helper.make_tensor_value_info("weights", TensorProto.FLOAT, [3, 3])
    model.graph.input.insert(0, weights)
    onnx.save(model, path)
    top1, _ = Classifier(path).classify(plain((9, 0, 0), (0, 9, 0)))
    assert top1.tolist() == [0, 1]


# Where it is kept


def test_it_is_made_once_beside_the_model(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    path.chmod(0o640)
    Classifier(path)
    (file,) = kept(path.parent)
    first = file.stat()
    assert first.st_mode == path.stat().st_mode
    Classifier(path)
    assert kept(path.parent) == [file]
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)


def test_it_is_the_kept_graph_that_answers(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    Classifier(path)
    (file,) = kept(path.parent)
    graph = onnx.load(file)
    (weights,) = (each for each in graph.graph.initializer if each.name == "weights")
    swapped = np.eye(3, dtype=np.float32)[:, [1, 0, 2]]
    weights.CopyFrom(onnx.numpy_helper.from_array(swapped, "weights"))
    onnx.save(graph, file)
    assert Classifier(path).classify(plain((9, 0, 0)))[0] == [1]


def test_another_model_mean_or_std_never_meets_it(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    frame = plain((51, 102, 153))
    before = Classifier(path).classify(frame)
    for changed in ({"mean": [0.0, 0.5, 1]}, {"std": [1, 1, 0.5]}):
        path.with_suffix(".json").write_text(json.dumps(COLOURS | changed))
        assert Classifier(path).classify(frame)[1] != before[1]
    assert len(kept(path.parent)) == 3
    make_model("GlobalAveragePool", "Flatten", "Neg", sidecar=COLOURS)
    assert Classifier(path).classify(frame)[0] != before[0]
    assert len(kept(path.parent)) == 4


def test_a_broken_one_is_made_anew(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    Classifier(path)
    (file,) = kept(path.parent)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert Classifier(path).classify(plain((0, 9, 0)))[0] == [1]
    assert file.read_bytes() == whole


def test_many_at_once_leave_one(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: Classifier(path).classify(plain((0, 9, 0)))[0], range(16))
        assert [each.tolist() for each in answers] == [[1]] * 16
    assert {each.name for each in path.parent.iterdir() if each != path} == {
        "model.json",
        *(each.name for each in kept(path.parent)),
    }
    assert len(kept(path.parent)) == 1


def test_it_is_in_the_cache_folder_where_the_models_folder_is_read_only(
    make_model: MakeModel, cache: Path
):
    path = make_model(sidecar=COLOURS)
    path.parent.chmod(0o555)
    try:
        Classifier(path)
        assert not kept(path.parent)
        (file,) = kept(cache)
        written = file.stat().st_mtime_ns
        Classifier(path)
        assert file.stat().st_mtime_ns == written
    finally:
        path.parent.chmod(0o755)


def test_it_is_nowhere_but_in_memory_where_nothing_can_be_written(
    make_model: MakeModel, tmp_path_factory: pytest.TempPathFactory, monkeypatch
):
    path = make_model(sidecar=COLOURS)
    file = tmp_path_factory.mktemp("full") / "file"
    file.touch()
    monkeypatch.setenv("VIDEONET_CACHE", os.fspath(file))
    path.parent.chmod(0o555)
    try:
        assert Classifier(path).classify(plain((0, 9, 0)))[0] == [1]
        assert not kept(path.parent)
    finally:
        path.parent.chmod(0o755)
