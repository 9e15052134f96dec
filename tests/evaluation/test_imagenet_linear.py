"""The linear probe on random crops: what is drawn, which head is reported, and going on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.asked import evaluate
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import pyarrow.parquet as pq  # noqa: E402
from safetensors.torch import load  # noqa: E402

from tests.evaluation.stopping import At, StoppedError, started  # noqa: E402
from tests.training.test_export import save, trained  # noqa: E402
from videonet.evaluation import imagenet_linear  # noqa: E402
from videonet.evaluation.class_lists import output_of_wnid  # noqa: E402
from videonet.evaluation.facts import Preparation  # noqa: E402
from videonet.evaluation.images import Place, cropped, random_crops  # noqa: E402
from videonet.evaluation.linear_heads import HeadTrainer, Schedule, trained_heads  # noqa: E402
from videonet.evaluation.result import read  # noqa: E402

SMALL = Preparation(resize=36, crop=32, mean=(0.5,) * 3, std=(0.5,) * 3)

# Four steps an epoch.
PROBE = ("epochs=3", "batch=20", "held_out=10", "rates=0.4,0.1")
STEPS = 12


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight of ImageNet's classes, each of a colour: 96 images to train on, 32 others."""
    root = tmp_path_factory.mktemp("imagenet")
    random = np.random.default_rng(0)
    for place, wnid in enumerate(list(output_of_wnid())[:8]):
        colour = np.array([place % 2, place // 2 % 2, place // 4]) * 200
        for part, count in (("train", 12), ("val", 4)):
            (root / part / wnid).mkdir(parents=True)
            for number in range(count):
                noise = random.integers(0, 50, (40, 40, 3))
                image = Image.fromarray((colour + noise).astype(np.uint8))
                image.save(root / part / wnid / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(folder, trained("test_resnet", 1), step=500)
    return folder


def probe(training, imagenet, file, *, stop_after=None, settings=PROBE, **how):
    """The result of the probe; with `stop_after` it is stopped after so many steps."""
    stop = At("trains", stop_after) if stop_after else None
    return started(imagenet_linear, training, imagenet, file, settings, stop=stop, batch=16, **how)


def trained_state(training, imagenet, file, **how):
    """All heads after the last step, with their momentum."""
    with pytest.raises(StoppedError):
        probe(training, imagenet, file, stop_after=STEPS, **how)
    (state,) = file.with_suffix(".parts").glob("*.state")
    return load(state.read_bytes())


def test_an_interrupted_probe_goes_on_as_if_it_had_not_been(
    training, imagenet, tmp_path, monkeypatch
):
    whole = probe(training, imagenet, tmp_path / "whole.json")
    state = trained_state(training, imagenet, tmp_path / "whole-state.json")
    monkeypatch.setattr(imagenet_linear, "KEPT_EVERY", 3)
    # The steps after the third and the sixth are done again.
    for stop in (5, 8):
        with pytest.raises(StoppedError):
            probe(training, imagenet, tmp_path / "a.json", resume=stop > 5, stop_after=stop)
    gone_on = trained_state(training, imagenet, tmp_path / "a.json", resume=True)
    # Of a state that was cut short nothing is taken.
    (cut,) = (tmp_path / "a.parts").glob("*.state")
    cut.write_bytes(cut.read_bytes()[:-50])
    assert gone_on.keys() == state.keys()
    assert all(torch.equal(each, state[name]) for name, each in gone_on.items())
    told = probe(training, imagenet, tmp_path / "a.json", resume=True, workers=1)
    assert (told.numbers, told.facts) == (whole.numbers, whole.facts)
    items = [pq.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "a")]
    assert items[0] == items[1]
    assert not (tmp_path / "a.parts").exists()


def test_heads_of_one_pass_are_those_of_passes_of_their_own_to_the_last_bit(
    training, imagenet, tmp_path
):
    together = trained_state(training, imagenet, tmp_path / "both.json")
    for place, rate in enumerate((0.4, 0.1)):
        settings = (*PROBE[:3], f"rates={rate}")
        alone = trained_state(training, imagenet, tmp_path / f"{rate}.json", settings=settings)
        for number in (0, 1):  # weight and bias
            assert torch.equal(alone[f"{number}"], together[f"{2 * place + number}"])
    assert not torch.equal(together["0"], together["2"])


def test_the_rate_is_chosen_by_the_reported_images_and_by_a_slice_of_train(
    training, imagenet, tmp_path
):
    found = probe(training, imagenet, tmp_path / "a.json")
    values = {name: each.value for name, each in found.numbers.items()}
    assert values["top1"] == max(values["top1 at rate 0.4"], values["top1 at rate 0.1"])
    chosen = found.facts["rate chosen on train"]
    assert values["top1 at the rate chosen on train"] == values[f"top1 at rate {chosen:g}"]
    # Of eight colours, by an untrained network.
    assert values["top1"] > 2 / 8


def test_the_state_of_heads_is_all_that_going_on_depends_on(tmp_path):
    random = torch.Generator().manual_seed(0)
    points, labels = torch.randn(96, 8, generator=random), torch.arange(96) % 3
    schedule = Schedule((0.4, 0.1), epochs=4, batch=32, seed=1)
    whole = trained_heads(points, labels, 3, schedule)
    steps = schedule.steps(96)
    assert steps == 12
    first, second = (HeadTrainer(8, 3, schedule, steps, points.device) for _ in range(2))
    for number, (_, part) in enumerate(schedule.batches(96)):
        if number == 7:
            (tmp_path / "state").write_bytes(first.state())
            second.restore(tmp_path / "state")
            assert second.state() == first.state()
        (first if number < 7 else second).step(points[part], labels[part])
    for one, other in zip(whole, second.heads, strict=True):
        assert torch.equal(one.weight, other.weight)
        assert torch.equal(one.bias, other.bias)


def test_a_crop_takes_an_eighth_to_all_of_an_image_and_half_are_mirrored():
    # Each pixel says where it is.
    across, down = np.meshgrid(np.arange(200), np.arange(150))
    image = Image.fromarray(np.dstack([across, down, 0 * down]).astype(np.uint8))
    shares, mirrored, aspects = [], 0, []
    for seed in range(400):
        found = cropped(image, SMALL, np.random.default_rng(seed)).double()
        assert found.shape == (3, 32, 32)
        # From the middle of the first pixel to that of the last is 31 of 32 parts.
        width = (found[0, :, -1] - found[0, :, 0]).mean().item() * 32 / 31
        height = (found[1, -1] - found[1, 0]).mean().item() * 32 / 31
        mirrored += width < 0
        shares.append(abs(width) * height / (200 * 150))
        aspects.append(abs(width) / height)
    assert 0.06 < min(shares) < 0.12
    assert 0.85 < max(shares) < 1.05
    # Uniform, but for the largest, of which few aspects fit.
    assert 0.4 < np.mean(shares) < 0.56
    assert 0.7 < min(aspects) < max(aspects) < 1.45
    assert 160 < mirrored < 240


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_drawn_for_an_image_depends_on_its_epoch_and_on_nothing_else(tmp_path, workers):
    noise = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        Image.fromarray(noise.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    steps = [[Place(0, 0), Place(0, 2)], [Place(1, 2), Place(1, 0)]]
    both = list(random_crops(paths, SMALL, steps, 5, workers))
    (alone,) = random_crops(paths, SMALL, [[Place(1, 0)]], 5, 0)
    assert torch.equal(both[1][1], alone[0])
    assert not torch.equal(both[0][0], both[1][1])
    (other,) = random_crops(paths, SMALL, [[Place(1, 0)]], 6, 0)
    assert not torch.equal(other, alone)


@pytest.mark.thorough
def test_a_probe_of_trained_features_tells_the_living_from_what_people_make(
    lite0, untrained, tmp_path
):
    outputs = output_of_wnid()
    paths = sorted(shared("evaluation/imagenet_sample").glob("*.jpg"))
    for number, path in enumerate([path for path in paths if outputs[path.stem] < 900][::2]):
        kind = "living" if outputs[path.stem] < 398 else "artefact"
        folder = tmp_path / "data" / ("val" if number % 3 == 0 else "train") / kind
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.name)
    settings = [
        word
        for each in ("epochs=3", "batch=10", "held_out=10", "scale_rates=false")
        for word in ("--set", each)
    ]
    top1 = []
    for place, model in enumerate((lite0, untrained)):
        file = tmp_path / f"{place}.json"
        evaluate(model, "imagenet-linear", tmp_path / "data", file, "--partial", *settings)
        top1.append(read(file).numbers["top1"].value)
        # A head of two classes is none of ImageNet's.
        assert read(file).facts["head"] is None
    assert top1[0] > top1[1] + 0.1
    assert top1 == pytest.approx(LIVING, abs=0.07)


# As measured, on 30 images: trained, untrained.
LIVING = (0.867, 0.533)
