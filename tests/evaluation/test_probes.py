"""Probes of frozen features: nearest neighbours and linear heads, made up and of real images."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.asked import ended_of, evaluate, refused
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from tests.training.test_export import save, trained  # noqa: E402
from videonet.evaluation.class_lists import output_of_wnid  # noqa: E402
from videonet.evaluation.decision_records import shape_and_texture  # noqa: E402
from videonet.evaluation.images import batches  # noqa: E402
from videonet.evaluation.linear_heads import (  # noqa: E402
    Schedule,
    best,
    classified,
    trained_heads,
)
from videonet.evaluation.model import needed_features  # noqa: E402
from videonet.evaluation.neighbours import voted  # noqa: E402
from videonet.evaluation.opening import How, open_model  # noqa: E402
from videonet.training.export import checkpoint_of, export_onnx, export_timm  # noqa: E402

RATES = (0.4, 0.3, 0.2, 0.1, 0.05)


def clouds(count: int, apart: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two Gaussian clouds of deviation 1, with their middles so far apart, in 8 dimensions."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    points = torch.randn(count, 8, generator=random)
    points[:, 0] += apart * (labels - 0.5)
    return points, labels


def test_five_heads_in_one_pass_are_five_runs_to_the_last_bit():
    points, labels = clouds(300, 2.0, seed=0)
    together = trained_heads(points, labels, 2, Schedule(RATES, epochs=3, batch=64, seed=1))
    for rate, head in zip(RATES, together, strict=True):
        (alone,) = trained_heads(points, labels, 2, Schedule((rate,), epochs=3, batch=64, seed=1))
        assert torch.equal(head.weight, alone.weight)
        assert torch.equal(head.bias, alone.bias)
    assert not torch.equal(together[0].weight, together[1].weight)


def test_a_head_tells_clouds_apart_as_well_as_can_be():
    points, labels = clouds(20_000, 2.0, seed=0)
    (head,) = trained_heads(points, labels, 2, Schedule((0.1,), epochs=5, batch=256, seed=0))
    others, truth = clouds(20_000, 2.0, seed=1)
    right = (classified(head, others) == truth).double().mean().item()
    # The best there is: the share of a Gaussian within half of the distance.
    assert right == pytest.approx(0.5 * (1 + math.erf(1 / math.sqrt(2))), abs=0.01)


def test_heads_are_stepped_as_nesterov_has_it_and_the_rate_falls_by_cosine():
    points, labels = clouds(64, 1.0, seed=0)
    (head,) = trained_heads(points, labels, 2, Schedule((0.2,), epochs=3, batch=64, seed=5))
    random = torch.Generator().manual_seed(5)
    weight = torch.empty(2, 8).normal_(std=0.01, generator=random).double()
    bias, momentum = torch.zeros(2).double(), [torch.zeros(2, 8).double(), torch.zeros(2).double()]
    target = torch.nn.functional.one_hot(labels, 2).double()
    for step in range(3):
        rate = 0.2 * 0.5 * (1 + math.cos(math.pi * step / 3))
        error = ((points.double() @ weight.T + bias).softmax(1) - target) / 64
        gradients = [error.T @ points.double(), error.sum(0)]
        momentum = [0.9 * m + g for m, g in zip(momentum, gradients, strict=True)]
        weight = weight - rate * (gradients[0] + 0.9 * momentum[0])
        bias = bias - rate * (gradients[1] + 0.9 * momentum[1])
    torch.testing.assert_close(head.weight.double(), weight, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(head.bias.double(), bias, atol=1e-5, rtol=1e-4)


def test_of_heads_that_are_as_good_the_smaller_rate_is_taken():
    assert best([0.5, 0.7, 0.7, 0.6], (0.4, 0.3, 0.2, 0.1)) == 2


def test_neighbours_vote_by_how_near_they_are():
    bank = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.05, 1.0]])
    labels = torch.tensor([0, 1, 1, 1])
    query = torch.tensor([[1.0, 0.001]])
    assert voted(query, bank, labels, 1, 0.07).tolist() == [0]
    # Two at some distance have more votes than one near by only where votes are nearly equal.
    assert voted(query, bank, labels, 4, 0.001).tolist() == [0]
    assert voted(query, bank, labels, 4, 10.0).tolist() == [1]


def test_none_votes_for_itself():
    points = torch.nn.functional.normalize(torch.eye(130) + 0.1, dim=1)
    labels = torch.arange(130)
    assert (voted(points, points, labels, 1, 0.07) == labels).all()
    assert (voted(points, points, labels, 1, 0.07, own=True) != labels).all()


def features_of(named: str, paths: list[Path]) -> torch.Tensor:
    model = open_model(named, How(device="cpu"))
    with torch.inference_mode():
        return torch.cat(
            [
                needed_features(model, "a test")(model.normalised(images))
                for images in batches(paths, model.preparation, 16, 0)
            ]
        )


def leaving_one_out(features: torch.Tensor, labels: list[int]) -> float:
    truth = torch.tensor(labels)
    found = voted(features, features, truth, 5, 0.07, own=True)
    return (found == truth).double().mean().item()


@pytest.mark.thorough
def test_trained_features_put_drawings_of_a_category_together(lite0, untrained):
    paths = sorted(shared("evaluation/shape_bias/edge").glob("*.png"))
    names = [shape_and_texture(path.name)[0] for path in paths]
    labels = [sorted(set(names)).index(name) for name in names]
    assert len(set(labels)) == 16
    measured = [leaving_one_out(features_of(each, paths), labels) for each in (lite0, untrained)]
    assert measured[0] > measured[1] + 0.1
    assert measured == pytest.approx(EDGES, abs=0.02)


@pytest.mark.thorough
def test_trained_features_tell_the_living_from_what_people_make(lite0, untrained):
    outputs = output_of_wnid()
    paths = sorted(shared("evaluation/imagenet_sample").glob("*.jpg"))
    # The first 398 outputs of ImageNet are animals; from the abacus on there are artefacts.
    kept = [path for path in paths if outputs[path.stem] < 900]
    labels = [int(outputs[path.stem] < 398) for path in kept]
    measured = [leaving_one_out(features_of(each, kept), labels) for each in (lite0, untrained)]
    assert measured[0] > measured[1] + 0.1
    assert measured == pytest.approx(LIVING, abs=0.02)


# As measured: trained, untrained.
EDGES = (0.694, 0.163)
LIVING = (0.928, 0.506)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ImageNet with three tiny images a class, each class of a colour of its own."""
    root = tmp_path_factory.mktemp("imagenet")
    random = np.random.default_rng(0)
    for place, wnid in enumerate(output_of_wnid()):
        colour = np.array([place % 10, place // 10 % 10, place // 100]) * 25
        for part, count in (("train", 2), ("val", 1)):
            (root / part / wnid).mkdir(parents=True)
            for number in range(count):
                noise = random.integers(0, 9, (24, 24, 3))
                image = Image.fromarray((colour + noise).astype(np.uint8))
                image.save(root / part / wnid / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(folder, trained("test_resnet", 1), step=500)
    return folder


QUICK = ("--partial", "--batch", 250)
PROBE = ("--set", "epochs=2", "--set", "held_out=100", "--set", "rates=0.4,0.1")


def test_a_training_gets_a_head_and_then_classifies(imagenet, run, tmp_path):
    results = run / "evaluations"
    said = refused(run, "imagenet-a", imagenet, tmp_path / "a.json", *QUICK)
    assert "has no classifier; `videonet evaluate MODEL --on imagenet-linear-cached` trains" in said
    result = evaluate(
        run,
        "imagenet-linear-cached",
        imagenet,
        results / "imagenet_linear_cached.json",
        *QUICK,
        *PROBE,
    )
    values = {name: each.value for name, each in result.numbers.items()}
    assert set(values) == {
        *("top1", "top1 at the rate chosen on train", "top1 at rate 0.4", "top1 at rate 0.1")
    }
    assert values["top1"] == max(values["top1 at rate 0.4"], values["top1 at rate 0.1"])
    assert values["top1"] >= values["top1 at the rate chosen on train"]
    assert result.facts["head"] == "imagenet_linear_cached.head.safetensors"

    # 200 of the classes, in the layout of ImageNet-A.
    from videonet.evaluation.class_lists import imagenet_a_wnids

    data = tmp_path / "imagenet-a"
    for wnid in imagenet_a_wnids():
        shutil.copytree(imagenet / "val" / wnid, data / wnid)
    on_a = evaluate(run, "imagenet-a", data, results / "imagenet_a.json", *QUICK)
    assert on_a.model.head.protocol == "byol-linear-cached"
    assert not on_a.model.classifies
    # What a head learnt of a part of ImageNet is no result on the whole of another set.
    assert on_a.model.head.partial
    assert on_a.data.partial

    # The same head, of two classes whose corrupted images are as they were.
    from videonet.evaluation.imagenet_3dcc import CORRUPTIONS, SEVERITIES

    corrupted = tmp_path / "3dcc"
    folders = [f"{name}/{severity}" for name in CORRUPTIONS for severity in SEVERITIES]
    for wnid in list(output_of_wnid())[:2]:
        for each in ("val", *folders):
            shutil.copytree(imagenet / "val" / wnid, corrupted / each / wnid)
    on_3dcc = evaluate(run, "imagenet-3dcc", corrupted, results / "imagenet_3dcc.json", *QUICK)
    assert on_3dcc.model.head == on_a.model.head
    assert on_3dcc.numbers["drop"].value == 0

    # Of a later checkpoint, the head is another model's.
    later = Path(shutil.copytree(run, tmp_path / "later"))
    save(later, trained("test_resnet", 2), step=1000)
    said = refused(later, "imagenet-a", data, later / "evaluations" / "b.json", *QUICK)
    assert "was trained on the features of another model or checkpoint" in said
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no head")
    said = refused(run, "imagenet-a", data, tmp_path / "c.json", *QUICK, "--head", broken)
    assert "is no head that a linear probe has written" in said


def test_neighbours_of_colours_are_found(imagenet, run, tmp_path):
    result = evaluate(run, "imagenet-knn", imagenet, tmp_path / "a.json", *QUICK)
    assert result.data.counts == {"train images": 2000, "val images": 1000, "classes": 1000}
    # Of 1,000 colours, by an untrained network.
    assert result.numbers["top1"].value > 20 / 1000


def test_a_training_and_its_exports_give_the_same_numbers(imagenet, run, tmp_path):
    newest = checkpoint_of(run)
    export_timm(newest, tmp_path / "a.safetensors")
    export_onnx(newest, tmp_path / "a.onnx")
    models = (run, f"timm:test_resnet@{tmp_path / 'a.safetensors'}", tmp_path / "a.onnx")
    paths = sorted((imagenet / "val").rglob("*.png"))[::50]
    features = [features_of(str(each), paths) for each in models]
    size = features[0].abs().max()
    assert all((each - features[0]).abs().max() < 1e-4 * size for each in features)
    assert (features[0][1] - features[0][0]).abs().max() > 1e-3 * size
    top1 = [
        evaluate(each, "imagenet-knn", imagenet, tmp_path / f"{place}.json", *QUICK)
        .numbers["top1"]
        .value
        for place, each in enumerate(models)
    ]
    assert top1 == pytest.approx([top1[0]] * 3, abs=1e-4)


def test_an_interrupted_probe_goes_on(imagenet, run, tmp_path):
    root = Path(shutil.copytree(imagenet, tmp_path / "data"))
    broken = sorted((root / "val").rglob("*.png"))[500]
    content = broken.read_bytes()
    broken.write_bytes(b"broken")
    command = (run, "imagenet-linear-cached", root, tmp_path / "a.json", *QUICK, *PROBE)
    assert f"{broken} cannot be read" in refused(*command)
    assert (tmp_path / "a.parts").is_dir()
    broken.write_bytes(content)
    ended = ended_of(*command, "--resume")
    assert ended.code == 0, ended.stderr
    whole = evaluate(run, "imagenet-linear-cached", imagenet, tmp_path / "b.json", *QUICK, *PROBE)
    from videonet.evaluation.result import read

    assert read(tmp_path / "a.json").numbers == whole.numbers
    heads = [(tmp_path / f"{name}.head.safetensors").read_bytes() for name in "ab"]
    assert heads[0] == heads[1]


def test_parts_that_differ_in_classes_are_a_sentence(imagenet, run, tmp_path):
    for part, wnids in (("train", 3), ("val", 2)):
        for wnid in list(output_of_wnid())[:wnids]:
            shutil.copytree(imagenet / part / wnid, tmp_path / "data" / part / wnid)
    said = refused(run, "imagenet-knn", tmp_path / "data", tmp_path / "a.json", *QUICK)
    assert "has 3 classes in train and 2 in val; both should have the same ones" in said


def test_too_few_images_to_choose_a_rate_by_are_a_sentence(imagenet, run, tmp_path):
    command = (run, "imagenet-linear-cached", imagenet, tmp_path / "a.json", *QUICK)
    said = refused(*command)
    assert "held_out is 10,000, and there are 2,000 training images; set it lower" in said


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("rates=fast", "--set rates=fast: Expected `float`, got `str`"),
        ("rate=0.1", "byol-linear-cached has no setting rate; did you mean rates?"),
        ("epochs=0", "--set epochs=0: Expected `int` >= 1"),
        ("epochs", "--set epochs is no setting with its value"),
    ],
)
def test_settings_that_make_no_sense_are_a_sentence(imagenet, run, tmp_path, typed, said):
    command = (run, "imagenet-linear-cached", imagenet, tmp_path / "a.json", "--set", typed)
    assert said in refused(*command)
