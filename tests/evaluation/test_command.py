"""`videonet evaluate` itself: what is refused before anything is computed, and how it goes on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.curated import sentence, videonet
from tests.evaluation.asked import refused
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import pyarrow.parquet as pq  # noqa: E402

from tests.evaluation.stopping import At, StoppedError, started  # noqa: E402
from videonet.evaluation import classifying, human, imagenet_3dcc, imagenet_a, vid_robust  # noqa: E402
from videonet.evaluation.class_lists import imagenet_a_wnids, output_of_wnid  # noqa: E402
from videonet.evaluation.imagenet_3dcc import CORRUPTIONS, SEVERITIES  # noqa: E402


@pytest.fixture(scope="module")
def mobilenet() -> Path:
    return shared("models/mobilenetv2_1.0_224_in1k.onnx")


def write_images(folder: Path, wnids: list[str], count: int = 1) -> Path:
    random = np.random.default_rng(0)
    for wnid in wnids:
        (folder / wnid).mkdir(parents=True)
        for number in range(count):
            image = Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8))
            image.save(folder / wnid / f"{number}.png")
    return folder


def write_imagenet_a(folder: Path) -> Path:
    return write_images(folder, imagenet_a_wnids()[:3])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ((), "asks for a MODEL, --on NAME and --data DIR; --list says which evaluations there are"),
        (("a.onnx", "--on", ",", "--data", "a"), "asks for a MODEL, --on NAME and --data DIR"),
        (
            ("a.onnx", "--on", "imagenet-q", "--data", "a"),
            "There is no evaluation imagenet-q; did you mean imagenet-a?",
        ),
        (
            ("a.onnx", "--on", "imagenet-a,human", "--data", "a", "--out", "a.json"),
            "a.json is one file, for 2 results; give a folder.",
        ),
        (
            ("a.onnx", "--on", "davis2017", "--data", "a", "--head", "a.head"),
            "--head is a classifier of ImageNet, for which davis2017 does not ask; leave it out.",
        ),
        (
            ("timm:resnet50@a", "--on", "davis2017", "--data", "a", "--network", "target"),
            "--network target is for the folder of a training, and timm:resnet50@a is none",
        ),
        (
            ("a.onnx", "--on", "davis2017", "--data", "a", "--arch", "resnet50"),
            "--arch is for a file of weights, and a.onnx is none; leave it out.",
        ),
        (
            ("timm:resnet50@a", "--on", "davis2017", "--data", "a", "--download"),
            "--download is for timm:NAME, and timm:resnet50@a is none; leave it out.",
        ),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(elsewhere, typed, said):
    assert said in sentence(videonet("evaluate", *typed))


def test_a_place_that_cannot_be_written_is_named_before_anything_is_computed(mobilenet, elsewhere):
    data = write_imagenet_a(elsewhere / "data")
    (elsewhere / "a.txt").write_text("a text")
    said = refused(mobilenet, "imagenet-a", data, Path("a.txt"), "--partial")
    assert "a.txt/imagenet_a.parts cannot be written (Not a directory)" in said
    (elsewhere / "other.json").write_text("{}")
    said = refused(mobilenet, "imagenet-a", data, Path("other.json"), "--partial")
    assert "other.json is no result of `videonet evaluate`" in said
    assert (elsewhere / "other.json").read_text() == "{}"
    assert not (elsewhere / "other.parts").exists()


def write_vid_robust(folder: Path) -> Path:
    """A whole real set: an anchor and its 20 neighbours."""
    shutil.copytree(shared("evaluation/vid_robust"), folder / "val" / "ILSVRC2015_val_00000000")
    (folder / "metadata").mkdir()
    for name in vid_robust.METADATA:
        shutil.copy(shared(f"lists/imagenet-vid-robust_{name}"), folder / "metadata" / name)
    return folder


def write_edges(folder: Path) -> Path:
    """Five real drawings, and what people said of all of them."""
    (folder / "datasets" / "edge").mkdir(parents=True)
    for path in sorted(shared("evaluation/shape_bias/edge").iterdir())[:5]:
        shutil.copy(path, folder / "datasets" / "edge")
    records = shared("human/model-vs-human/raw-data/edge")
    shutil.copytree(records, folder / "raw-data" / "edge")
    return folder


def write_3dcc(folder: Path) -> Path:
    wnids = list(output_of_wnid())[:2]
    write_images(folder / "val", wnids)
    for corruption in CORRUPTIONS:
        for severity in SEVERITIES:
            write_images(folder / corruption / str(severity), wnids)
    return folder


@pytest.mark.parametrize(
    ("evaluation", "write", "settings", "part"),
    [
        (imagenet_a, write_imagenet_a, (), 2),
        (vid_robust, write_vid_robust, (), 12),
        (imagenet_3dcc, write_3dcc, (), 40),
        (human, write_edges, ("experiments=edge",), 3),
    ],
)
def test_a_classifier_that_was_interrupted_goes_on_as_if_it_had_not_been(
    mobilenet, tmp_path, monkeypatch, evaluation, write, settings, part
):
    data = write(tmp_path / "data")
    monkeypatch.setattr(classifying, "PART", part)
    whole = started(evaluation, mobilenet, data, tmp_path / "whole.json", settings, batch=part)
    file = tmp_path / "a.json"
    stop = At(whole.protocol.name, 2 * part)
    with pytest.raises(StoppedError):
        started(evaluation, mobilenet, data, file, settings, batch=part, stop=stop)
    assert len(list((tmp_path / "a.parts").glob("*.parquet"))) == 1
    gone_on = started(evaluation, mobilenet, data, file, settings, batch=part, resume=True)
    assert str(gone_on.numbers) == str(whole.numbers)
    assert gone_on.facts == whole.facts
    items = [pq.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "a")]
    assert items[0].equals(items[1])
