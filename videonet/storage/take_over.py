"""A store that an earlier version made is taken over once: many small files become few.

This goes on wherever it was interrupted. A file is deleted only when what it says is on disk in its
new form, so that nothing is lost by a kill or a power cut.
"""

import os
from collections.abc import Callable
from contextlib import suppress

from videonet.schemas.video_record import VideoRecord
from videonet.storage.lease import held_lease
from videonet.storage.older_files import OlderFiles
from videonet.storage.store import RecordState, Store

_LEASE = "taking over"

# How long another command is waited for that is at it, seconds: a million videos take as long.
_PATIENCE = 3_600.0


def take_over(store: Store, say: Callable[[str], object]) -> None:
    """Give what an earlier version has written the form that this one writes, if there is any.

    `say` is given a sentence about it. Raises OSError, and UsageError where another command takes
    too long for it.
    """
    if store.older is None:
        return
    with held_lease(store.objects, _LEASE, wait=_PATIENCE):
        # By now, another command may have done it.
        older = OlderFiles(store.root)
        prefixes = older.prefixes()
        if prefixes:
            say(
                f"the store {store.location} was made by an earlier version: its files are put "
                "together, once, into one for each video"
            )
        for prefix in prefixes:
            files = older.of_prefix(prefix)
            for digest in files:
                _take_over(store, older, f"{prefix}/{digest}")
            # One wait for all of them: for each alone, a large store would take hours.
            os.sync()
            for file in (file for own in files.values() for file in own):
                file.unlink(missing_ok=True)
        older.delete_empty()
    store.forget_older()


def _take_over(store: Store, older: OlderFiles, place: str) -> None:
    thumbnail = store.root / f"side/thumbnail/{place}"
    with suppress(FileNotFoundError):
        thumbnail.parent.mkdir(parents=True, exist_ok=True)
        older.thumbnail(place).replace(thumbnail)
    found = older.record(place)
    if found is None or store.place(found.video_key) != place:
        return
    state = store.stored(found.video_key) or RecordState(VideoRecord(found.video_key), None)
    store.write_record(state, *found.sections)
