"""verdict: videos that a lock file asks for, and videos that were withdrawn."""

import dataclasses
import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.curation.verdict import (
    KEPT,
    Decision,
    Evidence,
    Limits,
    decide,
    decision_for,
    verdict_row,
)
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.scan import Scan
from videonet.schemas.settings import Licence
from videonet.schemas.target import Target
from videonet.schemas.video_info import VideoInfo

LOCKED, OTHER = "a" * 64, "b" * 64

TARGETS = [
    Target(target_id=name, name=name, synonyms=(), wnid=None, outputs=(output,), senses=())
    for output, name in enumerate(("cat", "dog"))
]
FOUND = Candidate(
    video_key="youtube:x",
    video=VideoInfo(
        video_id="x",
        url="https://example.org/x",
        root=None,
        title="A cat and a dog",
        duration=12.0,
        channel=None,
        licence="all rights reserved",
        live_status="is_live",
    ),
    source="youtube",
    sha256=None,
    matches=tuple(
        Match(target_id=each.target_id, names=(each.name,), title=None, query=None, rank=0)
        for each in TARGETS
    ),
)
CANDIDATE = msgspec.structs.replace(FOUND, sha256=LOCKED)
FETCHED = Fetch(
    video_key="youtube:x",
    here=True,
    path=None,
    sha256=LOCKED,
    bytes=1234,
    mtime_ns=None,
    reason=None,
    error=None,
    declared_duration=None,
    licence=None,
    attempts=1,
    run_id="run",
)
# It shows neither a cat nor a dog.
SCANNED = Scan(
    video_key="youtube:x",
    sha256=LOCKED,
    reason=None,
    error=None,
    top1=(7, 7),
    probability=(0.5, 0.75),
    probe=None,
    phash=(),
    seconds=1.0,
)
MEASURED = Length(
    video_key="youtube:x", sha256=LOCKED, reason=None, error=None, numerator=12, denominator=1
)
CUT = Cut(video_key="youtube:x", sha256=LOCKED, reason=None, error=None, clips=1)
LIMITS = Limits(10, 5000)


def failed_fetch(reason: Reason, sha256: str | None = None) -> Fetch:
    return msgspec.structs.replace(
        FETCHED, here=False, sha256=sha256, reason=reason, error="it broke"
    )


def judged(seen: Evidence, limits: Limits = LIMITS) -> Decision | None:
    decisions = {decide(CANDIDATE, target, seen, limits) for target in TARGETS}
    (decision,) = decisions
    return decision


# Locked content.


def test_a_locked_video_that_is_here_and_cut_is_kept_without_a_scan():
    assert judged(Evidence(FETCHED, None, MEASURED, CUT, whole=True)) == KEPT


def test_a_locked_video_is_open_until_it_is_fetched_measured_and_cut():
    assert judged(Evidence()) is None
    assert judged(Evidence(FETCHED, whole=True)) is None
    assert judged(Evidence(FETCHED, None, MEASURED, whole=True)) is None


def test_a_locked_video_whose_bytes_were_deleted_is_fetched_again():
    gone = msgspec.structs.replace(FETCHED, here=False)
    assert judged(Evidence(gone, None, MEASURED)) is None


@pytest.mark.parametrize("whole", [True, False])
def test_a_locked_video_with_other_bytes_has_changed_and_the_error_names_both(whole: bool):
    other = msgspec.structs.replace(FETCHED, sha256=OTHER)
    decision = judged(Evidence(other, None, MEASURED, CUT, whole=whole, current=True))
    assert decision is not None
    assert (decision.outcome, decision.reason) == (Outcome.FAILED, Reason.CHANGED)
    assert OTHER[:12] in (decision.error or "")
    assert LOCKED[:12] in (decision.error or "")


def test_that_it_was_another_one_long_ago_says_nothing_of_today():
    other = msgspec.structs.replace(FETCHED, here=False, sha256=OTHER)
    assert judged(Evidence(other, None, MEASURED)) is None
    gone = failed_fetch(Reason.UNAVAILABLE, OTHER)
    assert judged(Evidence(gone, None, MEASURED)) == decision_for(Reason.UNAVAILABLE, "it broke")


@pytest.mark.parametrize(
    "reason", [Reason.UNAVAILABLE, Reason.PRIVATE, Reason.RATE_LIMITED, Reason.TOO_LARGE]
)
def test_a_locked_video_that_cannot_be_fetched_fails_for_that_reason(reason: Reason):
    assert judged(Evidence(failed_fetch(reason))) == decision_for(reason, "it broke")
    assert judged(Evidence(failed_fetch(reason, LOCKED), None, MEASURED)) == decision_for(
        reason, "it broke"
    )


def test_clips_of_the_locked_content_are_enough_where_its_file_cannot_be_fetched_again():
    seen = Evidence(failed_fetch(Reason.UNAVAILABLE, LOCKED), None, MEASURED, CUT, whole=True)
    assert judged(seen) == KEPT


def test_what_was_judged_elsewhere_is_not_judged_again():
    # No class, too short, too large, not Creative Commons, and a stream, says the source.
    short = msgspec.structs.replace(MEASURED, numerator=3)
    seen = Evidence(FETCHED, SCANNED, short, CUT, whole=True)
    strict = Limits(min_seconds=10, max_bytes=1000, licence=Licence.CC)
    assert judged(seen, strict) == KEPT


def test_a_locked_video_that_cannot_be_measured_or_cut_here_fails_with_that_text():
    unmeasured = msgspec.structs.replace(MEASURED, reason=Reason.UNDECODABLE, error="no packet")
    broken = decision_for(Reason.UNDECODABLE, "no packet")
    assert judged(Evidence(FETCHED, None, unmeasured, None, whole=True)) == broken
    uncut = msgspec.structs.replace(CUT, reason=Reason.UNDECODABLE, error="bad frame")
    broken = decision_for(Reason.UNDECODABLE, "bad frame")
    assert judged(Evidence(FETCHED, None, MEASURED, uncut, whole=True)) == broken


fetches = st.one_of(
    st.none(),
    st.sampled_from(
        [
            FETCHED,
            msgspec.structs.replace(FETCHED, here=False),
            msgspec.structs.replace(FETCHED, sha256=OTHER),
            failed_fetch(Reason.UNAVAILABLE),
            failed_fetch(Reason.NETWORK, LOCKED),
            failed_fetch(Reason.NETWORK, OTHER),
        ]
    ),
)
sights = st.builds(
    Evidence,
    fetch=fetches,
    length=st.sampled_from([None, MEASURED]),
    cut=st.sampled_from([None, CUT]),
    whole=st.booleans(),
    current=st.booleans(),
    # Of a whole file, the content is known.
).filter(lambda seen: not seen.whole or (seen.fetch is not None and seen.fetch.sha256 is not None))


@given(sights)
def test_a_scan_has_no_say_in_what_becomes_of_a_locked_video(seen: Evidence):
    scanned = dataclasses.replace(seen, scan=SCANNED)
    assert judged(scanned) == judged(seen)


@given(sights)
def test_only_the_locked_content_is_ever_kept(seen: Evidence):
    if judged(seen) == KEPT:
        assert seen.whole
        assert seen.fetch is not None
        assert seen.fetch.sha256 == LOCKED


def test_the_verdict_on_a_locked_video_counts_its_clips_and_says_nothing_of_frames():
    seen = Evidence(FETCHED, None, MEASURED, CUT, whole=True)
    row = verdict_row(CANDIDATE, CANDIDATE.matches[0], TARGETS[0], seen, KEPT, "0" * 64)
    assert (row.outcome, row.clips, row.sha256, row.duration) == (Outcome.KEPT, 1, LOCKED, 12.0)
    assert (row.frames_scanned, row.first_match, row.seen) == (None, None, None)


# Withdrawn.

EVERYTHING = list(
    itertools.product(
        (FOUND, CANDIDATE),
        (
            Evidence(),
            Evidence(failed_fetch(Reason.NETWORK)),
            Evidence(msgspec.structs.replace(FETCHED, sha256=OTHER), whole=True),
            Evidence(FETCHED, SCANNED, MEASURED, CUT, whole=True),
        ),
    )
)


@pytest.mark.parametrize(("candidate", "seen"), EVERYTHING)
def test_a_withdrawn_video_is_rejected_whatever_else_is_known(candidate: Candidate, seen: Evidence):
    withdrawn = Evidence(
        seen.fetch, seen.scan, seen.length, seen.cut, whole=seen.whole, withdrawn=True
    )
    for target in TARGETS:
        decision = decide(candidate, target, withdrawn, LIMITS)
        assert decision == Decision(Outcome.REJECTED, Reason.WITHDRAWN)


def test_a_withdrawn_video_has_no_clips_in_its_verdict():
    seen = Evidence(FETCHED, SCANNED, MEASURED, CUT, whole=True, withdrawn=True)
    decision = decision_for(Reason.WITHDRAWN)
    assert verdict_row(FOUND, FOUND.matches[0], TARGETS[0], seen, decision, "0" * 64).clips == 0
