"""Fine-tuning on clips: what a step changes, in which colours it sees clips, and its rates."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from tests.training.copies import Copies  # noqa: E402
from tests.training.test_export import save, trained  # noqa: E402
from videonet.evaluation import ucf101  # noqa: E402
from videonet.evaluation.clip_pooling import ClipClassifier, FrameFeatures  # noqa: E402
from videonet.evaluation.clips import Clips  # noqa: E402
from videonet.evaluation.fine_tuning import FineTuner, Plan  # noqa: E402
from videonet.evaluation.model import Model  # noqa: E402
from videonet.evaluation.opening import How, open_model  # noqa: E402


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(folder, trained("test_resnet", 1), step=500)
    return folder


def tuner_of(
    training: Path, device: str = "cpu", precision: str = "float32"
) -> tuple[ClipClassifier, FineTuner, Model]:
    plan = Plan(
        steps=2,
        warm_up_epochs=1,
        epochs=3,
        rate=0.01,
        milestones=(1, 2),
        gamma=0.5,
        seed=0,
        together=2,
        precision=precision,
    )
    model = replace(open_model(str(training), How(device="cpu")), device=torch.device(device))
    torch.manual_seed(0)
    features = FrameFeatures(model, "two-scale attention", "it")
    network = ClipClassifier(features, "two-scale attention", 2, 0.0).to(device)
    return network, FineTuner(network, plan, model), model


def added(network: ClipClassifier) -> list[torch.nn.Parameter]:
    return [*network.pool.parameters(), *network.head.parameters()]


def clips_of(seed: int) -> tuple[Clips, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (4, 4, 3, 32, 32), generator=random, dtype=torch.uint8)
    order = torch.stack([torch.randperm(4, generator=random) for _ in range(4)])
    return Clips(frames, torch.tensor([[1.2, 0.8, 1.1, 0.1]] * 4), order), torch.tensor([0, 1] * 2)


def test_the_warm_up_trains_what_was_added_alone_while_batch_norms_count(training):
    network, tuner, model = tuner_of(training)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    of_model = {name: each.clone() for name, each in model.backbone.state_dict().items()}
    weights = {name for name, _ in network.features.named_parameters(prefix="features")}
    for step in range(2):
        tuner.step(*clips_of(step))
    after = {name: each.clone() for name, each in network.state_dict().items()}
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not changed & weights
    assert any("running_mean" in name for name in changed)
    assert {name for name in changed if not name.startswith("features")} == {
        "pool.finer.weight",
        "pool.coarser.weight",
        "head.weight",
        "head.bias",
    }
    tuner.step(*clips_of(2))
    now = network.state_dict()
    moved = {name for name in weights if not torch.equal(now[name], after[name])}
    assert len(moved) > len(weights) / 2
    # The model is what it was: another evaluation may have it.
    found = model.backbone.state_dict()
    assert all(torch.equal(each, found[name]) for name, each in of_model.items())
    assert not any(each.requires_grad for each in model.backbone.parameters())


def test_a_step_is_adams_by_hand_with_gradients_of_clips_that_are_counted_together(training):
    network, tuner, model = tuner_of(training)
    clips, labels = clips_of(0)
    features = FrameFeatures(model, "two-scale attention", "it")
    other = ClipClassifier(features, "two-scale attention", 2, 0.0)
    other.load_state_dict(network.state_dict())
    other.train()
    with torch.no_grad():
        # As they are jittered; nothing else is done to them.
        halves = [other.of_frames(each) for each in tuner._shown(clips).split(2)]
        other.begin(halves[0])
    begun = [each.detach().clone() for each in added(other)]
    losses = [
        torch.nn.functional.cross_entropy(other(frames), right)
        for frames, right in zip(halves, labels.split(2), strict=True)
    ]
    (sum(losses) / 2).backward()
    tuner.step(clips, labels)
    for parameter, first, found in zip(added(other), begun, added(network), strict=True):
        gradient = parameter.grad
        torch.testing.assert_close(found.grad, gradient)
        # Of the first step both means are the gradient's, and its square's.
        torch.testing.assert_close(
            found.detach(), first - 0.01 * gradient / (gradient.abs() + 1e-8), atol=1e-5, rtol=0
        )
    for one, same in zip(other.buffers(), network.buffers(), strict=True):
        torch.testing.assert_close(one, same)


def test_all_frames_of_a_clip_are_coloured_alike(training):
    _, tuner, model = tuner_of(training)
    clips, _ = clips_of(0)
    alike = clips._replace(frames=clips.frames[:1, :1].repeat(4, 4, 1, 1, 1))
    shown = tuner._shown(alike)
    assert all(torch.equal(clip, clip[:1].expand_as(clip)) for clip in shown)
    # In another order other colours come of it.
    assert not torch.equal(shown[0], shown[1])
    none = alike._replace(factors=torch.tensor([[1.0, 1.0, 1.0, 0.0]] * 4))
    torch.testing.assert_close(
        tuner._shown(none)[:, 0], model.normalised(alike.frames[:, 0]), atol=1e-5, rtol=0
    )


def test_the_rate_falls_at_the_milestones_after_the_warm_up(training):
    _, tuner, _ = tuner_of(training)
    rates = [tuner._plan.rate_of(done) for done in range(8)]
    assert rates == [0.01] * 4 + [0.005] * 2 + [0.0025] * 2
    # Over the fork's 5 and 16 epochs.
    settings = ucf101.Settings()
    plan = Plan(
        steps=1,
        warm_up_epochs=settings.warm_up_epochs,
        epochs=settings.epochs,
        rate=settings.rate,
        milestones=settings.milestones,
        gamma=settings.gamma,
        seed=0,
        together=8,
        precision="float32",
    )
    found = [plan.rate_of(done) for done in range(21)]
    expected = [1e-4] * 11 + [3e-5] * 4 + [9e-6] * 4 + [2.7e-6] * 2
    assert found == pytest.approx(expected)


def test_the_cpu_never_waits_for_the_device(training, monkeypatch):
    # The meta device computes nothing, so whatever asked it for a value would raise an error. It
    # knows no autocast.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    network, tuner, _ = tuner_of(training, "meta")
    with Copies() as copies:
        for step in range(3):  # the last one after the warm-up
            tuner.step(*clips_of(step))
        features = [torch.rand(9, width, device="meta") for width in network.features.widths]
        found = ucf101.of_clips(network, features, torch.tensor([[0, 1, 2, 3], [5, 6, 7, 8]]))
    assert (found.device.type, found.shape) == ("meta", (2,))
    assert copies.all > 10
    assert copies.waited_for == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_on_a_gpu_is_never_waited_for(training, precision):
    network, tuner, _ = tuner_of(training, "cuda", precision)
    steps = [clips_of(step) for step in range(4)]
    shown = [(Clips(*(each.pin_memory() for each in clips)), labels) for clips, labels in steps]
    # Libraries are loaded, and kernels chosen: in the warm-up, and after it.
    for each in shown[:3]:
        tuner.step(*each)
    torch.cuda.set_sync_debug_mode("error")
    try:
        tuner.step(*shown[3])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(network.head.weight).all()
