"""Activation checkpointing: less is kept, and what is learnt is the same."""

import copy
import multiprocessing
import shutil
from datetime import timedelta

import pytest

from tests.patience import PATIENCE

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torch import distributed, nn  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

from videonet.errors import UsageError  # noqa: E402
from videonet.training.methods.ema import make_target, update  # noqa: E402
from videonet.training.methods.vito import vito_loss  # noqa: E402
from videonet.training.models.network import Network, PerView  # noqa: E402
from videonet.training.models.recompute import recompute_blocks  # noqa: E402
from videonet.training.models.sync_batchnorm import synchronised  # noqa: E402

STEPS = 20
VIDEOS = (0, 1, 2, 3)
SIDE = 32
RANKS = 2
SWIN = "swin_tiny_patch4_window7_224"


def test_a_small_network_learns_the_same():
    assert_same(learnt("test_resnet", recompute=False), learnt("test_resnet", recompute=True))


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("backbone", ["resnet50", SWIN])
def test_gradients_statistics_and_weights_after_20_steps_are_the_same(backbone):
    without = learnt(backbone, recompute=False)
    assert_same(without, learnt(backbone, recompute=True))
    if backbone == SWIN:
        # Whole paths are dropped at random, and the second pass drops the same ones.
        assert max(drop_rates(backbone)) > 0


@pytest.mark.slow
@pytest.mark.thorough
def test_on_two_ranks_they_are_the_same(tmp_path):
    without, given = (
        in_processes(tmp_path / str(recompute), "test_resnet", recompute)
        for recompute in (False, True)
    )
    for one, other in zip(without, given, strict=True):
        assert_same(one, other)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile wants a C++ compiler")
def test_compiled_they_are_the_same():
    settings = {"dtype": torch.float64, "compiled": True, "steps": 4}
    without = learnt("test_resnet", recompute=False, **settings)
    assert_same(without, learnt("test_resnet", recompute=True, **settings))


def test_names_of_weights_and_what_a_network_gives_at_rest_stay_as_they_are():
    torch.manual_seed(0)
    network = Network("test_resnet", 2, "attention", 4, 8, 4).eval()
    images = torch.randn(2, 3, 64, 64)
    names = list(network.state_dict())
    with torch.no_grad():
        before = network(images)
        assert recompute_blocks(network.backbone, "test_resnet") == 4
        assert torch.equal(network(images), before)
    assert list(network.state_dict()) == names


def test_of_each_block_only_its_input_is_kept():
    kept = {}
    for recompute in (False, True):
        torch.manual_seed(0)
        network = Network("resnet50", 2, "attention", 4, 8, 4)
        if recompute:
            recompute_blocks(network.backbone, "resnet50")
        sizes = {}

        def note(tensor, sizes=sizes):
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda each: each):
            network(torch.randn(2, 3, 64, 64))
        kept[recompute] = sum(sizes.values()) - sum(
            each.untyped_storage().nbytes() for each in network.parameters()
        )
    assert kept[True] < kept[False] / 2


def test_a_copy_of_a_network_recomputes_its_own_blocks():
    network = Network("test_resnet", 2, "attention", 4, 8, 4)
    recompute_blocks(network.backbone, "test_resnet")
    copied = copy.deepcopy(network)
    copied(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(each.grad is None for each in network.parameters())
    assert any(each.grad is not None for each in copied.parameters())


def test_a_backbone_without_known_blocks_is_refused_in_a_sentence():
    with pytest.raises(UsageError, match=r"net.*activation_checkpointing.*off"):
        recompute_blocks(nn.Sequential(nn.Linear(2, 2)), "net")


def learnt(
    backbone, *, recompute, dtype=torch.float32, compiled=False, steps=STEPS, rank=0, ranks=1
):
    """What a network is after so many steps: its weights, its statistics, the first gradients."""
    torch.manual_seed(0)
    online = Network(backbone, 2, "attention", 4, 8, 4, image_size=SIDE).to(dtype)
    for parameter in online.parameters():
        # Gains that are not zero, lest whole blocks have no gradient.
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.1)
    synchronised(online, "cpu")
    target = make_target(online)
    if recompute:
        recompute_blocks(online.backbone, backbone)
    learner = PerView(online)
    if compiled:
        learner.compile()
    if ranks > 1:
        learner = DistributedDataParallel(
            learner, broadcast_buffers=False, find_unused_parameters=True
        )
    optimizer = torch.optim.SGD(online.parameters(), lr=1e-3)
    views = torch.randn(steps, 2, ranks * len(VIDEOS), 3, SIDE, SIDE, dtype=dtype)
    part = slice(rank * len(VIDEOS), (rank + 1) * len(VIDEOS))
    gradients = {}
    for step, given in enumerate(views[:, :, part]):
        torch.manual_seed(step)
        with torch.no_grad():
            targets = PerView(target)(given)
        videos = torch.tensor(VIDEOS) + rank * len(VIDEOS)
        loss = vito_loss(learner(given), targets, videos, temperature=0.1, negatives="view")
        optimizer.zero_grad()
        loss.backward()
        gradients = gradients or {
            name: each.grad.clone()
            for name, each in online.named_parameters()
            if each.grad is not None
        }
        optimizer.step()
        update(target, online, momentum=0.9)
    assert any(each.any() for each in gradients.values())
    return {"gradients": gradients, "online": online.state_dict(), "target": target.state_dict()}


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def drop_rates(backbone):
    network = Network(backbone, 2, "attention", 4, 8, 4, image_size=SIDE)
    return {each.drop_prob for each in network.modules() if hasattr(each, "drop_prob")}


def in_processes(folder, backbone, recompute):
    """What each of two ranks has learnt."""
    folder.mkdir()
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=one_rank, args=(folder, backbone, recompute, rank), daemon=True)
        for rank in range(RANKS)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == 0
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]


def one_rank(folder, backbone, recompute, rank):
    torch.set_num_threads(1)
    store = distributed.FileStore(str(folder / "store"), RANKS)
    distributed.init_process_group(
        "gloo", store=store, rank=rank, world_size=RANKS, timeout=timedelta(seconds=PATIENCE)
    )
    found = learnt(backbone, recompute=recompute, rank=rank, ranks=RANKS)
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()
