"""ClickMe: maps of clicks and of networks, how alike they are, and the files of clicks."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import google_crc32c
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.evaluation.asked import evaluate, refused
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import timm  # noqa: E402

from tests.evaluation.stopping import At, StoppedError, started  # noqa: E402
from tests.training.test_export import SIZE, trained  # noqa: E402
from videonet.evaluation import clickme  # noqa: E402
from videonet.evaluation.clickme import HUMAN_CEILING  # noqa: E402
from videonet.evaluation.head_file import write_head  # noqa: E402
from videonet.evaluation.opening import How, open_model  # noqa: E402
from videonet.evaluation.saliency import (  # noqa: E402
    attention_maps,
    gradient_maps,
    heat_maps,
    rank_correlations,
    resized,
)
from videonet.shards.sequence_example import Example  # noqa: E402
from videonet.training import checkpoint  # noqa: E402


def write_records(file: Path, records: list[bytes]) -> None:
    """A file of TFRecords."""

    def checksum(data: bytes) -> bytes:
        value = google_crc32c.value(data)
        return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    with file.open("wb") as written:
        for data in records:
            length = struct.pack("<Q", len(data))
            written.write(length + checksum(length) + data + checksum(data))


def as_jpeg(picture: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=95)
    return content.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A small JPEG whose header says that it is large."""
    small = as_jpeg(np.zeros((256, 256), np.uint8))
    # Eight bits a value, height and width.
    sizes = [struct.pack(">BHH", 8, *each) for each in ((256, 256), (height, width))]
    assert small.count(sizes[0]) == 1
    return small.replace(*sizes)


def record(image: np.ndarray | bytes, clicks: np.ndarray, label: int) -> bytes:
    """An image and its clicks as Harmonization keeps them."""
    example = Example()
    for name, picture in (("image", image), ("heatmap", clicks)):
        entry = example.features.feature.add(key=name)
        content = picture if isinstance(picture, bytes) else as_jpeg(picture)
        entry.value.bytes_list.value.append(content)
    example.features.feature.add(key="label").value.int64_list.value.append(label)
    return example.SerializeToString()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventeen files of two images each. In the first of all nobody has clicked anywhere."""
    root = tmp_path_factory.mktemp("clickme")
    random = np.random.default_rng(0)
    for number in range(17):
        records = []
        for place in range(2):
            image = random.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(32, 0).repeat(32, 1)
            clicks = np.zeros((256, 256), np.uint8)
            if number or place:
                top, left = random.integers(0, 200, 2)
                clicks[top : top + 56, left : left + 56] = 255
            records.append(record(image, clicks, (60 * number + place) % 1000))
        write_records(root / f"val-{number}.tfrecords", records)
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that pools by attention."""
    folder = tmp_path_factory.mktemp("run")
    config = {
        "backbone": {"name": "test_resnet", "scales": 2},
        "augmentation": {"size": SIZE},
        "pooling": {"kind": "attention", "hidden": 4},
    }
    held = {
        "config": config,
        "step": 500,
        "online": trained("test_resnet", 1).state_dict(),
        "versions": {"timm": timm.__version__},
    }
    checkpoint.save(folder, held, keep_last=9, keep_every=0)
    return folder


def test_clicks_are_blurred_as_harmonization_has_it():
    clicks = torch.rand(2, 256, 256, generator=torch.Generator().manual_seed(0))
    small = resized(clicks, 64).double().numpy()
    across, down = np.arange(-5, 5), np.arange(4, -6, -1)
    kernel = np.exp(-(across[None] ** 2 + down[:, None] ** 2) / (2 * 10**2))
    kernel /= kernel.sum()
    # TensorFlow's SAME: four before, five after.
    padded = np.pad(small, ((0, 0), (4, 5), (4, 5)))
    blurred = np.zeros_like(small)
    for y in range(64):
        for x in range(64):
            blurred[:, y, x] = (padded[:, y : y + 10, x : x + 10] * kernel).sum((1, 2))
    expected = resized(torch.from_numpy(blurred), 224)
    torch.testing.assert_close(heat_maps(clicks), expected, rtol=0, atol=1e-5)
    # Its two directions differ, if by little.
    assert np.abs(kernel - kernel.T).max() > 1e-4


def test_a_map_is_like_itself_unlike_its_reverse_and_a_constant_one_is_like_none():
    one = torch.rand(1, 9, 9, generator=torch.Generator().manual_seed(0))
    flat = torch.ones(1, 9, 9)
    assert rank_correlations(one, one) == pytest.approx([1])
    assert rank_correlations(one, -one) == pytest.approx([-1])
    assert np.isnan(rank_correlations(one, flat)).all()


def test_masks_of_all_scales_are_averaged_as_they_are():
    coarse, fine = torch.full((1, 7, 7), 1 / 49), torch.full((1, 14, 14), 1 / 196)
    found = attention_maps([fine, coarse])
    assert found.shape == (1, 224, 224)
    torch.testing.assert_close(found, torch.full((1, 224, 224), (1 / 49 + 1 / 196) / 2))


def test_the_gradient_of_a_linear_network_is_its_weights(run):
    random = torch.Generator().manual_seed(0)
    weights = torch.randn(1000, 3, SIZE, SIZE, generator=random)

    def logits(images: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nchw,kchw->nk", images, weights)

    model = replace(open_model(str(run), How(device="cpu")), logits=logits)
    labels = torch.tensor([7, 980])
    with torch.no_grad():
        found = gradient_maps(model, "a test")(torch.rand(2, 3, SIZE, SIZE), labels)
    expected = resized(weights[labels].abs().amax(1), 224)
    torch.testing.assert_close(found, expected)


def test_a_training_is_asked_for_its_own_masks(run):
    model = open_model(str(run), How(device="cpu"))
    images = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = trained("test_resnet", 1).attention(images)
        found = model.attention(images)
    assert len(found) == 2
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_alignment_is_the_mean_correlation_by_that_of_people(data, run, tmp_path):
    found = evaluate(run, "clickme", data, tmp_path / "a.json", "--batch", 3)
    items = pq.read_table(tmp_path / found.items)
    known = [each for each in items["spearman"].to_pylist() if not np.isnan(each)]
    assert len(items) == 34
    assert items["record"].to_pylist() == [0, 1] * 17
    assert items["label"].to_pylist()[2:4] == [60, 61]
    assert len(known) == 33
    assert found.facts == {
        "maps": "attention",
        "images": 34,
        "images left out, as a map is constant": 1,
    }
    assert found.numbers["spearman"].value == pytest.approx(np.mean(known))
    alignment = found.numbers["alignment"]
    assert alignment.value == pytest.approx(np.mean(known) / HUMAN_CEILING)
    assert alignment.low < alignment.value < alignment.high
    assert not found.data.partial


def test_what_was_interrupted_goes_on_as_if_it_had_not_been(data, run, tmp_path):
    whole = started(clickme, run, data, tmp_path / "whole.json")
    file = tmp_path / "a.json"
    with pytest.raises(StoppedError):
        started(clickme, run, data, file, stop=At("clickme-harmonization", 3))
    assert len(list((tmp_path / "a.parts").glob("*.parquet"))) == 3
    gone_on = started(clickme, run, data, file, resume=True)
    assert (gone_on.numbers, gone_on.facts) == (whole.numbers, whole.facts)
    items = [pq.read_table(tmp_path / f"{name}.parquet").to_pylist() for name in ("whole", "a")]
    assert str(items[0]) == str(items[1])  # what is none is unlike itself


def test_a_head_counts_where_gradients_are_asked_for_and_nowhere_else(data, run, tmp_path):
    model = open_model(str(run), How(device="cpu"))
    width = model.features(torch.zeros(1, 3, SIZE, SIZE)).shape[1]
    weight = torch.randn(1000, width, generator=torch.Generator().manual_seed(0))
    head = tmp_path / "imagenet_linear.head.safetensors"
    write_head(head, weight, torch.zeros(1000), model, "a probe", partial=True)
    looked = evaluate(run, "clickme", data, tmp_path / "a.json")
    assert (looked.model.head, looked.data.partial) == (None, False)
    asked = evaluate(run, "clickme", data, tmp_path / "b.json", "--set", "maps=gradient")
    assert asked.facts["maps"] == "gradient"
    assert (asked.model.head.protocol, asked.data.partial) == ("a probe", True)
    assert asked.numbers["spearman"] != looked.numbers["spearman"]


def test_a_classifier_without_attention_is_asked_for_gradients(data, untrained, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    (few / "val-1.tfrecords").write_bytes((data / "val-1.tfrecords").read_bytes())
    found = evaluate(untrained, "clickme", few, tmp_path / "a.json", "--partial")
    assert found.facts["maps"] == "gradient"
    assert -1 < found.numbers["spearman"].value < 1
    assert "holds 1 files, and the whole data set 17 files" in refused(
        untrained, "clickme", few, tmp_path / "b.json"
    )


def test_what_a_model_cannot_do_is_a_sentence(data, run, untrained, tmp_path):
    onnx = shared("models/mobilenetv1_0.25_128_in1k.onnx")
    said = refused(onnx, "clickme", data, tmp_path / "a.json")
    assert f"asks for gradients, and {onnx.name} is an ONNX file, which has none" in said
    said = refused(untrained, "clickme", data, tmp_path / "a.json", "--set", "maps=attention")
    assert "asks for attention masks, and tf_efficientnet_lite0@untrained-0.safetensors" in said
    said = refused(run, "clickme", data, tmp_path / "a.json", "--set", "maps=gradient")
    assert "has no classifier" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no example", "record 0 is none of ClickMe"),
        (record(np.zeros((9, 9, 3), np.uint8), np.zeros((256, 256), np.uint8), 1), "256 x 256"),
        (record(np.zeros((256, 256, 3), np.uint8), np.zeros((256, 256), np.uint8), 1000), "1000"),
        (record(claiming(9_000, 9_000), np.zeros((256, 256), np.uint8), 1), "256 x 256"),
        (record(claiming(60_000, 60_000), np.zeros((256, 256), np.uint8), 1), "bomb"),
    ],
)
def test_a_record_of_another_kind_is_a_sentence(run, tmp_path, content, said):
    (tmp_path / "data").mkdir()
    write_records(tmp_path / "data" / "val-0.tfrecords", [content])
    asked = (run, "clickme", tmp_path / "data", tmp_path / "a.json", "--partial")
    assert said in refused(*asked)


def test_a_file_that_was_cut_short_or_is_missing_is_a_sentence(run, data, tmp_path):
    (tmp_path / "data").mkdir()
    asked = (run, "clickme", tmp_path / "data", tmp_path / "a.json", "--partial")
    assert "has no TFRecords; below --data there should be val-*.tfrecords" in refused(*asked)
    file = tmp_path / "data" / "val-0.tfrecords"
    file.write_bytes((data / file.name).read_bytes()[:-100])
    assert f"{file}: " in refused(*asked)
