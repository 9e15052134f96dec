"""What a store has of videos is the same for its readers before and after it is packed."""

import hashlib
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests.storage.counting import CountingObjects
from tests.storage.record_story import shards_in, words, write
from tests.storage.servers import Server
from videonet.curation.listed import with_known
from videonet.errors import UsageError
from videonet.schemas.candidate import Candidate
from videonet.schemas.fetch import Length
from videonet.schemas.video_info import VideoInfo
from videonet.schemas.video_record import sections_of
from videonet.storage.compaction import compact, withdraw
from videonet.storage.lease import held_lease
from videonet.storage.objects import Objects
from videonet.storage.packing import pack, pack_if_possible, withdraw_packed
from videonet.storage.store import RecordState, Store

KEYS = [f"url:{number}" for number in range(30)]


def length_of(video_key: str, numerator: int = 10) -> Length:
    return Length(
        video_key=video_key,
        sha256="0" * 64,
        reason=None,
        error=None,
        numerator=numerator,
        denominator=1,
    )


def measure(store: Store, video_key: str, numerator: int = 10) -> None:
    length = length_of(video_key, numerator)
    store.write_record(store.record(video_key), sections_of(length=length))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    for key in KEYS:
        measure(store, key)
        store.write_thumbnail(key, key.encode())
        store.write_address(key, f"https://example.org/{key}?token=secret")
    return store


def files_below(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


def test_a_packed_store_has_few_files_and_says_the_same(store: Store):
    assert pack(store) == 3 * len(KEYS)
    for kind in ("record", "side/thumbnail", "address"):
        assert files_below(store.root / kind) == []
    for kind in ("records", "side/thumbnails", "addresses"):
        assert len(files_below(store.root / kind)) == 2
    again = Store(store.root)
    for key in KEYS:
        assert again.record(key).record.length == length_of(key)
        assert again.thumbnail(key) == key.encode()
        assert again.address(key) == f"https://example.org/{key}?token=secret"
    assert again.is_there()
    assert pack(again) == 0


def test_what_is_written_over_a_packed_record_counts(store: Store):
    pack(store)
    measure(store, KEYS[0], 20)
    store.write_thumbnail(KEYS[0], b"another")
    for _ in range(2):
        assert store.record(KEYS[0]).record.length == length_of(KEYS[0], 20)
        assert store.thumbnail(KEYS[0]) == b"another"
        pack(store)


def test_what_is_already_known_is_not_written_again(store: Store):
    pack(store)
    measure(store, KEYS[0])
    assert files_below(store.root / "record") == []


def states_of(store: Store) -> dict[str, RecordState]:
    """What a run is told of all videos, and of one that nobody has looked at."""
    videos = [
        Candidate(
            video_key=key,
            video=VideoInfo(video_id=key, url=f"https://example.org/{key}", title="A cat"),
            source="catalogue",
            sha256=None,
            matches=(),
        )
        for key in (*KEYS, "url:new")
    ]
    found = with_known(store, "", videos)
    return {each.candidate.video_key: each.known for each in found if each.known is not None}


def now(store: Store, state: RecordState) -> tuple[RecordState, Counter[tuple[str, str]]]:
    """A record as it is now, and what it took to learn that."""
    objects = CountingObjects(store.root)
    return Store(store.root, objects).record_now(state), objects.calls


def test_what_is_as_it_was_is_not_read_again(store: Store):
    for _ in range(2):
        states = states_of(store)
        assert len(states) == len(KEYS) + 1
        for state in states.values():
            again, calls = now(store, state)
            assert again is state
            assert calls["read", "record"] == 1
            assert calls["read", "pointer"] == (state.generation is None)
            assert calls["read", "records"] == 0
        pack(store)


@pytest.mark.parametrize("packed_before", [False, True])
@pytest.mark.parametrize("packed_after", [False, True])
def test_what_another_process_has_written_since_is_read(
    store: Store, packed_before: bool, packed_after: bool
):
    if packed_before:
        pack(store)
    states = states_of(store)
    for key in (KEYS[0], "url:new"):
        measure(store, key, 20)
    if packed_after:
        pack(store)
    for key in (KEYS[0], "url:new"):
        again, _ = now(store, states[key])
        assert again.record.length == length_of(key, 20)
    again, _ = now(store, states[KEYS[1]])
    assert again.record == states[KEYS[1]].record


def test_a_video_that_is_withdrawn_is_shown_by_no_file(store: Store):
    pack(store)
    withdraw_packed(store, KEYS[:2])
    for key in KEYS[:2]:
        store.forget(key)
        assert (store.thumbnail(key), store.address(key)) == (None, None)
        # What was measured stays.
        assert store.record(key).record.length is not None
    left = [each for table in store.tables.that_show for each, _ in table.all()]
    assert {store.digest(key) for key in KEYS[:2]}.isdisjoint(left)
    assert len(left) == 2 * len(KEYS[2:])
    for kind in ("side/thumbnails", "addresses"):
        assert len(files_below(store.root / kind)) == 2


def test_a_place_that_cannot_be_packed_is_left_as_it_is_with_one_sentence(
    server: Server, bucket: str, caplog: pytest.LogCaptureFixture
):
    store = Store(bucket)
    for key in KEYS[:4]:
        measure(store, key)
    server.proxy.fail("insert", "status", times=1000, status=403)
    pack_if_possible(store.location, partial(pack, store))
    server.proxy.clear()
    (said,) = (record.getMessage() for record in caplog.records if "packed" in record.getMessage())
    assert said.startswith(f"{bucket} was not packed (")
    assert said.endswith("): nothing is lost, and a later run packs it")
    assert len(list(store.list("record"))) == 4
    pack_if_possible(store.location, partial(pack, store))
    assert list(store.list("record")) == []
    for key in KEYS[:4]:
        assert store.record(key).record.length == length_of(key)


def test_one_command_at_a_time_packs(store: Store):
    with held_lease(store.objects, "packing"), pytest.raises(UsageError, match="packing"):
        pack(store)
    assert pack(store)


def test_in_every_place_records_are_packed_and_withdrawn(objects: Objects):
    shards = shards_in(objects)
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in KEYS]
    for digest in digests:
        write(shards, digest, b"one")
    with held_lease(objects, "packing") as lease:
        assert compact(shards, lease.number, lambda: 1.0) == len(KEYS)
    write(shards, digests[0], b"two")
    assert words(shards_in(objects)) == {
        digest: {b"one", b"two"} if digest == digests[0] else {b"one"} for digest in digests
    }
    assert shards.get(digests[1]) is not None
    with held_lease(objects, "packing") as lease:
        assert compact(shards, lease.number, lambda: 2.0) == 1
        withdraw(shards, digests[1:3], lease.number, lambda: 3.0)
    assert words(shards).keys() == {*digests} - {*digests[1:3]}
    assert len(list(objects.list("records/"))) == 2
