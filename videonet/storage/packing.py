"""What is loose in a store is packed when a run ends, and what is packed is withdrawn.

Both hold the same lease, so that one command at a time does so; runs that read and write records
go on meanwhile.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial

from videonet.storage.compaction import compact, withdraw
from videonet.storage.lease import Lease, held_lease, now_at
from videonet.storage.objects import Objects
from videonet.storage.record_shards import RecordShards
from videonet.storage.store import Store

_LEASE = "packing"

# How long a withdrawal waits for a command that packs, seconds: 5 million records take less.
_PATIENCE = 1_800.0


def pack(store: Store, *others: Callable[[Lease], object]) -> int:
    """Pack what is loose, and delete what that supersedes; how many objects were packed.

    `others` do the same under the same lease with what this room knows nothing of. Raises
    UsageError, also where another command is at it, OvertakenError, and OSError. Whatever happens,
    nothing is lost, and the next call goes on.
    """
    with held_lease(store.objects, _LEASE) as lease:
        clock = _clock(store.objects)
        packed = sum(compact(table, lease.number, clock) for table in store.tables.all)
        for other in others:
            other(lease)
        return packed


def withdraw_packed(store: Store, video_keys: Iterable[str]) -> None:
    """Delete from shards what shows these videos. Raises like `pack`."""
    digests = {store.digest(key) for each in video_keys for key in (each, *store.former_keys(each))}
    tables = [table for table in store.tables.that_show if _shows(table, digests)]
    if not tables or not digests:
        return
    with held_lease(store.objects, _LEASE, wait=_PATIENCE) as lease:
        clock = _clock(store.objects)
        for table in tables:
            withdraw(table, digests, lease.number, clock)


def _shows(table: RecordShards, digests: set[str]) -> bool:
    """Whether shards may have something of these, or a call was killed that withdrew from them."""
    pointer, generation = table.versioned_pointer()
    return generation is not None and (bool(pointer.pending) or not digests <= set(pointer.gone))


def _clock(objects: Objects) -> Callable[[], float]:
    """The clock of a place, which is asked for the time once."""
    return partial(_later, now_at(objects), time.monotonic())


def _later(then: float, ago: float) -> float:
    return then + time.monotonic() - ago
