"""A clip on its way into an export: what it is called, and what is said of it."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from videonet.export.names import name_of
from videonet.schemas.clip import MOTION_COLUMNS, Clip
from videonet.shards.parquet import FRAMES


@dataclass(frozen=True)
class Sample:
    """One clip of an export."""

    # with the ids of its labels, also where the data set lacks them
    clip: Clip
    # int16 [samples, 2] at 48,000 a second, where the form takes it and there is any
    sound: NDArray[np.int16] | None = None

    @property
    def video_key(self) -> str:
        """Whose clip it is."""
        return self.clip.example_id.rpartition("#")[0]

    @property
    def name(self) -> str:
        """What its files are called, without an ending."""
        key, _, number = self.clip.example_id.rpartition("#")
        return name_of(key, int(number))

    def row(self) -> dict[str, Any]:
        """All columns, by name."""
        row = self.clip.to_row()
        if self.clip.clip_motion_repeated is None:
            for name in MOTION_COLUMNS:
                del row[name]
        return row

    def said(self) -> dict[str, Any]:
        """All columns but the frames."""
        row = self.row()
        del row[FRAMES]
        return row


def as_json(row: dict[str, Any]) -> bytes:
    """A row as one line of JSON, the same for equal rows."""
    return msgspec.json.encode(row, order="deterministic")
