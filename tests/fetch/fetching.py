"""Fetching and letting go of a video, with its record, as steps of a run do it."""

import msgspec

from videonet.fetch import acquire
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.limits import FetchLimits
from videonet.fetch.web import Web
from videonet.schemas.candidate import Candidate
from videonet.schemas.fetch import Fetch
from videonet.storage.store import Store
from videonet.video.decoder import Decoder


def fetch(
    candidate: Candidate,
    store: Store,
    budget: DiskBudget,
    limits: FetchLimits,
    web: Web,
    run_id: str,
    frames: int | None = None,
    decoder: Decoder | None = None,
) -> Fetch:
    """What `acquire` brings, and the store has a record of that."""
    before = store.fetch(candidate.video_key)
    room = budget.begin()
    try:
        fetched = acquire.acquire(
            candidate, before, store, room, limits, web, run_id, frames, decoder
        )
    finally:
        room.settle()
    store.write_fetch(fetched)
    return fetched


def release(fetched: Fetch, store: Store) -> int:
    """Bytes that become free when a video is let go, and the store has a record of that."""
    released = acquire.release(fetched, store)
    if fetched.here and fetched.path is None:
        store.write_fetch(msgspec.structs.replace(fetched, here=False))
    return released
