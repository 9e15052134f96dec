"""ImageNet-A: 200 of the 1,000 classes, told apart before one of them is chosen."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.evaluation.asked import ended_of, evaluate, refused
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.evaluation.class_lists import imagenet_a_wnids, output_of_wnid  # noqa: E402
from videonet.evaluation.imagenet_a import restricted  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real images of some of its classes, which are no images of ImageNet-A."""
    root = tmp_path_factory.mktemp("imagenet-a")
    wnids = set(imagenet_a_wnids())
    for path in sorted(shared("evaluation/imagenet_sample").glob("*.jpg")):
        if path.stem in wnids:
            (root / path.stem).mkdir()
            shutil.copy(path, root / path.stem / "1.jpg")
    return root


@pytest.fixture(scope="module")
def mobilenet() -> Path:
    return shared("models/mobilenetv1_0.25_128_in1k.onnx")


def test_there_are_200_classes_in_the_order_of_imagenet():
    wnids = imagenet_a_wnids()
    assert len(set(wnids)) == 200
    assert wnids == sorted(wnids)
    assert [output_of_wnid()[each] for each in (wnids[0], wnids[1], wnids[-1])] == [6, 11, 988]


def test_the_classes_are_restricted_before_the_largest_logit_is_taken():
    outputs = output_of_wnid()
    inside, other = (outputs[imagenet_a_wnids()[place]] for place in (7, 100))
    outside = next(each for each in range(1000) if each not in map(outputs.get, imagenet_a_wnids()))
    logits = torch.zeros(2, 1000)
    logits[:, outside] = 9
    logits[0, inside], logits[1, other] = 1, 1
    assert logits.argmax(1).tolist() == [outside, outside]
    assert restricted(torch.device("cpu"))(logits).tolist() == [7, 100]


def test_real_images_of_its_classes_are_told_apart(data, mobilenet, tmp_path):
    result = evaluate(mobilenet, "imagenet-a", data, tmp_path / "a.json", "--partial")
    items = pq.read_table(tmp_path / result.items)
    top1 = result.numbers["top1"]
    # One easy image a class, for a weak classifier: 46 % of such are right among 1,000 classes.
    assert len(items) == result.data.counts["images"] >= 30
    assert top1.value == sum(items["right"].to_pylist()) / len(items)
    assert 0.5 < top1.value < 0.95
    assert top1.low < top1.value < top1.high
    columns = [items[each].to_pylist() for each in items.column_names]
    for name, decision, right in zip(*columns, strict=True):
        assert right == (name.split("/")[0] == decision)


def test_too_few_images_stop_it_and_a_part_says_that_it_is_one(data, mobilenet, tmp_path):
    said = refused(mobilenet, "imagenet-a", data, tmp_path / "a.json")
    assert "and the whole data set 7,500 images, 200 classes; give the whole of it" in said
    ended = ended_of(mobilenet, "imagenet-a", data, tmp_path / "a.json", "--partial")
    first, second, *_ = ended.stdout.splitlines()
    assert first.startswith("No protocol here is confirmed as the paper's")
    assert second.endswith("(imagenet-a, published stand-in, on a part of the data)")


def test_a_folder_that_lies_otherwise_is_a_sentence(mobilenet, tmp_path):
    (tmp_path / "dogs").mkdir()
    said = refused(mobilenet, "imagenet-a", tmp_path, tmp_path / "a.json")
    assert f"{tmp_path} has no images; ImageNet-A lies as WNID/*.jpg, 200 folders" in said
    Image.new("RGB", (8, 8)).save(tmp_path / "dogs" / "a.png")
    said = refused(mobilenet, "imagenet-a", tmp_path, tmp_path / "a.json")
    assert "a folder dogs, which is none of its classes" in said


def test_an_image_that_is_broken_is_named(data, mobilenet, tmp_path):
    root = Path(shutil.copytree(data, tmp_path / "data"))
    broken = next(root.rglob("*.jpg"))
    broken.write_bytes(broken.read_bytes()[:500])
    for workers in (0, 2):
        said = refused(
            *(mobilenet, "imagenet-a", root, tmp_path / "a.json", "--partial"),
            *("--workers", workers),
        )
        assert f"{broken} cannot be read" in said
        assert said.endswith("put a good copy in its place.")
