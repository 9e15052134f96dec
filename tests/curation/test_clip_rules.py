"""clip_rules: which clips are taken of a video, from the rule to the data set."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.drawing import Scene
from demo.encoding import Encoding, encode
from tests.curating import curate, outcomes_of
from videonet.curation.clip_rules import left_out_because, no_clip_because, places_taken
from videonet.dataset.verify import verify
from videonet.errors import UsageError
from videonet.schemas.fetch import Cut
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.selection import SelectionOptions
from videonet.storage.dataset_dir import DatasetDir
from videonet.video.motion import PARTS

OFF = SelectionOptions()
MOVING = SelectionOptions(min_motion=0.5)
UNCUT = SelectionOptions(no_cuts=True)


def cut_of(*clips: tuple[float, int]) -> Cut:
    """What cutting brought: of each clip the share that repeats, and its cuts."""
    return Cut(
        video_key="youtube:x",
        sha256="0" * 64,
        reason=None,
        error=None,
        clips=len(clips),
        repeated=tuple(round(repeated * PARTS) for repeated, _ in clips),
        cuts=tuple(cuts for _, cuts in clips),
    )


def test_without_rules_every_clip_is_taken():
    assert places_taken(cut_of((1.0, 7), (0.0, 0)), OFF) == (0, 1)
    assert no_clip_because(cut_of((1.0, 7)), OFF) is None


def test_a_clip_in_which_too_little_moves_is_left_out():
    assert left_out_because(0.75, 0, MOVING) is Reason.STILL
    assert left_out_because(0.5, 9, MOVING) is None
    assert places_taken(cut_of((0.75, 0), (0.25, 0)), MOVING) == (1,)


def test_a_clip_with_a_cut_is_left_out():
    assert left_out_because(0.0, 1, UNCUT) is Reason.CUTS
    assert left_out_because(1.0, 0, UNCUT) is None


def test_a_video_without_a_clip_is_still_if_all_are_and_else_cut():
    both = SelectionOptions(min_motion=0.5, no_cuts=True)
    assert no_clip_because(cut_of((1.0, 0), (1.0, 3)), both) is Reason.STILL
    assert no_clip_because(cut_of((1.0, 0), (0.0, 3)), both) is Reason.CUTS
    assert no_clip_because(cut_of((1.0, 0), (0.0, 0)), both) is None


def test_a_video_that_is_too_short_for_a_clip_breaks_no_rule():
    assert no_clip_because(cut_of(), MOVING) is None


@given(
    clips=st.lists(st.tuples(st.integers(0, PARTS), st.integers(0, 3)), max_size=5),
    least=st.floats(0, 1),
    more=st.floats(0, 1),
    no_cuts=st.booleans(),
)
def test_stricter_rules_take_none_that_looser_ones_leave_out(clips, least, more, no_cuts):
    cut = cut_of(*((repeated / PARTS, cuts) for repeated, cuts in clips))
    loose = SelectionOptions(min_motion=min(least, more))
    strict = SelectionOptions(min_motion=max(least, more), no_cuts=no_cuts)
    assert set(places_taken(cut, strict)) <= set(places_taken(cut, loose))
    for rules in (loose, strict):
        reason = no_clip_because(cut, rules)
        assert (reason is not None) == (bool(clips) and not places_taken(cut, rules))


# The whole way.

SIZE, RATE = (320, 240), Fraction(25, 2)


def drawn(path: Path, *shots: tuple[int, float, bool]) -> None:
    """A video of shots: of each the seed of its scene, its seconds, and whether anything moves."""

    def frames() -> Iterator[Any]:
        for seed, seconds, moves in shots:
            scene = Scene("balloon", SIZE, seed)
            for tick in range(round(seconds * RATE)):
                yield scene.frame(float(tick / RATE) if moves else 0.0)

    encode(path, frames(), SIZE, RATE, Encoding())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of balloons: moving, still, cut in its middle, and cut in the first of two clips."""
    folder = tmp_path_factory.mktemp("balloons")
    (folder / "classes.txt").write_text("balloon\n")
    videos = folder / "videos"
    videos.mkdir()
    drawn(videos / "a balloon moves.mp4", (1, 3, True))
    drawn(videos / "a still balloon.mp4", (2, 3, False))
    drawn(videos / "balloons cut.mp4", (3, 1.52, True), (4, 1.52, True))
    drawn(videos / "long balloon.mp4", (5, 4, True), (6, 9, True))
    return folder


def made(folder: Path, place: Path, **options: Any) -> Any:
    given = {"min_seconds": 2.0, "shards": 1, "frames": 5} | options
    return curate(f"folder:{folder / 'videos'}", folder / "classes.txt", place, **given)


def clips_in(out: Path) -> list[tuple[str, int]]:
    """Of each clip the number of its video's, and its cuts."""
    table = pyarrow.dataset.dataset(out / "clips/parquet").to_table()
    assert table.num_rows
    return [
        (row["example_id"].rpartition("#")[2], len(row["clip_cut_timestamp"]))
        for row in table.to_pylist()
    ]


@pytest.mark.slow
def test_rules_leave_clips_out_and_account_for_them(folder: Path, tmp_path: Path):
    everything = made(folder, tmp_path)
    counts = everything.totals.motion
    assert everything.totals.clips == 5
    assert (counts.still, counts.windows, counts.crossed, counts.left_out) == (1, 8, 2, 0)
    assert verify(tmp_path / "out").problems == []

    # Over the same store, other rules.
    manifest = made(folder, tmp_path, out=tmp_path / "moving", min_motion=0.25, no_cuts=True)
    assert verify(tmp_path / "moving").problems == []
    assert {key[0]: each for key, each in outcomes_of(tmp_path / "moving").items()} == {
        "a balloon moves.mp4": (Outcome.KEPT, None),
        "a still balloon.mp4": (Outcome.REJECTED, Reason.STILL),
        "balloons cut.mp4": (Outcome.REJECTED, Reason.CUTS),
        "long balloon.mp4": (Outcome.KEPT, None),
    }
    assert manifest.totals.clips == 2
    assert manifest.totals.motion.left_out == 1
    # The clip that is left is the first one of its video now.
    assert clips_in(tmp_path / "moving") == [("0", 0), ("0", 0)]
    state = DatasetDir(tmp_path / "moving").shard_state(0)
    assert state is not None
    assert sum(state.left_out.values()) == 1
    assert all(len(each) == 1 for each in state.first_durations.values())
    # The same command changes nothing.
    assert made(folder, tmp_path, out=tmp_path / "moving", min_motion=0.25, no_cuts=True)
    assert DatasetDir(tmp_path / "moving").manifest() == manifest


@pytest.mark.slow
def test_a_video_that_is_left_out_is_decided_without_being_cut_again(folder: Path, tmp_path: Path):
    for out, cut_again in (("out", 4), ("moving", 3)):
        made(folder, tmp_path, out=tmp_path / out, min_motion=0.25 if out == "moving" else 0.0)
        facts = json.loads((tmp_path / out / "run.json").read_bytes())
        assert facts["stages"]["cut"]["items"] == cut_again


def test_a_share_that_cannot_be_is_refused(folder: Path, tmp_path: Path):
    with pytest.raises(UsageError, match=r"--min-motion is 1.5; give a number from 0 to 1"):
        made(folder, tmp_path, min_motion=1.5)
