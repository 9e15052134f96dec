"""video_record: small, checked, and merged without loss whichever state is met first."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.fetch import Cut, Fetch, Length, Part
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Probe, Scan
from videonet.schemas.video_info import Details
from videonet.schemas.video_record import (
    MOST_BYTES,
    Section,
    VideoRecord,
    fitted,
    merged,
    sections_of,
    updated,
)

KEY = "youtube:x"
PROBE = Probe(
    width=1920,
    height=1080,
    fps=29.97,
    codec="h264",
    pixel_format="yuv420p",
    rotation=90,
    container="mov,mp4,m4a,3gp,3g2,mj2",
    video_streams=1,
    audio_streams=1,
)
FETCH = Fetch(
    video_key=KEY,
    here=True,
    path=None,
    sha256="ab" * 32,
    bytes=3,
    mtime_ns=None,
    reason=None,
    error=None,
    declared_duration=12.5,
    licence="",
    attempts=1,
    run_id="0123456789abcdef0123456789abcdef",
    part=Part(spans=((0, 100), (200, 300)), sha256="cd" * 32, size=300, validator='"tag"'),
    refused=("example.org", "10.0.0.1"),
)
LENGTH = Length(
    video_key=KEY, sha256="ab" * 32, reason=None, error=None, numerator=1001, denominator=100
)
CUT = Cut(
    video_key=KEY,
    sha256="ab" * 32,
    reason=None,
    error=None,
    clips=4,
    frames=1000,
    first_durations=(40_000, 33_333, 40_000, 40_000),
    limits=DecodeLimits(),
    waiting_sha256="ef" * 32,
)


def scan_of(frames: int, seed: int = 0) -> Scan:
    """A scan of frames that have nothing in common: none is longer."""
    chance = random.Random(seed)
    return Scan(
        video_key=KEY,
        sha256="ab" * 32,
        reason=None,
        error=None,
        top1=tuple(chance.randrange(21_843) for _ in range(frames)),
        probability=tuple(round(chance.random(), 4) for _ in range(frames)),
        probe=PROBE,
        phash=tuple(f"{chance.getrandbits(64):016x}" for _ in range(4)),
        seconds=1.5,
        decoder="FFmpeg 8.0",
    )


def record_of(**sections: object) -> VideoRecord:
    return updated(VideoRecord(KEY), sections_of(**sections))  # type: ignore[arg-type]


WHOLE = record_of(fetch=FETCH, length=LENGTH, scans={"s": scan_of(100)}, cuts={"c": CUT})

texts = st.text(max_size=300)
fetches = st.builds(
    msgspec.structs.replace,
    st.just(FETCH),
    here=st.booleans(),
    error=st.none() | texts,
    attempts=st.integers(0, 5),
    reason=st.none() | st.sampled_from(Reason),
    part=st.sampled_from([None, FETCH.part]),
)
scans = st.builds(
    msgspec.structs.replace,
    st.builds(scan_of, st.integers(0, 300), st.integers(0, 3)),
    error=st.none() | texts,
    probe=st.sampled_from([None, PROBE]),
)
cuts = st.builds(
    msgspec.structs.replace,
    st.just(CUT),
    first_durations=st.lists(st.integers(0, 10**9), max_size=400).map(tuple),
    error=st.none() | texts,
)
keys = st.sampled_from("abcde")
states = st.lists(
    st.builds(
        sections_of,
        fetch=st.none() | fetches,
        length=st.none() | st.just(LENGTH),
        scans=st.dictionaries(keys, scans, max_size=2),
        cuts=st.dictionaries(keys, cuts, max_size=2),
    ),
    max_size=4,
)
records = states.map(
    lambda writes: [record := VideoRecord(KEY), *(record := updated(record, w) for w in writes)][-1]
)


def test_what_was_written_is_read_again():
    read = VideoRecord.decode(WHOLE.encode())
    assert read == WHOLE
    assert (read.fetch, read.length) == (FETCH, LENGTH)
    assert (read.scan("s"), read.cut("c")) == (scan_of(100), CUT)
    assert (read.scan("c"), read.cut("s")) == (None, None)


def test_a_video_of_which_nothing_is_known_has_no_sections():
    empty = VideoRecord.decode(VideoRecord(KEY).encode())
    assert empty == VideoRecord(KEY)
    assert (empty.fetch, empty.length, empty.scan("s"), empty.cut("c")) == (None,) * 4


@given(fetch=fetches, scan=scans, cut=cuts)
def test_no_field_is_lost(fetch: Fetch, scan: Scan, cut: Cut):
    record = record_of(fetch=fetch, scans={"s": scan}, cuts={"c": cut})
    read = VideoRecord.decode(record.encode())
    assert read is not None
    assert (read.fetch, read.scan("s"), read.cut("c")) == (fetch, scan, cut)


def test_probabilities_that_are_not_rounded_are_kept_as_they_are():
    odd = msgspec.structs.replace(scan_of(2), probability=(0.123456789, 1e-9))
    assert record_of(scans={"s": odd}).scan("s") == odd
    odd = msgspec.structs.replace(scan_of(2), top1=(1, 2, 3))
    assert record_of(scans={"s": odd}).scan("s") == odd


def test_the_usual_record_is_a_third_of_what_it_may_be():
    usual = msgspec.structs.replace(scan_of(100), top1=(3,) * 100)
    record = record_of(fetch=FETCH, length=LENGTH, scans={"s": usual}, cuts={"c": CUT})
    assert len(record.encode()) < MOST_BYTES / 2


@given(place=st.integers(0, len(WHOLE.encode()) - 1), byte=st.binary(min_size=1, max_size=1))
def test_an_altered_record_is_none(place: int, byte: bytes):
    data = WHOLE.encode()
    altered = data[:place] + byte + data[place + 1 :]
    assert altered == data or VideoRecord.decode(altered) is None


@given(length=st.integers(0, len(WHOLE.encode()) - 1), tail=st.binary(max_size=4))
def test_a_record_that_was_cut_short_is_none(length: int, tail: bytes):
    assert VideoRecord.decode(WHOLE.encode()[:length] + tail) in (None, WHOLE)


@pytest.mark.parametrize("data", [b"", b"null", b"\0" * 200, b"{}", FETCH.to_json()])
def test_what_is_no_record_is_none(data: bytes):
    assert VideoRecord.decode(data) is None


@pytest.mark.parametrize(
    "altered", [b'{"here":1}', b'{"there":true}', b"3", b'{"here":true,"reason":"boredom"}']
)
def test_a_section_of_another_version_counts_as_none_and_the_others_stay(altered: bytes):
    record = updated(WHOLE, {"fetch": altered})
    assert record.fetch is None
    assert record.length == LENGTH


def test_a_record_has_no_character_that_acts_on_a_terminal():
    hostile = record_of(fetch=msgspec.structs.replace(FETCH, error="\x1b[31m\u202e\x7f"))
    data = hostile.encode()
    assert data.isascii()
    assert not [byte for byte in data if byte < 32 or byte == 127]
    assert VideoRecord.decode(data) == hostile


# Size.


@given(record=records)
def test_a_record_is_never_larger_than_it_may_be(record: VideoRecord):
    small, beside = fitted(record)
    assert len(small.encode()) <= MOST_BYTES
    assert set(small.beside.values()) == set(beside)
    assert fitted(small) == (small, {})
    if len(record.encode()) <= MOST_BYTES:
        assert (small, beside) == (record, {})


def test_older_scans_and_cuts_give_way_and_the_newest_stay():
    record = record_of(fetch=FETCH, length=LENGTH)
    for number in range(20):
        record = updated(record, sections_of(scans={f"s{number}": scan_of(100, number)}))
        record = updated(record, sections_of(cuts={f"c{number}": CUT}))
        record, beside = fitted(record)
        assert not beside
    assert (record.fetch, record.length) == (FETCH, LENGTH)
    assert (record.scan("s19"), record.cut("c19")) == (scan_of(100, 19), CUT)
    assert record.scan("s18") == scan_of(100, 18)
    assert record.scan("s0") is None


def test_a_record_says_which_contents_were_looked_at():
    other, broken = scan_of(4, seed=1), scan_of(0, seed=2)
    scans = {
        "one": msgspec.structs.replace(other, sha256="ef" * 32),
        "two": scan_of(100),
        "three": msgspec.structs.replace(broken, sha256="01" * 32),
    }
    record = updated(VideoRecord(KEY), sections_of(fetch=FETCH, scans=scans))
    assert record.seen == {"ab" * 32, "ef" * 32}
    assert VideoRecord(KEY).seen == frozenset()


def test_the_scan_of_very_many_frames_lies_beside_its_record():
    record = record_of(fetch=FETCH, scans={"s": scan_of(5_000)})
    small, beside = fitted(record)
    (data,) = beside.values()
    assert small.scan("s") is None
    assert small.fetch == FETCH
    again = updated(small, {f"scan/{'s'}": data})
    assert again.scan("s") == scan_of(5_000)


# Two states as one.


@given(one=records, other=records, third=records)
def test_merging_needs_no_order(one: VideoRecord, other: VideoRecord, third: VideoRecord):
    assert merged(one, one) == one
    assert merged(one, other) == merged(other, one)
    assert merged(merged(one, other), third) == merged(one, merged(other, third))
    both = merged(one, other)
    assert merged(both, one) == merged(both, other) == both


@given(record=records, earlier=records, write=fetches)
def test_what_was_written_over_a_state_wins_over_that_state(
    record: VideoRecord, earlier: VideoRecord, write: Fetch
):
    state = merged(record, earlier)
    later = updated(state, sections_of(fetch=write))
    assert later.fetch == write
    assert merged(later, record) == merged(earlier, later) == later


@given(record=records, write=fetches)
def test_writing_the_same_again_changes_nothing(record: VideoRecord, write: Fetch):
    once = updated(record, sections_of(fetch=write))
    assert updated(once, sections_of(fetch=write)) is once


def test_of_two_fetches_that_did_not_know_of_each_other_one_that_has_the_file_stands():
    gone = msgspec.structs.replace(FETCH, here=False, reason=Reason.NETWORK, error="zzz")
    one, other = record_of(fetch=gone), record_of(fetch=FETCH)
    assert merged(one, other).fetch == merged(other, one).fetch == FETCH


def test_sections_that_two_processes_added_are_both_there():
    base = record_of(fetch=FETCH)
    one = updated(base, sections_of(scans={"s": scan_of(3)}))
    other = updated(base, sections_of(length=LENGTH))
    both = merged(one, other)
    assert (both.fetch, both.scan("s"), both.length) == (FETCH, scan_of(3), LENGTH)


def test_sections_are_numbered_as_they_are_written():
    record = updated(record_of(fetch=FETCH), sections_of(length=LENGTH))
    assert [record.sections[name].number for name in ("fetch", "length")] == [1, 2]
    assert isinstance(record.sections["fetch"], Section)


def test_what_a_page_says_lies_in_a_section_of_its_own():
    said = Details(description="x" * 1_000, tags=("swan",), asked="2026-01-01T00:00:00+00:00")
    fetch = msgspec.structs.replace(FETCH, page=said)
    sections = sections_of(fetch=fetch)
    assert sorted(sections) == ["fetch", "page"]
    record = updated(VideoRecord(FETCH.video_key), sections)
    assert record.fetch == fetch
    # What is written later says nothing of the page, or something else of the file.
    assert updated(record, sections_of(fetch=FETCH)).fetch == fetch
    read = VideoRecord.decode(record.encode())
    assert read is not None
    assert read.fetch == fetch
