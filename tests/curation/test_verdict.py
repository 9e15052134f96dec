"""verdict: one order of rules, and no reason that depends on chance."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

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
    matching_frames,
    seconds,
    verdict_row,
)
from videonet.fetch.limits import is_too_short
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.scan import Probe, Scan
from videonet.schemas.settings import Licence
from videonet.schemas.target import Target
from videonet.schemas.video_info import Details, VideoInfo

MATCH = Match(target_id="dog.n.01", names=("dog", "dogs"), title=None, query="dog", rank=7)
CANDIDATE = Candidate(
    video_key="youtube:x",
    video=VideoInfo(
        video_id="x",
        url="https://example.org/x",
        root=None,
        title="Two dogs",
        duration=None,
        channel="Paper Cut Films",
        licence="CC-BY-4.0",
        live_status=None,
    ),
    source="catalogue",
    sha256=None,
    matches=(MATCH,),
)
TARGET = Target(
    target_id="dog.n.01",
    name="dog",
    synonyms=("domestic dog",),
    wnid="n02084071",
    outputs=(151, 152),
    senses=(),
)
PROBE = Probe(
    width=640,
    height=361,
    fps=29.97,
    codec="h264",
    pixel_format="yuv444p",
    rotation=0,
    container="mov",
    video_streams=1,
    audio_streams=1,
)
FETCHED = Fetch(
    video_key="youtube:x",
    here=True,
    path=None,
    sha256="ab",
    bytes=1234,
    mtime_ns=None,
    reason=None,
    error=None,
    declared_duration=None,
    licence=None,
    attempts=2,
    run_id="run",
)
SCANNED = Scan(
    video_key="youtube:x",
    sha256="ab",
    reason=None,
    error=None,
    top1=(3, 151, 3, 152, 151),
    probability=(0.99, 0.5, 0.98, 0.75, 0.25),
    probe=PROBE,
    phash=(),
    seconds=1.0,
)
MEASURED = Length(
    video_key="youtube:x", sha256="ab", reason=None, error=None, numerator=1001, denominator=100
)
CUT = Cut(video_key="youtube:x", sha256="ab", reason=None, error=None, clips=1)
SEEN = Evidence(FETCHED, SCANNED, MEASURED, CUT, whole=True)

FAILURES = [reason for reason in Reason if decision_for(reason).outcome is Outcome.FAILED]


def with_video(**changes: Any) -> Candidate:
    """The candidate of whose video the source says something else."""
    video = msgspec.structs.replace(CANDIDATE.video, **changes)
    return msgspec.structs.replace(CANDIDATE, video=video)


def declared(duration: float | None) -> Candidate:
    return with_video(duration=duration)


def failed_fetch(reason: Reason) -> Fetch:
    return msgspec.structs.replace(FETCHED, here=False, reason=reason, error="it broke")


def scan_of(*top1: int) -> Scan:
    return msgspec.structs.replace(SCANNED, top1=top1, probability=(0.5,) * len(top1))


def failed_scan(reason: Reason) -> Scan:
    return msgspec.structs.replace(
        SCANNED, top1=(), probability=(), probe=None, reason=reason, error="bad frame"
    )


def length_of(length: Fraction) -> Length:
    return msgspec.structs.replace(
        MEASURED, numerator=length.numerator, denominator=length.denominator
    )


MAX_BYTES = 5000


def judged(seen: Evidence, duration: float | None = None, minimum: float = 10) -> Decision | None:
    return decide(declared(duration), TARGET, seen, Limits(minimum, MAX_BYTES))


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


def test_the_account_has_no_secret_of_an_address():
    said = with_video(url="https://me:secret@h/a?key=1&sig=b", title="see https://h/?auth=c")
    row = verdict_row(said, CANDIDATE.matches[0], TARGET, SEEN, KEPT, "f" * 64)
    assert row.video.url == "https://REDACTED@h/a?key=1&sig=REDACTED"
    assert row.video.title == "see https://h/?auth=REDACTED"


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


# The account.


def test_matching_frames_are_those_whose_class_the_target_accepts():
    assert matching_frames(SCANNED, TARGET) == [1, 3, 4]
    assert matching_frames(scan_of(), TARGET) == []


def test_a_length_is_exact():
    assert seconds(MEASURED) == Fraction(1001, 100)


def test_the_account_says_all_that_was_seen():
    verdict = verdict_row(declared(12.0), MATCH, TARGET, SEEN, KEPT, "c1a551f1e4")
    assert msgspec.json.decode(verdict.to_json()) == {
        "video_id": "x",
        "video_key": "youtube:x",
        "target_id": "dog.n.01",
        "wnid": "n02084071",
        "url": "https://example.org/x",
        "title": "Two dogs",
        "matched_names": ["dog", "dogs"],
        "source": "catalogue",
        "query": "dog",
        "rank": 7,
        "channel": "Paper Cut Films",
        "licence": "CC-BY-4.0",
        "declared_duration": 12.0,
        "outcome": "kept",
        "reason": None,
        "error": None,
        "attempts": 2,
        "frames_scanned": 5,
        "frames_matched": 3,
        "first_match": 1,
        "best_match": 3,
        "best_probability": 0.75,
        "seen": 3,
        "seen_frames": 2,
        "seen_probability": 0.99,
        "duration": 10.01,
        "width": 640,
        "height": 361,
        "fps": 29.97,
        "codec": "h264",
        "bytes": 1234,
        "sha256": "ab",
        "clips": 1,
        "classifier": "c1a551f1e4",
        "duplicate_of": None,
        "inherited": None,
    }


def test_the_account_of_a_video_that_was_never_seen_has_no_numbers():
    decision = decision_for(Reason.TOO_SHORT)
    verdict = verdict_row(declared(3.0), MATCH, TARGET, Evidence(), decision, "c")
    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, Reason.TOO_SHORT)
    assert verdict.attempts == verdict.clips == 0
    unknown = (
        *("frames_scanned", "frames_matched", "first_match", "best_match", "best_probability"),
        *("seen", "seen_frames", "seen_probability", "duration"),
        *("width", "height", "fps", "codec", "bytes", "sha256", "error"),
    )
    assert {name: getattr(verdict, name) for name in unknown} == dict.fromkeys(unknown)


def test_the_account_of_a_failure_has_its_text():
    decision = decision_for(Reason.NETWORK, "connection reset")
    seen = Evidence(fetch=failed_fetch(Reason.NETWORK))
    verdict = verdict_row(CANDIDATE, MATCH, TARGET, seen, decision, "c")
    assert (verdict.outcome, verdict.error) == (Outcome.FAILED, "connection reset")
    assert verdict.attempts == 2


def test_the_account_of_frames_that_do_not_match_names_none():
    seen = Evidence(FETCHED, scan_of(3, 4), whole=True)
    verdict = verdict_row(CANDIDATE, MATCH, TARGET, seen, decision_for(Reason.NO_TOP1_MATCH), "c")
    assert (verdict.frames_scanned, verdict.frames_matched) == (2, 0)
    assert verdict.first_match is verdict.best_probability is verdict.duration is None


def test_a_length_that_could_not_be_measured_is_not_in_the_account():
    length = msgspec.structs.replace(MEASURED, reason=Reason.UNDECODABLE, error="no packets")
    seen = Evidence(FETCHED, SCANNED, length, CUT, whole=True)
    verdict = verdict_row(CANDIDATE, MATCH, TARGET, seen, judged(seen), "c")
    assert verdict.duration is None
    assert verdict.reason is Reason.UNDECODABLE


PAGE = Details(
    upload_date="20240501",
    description="see https://h/?auth=c",
    tags=("a", "b"),
    asked="2026-01-01T00:00:00+00:00",
)


def test_what_the_source_does_not_say_of_a_video_its_page_says():
    said = with_video(tags=("ours",), language="en")
    fetched = msgspec.structs.replace(FETCHED, page=PAGE)
    row = verdict_row(said, MATCH, TARGET, replace(SEEN, fetch=fetched), KEPT, "c").video
    assert (row.upload_date, row.tags, row.language) == ("20240501", ("ours",), "en")
    assert row.description == "see https://h/?auth=REDACTED"
    # The clock would make two runs that see the same differ.
    assert row.asked is None


def test_a_row_of_the_account_is_small_however_much_is_said():
    long = msgspec.structs.replace(PAGE, description="🦢" * 1_000, tags=("t" * 100,) * 5)
    fetched = msgspec.structs.replace(FETCHED, page=long)
    row = verdict_row(CANDIDATE, MATCH, TARGET, replace(SEEN, fetch=fetched), KEPT, "c" * 64)
    assert len(msgspec.json.encode(row)) < 4_000
    assert row.video.description is not None
    assert set(row.video.description) == {"🦢"}
