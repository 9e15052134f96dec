"""What the records of a store say, as tests look at them while a run goes on."""

from collections.abc import Iterator
from pathlib import Path

from videonet.schemas.video_record import VideoRecord


def records_in(store: Path) -> Iterator[VideoRecord]:
    """All records of the store in this folder."""
    for file in sorted((store / "record").glob("*/*.json")):
        try:
            record = VideoRecord.decode(file.read_bytes())
        except FileNotFoundError:  # a withdrawal or a compaction was faster
            continue
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
