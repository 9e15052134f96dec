"""Candidates come with what is known of them, in bounded memory, and with few reads."""

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from apache_beam.coders import FastPrimitivesCoder
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fetch.visiting import candidate
from tests.schemas.test_video_record import CUT, FETCH, LENGTH, scan_of
from tests.storage.counting import CountingObjects
from videonet.curation import listed
from videonet.curation.listed import (
    Listed,
    belongs_to,
    bits_for,
    in_parts,
    part_of,
    with_known,
)
from videonet.schemas.candidate import Candidate
from videonet.schemas.run import Part
from videonet.schemas.video_record import MOST_BYTES, VideoRecord, sections_of
from videonet.storage.packing import pack
from videonet.storage.store import RecordState, Store

VIDEOS = 400


def video(number: int) -> Candidate:
    one = candidate(f"https://host-{number % 7}.example.org/{number}")
    return msgspec.structs.replace(one, video_key=f"youtube:{number}")


def fetched(number: int) -> dict[str, bytes]:
    return sections_of(fetch=msgspec.structs.replace(FETCH, video_key=f"youtube:{number}"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One that knows every second video: a half of them packed, some in both forms."""
    store = Store(tmp_path / "store")
    store.prepare()
    for number in range(0, VIDEOS, 4):
        store.write_record(store.record(f"youtube:{number}"), fetched(number))
    pack(store)
    for number in range(2, VIDEOS, 4):
        store.write_record(store.record(f"youtube:{number}"), fetched(number))
    for number in range(0, VIDEOS, 40):
        length = msgspec.structs.replace(LENGTH, video_key=f"youtube:{number}")
        store.write_record(store.record(f"youtube:{number}"), sections_of(length=length))
    return store


def all_of(store: Store, candidates: list[Candidate]) -> Iterator[Listed]:
    for part, own in in_parts(store, iter(candidates), len(candidates)):
        yield from with_known(store, part, own)


@pytest.mark.parametrize("part", [10, 100, 20_000])
def test_each_candidate_comes_once_with_what_is_known_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, part: int
):
    monkeypatch.setattr(listed, "_PART", part)
    candidates = [video(number) for number in range(VIDEOS)]
    found = {each.candidate.video_key: each for each in all_of(store, candidates)}
    assert len(found) == VIDEOS
    for one in candidates:
        candidate, known, _ = found[one.video_key]
        assert candidate == one
        assert known is not None
        assert known._replace(packed="") == store.record(one.video_key)
    assert not list((store.root / "tmp").glob("[!.]*"))


def test_what_is_known_of_all_is_read_at_once(store: Store):
    objects = CountingObjects(store.root)
    counted = Store(store.root, objects)
    known = [each.known for each in all_of(counted, [video(number) for number in range(VIDEOS)])]
    assert sum(bool(each and each.record.sections) for each in known) == VIDEOS // 2
    # Those that are loose; and the tables.
    assert objects.calls["read", "record"] == VIDEOS // 4 + VIDEOS // 40
    assert objects.calls["read", "records"] <= 4


def test_of_what_is_not_asked_for_nothing_is_read(store: Store):
    objects = CountingObjects(store.root)
    list(all_of(Store(store.root, objects), [video(number) for number in range(1, VIDEOS, 2)]))
    assert objects.calls["read", "record"] == 0


def test_an_interrupted_reading_leaves_no_files(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listed, "_PART", 10)
    reading = in_parts(store, (video(number) for number in range(VIDEOS)), VIDEOS)
    next(reading)
    assert list((store.root / "tmp").glob("[!.]*"))
    reading.close()
    assert not list((store.root / "tmp").glob("[!.]*"))


def test_a_list_is_divided_so_that_each_part_fits_into_memory():
    assert [bits_for(number) for number in (0, 1, 20_000, 20_001, 40_000, 100_000)] == [
        *(0, 0, 0, 1, 1, 3)
    ]
    # A file for each part is open at once.
    assert bits_for(10**12) == 8


def test_a_part_is_named_by_the_bits_of_digests(store: Store):
    parts = Counter(part_of(store, video(number), 3) for number in range(VIDEOS))
    assert sorted(parts) == [f"{value:03b}" for value in range(8)]
    assert part_of(store, video(0), 0) == ""


def test_hosts_are_asked_in_turn(store: Store):
    """Candidates that a source lists host by host do not come host by host."""
    by_host = sorted((video(number) for number in range(VIDEOS)), key=lambda one: one.video.url)
    hosts = [each.candidate.video.url.split("/")[2] for each in all_of(store, by_host)]
    assert all(len(set(hosts[at : at + 40])) == 7 for at in range(0, VIDEOS, 40))


@pytest.mark.parametrize("frames", [100, 2_000])
def test_no_element_is_larger_than_a_record_beside_its_candidate(store: Store, frames: int):
    one = video(1)
    whole = {"fetch": FETCH, "length": LENGTH, "cuts": {"c": CUT}}
    state = store.record(one.video_key)
    for seed in range(8):
        state = store.write_record(
            state, sections_of(**whole, scans={f"s{seed}": scan_of(frames, seed)})
        )
    coder = FastPrimitivesCoder()
    element = coder.encode(Listed(one, state))
    assert len(element) <= len(coder.encode(one)) + MOST_BYTES + 300
    assert coder.decode(element) == Listed(one, state)
    nothing = RecordState(VideoRecord(one.video_key), None)
    assert len(coder.encode(Listed(one, nothing))) < 1_200


@pytest.mark.slow
def test_memory_does_not_grow_with_the_list(tmp_path: Path):
    store = Store(tmp_path / "store")
    store.prepare()

    def peak(candidates: int) -> int:
        tracemalloc.start()
        reading = in_parts(store, (video(number) for number in range(candidates)), candidates)
        number = sum(1 for part, own in reading for _ in with_known(store, part, own))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert number == candidates
        return peak

    # The shorter list has the larger parts.
    assert peak(100_000) < peak(40_000)


@given(of=st.integers(1, 40))
@example(of=1)
@example(of=3)
@example(of=32)
def test_each_candidate_is_in_one_part_of_a_list_and_comes_with_what_is_known(of: int):
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.prepare()
        candidates = [video(number) for number in range(60)]
        seen: list[str] = []
        for index in range(1, of + 1):
            own = Part(index=index, of=of)
            theirs = [each for each in candidates if belongs_to(own, store, each)]
            for bits, some in in_parts(store, theirs, len(candidates), own):
                for listed in with_known(store, bits, some):
                    assert part_of(store, listed.candidate, len(bits)) == bits
                    seen.append(listed.candidate.video_key)
        assert sorted(seen) == sorted(each.video_key for each in candidates)


def test_a_part_of_a_list_reads_few_packed_tables(tmp_path: Path):
    store = Store(tmp_path)
    own = Part(index=5, of=8)
    bits = [bits for bits, _ in in_parts(store, [], 5_000_000, own)]
    # Of the 256 that all of the list is read in.
    assert bits == [f"{value:08b}" for value in range(128, 160)]
    # And where parts are finer than these: its own, and what it shares with its neighbours.
    bits = [bits for bits, _ in in_parts(store, [], 5_000_000, Part(index=500, of=1000))]
    assert len(bits) <= 6
