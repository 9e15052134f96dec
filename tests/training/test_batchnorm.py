"""batchnorm: the form for CPUs by itself, on a process that is the only rank.

What two ranks make of it is in `test_two_ranks`.
"""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torch import distributed, nn  # noqa: E402

from videonet.training.models.sync_batchnorm import AllReduceBatchNorm, synchronised  # noqa: E402

SHAPES = {"1d": (7, 3), "1d of sequences": (4, 3, 5), "2d": (4, 3, 5, 2)}
NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
EACH_SHAPE = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@pytest.fixture(autouse=True)
def only_rank(tmp_path):
    store = f"file://{tmp_path}/rendezvous"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def norm_of(shape, dtype=torch.float64, **settings) -> nn.Module:
    norm = NORMS[len(shape)](3, **settings).to(dtype)
    torch.manual_seed(5)
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    return norm


def values_of(shape, dtype=torch.float64) -> torch.Tensor:
    torch.manual_seed(6)
    return 2 + 3 * torch.randn(*shape, dtype=dtype)


@EACH_SHAPE
def test_outputs_and_running_statistics_are_the_formula_spelt_out(shape):
    norm, values = norm_of(shape), values_of(shape)
    ours = AllReduceBatchNorm(norm)
    found = ours(values)

    expected = np.empty(shape)
    for channel in range(3):
        given = values.numpy()[:, channel]
        mean = given.mean()
        biased = ((given - mean) ** 2).mean()
        unbiased = ((given - mean) ** 2).sum() / (given.size - 1)
        gain, shift = norm.weight[channel].item(), norm.bias[channel].item()
        expected[:, channel] = (given - mean) / np.sqrt(biased + 1e-5) * gain + shift
        assert float(ours.running_mean[channel]) == pytest.approx(0.1 * mean)
        assert float(ours.running_var[channel]) == pytest.approx(0.9 + 0.1 * unbiased)
    torch.testing.assert_close(found, torch.from_numpy(expected))
    assert int(ours.num_batches_tracked) == 1


@EACH_SHAPE
@pytest.mark.parametrize("momentum", [0.1, None])
def test_it_trains_and_evaluates_as_torchs_batch_norm_does(shape, momentum):
    theirs = norm_of(shape, momentum=momentum)
    ours = AllReduceBatchNorm(copy.deepcopy(theirs))
    results = []
    for norm in (ours, theirs):
        values = values_of(shape).requires_grad_()
        weights = torch.linspace(-1, 1, values.numel(), dtype=values.dtype).view(shape)
        (norm(values) * weights).sum().backward()
        trained = norm(values.detach() + 1)
        norm.eval()
        evaluated = norm(values)
        results.append(
            (values.grad, norm.weight.grad, norm.bias.grad, trained, evaluated, norm.state_dict())
        )
    torch.testing.assert_close(*results)


def test_without_gains_and_running_statistics_too():
    shape = SHAPES["2d"]
    theirs = norm_of(shape, affine=False, track_running_stats=False)
    ours = AllReduceBatchNorm(copy.deepcopy(theirs))
    values = values_of(shape)
    torch.testing.assert_close(ours(values), theirs(values))
    torch.testing.assert_close(ours.eval()(values), theirs.eval()(values))


def test_values_far_from_zero_keep_their_variance():
    norm = norm_of((64, 3), torch.float32, affine=False)
    values = 10_000 + torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    expected = (values.double() - values.double().mean(0)) / values.double().std(0, correction=0)
    found = AllReduceBatchNorm(norm)(values)
    torch.testing.assert_close(found.double(), expected, atol=1e-2, rtol=0)


def test_statistics_of_bfloat16_values_are_float32():
    shape = SHAPES["2d"]
    norm = AllReduceBatchNorm(norm_of(shape, torch.float32))
    found = norm(values_of(shape).bfloat16())
    assert (found.dtype, norm.running_var.dtype) == (torch.bfloat16, torch.float32)
    assert torch.equal(found, norm(values_of(shape).bfloat16().float()).bfloat16())


def test_the_activation_that_timm_puts_into_a_batch_norm_is_kept():
    from timm.layers.norm_act import BatchNormAct2d

    norm = BatchNormAct2d(3, act_layer=nn.PReLU, inplace=False)
    ours = AllReduceBatchNorm(copy.deepcopy(norm))
    values = values_of(SHAPES["2d"], torch.float32)
    torch.testing.assert_close(ours(values), norm(values))
    assert set(ours.state_dict()) == set(norm.state_dict())


def test_a_process_on_its_own_keeps_its_batch_norms():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    synchronised(network, "cpu")
    assert type(network[1]) is nn.BatchNorm2d


def test_a_batch_norm_by_itself_cannot_be_exchanged_in_place():
    with pytest.raises(AssertionError, match="only what is within a module"):
        synchronised(nn.BatchNorm2d(4), "cpu")
