"""Rules on frames other than the paper's: how many must show the class, how surely, how early."""

import itertools
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curation.one_video import CANDIDATE, MATCH, SCANNED, SEEN, TARGET
from videonet.curation.verdict import (
    KEPT,
    Decision,
    Evidence,
    Limits,
    decide,
    verdict_row,
    weakness,
)
from videonet.errors import UsageError
from videonet.execution.resume import check_rules
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.scan import Scan
from videonet.schemas.selection import ClipOptions, SelectionOptions
from videonet.schemas.settings import CurateOptions
from videonet.schemas.unused import without_unused

# Probabilities as they are stored: with four digits.
probabilities = st.integers(0, 10_000).map(lambda each: each / 10_000)
# Two of these classes confirm the target.
scans = st.lists(st.tuples(st.sampled_from([3, 151, 152]), probabilities), max_size=30).map(
    lambda frames: msgspec.structs.replace(
        SCANNED,
        top1=tuple(top1 for top1, _ in frames),
        probability=tuple(each for _, each in frames),
    )
)
rules = st.builds(
    SelectionOptions,
    min_frames=st.integers(1, 12),
    min_probability=probabilities,
    first_match_before=st.none() | st.integers(1, 40),
)


def judged(scan: Scan, selection: SelectionOptions) -> Decision | None:
    seen = Evidence(SEEN.fetch, scan, SEEN.length, SEEN.cut, whole=True)
    return decide(CANDIDATE, TARGET, seen, Limits(10, 5000, selection=selection))


def is_kept(scan: Scan, **options: float) -> bool:
    return judged(scan, msgspec.convert(options, SelectionOptions)) == KEPT


def frames(*top1: int, probability: tuple[float, ...] = ()) -> Scan:
    return msgspec.structs.replace(
        SCANNED, top1=top1, probability=probability or (0.5,) * len(top1)
    )


def test_so_many_frames_must_show_the_class():
    two = frames(3, 151, 3, 152)
    assert is_kept(two, min_frames=2)
    assert judged(two, SelectionOptions(min_frames=3)) == Decision(
        Outcome.REJECTED, Reason.WEAK_MATCH, "2 frames show the class; at least 3 must"
    )


def test_a_frame_counts_from_the_probability_on_that_is_asked_for():
    sure = frames(151, 151, probability=(0.3, 0.2999))
    assert is_kept(sure, min_probability=0.3)
    assert not is_kept(sure, min_probability=0.3001)
    assert judged(sure, SelectionOptions(min_probability=0.3, min_frames=2)) == Decision(
        Outcome.REJECTED,
        Reason.WEAK_MATCH,
        "1 frame shows the class with a probability of at least 0.3; at least 2 must",
    )


def test_the_first_frame_that_counts_must_be_early_enough():
    late = frames(151, 3, 151, probability=(0.1, 0.9, 0.9))
    assert is_kept(late, first_match_before=1)
    assert is_kept(late, first_match_before=3, min_probability=0.5)
    assert judged(late, SelectionOptions(first_match_before=2, min_probability=0.5)) == Decision(
        Outcome.REJECTED,
        Reason.WEAK_MATCH,
        "the first frame to show the class with a probability of at least 0.5 is 2; it must be "
        "below 2",
    )


def test_what_shows_something_else_is_no_weak_match():
    decision = judged(frames(3, 3), SelectionOptions(min_frames=5, min_probability=0.9))
    assert decision == Decision(Outcome.REJECTED, Reason.NO_TOP1_MATCH)


def test_the_account_counts_frames_as_without_rules():
    strict = SelectionOptions(min_frames=5, min_probability=0.7)
    decision = judged(SCANNED, strict)
    assert decision is not None
    row = verdict_row(CANDIDATE, MATCH, TARGET, SEEN, decision, "c")
    assert (row.reason, row.clips) == (Reason.WEAK_MATCH, 0)
    assert (row.frames_scanned, row.frames_matched) == (5, 3)
    assert (row.first_match, row.best_match, row.best_probability) == (1, 3, 0.75)


@given(scans, rules)
def test_a_video_is_kept_that_shows_its_class_as_asked_for(scan, selection):
    shown = {
        index: probability
        for index, (top1, probability) in enumerate(zip(scan.top1, scan.probability, strict=True))
        if top1 in (151, 152)
    }
    counting = [i for i, each in shown.items() if each >= selection.min_probability]
    early = selection.first_match_before is None or (
        bool(counting) and min(counting) < selection.first_match_before
    )
    expected = len(counting) >= selection.min_frames and early
    decision = judged(scan, selection)
    assert (decision == KEPT) is expected
    if not expected:
        assert decision is not None
        assert decision.reason is (Reason.WEAK_MATCH if shown else Reason.NO_TOP1_MATCH)


@given(scans, rules, rules)
def test_a_stricter_rule_keeps_no_other_videos(scan, one, other):
    befores = [each.first_match_before for each in (one, other) if each.first_match_before]
    both = SelectionOptions(
        min_frames=max(one.min_frames, other.min_frames),
        min_probability=max(one.min_probability, other.min_probability),
        first_match_before=min(befores, default=None),
    )
    if weakness(scan, TARGET, both) is None:
        assert weakness(scan, TARGET, one) is weakness(scan, TARGET, other) is None


@given(scans)
def test_without_rules_one_frame_is_enough(scan):
    expected = any(top1 in (151, 152) for top1 in scan.top1)
    assert (judged(scan, SelectionOptions()) == KEPT) is expected


# The options.

ASKED = {"targets": "imagenet1k", "source": "catalogue:videos.csv"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"min_probability": 1.5}, "give a number from 0 to 1"),
        ({"min_probability": float("nan")}, "give a number from 0 to 1"),
        ({"min_frames": 101}, "which are 100; give at most that many"),
    ],
)
def test_a_rule_that_no_video_can_keep_to_is_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        check_rules(CurateOptions(**ASKED, **wrong), 100)


def test_a_rule_that_is_not_used_is_not_written():
    names = ClipOptions.__struct_fields__
    row = CurateOptions(**ASKED).to_row()
    assert set(row) - set(without_unused(row)) == {
        *(*names, "select", "embedding"),
        *("exclude", "exclude_like"),
    }
    # What earlier versions wrote down of the same options, in the same order.
    assert list(without_unused(row))[:3] == ["per_class", "min_seconds", "frames"]
    used = {"min_frames": 2, "min_probability": 0.5, "first_match_before": 9}
    for number in range(len(used) + 1):
        for chosen in itertools.combinations(used, number):
            asked = CurateOptions(**ASKED, **{name: used[name] for name in chosen})
            written = without_unused(asked.to_row())
            assert set(written) & set(names) == set(chosen)
            assert msgspec.convert(json.loads(json.dumps(written)), CurateOptions) == asked
