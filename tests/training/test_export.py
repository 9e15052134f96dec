"""export: the backbone of a run, as timm, torchvision and ONNX Runtime load it."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.curated import sentence, videonet

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import safetensors.torch  # noqa: E402
import timm  # noqa: E402
import torchvision  # noqa: E402

from videonet.classifier.onnx_runtime import onnxruntime  # noqa: E402
from videonet.errors import UsageError  # noqa: E402
from videonet.training import checkpoint  # noqa: E402
from videonet.training.export import check_agreement, export_onnx, export_timm  # noqa: E402
from videonet.training.models.network import Network  # noqa: E402

SIZE = 32


def trained(name: str, seed: int) -> Network:
    """A network whose weights and statistics are all its own, as after training."""
    torch.manual_seed(seed)
    network = Network(name, 2, "attention", 4, 4, 4, image_size=SIZE)
    with torch.no_grad():
        for each in network.state_dict().values():
            if each.is_floating_point():
                each.add_(0.02 * torch.rand_like(each))
    return network.eval()


def save(run: Path, network: Network, name: str = "test_resnet", step: int = 500) -> Path:
    held = {
        "config": {"backbone": {"name": name, "scales": 2}, "augmentation": {"size": SIZE}},
        "step": step,
        "online": network.state_dict(),
        "manifest_sha256": "ab" * 32,
        "versions": {"timm": timm.__version__},
    }
    return checkpoint.save(run, held, keep_last=9, keep_every=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two checkpoints of different weights."""
    folder = tmp_path_factory.mktemp("run")
    save(folder, trained("test_resnet", 1), step=500)
    save(folder, trained("test_resnet", 2), step=1000)
    return folder


@pytest.mark.slow
def test_a_resnet50_loads_into_timm_and_into_torchvision_with_nothing_but_fc_missing(tmp_path):
    # As a run with channels_last has it.
    network = trained("resnet50", 0).to(memory_format=torch.channels_last)
    file = tmp_path / "resnet50.pth"
    export_timm(save(tmp_path, network, "resnet50"), file)

    loaded = timm.create_model("resnet50", num_classes=0, checkpoint_path=file).eval()
    images = torch.rand(1, 3, SIZE, SIZE)
    with torch.no_grad():
        expected = network.backbone(images)
        torch.testing.assert_close(loaded(images), expected)

        theirs = torchvision.models.resnet50().eval()
        found = theirs.load_state_dict(torch.load(file, weights_only=True), strict=False)
        assert sorted(found.missing_keys) == ["fc.bias", "fc.weight"]
        assert found.unexpected_keys == []
        theirs.fc = torch.nn.Identity()
        torch.testing.assert_close(theirs(images), expected)


def test_the_newest_checkpoint_is_taken_unless_another_one_is_named(run, tmp_path):
    first_name = next(iter(trained("test_resnet", 1).backbone.state_dict()))

    def first_weights(file: Path) -> Any:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)[first_name]
        return torch.load(file, weights_only=True)[first_name]

    ended = videonet("export", run, "--to", "timm")
    assert ended.code == 0, ended.stderr
    newest = run / "export" / "step-00001000.safetensors"
    expected = next(iter(trained("test_resnet", 2).backbone.state_dict().values()))
    assert torch.equal(first_weights(newest), expected)

    older = tmp_path / "older.pth"
    named = ("--checkpoint", checkpoint.path_of(run, 500))
    assert videonet("export", run, "--to", "timm", "--out", older, *named).code == 0
    expected = next(iter(trained("test_resnet", 1).backbone.state_dict().values()))
    assert torch.equal(first_weights(older), expected)


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A run whose two networks differ."""
    path = save(tmp_path, trained("test_resnet", 1))
    target = trained("test_resnet", 2)
    torch.save(checkpoint.load(path) | {"target": target.state_dict()}, path)
    return tmp_path


def test_the_target_network_is_written_where_it_is_asked_for_and_the_file_says_so(both):
    for which, network, seed in (("", "online", 1), ("-target", "target", 2)):
        asked = () if network == "online" else ("--network", network)
        ended = videonet("export", both, "--to", "timm", *asked)
        assert ended.code == 0, ended.stderr
        file = both / "export" / f"step-00000500{which}.safetensors"
        weights = safetensors.torch.load_file(file)
        for name, expected in trained("test_resnet", seed).backbone.state_dict().items():
            assert torch.equal(weights[name], expected)
        with safetensors.safe_open(file, "pt") as opened:
            assert json.loads(opened.metadata()["videonet"])["network"] == network


@pytest.mark.slow
def test_the_target_network_as_onnx_is_that_of_its_weights(both):
    written = export_onnx(checkpoint.newest(both), both / "target.onnx", "target")
    check_agreement(written.file.read_bytes(), trained("test_resnet", 2).backbone, SIZE)
    said = {each.key: each.value for each in onnx.load(written.file).metadata_props}
    assert said["network"] == "target"


def test_the_command_says_what_it_wrote_and_how_it_is_loaded(run, tmp_path):
    file = tmp_path / "backbone.pth"
    ended = videonet("export", run, "--to", "timm", "--out", file)
    first, second = ended.stdout.splitlines()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert first == f"{file}: test_resnet after 1,000 steps, sha256 {digest}"
    loading = second.removeprefix("  load it   ")
    model = eval(loading, {"timm": timm}).eval()
    assert model(torch.zeros(1, 3, SIZE, SIZE)).shape == (1, 96)


def test_the_same_weights_are_the_same_bytes_under_any_name(run, tmp_path):
    newest = checkpoint.newest(run)
    written = [export_timm(newest, tmp_path / name) for name in ("one.pth", "other.pth")]
    assert written[0].sha256 == written[1].sha256
    written = [export_timm(newest, tmp_path / f"{name}.safetensors") for name in ("one", "other")]
    assert written[0].sha256 == written[1].sha256


@pytest.mark.parametrize(
    "change",
    [
        {"config": {}},
        {"config": {"backbone": 7}},
        {"config": {"backbone": {"name": "hf-hub:stranger/model", "scales": 2}}},
        {"config": {"backbone": {"name": "resnet50", "scales": "2"}}},
        {"config": {"augmentation": {"size": 1 << 40}}},
        {"step": "one"},
        {"step": -1},
        {"online": [1, 2]},
        {"online": {"backbone.a": 1}},
        {"online": {1: torch.zeros(1)}},
        {"online": {"backbone.conv1.weight": torch.zeros(1).expand(1 << 30, 1 << 10)}},
        {"online": {"backbone.conv1.weight": torch.zeros(1, device="meta")}},
        {"online": {"backbone.conv1.weight": torch.zeros(4).to_sparse()}},
        {"manifest_sha256": 7, "versions": 8, "online": {}},
    ],
    ids=range(14),
)
def test_a_checkpoint_that_makes_no_sense_is_a_sentence(run, tmp_path, change):
    found = torch.load(checkpoint.newest(run), weights_only=True)
    file = tmp_path / "odd.pt"
    torch.save(found | change, file)
    for to, name in (("timm", "a.safetensors"), ("onnx", "a.onnx")):
        with pytest.raises(UsageError) as raised:
            {"timm": export_timm, "onnx": export_onnx}[to](file, tmp_path / name)
        assert str(raised.value).isprintable()
        assert not (tmp_path / name).exists()


def test_a_transformer_is_loaded_for_the_size_of_image_that_it_was_trained_on(tmp_path):
    network = trained("test_vit", 0)  # of 160 pixels, if nothing else is said
    save(tmp_path, network, "test_vit")
    ended = videonet("export", tmp_path, "--to", "timm")
    model = eval(ended.stdout.rpartition("  load it   ")[2], {"timm": timm}).eval()
    images = torch.rand(2, 3, SIZE, SIZE)
    torch.testing.assert_close(model(images), network.backbone(images))


@pytest.fixture(scope="module")
def model(run) -> Path:
    file = run / "exported.onnx"
    ended = videonet("export", run, "--to", "onnx", "--out", file)
    assert ended.code == 0, ended.stderr
    assert 'run(["features"], {"images": ...})' in ended.stdout
    return file


@pytest.mark.parametrize("images", [1, 5])
def test_onnx_gives_the_features_of_timm_for_any_number_of_images(run, model, images):
    given = np.random.default_rng(0).standard_normal((images, 3, SIZE, SIZE)).astype(np.float32)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    features = session.run(["features"], {"images": given})[0]
    backbone = trained("test_resnet", 2).backbone
    expected = backbone(torch.from_numpy(given)).detach().numpy()
    assert features.shape == (images, 96)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)


def test_the_onnx_model_says_where_it_comes_from_and_nothing_of_the_machine(model):
    loaded = onnx.load(model)
    said = {each.key: each.value for each in loaded.metadata_props}
    assert (said["backbone"], said["steps"]) == ("test_resnet", "1000")
    assert said["manifest_sha256"] == "ab" * 32
    assert said["network"] == "online"
    assert "less the mean (0.485, 0.456, 0.406)" in loaded.doc_string
    assert json.loads(said["config"])["augmentation"] == {"size": SIZE}
    assert str(Path(timm.__file__).parent).encode() not in model.read_bytes()
    onnx.checker.check_model(loaded, full_check=True)


def test_an_onnx_model_of_other_weights_is_found_out(model):
    check_agreement(model.read_bytes(), trained("test_resnet", 2).backbone, SIZE)
    with pytest.raises(UsageError, match="disagree on the exported model"):
        check_agreement(model.read_bytes(), trained("test_resnet", 1).backbone, SIZE)


def test_a_run_without_checkpoints_is_a_sentence(tmp_path):
    said = sentence(videonet("export", tmp_path, "--to", "timm"))
    assert f"{tmp_path} has no checkpoint to export" in said


@pytest.mark.parametrize(("to", "name"), [("timm", "a.bin"), ("onnx", "a.pth")])
def test_a_name_that_says_something_else_than_the_file_holds_is_a_sentence(run, tmp_path, to, name):
    said = sentence(videonet("export", run, "--to", to, "--out", tmp_path / name))
    assert "does not end with" in said
    assert not list(tmp_path.iterdir())


def test_weights_of_another_architecture_are_a_sentence(tmp_path):
    save(tmp_path, trained("test_resnet", 0), name="test_vit")
    said = sentence(videonet("export", tmp_path, "--to", "timm"))
    assert "are not those of test_vit" in said
    assert not (tmp_path / "export").exists()


def test_a_place_that_cannot_be_written_to_is_a_sentence(run, tmp_path):
    (tmp_path / "file").touch()
    said = sentence(videonet("export", run, "--to", "timm", "--out", tmp_path / "file" / "a.pth"))
    assert "cannot be written" in said


def test_without_pytorch_the_command_is_a_sentence(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [each for each in sys.modules if each.startswith("videonet.training.")]:
        monkeypatch.delitem(sys.modules, name)
    assert "needs PyTorch" in sentence(videonet("export", run, "--to", "onnx"))
