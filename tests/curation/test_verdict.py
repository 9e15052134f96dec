"""verdict: one order of rules, and no reason that depends on chance."""

from dataclasses import replace
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curation.one_video import (
    CANDIDATE,
    CUT,
    FAILURES,
    FETCHED,
    MAX_BYTES,
    MEASURED,
    SCANNED,
    SEEN,
    TARGET,
    failed_fetch,
    failed_scan,
    judged,
    length_of,
    scan_of,
    with_video,
)
from videonet.curation.verdict import (
    KEPT,
    Decision,
    Evidence,
    Limits,
    decide,
    decision_for,
)
from videonet.fetch.limits import is_too_short
from videonet.schemas.candidate import Candidate
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Licence

# One rule at a time.


def without_licence(live_status: str | None = None) -> Candidate:
    return with_video(licence=None, live_status=live_status)


def page_said(licence: str | None = None, duration: float | None = None) -> Fetch:
    return msgspec.structs.replace(FETCHED, licence=licence, declared_duration=duration)


def judged_for_cc(candidate: Candidate, seen: Evidence) -> Decision | None:
    return decide(candidate, TARGET, seen, Limits(10, MAX_BYTES, Licence.CC))


OTHERWISE_LICENSED = Decision(Outcome.REJECTED, Reason.LICENCE)


ANY_LIMITS = Limits(min_seconds=10, max_bytes=2_000)
REDACTED = with_video(url="https://example.org/a?token=REDACTED")


def test_a_redacted_address_names_no_video_whatever_the_store_has_under_its_key():
    for one in (REDACTED, msgspec.structs.replace(REDACTED, sha256="ab")):
        for seen in (Evidence(), SEEN):
            decision = decide(one, TARGET, seen, ANY_LIMITS)
            assert decision is not None
            assert decision.reason is Reason.REDACTED
            assert "--source catalogue:FILE" in str(decision.error)
    withdrawn = decide(REDACTED, TARGET, replace(SEEN, withdrawn=True), ANY_LIMITS)
    assert withdrawn == decision_for(Reason.WITHDRAWN)
    local = with_video(url="a?token=REDACTED", root="/videos")
    assert decide(local, TARGET, SEEN, ANY_LIMITS) == KEPT


def test_a_source_that_states_another_licence_is_believed_where_one_is_asked_for():
    others = with_video(licence="All rights reserved")
    assert judged_for_cc(others, Evidence()) == OTHERWISE_LICENSED
    assert judged_for_cc(others, SEEN) == OTHERWISE_LICENSED
    assert judged_for_cc(CANDIDATE, Evidence()) is None
    assert judged_for_cc(CANDIDATE, SEEN) == KEPT
    assert decide(others, TARGET, SEEN, Limits(10, MAX_BYTES)) == KEPT


def test_where_the_source_states_no_licence_the_page_of_the_video_is_asked():
    unknown = without_licence()
    assert judged_for_cc(unknown, Evidence()) is None
    assert judged_for_cc(unknown, Evidence(page_said(None))) is None
    assert judged_for_cc(unknown, Evidence(page_said(""))) == OTHERWISE_LICENSED
    assert judged_for_cc(unknown, Evidence(page_said("Standard"))) == OTHERWISE_LICENSED
    assert judged_for_cc(unknown, Evidence(page_said("CC-BY-4.0"))) is None
    gone = failed_fetch(Reason.UNAVAILABLE)
    assert judged_for_cc(unknown, Evidence(gone)) == decision_for(Reason.UNAVAILABLE, "it broke")


def test_where_the_source_states_no_length_the_page_of_the_video_is_asked():
    short = Evidence(page_said(duration=8.0), SCANNED, MEASURED, CUT, whole=True)
    assert judged(short) == Decision(Outcome.REJECTED, Reason.TOO_SHORT)
    assert judged(short, duration=12.0) == KEPT


@pytest.mark.parametrize(
    ("live_status", "reason"), [("is_live", Reason.LIVE), ("is_upcoming", Reason.UPCOMING)]
)
def test_a_stream_that_has_not_ended_is_not_asked_for(live_status: str, reason: Reason):
    decision = decide(without_licence(live_status), TARGET, Evidence(), Limits(10, MAX_BYTES))
    assert decision is not None
    assert (decision.outcome, decision.reason) == (Outcome.FAILED, reason)
    # Once its frames have been seen it has ended, whatever was said before.
    assert decide(without_licence(live_status), TARGET, SEEN, Limits(10, MAX_BYTES)) == KEPT


@pytest.mark.parametrize("live_status", [None, "was_live", "not_live", "post_live"])
def test_what_is_no_stream_any_more_needs_to_be_looked_at(live_status: str | None):
    assert decide(without_licence(live_status), TARGET, Evidence(), Limits(10, MAX_BYTES)) is None


def test_a_file_above_the_size_limit_is_too_large_whatever_it_shows():
    large = msgspec.structs.replace(FETCHED, bytes=MAX_BYTES + 1)
    decision = judged(Evidence(fetch=large, scan=SCANNED, length=MEASURED, cut=CUT, whole=True))
    assert decision is not None
    assert (decision.outcome, decision.reason) == (Outcome.FAILED, Reason.TOO_LARGE)
    exact = msgspec.structs.replace(FETCHED, bytes=MAX_BYTES)
    assert judged(Evidence(fetch=exact, scan=SCANNED, length=MEASURED, cut=CUT, whole=True)) == KEPT


def test_a_video_that_matches_and_is_long_enough_is_kept():
    assert judged(SEEN) == KEPT == Decision(Outcome.KEPT)


def test_one_matching_frame_is_enough():
    assert judged(Evidence(FETCHED, scan_of(*[3] * 99, 152), MEASURED, CUT, whole=True)) == KEPT


@pytest.mark.parametrize(
    ("duration", "short"),
    [(None, False), (8.99, True), (9.0, False), (9.5, False), (10.0, False), (0.0, True)],
)
def test_a_declared_length_more_than_a_second_below_the_minimum_is_believed(duration, short):
    assert is_too_short(duration, 10) == short
    rejected = Decision(Outcome.REJECTED, Reason.TOO_SHORT)
    assert judged(Evidence(), duration) == (rejected if short else None)
    assert judged(SEEN, duration) == (rejected if short else KEPT)


def test_a_video_of_which_nothing_is_known_needs_to_be_looked_at():
    assert judged(Evidence()) is None
    assert judged(Evidence(fetch=FETCHED, whole=True)) is None
    assert judged(Evidence(fetch=FETCHED, scan=SCANNED, whole=True)) is None
    assert judged(Evidence(FETCHED, SCANNED, MEASURED, whole=True)) is None


@pytest.mark.parametrize("reason", FAILURES)
def test_a_video_that_cannot_be_fetched_has_failed_with_that_reason(reason):
    decision = judged(Evidence(fetch=failed_fetch(reason)))
    assert decision == Decision(Outcome.FAILED, reason, "it broke")


@pytest.mark.parametrize("reason", [Reason.NOT_A_VIDEO, Reason.UNDECODABLE])
def test_a_video_whose_first_frames_cannot_be_had_has_failed(reason):
    decision = judged(Evidence(FETCHED, failed_scan(reason), MEASURED, CUT, whole=True))
    assert decision == Decision(Outcome.FAILED, reason, "bad frame")


def test_a_video_in_which_no_frame_shows_the_class_is_rejected():
    decision = judged(Evidence(FETCHED, scan_of(3, 150, 153), MEASURED, CUT, whole=True))
    assert decision == Decision(Outcome.REJECTED, Reason.NO_TOP1_MATCH)


@pytest.mark.parametrize("reason", FAILURES)
def test_a_matching_video_of_which_the_rest_cannot_be_fetched_has_failed(reason):
    decision = judged(Evidence(fetch=failed_fetch(reason), scan=SCANNED))
    assert decision == Decision(Outcome.FAILED, reason, "it broke")


def test_a_matching_video_whose_bytes_are_gone_needs_to_be_fetched_again():
    released = msgspec.structs.replace(FETCHED, here=False)
    assert judged(Evidence(fetch=released, scan=SCANNED, length=MEASURED)) is None


def test_a_matching_video_that_cannot_be_measured_has_failed():
    length = msgspec.structs.replace(MEASURED, reason=Reason.UNDECODABLE, error="no packets")
    decision = judged(Evidence(FETCHED, SCANNED, length, CUT, whole=True))
    assert decision == Decision(Outcome.FAILED, Reason.UNDECODABLE, "no packets")


def test_a_video_under_ten_seconds_is_rejected():
    short = length_of(Fraction(10) - Fraction(1, 90_000))
    decision = judged(Evidence(FETCHED, SCANNED, short, CUT, whole=True))
    assert decision == Decision(Outcome.REJECTED, Reason.TOO_SHORT)


def test_a_video_of_exactly_ten_seconds_is_kept():
    assert judged(Evidence(FETCHED, SCANNED, length_of(Fraction(10)), CUT, whole=True)) == KEPT


@given(st.integers(0, 100_000))
def test_a_video_of_exactly_the_minimum_is_kept_whatever_the_minimum(hundredths):
    """2.56 as a float is a little more than 2.56, and 1.1 and 9.99 are too."""
    exact = Evidence(FETCHED, SCANNED, length_of(Fraction(hundredths, 100)), CUT, whole=True)
    assert judged(exact, minimum=hundredths / 100) == KEPT
    below = Fraction(hundredths, 100) - Fraction(1, 1_000_000)
    short = Evidence(FETCHED, SCANNED, length_of(below), CUT, whole=True)
    assert judged(short, minimum=hundredths / 100) == decision_for(Reason.TOO_SHORT)


# All rules together.

fetches = st.none() | st.sampled_from([FETCHED, *map(failed_fetch, FAILURES)])
scans = st.sampled_from(
    [None, scan_of(151), scan_of(3), failed_scan(Reason.UNDECODABLE), failed_scan(Reason.INTERNAL)]
)
lengths = st.sampled_from(
    [
        None,
        length_of(Fraction(11)),
        length_of(Fraction(9)),
        msgspec.structs.replace(MEASURED, reason=Reason.UNDECODABLE, error="no packets"),
    ]
)
durations = st.sampled_from([None, 3.0, 9.5, 12.0])


@given(duration=st.just(3.0), seens=st.tuples(*[st.builds(Evidence, fetches, scans, lengths)] * 2))
def test_what_the_source_declares_decides_whatever_is_seen(duration, seens):
    assert {judged(each, duration) for each in seens} == {decision_for(Reason.TOO_SHORT)}


@given(scans.filter(lambda scan: scan and scan.reason), fetches, lengths, st.booleans(), durations)
def test_frames_that_cannot_be_had_decide_whatever_comes_later(
    scan, fetch, length, whole, duration
):
    decision = judged(Evidence(fetch, scan, length, CUT, whole), duration)
    declared_first = duration == 3.0
    assert decision.reason is (Reason.TOO_SHORT if declared_first else scan.reason)


@given(fetches, lengths, st.booleans())
def test_frames_that_do_not_match_decide_whatever_may_be_wrong_with_the_rest(fetch, length, whole):
    seen = Evidence(fetch, scan_of(3, 4), length, CUT, whole)
    assert judged(seen) == decision_for(Reason.NO_TOP1_MATCH)


@given(st.sampled_from(FAILURES), st.booleans())
def test_a_fetch_that_failed_counts_for_nothing_once_the_whole_is_here(reason, short):
    length = length_of(Fraction(9 if short else 11))
    decision = judged(Evidence(failed_fetch(reason), SCANNED, length, CUT, whole=True))
    assert decision == (decision_for(Reason.TOO_SHORT) if short else KEPT)


@given(
    duration=durations,
    fetch=fetches.filter(lambda fetch: fetch is not None),
    scan=scans.filter(lambda scan: scan is not None),
    length=lengths.filter(lambda length: length is not None),
)
def test_a_decision_stays_when_more_is_seen(duration, fetch, scan, length):
    """Steps see more and more of a video: its fetch, its frames, its length."""
    whole = fetch.reason is None
    stages = [Evidence(), Evidence(fetch, whole=whole)]
    if whole:
        stages += [
            Evidence(fetch, scan, whole=True),
            Evidence(fetch, scan, length, CUT, whole=True),
        ]
    decisions = [judged(seen, duration) for seen in stages]
    first = next(each for each in decisions if each is not None)
    assert all(each == first for each in decisions[decisions.index(first) :])
    assert decisions[-1] is not None


@given(fetch=fetches, scan=scans, length=lengths, whole=st.booleans(), duration=durations)
def test_only_a_matching_long_and_whole_video_is_kept(fetch, scan, length, whole, duration):
    kept = judged(Evidence(fetch, scan, length, CUT, whole), duration) == KEPT
    assert kept == (
        duration != 3.0 and scan == scan_of(151) and length == length_of(Fraction(11)) and whole
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_outcome(reason):
    rejections = {Reason.TOO_SHORT, Reason.NO_TOP1_MATCH, Reason.LICENCE, Reason.WITHDRAWN}
    rejections |= {Reason.WEAK_MATCH, Reason.NOT_SELECTED}
    rejections |= {Reason.EXCLUDED, Reason.EVALUATION_DATA}
    rejections |= {Reason.STILL, Reason.CUTS}
    rejections.add(Reason.DUPLICATE)
    outcome = Outcome.REJECTED if reason in rejections else Outcome.FAILED
    assert decision_for(reason, "text") == Decision(outcome, reason, "text")
