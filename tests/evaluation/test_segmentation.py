"""Segmentation: the heads, the recipes, and a training that was interrupted."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.evaluation.asked import evaluate, refused
from tests.evaluation.coco_as_voc import write_ade20k, write_voc
from tests.evaluation.material import shared, write_untrained_lite0

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import timm  # noqa: E402
from torch.nn import functional  # noqa: E402

from tests.evaluation.stopping import At, StoppedError, started  # noqa: E402
from tests.training.test_export import save, trained  # noqa: E402
from videonet.evaluation import ade20k, pascal_voc, segmentation  # noqa: E402
from videonet.evaluation.opening import How, open_model  # noqa: E402
from videonet.evaluation.overlap import IGNORED  # noqa: E402
from videonet.evaluation.segmentation import loss_of  # noqa: E402
from videonet.evaluation.segmentation_network import Head, segmenter  # noqa: E402
from videonet.evaluation.training_state import training_precision  # noqa: E402

SMALL = ("steps=6", "batch=2", "crop=33", "short_side=32")
SETTINGS = [word for each in SMALL for word in ("--set", each)]


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(folder, trained("test_resnet", 1), step=500)
    return folder


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(shared("evaluation/coco"), tmp_path_factory.mktemp("data") / "voc", most=5)


def write_timm(folder: Path, name: str, **given) -> str:
    import safetensors.torch

    torch.manual_seed(0)
    file = folder / f"{name}.safetensors"
    safetensors.torch.save_file(timm.create_model(name, **given).state_dict(), file)
    return f"timm:{name}@{file}"


def test_fcn_widens_the_last_stage_and_leaves_the_weights(training):
    model = open_model(str(training), How(device="cpu"))
    before = {name: each.clone() for name, each in model.backbone.state_dict().items()}
    for stride in (16, 8):
        head = replace(pascal_voc.FCN.head, stride=stride)
        network = segmenter(model, head, 21, "it").eval()
        stages = network.backbone.forward_intermediates(
            torch.zeros(1, 3, 64, 96), intermediates_only=True
        )
        assert stages[-1].shape[2:] == (64 // stride, 96 // stride)
        ours = network.backbone.state_dict()
        assert ours.keys() <= before.keys()
        assert all(torch.equal(each, before[name]) for name, each in ours.items())
    # The first stages are those of the model: nothing but strides differs.
    images = torch.randn(1, 3, 64, 64)
    theirs = model.backbone.forward_intermediates(images, intermediates_only=True)
    found = network.backbone.forward_intermediates(images, intermediates_only=True)
    assert torch.equal(found[2], theirs[2])
    with torch.no_grad():
        next(network.backbone.parameters()).add_(1)
    now = model.backbone.state_dict()
    assert all(torch.equal(each, before[name]) for name, each in now.items())


def test_heads_give_logits_at_the_size_of_any_image(training, tmp_path):
    model = open_model(str(training), How(device="cpu"))
    images = torch.randn(2, 3, 45, 70)
    for recipe, heads in ((pascal_voc.FCN, 1), (ade20k.FCN, 2)):
        network = segmenter(model, recipe.head, 7, "it")
        found = network.train()(images)
        assert [tuple(each.shape) for each in found] == [(2, 7, 45, 70)] * heads
        assert len(network.eval()(images)) == 1


def test_the_heads_of_fcn_are_those_of_the_configurations(training):
    model = open_model(str(training), How(device="cpu"))
    width = model.backbone.feature_info[-1]["num_chs"]
    voc, ade = (segmenter(model, each.FCN.head, 5, "it").decoder for each in (pascal_voc, ade20k))
    convolutions = [each[0] for each in voc.convolutions]
    assert [each.dilation for each in convolutions] == [(6, 6)] * 2
    assert [each.in_channels for each in convolutions] == [width, 256]
    assert voc.together is None
    assert ade.together[0].in_channels == width + 512
    assert [each[0].dilation for each in ade.convolutions] == [(1, 1)] * 2


@pytest.mark.slow
def test_swin_gets_upernet(tmp_path):
    model = open_model(write_timm(tmp_path, "swin_tiny_patch4_window7_224"), How(device="cpu"))
    network = segmenter(model, ade20k.UPERNET.head, 9, "it")
    found = network.train()(torch.randn(2, 3, 64, 96))
    assert [tuple(each.shape) for each in found] == [(2, 9, 64, 96)] * 2
    sum(each.mean() for each in found).backward()
    # All but what is after the stages.
    still = [name for name, each in network.named_parameters() if each.grad is None]
    assert still == ["backbone.norm.weight", "backbone.norm.bias"]
    # An image that no stage divides, as whole ones are.
    (found,) = network.eval()(torch.randn(1, 3, 45, 70))
    assert found.shape == (1, 9, 45, 70)
    # What is normalised or a table is not made smaller.
    small, large = segmentation._optimizer(network, ade20k.UPERNET).param_groups
    assert (small["weight_decay"], large["weight_decay"]) == (0.0, 0.01)
    tables = [each for name, each in network.named_parameters() if "bias_table" in name]
    assert {id(each) for each in tables} <= {id(each) for each in small["params"]}


def test_networks_that_cannot_be_widened_are_refused(tmp_path, voc):
    model = write_timm(tmp_path, "test_vit", num_classes=0)
    said = refused(model, "pascal-voc", voc, tmp_path / "a.json", "--partial", *SETTINGS)
    assert "gives test_vit the head fcn" in said
    assert "give a ResNet, an EfficientNet or a Swin" in said
    onnx = shared("models/mobilenetv1_0.25_128_in1k.onnx")
    said = refused(onnx, "pascal-voc", voc, tmp_path / "a.json", "--partial", *SETTINGS)
    assert "which gives its last output alone" in said


def test_the_loss_is_the_mean_over_all_pixels():
    random = torch.Generator().manual_seed(0)
    main, auxiliary = (torch.randn(2, 3, 4, 5, generator=random) for _ in range(2))
    labels = torch.randint(0, 3, (2, 4, 5), generator=random)
    labels[0, :2] = IGNORED
    slow = 0.0
    for logits, weight in ((main, 1.0), (auxiliary, 0.4)):
        for image, row, column in np.ndindex(2, 4, 5):
            label = int(labels[image, row, column])
            if label != IGNORED:
                share = functional.softmax(logits[image, :, row, column].double(), dim=0)[label]
                slow -= weight * math.log(float(share)) / labels.numel()
    head = Head("fcn", 8, auxiliary=0.4)
    assert float(loss_of([main, auxiliary], labels, head)) == pytest.approx(slow, rel=1e-6)
    nothing = torch.full_like(labels, IGNORED)
    assert float(loss_of([main, auxiliary], nothing, head)) == 0


def test_rates_fall_as_the_recipes_say():
    voc, ade, upernet = pascal_voc.FCN, ade20k.FCN, ade20k.UPERNET
    found = [voc.rate_of(done) for done in (0, 20_999, 21_000, 26_999, 27_000)]
    assert found == pytest.approx([3e-3, 3e-3, 3e-4, 3e-4, 3e-5])
    assert ade.rate_of(0) == 0.01
    assert ade.rate_of(40_000) == pytest.approx((0.01 - 1e-4) * 0.5**0.9 + 1e-4)
    assert ade.rate_of(79_999) == pytest.approx(1e-4, rel=0.01)
    assert upernet.rate_of(0) == pytest.approx(6e-11)
    assert upernet.rate_of(750) == pytest.approx(3e-5 * (1 - 750 / 160_000))
    assert upernet.rate_of(80_000) == pytest.approx(3e-5)
    # Of fewer steps: the same shares.
    short = replace(voc, steps=10)
    assert [short.rate_of(done) for done in (6, 7, 9)] == pytest.approx([3e-3, 3e-4, 3e-5])


# The second drops features at random, and has a head more.
@pytest.mark.parametrize(("evaluation", "write"), [(pascal_voc, write_voc), (ade20k, write_ade20k)])
def test_an_interrupted_evaluation_goes_on_as_if_it_had_not_been(
    training, tmp_path, monkeypatch, evaluation, write
):
    data = write(shared("evaluation/coco"), tmp_path / "data", most=5)
    whole = started(evaluation, training, data, tmp_path / "whole.json", SMALL)
    monkeypatch.setattr(segmentation, "KEPT_EVERY", 2)
    monkeypatch.setattr(segmentation, "PART", 2)
    # In the steps, where one is done again; and in the images that are reported on.
    for stop in (At("trains", 3), At("trains", 5), At("upernet", 2)):
        how = {"resume": stop.done != 3, "stop": stop}
        with pytest.raises(StoppedError):
            started(evaluation, training, data, tmp_path / "a.json", SMALL, **how)
    how = {"resume": True, "workers": 1}
    gone_on = started(evaluation, training, data, tmp_path / "a.json", SMALL, **how)
    assert (gone_on.numbers, gone_on.facts) == (whole.numbers, whole.facts)
    items = [pq.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "a")]
    assert items[0].equals(items[1])
    assert items[0].num_rows == 5
    assert items[0].column_names == ["image", "intersections", "unions", "labelled"]
    assert gone_on.data.partial
    assert gone_on.data.counts == {"train images": 5, "val images": 5}


def test_logits_of_products_in_bfloat16_are_float32_and_the_result_says_so(training, voc, tmp_path):
    model = open_model(str(training), How(device="cpu"))
    torch.manual_seed(0)
    network = segmenter(model, Head("fcn", 8, stride=16), 3, "a test").eval()
    images = torch.randn(2, 3, 32, 32)
    (exact,) = network(images)
    with training_precision(model.device, "bfloat16"):
        (less,) = network(images)
    assert less.dtype == torch.float32
    assert not torch.equal(less, exact)
    torch.testing.assert_close(less, exact, rtol=0.1, atol=0.01)

    settings = ("steps=1", *SMALL[1:])
    precision = {}
    for name in ("float32", "bfloat16"):
        asked = (*settings, f"training_precision={name}")
        precision[name] = started(pascal_voc, training, voc, tmp_path / "a.json", asked).precision
    assert precision == {"float32": "float32", "bfloat16": "float32, and bfloat16 in training"}


def test_a_result_says_what_was_done(training, voc, tmp_path):
    result = evaluate(training, "pascal-voc", voc, tmp_path / "a.json", "--partial", *SETTINGS)
    assert result.protocol.mark == "published stand-in"
    assert result.facts["head"] == "fcn"
    assert (result.facts["steps"], result.facts["crop"]) == (6, 33)
    assert 0 <= result.numbers["mIoU"].value <= 1
    assert result.resampled == "images"
    assert str(tmp_path) not in (tmp_path / "a.json").read_text()


# mIoU as measured, by seed: trained on ImageNet, and untrained.
MEASURED = {0: (0.233, 0.138), 1: (0.241, 0.184), 2: (0.227, 0.149)}


@pytest.mark.thorough
def test_a_network_that_knows_images_segments_better_than_an_untrained_one(lite0, tmp_path):
    """Sixty images of COCO to train on, sixty others to report on, at 96 pixels, in 80 steps."""
    data = write_voc(shared("evaluation/coco"), tmp_path / "voc")
    asked = ("steps=80", "batch=8", "crop=97", "short_side=96", "rate=0.1")
    settings = [word for each in asked for word in ("--set", each)]
    gains = []
    for seed, measured in MEASURED.items():
        untrained = write_untrained_lite0(tmp_path, seed)
        found = []
        for place, model in enumerate((lite0, untrained)):
            file = tmp_path / f"{seed}-{place}.json"
            more = ("--partial", *settings, "--set", f"seed={seed}")
            result = evaluate(model, "pascal-voc", data, file, *more)
            found.append(result.numbers["mIoU"].value)
            assert result.facts["mIoU is the mean over"] == 5
        assert found == pytest.approx(measured, abs=0.03)
        gains.append(found[0] - found[1])
    assert min(gains) > 0.03
    assert np.mean(gains) > 0.05
