"""How much of a data set is still, and how much of it crosses a cut.

What is counted are clips, and training windows: those that fit into a clip when they are laid end
to end from its first frame on.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.manifest import MotionCounts
from videonet.shards.layout import shard_path
from videonet.shards.page_headers import rows_at_once
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.video.clips import MICROSECONDS, WINDOW
from videonet.video.motion import STILL

_WINDOW = round(WINDOW * MICROSECONDS)

_ROWS_AT_ONCE = 5_000

# What is read of a clip: no frame.
_COLUMNS = [
    *("clip_start_timestamp", "clip_end_timestamp"),
    *("clip_motion_repeated", "clip_cut_timestamp"),
]


class MotionTally:
    """Counts clips while they pass."""

    def __init__(self) -> None:
        self._still = self._windows = self._crossed = 0

    def of(self, clips: Iterable[Clip]) -> Iterator[Clip]:
        """The same clips, one by one."""
        for clip in clips:
            self.add(clip)
            yield clip

    def add(self, clip: Clip) -> None:
        """Count a clip. Raises ValueError for one without the columns of motion."""
        self.add_row({name: getattr(clip, name) for name in _COLUMNS})

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Count a clip by its columns. Raises ValueError likewise."""
        begin, end, repeated, cuts = (row[name] for name in _COLUMNS)
        if repeated is None or cuts is None:
            raise ValueError("a clip has no columns of motion")
        windows = max(0, end - begin) // _WINDOW
        # A cut where a window ends is not within it.
        crossed = {
            (cut - begin) // _WINDOW for cut in cuts if begin < cut and (cut - begin) % _WINDOW
        }
        self._still += repeated >= STILL
        self._windows += windows
        self._crossed += sum(place < windows for place in crossed)

    def counts(self, left_out: int = 0) -> MotionCounts:
        """Of the clips that have passed; and so many clips of their videos were left out."""
        return MotionCounts(
            still=self._still,
            windows=self._windows,
            crossed=self._crossed,
            left_out=left_out,
        )


def motion_counts(
    output: DatasetDir, formats: Iterable[str], shards: int, before: MotionCounts | None = None
) -> MotionCounts:
    """Those of all shards of a data set with the columns of motion. Raises UsageError.

    What was counted when a shard was written is noted in its state; of a shard without one, the
    columns are read. How many clips were left out the clips do not say: where a state is missing,
    it is as `before`.
    """
    names = sorted(formats)
    total, known = MotionCounts(), True
    for index, state in enumerate(output.shard_states.all(shards)):
        noted = state.motion if state else None
        known = known and noted is not None
        total = added(total, _read(output, names, index, shards) if noted is None else noted)
    if not known and before is not None:
        total = msgspec.structs.replace(total, left_out=before.left_out)
    return total


def added(one: MotionCounts, other: MotionCounts) -> MotionCounts:
    """The counts of both together."""
    return MotionCounts(
        **{name: getattr(one, name) + getattr(other, name) for name in one.__struct_fields__}
    )


def _read(output: DatasetDir, formats: list[str], index: int, shards: int) -> MotionCounts:
    """What is counted of a shard. Raises UsageError."""
    name = "parquet" if "parquet" in formats else formats[0]
    path, tally = shard_path(name, index, shards), MotionTally()
    try:
        with output.files.local(path) as file:
            if name == "parquet":
                for row in _rows(file):
                    tally.add_row(row)
            else:
                for _ in tally.of(FORMATS[name].read(file)):
                    pass
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"{output.place_of(path)} is damaged ({' '.join(str(error).split())}). Delete it; the "
            "same command writes it again."
        ) from error
    return tally.counts()


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(file, page_checksum_verification=True) as table:
        rows = rows_at_once(file, table.metadata, _ROWS_AT_ONCE, _COLUMNS)
        for batch in table.iter_batches(rows, columns=_COLUMNS):
            yield from batch.to_pylist()
