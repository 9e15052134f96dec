"""MODEL: each form of it, and what is said where it cannot be opened or cannot do what is asked."""

import re
import shutil
from pathlib import Path

import pytest

from tests.curated import videonet
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import safetensors.torch  # noqa: E402
import timm  # noqa: E402

from tests.training.test_export import save, trained  # noqa: E402
from videonet.errors import UsageError  # noqa: E402
from videonet.evaluation import catalogue  # noqa: E402
from videonet.evaluation.class_lists import output_of_wnid  # noqa: E402
from videonet.evaluation.images import batches  # noqa: E402
from videonet.evaluation.model import (  # noqa: E402
    needed_backbone,
    needed_features,
    needed_logits,
)
from videonet.evaluation.opening import How, open_model  # noqa: E402
from videonet.evaluation.weights import read_weights  # noqa: E402
from videonet.training import checkpoint  # noqa: E402
from videonet.training.export import export_onnx, export_timm  # noqa: E402

CPU = How(device="cpu")

DOCS = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training with two checkpoints, and its exports."""
    folder = tmp_path_factory.mktemp("run")
    save(folder, trained("test_resnet", 1), step=500)
    newest = save(folder, trained("test_resnet", 2), step=1000)
    export_timm(newest, folder / "a.safetensors")
    export_timm(newest, folder / "a.pth")
    export_onnx(newest, folder / "a.onnx")
    return folder


def features_of(named: str, how: How = CPU) -> torch.Tensor:
    """Features of six real images, as the model itself wants them."""
    paths = sorted(shared("evaluation/imagenet_sample").glob("*.jpg"))[:6]
    model = open_model(named, how)
    (images,) = batches(paths, model.preparation, 8, 0)
    with torch.inference_mode():
        return needed_features(model, "a test")(model.normalised(images))


def test_a_training_its_timm_export_and_its_onnx_export_give_the_same(run):
    of_training = features_of(str(run))
    assert of_training.shape == (6, 96)
    for each in (f"timm:test_resnet@{run / 'a.safetensors'}", str(run / "a.onnx")):
        torch.testing.assert_close(features_of(each), of_training, rtol=1e-4, atol=1e-5)


def test_the_newest_checkpoint_is_opened_and_all_forms_say_what_they_are(run):
    facts = open_model(str(run), CPU).facts
    assert (facts.kind, facts.network, facts.steps) == ("training", "online", 1000)
    assert facts.manifest_sha256 == "ab" * 32
    for each in (f"timm:test_resnet@{run / 'a.safetensors'}", str(run / "a.onnx")):
        exported = open_model(each, CPU).facts
        assert (exported.steps, exported.manifest_sha256) == (1000, "ab" * 32)
        assert exported.architecture == "test_resnet"


def test_the_other_network_is_another_model(run, tmp_path):
    shutil.copytree(run / "checkpoints", tmp_path / "checkpoints")
    file = checkpoint.newest(tmp_path)
    found = checkpoint.load(file)
    with pytest.raises(UsageError, match="holds no weights of a backbone"):
        open_model(str(tmp_path), How(network="target", device="cpu"))
    torch.save(found | {"target": trained("test_resnet", 1).state_dict()}, file)
    target = features_of(str(tmp_path), How(network="target", device="cpu"))
    assert not torch.allclose(target, features_of(str(tmp_path)))


def test_weights_are_opened_with_the_name_of_their_network(run, tmp_path):
    with pytest.raises(UsageError, match="does not say which network its weights are of"):
        open_model(str(run / "a.pth"), CPU)
    model = open_model(str(run / "a.pth"), How(arch="test_resnet", device="cpu"))
    assert (model.facts.kind, model.facts.classifies) == ("state dict", False)
    # As others wrap and name them.
    weights, _ = read_weights(run / "a.pth")
    wrapped = {"epoch": 3, "state_dict": {f"module.{name}": w for name, w in weights.items()}}
    torch.save(wrapped, tmp_path / "wrapped.pth")
    open_model(str(tmp_path / "wrapped.pth"), How(arch="test_resnet", device="cpu"))


def test_a_classifier_among_the_weights_is_its_own(tmp_path):
    torch.manual_seed(0)
    file = tmp_path / "classifier.safetensors"
    safetensors.torch.save_file(timm.create_model("test_resnet").state_dict(), file)
    model = open_model(f"timm:test_resnet@{file}", CPU)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert needed_logits(model, "a test")(images).shape == (2, 1000)
        features = needed_features(model, "a test")(images)
        classified = model.backbone.get_classifier()(features)
        torch.testing.assert_close(classified, model.logits(images))


def test_lite0_is_right_on_real_images(lite0):
    model = open_model(lite0, CPU)
    assert model.preparation.mean == model.preparation.std == (0.5, 0.5, 0.5)
    assert (model.preparation.resize, model.preparation.crop) == (256, 224)
    paths = sorted(shared("evaluation/imagenet_sample").glob("*.jpg"))[::5]
    outputs = output_of_wnid()
    with torch.inference_mode():
        found = [
            model.logits(model.normalised(images)).argmax(1)
            for images in batches(paths, model.preparation, 8, 0)
        ]
    right = torch.cat(found) == torch.tensor([outputs[path.stem] for path in paths])
    # Of 40 others, .85.
    assert right.double().mean() > 0.7


def test_what_a_model_cannot_do_is_a_sentence(run):
    training, exported = open_model(str(run), CPU), open_model(str(run / "a.onnx"), CPU)
    classifier = open_model(str(shared("models/mobilenetv2_1.0_224_in1k.onnx")), CPU)
    with pytest.raises(UsageError, match="has no classifier; `videonet evaluate MODEL"):
        needed_logits(training, "imagenet-a")
    with pytest.raises(UsageError, match="gives logits alone; give an ONNX file with the output"):
        needed_features(classifier, "knn")
    with pytest.raises(UsageError, match="is an ONNX file, which gives its last output alone"):
        needed_backbone(exported, "davis2017")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nothing", "There is no model nothing; give the folder of a training"),
        ("timm:resnet5", "timm knows no weights of a model named 'resnet5'"),
        ("timm:resnet50x@a.pth", "timm knows no model named 'resnet50x'"),
        ("timm:resnet50@missing.pth", "missing.pth cannot be read (No such file or directory)"),
    ],
)
def test_what_is_no_model_is_a_sentence(elsewhere, named, said):
    with pytest.raises(UsageError) as raised:
        open_model(named, CPU)
    assert said in str(raised.value)


def test_weights_that_are_not_here_are_fetched_only_if_that_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="are not on this machine; give --download to fetch them"):
        open_model("timm:test_resnet", CPU)
    # As the hub's own cache lies on disk.
    settings = timm.get_pretrained_cfg("test_resnet")
    folder = tmp_path / f"models--{settings.hf_hub_id.replace('/', '--')}"
    revision = "0123456789abcdef" * 2 + "01234567"
    (folder / "snapshots" / revision).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(revision)
    torch.manual_seed(0)
    weights = timm.create_model("test_resnet").state_dict()
    safetensors.torch.save_file(weights, folder / "snapshots" / revision / "model.safetensors")
    facts = open_model("timm:test_resnet", CPU).facts
    assert (facts.revision, facts.name) == (revision, "test_resnet")
    assert len(facts.sha256) == 64


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x04]."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_without_weights_are_a_sentence(tmp_path, content, suffix):
    file = tmp_path / f"odd{suffix}"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="holds no weights"):
        open_model(str(file), How(arch="resnet50", device="cpu"))


def test_weights_of_another_network_are_a_sentence(run):
    with pytest.raises(UsageError, match="are not those of timm's test_vit"):
        open_model(f"timm:test_vit@{run / 'a.safetensors'}", CPU)


def test_a_gpu_that_is_not_there_is_a_sentence(run):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UsageError, match="PyTorch finds no GPU here; give --device cpu"):
        open_model(str(run), How(device="cuda"))


def test_the_command_lists_evaluations_and_says_what_they_need():
    ended = videonet("evaluate", "--list")
    assert ended.code == 0, ended.stderr
    first, *rest = ended.stdout.splitlines()
    assert first.startswith("No protocol here is confirmed as the paper's")
    said = "\n".join(rest)
    for name in ("imagenet-a", "vid-robust", "human", "davis2017", "davis2016-masks"):
        assert f"\n{name}   " in said
    assert "VITO J 65.5, F 70.8" in said
    assert "was filtered against a ResNet-50" in said
    assert "confirmed   DINO's own ResNet-50: 67.5" in said


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_each_evaluation_names_the_row_that_would_confirm_it_or_why_none_does(name):
    confirmed = catalogue.evaluation(name).PROTOCOL.confirmed_by
    assert re.search(r"\d\.\d|^nothing published: .{20}|once its columns are known$", confirmed)
    (section,) = re.findall(rf"^### {name.replace('_', '-')}\n(.*?)(?=^### |\Z)", DOCS, re.M | re.S)
    assert ("- Confirmed by: nothing published." in section) is confirmed.startswith("nothing")
    assert "- Confirmed by: " in section
