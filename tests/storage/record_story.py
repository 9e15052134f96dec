"""Records of words in shards, and a story of those who read, write, pack and withdraw them."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from tests.storage.turns import TurnObjects
from videonet.storage.compaction import KEPT_SECONDS, OvertakenError, compact, withdraw
from videonet.storage.objects import Objects
from videonet.storage.record_shards import MOST_SHARD_BYTES, Known, RecordShards


def merged(states: Sequence[bytes]) -> bytes | None:
    """Records of these tests are sets of words; a word in capitals is damage."""
    whole = [each for each in states if each == each.lower()]
    return b" ".join(sorted({word for each in whole for word in each.split()})) if whole else None


def shards_in(objects: Objects, most_bytes: int = MOST_SHARD_BYTES) -> RecordShards:
    return RecordShards(objects, "record", "records", merged, most_bytes=most_bytes)


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
