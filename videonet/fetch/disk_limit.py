"""How many bytes of downloaded videos a store may hold: what a user says, and what a disk has."""

import shutil

from videonet.errors import UsageError
from videonet.schemas.settings import DISK_BUDGET
from videonet.storage.store import Store
from videonet.text import file_size

# What a disk keeps free: records, shards and everything else on it need room too. It is so many
# bytes, or of a disk below 20 GB so large a share, as file systems keep for their own needs.
_RESERVE, _RESERVED_SHARE = 1_000_000_000, 0.05


def reserve_of(disk: int) -> int:
    """How many bytes are kept free on a disk of so many bytes."""
    return min(_RESERVE, int(disk * _RESERVED_SHARE))


def checked_limit(store: Store, asked: int | None) -> int:
    """The limit for a run: what is `asked` for, or the usual one.

    Raises UsageError for a disk that has no such room, and a store that holds more already.
    """
    used, available = _used_and_available(store)
    wanted = min(DISK_BUDGET, available) if asked is None else asked
    if wanted > available or available <= 0:
        reserve = reserve_of(shutil.disk_usage(store.root).total)
        raise UsageError(
            f"The disk of {store.root} has room for {file_size(max(0, available))} of videos "
            f"({file_size(reserve)} stay free)"
            + (f", and {file_size(asked)} are wanted" if asked else "")
            + "; free some, or lower --disk-budget."
        )
    if wanted < used:
        raise UsageError(
            f"The store {store.location} holds {file_size(used)} of videos already, more than "
            f"--disk-budget {file_size(wanted)}; raise it, or use another store."
        )
    return wanted


def usual_limit(store: Store) -> int:
    """The limit on a machine whose disk nobody has looked at yet, and where nobody gave one."""
    return min(DISK_BUDGET, max(0, _used_and_available(store)[1]))


def _used_and_available(store: Store) -> tuple[int, int]:
    """Bytes of videos that are there, and that there is room for with these."""
    used, disk = store.video_bytes(), shutil.disk_usage(store.root)
    return used, disk.free + used - reserve_of(disk.total)
