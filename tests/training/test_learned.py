"""Whether a training has learned: what is said at its end, and what of."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.training.training import STEPS, quick, small_data
from tests.training.written import clips_of, write_out

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torch.nn.modules.module import register_module_module_registration_hook  # noqa: E402

from videonet.training import checkpoint  # noqa: E402
from videonet.training.beside_untrained import asked_about, learned  # noqa: E402
from videonet.training.data.clip_index import open_clip_index  # noqa: E402
from videonet.training.learned import FEWEST, MOST, Learned  # noqa: E402
from videonet.training.log_lines import EvaluationLine, lines_of  # noqa: E402
from videonet.training.models.network import Network  # noqa: E402
from videonet.training.train import network_of, train  # noqa: E402


def of(found: int, untrained: int, videos: int = 100, held_out: bool = True) -> Learned:
    """Where the one network finds all that the other one does, and more."""
    gained, lost = max(0, found - untrained), max(0, untrained - found)
    return Learned(videos, held_out, found, untrained, gained, lost)


def test_one_sentence_says_whether_it_learned():
    assert of(45, 12).sentence() == (
        "It learned: a frame finds another moment of its video in 45% of 100 held-out videos, "
        "where the untrained network does in 12% and chance in 1.0%."
    )
    assert of(13, 12, 50, held_out=False).sentence() == (
        "Nothing shows that it learned: a frame finds another moment of its video in 26% of 50 "
        "videos that it was trained on, where the untrained network does in 24% and chance in "
        "2.0%; of others, data.held_out would tell."
    )


def test_where_the_untrained_network_finds_nearly_all_nothing_can_be_shown():
    assert (
        of(100, 95).sentence().startswith("These videos are too easy to show whether it learned:")
    )
    assert of(94, 94).sentence().startswith("Nothing shows that it learned:")
    assert of(100, 94).sentence().startswith("It learned:")


@given(st.data())
def test_what_a_log_says_of_it_is_the_same_sentence(data):
    videos = data.draw(st.integers(FEWEST, MOST))
    found, untrained = (data.draw(st.integers(0, videos)) for _ in range(2))
    asked = of(found, untrained, videos, data.draw(st.booleans()))
    assert Learned.of_values(asked.values()) == asked
    name = data.draw(st.sampled_from(["same_video", "videos", "gained"]))
    wrong = data.draw(st.sampled_from([None, -1, float("nan"), 10**18, "x"]))
    assert Learned.of_values(asked.values() | {name: wrong}) is None


@given(st.data())
def test_what_is_shown_could_be_shown(data):
    videos = data.draw(st.integers(FEWEST, MOST))
    untrained = data.draw(st.integers(0, videos))
    best = of(videos, untrained, videos)
    assert best.is_shown == best.can_be_shown


@pytest.mark.parametrize(
    ("found", "untrained", "is_shown"),
    # Five heads in a row are one of 32, six are one of 64; of 100 videos chance finds 3 in 8 %.
    [(10, 10, False), (9, 20, False), (15, 10, False), (16, 10, True), (40, 10, True)],
)
def test_a_difference_that_chance_makes_too_shows_nothing(found, untrained, is_shown):
    assert of(found, untrained).is_shown == is_shown


def test_what_chance_finds_too_shows_nothing_whatever_the_untrained_network_finds():
    assert not Learned(100, True, found=3, untrained=0, gained=9, lost=0).is_shown
    assert Learned(100, True, found=9, untrained=0, gained=9, lost=0).is_shown


@given(st.data())
def test_what_is_shown_stays_so_where_more_is_found(data):
    videos = data.draw(st.integers(FEWEST, MOST))
    found = data.draw(st.integers(0, videos - 1))
    untrained = data.draw(st.integers(0, found))
    if of(found, untrained, videos).is_shown:
        assert of(found + 1, untrained, videos).is_shown


@given(st.integers(FEWEST, MOST), st.data())
def test_as_many_videos_won_as_lost_show_nothing(videos, data):
    each = data.draw(st.integers(0, videos // 2))
    assert not Learned(videos, True, videos, videos, gained=each, lost=each).is_shown


def written(out: Path, videos: int) -> Path:
    return write_out(out, [clips_of([(f"v{number:04d}", 1) for number in range(videos)], frames=1)])


def test_held_out_videos_are_asked_about_if_there_are_enough_and_those_trained_on_if_not(tmp_path):
    out = written(tmp_path / "out", 60)
    for share, expected in ((0.5, True), (0.1, False)):
        dataset = open_clip_index(out, held_out=share)
        videos, held_out = asked_about(dataset)
        assert held_out is expected
        assert len(videos) >= FEWEST
        assert (dataset.held_out[videos] == expected).all()
    assert asked_about(open_clip_index(written(tmp_path / "few", FEWEST - 1))) is None


def test_of_many_videos_some_are_asked_about_each_once(tmp_path):
    videos, _ = asked_about(open_clip_index(written(tmp_path, MOST + 50)))
    assert len(set(videos.tolist())) == MOST


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"), videos=30)


def test_a_network_that_was_not_trained_has_not_learned(data):
    config = quick()
    network = network_of(config)
    found = learned(network, network, open_clip_index(data), config)
    assert found is not None
    assert (found.found, found.gained, found.lost) == (found.untrained, 0, 0)
    assert not found.is_shown


def evaluations_of(run: Path) -> list[EvaluationLine]:
    return [line for line in lines_of(run) if isinstance(line, EvaluationLine)]


def test_a_training_says_it_at_its_end_and_keeps_the_numbers(data, tmp_path):
    console = Console(file=io.StringIO(), width=300)
    train(quick(), data, tmp_path, console)
    *_, last = console.file.getvalue().splitlines()
    assert ": a frame finds another moment of its video in " in last
    assert " of 30 videos that it was trained on" in last
    (line,) = evaluations_of(tmp_path)
    assert (line.step, line.name) == (STEPS, "learned")
    assert line.values["chance"] == pytest.approx(1 / 30)
    assert (line.values["videos"], line.values["held_out"]) == (30, 0)


def test_too_few_videos_are_said_to_be_too_few(tmp_path):
    console = Console(file=io.StringIO(), width=300)
    train(quick("train.epochs=2"), small_data(tmp_path / "data", 9), tmp_path / "run", console)
    *_, last = console.file.getvalue().splitlines()
    assert last == "Whether it learned cannot be told by 9 videos: at least 10 are needed."
    assert not evaluations_of(tmp_path / "run")


def test_memory_that_runs_out_after_the_last_step_loses_no_step(data, tmp_path):
    held = []

    def full(*_: object) -> None:
        raise MemoryError

    def fill(network: Network) -> dict[str, float]:
        # From here on no network is made, and none looks at anything.
        held.append(register_module_module_registration_hook(full))
        held.append(network.backbone.conv1.register_forward_pre_hook(full))
        raise torch.OutOfMemoryError("CUDA out of memory")

    config = quick(
        *("train.epochs=2", "log.evaluate=['fill']", "log.evaluate_every=9", "log.picture_every=9")
    )
    try:
        last = train(config, data, tmp_path, evaluators={"fill": fill})
    finally:
        for each in held:
            each.remove()
    assert checkpoint.load(last)["step"] == 4
    assert {line.name: line.failed for line in evaluations_of(tmp_path)} == {
        "fill": "CUDA out of memory",
        "learned": "there is not enough memory",
        "picture": "there is not enough memory",
    }
