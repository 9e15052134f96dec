"""What several data sets say of one video, made one: a plain function."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.dataset.merge.rows import MergedVideo, Said, merged_video
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.schemas.video_info import VideoInfo
from videonet.selection.exclusion import Excluded

TARGETS = ("balloon", "mushroom", "sailboat")
POSITIONS = {name: place for place, name in enumerate(TARGETS)}
KEY = "youtube:abcdefghijk"
VIDEO = VideoInfo(video_id="abcdefghijk", url="https://example.org/a", title="a title")


def matched(name: str, rank: int = 0) -> Match:
    return Match(target_id=name, names=(name,), title=None, query=None, rank=rank)


def row(name: str, reason: Reason | None = None, **changes: Any) -> Verdict:
    """A verdict for a class: a reason that rejects or fails, or none."""
    kept = reason is None
    facts = {"sha256": "aa", "bytes": 100, "duration": 10.0, "width": 4, "height": 3, "clips": 1}
    unknown = dict.fromkeys(("sha256", "bytes", "duration", "width", "height")) | {"clips": 0}
    return Verdict(
        video_key=KEY,
        video=VIDEO,
        target_id=name,
        wnid=None,
        matched_names=(name,),
        source="youtube",
        query=None,
        rank=0,
        outcome=Outcome.KEPT if reason is None else reason.outcome,
        reason=reason,
        error=None,
        attempts=1,
        **dict.fromkeys(("frames_scanned", "frames_matched", "first_match", "best_match")),
        **dict.fromkeys(("best_probability", "seen", "seen_frames", "seen_probability")),
        fps=25.0 if kept else None,
        codec="av1" if kept else None,
        classifier="cc",
        **{**(facts if kept else unknown), **changes},
    )


def said(place: int, *rows: Verdict) -> Said:
    candidate = Candidate(
        video_key=KEY,
        video=VIDEO,
        source="youtube",
        sha256=None,
        matches=tuple(matched(each.target_id) for each in rows),
    )
    return Said(place, candidate, rows)


def merged(*all_of_them: Said, **more: Any) -> MergedVideo:
    return merged_video(all_of_them, POSITIONS, **more)


def outcomes(video: MergedVideo) -> dict[str, str]:
    return {each.target_id: str(each.reason or each.outcome) for each in video.verdicts}


def test_its_labels_are_those_of_all_in_the_order_of_the_list():
    found = merged(said(0, row("sailboat")), said(1, row("balloon")))
    assert [each.target_id for each in found.verdicts] == ["balloon", "sailboat"]
    assert [each.target_id for each in found.candidate.matches] == ["balloon", "sailboat"]
    assert outcomes(found) == {"balloon": "kept", "sailboat": "kept"}
    assert sorted([found.taken_from, *found.same]) == [0, 1]
    assert found.other == ()


def test_for_a_class_the_verdict_that_keeps_it_counts_then_the_one_that_looked_at_it():
    found = merged(
        said(0, row("balloon", Reason.TIMEOUT), row("mushroom", Reason.TIMEOUT)),
        said(1, row("balloon"), row("mushroom", Reason.NO_TOP1_MATCH)),
    )
    assert outcomes(found) == {"balloon": "kept", "mushroom": "no_top1_match"}
    assert found.taken_from == 1


def test_of_other_contents_the_best_is_taken_and_all_verdicts_speak_of_it():
    small = said(0, row("balloon"), row("mushroom", Reason.NO_TOP1_MATCH))
    large = said(1, row("sailboat", sha256="bb", width=40, height=30, clips=3))
    found = merged(small, large)
    assert (found.taken_from, found.same, found.other) == (1, (), (0,))
    assert {(each.sha256, each.clips, each.width) for each in found.verdicts[::2]} == {
        ("bb", 3, 40)
    }
    assert found.verdicts[1].sha256 is None


@pytest.mark.parametrize("reason", [Reason.EXCLUDED, Reason.EVALUATION_DATA, Reason.WITHDRAWN])
def test_what_one_refuses_is_kept_for_no_class(reason: Reason):
    found = merged(said(0, row("balloon", reason)), said(1, row("balloon"), row("sailboat")))
    assert outcomes(found) == {"balloon": reason, "sailboat": reason}
    assert found.taken_from is None
    assert {each.clips for each in found.verdicts} == {0}


def test_what_is_withdrawn_or_listed_is_refused_whatever_verdicts_say():
    one = said(0, row("balloon"))
    assert outcomes(merged(one, is_withdrawn=True)) == {"balloon": "withdrawn"}
    listed = Excluded(ids=frozenset(["abcdefghijk"]))
    assert outcomes(merged(one, excluded=listed)) == {"balloon": "excluded"}
    assert outcomes(merged(one, excluded=Excluded())) == {"balloon": "kept"}


def test_labels_from_duplicates_stay_unless_it_was_kept_for_them_by_itself():
    inherited = (matched("mushroom", 3), matched("sailboat", 5))
    found = merged(said(0, row("balloon", inherited=inherited)), said(1, row("sailboat")))
    assert {each.inherited for each in found.verdicts} == {(matched("mushroom", 3),)}


ROWS = st.builds(
    lambda name, reason, content: row(name, reason) if reason else row(name, sha256=content),
    st.sampled_from(TARGETS),
    st.sampled_from([None, None, Reason.TIMEOUT, Reason.NO_TOP1_MATCH, Reason.EXCLUDED]),
    st.sampled_from(["aa", "bb"]),
)
SAID = st.lists(ROWS, min_size=1, max_size=3, unique_by=lambda each: each.target_id)


@given(st.lists(SAID, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_the_data_sets_makes_no_difference(
    rows: Sequence[Sequence[Verdict]], random: Any
):
    # In one data set, all that keeps a video speaks of one content.
    known = [said(place, *each) for place, each in enumerate(rows)]
    first = merged(*known)
    random.shuffle(known)
    again = merged(*known)
    assert (first.candidate, first.verdicts) == (again.candidate, again.verdicts)
    assert {each.target_id for each in first.verdicts} == {
        each.target_id for some in rows for each in some
    }
    kept = [each for each in first.verdicts if each.outcome is Outcome.KEPT]
    assert len({(each.sha256, each.clips) for each in kept}) <= 1
    assert bool(kept) == (first.taken_from is not None)


def test_a_folder_of_some_machine_decides_nothing():
    def found(*roots: str) -> Candidate:
        titled = zip(roots, ("b", "a"), strict=True)
        known = [
            each._replace(
                candidate=msgspec.structs.replace(
                    each.candidate, video=msgspec.structs.replace(VIDEO, root=root, title=title)
                )
            )
            for each, (root, title) in zip(
                [said(0, row("balloon", Reason.TIMEOUT)), said(1, row("sailboat", Reason.TIMEOUT))],
                titled,
                strict=True,
            )
        ]
        return merged(*known).candidate

    assert found("/a", "/b") == found("/b", "/a") == found("/c", "/c")
    assert found("/a", "/b").video.root is None
