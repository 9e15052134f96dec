"""What only a GPU can show.

No step ever waits for it, it computes what a CPU computes, and a training takes the memory that was
estimated.
"""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from benchmarks.training_step import measure  # noqa: E402
from tests.training.training import small_data  # noqa: E402
from videonet.training.augment.augmentation import A1, A2, augmented  # noqa: E402
from videonet.training.config import load  # noqa: E402
from videonet.training.methods.ema import make_target, update  # noqa: E402
from videonet.training.methods.vito import vito_loss  # noqa: E402
from videonet.training.models.network import Network, PerView  # noqa: E402
from videonet.training.optimizer import LARS, parameter_groups  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]

N = 8
SIZES = torch.tensor([[45, 60], [60, 45]] * (N // 2))
VIDEOS = torch.tensor([0, 1, 2, 2, 3, 4, 5, 0])
RECIPES = (A1, A2, A1)


@pytest.fixture
def frames() -> torch.Tensor:
    """Coloured noise, uint8 [N, 60, 60, 3]; what lies beyond SIZES is not seen."""
    return torch.randint(0, 256, (N, 60, 60, 3), generator=seeded(7), dtype=torch.uint8)


@pytest.fixture
def waiting_is_an_error():
    """Calls this to have PyTorch raise wherever the processor would wait for the GPU."""
    yield lambda: torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lars(module: nn.Module) -> LARS:
    groups = parameter_groups(module, weight_decay=1e-2)
    return LARS(groups, lr=0.3, momentum=0.9, trust_coefficient=1e-2)


@pytest.mark.parametrize("negatives", ["view", "all_views"])
def test_a_whole_step_never_waits_for_the_gpu(frames, waiting_is_an_error, negatives):
    torch.manual_seed(0)
    online = Network("test_resnet", 2, "attention", 6, 10, 4)
    online = online.to(memory_format=torch.channels_last).to("cuda")
    target = make_target(online)
    learner, follower = PerView(online), PerView(target)
    optimizer = lars(online)
    frames, videos, random = frames.to("cuda"), VIDEOS.to("cuda"), seeded(1)

    def step() -> torch.Tensor:
        views = [
            augmented(frames, SIZES, recipe, random, size=64, crop_from=0.4).to(
                memory_format=torch.channels_last
            )
            for recipe in RECIPES
        ]
        with torch.autocast("cuda", torch.bfloat16):
            with torch.no_grad():
                targets = follower(views)
            projections = learner(views)
        loss = vito_loss(projections, targets, videos, 0.1, negatives)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        update(target, online, momentum=0.9)
        return loss.detach()

    step()  # libraries are loaded, and kernels chosen
    waiting_is_an_error()
    loss = step()
    torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(loss)


@pytest.mark.parametrize("recipe", [A1, A2], ids=["A1", "A2"])
def test_images_are_augmented_as_on_a_cpu(frames, recipe):
    expected = augmented(frames, SIZES, recipe, seeded(5), size=64, crop_from=0.4)
    found = augmented(frames.to("cuda"), SIZES, recipe, seeded(5), size=64, crop_from=0.4)
    assert found.device.type == "cuda"
    # A hundredth of a standard deviation is half a grey value of 256. cuDNN may blur in TF32,
    # whose fractions have ten bits.
    torch.testing.assert_close(found.cpu(), expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("negatives", ["view", "all_views"])
def test_the_loss_and_its_gradients_are_those_of_a_cpu(negatives):
    projections = torch.randn(2, 3, N, 16, generator=seeded(2))
    results = []
    for device in ("cuda", "cpu"):
        online, target = projections.to(device)
        online = online.clone().requires_grad_()
        loss = vito_loss(online, target, VIDEOS.to(device), 0.1, negatives)
        loss.backward()
        results.append((loss.detach().cpu(), online.grad.cpu()))
    torch.testing.assert_close(*results, atol=1e-4, rtol=1e-4)


def test_lars_steps_as_on_a_cpu():
    results = []
    for device in ("cuda", "cpu"):
        torch.manual_seed(0)
        layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 5)
        module = nn.Sequential(*layers).to(device)
        optimizer = lars(module)
        for step in range(3):
            generator = seeded(step)
            for parameter in module.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=generator).to(device)
            optimizer.step()
        results.append([parameter.detach().cpu() for parameter in module.parameters()])
    torch.testing.assert_close(*results, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("checkpointing", ["off", "on"])
def test_a_training_takes_the_memory_that_was_estimated(tmp_path, checkpointing):
    settings = ("train.batch=64", "train.device=cuda", "data.workers=0", "data.shuffle_shards=2")
    config = load("vito_resnet50", [*settings, f"train.activation_checkpointing={checkpointing}"])
    data = small_data(tmp_path, videos=64)
    measured = measure(config, "vito_resnet50", data, steps=3, rounds=1)
    assert measured.memory_taken == pytest.approx(measured.memory_estimated, rel=0.1)
