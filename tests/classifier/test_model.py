"""videonet.classifier: top-1 and probability of frames, and which files it takes."""

import importlib
import itertools
import json
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from tests.classifier.conftest import MakeModel
from videonet.classifier import onnx_session
from videonet.classifier.model import Classifier, describe, load_classifier
from videonet.classifier.opened import OpenModel
from videonet.classifier.sidecar import Preparation
from videonet.errors import UsageError
from videonet.files import sha256_of
from videonet.schemas.manifest import ClassifierCard

COLOURS = {
    "labels": [{"wnid": None, "name": name} for name in ("red", "green", "blue")],
    "input_size": [4, 6],
    "mean": [0, 0, 0],
    "std": [1, 1, 1],
}
PREPARATION = Preparation(input_size=(4, 6), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
LOGITS = ("GlobalAveragePool", "Flatten")
MOBILENET_V2 = "models/mobilenetv2_1.0_224_in1k.onnx"
MOBILENET_V1 = "models/mobilenetv1_0.25_128_in1k.onnx"
HAS_GPU = Path("/dev/nvidiactl").exists()


def plain(*colours: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Frames of 4 x 6 pixels, each of one colour."""
    return np.broadcast_to(np.array(colours, np.uint8)[:, None, None], (len(colours), 4, 6, 3))


def first_frames(video: Path, classifier: Classifier, count: int) -> NDArray[np.uint8]:
    with av.open(str(video)) as container:
        images = [f.to_image() for f in itertools.islice(container.decode(video=0), count)]
    scale = classifier.resize / min(images[0].size)
    width, height = (round(scale * side) for side in images[0].size)
    top, left = (height - classifier.crop[0]) // 2, (width - classifier.crop[1]) // 2
    centre = (left, top, left + classifier.crop[1], top + classifier.crop[0])
    resized = (image.resize((width, height), Image.Resampling.BILINEAR) for image in images)
    return np.stack([np.asarray(image.crop(centre)) for image in resized])


# What it says of a frame


def test_top1_is_the_highest_output_and_its_probability_the_softmax(make_model: MakeModel):
    classifier = load_classifier(str(make_model(sidecar=COLOURS)))
    top1, probability = classifier.classify(plain((255, 0, 0), (0, 51, 102)))
    assert [classifier.labels[each].name for each in top1] == ["red", "blue"]
    assert probability == pytest.approx(
        [math.e / (math.e + 2), math.exp(0.4) / (1 + math.exp(0.2) + math.exp(0.4))]
    )
    assert (top1.dtype, probability.dtype) == (np.int64, np.float32)


def test_values_from_0_to_1_are_normalised_with_mean_and_std(make_model: MakeModel):
    sidecar = COLOURS | {"mean": [0.5, 0.25, 0], "std": [0.25, 0.5, 2]}
    classifier = load_classifier(str(make_model(sidecar=sidecar)))
    (top1,), (probability,) = classifier.classify(plain((51, 102, 153)))
    scores = np.exp([(0.2 - 0.5) / 0.25, (0.4 - 0.25) / 0.5, 0.6 / 2])
    assert top1 == scores.argmax()
    assert probability == pytest.approx(scores.max() / scores.sum())


def test_probabilities_of_a_model_that_ends_in_a_softmax_are_taken_as_they_are(
    make_model: MakeModel,
):
    frames = plain((255, 0, 0), (0, 51, 102), (9, 8, 7))
    logits = Classifier(make_model(*LOGITS, sidecar=COLOURS))
    expected = logits.classify(frames)
    probabilities = Classifier(make_model(*LOGITS, "Softmax", "Identity", sidecar=COLOURS))
    assert (logits.gives_probabilities, probabilities.gives_probabilities) == (False, True)
    np.testing.assert_allclose(probabilities.classify(frames), expected, rtol=1e-6)


def test_large_scores_do_not_overflow(make_model: MakeModel):
    classifier = Classifier(make_model(sidecar=COLOURS | {"std": [1e-4, 1e-4, 1e-4]}))
    assert classifier.classify(plain((255, 0, 0)))[1] == [1]


def test_no_frames_give_no_answers(make_model: MakeModel):
    classifier = Classifier(make_model(sidecar=COLOURS))
    top1, probability = classifier.classify(np.empty((0, 4, 6, 3), np.uint8))
    assert top1.shape == probability.shape == (0,)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 6, 4, 3), np.uint8),
        np.zeros((2, 3, 4, 6), np.uint8),
        np.zeros((4, 6, 3), np.uint8),
        np.zeros((2, 4, 6, 3), np.float32),
    ],
)
def test_frames_of_another_shape_or_type_are_an_error(
    make_model: MakeModel, frames: NDArray[np.uint8]
):
    with pytest.raises(ValueError, match=r"expected uint8 \[N, 4, 6, 3\]"):
        Classifier(make_model(sidecar=COLOURS)).classify(frames)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_model_of_a_fixed_batch_size_always_gets_full_batches(make_model: MakeModel, batch: int):
    classifier = Classifier(make_model(image=(batch, 3, 4, 6), sidecar=COLOURS))
    assert classifier.batch == batch
    assert classifier.classify(plain((9, 0, 0), (0, 9, 0), (0, 0, 9)))[0].tolist() == [0, 1, 2]


def test_frames_are_counted_and_padding_is_not(make_model: MakeModel):
    classifier = Classifier(make_model(sidecar=COLOURS))
    assert classifier.frames_classified == 0
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(classifier.classify, [plain((1, 2, 3))] * 50))
    assert classifier.frames_classified == 50


# What it is


def test_a_thousand_outputs_are_imagenet_by_default(make_model: MakeModel):
    classifier = Classifier(make_model(outputs=1000))
    assert len(classifier.labels) == classifier.outputs == 1000
    assert classifier.labels[0].wnid == "n01440764"
    assert classifier.labels[999].wnid == "n15075141"
    assert classifier.mean == (0.485, 0.456, 0.406)
    assert classifier.std == (0.229, 0.224, 0.225)
    assert classifier.crop == (4, 6)


def test_the_size_of_a_model_that_takes_any_is_in_its_json_file(make_model: MakeModel):
    path = make_model(image=("N", 3, "H", "W"), sidecar=COLOURS | {"input_size": [8, 16]})
    classifier = Classifier(path)
    assert (classifier.crop, classifier.resize) == ((8, 16), 18)


def test_its_card_is_what_the_manifest_says_of_it(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    assert Classifier(path).card == ClassifierCard(
        name="model", sha256=sha256_of(path), input_size=(4, 6), outputs=3
    )


def test_its_settings_change_with_all_that_changes_its_answers(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    before = Classifier(path).settings
    assert Classifier(path, threads=2).settings == before | {"threads": 2}
    make_model(sidecar=COLOURS | {"std": [1, 2, 0.5]})
    assert Classifier(path).settings == before | {"std": "1.0 2.0 0.5"}


def test_its_description_says_where_each_thing_comes_from(make_model: MakeModel):
    path = make_model(outputs=1000)
    default = describe(str(path))
    assert default["sha256"] == sha256_of(path)
    assert default["input"] == "image: tensor(float) ['N', 3, 4, 6]"
    assert default["labels"].startswith("1000: tench, goldfish, ")
    assert default["mean"] == "0.485 0.456 0.406 (ImageNet by default)"
    assert default["crop"] == "4 x 6 pixels (size of the input)"
    assert default["resize"].startswith("short side to 7 pixels")
    assert default["provider"] == "CPUExecutionProvider"
    given = describe(str(make_model(sidecar=COLOURS)))
    assert given["labels"] == "3: red, green, blue, ... (model.json)"
    assert given["mean"] == "0.0 0.0 0.0 (model.json)"


def test_it_is_not_sent_to_another_process(make_model: MakeModel):
    with pytest.raises(TypeError, match="call load_classifier there"):
        pickle.dumps(Classifier(make_model(sidecar=COLOURS)))


# Which files it refuses


@pytest.mark.parametrize(
    ("image", "kind", "said"),
    [
        (("N", 72), TensorProto.FLOAT, r"\['N', 72\], expected"),
        (("N", 1, 4, 6), TensorProto.FLOAT, r"\['N', 1, 4, 6\], expected"),
        (("N", 4, 6, 3), TensorProto.FLOAT, r"\['N', 4, 6, 3\] \(channels last\), expected"),
        (("N", 3, 4, 6), TensorProto.UINT8, r"tensor\(uint8\) .*, expected tensor\(float\)"),
        (("N", 3, 4, 6), TensorProto.DOUBLE, r"tensor\(double\) .*, expected tensor\(float\)"),
    ],
)
def test_an_input_that_is_not_float_channels_first_is_refused(
    make_model: MakeModel, image: tuple[int | str, ...], kind: int, said: str
):
    with pytest.raises(UsageError, match=rf"model\.onnx: its input is .*{said}.*export it"):
        Classifier(make_model("Flatten", image=image, kind=kind))


POOL = (
    helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
    helper.make_node("Flatten", ["pooled"], ["scores"]),
)


def write_classifier(path: Path, last: onnx.NodeProto, output: onnx.ValueInfoProto) -> Path:
    """A classifier of 3 classes whose scores go through one more operator."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 4, 6])
    graph = helper.make_graph([*POOL, last], "odd", [image], [output])
    opset = [helper.make_opsetid("", 19)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    path.with_suffix(".json").write_text(json.dumps(COLOURS))
    return path


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("kind", ["BOOL", "STRING", "INT64", "UINT8", "BFLOAT16", "FLOAT8E4M3FN"])
def test_an_output_that_is_no_floats_is_refused_with_its_type(
    tmp_path: Path, kind: str, declared: bool
):
    to = TensorProto.DataType.Value(kind)
    output = helper.make_tensor_value_info("o", to, ["N", 3])
    cast = helper.make_node("Cast", ["scores"], ["o"], to=to)
    path = tmp_path / "model.onnx"
    write_classifier(path, cast, output if declared else onnx.ValueInfoProto(name="o"))
    with pytest.raises(UsageError, match=rf"model\.onnx: its output is tensor\({kind.lower()}\)"):
        Classifier(path)


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE"])
def test_scores_may_be_floats_of_any_usual_size(tmp_path: Path, kind: str):
    to = TensorProto.DataType.Value(kind)
    output = helper.make_tensor_value_info("o", to, ["N", 3])
    cast = helper.make_node("Cast", ["scores"], ["o"], to=to)
    assert Classifier(write_classifier(tmp_path / "model.onnx", cast, output)).outputs == 3


def test_an_output_that_is_no_tensor_is_refused_with_its_type(tmp_path: Path):
    listed = helper.make_tensor_sequence_value_info("o", TensorProto.FLOAT, ["N", 3])
    last = helper.make_node("SequenceConstruct", ["scores"], ["o"])
    with pytest.raises(UsageError, match=r"its output is seq\(tensor\(float\)\)"):
        Classifier(write_classifier(tmp_path / "model.onnx", last, listed))


def test_more_images_at_once_than_there_is_memory_for_are_refused(make_model: MakeModel):
    path = make_model(image=(1 << 40, 3, 4, 6), sidecar=COLOURS)
    with pytest.raises(UsageError, match="fails on float32"):
        Classifier(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=5))
@example([(3427, 128)])  # the name of the input
def test_a_damaged_model_is_refused_or_works(make_model: MakeModel, changes: list[tuple[int, int]]):
    path = make_model(sidecar=COLOURS)
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    # What is tried in another process is tried here: a crash would end the tests.
    with suppress(UsageError):
        OpenModel(path, bytes(content), PREPARATION)


def test_several_inputs_or_outputs_are_refused(make_model: MakeModel):
    path = make_model()
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["N"]))
    onnx.save(model, path)
    with pytest.raises(UsageError, match="has 2 inputs and 1 outputs, expected one"):
        Classifier(path)
    path = make_model()
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("0", TensorProto.FLOAT, None))
    onnx.save(model, path)
    with pytest.raises(UsageError, match="has 1 inputs and 2 outputs, expected one"):
        Classifier(path)


@pytest.mark.parametrize(
    ("operators", "said"),
    [
        (["GlobalAveragePool"], r"\[2, 3, 1, 1\] for 2 images, expected \[2, classes\]"),
        (["GlobalAveragePool", "Flatten", "Transpose"], r"\[3, 2\] for 2 images"),
        ([*LOGITS, "Neg", "Log"], "not finite"),
    ],
)
def test_an_output_that_is_not_one_score_a_class_is_refused(
    make_model: MakeModel, operators: list[str], said: str
):
    with pytest.raises(UsageError, match=rf"model\.onnx: its output is {said}.*; export it"):
        Classifier(make_model(*operators, sidecar=COLOURS))


def test_a_model_that_fails_on_such_images_is_refused(make_model: MakeModel):
    path = make_model("Flatten", "MatMul", image=("N", 3, "H", "W"), sidecar=COLOURS)
    with pytest.raises(UsageError, match=r"fails on float32 \[2, 3, 4, 6\] \(.*\); export it"):
        Classifier(path)


def test_the_list_of_imagenets_that_has_as_many_classes_as_outputs_is_named(make_model: MakeModel):
    with pytest.raises(UsageError, match='"labels": "imagenet12k" stands for those of ImageNet'):
        Classifier(make_model(outputs=11_821))


def test_a_thousand_is_the_only_number_of_outputs_that_needs_no_json_file(make_model: MakeModel):
    with pytest.raises(UsageError, match=r'has 3 outputs.*write .*model\.json .*"labels": \['):
        Classifier(make_model())


def test_there_is_one_label_an_output(make_model: MakeModel):
    with pytest.raises(UsageError, match=r"model\.json: has 3 labels, but model\.onnx has 4 out"):
        Classifier(make_model(outputs=4, sidecar=COLOURS))


def test_a_model_that_takes_any_size_needs_a_json_file(make_model: MakeModel):
    with pytest.raises(UsageError, match=r'any size; write .*model\.json .*"input_size": \[224'):
        Classifier(make_model(image=("N", 3, "H", "W"), outputs=1000))


def test_the_json_file_and_the_model_agree_on_the_size(make_model: MakeModel):
    with pytest.raises(UsageError, match=r"input_size is \[6, 4\], but model\.onnx takes \[4, 6\]"):
        Classifier(make_model(sidecar=COLOURS | {"input_size": [6, 4]}))


def test_weights_in_another_file_are_refused(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w", size_threshold=0)
    with pytest.raises(UsageError, match=r"has weights in other files.*save it as one file"):
        Classifier(path)


def test_a_file_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnx_session, "MOST_BYTES", 1_000_000)
    (tmp_path / "model.onnx").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=r"model\.onnx: cannot be read \(it has more than 1,000,0"):
        Classifier(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"<!doctype html>", bytes(1000)])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(UsageError, match=r"model\.onnx: cannot be opened as an ONNX model"):
        load_classifier(str(tmp_path / "model.onnx"))


def test_a_path_without_a_file_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"resnet.*No such file.*give the path.*or 'resnet50'"):
        load_classifier(str(tmp_path / "resnet"))
    with pytest.raises(UsageError, match="Is a directory"):
        load_classifier(str(tmp_path))


def test_resnet50_is_the_file_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path))
    (tmp_path / "resnet50-v1-12.onnx").write_bytes(b"of another revision")
    with pytest.raises(UsageError, match=r"resnet50-v1-12\.onnx is not the file that is expected"):
        load_classifier("resnet50")


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(make_model: MakeModel):
    with pytest.raises(UsageError, match=r"cannot use a GPU here.*or use 'cpu'"):
        Classifier(make_model(sidecar=COLOURS), device="cuda")


# Real classifiers, real frames


@pytest.mark.parametrize(
    ("model", "crop", "resize"), [(MOBILENET_V2, 224, 256), (MOBILENET_V1, 128, 146)]
)
def test_the_size_is_the_models_own(shared: Path, model: str, crop: int, resize: int):
    classifier = Classifier(shared / model)
    assert (classifier.crop, classifier.resize) == ((crop, crop), resize)


def test_a_black_swan_is_a_black_swan(shared: Path):
    classifier = Classifier(shared / MOBILENET_V2)
    frames = first_frames(shared / "videos/samtrack_blackswan.mp4", classifier, 1)
    (top1,), (probability,) = classifier.classify(frames)
    assert classifier.labels[top1].name == "black swan"
    assert 0.5 < probability < 1


@pytest.mark.parametrize("model", [MOBILENET_V2, MOBILENET_V1])
@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_said_of_a_frame_does_not_depend_on_the_others(
    shared: Path, model: str, threads: int
):
    classifier = Classifier(shared / model, threads=threads)
    frames = first_frames(shared / "videos/samtrack_blackswan.mp4", classifier, 23)
    together = np.array(classifier.classify(frames))
    alone = np.hstack([classifier.classify(frames[i : i + 1]) for i in range(len(frames))])
    np.testing.assert_array_equal(alone, together)
    order = np.random.default_rng(0).permutation(len(frames))
    np.testing.assert_array_equal(np.array(classifier.classify(frames[order])), together[:, order])
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(classifier.classify, [frames] * 4):
            np.testing.assert_array_equal(np.array(answer), together)


def half(make_model: MakeModel) -> Path:
    """A model that takes and gives floats of 16 bits."""
    path = make_model(sidecar=COLOURS | {"mean": [0.5, 0.25, 0.125], "std": [2, 4, 8]})
    float16 = importlib.import_module("onnxruntime.transformers.float16")
    onnx.save(float16.convert_float_to_float16(onnx.load(path)), path)
    return path


def test_a_model_of_16_bits_says_nearly_the_same(make_model: MakeModel):
    settings = COLOURS | {"mean": [0.5, 0.25, 0.125], "std": [2, 4, 8]}
    frames = np.random.default_rng(0).integers(0, 256, (9, 4, 6, 3), np.uint8)
    top1, probability = Classifier(make_model(sidecar=settings)).classify(frames)
    of_half = Classifier(half(make_model))
    assert of_half.describe()["input"] == "image: tensor(float16) ['N', 3, 4, 6]"
    assert of_half.classify(frames)[0].tolist() == top1.tolist()
    np.testing.assert_allclose(of_half.classify(frames)[1], probability, atol=2e-3)


def test_where_no_gpu_is_asked_for_by_name_the_classifier_runs_on_what_is_there(
    make_model: MakeModel,
):
    classifier = Classifier(make_model(sidecar=COLOURS), device="auto")
    assert classifier.device == ("cuda" if HAS_GPU else "cpu")
    assert classifier.settings["device"] == classifier.device


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="there is no GPU")
def test_a_gpu_says_the_same_whatever_other_videos_are_in_the_batch(shared: Path):
    classifier = Classifier(shared / MOBILENET_V2, device="cuda")
    frames = first_frames(shared / "videos/samtrack_blackswan.mp4", classifier, 70)
    together = np.array(classifier.classify(frames))
    shares = [frames[start : start + 7] for start in range(0, 70, 7)]
    with ThreadPoolExecutor(len(shares)) as pool:
        apart = np.hstack(list(pool.map(classifier.classify, shares)))
    np.testing.assert_array_equal(apart, together)


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="there is no GPU")
def test_a_gpu_says_the_same(shared: Path):
    cpu, gpu = (Classifier(shared / MOBILENET_V2, device=device) for device in ("cpu", "cuda"))
    frames = first_frames(shared / "videos/samtrack_blackswan.mp4", cpu, 40)
    (top1, probability), (gpu_top1, gpu_probability) = cpu.classify(frames), gpu.classify(frames)
    assert gpu_top1.tolist() == top1.tolist()
    np.testing.assert_allclose(gpu_probability, probability, atol=1e-3)


def test_a_file_is_read_as_a_model_whatever_its_name(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    with pytest.raises(UsageError, match="cannot be opened as an ONNX model"):
        Classifier(path.with_suffix(".json"))
    named = path.rename(path.with_suffix(".prototxt"))
    assert Classifier(named).outputs == 3


def test_a_model_of_an_old_operator_set_is_refused_with_what_to_do(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    model = onnx.load(path)
    model.opset_import[0].version = 6
    onnx.save(model, path)
    with pytest.raises(UsageError, match=r"operator set 6, expected 7 or later; convert"):
        Classifier(path)
