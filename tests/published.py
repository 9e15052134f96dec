"""What a data set is to others, wherever it lies: in a folder or in a bucket."""

import io
from pathlib import Path

import pyarrow.parquet as pq

from videonet.storage.places import open_place

# What says when and where a run was, and nothing else; and who is at work.
_OF_THE_RUN = {"run.json", "_state", "lease"}


def published(out: Path | str) -> dict[str, bytes]:
    """All that a data set is, by path, but for what is only of the run that made it."""
    place = open_place(out)
    return {
        each.name: place.read(each.name) or b""
        for each in place.list("")
        if each.name.partition("/")[0] not in _OF_THE_RUN
    }


def without_attempts(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same without the attempts that downloads took, which interruptions add to."""
    return {
        path: _rows(data) if path.startswith("verdicts/") else data for path, data in files.items()
    }


def _rows(verdicts: bytes) -> bytes:
    table = pq.read_table(io.BytesIO(verdicts)).drop_columns(["attempts"])
    return repr(table.to_pylist()).encode()
