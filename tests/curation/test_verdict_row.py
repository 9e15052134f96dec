"""The account of a pair: all that was seen, and no secret."""

from dataclasses import replace
from fractions import Fraction

import msgspec

from tests.curation.one_video import (
    CANDIDATE,
    CUT,
    FETCHED,
    MATCH,
    MEASURED,
    SCANNED,
    SEEN,
    TARGET,
    declared,
    failed_fetch,
    judged,
    scan_of,
    with_video,
)
from videonet.curation.verdict import (
    KEPT,
    Evidence,
    decision_for,
    matching_frames,
    seconds,
    verdict_row,
)
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.video_info import Details


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


def test_the_account_has_no_secret_of_an_address():
    said = with_video(url="https://me:secret@h/a?key=1&sig=b", title="see https://h/?auth=c")
    row = verdict_row(said, CANDIDATE.matches[0], TARGET, SEEN, KEPT, "f" * 64)
    assert row.video.url == "https://REDACTED@h/a?key=1&sig=REDACTED"
    assert row.video.title == "see https://h/?auth=REDACTED"
