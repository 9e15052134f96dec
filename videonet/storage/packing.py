"""What is loose in a store is packed when a run ends, and what is packed is withdrawn.

Both hold the same lease, so that one command at a time does so; runs that read and write records
go on meanwhile.
"""

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial

from videonet.storage.compaction import compact, is_withdrawn, withdraw
from videonet.storage.lease import Lease, held_lease, now_at
from videonet.storage.objects import Objects
from videonet.storage.store import Store, digest
from videonet.text import shortened

_LOG = logging.getLogger(__name__)

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
        packed += store.searches.pack(lease)
        for other in others:
            other(lease)
        return packed


def pack_if_possible(address: str, act: Callable[[], object]) -> None:
    """Pack what lies at an address by a call. Where that fails, a warning says so, and no more.

    What is loose there stays so: it counts as before, and is packed another time.
    """
    try:
        act()
    except Exception as error:  # noqa: BLE001
        why = shortened(str(error)).rstrip(".") or type(error).__name__
        _LOG.warning(
            "%s was not packed (%s): nothing is lost, and a later run packs it", address, why
        )


def withdraw_packed(store: Store, video_keys: Iterable[str]) -> None:
    """Delete from shards what shows these videos. Raises like `pack`."""
    keys = {key for each in video_keys for key in (each, *store.former_keys(each))}
    # Addresses lie under a video's own key, all else under the first that it had.
    digests = {name for key in keys for name in (store.digest(key), digest(key))}
    tables = [
        table
        for table in store.tables.that_show
        # Nothing is packed where there is no pointer.
        if table.versioned_pointer()[1] is not None and not is_withdrawn(table, digests)
    ]
    if not tables:
        return
    with held_lease(store.objects, _LEASE, wait=_PATIENCE) as lease:
        clock = _clock(store.objects)
        for table in tables:
            withdraw(table, digests, lease.number, clock)


def _clock(objects: Objects) -> Callable[[], float]:
    """The clock of a place, which is asked for the time once."""
    return partial(_later, now_at(objects), time.monotonic())


def _later(then: float, ago: float) -> float:
    return then + time.monotonic() - ago
