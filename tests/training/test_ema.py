"""target: a copy that follows the online network."""

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import timm  # noqa: E402
from timm.layers.drop import DropBlock2d, DropPath  # noqa: E402
from torch import nn  # noqa: E402

from videonet.training.methods.ema import make_target, update  # noqa: E402
from videonet.training.models.network import Network  # noqa: E402


@pytest.fixture(scope="module")
def online() -> Network:
    torch.manual_seed(0)
    return Network("test_resnet", 2, "attention", 4, 8, 4)


def test_the_target_begins_as_a_copy_that_has_no_gradient_and_normalises_by_the_batch(online):
    target = make_target(online.eval())
    online.train()
    ours, theirs = target.state_dict(), online.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert not any(parameter.requires_grad for parameter in target.parameters())
    assert all(parameter.requires_grad for parameter in online.parameters())
    assert all(module.training for module in target.modules())
    assert not target(torch.randn(3, 3, 32, 32)).requires_grad


def test_parameters_move_by_the_moving_average_and_running_statistics_by_themselves(online):
    target = make_target(online)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in online.parameters():
            parameter.add_(torch.randn_like(parameter))
    target(torch.randn(3, 3, 32, 32))
    before = {key: value.clone() for key, value in target.state_dict().items()}
    learnt = {key: value.clone() for key, value in online.state_dict().items()}

    update(target, online, momentum=0.9)

    parameters = dict(online.named_parameters())
    for key, value in target.state_dict().items():
        expected = 0.9 * before[key] + 0.1 * learnt[key] if key in parameters else before[key]
        torch.testing.assert_close(value, expected, msg=key)
    for key, value in online.state_dict().items():
        assert torch.equal(value, learnt[key]), key
    assert not torch.equal(before["projector.1.running_mean"], learnt["projector.1.running_mean"])


def test_a_momentum_of_one_keeps_the_target_and_of_none_copies():
    online = nn.Linear(3, 2)
    target = make_target(nn.Linear(3, 2))
    before = target.weight.clone()
    update(target, online, momentum=1.0)
    assert torch.equal(target.weight, before)
    update(target, online, momentum=0.0)
    torch.testing.assert_close(target.weight, online.weight)


DROPOUTS = {
    "of values": nn.Dropout(0.5),
    "of channels": nn.Dropout2d(0.5),
    "that keeps the variance": nn.AlphaDropout(0.5),
    "of paths": DropPath(0.5),
    "of blocks": DropBlock2d(0.5, block_size=2),
}


@pytest.mark.parametrize("name", DROPOUTS)
def test_every_kind_of_dropout_is_off_in_the_target_alone(name):
    online = DROPOUTS[name].train()
    target = make_target(online)
    torch.manual_seed(2)
    values = torch.randn(16, 3, 8, 8)
    torch.testing.assert_close(target(values), values)
    assert not torch.allclose(online(values), values)


def test_a_transformer_of_timm_that_drops_all_it_can_is_undisturbed_as_the_target_alone():
    rates = ("drop_rate", "patch_drop_rate", "pos_drop_rate", "proj_drop_rate", "attn_drop_rate")
    online = timm.create_model(
        "test_vit", num_classes=0, drop_path_rate=0.2, **dict.fromkeys(rates, 0.1)
    )
    target = make_target(online)
    images = torch.randn(2, 3, 160, 160)
    with torch.no_grad():
        disturbed = online(images)
        expected = online.eval()(images)
        torch.testing.assert_close(target(images), expected)
    assert not torch.allclose(disturbed, expected)
