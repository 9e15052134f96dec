"""Poolings of the frames of a clip: what they compute, what they learn, and of which features."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import timm  # noqa: E402

from tests.training.test_export import save, trained  # noqa: E402
from videonet.errors import UsageError  # noqa: E402
from videonet.evaluation.clip_pooling import (  # noqa: E402
    Average,
    ClipClassifier,
    FrameFeatures,
    TemporalAttention,
    TwoScales,
    pool_of,
)
from videonet.evaluation.facts import Facts, Preparation  # noqa: E402
from videonet.evaluation.model import Model  # noqa: E402
from videonet.evaluation.opening import How, open_model  # noqa: E402
from videonet.evaluation.ucf101 import POOLINGS, of_clips  # noqa: E402

CLIPS, FRAMES, FINER, COARSER = 3, 6, 4, 5


def features() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(CLIPS, FRAMES, width, generator=random, dtype=torch.float64)
        for width in (FINER, COARSER)
    )


def weighted(frames, weights, channel: int) -> float:
    return sum(float(weights[t]) * float(frames[t][channel]) for t in range(len(frames)))


def slow(pooling: str, finer, coarser, module) -> list[float]:
    """One clip, a number at a time."""

    def attention(frames, of) -> list[float]:
        sums = [sum(float(w) * float(z) for w, z in zip(of, each, strict=True)) for each in frames]
        return [float(np.tanh(each)) for each in sums]

    def pooled(frames, of) -> list[float]:
        weights = [1 / len(frames)] * len(frames) if of is None else attention(frames, of)
        return [weighted(frames, weights, c) for c in range(frames.shape[1])]

    if pooling == "average":
        return pooled(coarser, None)
    attends = pooling == "two-scale attention"
    of = (module.finer.weight.detach(), module.coarser.weight.detach()) if attends else (None, None)
    halves = finer[: FRAMES // 2], finer[FRAMES // 2 :]
    return [each for half in halves for each in pooled(half, of[0])] + pooled(coarser, of[1])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_pooling_is_what_a_loop_makes_of_each_number(pooling):
    finer, coarser = features()
    module, width = pool_of(pooling, (FINER, COARSER))
    module.double()
    torch.manual_seed(1)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    given = (coarser,) if pooling == "average" else (finer, coarser)
    found = module(*given)
    assert found.shape == (CLIPS, width)
    assert width == (COARSER if pooling == "average" else 2 * FINER + COARSER)
    expected = [slow(pooling, f, c, module) for f, c in zip(finer, coarser, strict=True)]
    torch.testing.assert_close(found, torch.tensor(expected).double(), atol=1e-6, rtol=0)


def test_weights_of_frames_have_a_sign_and_no_fixed_sum():
    attention = TemporalAttention(2)
    with torch.no_grad():
        attention.weight.copy_(torch.tensor([10.0, 0.0]))
    # The first frame counts fully, the second is taken off, the third has no part in it.
    found = attention(torch.tensor([[[1.0, 5.0], [-1.0, 3.0], [0.0, 7.0]]]))
    torch.testing.assert_close(found, torch.tensor([[2.0, 2.0]]))


def test_attention_has_the_gradient_of_what_it_computes():
    finer, coarser = features()
    both = TwoScales(TemporalAttention(FINER), TemporalAttention(COARSER)).double()
    both.begin(finer, coarser)

    def of(first, second, frames, others):
        with torch.nn.utils.parametrize.cached():
            weights = {"finer.weight": first, "coarser.weight": second}
            return torch.func.functional_call(both, weights, (frames, others))

    given = [both.finer.weight, both.coarser.weight, finer, coarser]
    assert torch.autograd.gradcheck(of, [each.detach().requires_grad_() for each in given])


def test_attention_begins_near_the_mean():
    random = torch.Generator().manual_seed(2)
    # As after a ReLU: of one sign.
    frames = torch.rand(8, 24, 16, generator=random) + 1
    attention = TemporalAttention(16)
    assert not attention(frames).any()
    attention.begin(frames)
    weights = torch.tanh(frames @ attention.weight)
    assert float(weights.detach().mean()) == pytest.approx(1 / 24, rel=1e-2)
    mean = frames.mean(1)
    assert float((attention(frames).detach() - mean).abs().max()) < 0.05 * float(mean.mean())


def test_each_half_is_pooled_alone_and_the_coarser_scale_over_all():
    finer, coarser = features()
    both = TwoScales(Average(), Average())
    changed = finer.clone()
    changed[:, FRAMES // 2 :] = 0
    before, after = both(finer, coarser), both(changed, coarser)
    assert torch.equal(before[:, :FINER], after[:, :FINER])
    assert not after[:, FINER : 2 * FINER].any()
    assert torch.equal(before[:, 2 * FINER :], after[:, 2 * FINER :])


def test_probabilities_of_clips_are_averaged_and_not_their_logits():
    """Two clips are a little for the first class, one is very much for the second."""
    network = ClipClassifier.__new__(ClipClassifier)
    torch.nn.Module.__init__(network)
    network.pool, network.dropout = Average(), torch.nn.Dropout(0)
    network.head = torch.nn.Linear(2, 2)
    with torch.no_grad():
        network.head.weight.copy_(torch.eye(2))
        network.head.bias.zero_()
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 9.0]])
    found = of_clips(network, [logits], torch.tensor([[0], [1], [2]]))
    assert int(logits.mean(0).argmax()) == 1
    assert int(found.argmax()) == 0
    torch.testing.assert_close(found, torch.softmax(logits, dim=1).mean(0))


def opened(name: str, **how) -> Model:
    """A network with the weights that it begins with."""
    torch.manual_seed(0)
    backbone = timm.create_model(name, num_classes=0, **how).eval().requires_grad_(False)
    facts = Facts(kind="timm", name=name, architecture=name, sha256="", classifies=False)
    preparation = Preparation(resize=36, crop=32, mean=(0.5,) * 3, std=(0.5,) * 3)

    def pooled(images):
        return backbone.forward_head(backbone.forward_features(images), pre_logits=True)

    return Model(facts, preparation, torch.device("cpu"), pooled, None, backbone)


@pytest.mark.parametrize(
    ("name", "widths", "how"),
    [
        ("resnet50", [1024, 2048], {}),
        ("tf_efficientnet_lite0", [112, 1280], {}),
        ("mobilenetv3_small_050", [24, 1024], {}),
        ("swin_tiny_patch4_window7_224", [384, 768], {"img_size": 32, "window_size": 2}),
    ],
)
def test_scales_are_the_last_stage_as_pooled_and_the_one_before_averaged(name, widths, how):
    model = opened(name, **how)
    images = torch.rand(2, 3, 32, 32)
    features = FrameFeatures(model, "two-scale average", "it").eval()
    assert features.widths == widths
    with torch.no_grad():
        finer, coarser = features(images)
        torch.testing.assert_close(coarser, model.features(images))
        (alone,) = FrameFeatures(model, "average", "it").eval()(images)
        assert [finer.shape, coarser.shape] == [(2, width) for width in widths]
        torch.testing.assert_close(alone, coarser)
        if name == "resnet50":
            backbone = model.backbone
            stem = backbone.maxpool(backbone.act1(backbone.bn1(backbone.conv1(images))))
            third = backbone.layer3(backbone.layer2(backbone.layer1(stem)))
            torch.testing.assert_close(finer, third.mean((2, 3)))


def test_what_cannot_be_trained_or_has_one_scale_is_a_sentence(tmp_path):
    model = opened("test_vit", img_size=32)
    with pytest.raises(UsageError, match="test_vit has none of two; give a network with such"):
        FrameFeatures(model, "two-scale average", "it")
    assert FrameFeatures(model, "average", "it").widths == [64]
    save(tmp_path, trained("test_resnet", 1))
    whole = open_model(str(tmp_path), How(device="cpu"))
    onnx = Model(whole.facts, whole.preparation, whole.device, whole.features, None, None)
    with pytest.raises(UsageError, match="is an ONNX file, which cannot be; give the folder of"):
        FrameFeatures(onnx, "average", "it")
