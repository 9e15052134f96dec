"""optimizer: LARS against a slow one in NumPy, what it spares, and the schedules."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from timm.optim import Lars  # noqa: E402
from torch import nn  # noqa: E402

from videonet.training import config  # noqa: E402
from videonet.training.optimizer import (  # noqa: E402
    LARS,
    learning_rate,
    optimizer_of,
    parameter_groups,
    peak_learning_rate,
    set_learning_rate,
    target_momentum,
)

RATES = (0.0, 0.4, 0.9, 0.3, 0.7)
SETTINGS = config.Optimizer(base_lr=0.4, weight_decay=0.05, trust_coefficient=0.02, momentum=0.8)


def network() -> nn.Module:
    """Convolution with a bias, batch norm, and a linear layer, in float64."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 5)
    return nn.Sequential(*layers).double()


def give_gradients(module: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        shape = {"dtype": parameter.dtype, "generator": generator}
        parameter.grad = torch.randn(parameter.shape, **shape)


def values(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: each.detach().numpy().copy() for name, each in module.named_parameters()}


class NumpyLars:
    """One tensor at a time, written from the formulas."""

    def __init__(self):
        self.gathered = 0.0

    def stepped(self, weight, gradient, rate):
        update = gradient
        if weight.ndim > 1:
            update = gradient + 0.05 * weight
            length, stride = np.sqrt((weight**2).sum()), np.sqrt((update**2).sum())
            if length > 0 and stride > 0:
                update = update * (0.02 * length / stride)
        self.gathered = 0.8 * self.gathered + update
        return weight - rate * self.gathered


def test_lars_steps_as_the_formulas_say():
    module = network()
    optimizer = optimizer_of(SETTINGS, module)
    expected = values(module)
    slow = {name: NumpyLars() for name in expected}
    for step, rate in enumerate(RATES):
        give_gradients(module, step)
        set_learning_rate(optimizer, rate)
        optimizer.step()
        for name, each in module.named_parameters():
            expected[name] = slow[name].stepped(expected[name], each.grad.numpy(), rate)
            np.testing.assert_allclose(each.detach().numpy(), expected[name], rtol=1e-12)


def test_without_decay_lars_is_timms():
    ours, theirs = network()[3:], network()[3:]
    weights = [[module[0].weight] for module in (ours, theirs)]
    optimizers = (
        LARS(weights[0], lr=0.4, momentum=0.9, trust_coefficient=0.01),
        Lars(weights[1], lr=0.4, momentum=0.9, trust_coeff=0.01, eps=0, always_adapt=True),
    )
    for step, rate in enumerate(RATES):
        for module, optimizer in zip((ours, theirs), optimizers, strict=True):
            give_gradients(module, step)
            set_learning_rate(optimizer, rate)
            optimizer.step()
        torch.testing.assert_close(*(each[0] for each in weights))


def test_biases_and_norms_are_neither_decayed_nor_adapted():
    module = network()
    before = values(module)
    give_gradients(module, 0)
    optimizer_of(SETTINGS, module).step()
    after = values(module)
    spared = {"0.bias", "1.weight", "1.bias", "3.bias"}
    for name, parameter in module.named_parameters():
        plain = before[name] - 0.4 * parameter.grad.numpy()
        assert np.allclose(after[name], plain, rtol=1e-12) == (name in spared)


def test_decay_alone_moves_weights_and_spares_biases_and_norms():
    module = network()
    before = values(module)
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer_of(SETTINGS, module).step()
    for name, after in values(module).items():
        # The update is as long as 0.02 of the weights, whatever the decay.
        expected = before[name] * (1 - 0.4 * 0.02) if after.ndim > 1 else before[name]
        np.testing.assert_allclose(after, expected, rtol=1e-12)


@pytest.mark.parametrize(("weight", "gradient"), [(0.0, 3.0), (0.0, 0.0)])
def test_weights_of_zero_are_stepped_by_their_gradient_as_it_is(weight, gradient):
    parameter = nn.Parameter(torch.full((2, 2), weight))
    parameter.grad = torch.full((2, 2), gradient)
    LARS([parameter], lr=0.5, momentum=0.9, trust_coefficient=1e-3, weight_decay=0.1).step()
    assert torch.equal(parameter.detach(), torch.full((2, 2), weight - 0.5 * gradient))


def test_a_gradient_of_zero_leaves_undecayed_weights_as_they_are():
    parameter = nn.Parameter(torch.ones(2, 2))
    parameter.grad = torch.zeros(2, 2)
    LARS([parameter], lr=0.5, momentum=0.9, trust_coefficient=1e-3).step()
    assert torch.equal(parameter.detach(), torch.ones(2, 2))


def test_gradients_are_left_as_they_were_and_what_has_none_is_not_stepped():
    module = network()
    optimizer = optimizer_of(SETTINGS, module)
    give_gradients(module, 0)
    module[3].weight.grad = module[3].bias.grad = None
    before = values(module)
    gradients = copy.deepcopy([each.grad for each in module[0].parameters()])
    optimizer.step()
    for one, other in zip(module[0].parameters(), gradients, strict=True):
        assert torch.equal(one.grad, other)
    assert [
        name for name, after in values(module).items() if np.array_equal(after, before[name])
    ] == [
        "3.weight",
        "3.bias",
    ]


@pytest.mark.parametrize("name", ["lars", "adamw"])
def test_a_stored_optimiser_goes_on_with_the_same_bits(name, tmp_path):
    settings = config.Optimizer(name=name, base_lr=0.1)
    module = network()
    optimizer = optimizer_of(settings, module)
    for step in range(3):
        give_gradients(module, step)
        optimizer.step()
    torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "o")
    stored = torch.load(tmp_path / "o", weights_only=True)
    other = network()
    other.load_state_dict(stored["module"])
    resumed = optimizer_of(settings, other)
    resumed.load_state_dict(stored["optimizer"])
    for step in range(3, 6):
        for stepped, by in ((module, optimizer), (other, resumed)):
            give_gradients(stepped, step)
            set_learning_rate(by, 0.1 / step)
            by.step()
    for one, same in zip(module.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)


def test_no_value_is_fetched_from_the_device():
    # The meta device computes nothing, so whatever asked it for a value would raise an error.
    module = network().to("meta")
    for parameter in module.parameters():
        parameter.grad = torch.empty_like(parameter)
    optimizer = optimizer_of(SETTINGS, module)
    optimizer.step()
    assert {each["momentum"].device.type for each in optimizer.state.values()} == {"meta"}


def test_a_closure_gives_gradients_and_the_loss():
    parameter = nn.Parameter(torch.ones(1))
    optimizer = LARS([parameter], lr=0.5, momentum=0.0, trust_coefficient=1.0, adapted=False)

    def loss():
        lost = (3 * parameter).sum()
        lost.backward()
        return float(lost.detach())

    assert optimizer.step(loss) == 3.0
    assert float(parameter.detach()) == -0.5


def test_every_parameter_that_learns_is_in_one_group():
    module = network()
    module[0].weight.requires_grad = False
    decayed, spared = parameter_groups(module, 0.1)
    assert (decayed["weight_decay"], decayed["adapted"]) == (0.1, True)
    assert (spared["weight_decay"], spared["adapted"]) == (0.0, False)
    assert [id(each) for each in decayed["params"]] == [id(module[3].weight)]
    spare = module[0].bias, module[1].weight, module[1].bias, module[3].bias
    assert [id(each) for each in spared["params"]] == [id(each) for each in spare]


def test_what_timm_exempts_from_decay_is_spared_too():
    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            self.position_bias_table = nn.Parameter(torch.ones(3, 4))
            self.weight = nn.Parameter(torch.ones(3, 4))

        def no_weight_decay(self):
            return {"position_bias_table"}

    for module in (nn.ModuleDict({"backbone": Backbone()}), Backbone()):
        decayed, spared = parameter_groups(module, 0.1)
        names = {id(each): name for name, each in module.named_parameters()}
        assert [names[id(each)].rpartition(".")[2] for each in spared["params"]] == [
            "position_bias_table"
        ]
        assert [names[id(each)].rpartition(".")[2] for each in decayed["params"]] == ["weight"]


def test_the_papers_optimiser_is_lars_with_byols_values():
    optimizer = optimizer_of(config.Optimizer(), network())
    assert isinstance(optimizer, LARS)
    decayed, spared = optimizer.param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (1e-6, 0.0)
    for group in (decayed, spared):
        assert (group["lr"], group["momentum"], group["trust_coefficient"]) == (0.3, 0.9, 1e-3)


@pytest.mark.parametrize("momentum", [0.9, 0.5])
def test_adamw_is_torchs_and_spares_the_same(momentum):
    ours, theirs = network(), network()
    adamw = config.Optimizer(name="adamw", base_lr=0.1, weight_decay=0.5, momentum=momentum)
    optimizer = optimizer_of(adamw, ours)
    assert type(optimizer) is torch.optim.AdamW
    weights = [theirs[0].weight, theirs[3].weight]
    rest = [theirs[0].bias, *theirs[1].parameters(), theirs[3].bias]
    groups = [{"params": weights}, {"params": rest, "weight_decay": 0.0}]
    expected = torch.optim.AdamW(groups, lr=0.1, betas=(momentum, 0.999), weight_decay=0.5)
    for step in range(3):
        for module, by in ((ours, optimizer), (theirs, expected)):
            give_gradients(module, step)
            by.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_the_peak_grows_with_the_batch():
    assert peak_learning_rate(0.3, 256) == pytest.approx(0.3)
    assert peak_learning_rate(0.3, 4096) == pytest.approx(4.8)
    assert peak_learning_rate(0.3, 64) == pytest.approx(0.075)


def test_the_learning_rate_rises_in_a_line_and_falls_by_a_cosine():
    rate = [learning_rate(step, 110, 10, 2.0) for step in range(111)]
    assert rate[:11] == pytest.approx([0.2 * step for step in range(11)])
    assert rate[35] == pytest.approx(1 + math.sqrt(0.5))
    assert rate[60] == pytest.approx(1.0)
    assert rate[110] == pytest.approx(0.0)


def test_without_warm_up_the_learning_rate_begins_at_its_peak():
    assert learning_rate(0, 100, 0, 2.0) == 2.0


def test_a_run_that_ends_with_its_warm_up_rises_to_its_end():
    assert [learning_rate(step, 4, 4, 2.0) for step in range(5)] == [0.0, 0.5, 1.0, 1.5, 2.0]


@given(warmup=st.integers(0, 50), rest=st.integers(1, 200), peak=st.floats(1e-6, 10))
def test_the_learning_rate_rises_then_falls_and_is_never_above_its_peak(warmup, rest, peak):
    rates = np.array(
        [learning_rate(step, warmup + rest, warmup, peak) for step in range(warmup + rest)]
    )
    assert (np.diff(rates[: warmup + 1]) > 0).all()
    assert (np.diff(rates[warmup:]) < 0).all()
    assert rates.argmax() == warmup
    assert rates[warmup] == peak
    assert rates.min() >= 0


def test_the_targets_momentum_goes_from_its_start_to_one_by_a_cosine():
    assert target_momentum(0, 100, 0.99) == pytest.approx(0.99)
    assert target_momentum(25, 100, 0.99) == pytest.approx(1 - 0.005 * (1 + math.sqrt(0.5)))
    assert target_momentum(50, 100, 0.99) == pytest.approx(0.995)
    assert target_momentum(100, 100, 0.99) == 1.0


@given(steps=st.integers(1, 200), start=st.floats(0, 0.9999))
def test_the_targets_momentum_never_falls(steps, start):
    momenta = np.array([target_momentum(step, steps, start) for step in range(steps + 1)])
    assert (np.diff(momenta) > 0).all()
    assert momenta[0] == pytest.approx(start)
    assert momenta[-1] == 1.0
