"""Packed records: what is where, how shards grow, and what becomes of damage."""

import hashlib
import random
from itertools import count

import pytest

from tests.storage.memory_objects import MemoryObjects
from tests.storage.record_story import A, B, C, begun, merged, shards_in, words, write
from tests.storage.turns import KillAt, TurnObjects, Turns
from videonet.errors import UsageError
from videonet.storage import compaction, record_shards, shard_file
from videonet.storage.compaction import KEPT_SECONDS, compact, withdraw
from videonet.storage.record_shards import Known, RecordShards
from videonet.storage.shard_file import ShardFile, packed_bytes, span


def test_packed_records_are_an_object_and_loose_ones_are_gone():
    story = begun()
    story.compactor(2)()
    assert list(story.shards.loose("")) == []
    assert words(story.shards) == {A: {b"one", b"two"}, B: {b"one"}, C: {b"one"}}
    assert story.shards.get(B) == Known(b"one", None)
    assert story.shards.get("f" * 64) is None


def test_superseded_shards_stay_for_a_while():
    story = begun()
    (first,) = story.shards.pointer().shards.values()
    story.compactor(2, 100.0)()
    assert story.shards.pointer().superseded == {first: 100.0 + KEPT_SECONDS}
    story.compactor(3, 99.0 + KEPT_SECONDS)()
    assert first in story.objects.held
    story.compactor(4, 100.0 + KEPT_SECONDS)()
    assert first not in story.objects.held
    assert story.shards.pointer().superseded == {}


def test_a_withdrawal_leaves_no_shard_with_the_record_not_even_superseded_ones():
    story = begun()
    story.compactor(2)()
    assert story.shards.pointer().superseded
    story.withdrawal(C, 3)()
    assert story.shards.pointer().superseded == {}
    shards = [name for name in story.objects.held if name.endswith(".parquet")]
    assert shards == [*story.shards.pointer().shards.values()]
    assert words(story.shards).keys() == {A, B}
    story.writer((B, b"two"))()
    story.withdrawal(B, 4)()
    assert list(story.shards.loose("")) == []


def many(number: int) -> dict[str, bytes]:
    return {
        hashlib.sha256(str(each).encode()).hexdigest(): str(each**9).encode()
        for each in range(number)
    }


def test_a_shard_that_grows_is_split_by_one_more_bit():
    objects = MemoryObjects()
    shards = shards_in(objects, most_bytes=4_000)
    records = many(600)
    for number, (digest, data) in enumerate(records.items()):
        objects.write_once(shards.name(digest), data)
        if number % 100 == 99:
            compact(shards, number, lambda: 0.0)
            packed = shards.pointer().shards
            assert all(len(objects.held[name].data) <= 4_000 for name in packed.values())
    assert len(packed) > 4
    assert dict(shards.all()) == records
    for prefix in ("", "0", "1", "01", "1111", "010101"):
        low, high = span(prefix)
        held = {each: known.data for each, known in shards.known(prefix).items()}
        assert held == {each: records[each] for each in sorted(records) if low <= each <= high}


def test_many_loose_records_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(record_shards, "MOST_LOOSE", 50)
    objects = MemoryObjects()
    shards = shards_in(objects)
    records = many(600)
    first, second = list(records)[:200], list(records)[200:]
    for digest in first:
        objects.write_once(shards.name(digest), records[digest])
    assert all(len(loose) <= 50 for _, loose in shards.parts(""))
    compact(shards, 1, lambda: 0.0)
    for digest in second:
        objects.write_once(shards.name(digest), records[digest])
    assert dict(shards.all()) == records
    assert list(dict(shards.all())) == sorted(records)


def test_large_loose_records_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(record_shards, "MOST_LOOSE_BYTES", 5_000)
    objects = MemoryObjects()
    shards = shards_in(objects)
    records = {digest: data * 100 for digest, data in many(60).items()}
    for digest, data in records.items():
        objects.write_once(shards.name(digest), data)
    parts = [loose for _, loose in shards.parts("")]
    assert all(len(own) == 1 or sum(each.entry.size for each in own) <= 5_000 for own in parts)
    assert [each.digest for own in parts for each in own] == sorted(records)
    compact(shards, 1, lambda: 0.0)
    assert dict(shards.all()) == records


def test_of_large_records_few_are_read_for_one():
    objects = MemoryObjects()
    shards = shards_in(objects)
    chance = random.Random(0)
    records = {digest: chance.randbytes(10_000).hex().encode() for digest in many(100)}
    for digest, data in records.items():
        objects.write_once(shards.name(digest), data)
    compact(shards, 1, lambda: 0.0)
    (name,) = shards.pointer().shards.values()
    read = []

    def counted(begin: int, end: int) -> bytes:
        read.append(end - begin)
        return objects.held[name].data[begin:end]

    digest = min(records)
    assert ShardFile(name, counted, whole=False).row(digest) == {digest: records[digest]}
    assert sum(read) < 300_000 < len(objects.held[name].data) / 3


def test_a_record_is_withdrawn_from_a_shard_of_which_a_part_counts(
    monkeypatch: pytest.MonkeyPatch,
):
    """A compactor was killed where it had divided a shard, and one half had its own already."""
    monkeypatch.setattr(record_shards, "MOST_LOOSE", 5)
    monkeypatch.setattr(compaction, "_SHARDS_A_SWAP", 1)
    objects = TurnObjects()
    shards = shards_in(objects)
    records = many(10)
    for digest, data in records.items():
        objects.write_once(shards.name(digest), data)
        _packed(objects, 1)
    for digest in records:
        write(shards, digest, b"more")
    for steps in count():
        Turns(KillAt(steps)).run(objects, {"compactor": lambda: _packed(objects, 2)})
        shared = list(shards.pointer().shards.values())
        if len(shared) > len(set(shared)) > 1:
            break
    # It is read from its half's own shard, and stands in the other half's as well.
    gone = min(records)
    assert sum(gone in (shards.rows(name) or {}) for name in set(shared)) == 2
    withdraw(shards, [gone], 3, lambda: 0.0)
    assert words(shards).keys() == records.keys() - {gone}
    left = [name for name in objects.held if name.endswith(".parquet")]
    assert not any(gone in (shards.rows(name) or {}) for name in left)


def _packed(objects: MemoryObjects, number: int) -> None:
    compact(shards_in(objects), number, lambda: 0.0)


def test_equal_records_are_equal_shards():
    rows = dict(sorted(many(100).items()))
    assert packed_bytes(rows) == packed_bytes(dict(rows))


def test_several_readers_read_the_same():
    objects = MemoryObjects()
    shards = RecordShards(objects, "record", "records", merged, readers=4)
    for digest, data in many(100).items():
        objects.write_once(shards.name(digest), data)
    before = dict(shards.all())
    assert compact(shards, 1, lambda: 0.0) == 100
    assert dict(shards.all()) == before == dict(sorted(many(100).items()))


@pytest.mark.parametrize("footer", [16_384, 100])
def test_one_record_is_read_by_itself_out_of_many(footer: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shard_file, "_FOOTER", footer)
    objects = ReadObjects()
    shards = shards_in(objects)
    records = many(3_000)
    for digest, data in records.items():
        objects.write_once(shards.name(digest), data)
    compact(shards, 1, lambda: 0.0)
    objects.bytes_read.clear()
    for digest in list(records)[:50]:
        assert shards_in(objects).get(digest) == Known(records[digest], None)
    assert shards_in(objects).get("f" * 64) is None
    (name,) = shards.pointer().shards.values()
    assert sum(objects.bytes_read) < 50 * len(objects.held[name].data) / 2


class ReadObjects(MemoryObjects):
    """Objects that note how many bytes of shards are read at once."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_read: list[int] = []

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        data = super().read(name, begin, end)
        self.bytes_read.append(len(data or b""))
        return data


# Damage.


def test_a_damaged_loose_record_is_not_believed_and_may_be_replaced():
    story = begun()
    state = story.objects.held[story.shards.name(B)]
    assert story.objects.write_if(story.shards.name(B), b"TORN", state.generation)
    known = story.shards.get(B)
    assert known is not None
    assert (known.data, known.generation is None) == (None, False)
    assert story.shards.known("")[B] == known
    story.compactor(2)()
    assert story.shards.get(B) is None
    assert story.shards.get(A) == Known(b"one two", None)


def test_a_damaged_shard_is_named_in_a_sentence():
    story = begun()
    (name,) = story.shards.pointer().shards.values()
    held = story.objects.held[name]
    story.objects.held[name] = held._replace(data=held.data[:-1])
    with pytest.raises(UsageError, match=r"records/0+1-b-[0-9]+-[0-9a-f]+\.parquet is damaged"):
        shards_in(story.objects).known("")
    with pytest.raises(UsageError, match="is damaged"):
        shards_in(story.objects).get(A)


def test_wherever_a_shard_is_altered_nothing_else_comes_out_of_it():
    story = begun()
    (name,) = story.shards.pointer().shards.values()
    held = story.objects.held[name]
    refused = 0
    for place in range(len(held.data)):
        data = bytearray(held.data)
        data[place] ^= 0x11
        story.objects.held[name] = held._replace(data=bytes(data))
        try:
            assert shards_in(story.objects).get(C) == Known(b"one", None)
            assert words(shards_in(story.objects)).keys() == {A, B, C}
        except UsageError:
            refused += 1
    # But for the first word of the format.
    assert refused >= len(held.data) - 4


def test_what_was_in_a_shard_that_somebody_deleted_is_not_known_any_more():
    story = begun()
    (name,) = story.shards.pointer().shards.values()
    story.objects.delete(name)
    assert words(shards_in(story.objects)) == {A: {b"one", b"two"}, B: {b"one"}}
    compact(shards_in(story.objects), 2, lambda: 0.0)
    assert words(shards_in(story.objects)) == {A: {b"one", b"two"}, B: {b"one"}}


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"number":1,"shards":{"0":""}}', b'{"number":1,"shards":{"":"","1":""}}']
)
def test_a_damaged_pointer_is_named_in_a_sentence(data: bytes):
    objects = MemoryObjects()
    objects.write_once("records/pointer.json", data)
    with pytest.raises(UsageError, match=r"records/pointer\.json is damaged"):
        shards_in(objects).known("")
