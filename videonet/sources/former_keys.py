"""Keys that earlier versions gave to videos: a store made then is looked through for them once.

They took the signature of an address for a part of its name. What such a store has of a video is
found under its present key, so it is not downloaded again, and what was withdrawn stays so.
"""

from collections import defaultdict
from collections.abc import Iterator

import msgspec
import pyarrow.compute as pc

from videonet.sources.video_key import MAY_BE_SIGNED, present_key
from videonet.storage.store import Store


def find_former_keys(store: Store) -> None:
    """Note which keys the videos of a store had by earlier rules, unless that is noted already.

    Raises UsageError for a file that cannot be read.
    """
    if store.knows_former_keys:
        return
    former: defaultdict[str, set[str]] = defaultdict(set)
    for key, url in _signed(store):
        present = present_key(key, url)
        if present != key:
            former[present].add(key)
    by_key = {present: _fullest_first(store, {present, *keys}) for present, keys in former.items()}
    for withdrawal in list(store.withdrawals()):
        for present, keys in former.items():
            if withdrawal.video_key in keys:
                store.write_withdrawal(msgspec.structs.replace(withdrawal, video_key=present))
    store.write_former_keys(by_key)


def _signed(store: Store) -> Iterator[tuple[str, str]]:
    """Key and address of what was found with an address that may be signed."""
    for batch in store.found.batches(["video_key", "url"]):
        signed = pc.match_substring_regex(batch["url"], MAY_BE_SIGNED.pattern, ignore_case=True)
        rows = batch.filter(signed)
        yield from zip(rows["video_key"].to_pylist(), rows["url"].to_pylist(), strict=True)


def _fullest_first(store: Store, keys: set[str]) -> list[str]:
    """Keys of one video; first the one under which the store has most of it."""

    def rank(key: str) -> tuple[bool, bool, bool]:
        fetched = store.fetch(key)
        return (
            fetched is not None and fetched.here,
            store.part_file(key).exists(),
            fetched is not None,
        )

    return sorted(sorted(keys), key=rank, reverse=True)
