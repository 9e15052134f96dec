"""frame_line: the classes of the first frames, side by side."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.report.written import target, verdict
from videonet.report.video_sheet.frame_line import COLOURS, OTHER, FrameLine, frame_line
from videonet.report.video_sheet.view import ClassVerdict
from videonet.schemas.scan import Scan

NAMES = [f"class {output}" for output in range(20)]


def line(top1: list[int], *confirming: int, best: int | None = None) -> FrameLine:
    """The line of these classes, for one target that these outputs confirm."""
    scan = Scan(
        video_key="url:1",
        sha256="00",
        reason=None,
        error=None,
        top1=tuple(top1),
        probability=tuple(output / 100 for output in top1),
        probe=None,
        phash=(),
        seconds=0.0,
    )
    asked: Any = msgspec.structs.replace(target("balloon"), outputs=confirming)
    of = ClassVerdict(asked, verdict(1, "balloon", best_match=best))
    return frame_line(scan, [of], NAMES)


def test_classes_that_confirm_a_target_have_the_first_colours():
    found = line([6] * 97 + [0, 1, 5], 0, 1)
    assert [each.name for each in found.legend] == ["class 0", "class 1", "class 6", "class 5"]
    assert [each.colour for each in found.legend] == list(COLOURS[:4])


def test_classes_beyond_the_colours_share_one_and_are_counted_together():
    found = line([output for output in range(12) for _ in range(20 - output)])
    assert [each.name for each in found.legend] == [*NAMES[: len(COLOURS)], "4 more"]
    assert found.legend[-1].colour == OTHER
    assert sum(each.frames for each in found.legend) == len(found.frames)


def test_an_output_without_a_label_has_its_number():
    assert line([0, 40]).frames[1].name == "output 40"


def test_the_best_frame_is_the_one_of_the_verdict():
    assert line([0, 0, 1], 0, best=1).lanes[0].best == 1
    assert line([1, 1, 1], 0).lanes[0].best is None


@given(
    top1=st.lists(st.integers(0, 19), min_size=1, max_size=300),
    confirming=st.sets(st.integers(0, 19)),
)
def test_runs_are_the_frames_as_they_follow_each_other(top1, confirming):
    found = line(top1, *sorted(confirming))
    assert [output for run, _ in found.runs for output in [run.value] * run.frames] == top1
    assert all(
        a.value != b.value for (a, _), (b, _) in zip(found.runs, found.runs[1:], strict=False)
    )
    for run, colour in found.runs:
        frames = found.frames[run.first : run.first + run.frames]
        assert {(each.name, each.colour) for each in frames} == {(f"class {run.value}", colour)}
    (lane,) = found.lanes
    marked = [frame for run in lane.runs for frame in range(run.first, run.first + run.frames)]
    assert marked == [frame for frame, output in enumerate(top1) if output in confirming]
    assert lane.frames == len(marked)


@given(frames=st.integers(1, 3_000))
def test_at_most_ten_frames_have_their_numbers_below_them(frames):
    ticks = line([0] * frames).ticks
    assert ticks[0] == 0
    assert ticks[-1] < frames
    assert len(ticks) <= 10
    assert len(ticks) >= min(frames, 4)
