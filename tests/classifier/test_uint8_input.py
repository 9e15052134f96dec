"""The graph that takes frames as bytes: it says what the model says, and is made in memory."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
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
from videonet.classifier.onnx_runtime import onnxruntime as ort
from videonet.classifier.onnx_session import image_input
from videonet.classifier.uint8_input import with_uint8_input
from videonet.files import sha256_of
from videonet.video.decode import first_frames


def link(model: Path, folder: Path) -> Path:
    """The model under a name in `folder`, with its JSON file."""
    (folder / model.name).symlink_to(model)
    if model.with_suffix(".json").exists():
        (folder / model.name).with_suffix(".json").symlink_to(model.with_suffix(".json"))
    return folder / model.name


def former_places(model: Path, cache: Path) -> list[Path]:
    """Where version 0.1.0 kept this graph, and opened it without a look at its content."""
    sidecar = json.loads(model.with_suffix(".json").read_bytes())
    mean, std = (list(map(float, sidecar[name])) for name in ("mean", "std"))
    sha256 = sha256_of(model)
    depends = {"version": 1, "sha256": sha256, "mean": mean, "std": std}
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:12]
    name = f"{model.stem}.{key}.uint8.onnx"
    return [model.with_name(name), cache / name]


def files(*folders: Path) -> dict[Path, bytes]:
    """All files in these folders, and what they hold."""
    return {
        each: each.read_bytes()
        for folder in folders
        for each in folder.rglob("*")
        if each.is_file()
    }


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


# Nothing but the model's own file


def test_opening_a_model_leaves_no_file(make_model: MakeModel, cache: Path):
    path = make_model(sidecar=COLOURS)
    before = files(path.parent, cache)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: Classifier(path).classify(plain((0, 9, 0)))[0], range(16))
        assert [each.tolist() for each in answers] == [[1]] * 16
    assert files(path.parent, cache) == before


def test_a_model_opens_where_nothing_can_be_written(
    make_model: MakeModel, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    path = make_model(sidecar=COLOURS)
    file = tmp_path_factory.mktemp("full") / "file"
    file.touch()
    monkeypatch.setenv("VIDEONET_CACHE", os.fspath(file))
    path.parent.chmod(0o555)
    try:
        assert Classifier(path).classify(plain((0, 9, 0)))[0] == [1]
    finally:
        path.parent.chmod(0o755)


@pytest.mark.parametrize("place", [0, 1], ids=["beside the model", "in the cache folder"])
def test_a_graph_that_an_older_version_kept_answers_no_more(
    make_model: MakeModel, cache: Path, place: int
):
    path = make_model(sidecar=COLOURS)
    model = onnx.load(path)
    (weights,) = (each for each in model.graph.initializer if each.name == "weights")
    swapped = np.eye(3, dtype=np.float32)[:, [1, 0, 2]]
    weights.CopyFrom(onnx.numpy_helper.from_array(swapped, "weights"))
    graph = with_uint8_input(model, image_input(path, model), (0, 0, 0), (1, 1, 1))
    session = ort.InferenceSession(graph)
    assert session.run(None, {session.get_inputs()[0].name: plain((9, 0, 0))})[0].argmax() == 1
    former_places(path, cache)[place].write_bytes(graph)
    before = files(path.parent, cache)
    assert Classifier(path).classify(plain((9, 0, 0)))[0] == [0]
    assert files(path.parent, cache) == before


def test_another_model_mean_or_std_makes_another_graph(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    frame = plain((51, 102, 153))
    before = Classifier(path).classify(frame)
    for changed in ({"mean": [0.0, 0.5, 1]}, {"std": [1, 1, 0.5]}):
        path.with_suffix(".json").write_text(json.dumps(COLOURS | changed))
        assert Classifier(path).classify(frame)[1] != before[1]
    make_model("GlobalAveragePool", "Flatten", "Neg", sidecar=COLOURS)
    assert Classifier(path).classify(frame)[0] != before[0]
