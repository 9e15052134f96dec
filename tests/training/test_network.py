"""network: backbone, pooling and projector, held against loops that spell them out."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import timm  # noqa: E402

from videonet.errors import UsageError  # noqa: E402
from videonet.training.models.network import AttentionPool, Network, PerView  # noqa: E402

NARROW = {
    "scales": 2,
    "pooling": "attention",
    "pooling_hidden": 6,
    "projector_hidden": 10,
    "projection": 4,
}


def network_of(name: str = "test_resnet", **settings) -> Network:
    torch.manual_seed(0)
    return Network(name, **{**NARROW, **settings})


def images_of(count: int = 3, size: int = 64, dtype=torch.float32) -> torch.Tensor:
    return torch.randn(
        count, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=dtype
    )


def slow_attention(features, first, bias, second):
    """Masks and pooled features, one position at a time."""
    masks, pooled = [], []
    for image in features:
        channels, height, width = image.shape
        logits = np.empty((height, width))
        for row, column in np.ndindex(height, width):
            hidden = [max(0.0, w @ image[:, row, column] + b) for w, b in zip(first, bias)]  # noqa: B905
            logits[row, column] = np.dot(second, hidden)
        mask = np.exp(logits) / np.exp(logits).sum()
        masks.append(mask)
        pooled.append([(mask * image[channel]).sum() for channel in range(channels)])
    return np.array(masks), np.array(pooled)


def test_attention_pools_as_the_formula_spelt_out():
    torch.manual_seed(3)
    pool = AttentionPool(5, hidden=4).double()
    features = torch.randn(3, 5, 2, 4, dtype=torch.float64)
    first, bias, second = (each.detach().numpy() for each in pool.parameters())
    masks, pooled = slow_attention(features.numpy(), first[:, :, 0, 0], bias, second[0, :, 0, 0])
    torch.testing.assert_close(pool.mask(features).detach(), torch.from_numpy(masks))
    torch.testing.assert_close(pool(features).detach(), torch.from_numpy(pooled))


def test_attention_that_sees_the_same_everywhere_is_the_average():
    pool = AttentionPool(5, hidden=4)
    features = torch.randn(3, 5, 2, 4)
    torch.nn.init.zeros_(pool.logits[-1].weight)
    torch.testing.assert_close(pool(features), features.mean((2, 3)))


def test_attention_is_not_rounded_to_the_precision_of_the_features():
    torch.manual_seed(3)
    pool = AttentionPool(5, hidden=4)
    features = torch.randn(3, 5, 14, 14).bfloat16()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mask, found = pool.mask(features), pool(features)
    assert (mask.dtype, found.dtype) == (torch.float32, torch.bfloat16)
    expected = np.einsum("nchw,nhw->nc", features.double(), mask.double())
    torch.testing.assert_close(found, torch.from_numpy(expected).bfloat16(), atol=1e-6, rtol=0.004)


def test_the_projector_is_linear_batch_norm_relu_linear():
    network = network_of().double()
    torch.manual_seed(4)
    for parameter in network.projector.parameters():
        torch.nn.init.normal_(parameter)
    images = images_of(5, dtype=torch.float64)
    with torch.no_grad():
        embedding, found = network.embedding(images).numpy(), network(images)
    first, gain, shift, second = (each.detach().numpy() for each in network.projector.parameters())
    hidden = np.array([[weights @ image for weights in first] for image in embedding])
    for unit in range(10):
        column = hidden[:, unit]
        normal = (column - column.mean()) / np.sqrt(column.var() + 1e-5)
        hidden[:, unit] = np.maximum(0, gain[unit] * normal + shift[unit])
    expected = np.array([[weights @ image for weights in second] for image in hidden])
    torch.testing.assert_close(found, torch.from_numpy(expected))


def test_the_last_two_stages_are_pooled_each_with_a_mask_of_its_own():
    network = network_of().eval()
    images = images_of()
    finer, coarser = network.features(images)
    assert (finer.shape, coarser.shape) == ((3, 192, 4, 4), (3, 96, 2, 2))
    torch.testing.assert_close(coarser, network.backbone.forward_features(images))
    masks = network.attention(images)
    assert [mask.shape for mask in masks] == [(3, 4, 4), (3, 2, 2)]
    for mask in masks:
        torch.testing.assert_close(mask.sum((1, 2)), torch.ones(3))
    expected = [
        (features * mask[:, None]).sum((2, 3))
        for features, mask in zip((finer, coarser), masks, strict=True)
    ]
    torch.testing.assert_close(network.embedding(images), torch.cat(expected, dim=1))
    assert network(images).shape == (3, 4)


def test_one_scale_is_the_last_stage():
    network = network_of(scales=1).eval()
    images = images_of()
    assert [each.shape for each in network.features(images)] == [(3, 96, 2, 2)]
    assert network.embedding(images).shape == (3, 96)


def test_average_pooling_has_no_masks():
    network = network_of(pooling="average").eval()
    images = images_of()
    assert network.attention(images) == []
    expected = [features.mean((2, 3)) for features in network.features(images)]
    torch.testing.assert_close(network.embedding(images), torch.cat(expected, dim=1))


def test_the_last_gain_of_each_block_of_a_resnet_begins_at_zero():
    backbone = network_of().backbone
    blocks = [block for stage in range(1, 5) for block in getattr(backbone, f"layer{stage}")]
    norms = [
        [block.bn1, block.bn2, *filter(None, [getattr(block, "bn3", None)])] for block in blocks
    ]
    assert {len(each) for each in norms} == {2, 3}  # blocks of both kinds
    for *others, last in norms:
        assert not last.weight.any()
        assert all(each.weight.all() for each in others)


def test_of_a_resnet50_the_stages_of_1024_and_2048_channels_are_pooled():
    with torch.device("meta"):
        network = Network("resnet50", 2, "attention", 512, 4096, 256)
        features = network.features(torch.zeros(2, 3, 224, 224))
        projections = network(torch.zeros(2, 3, 224, 224))
    assert [each.shape[1:] for each in features] == [(1024, 14, 14), (2048, 7, 7)]
    assert network.projector[0].weight.shape == (4096, 3072)
    assert projections.shape == (2, 256)


def test_the_backbone_has_the_keys_of_timms_model():
    ours = network_of("test_convnext").backbone.state_dict()
    theirs = timm.create_model("test_convnext", num_classes=0).state_dict()
    assert {key: value.shape for key, value in ours.items()} == {
        key: value.shape for key, value in theirs.items()
    }


# A final norm that the last stage goes through, one that follows the pooling of timm's head, a
# convolution behind the last stage, and nothing of the sort.
IDLE = {
    "test_vit": set(),
    "test_convnext": {"backbone.head.norm.weight", "backbone.head.norm.bias"},
    "test_efficientnet": {"backbone.conv_head.weight", "backbone.bn2.weight", "backbone.bn2.bias"},
    "test_resnet": set(),
    "swin_tiny_patch4_window7_224": set(),
}


@pytest.mark.parametrize("name", IDLE)
def test_every_parameter_that_is_to_learn_has_a_gradient(name):
    with torch.device("meta"):  # only what depends on what matters here, and no numbers
        network = network_of(name, image_size=64)
        network(torch.zeros(2, 3, 64, 64)).sum().backward()
    frozen = {key for key, each in network.named_parameters() if not each.requires_grad}
    assert frozen == IDLE[name]
    assert all((each.grad is not None) == each.requires_grad for each in network.parameters())


def test_a_name_that_timm_does_not_know_is_refused_with_the_nearest_that_it_knows():
    with pytest.raises(UsageError, match=r"named 'resnet5O'; did you mean resnet50\?"):
        network_of("resnet5O")
    with pytest.raises(UsageError, match=r"named 'resnet50.nonsense'; did you mean resnet50\?"):
        network_of("resnet50.nonsense")
    with pytest.raises(UsageError, match=r"timm.list_models"):
        network_of("###")


def test_a_backbone_that_has_no_features_for_images_of_that_size_is_refused():
    with pytest.raises(UsageError, match=r"efficientformer_l1 gives no features .* 192 pixels"):
        network_of("efficientformer_l1", image_size=192)


def test_each_view_is_normalised_by_its_own_statistics():
    network = network_of()
    views = [images_of(4), 2 + 3 * images_of(4).flip(0)]
    apart = [copy.deepcopy(network)(view) for view in views]
    found = PerView(network)(torch.stack(views))
    torch.testing.assert_close(found, torch.stack(apart))
    assert int(network.projector[1].num_batches_tracked) == 2


def test_channels_last_and_bfloat16_give_about_the_same():
    network = network_of().eval()
    images = images_of()
    expected = network(images)
    laid_out = network.to(memory_format=torch.channels_last)
    moved = images.to(memory_format=torch.channels_last)
    torch.testing.assert_close(laid_out(moved), expected)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(laid_out(moved).float(), expected, atol=0.05, rtol=0.05)
        for mask in laid_out.attention(moved):
            torch.testing.assert_close(mask.sum((1, 2)), torch.ones(3))


@pytest.mark.slow
def test_all_views_together_compile_as_one_graph():
    learner = PerView(network_of())
    views = [images_of(4), 2 + 3 * images_of(4)]
    compiled = torch.compile(copy.deepcopy(learner), fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(views), learner(views))
