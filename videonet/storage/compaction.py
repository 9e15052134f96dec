"""Loose records are packed into shards, and records are withdrawn from both forms.

Only the holder of a lease does so, and each holder has a greater number than all before. The first
thing it does is to write its number into the pointer, on the condition that nobody else has done so
meanwhile. From then on no earlier holder, asleep or late, can change the pointer. What an earlier
one may still write is a shard that no pointer names, and the next holder deletes it.

A kill leaves all records readable: a shard counts when the pointer names it, and loose records are
deleted after that, in the state in which they were packed.
"""

from collections.abc import Callable, Collection, Iterator

import msgspec

from videonet.schemas.shard_pointer import ShardPointer
from videonet.storage.objects import Versioned
from videonet.storage.record_shards import Loose, RecordShards
from videonet.storage.shard_file import (
    Rows,
    Shard,
    between,
    packed_bytes,
    shard_name,
    shard_of_name,
    span,
)
from videonet.storage.side_by_side import side_by_side

# How long shards stay that are superseded, seconds. A reader has a pointer in hand for less than a
# minute; one that was asleep for longer begins again.
KEPT_SECONDS = 3_600.0

# A bucket takes one write of the same object a second, and a shard is written in less.
_SHARDS_A_SWAP = 16


class OvertakenError(Exception):
    """Another holder of the lease has begun since."""


def compact(shards: RecordShards, number: int, clock: Callable[[], float]) -> int:
    """Pack all loose records, under the lease with this number; how many were packed.

    `clock` says seconds since 1970-01-01 UTC, by the server's clock. A record that is written
    meanwhile may stay loose. Raises OvertakenError.
    """
    if shards.versioned_pointer()[1] is None and next(shards.loose(""), None) is None:
        return 0
    holder = _Holder(shards, number, clock)
    holder.take_over(())
    holder.finish_withdrawals()
    holder.sweep()
    packed = 0
    waiting: list[tuple[str, str]] = []
    written = 0
    for prefix in sorted(holder.pointer.shards):
        for part, loose in shards.parts(prefix):
            held = shards.read_loose(loose)
            holder.divide(prefix, part)
            if held:
                written += holder.pack(part, held)
                waiting += ((each.entry.name, state.generation) for each, state in held)
                packed += len(held)
            if written >= _SHARDS_A_SWAP:
                holder.swap()
                holder.delete_loose(waiting)
                waiting, written = [], 0
    holder.swap()
    holder.delete_loose(waiting)
    return packed


def withdraw(
    shards: RecordShards, digests: Collection[str], number: int, clock: Callable[[], float]
) -> None:
    """Delete the records with these hex digests in all forms, under the lease with this number.

    No reader that begins after that has one, also where a writer that did not know writes one once
    more. Killed, it is finished by the next holder. Raises OvertakenError.
    """
    holder = _Holder(shards, number, clock)
    holder.take_over(digests)
    holder.finish_withdrawals()
    holder.sweep()


def is_withdrawn(shards: RecordShards, digests: Collection[str]) -> bool:
    """Whether a call of `withdraw` with these digests has ended, and nothing is left to do."""
    pointer = shards.pointer()
    if pointer.pending or not {*digests} <= {*pointer.gone}:
        return False
    named = {*pointer.shards.values(), *pointer.superseded}
    entries = shards.objects.list(f"{shards.packed}/")
    return all(entry.name in named for entry in entries if shard_of_name(entry.name)) and not any(
        shards.objects.read(shards.name(digest)) for digest in digests
    )


class _Holder:
    """A holder of the lease, and the pointer as this holder last wrote it."""

    def __init__(self, shards: RecordShards, number: int, clock: Callable[[], float]) -> None:
        self._shards, self._objects = shards, shards.objects
        self._number, self._clock = number, clock
        self._generation = ""
        self.pointer = ShardPointer(number=0, shards={})
        # what the pointer is to name at the next swap
        self._next: dict[str, str] = {}

    def take_over(self, withdrawn: Collection[str]) -> None:
        """Write our number into the pointer; records that are withdrawn count no more."""
        while True:
            before, generation = self._shards.versioned_pointer()
            if before.number > self._number:
                raise OvertakenError
            now = self._clock()
            pointer = msgspec.structs.replace(
                before,
                number=self._number,
                superseded={name: end for name, end in before.superseded.items() if end > now},
                gone=tuple(sorted({*before.gone, *withdrawn})),
                pending=tuple(sorted({*before.pending, *withdrawn})),
            )
            if self._write(pointer, generation):
                self._next = dict(pointer.shards)
                return

    def finish_withdrawals(self) -> None:
        """Delete from shards what was withdrawn, with all shards that counted before."""
        pending = self.pointer.pending
        if not pending:
            return
        for prefix, name in self.pointer.shards.items():
            shard = shard_of_name(name)
            if shard is None:
                continue
            # It may hold more than what is read from it.
            low, high = span(shard.bits)
            if any(low <= digest <= high for digest in pending):
                rows = self._shards.rows(name) or {}
                if not rows.keys().isdisjoint(pending):
                    self._put(prefix, between(rows, *span(prefix)))
        for digest in pending:
            self._objects.delete(self._shards.name(digest))
        self.swap(withdrawn=True)

    def sweep(self) -> None:
        """Delete shards that count no more, and those of holders that were killed."""
        named = {*self.pointer.shards.values(), *self.pointer.superseded}
        for entry in self._objects.list(f"{self._shards.packed}/"):
            shard = shard_of_name(entry.name)
            if shard is not None and shard.number <= self._number and entry.name not in named:
                self._objects.delete(entry.name)

    def divide(self, prefix: str, part: str) -> None:
        """Let a part of a prefix have a shard of its own: until it is written, the same one."""
        for length in range(len(prefix), len(part)):
            shard = self._next.pop(part[:length], None)
            if shard is not None:
                self._next[f"{part[:length]}0"] = self._next[f"{part[:length]}1"] = shard

    def pack(self, prefix: str, held: list[tuple[Loose, Versioned]]) -> int:
        """Write the shards of a prefix, with its loose records; how many shards."""
        before = self._next[prefix]
        rows = between((self._shards.rows(before) if before else None) or {}, *span(prefix))
        rows = dict(rows)
        for each, state in held:
            packed = rows.get(each.digest)
            states = [state.data] if packed is None else [packed, state.data]
            merged = self._shards.merge(states)
            if merged is not None:
                rows[each.digest] = merged
        return self._put(prefix, dict(sorted(rows.items())))

    def _put(self, prefix: str, rows: Rows) -> int:
        self._next.pop(prefix)
        gone = set(self.pointer.gone)
        left = {digest: data for digest, data in rows.items() if digest not in gone}
        put = dict(self._write_shards(prefix, left))
        self._next |= put
        return len(put)

    def _write_shards(self, prefix: str, rows: Rows) -> Iterator[tuple[str, str]]:
        if not rows:
            yield prefix, ""
            return
        data = packed_bytes(rows)
        if len(data) > self._shards.most_bytes and len(rows) > 1:
            del data
            for half in (f"{prefix}0", f"{prefix}1"):
                yield from self._write_shards(half, between(rows, *span(half)))
            return
        name = f"{self._shards.packed}/{shard_name(Shard(self._number, prefix), data)}"
        # What is in it is deleted elsewhere, so it has to outlast a power cut.
        if self._objects.write_once(name, data, lasting=True) is None:
            raise OvertakenError
        yield prefix, name

    def swap(self, *, withdrawn: bool = False) -> None:
        """Let the shards count that were written; those before them stay for a while.

        Where records were `withdrawn` from them, they do not stay.
        """
        if self._next == self.pointer.shards and not withdrawn:
            return
        end = self._clock() + KEPT_SECONDS
        counting = set(self._next.values())
        left = dict.fromkeys({*self.pointer.shards.values()} - {""}, end)
        superseded = {**left, **self.pointer.superseded}
        pointer = msgspec.structs.replace(
            self.pointer,
            shards=dict(sorted(self._next.items())),
            superseded={}
            if withdrawn
            else {name: until for name, until in superseded.items() if name not in counting},
            pending=() if withdrawn else self.pointer.pending,
        )
        if not self._write(pointer, self._generation):
            raise OvertakenError

    def _write(self, pointer: ShardPointer, generation: str | None) -> bool:
        name, data = self._shards.pointer_name, pointer.to_json()
        if generation is None:
            written = self._objects.write_once(name, data, lasting=True)
        else:
            written = self._objects.write_if(name, data, generation, lasting=True)
        if written is None:
            return False
        self.pointer, self._generation = pointer, written
        return True

    def delete_loose(self, packed: list[tuple[str, str]]) -> None:
        """Delete loose records, by name and generation. One that was written since stays."""

        def delete(each: tuple[str, str]) -> bool:
            return self._objects.delete(*each)

        for _ in side_by_side(self._shards.readers, delete, packed):
            pass
