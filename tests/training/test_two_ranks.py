"""Two ranks with half a batch each are one rank with the whole batch: loss, gradients, statistics.

The two processes are started once, and do everything that is asked of them here.
"""

import copy
import multiprocessing
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.patience import PATIENCE
from videonet.training.config import load

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torch import distributed, nn  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

from videonet.training.methods.ema import make_target, update  # noqa: E402
from videonet.training.methods.vito import vito_loss  # noqa: E402
from videonet.training.methods.vivi import VIVI  # noqa: E402
from videonet.training.models.network import Network, PerView  # noqa: E402
from videonet.training.models.sync_batchnorm import AllReduceBatchNorm, synchronised  # noqa: E402

pytestmark = pytest.mark.slow

RANKS = 2
STEPS = 2

# Of five videos. Both ranks have clips of the first, and the second rank has one twice.
VIDEOS = (0, 1, 2, 2, 0, 3, 4, 3)
NEGATIVES = ("view", "all_views")

# Rows of a batch norm's batch on the first rank; the rest is on the second.
UNEVEN = 3


def test_the_loss_is_the_same(learnt):
    for case in NEGATIVES:
        whole, parts = learnt[case]
        together = sum(part["losses"] for part in parts) / RANKS
        torch.testing.assert_close(together, whole["losses"])
        # Each has its own share of it.
        assert not torch.allclose(parts[0]["losses"], parts[1]["losses"])


def test_the_gradients_are_the_same(learnt):
    for case in NEGATIVES:
        whole, parts = learnt[case]
        assert all(gradient.any() for gradient in whole["gradients"].values())
        for part in parts:
            torch.testing.assert_close(part["gradients"], whole["gradients"])


def test_after_two_steps_both_networks_and_their_running_statistics_are_the_same(learnt):
    for case in NEGATIVES:
        whole, parts = learnt[case]
        for part in parts:
            torch.testing.assert_close(part["online"], whole["online"])
            torch.testing.assert_close(part["target"], whole["target"])
        assert any(not torch.equal(whole["online"][key], whole["begun"][key]) for key in PROJECTOR)


def test_with_batch_norms_of_their_own_the_gradients_would_be_others(learnt):
    whole, parts = learnt["apart"]
    for key, gradient in parts[0]["gradients"].items():
        torch.testing.assert_close(gradient, parts[1]["gradients"][key])
    assert not torch.allclose(parts[0]["gradients"][PROJECTOR[0]], whole["gradients"][PROJECTOR[0]])


@pytest.mark.parametrize("negatives", ["shots", "videos"])
def test_vivi_of_two_ranks_is_that_of_one_with_the_whole_batch(learnt, negatives):
    whole, parts = learnt[f"vivi, {negatives}"]
    together = sum(part["loss"] for part in parts) / RANKS
    torch.testing.assert_close(together, whole["loss"])
    assert not torch.allclose(parts[0]["loss"], parts[1]["loss"])
    assert all(gradient.any() for gradient in whole["gradients"].values())
    for part in parts:
        torch.testing.assert_close(part["gradients"], whole["gradients"])


@pytest.mark.parametrize("kind", ["1d", "2d", "with an activation"])
def test_batch_norms_of_uneven_parts_are_one_of_the_whole(learnt, kind):
    _, parts = learnt["norms"]
    norm, values, weights = norm_of(kind)
    values.requires_grad_()
    found = norm(values)
    (found * weights).sum().backward()

    def whole_of(name):
        return torch.cat([part[kind][name] for part in parts])

    torch.testing.assert_close(whole_of("outputs"), found.detach())
    torch.testing.assert_close(whole_of("gradient"), values.grad)
    for name, parameter in norm.named_parameters():
        total = sum(part[kind]["gradients"][name] for part in parts)
        torch.testing.assert_close(total, parameter.grad)
    for part in parts:
        torch.testing.assert_close(part[kind]["state"], norm.state_dict())


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_batch_norm_is_synchronised_and_keeps_its_keys_and_its_activation(learnt, device):
    _, parts = learnt["kinds"]
    expected = AllReduceBatchNorm if device == "cpu" else nn.SyncBatchNorm
    for part in parts:
        keys_before, keys_after, kinds, activations = part[device]
        assert keys_after == keys_before
        assert len(kinds) == 3
        assert all(expected.__name__ in kind for kind in kinds)
        assert activations == ["ReLU"]


# What one process does. Each of these runs on both ranks, and the first also on one rank alone.

PROJECTOR = ("projector.0.weight", "projector.3.weight")


def learn(negatives: str, rank: int = 0, ranks: int = 1, synchronise: bool = True) -> dict:
    """Two steps on a rank's part of the batch."""
    torch.manual_seed(0)
    online = Network("test_resnet", 2, "attention", 4, 8, 4).double()
    for parameter in online.parameters():
        # Gains that are not zero, lest whole blocks have no gradient; logits that differ.
        if parameter.ndim == 1 or parameter.shape[0] == 1:
            nn.init.normal_(parameter, 0.5)
    if synchronise:
        synchronised(online, "cpu")
    target = make_target(online)
    begun = copy.deepcopy(online.state_dict())
    learner: nn.Module = PerView(online)
    if ranks > 1:
        learner = DistributedDataParallel(learner, broadcast_buffers=False)
    optimizer = torch.optim.SGD(online.parameters(), lr=0.1)

    views = torch.randn(STEPS, 3, len(VIDEOS), 3, 64, 64, dtype=torch.float64)
    part = slice(rank * len(VIDEOS) // ranks, (rank + 1) * len(VIDEOS) // ranks)
    losses, gradients = [], {}
    for given in views[:, :, part]:
        with torch.no_grad():
            targets = PerView(target)(given)
        videos = torch.tensor(VIDEOS[part])
        loss = vito_loss(learner(given), targets, videos, temperature=0.1, negatives=negatives)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        gradients = gradients or {
            name: each.grad.clone() for name, each in online.named_parameters()
        }
        optimizer.step()
        update(target, online, momentum=0.9)
    return {
        "losses": torch.stack(losses),
        "gradients": gradients,
        "begun": begun,
        "online": dict(online.state_dict()),
        "target": dict(target.state_dict()),
    }


def learn_vivi(negatives: str, rank: int = 0, ranks: int = 1) -> dict:
    """The loss of VIVI on a rank's part of the batch, and its gradients."""
    torch.manual_seed(0)
    settings = load(
        "vivi_tiny",
        [
            f"vivi.exemplar_negatives={negatives}",
            *('views.recipes=["A1", "A2"]', "vivi.shots_per_video=3", "projector.out=4"),
        ],
    )
    method = VIVI(settings)
    network = Network("test_resnet", 1, "average", 4, 8, 4)
    learning = method.learner(network).double()
    for parameter in network.parameters():
        # Gains that are not zero, lest whole blocks have no gradient.
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5)
    synchronised(network, "cpu")
    learner: nn.Module = learning
    if ranks > 1:
        learner = DistributedDataParallel(
            learning, broadcast_buffers=False, find_unused_parameters=True
        )
    part = slice(rank * len(VIDEOS) // ranks, (rank + 1) * len(VIDEOS) // ranks)
    views = torch.randn(6, len(VIDEOS), 3, 64, 64, dtype=torch.float64)[:, part]
    # The ranks have unequal numbers of videos with all shots.
    shots = torch.tensor([3, 3, 3, 3, 3, 1, 3, 2])[part]
    batch = SimpleNamespace(videos=torch.tensor(VIDEOS[part]), shots=shots)
    loss = method.loss(learner, None, list(views), batch)
    loss.backward()
    gradients = {name: each.grad.clone() for name, each in learning.named_parameters()}
    return {"loss": loss.detach(), "gradients": gradients}


def norm_of(kind: str) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A batch norm, its batch, and how much each output matters."""
    from timm.layers.norm_act import BatchNormAct2d

    torch.manual_seed(1)
    norm = {"1d": nn.BatchNorm1d, "2d": nn.BatchNorm2d, "with an activation": BatchNormAct2d}[kind](
        3
    )
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    shape = (8, 3) if kind == "1d" else (8, 3, 4, 2)
    values, weights = 5 + torch.randn(2, *shape, dtype=torch.float64)
    return norm.double(), values, weights


def normalise(kind: str, rank: int) -> dict:
    """A rank's part of a batch norm's batch."""
    norm, values, weights = norm_of(kind)
    network = nn.Sequential(norm)
    synchronised(network, "cpu")
    norm = network[0]
    part = slice(UNEVEN) if rank == 0 else slice(UNEVEN, None)
    mine = values[part].clone().requires_grad_()
    outputs = norm(mine)
    (outputs * weights[part]).sum().backward()
    return {
        "outputs": outputs.detach(),
        "gradient": mine.grad,
        "gradients": {name: each.grad for name, each in norm.named_parameters()},
        "state": dict(norm.state_dict()),
    }


def kinds_of(device: str) -> tuple:
    """What becomes of batch norms within other modules, and of an activation within one."""
    from timm.layers.norm_act import BatchNormAct2d

    network = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)),
        BatchNormAct2d(4),
        nn.Flatten(),
        nn.BatchNorm1d(4),
    )
    before = list(network.state_dict())
    synchronised(network, device)
    norms = [each for each in network.modules() if hasattr(each, "running_mean")]
    kinds = [[kind.__name__ for kind in type(each).__mro__] for each in norms]
    activations = [type(each.act).__name__ for each in norms if hasattr(each, "act")]
    return before, list(network.state_dict()), kinds, activations


def work(rank: int, folder) -> None:
    """All that one of the two ranks does."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/rendezvous",
        rank=rank,
        world_size=RANKS,
        timeout=timedelta(seconds=PATIENCE),
    )
    done = {case: learn(case, rank, RANKS) for case in NEGATIVES}
    done["apart"] = learn("view", rank, RANKS, synchronise=False)
    for each in ("shots", "videos"):
        done[f"vivi, {each}"] = learn_vivi(each, rank, RANKS)
    done["norms"] = {kind: normalise(kind, rank) for kind in ("1d", "2d", "with an activation")}
    done["kinds"] = {device: kinds_of(device) for device in ("cpu", "cuda")}
    torch.save(done, folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def learnt(tmp_path_factory) -> dict:
    """By case: what one rank has of the whole batch (if anything), and each of two of its half."""
    folder = tmp_path_factory.mktemp("ranks")
    # One process imports what both ranks need, and they are forked from it.
    multiprocessing.set_forkserver_preload(["torch", "timm"])
    torch.multiprocessing.start_processes(work, (folder,), RANKS, start_method="forkserver")
    parts = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]
    whole = {case: learn(case) for case in NEGATIVES}
    whole["apart"] = whole["view"]
    whole |= {f"vivi, {each}": learn_vivi(each) for each in ("shots", "videos")}
    return {case: (whole.get(case), [part[case] for part in parts]) for case in parts[0]}
