"""UCF-101: what fine-tuning learns, what is counted, and going on."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.curated import videonet
from tests.evaluation.asked import evaluate, refused
from tests.evaluation.made_ucf import FRAMES, RATE, write_avi, write_copies, write_drawn
from tests.evaluation.material import shared
from tests.evaluation.written import in_training, result

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import pyarrow as pa  # noqa: E402
import pyarrow.compute as pc  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from safetensors.torch import load  # noqa: E402
from torchvision.transforms.functional import resize  # noqa: E402

from tests.evaluation.stopping import At, StoppedError, started  # noqa: E402
from tests.training.test_export import save, trained  # noqa: E402
from videonet.evaluation import ucf101  # noqa: E402
from videonet.evaluation.clip_pooling import ClipClassifier, FrameFeatures  # noqa: E402
from videonet.evaluation.clips import Length, frames_of, middles  # noqa: E402
from videonet.evaluation.comparison import compare  # noqa: E402
from videonet.evaluation.opening import How, open_model  # noqa: E402
from videonet.evaluation.parts import Parts  # noqa: E402
from videonet.evaluation.protocol import Given  # noqa: E402
from videonet.evaluation.result import Result, Value, read  # noqa: E402
from videonet.evaluation.ucf101_lists import Listed  # noqa: E402

# A clip is the whole of a drawn video. Of these few, a network is to learn all it can.
DRAWN = (f"clip_frames={FRAMES}", f"frames_a_second={RATE}", "rate=0.003", "warm_up_epochs=1")
LEARN = (*DRAWN, "batch=8", "epochs=2", "clips_an_epoch=4", "dropout=0")
# Four steps an epoch, twelve in all.
FEW = (*DRAWN, "batch=4", "epochs=2", "clips_an_epoch=1", "milestones=1", "dropout=0.5")
STEPS = 12


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs that grow and shrink: 20 videos that train, and 8 others."""
    return write_drawn(tmp_path_factory.mktemp("drawn"), range(1, 11), range(11, 15))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("few"), range(1, 9), range(9, 11))


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(folder, trained("test_resnet", 1), step=500)
    return folder


def tuned(model: object, data: Path, file: Path, settings, *, stop_after=None, **how) -> Result:
    """The result; with `stop_after` it is stopped after so many steps of the last pooling."""
    stop = At("attention trains", stop_after) if stop_after else None
    return started(ucf101, model, data, file, settings, stop=stop, **how)


def test_where_the_order_of_halves_decides_two_scales_know_it_and_a_mean_cannot(
    drawn, training, tmp_path
):
    found = tuned(training, drawn, tmp_path / "a.json", LEARN)
    items = pq.read_table(tmp_path / found.items)
    # A video and the same one backwards have one mean, so one of the two is wrong.
    assert found.numbers["average"].value == 0.5
    average = items.filter(pc.equal(items["pooling"], "average"))
    pairs = average["right"].to_numpy().reshape(2, 4)
    assert [group.split()[1] for group in average["group"].to_pylist()[:4]] == [
        *("g11", "g12", "g13", "g14")
    ]
    assert pairs.sum(axis=0).tolist() == [1] * 4
    for pooling in ("two-scale average", "two-scale attention"):
        assert found.numbers[pooling].value >= 0.875
    assert found.data.counts == {
        "classes": 2,
        "train videos of split 1": 20,
        "test videos of split 1": 8,
    }
    assert found.data.expected["train videos of split 1"] == 9537
    assert found.data.partial
    assert len(items) == 3 * 8
    assert set(items["decision"].to_pylist()) == {"Growing", "Shrinking"}
    assert found.resampled == "groups of videos"
    assert found.facts == {"damaged videos": 0}


def last_state(training, data, file, **how):
    """All that going on depends on, after the last step of the last pooling."""
    with pytest.raises(StoppedError):
        tuned(training, data, file, FEW, stop_after=STEPS, **how)
    (state,) = file.with_suffix(".parts").glob("*.state")
    return load(state.read_bytes())


def test_what_was_interrupted_goes_on_as_if_it_had_not_been(few, training, tmp_path, monkeypatch):
    whole = tuned(training, few, tmp_path / "whole.json", FEW)
    state = last_state(training, few, tmp_path / "state.json")
    monkeypatch.setattr(ucf101, "KEPT_EVERY", 3)
    # In the warm-up, at its end, and after it; what came after a third step is done again.
    for stop in (2, 4, 8, 11):
        with pytest.raises(StoppedError):
            tuned(training, few, tmp_path / "a.json", FEW, resume=stop > 2, stop_after=stop)
    gone_on = last_state(training, few, tmp_path / "a.json", resume=True)
    assert gone_on.keys() == state.keys()
    assert any(name.startswith("optimizer") for name in state)
    assert all(torch.equal(each, state[name]) for name, each in gone_on.items())
    # Of a state that was cut short nothing is taken.
    (cut,) = (tmp_path / "a.parts").glob("*.state")
    cut.write_bytes(cut.read_bytes()[:-50])
    again = tuned(training, few, tmp_path / "a.json", FEW, resume=True, workers=1)
    assert again.numbers == whole.numbers
    items = [pq.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "a")]
    assert items[0] == items[1]
    assert not (tmp_path / "a.parts").exists()


def test_a_training_and_its_export_are_one_and_stay_as_they_are(few, training, tmp_path):
    ended = videonet("export", training, "--to", "timm", "--out", tmp_path / "a.safetensors")
    assert ended.code == 0, ended.stderr
    named = (training, f"timm:test_resnet@{tmp_path / 'a.safetensors'}")
    found = [tuned(each, few, tmp_path / f"{place}.json", FEW) for place, each in enumerate(named)]
    for pooling in ucf101.POOLINGS:
        one, other = (each.numbers[pooling].value for each in found)
        assert one == pytest.approx(other, abs=1e-4)
    tables = [pq.read_table(tmp_path / each.items) for each in found]
    shares = [each["probability"].to_numpy() for each in tables]
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-4)


def test_what_is_decided_of_a_video_is_the_mean_of_its_clips_each_shown_alone(
    training, few, tmp_path
):
    """A frame is shown once for all clips that it is in, beside any others."""
    model = open_model(str(training), How(device="cpu"))
    torch.manual_seed(0)
    features = FrameFeatures(model, "two-scale attention", "it")
    network = ClipClassifier(features, "two-scale attention", 2, 0.0)
    network.begin([torch.rand(2, 8, width) for width in network.features.widths])
    folder = few / "UCF-101" / "Growing"
    listed = [Listed(f"Growing/{path.name}", 0, "g") for path in sorted(folder.iterdir())[:3]]
    # As if they took four times as long: clips are of two of eight seconds.
    lengths = [Length(FRAMES, Fraction(1))] * 3
    settings = ucf101.Settings(clip_frames=8, frames_a_second=4, test_clips=5)
    parts = Parts(tmp_path / "parts", {}, resume=False)
    asked = Given(model, few, settings, parts, tmp_path / "head", batch=5)
    found = ucf101.tested(asked, "it", network, ucf101.Set(listed, lengths))
    network.eval()
    for video, probabilities in zip(listed, found, strict=True):
        numbers = [int(place / 4) for place in range(32)]
        frames = middles(frames_of(few / "UCF-101" / video.name, numbers), model.preparation)
        shown = model.normalised(frames)
        clips = [shown[start : start + 8] for start in (0, 6, 12, 18, 24)]
        with torch.no_grad():
            logits = [network(network.of_frames(clip[None])) for clip in clips]
        expected = torch.stack([torch.softmax(each[0], dim=0) for each in logits]).mean(0)
        torch.testing.assert_close(probabilities, expected, atol=1e-6, rtol=0)
        assert float((logits[0] - logits[-1]).abs().max()) > 1e-4


def items_of(rows: list[tuple[int, str, str, bool]]) -> pa.Table:
    names = ("split", "pooling", "group", "right")
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


def test_accuracy_is_that_of_videos_and_intervals_are_of_groups():
    rows = [(1, "average", "A g01", True)] * 6 + [(1, "average", "B g01", False)] * 2
    found = ucf101.numbers_of(items_of(rows), 0)
    assert found["average"].value == 0.75
    # Two groups, drawn twice: either of them alone in half of all cases.
    assert (found["average"].low, found["average"].high) == (0, 1)
    rows = [(1, "average", f"A g{each:02}", each % 4 > 0) for each in range(400)]
    number = ucf101.numbers_of(items_of(rows), 0)["average"]
    assert 0.70 < number.low < 0.72 < 0.78 < number.high < 0.80


def test_several_splits_count_alike():
    rows = [
        *[(1, "average", f"A g{each:02}", True) for each in range(1, 9)],
        *[(2, "average", f"A g{each:02}", each < 21) for each in range(20, 22)],
    ]
    found = ucf101.numbers_of(items_of(rows), 0)
    assert found["average"].value == 0.75
    assert found["average on split 1"].value == 1
    assert found["average on split 2"].value == 0.5


def real_videos() -> list[Path]:
    names = ("cotracker_bear", "cotracker_cat", "dinov3_cat", "intel_car-detection")
    return [shared(f"videos/{name}.mp4") for name in names]


def as_in_ucf(source: Path, file: Path) -> None:
    """The first frames of a video in the form of UCF-101's, which Xvid made."""
    small = resize(frames_of(source, range(40)), [240, 320]).permute(0, 2, 3, 1)
    write_avi(file, [each.numpy() for each in small.contiguous()], rate=25, codec="mpeg4")


def test_a_part_of_the_poolings_stands_beside_the_papers_numbers(tmp_path):
    value = Value(value=0.8, low=0.7, high=0.9)
    found = result(
        evaluation="ucf101", protocol=ucf101.PROTOCOL, numbers={"two-scale attention": value}
    )
    rows = compare([in_training(tmp_path / "run", found)], with_paper=True).rows
    assert [row.metric for row in rows] == [*ucf101.POOLINGS]
    assert [row.cells[0] is None for row in rows] == [True, True, False]
    marks = {mark.label: mark.value for mark in rows[2].marks}
    assert marks == {"VITO, paper": pytest.approx(0.894)}
    assert len(rows[0].marks) == 3


def test_real_videos_by_the_command_with_workers(training, tmp_path):
    data = write_copies(tmp_path / "data", real_videos()[:3], as_in_ucf)
    settings = [
        *("--set", "poolings=average,two-scale attention", "--set", "batch=3"),
        *("--set", "epochs=1", "--set", "warm_up_epochs=1", "--set", "clips_an_epoch=1"),
    ]
    asked = (training, "ucf101", data, tmp_path / "a.json", *settings)
    said = refused(*asked)
    assert "holds 3 classes, 3 train videos of split 1, 3 test videos of split 1, and" in said
    assert "101 classes, 9,537 train videos of split 1" in said
    found = evaluate(*asked, "--partial", "--workers", "1")
    assert {*found.numbers} == {"average", "two-scale attention"}
    items = pq.read_table(tmp_path / found.items)
    assert items["group"].to_pylist() == [f"Class{place} g02" for place in range(3)] * 2
    assert found.protocol.mark == "published stand-in"
    assert str(tmp_path) not in (tmp_path / "a.json").read_text()

    broken = data / "UCF-101" / "Class1" / "v_Class1_g01_c01.avi"
    broken.write_bytes(b"RIFF")
    said = refused(*asked, "--partial")
    assert f"{broken} cannot be read (no media file" in said
    assert "put a good copy in its place" in said


@pytest.mark.slow
def test_real_weights_learn_four_real_videos_by_heart(lite0, tmp_path):
    data = write_copies(tmp_path / "data", real_videos(), as_in_ucf)
    settings = (
        *("poolings=two-scale average", "clip_frames=2", "frames_a_second=1", "batch=4"),
        *("epochs=6", "warm_up_epochs=2", "clips_an_epoch=1", "rate=0.001", "dropout=0"),
        *("test_clips=2",),
    )
    found = tuned(lite0, data, tmp_path / "a.json", settings)
    # What tests are the same videos.
    assert found.numbers["two-scale average"].value == 1
    untaught = tuned(lite0, data, tmp_path / "b.json", (*settings, "epochs=0", "warm_up_epochs=0"))
    assert untaught.numbers["two-scale average"].value < 1


def test_the_result_is_read_and_names_its_settings(few, training, tmp_path):
    tuned(training, few, tmp_path / "a.json", (*FEW, "poolings=average", "seed=3"))
    found = read(tmp_path / "a.json")
    assert (found.settings["poolings"], found.settings["seed"]) == (["average"], 3)
    assert found.settings["training_precision"] == "float32"
