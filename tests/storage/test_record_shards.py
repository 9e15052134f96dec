"""Records in two forms, while they are read, written, packed and withdrawn all at once."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.storage.memory_objects import MemoryObjects
from tests.storage.turns import KillAt, TurnObjects, Turns, every_order
from videonet.errors import UsageError
from videonet.storage import compaction, record_shards, shard_file
from videonet.storage.compaction import KEPT_SECONDS, OvertakenError, compact, withdraw
from videonet.storage.objects import Objects
from videonet.storage.record_shards import Known, RecordShards
from videonet.storage.shard_file import packed_bytes, span


def merged(states: Sequence[bytes]) -> bytes | None:
    """Records of these tests are sets of words; a word in capitals is damage."""
    whole = [each for each in states if each == each.lower()]
    return b" ".join(sorted({word for each in whole for word in each.split()})) if whole else None


def shards_in(objects: Objects) -> RecordShards:
    return RecordShards(objects, "record", "records", merged)


def write(shards: RecordShards, digest: str, word: bytes) -> None:
    """Add a word to a record, as a step does with what it found out."""
    while True:
        known = shards.get(digest) or Known(None, None)
        data = merged([word] if known.data is None else [known.data, word])
        assert data is not None
        name = shards.name(digest)
        if known.generation is None:
            written = shards.objects.write_once(name, data)
        else:
            written = shards.objects.write_if(name, data, known.generation)
        if written is not None:
            return


def words(shards: RecordShards) -> dict[str, set[bytes]]:
    return {
        digest: set(known.data.split())
        for digest, known in shards.known("").items()
        if known.data is not None
    }


# Two whose digests begin with 0, and one with 1.
A, B, C = "0" * 64, "3" + "7" * 63, "e" * 64


class Story:
    """Tasks on shared objects, and what each reader must see, and must not."""

    def __init__(self) -> None:
        self.objects = TurnObjects()
        self.shards = shards_in(self.objects)
        self.written: dict[str, set[bytes]] = {}
        self.withdrawing: set[str] = set()
        self.withdrawn: set[str] = set()

    def writer(self, *records: tuple[str, bytes]) -> Callable[[], None]:
        def task() -> None:
            for digest, word in records:
                write(shards_in(self.objects), digest, word)
                self.written.setdefault(digest, set()).add(word)

        return task

    def reader(self) -> Callable[[], None]:
        def task() -> None:
            before = {digest: set(each) for digest, each in self.written.items()}
            withdrawn = set(self.withdrawn)
            seen = words(shards_in(self.objects))
            for digest in before.keys() - self.withdrawing:
                assert seen.get(digest, set()) >= before[digest], f"{digest} was missed"
            assert withdrawn.isdisjoint(seen), "a withdrawn record was seen"

        return task

    def reader_of_one(self, digest: str) -> Callable[[], None]:
        def task() -> None:
            before, withdrawn = set(self.written.get(digest, ())), digest in self.withdrawn
            known = shards_in(self.objects).get(digest)
            if withdrawn:
                assert known is None or known.data is None
            elif digest not in self.withdrawing:
                assert set(((known and known.data) or b"").split()) >= before

        return task

    def compactor(self, number: int, now: float = 0.0) -> Callable[[], None]:
        def task() -> None:
            with suppress(OvertakenError):
                compact(shards_in(self.objects), number, lambda: now)

        return task

    def withdrawal(self, digest: str, number: int) -> Callable[[], None]:
        def task() -> None:
            self.withdrawing.add(digest)
            try:
                withdraw(shards_in(self.objects), [digest], number, lambda: 0.0)
            except OvertakenError:
                return
            self.withdrawn.add(digest)

        return task

    def check_end(self) -> None:
        """What all must come to in the end, when one more has packed all."""
        self.reader()()
        compact(self.shards, 1_000, lambda: 10 * KEPT_SECONDS)
        compact(self.shards, 1_001, lambda: 20 * KEPT_SECONDS)
        self.reader()()
        assert list(self.shards.loose("")) == []
        named = {*self.shards.pointer().shards.values(), self.shards.pointer_name} - {""}
        assert set(self.objects.held) == named, "something is left that nothing names"
        for name in named - {self.shards.pointer_name}:
            assert self.withdrawn.isdisjoint(self.shards.rows(name) or {}), "it still lies there"


Tasks = Callable[[Story], dict[str, Callable[[], None]]]


def begun(*, packed: bool = True) -> Story:
    """One record packed, and one loose."""
    story = Story()
    story.writer((A, b"one"), (C, b"one"))()
    if packed:
        story.compactor(1)()
    story.writer((A, b"two"), (B, b"one"))()
    return story


def run_every_order(tasks: Tasks, most_changes: int) -> int:
    orders = 0
    for orders, choices in enumerate(every_order(most_changes), 1):  # noqa: B007
        story = begun()
        Turns(choices).run(story.objects, tasks(story))
        story.check_end()
    return orders


# Every order of steps in which tasks are interrupted at most so often. Twice finds nearly all that
# is to be found: one is interrupted at any step by another, and this one at any step in turn.

often = pytest.mark.parametrize("changes", [2, pytest.param(3, marks=pytest.mark.slow)])
seldom = pytest.mark.parametrize("changes", [1, pytest.param(2, marks=pytest.mark.slow)])


@often
def test_a_reader_misses_nothing_at_whatever_step_of_a_compactor_it_reads(changes: int):
    orders = run_every_order(
        lambda story: {"reader": story.reader(), "compactor": story.compactor(2)}, changes
    )
    assert orders > 100


@often
def test_a_reader_of_one_record_misses_nothing_of_it(changes: int):
    run_every_order(
        lambda story: {"reader": story.reader_of_one(A), "compactor": story.compactor(2)}, changes
    )


@often
def test_nothing_that_is_written_while_a_compactor_is_at_work_is_lost(changes: int):
    run_every_order(
        lambda story: {
            "writer": story.writer((A, b"three"), (C, b"two")),
            "compactor": story.compactor(2),
        },
        changes,
    )


@seldom
def test_two_writers_of_one_record_both_count(changes: int):
    run_every_order(
        lambda story: {
            "one": story.writer((A, b"three")),
            "other": story.writer((A, b"four")),
            "compactor": story.compactor(2),
        },
        changes,
    )


@seldom
def test_a_reader_misses_nothing_while_others_write_and_pack(changes: int):
    run_every_order(
        lambda story: {
            "reader": story.reader(),
            "writer": story.writer((B, b"two")),
            "compactor": story.compactor(2),
        },
        changes,
    )


@often
def test_an_earlier_compactor_that_wakes_up_changes_nothing_for_the_worse(changes: int):
    run_every_order(
        lambda story: {
            "asleep": story.compactor(2),
            "awake": story.compactor(3, 10 * KEPT_SECONDS),
        },
        changes,
    )


@seldom
@pytest.mark.parametrize("digest", [A, B, C])
def test_nobody_sees_a_record_once_it_is_withdrawn(digest: str, changes: int):
    run_every_order(
        lambda story: {
            "withdrawal": story.withdrawal(digest, 2),
            "writer": story.writer((digest, b"three")),
            "reader": story.reader(),
        },
        changes,
    )


@seldom
@pytest.mark.parametrize("digest", [A, B, C])
def test_a_withdrawal_ends_well_whatever_an_earlier_compactor_does_meanwhile(
    digest: str, changes: int
):
    run_every_order(
        lambda story: {
            "asleep": story.compactor(2),
            "withdrawal": story.withdrawal(digest, 3),
            "reader": story.reader(),
        },
        changes,
    )


@pytest.mark.slow
@seldom
def test_all_four_at_once(changes: int):
    run_every_order(
        lambda story: {
            "reader": story.reader(),
            "writer": story.writer((B, b"two"), (C, b"two")),
            "compactor": story.compactor(2),
            "withdrawal": story.withdrawal(A, 3),
        },
        changes,
    )


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_all_at_once_in_any_order_with_kills(data: st.DataObject):
    def choose(alive: list[str]) -> str:
        name = data.draw(st.sampled_from(alive))
        dies = name.startswith(("compactor", "withdrawal")) and data.draw(st.integers(0, 19)) == 7
        return f"kill {name}" if dies else name

    story = begun(packed=data.draw(st.booleans()))
    tasks = {
        "reader": story.reader(),
        "reader of one": story.reader_of_one(data.draw(st.sampled_from([A, B, C]))),
        "writer": story.writer((B, b"two"), (C, b"two")),
        "other writer": story.writer((B, b"three"), (A, b"three")),
        "compactor 2": story.compactor(2),
        "compactor 3": story.compactor(3, 10 * KEPT_SECONDS),
        "withdrawal": story.withdrawal(data.draw(st.sampled_from([A, B, C])), 4),
    }
    Turns(choose).run(story.objects, tasks)
    # A withdrawal that was killed is taken up again.
    for number, digest in enumerate(sorted(story.withdrawing - story.withdrawn), 5):
        story.withdrawal(digest, number)()
    story.check_end()


# Kills.


def test_a_compactor_killed_at_any_step_leaves_all_readable_and_the_next_one_finishes():
    for steps in count():
        story, kill = begun(), KillAt(steps)
        Turns(kill).run(story.objects, {"compactor": story.compactor(2)})
        story.reader()()
        story.compactor(3)()
        assert list(story.shards.loose("")) == []
        story.check_end()
        if not kill.killed:
            assert steps > 10
            return


def test_a_withdrawal_killed_at_any_step_is_finished_by_the_next_compactor():
    for steps in count():
        story, kill = begun(), KillAt(steps)
        Turns(kill).run(story.objects, {"withdrawal": story.withdrawal(A, 2)})
        if story.shards.pointer().gone:
            # From here on nobody sees it.
            story.withdrawn.add(A)
            story.reader()()
        story.compactor(3)()
        story.check_end()
        if not kill.killed:
            assert steps > 5
            return


# What is where.


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


def test_a_shard_that_grows_is_split_by_one_more_bit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compaction, "MOST_SHARD_BYTES", 4_000)
    objects = MemoryObjects()
    shards = shards_in(objects)
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
