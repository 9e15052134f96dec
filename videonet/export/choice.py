"""Which of the kept videos of a data set go into an export, and why the others do not."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from videonet.dataset.lock_file import Lock
from videonet.errors import UsageError
from videonet.export.folder import ONLY_SIDE
from videonet.schemas.export import FOR_LICENCE, ExportCounts, LeftOut
from videonet.schemas.licence import allows_redistribution, forbids_adaptations
from videonet.schemas.lock_file import LockedVideo
from videonet.schemas.split import Side
from videonet.storage.split_file import Split

# Videos whose sides are looked up at once.
_AT_ONCE = 5_000


class Choice(NamedTuple):
    """A kept video, and what becomes of it."""

    video: LockedVideo
    # side of the split
    side: str
    # None: it is exported
    refused: LeftOut | None


@dataclass(frozen=True)
class Rules:
    """What is asked of a video."""

    # whether the export shows something of the videos
    pixels: bool
    # whether licences do not matter
    rights: bool
    # keys of videos that no copy may have
    withdrawn: frozenset[str]
    # None: there is one side
    split: Split | None

    def choices(self, lock: Lock) -> Iterator[Choice]:
        """All videos of a lock file, in its order.

        Raises UsageError for a lock file that is damaged, and for a split without one of them.
        """
        rows = lock.rows()
        while batch := list(itertools.islice(rows, _AT_ONCE)):
            for video, side in zip(batch, self._sides(batch), strict=True):
                yield Choice(video, side, self.refusal(video, side))

    def refusal(self, video: LockedVideo, side: str) -> LeftOut | None:
        """Why a video is left out; None: it is exported. The first reason that holds is said."""
        if video.video_key in self.withdrawn:
            return LeftOut.WITHDRAWN
        if side == Side.DROPPED:
            return LeftOut.DROPPED
        if not self.pixels:
            return None
        if not video.clips:
            return LeftOut.NO_CLIP
        if self.rights or allows_redistribution(video.video.licence):
            return None
        if not (video.video.licence or "").strip():
            return LeftOut.NO_LICENCE
        if forbids_adaptations(video.video.licence):
            return LeftOut.NO_DERIVATIVES
        return LeftOut.OTHER_LICENCE

    def _sides(self, videos: list[LockedVideo]) -> list[str]:
        if self.split is None:
            return [ONLY_SIDE] * len(videos)
        keys = pa.array([each.video_key for each in videos], pa.string())
        sides: list[str | None] = self.split.sides(keys).to_pylist()
        if None in sides:
            key = videos[sides.index(None)].video_key
            raise UsageError(
                f"split.parquet does not say where {key} stands; run `videonet split` over the "
                "data set again, and export it then."
            )
        return [side for side in sides if side is not None]


def counted(choices: Iterator[Choice]) -> ExportCounts:
    """How many videos are exported, and how many are not, by reason."""
    refused: Counter[str] = Counter()
    sides: Counter[str] = Counter()
    clips = 0
    for choice in choices:
        if choice.refused is not None:
            refused[choice.refused.value] += 1
        else:
            sides[choice.side] += 1
            clips += len(choice.video.clips)
    return ExportCounts(
        kept=refused.total() + sides.total(),
        exported=sides.total(),
        clips=clips,
        refused=dict(sorted(refused.items())),
        sides=dict(sorted(sides.items())),
    )


def left_out_for_licence(counts: ExportCounts) -> int:
    """How many videos --i-have-the-rights would let in."""
    return sum(counts.refused.get(each.value, 0) for each in FOR_LICENCE)
