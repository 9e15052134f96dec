"""How much of the data set that a lock file names is here again: what is gone, changed, differs."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.parquet as pq

from videonet.dataset.diff import changes_of
from videonet.dataset.lock_file import Lock, read_lock
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome, Reason
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.dataset_tables import table_path
from videonet.text import as_shown
from videonet.versions import versions

# How many of each kind are shown one by one.
SHOWN = 30


@dataclass(frozen=True)
class Missing:
    """A video of the lock file that the rebuilt data set has not."""

    video_id: str
    url: str
    reason: Reason
    # original error text
    error: str | None


@dataclass(frozen=True)
class ClipMismatch:
    """A video that is here, and whose clips are not those that the lock file names."""

    video_id: str
    url: str
    # clips, and those of them that begin and end where one of the lock file does
    clips: int
    same: int
    # clips in the lock file
    locked: int


@dataclass(frozen=True)
class Rebuilt:
    """How much of a data set is here again."""

    # videos in the lock file, and those of them that are here
    videos: int
    here: int
    # videos that could not be had, by reason, the commonest first; and those with other bytes
    gone: dict[Reason, int]
    changed: int
    # the first SHOWN of each
    first_gone: tuple[Missing, ...]
    first_changed: tuple[Missing, ...]
    # videos that are here but have other clips, and the first SHOWN of them
    cut_otherwise: int
    first_cut_otherwise: tuple[ClipMismatch, ...]
    # files of clips, and those of them that have the bytes that the lock file names
    shards: int
    same_shards: int
    # see other_versions
    other_versions: tuple[str, ...]

    @property
    def has_all(self) -> bool:
        """Whether every video is here, with its clips."""
        return self.here == self.videos and not self.cut_otherwise

    @property
    def is_complete(self) -> bool:
        """Whether it is the same data set, but for bytes that other versions may write."""
        return self.has_all and (self.same_shards == self.shards or bool(self.other_versions))


def compared(lock: Lock, output: DatasetDir, manifest: Manifest) -> Rebuilt:
    """How much of what the lock file names is in the finished OUT."""
    counts: Counter[Reason] = Counter()
    shown: dict[bool, list[Missing]] = {True: [], False: []}
    for missing in _missing(output, lock.shards):
        counts[missing.reason] += 1
        first = shown[missing.reason is Reason.CHANGED]
        if len(first) < SHOWN:
            first.append(missing)
    changed = counts.pop(Reason.CHANGED, 0)
    recut = 0
    first_recut: list[ClipMismatch] = []
    with output.files.local(LOCK_FILE) as own:
        for each in _cut_otherwise(lock, read_lock(own)):
            recut += 1
            if len(first_recut) < SHOWN:
                first_recut.append(each)
    here = {(each.path, each.sha256) for each in manifest.shards}
    return Rebuilt(
        videos=lock.videos,
        here=manifest.totals.kept_videos,
        gone=dict(counts.most_common()),
        changed=changed,
        first_gone=tuple(shown[False]),
        first_changed=tuple(shown[True]),
        cut_otherwise=recut,
        first_cut_otherwise=tuple(first_recut),
        shards=len(lock.header.shards),
        same_shards=sum((each.path, each.sha256) in here for each in lock.header.shards),
        other_versions=tuple(other_versions(lock)),
    )


def other_versions(lock: Lock) -> list[str]:
    """The libraries that are others here than those the lock file names: clips may differ."""
    return [
        as_shown(f"{each.name} {each.b or 'none'} instead of {each.a or 'none'}")
        for each in changes_of(lock.header.versions, versions())
        # It classifies, which is not done again.
        if each.name != "onnxruntime"
    ]


def _cut_otherwise(lock: Lock, made: Lock) -> Iterator[ClipMismatch]:
    """The videos of both lock files whose clips differ. Both are in the same order."""
    rows = made.rows()
    row = next(rows, None)
    for locked in lock.rows():
        # What is made has no other videos than those of the lock file.
        if row is None or row.video_key != locked.video_key:
            continue
        if row.clips != locked.clips:
            same = len(set(row.clips) & set(locked.clips))
            shown = as_shown(row.video.video_id), as_shown(row.video.url)
            yield ClipMismatch(*shown, len(row.clips), same, len(locked.clips))
        row = next(rows, None)


def _missing(output: DatasetDir, shards: int) -> Iterator[Missing]:
    """The videos that are not kept, each once: what is wrong with one is so for all its targets."""
    columns = ["video_key", "video_id", "url", "reason", "error"]
    for index in range(shards):
        others = [("outcome", "!=", Outcome.KEPT.value)]
        with output.files.local(table_path("verdicts", index, shards)) as file:
            rows = pq.read_table(file, columns=columns, filters=others).to_pylist()
        for _, same in itertools.groupby(rows, key=lambda row: row["video_key"]):
            row = next(same)
            error = row["error"] and as_shown(row["error"])
            shown = as_shown(row["video_id"]), as_shown(row["url"])
            yield Missing(*shown, Reason(row["reason"]), error)
