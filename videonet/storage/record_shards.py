"""Small records of videos in two forms: loose ones, an object each, and packed ones, in shards.

A record is written loose, so that a kill loses nothing. When a run ends, loose records are packed
(see `videonet.storage.compaction`). A record may be there in both forms; together they are what is
known.

    LOOSE/<xx>/<digest>.json   a loose record; <xx> are the first two digits of the digest
    PACKED/pointer.json        which shards count, by the leading bits of the digests in them
    PACKED/<number>-...        a shard: a Parquet file, a row a record, in the order of digests

A reader looks at loose records first and at the pointer second. Packing goes the other way: the
pointer names a shard before the loose records in it are deleted. So no reader misses a record,
whatever happens between its reads.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

import msgspec

from videonet.errors import UsageError
from videonet.schemas.shard_pointer import ShardPointer
from videonet.storage.objects import Entry, Objects, Versioned
from videonet.storage.shard_file import DamageError, Rows, ShardFile, between, span
from videonet.storage.side_by_side import side_by_side

# Loose records that are worked on together, and their bytes.
MOST_LOOSE = 10_000
MOST_LOOSE_BYTES = 40_000_000

# A larger shard is split in two, so that shards have 4 to 8 MB: an object of that size is read in
# about the time that a bucket takes to begin with its answer.
MOST_SHARD_BYTES = 8_000_000

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Known(NamedTuple):
    """What is known of a video."""

    # None: what is there cannot be believed, or counts no more
    data: bytes | None
    # of the loose record; None: there is none
    generation: str | None


class Loose(NamedTuple):
    """A loose record."""

    digest: str
    entry: Entry


class RecordShards:
    """Records of one kind, by the hex sha256 of what they are about.

    `merge` makes one state of the states of a record that are there in both forms, the packed one
    first; None: none of them can be believed. It depends on nothing but these bytes. `readers` says
    how many loose records are read at the same time, and `most_bytes` how large a shard may be.
    """

    def __init__(
        self,
        objects: Objects,
        loose: str,
        packed: str,
        merge: Callable[[Sequence[bytes]], bytes | None],
        *,
        suffix: str = ".json",
        readers: int = 1,
        most_bytes: int = MOST_SHARD_BYTES,
    ) -> None:
        self.objects = objects
        self.merge = merge
        self.packed = packed
        self.pointer_name = f"{packed}/pointer.json"
        self._loose = loose
        self._suffix = suffix
        self.readers = readers
        self.most_bytes = most_bytes
        self._latest: tuple[str, Rows | None] = ("", None)
        # as it was read last
        self._pointer: tuple[bytes | None, ShardPointer] = None, ShardPointer(number=0, shards={})
        self._lock = threading.Lock()

    # What is known.

    def name(self, digest: str) -> str:
        """Name of a loose record."""
        return f"{self._loose}/{digest[:2]}/{digest}{self._suffix}"

    def known(self, prefix: str) -> dict[str, Known]:
        """All records whose digests begin with these bits, by digest, in the order of digests.

        Raises UsageError for what is damaged, like all methods.
        """
        return self.together(prefix, self.loose(prefix))

    def get(self, digest: str) -> Known | None:
        """One record; None: there is none. A small part of its shard is read."""
        loose = self.objects.read_versioned(self.name(digest))
        pointer, found = self._counting(digest, digest, partial(self._row, digest))
        if digest in pointer.gone:
            return None if loose is None else Known(None, loose.generation)
        packed = found.get(digest)
        if loose is None:
            return None if packed is None else Known(packed, None)
        states = [loose.data] if packed is None else [packed, loose.data]
        return Known(self.merge(states), loose.generation)

    def all(self) -> Iterator[tuple[str, bytes]]:
        """All records that can be believed, in the order of their digests, in bounded memory."""
        for prefix in sorted(self.pointer().shards):
            for part, loose in self.parts(prefix):
                for digest, known in self.together(part, loose).items():
                    if known.data is not None:
                        yield digest, known.data

    # The two forms.

    def loose(self, prefix: str) -> Iterator[Loose]:
        """The loose records whose digests begin with these bits, in the order of digests."""
        low, high = span(prefix)
        digits = -(-len(prefix) // 4)
        begin, end = (int(f"0{bound[:digits]}", 16) for bound in (low, high))
        for number in range(begin, end + 1):
            start = f"{number:0{digits}x}" if digits else ""
            below = f"{start[:2]}/{start}" if digits > 1 else start
            for entry in self.objects.list(f"{self._loose}/{below}"):
                digest = entry.name.rpartition("/")[2].removesuffix(self._suffix)
                if _DIGEST.fullmatch(digest) and low <= digest <= high:
                    yield Loose(digest, entry)

    def parts(self, prefix: str) -> Iterator[tuple[str, list[Loose]]]:
        """The parts of a prefix that have few enough loose records, with these."""
        loose = list(islice(self.loose(prefix), MOST_LOOSE + 1))
        size = sum(each.entry.size for each in loose)
        if len(loose) <= 1 or (len(loose) <= MOST_LOOSE and size <= MOST_LOOSE_BYTES):
            yield prefix, loose
        else:
            del loose
            yield from self.parts(f"{prefix}0")
            yield from self.parts(f"{prefix}1")

    def read_loose(self, loose: Iterable[Loose]) -> list[tuple[Loose, Versioned]]:
        """What these hold now; those that are gone by now are left out."""

        def read(each: Loose) -> tuple[Loose, Versioned | None]:
            return each, self.objects.read_versioned(each.entry.name)

        held = side_by_side(self.readers, read, loose)
        return [(each, state) for each, state in held if state is not None]

    def pointer(self) -> ShardPointer:
        """The shards that count."""
        return self.versioned_pointer()[0]

    def pointer_generation(self) -> str | None:
        """The generation of the pointer, which is another one once shards are; None: no pointer."""
        held = self.objects.read_versioned(self.pointer_name)
        return None if held is None else held.generation

    def versioned_pointer(self) -> tuple[ShardPointer, str | None]:
        """The shards that count, with the generation of the pointer; None: there is no pointer."""
        held = self.objects.read_versioned(self.pointer_name)
        if held is None:
            return ShardPointer(number=0, shards={"": ""}), None
        data, pointer = self._pointer
        if data == held.data:
            # It names hundreds of shards, and is read for every video that is looked at.
            return pointer, held.generation
        try:
            pointer = ShardPointer.from_json(held.data)
            if not _is_partition(pointer.shards):
                raise msgspec.ValidationError("its shards leave out some records")
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{self.objects.address}/{self.pointer_name} is damaged ({error}): it says where "
                "the store has what it knows of videos. Restore it, or delete it, and the next run "
                "looks at all videos again."
            ) from error
        self._pointer = held.data, pointer
        return pointer, held.generation

    def rows(self, shard: str) -> Rows | None:
        """All records in a shard; None: it is not there any more."""
        with self._lock:
            name, latest = self._latest
        if name == shard and latest is not None:
            return latest
        rows = self._read(shard, ShardFile.rows, whole=True)
        with self._lock:
            self._latest = shard, rows
        return rows

    def _row(self, digest: str, shard: str) -> Rows | None:
        """The record of one digest in a shard, by itself; None: the shard is not there any more."""
        with self._lock:
            name, latest = self._latest
        if name == shard and latest is not None:
            return between(latest, digest, digest)
        return self._read(shard, lambda file: file.row(digest), whole=False)

    def _read(self, shard: str, act: Callable[[ShardFile], Rows], *, whole: bool) -> Rows | None:
        try:
            return act(ShardFile(shard, partial(self.objects.read, shard), whole=whole))
        except FileNotFoundError:
            return None
        except DamageError as error:
            raise UsageError(
                f"{self.objects.address}/{shard} is damaged; restore it, or delete it, and the "
                "next run looks at its videos again."
            ) from error

    # Both together.

    def together(self, prefix: str, loose: Iterable[Loose]) -> dict[str, Known]:
        """The packed records whose digests begin with these bits, and these loose ones.

        See `parts`: loose records are listed first.
        """
        # In this order: see above.
        held = self.read_loose(loose)
        pointer, packed = self._counting(*span(prefix))
        gone = frozenset(pointer.gone)
        known = {digest: Known(data, None) for digest, data in packed.items() if digest not in gone}
        for each, state in held:
            before = packed.get(each.digest)
            states = [state.data] if before is None else [before, state.data]
            data = None if each.digest in gone else self.merge(states)
            known[each.digest] = Known(data, state.generation)
        return known if not held else dict(sorted(known.items()))

    def _counting(
        self, low: str, high: str, read: Callable[[str], Rows | None] | None = None
    ) -> tuple[ShardPointer, Rows]:
        """The packed records between two digests, and the pointer that says so.

        `read` gives those of a shard; None: the shard is not there any more.

        Shards are deleted once the pointer names others. A shard that is not there although the
        pointer still names it was taken away from outside: its records are as good as never made.
        """
        before: object = self
        while True:
            pointer, generation = self.versioned_pointer()
            counted: Rows = {}
            whole = True
            prefixes = [_prefix_of(low, pointer)] if low == high else pointer.shards
            for prefix in prefixes:
                shard, (begin, end) = pointer.shards[prefix], span(prefix)
                if shard and begin <= high and end >= low:
                    rows = self.rows(shard) if read is None else read(shard)
                    whole = whole and rows is not None
                    counted |= between(rows or {}, max(begin, low), min(end, high))
            if whole or generation == before:
                return pointer, counted
            before = generation


def _prefix_of(digest: str, pointer: ShardPointer) -> str:
    """The bits by which the record of a digest is packed: see `_is_partition`."""
    bits = f"{int(digest, 16):0256b}"
    return next(bits[:end] for end in range(257) if bits[:end] in pointer.shards)


def _is_partition(prefixes: Iterable[str]) -> bool:
    """Whether each digest begins with exactly one of these."""
    after = 0
    for prefix in sorted(prefixes):
        low, high = (int(bound, 16) for bound in span(prefix))
        if low != after:
            return False
        after = high + 1
    return after == 1 << 256
