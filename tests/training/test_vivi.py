"""VIVI: its losses, held against loops that spell them out, its shots, and trainings with it."""

import json
import shutil
from io import StringIO
from itertools import combinations
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from rich.console import Console
from safetensors import safe_open

from tests.training.training import SETTINGS, STEPS, small_data
from tests.training.written import clip_of, clips_of, write_out
from videonet.errors import UsageError
from videonet.training.config import (
    AFTER_VIVI,
    Config,
    Data,
    Views,
    as_dict,
    check_settings_stay,
    load,
)

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.evaluation.opening import How, open_model  # noqa: E402
from videonet.training import checkpoint  # noqa: E402
from videonet.training.data.clip_index import open_clip_index  # noqa: E402
from videonet.training.data.examples import Shots  # noqa: E402
from videonet.training.data.loader import batches  # noqa: E402
from videonet.training.data.reading import DamagedClipError  # noqa: E402
from videonet.training.export import METADATA, export_timm  # noqa: E402
from videonet.training.log_lines import StepLine, lines_of  # noqa: E402
from videonet.training.memory_estimate import estimate  # noqa: E402
from videonet.training.methods.vivi import VIVI  # noqa: E402
from videonet.training.methods.vivi_loss import exemplar_loss, prediction_loss  # noqa: E402
from videonet.training.optimizer import learning_rate  # noqa: E402
from videonet.training.train import network_of, train  # noqa: E402

# Of each example: its video, and how many of its four shots there are. The second and the last are
# of one video; the third has fewer shots.
VIDEOS = torch.tensor([3, 7, 5, 0, 7])
SHOTS = torch.tensor([4, 4, 2, 4, 4])
S, F, D = 4, 3, 6
PAIRS = list(combinations(range(S), 2))
NEGATIVES = pytest.mark.parametrize("negatives", ["shots", "videos"])


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def frames_of(examples: int = len(VIDEOS), seed: int = 0) -> torch.Tensor:
    return random(examples, S, F, D, seed=seed)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def slow_exemplar(frames, videos, shots, margin, negatives) -> float:
    """The mean over all anchors and other frames of their shots, one number at a time."""
    points = {
        (example, shot, frame): unit(frames[example, shot, frame].numpy())
        for example in range(len(frames))
        for shot in range(int(shots[example]))
        for frame in range(frames.shape[2])
    }
    losses = []
    for anchor, point in points.items():
        others = [
            float(np.sum((point - other) ** 2))
            for key, other in points.items()
            if videos[key[0]] != videos[anchor[0]]
            or (negatives == "shots" and key[0] == anchor[0] and key[1] != anchor[1])
        ]
        for key, positive in points.items():
            if key[:2] != anchor[:2] or key == anchor or not others:
                continue
            near = float(np.sum((point - positive) ** 2))
            beyond = [each for each in others if each > near]
            far = min(beyond) if beyond else max(others)
            losses.append(max(0.0, margin + near - far))
    return float(np.mean(losses))


def slow_prediction(shots, predicted, videos, number, temperature) -> float:
    """The mean over examples that have all shots, and over pairs of these."""
    whole = [example for example in range(len(shots)) if number[example] == shots.shape[1]]
    losses = []
    for example in whole:
        for pair, (_, later) in enumerate(PAIRS):
            query = unit(predicted[pair, example].numpy())
            own = np.exp(query @ unit(shots[example, later].numpy()) / temperature)
            others = sum(
                np.exp(query @ unit(shots[other, shot].numpy()) / temperature)
                for other in whole
                if videos[other] != videos[example]
                for shot in range(shots.shape[1])
            )
            losses.append(-np.log(own / (own + others)))
    return float(np.mean(losses))


@NEGATIVES
@pytest.mark.parametrize("margin", [0.1, 0.5, 3.0])
def test_the_exemplar_loss_is_that_of_loops(negatives, margin):
    for seed in range(3):
        frames = frames_of(seed=seed)
        found = exemplar_loss(frames, VIDEOS, SHOTS, margin, negatives)
        slow = slow_exemplar(frames, VIDEOS, SHOTS, margin, negatives)
        assert slow > 0.01
        assert found.item() == pytest.approx(slow, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_loss_between_shots_is_that_of_loops(temperature):
    for seed in range(3):
        shots, predicted = random(5, S, D, seed=seed), random(6, 5, D, seed=9 + seed)
        found = prediction_loss(shots, predicted, VIDEOS, SHOTS, temperature)
        slow = slow_prediction(shots, predicted, VIDEOS, SHOTS, temperature)
        assert found.item() == pytest.approx(slow, abs=1e-6)


@NEGATIVES
def test_the_gradients_are_right(negatives):
    frames = random(3, 2, 2, 3).requires_grad_()
    videos, two = torch.tensor([3, 7, 5]), torch.tensor([2, 2, 1])
    assert torch.autograd.gradcheck(
        lambda each: exemplar_loss(each, videos, two, 0.5, negatives), (frames,)
    )
    shots, predicted = random(3, 2, 3).requires_grad_(), random(1, 3, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda one, other: prediction_loss(one, other, videos, two, 0.5), (shots, predicted)
    )


@NEGATIVES
def test_the_order_of_the_videos_changes_nothing(negatives):
    order = torch.randperm(len(VIDEOS), generator=torch.Generator().manual_seed(3))
    frames, shots, predicted = frames_of(), random(5, S, D), random(6, 5, D, seed=1)
    one, other = (
        exemplar_loss(frames[at], VIDEOS[at], SHOTS[at], 0.5, negatives)
        + prediction_loss(shots[at], predicted[:, at], VIDEOS[at], SHOTS[at], 0.1)
        for at in (torch.arange(len(VIDEOS)), order)
    )
    assert one.item() == pytest.approx(other.item(), abs=1e-12)


def test_shots_of_one_video_are_never_negatives_of_a_prediction():
    shots, predicted = random(3, S, D), random(6, 3, D, seed=1)
    four = torch.full((3,), S)
    # Whether an example is alone, or others are of its own video: nothing is told apart.
    for count in (1, 3):
        videos = torch.zeros(count, dtype=torch.int64)
        found = prediction_loss(shots[:count], predicted[:, :count], videos, four[:count], 0.1)
        assert found.item() == 0
    # And where there is another video, no change of the own ones' other shots is felt.
    videos = torch.tensor([0, 0, 1])
    shots.requires_grad_()
    losses = prediction_loss(shots, predicted[:, :3], videos, four, 0.1)
    only_first = torch.tensor([S, 0, S])
    left = prediction_loss(shots, predicted, videos, only_first, 0.1)
    assert losses.item() != pytest.approx(left.item())
    (gradient,) = torch.autograd.grad(left, shots)
    # The first shot of the first video is predicted by none of its own; other videos feel it.
    assert gradient[0, 0].any()
    assert not gradient[1].any()


def test_a_video_without_all_its_shots_is_left_out_of_the_loss_between_shots():
    shots, predicted = random(5, S, D), random(6, 5, D, seed=1)
    others = torch.tensor([0, 1, 3, 4])
    whole = prediction_loss(shots, predicted, VIDEOS, SHOTS, 0.1)
    left = shots[others], predicted[:, others], VIDEOS[others], SHOTS[others]
    without = prediction_loss(*left, 0.1)
    assert whole.item() == pytest.approx(without.item(), abs=1e-12)
    none = prediction_loss(shots, predicted, VIDEOS, torch.full((5,), 3), 0.1)
    assert none.item() == 0


def test_frames_of_shots_that_there_are_not_do_not_count():
    frames = frames_of()
    changed = frames.clone()
    changed[2, 2:] = 1 / 3
    one, other = (exemplar_loss(each, VIDEOS, SHOTS, 0.5, "shots") for each in (frames, changed))
    assert one.item() == other.item()


@NEGATIVES
def test_other_shots_of_a_video_are_negatives_of_frames_only_where_they_are_to_be(negatives):
    frames, one = frames_of(1), torch.tensor([0])
    found = exemplar_loss(frames, one, torch.tensor([S]), 0.5, negatives)
    assert (found.item() > 0) == (negatives == "shots")
    # Other examples of a video may show the same shot: they never are.
    twice = torch.cat((frames, frames_of(1, seed=1)))
    both = exemplar_loss(twice, torch.tensor([0, 0]), torch.tensor([S, S]), 0.5, negatives)
    parts = [exemplar_loss(each[None], one, torch.tensor([S]), 0.5, negatives) for each in twice]
    assert both.item() == pytest.approx(sum(part.item() for part in parts) / 2)


def test_losses_under_autocast_are_float32():
    with torch.autocast("cpu", torch.bfloat16):
        frames, shots = frames_of().bfloat16(), random(5, S, D).bfloat16()
        exemplar = exemplar_loss(frames, VIDEOS, SHOTS, 0.5, "shots")
        prediction = prediction_loss(shots, random(6, 5, D).bfloat16(), VIDEOS, SHOTS, 0.1)
    assert exemplar.dtype == prediction.dtype == torch.float32


# Which frames it is shown.


def drawn(out, shots, batch=5, most=0, **how):
    data = Data(workers=0, most_damaged=most)
    views = Views(recipes=("A1", "A2"), window_seconds=0.4, sampling="uniform")
    given = {"batch": batch, "seed": 3, "steps": 2, "shots": shots} | how
    return list(batches(open_clip_index(out), views, data, **given))


def later(clip, seconds):
    """The same clip so much later in its video."""
    more = seconds * 1_000_000
    return msgspec.structs.replace(
        clip,
        clip_start_timestamp=clip.clip_start_timestamp + more,
        clip_end_timestamp=clip.clip_end_timestamp + more,
        image_timestamp=tuple(each + more for each in clip.image_timestamp),
    )


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Videos of six, four, two and one clips of 3.2 s, and of one of 0.8 s."""
    made = [
        later(clip_of(video, number), 4 * number)
        for video, count in (("a", 6), ("b", 4), ("c", 2), ("d", 1))
        for number in range(count)
    ]
    made.append(clip_of("e", 0, frames=10))
    return write_out(tmp_path_factory.mktemp("shots") / "out", [made])


def test_a_video_has_four_shots_where_it_has_four_clips_or_room_for_as_many_windows(clips):
    for apart, short in ((0.2, {4}), (1.2, {3, 4}), (2.9, {2, 3, 4})):
        for batch in drawn(clips, Shots(4, of_clips=True, apart=apart)):
            assert batch.frames.shape[:2] == (8, 5)
            assert batch.sizes.shape == (8, 5, 2)
            assert sorted(batch.videos.tolist()) == [0, 1, 2, 3, 4]
            assert set(batch.short) == short
            whole = batch.videos[batch.shots == 4].tolist()
            assert set(whole) == {0, 1, 2, 3, 4} - short
    for batch in drawn(clips, Shots(4, of_clips=False, apart=1.2)):
        # Then no video has, as all windows are of one clip.
        assert set(batch.short) == {0, 1, 2, 3, 4}


def test_shots_that_there_are_not_are_shown_again_and_the_others_are_different_frames(clips):
    (batch, _) = drawn(clips, Shots(4, of_clips=True, apart=1.2))
    for place, count in enumerate(batch.shots.tolist()):
        first = batch.frames[:, place].view(4, 2, -1)[:count, 0]
        assert len(torch.unique(first, dim=0)) == count


def test_wherever_a_training_begins_and_with_workers_the_shots_are_the_same(clips):
    shots = Shots(4, of_clips=True, apart=0.2)
    _, second = drawn(clips, shots)
    (again,) = drawn(clips, shots, first_step=1)
    parts = [drawn(clips, shots, batch=4, rank=rank, ranks=2) for rank in (0, 1)]
    whole = drawn(clips, shots, batch=4)
    assert torch.equal(second.frames, again.frames)
    for step in (0, 1):
        assert torch.equal(torch.cat([each[step].videos for each in parts]), whole[step].videos)
        assert torch.equal(torch.cat([each[step].shots for each in parts]), whole[step].shots)


def test_a_damaged_shot_has_another_video_in_place_of_its_own(tmp_path):
    made = clips_of([("a", 4), ("b", 4), ("c", 4)])
    broken = tuple(jpeg[: len(jpeg) // 2] for jpeg in made[6].image_encoded)
    made[6] = msgspec.structs.replace(made[6], image_encoded=broken)
    out = write_out(tmp_path / "out", [made])
    shots = Shots(4, of_clips=True, apart=0.2)
    with pytest.raises(DamagedClipError, match="clip b#2 is damaged"):
        drawn(out, shots, batch=3)
    for batch in drawn(out, shots, batch=3, most=1):
        assert batch.damaged == (6,)
        assert set(batch.videos.tolist()) <= {0, 2}


# Trainings.

QUICK = (
    *("vivi.seconds_apart=0.2", "views.window_seconds=0.4", 'views.recipes=["A1", "A2"]'),
    *("data.workers=0", "optimizer.warmup_epochs=0.5", "log.checkpoint_every=5"),
)


def by_vivi(*changes: str) -> Config:
    return load("vivi_tiny", [*SETTINGS, *QUICK, *changes])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(by_vivi(), data, folder)
    return folder


def losses(run):
    return [line.loss for line in lines_of(run) if isinstance(line, StepLine)]


def test_a_run_has_no_second_network_and_says_after_what_it_is(run):
    found = checkpoint.load(checkpoint.newest(run))
    assert "target" not in found
    assert found["after"] == AFTER_VIVI
    # One map for each distance between shots.
    assert {name.rpartition(".")[0] for name in found["heads"]} == {
        f"predictors.{distance}" for distance in range(3)
    }
    first, *others = lines_of(run)
    assert (first.step, first.said) == (0, AFTER_VIVI)
    steps = [line for line in others if isinstance(line, StepLine)]
    assert len(steps) == STEPS
    assert all(line.target_momentum is None for line in steps)
    assert (run / "config.toml").read_text().startswith(f"# {AFTER_VIVI}\n")
    assert load(str(run / "config.toml")) == by_vivi()


def test_it_goes_on_as_if_it_had_never_stopped(run, data, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    checkpoint.path_of(tmp_path / "run", STEPS).unlink()
    train(by_vivi(), data, tmp_path / "run")
    assert losses(tmp_path / "run") == losses(run)
    mine, theirs = (checkpoint.load(checkpoint.newest(each)) for each in (tmp_path / "run", run))
    for part in ("online", "heads"):
        assert all(torch.equal(each, theirs[part][name]) for name, each in mine[part].items())


def test_its_export_says_it_too_and_there_is_no_target_network_to_export(run, tmp_path):
    trained = checkpoint.newest(run)
    export_timm(trained, tmp_path / "backbone.safetensors")
    with safe_open(tmp_path / "backbone.safetensors", "pt") as file:
        assert json.loads(file.metadata()[METADATA])["after"] == AFTER_VIVI
    with pytest.raises(UsageError, match="has no target network: VIVI trains the one"):
        export_timm(trained, tmp_path / "target.safetensors", "target")


def test_an_evaluation_knows_after_what_it_is_and_how_many_images_it_saw(run):
    facts = open_model(str(run), How()).facts
    assert facts.after == AFTER_VIVI
    assert facts.images_seen == STEPS * 8 * 4 * 2


def test_videos_without_four_shots_are_counted(data, tmp_path):
    console = Console(file=StringIO(), width=200)
    train(by_vivi("vivi.seconds_apart=2"), data, tmp_path, console)
    *_, last = (line for line in lines_of(tmp_path) if isinstance(line, StepLine))
    assert last.left_out == 20
    said = "20 of 20 videos had no 4 shots, which in one clip lie 2 s apart, and were left out"
    assert said in console.file.getvalue()
    # Whoever goes on knows them.
    found = checkpoint.load(checkpoint.newest(tmp_path))
    assert checkpoint.numbers_in(found, "left_out") == list(range(20))
    # The loss is that between frames alone.
    far = ("vivi.seconds_apart=2", "train.epochs=0.5", "optimizer.warmup_epochs=0")
    train(by_vivi("vivi.video_weight=0", *far), data, tmp_path / "0")
    assert losses(tmp_path / "0")[0] == pytest.approx(losses(tmp_path)[0])


def test_without_a_weight_the_loss_is_the_exemplar_loss_alone():
    config = by_vivi("vivi.video_weight=0")
    method = VIVI(config)
    learner = method.learner(network_of(config))
    assert learner.predictors is None
    views = [torch.randn(3, 3, 32, 32) for _ in method.views]
    videos, shots = torch.arange(3), torch.full((3,), 4)
    batch = SimpleNamespace(videos=videos, shots=shots)
    torch.manual_seed(0)
    found = method.loss(learner, None, views, batch)
    frames, _, predicted = learner(views)
    assert predicted is None
    assert found.item() == exemplar_loss(frames, videos, shots, 0.5, "shots").item()


def test_a_training_of_an_earlier_version_goes_on_and_so_does_moclr_by_its_old_name(tmp_path):
    moclr = ("views.sampling=same", "augmentation.crop_from=0.08")
    for name, settings in (("vito", ()), ("moclr", moclr)):
        now = as_dict(load("vito_tiny", (*settings, f"method.name={name}")))
        before = {table: dict(each) for table, each in now.items()}
        del before["method"], before["vivi"], before["optimizer"]["decay_epochs"]
        check_settings_stay(tmp_path, before, now)
        with pytest.raises(UsageError, match=rf"was begun with method\.name = {name}"):
            check_settings_stay(tmp_path, before, now | {"method": {"name": "vivi"}})
    with pytest.raises(UsageError, match=r"shows one frame of a clip, and views\.sampling is"):
        load("vito_tiny", ["method.name=moclr"])


def test_memory_is_estimated_without_a_second_network_and_for_all_frames():
    config = by_vivi()
    network = network_of(config)
    settings = [*SETTINGS, *QUICK]
    vivi, vito = (
        estimate(load("vivi_tiny", [*settings, f"method.name={name}"]), network, 1, recompute=False)
        for name in ("vivi", "vito")
    )
    assert vito.weights - vivi.weights == 4 * sum(each.numel() for each in network.parameters())
    assert vivi.activations == 4 * vito.activations
    assert vivi.images == 4 * vito.images


def test_the_rate_falls_to_a_tenth_at_each_of_its_steps():
    found = [learning_rate(step, 100, 10, 2.0, (40, 70)) for step in (0, 5, 10, 39, 40, 69, 70, 99)]
    assert found == pytest.approx([0, 1, 2, 2, 0.2, 0.2, 0.02, 0.02])
    with pytest.raises(UsageError, match=r"optimizer\.decay_epochs is \[25\.0, 15\.0\]; they must"):
        load("vivi_resnet50", ["optimizer.decay_epochs=[25, 15]"])
