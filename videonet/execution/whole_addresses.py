"""The whole addresses of videos whose lock file has them without their secrets.

A redacted row of a lock file carries its key, and is believed only for an address that hashes to
this key: one that the store has from an earlier run, or a row of a catalogue.
"""

from pathlib import Path

from videonet.dataset.lock_file import Lock
from videonet.errors import UsageError
from videonet.fetch.published_address import is_redacted
from videonet.sources.open_source import open_source
from videonet.sources.video_key import keys_of
from videonet.storage.store import Store


def take_whole_addresses(lock: Lock, source: str, store: Store, files_root: Path | None) -> None:
    """Put the addresses of the lock file's redacted rows from a catalogue into the store.

    Of several rows for one video, the first counts. Raises UsageError for what is no catalogue, or
    cannot be read.
    """
    if not source.startswith("catalogue:"):
        raise UsageError(
            f"A rebuild takes addresses from a catalogue, and --source is {source!r}; "
            "give --source catalogue:FILE."
        )
    catalogue = open_source(source, store, files_root)
    catalogue.check()
    wanted = {row.video_key for row in lock.rows() if is_redacted(row.video.url)}
    for batch in catalogue.batches():
        if not wanted:
            return
        for row in batch:
            url = row.video.url
            if "://" not in url or is_redacted(url):
                continue
            for key in wanted.intersection(keys_of(url)):
                store.write_address(key, url)
                wanted.remove(key)
