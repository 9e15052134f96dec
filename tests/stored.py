"""What the records of a store say, as tests look at them while a run goes on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from videonet.schemas.fetch import Fetch
from videonet.schemas.video_record import VideoRecord
from videonet.storage.store import Store


def records_in(store: Path) -> Iterator[VideoRecord]:
    """All records of the store in this folder."""
    for _, data in Store(store).tables.records.all():
        record = VideoRecord.decode(data)
        if record is not None:
            yield record


def sections_in(store: Path, kind: str) -> dict[tuple[str, str], bytes]:
    """What the store has of this kind (fetch, length, scan, cut), by video_key and section."""
    return {
        (record.video_key, name): section.data
        for record in records_in(store)
        for name, section in record.sections.items()
        if name.partition("/")[0] == kind
    }


def unpack(store: Store) -> None:
    """Let all that is packed be loose again, as it was before the run ended."""
    for table in store.tables.all:
        packed = dict(table.all())
        shutil.rmtree(store.root / table.packed, ignore_errors=True)
        for digest, data in packed.items():
            store.write(table.name(digest), data)


def file_of(store: Store, fetch: Fetch) -> Path:
    """Where the bytes that `fetch` speaks of can be read."""
    return Path(fetch.path) if fetch.path else store.root / store.video(fetch.video_key)
