"""Agreement with people: from records, and of a network that decides here."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.evaluation.asked import evaluate, refused
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.evaluation.class_lists import human_categories  # noqa: E402
from videonet.evaluation.consistency import (  # noqa: E402
    Pair,
    human_pairs,
    is_right,
    mean_measures,
    pairs_with,
    place_of,
    shape_bias,
)
from videonet.evaluation.decision_records import (  # noqa: E402
    Trial,
    by_decider,
    condition_in,
    condition_of,
    image_id,
    read_records,
    shape_and_texture,
)
from videonet.evaluation.human import categorising  # noqa: E402

# (p - q)^2, |p - q|, observed consistency, error consistency; how many pairs and conditions.
PEOPLE = {
    "edge": (0.0204, 0.1003, 0.8386, 0.3184, 45),
    "cue-conflict": (0.0116, 0.0866, 0.7652, 0.3311, 45),
    "low-pass": (0.0017, 0.0337, 0.7908, 0.4689, 30),
    "uniform-noise": (0.0019, 0.0373, 0.7823, 0.4341, 30),
}
ACCURACY = {"edge": 0.871, "cue-conflict": 0.776, "low-pass": 0.661, "uniform-noise": 0.683}

# torchvision's, and the one that was trained on stylized ImageNet for 60 epochs: (p - q)^2,
# observed consistency, error consistency.
RESNET50 = {
    ("edge", "resnet50"): (0.4853, 0.2950, 0.0453),
    ("cue-conflict", "resnet50"): (0.3659, 0.3655, 0.0674),
    ("edge", "resnet50_train_60_epochs"): (0.1564, 0.5450, 0.1068),
    ("cue-conflict", "resnet50_train_60_epochs"): (0.0773, 0.5984, 0.1904),
}
RECORDS = {"edge": "edge", "cue-conflict": "style-transfer-512-nomask"}

SHAPE_BIAS = {
    "alexnet_session_1": 0.4294,
    "googlenet_session_1": 0.3119,
    "vgg_session_1": 0.1722,
    "resnet50_session-1": 0.2207,
    "squeezenet1_1_session-1": 0.1822,
    "densenet121_session-1": 0.2145,
    "resnet152_session-1": 0.2562,
}


def people_of(experiment: str) -> list[Trial]:
    folder = shared(f"human/model-vs-human/raw-data/{experiment}")
    return [trial for file in sorted(folder.glob("*.csv")) for trial in read_records(file)]


def measured(pairs: list[Pair], count: int) -> list[float]:
    return [float(each[0]) for each in mean_measures(pairs, np.ones((1, count))).values()]


def places_of(*trials: Trial) -> dict[str, int]:
    return {key: place for place, key in enumerate(dict.fromkeys(map(place_of, trials)))}


@pytest.mark.parametrize("experiment", PEOPLE)
def test_people_agree_with_each_other_as_is_known(experiment):
    people = people_of(experiment)
    places = places_of(*people)
    pairs = human_pairs(experiment, people, places)
    *expected, count = PEOPLE[experiment]
    assert len(pairs) == count
    assert measured(pairs, len(places)) == pytest.approx(expected, abs=5.1e-5)
    # Of the conditions that count, each of which has as many trials.
    seen = [t for one in by_decider(people).values() for t in one]
    if experiment in ("edge", "cue-conflict"):
        assert np.mean([is_right(t) for t in seen]) == pytest.approx(ACCURACY[experiment], abs=5e-4)


@pytest.mark.parametrize(("experiment", "which"), RESNET50)
def test_resnet50_agrees_with_people_as_is_known(experiment, which):
    name = f"{RECORDS[experiment]}-experiment_{which}_session-1.csv"
    people = people_of(experiment)
    network = read_records(shared("evaluation/shape_bias/networks") / name)
    places = places_of(*people, *network)
    pairs = [
        pair
        for person in by_decider(people).values()
        for pair in pairs_with(experiment, network, person, places)
    ]
    found = measured(pairs, len(places))
    assert [found[0], *found[2:]] == pytest.approx(RESNET50[experiment, which], abs=5.1e-5)


@pytest.mark.parametrize("network", SHAPE_BIAS)
def test_published_shape_biases_come_of_the_records(network):
    name = f"style-transfer-512-nomask-experiment_{network}.csv"
    trials = read_records(shared("evaluation/shape_bias/networks") / name)
    assert len(trials) == 1280
    bias = shape_bias(trials, np.ones((1, 1280)))
    assert bias == pytest.approx([SHAPE_BIAS[network]], abs=5.1e-5)


def test_people_go_by_shape():
    people = people_of("cue-conflict")
    assert shape_bias(people, np.ones((1, len(people)))) == pytest.approx([0.9587], abs=5e-5)


def test_a_category_has_the_mean_of_its_outputs_probabilities_not_of_their_logits():
    categories = human_categories()
    assert len(categories) == 16
    assert list(categories) == sorted(categories)
    (knife,) = categories["knife"]
    dogs = categories["dog"]
    # One dog is certain: of all dogs' probabilities the mean is large, of their logits it is not.
    logits = torch.zeros(2, 1000)
    logits[0, dogs[0]], logits[0, knife] = 12.0, 4.0
    logits[1, dogs], logits[1, knife] = -9.0, 1.0
    chosen = categorising(torch.device("cpu"))(logits)
    assert [list(categories)[each] for each in chosen] == ["dog", "knife"]


@pytest.mark.parametrize(
    ("name", "image", "condition"),
    [
        ("0001_edg_s01_0_oven_00_oven10.png", "oven10.png", "0"),
        ("0001_lp_s01_40_chair_10_n04099969_7577.png", "n04099969_7577.png", "40"),
        ("0002_nse_s01_0.10_knife_10_n03041632_8.png", "n03041632_8.png", "0.1"),
        ("airplane1-bicycle2.png", "airplane1-bicycle2.png", None),
    ],
)
def test_a_name_tells_the_image_and_its_condition(name, image, condition):
    assert (image_id(name), condition_in(name)) == (image, condition)


def test_conditions_are_compared_as_numbers():
    assert condition_of("0.10") == condition_of("0.1") == "0.1"
    assert condition_of("0.00") == "0"
    assert condition_of("bw") == "bw"


def test_shape_comes_before_texture():
    assert shape_and_texture("cat7-clock2.png") == ("cat", "clock")


def test_who_errs_alike_always_has_a_kappa_of_one_though_chance_would_too():
    right = Pair([True] * 4, [True] * 4, range(4)).measures(np.ones((1, 4)))
    assert {name: float(each[0]) for name, each in right.items()} == {
        "squared accuracy difference": 0,
        "absolute accuracy difference": 0,
        "observed consistency": 1,
        "error consistency": 1,
    }


def test_no_answer_is_wrong():
    assert not is_right(Trial("one", "0", "a.png", "cat", "na"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two experiments: all drawings of edges, and an eighth of the conflicting cues."""
    root = tmp_path_factory.mktemp("human")
    for name in ("edge", "cue-conflict"):
        shutil.copytree(shared(f"evaluation/shape_bias/{name}"), root / "datasets" / name)
        records = shared(f"human/model-vs-human/raw-data/{name}")
        shutil.copytree(records, root / "raw-data" / name)
    return root


BOTH = ("--set", "experiments=edge,cue-conflict", "--partial")


@pytest.mark.thorough
def test_a_real_network_goes_by_texture_as_others_do_and_is_worse_than_people(
    data, lite0, tmp_path
):
    result = evaluate(lite0, "human", data, tmp_path / "a.json", *BOTH)
    numbers = {name: each.value for name, each in result.numbers.items()}
    people = result.facts["people"]
    # As seven published networks: .17 to .43.
    assert 0.1 < numbers["shape bias"] < 0.45
    assert people["shape bias"] == pytest.approx(0.9587, abs=5e-5)
    assert numbers["edge: accuracy"] < people["edge: accuracy"] == pytest.approx(0.871, abs=5e-4)
    assert numbers["edge: accuracy"] > 1 / 16
    both = [numbers[f"{name}: error consistency"] for name in ("edge", "cue-conflict")]
    ceiling = [people[f"{name}: error consistency"] for name in ("edge", "cue-conflict")]
    assert numbers["error consistency"] == pytest.approx(np.mean(both))
    assert numbers["error consistency, mean over people's mean"] == pytest.approx(
        np.mean(both) / np.mean(ceiling)
    )
    assert numbers["error consistency, mean of ratios to people's"] == pytest.approx(
        np.mean(np.divide(both, ceiling))
    )
    for each in result.numbers.values():
        assert each.low <= each.value <= each.high
    items = pq.read_table(tmp_path / result.items)
    assert items.num_rows == 320
    right = np.array(items["answer"].to_pylist()) == np.array(items["category"].to_pylist())
    assert np.mean(right[:160]) == numbers["edge: accuracy"]


def test_a_stimulus_that_nobody_saw_is_a_sentence(data, lite0, tmp_path):
    root = Path(shutil.copytree(data, tmp_path / "data"))
    edges = root / "datasets" / "edge"
    for path in sorted(edges.iterdir())[2:]:
        path.unlink()
    shutil.copy(next(edges.iterdir()), edges / "spoon1.png")
    said = refused(
        *(lite0, "human", root, tmp_path / "a.json"), "--set", "experiments=edge", "--partial"
    )
    assert "Nobody was shown" in said
    assert "spoon1.png" in said


def test_an_experiment_that_there_is_not_is_a_sentence(data, lite0, tmp_path):
    said = refused(lite0, "human", data, tmp_path / "a.json", "--set", "experiments=edges")
    assert "There is no experiment edges; the experiments are edge, cue-conflict" in said


def test_records_without_a_column_are_a_sentence(data, lite0, tmp_path):
    root = Path(shutil.copytree(data, tmp_path / "data"))
    file = next((root / "raw-data" / "edge").iterdir())
    file.write_text("subj,category\none,cat\n")
    said = refused(*(lite0, "human", root, tmp_path / "a.json"), *BOTH)
    assert f"{file} has no object_response; its columns should be subj" in said
