"""The memory of a step: counted before the first one, and said in a sentence where it lacks."""

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from tests.training.training import quick, small_data  # noqa: E402
from videonet.training.checkpoint import load as load_checkpoint  # noqa: E402
from videonet.training.config import load  # noqa: E402
from videonet.training.memory_estimate import (  # noqa: E402
    estimate,
    free_memory,
    shortage,
)
from videonet.training.train import network_of, train  # noqa: E402

GIGABYTE = 1_000_000_000


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_what_is_counted_is_what_a_pass_keeps(backbone):
    config = quick(f"backbone.name={backbone}", "augmentation.size=160", "train.batch=4")
    network = network_of(config)
    own = {each.untyped_storage().data_ptr() for each in [*network.parameters()]}
    own |= {each.untyped_storage().data_ptr() for each in network.buffers()}
    sizes = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda each: each):
        # Three views, whose passes all wait for the backward pass.
        _ = [network(torch.randn(4, 3, 160, 160)) for _ in config.views.recipes]
    kept = sum(size for place, size in sizes.items() if place not in own)
    found = estimate(config, network, 1, recompute=False)
    assert found.activations == pytest.approx(kept, rel=0.01)


def test_a_count_changes_no_weight_and_draws_no_random_number():
    config = quick()
    network = network_of(config)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    torch.manual_seed(3)
    estimate(config, network, 1, recompute=False)
    after = torch.rand(4)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(4))
    assert all(torch.equal(each, before[name]) for name, each in network.state_dict().items())


@pytest.mark.parametrize(("name", "gigabytes"), [("vito_resnet50", 68), ("vito_swin_s", 171)])
def test_the_papers_batch_on_eight_gpus_takes_more_than_most_gpus_have(name, gigabytes):
    config = load(name)
    network = network_of(config)
    whole = estimate(config, network, 8, recompute=False)
    assert whole.activations / GIGABYTE == pytest.approx(gigabytes, rel=0.02)
    # Three batches of eight workers.
    assert whole.shared / GIGABYTE == pytest.approx(12.9, rel=0.02)
    again = estimate(config, network, 8, recompute=True)
    assert again.activations < whole.activations / 2
    assert again.weights == whole.weights


def test_what_lacks_is_said_with_the_settings_to_change():
    config = load("vito_resnet50")
    found = estimate(config, network_of(config), 8, recompute=False)
    assert shortage(found, 80 * GIGABYTE, 20 * GIGABYTE, config) is None
    assert shortage(found, None, None, config) is None
    said = shortage(found, 40 * GIGABYTE, 20 * GIGABYTE, config)
    assert all(each in said for each in ("70.3 GB", "40.0 GB", "train.batch", "activation_check"))
    said = shortage(found, 80 * GIGABYTE, 1 * GIGABYTE, config)
    assert all(each in said for each in ("12.9 GB", "/dev/shm", "data.workers"))


def test_this_machine_has_memory():
    free = free_memory(torch.device("cpu"))
    assert free is None or free > 0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data") / "out")


def test_a_run_learns_the_same_with_activation_checkpointing_and_may_change_it(data, tmp_path):
    ends = {}
    for asked in ("auto", "on"):
        last = train(quick(f"train.activation_checkpointing={asked}"), data, tmp_path / asked)
        ends[asked] = load_checkpoint(last)
    torch.testing.assert_close(ends["on"]["online"], ends["auto"]["online"], rtol=1e-6, atol=1e-6)
    # The same run goes on, or has ended, under the other setting.
    assert train(quick("train.activation_checkpointing=off"), data, tmp_path / "on") == last
