"""The kept videos of a data set as a lock file lists them: from its verdicts and its clips.

In the order of their shards, and of video_key within a shard.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.candidate import Match
from videonet.schemas.lock_file import LockedVideo, Span
from videonet.schemas.manifest import Manifest, Shard
from videonet.schemas.reason import Outcome
from videonet.schemas.record import Record
from videonet.schemas.run import ShardState
from videonet.schemas.table import arrow_schema, from_batch
from videonet.schemas.target import Target
from videonet.schemas.video_info import LockedInfo
from videonet.shards.layout import shard_path
from videonet.shards.page_headers import rows_at_once
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_tables import table_path

_ROWS_AT_ONCE = 5_000


class _Kept(Record, frozen=True, kw_only=True):
    """What a lock file needs of the verdict that keeps a video, which has more columns."""

    video_key: str
    video: LockedInfo
    source: str
    sha256: str
    bytes: int | None
    duration: float | None
    target_id: str
    matched_names: tuple[str, ...]
    query: str | None
    rank: int
    # verdicts of earlier versions have no such column
    inherited: tuple[Match, ...] | None = None


def locked_videos(
    output: DatasetDir, manifest: Manifest, targets: Sequence[Target], *, from_clips: bool
) -> Iterator[LockedVideo]:
    """The kept videos of the data set that `manifest` accounts for.

    Where each clip begins and ends is what was noted when its shard was written, unless nothing
    was; with `from_clips` it is read from the clips themselves, which may take hours. Raises
    UsageError for a file that cannot be read.
    """
    shards, formats = manifest.settings.shards, manifest.settings.formats
    positions = {target.target_id: place for place, target in enumerate(targets)}
    files = {each.path: each for each in manifest.shards}
    for index, state in enumerate(output.shard_states.all(shards)):
        kept = _kept(output, index, shards)
        spans: Mapping[str, Sequence[Span]] = {}
        if kept:
            paths = [shard_path(name, index, shards) for name in formats]
            noted = None if from_clips else _noted(state, [files.get(path) for path in paths])
            spans = _read(output, formats, index, shards) if noted is None else noted
        for key, verdicts in itertools.groupby(kept, key=lambda each: each.video_key):
            labelled = _with_inherited(list(verdicts), positions)
            yield _video(labelled, positions, targets, spans.get(key, ()))


def _kept(output: DatasetDir, index: int, shards: int) -> list[_Kept]:
    """The verdicts of a shard that keep a video: by video_key, then in the order of the targets."""
    path = table_path("verdicts", index, shards)
    names = arrow_schema(_Kept).names
    found: list[_Kept] = []
    try:
        with output.files.local(path) as file, pq.ParquetFile(file) as table:
            rows = rows_at_once(file, table.metadata, _ROWS_AT_ONCE)
            names = [name for name in names if name in table.schema_arrow.names]
            for batch in table.iter_batches(rows, columns=[*names, "outcome"]):
                kept = batch.filter(pc.field("outcome") == Outcome.KEPT.value)
                found += from_batch(_Kept, kept.select(names))
        return found
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(output, path, error) from error


def _with_inherited(kept: Sequence[_Kept], positions: Mapping[str, int]) -> list[_Kept]:
    """A video's verdicts, with one for each label that it has from a duplicate, in their order."""
    first = kept[0]
    inherited = (
        msgspec.structs.replace(
            first,
            video=msgspec.structs.replace(first.video, title=match.title or first.video.title),
            target_id=match.target_id,
            matched_names=match.names,
            query=match.query,
            rank=match.rank,
        )
        for match in first.inherited or ()
    )
    return sorted((*kept, *inherited), key=lambda each: positions[each.target_id])


def _video(
    kept: Sequence[_Kept],
    positions: dict[str, int],
    targets: Sequence[Target],
    clips: Sequence[Span],
) -> LockedVideo:
    first = kept[0]
    labels = tuple(positions[each.target_id] for each in kept)
    return LockedVideo(
        video_key=first.video_key,
        video=first.video,
        source=first.source,
        sha256=first.sha256,
        bytes=first.bytes,
        duration=first.duration,
        labels=labels,
        names=tuple(targets[place].name for place in labels),
        matches=tuple(
            Match(
                target_id=each.target_id,
                names=each.matched_names,
                title=None if each.video.title == first.video.title else each.video.title,
                query=each.query,
                rank=each.rank,
            )
            for each in kept
        ),
        clips=tuple(clips),
    )


def _noted(
    state: ShardState | None, files: Sequence[Shard | None]
) -> Mapping[str, Sequence[Span]] | None:
    """The spans that were noted when just these files were written; None: none were."""
    return state.spans if state and list(state.files) == list(files) else None


def _read(
    output: DatasetDir, formats: Sequence[str], index: int, shards: int
) -> Mapping[str, Sequence[Span]]:
    """The spans of the clips in a shard, by video_key. Raises UsageError."""
    clips: defaultdict[str, list[Span]] = defaultdict(list)
    # The frames, nearly all of its bytes, need not be read of a Parquet file.
    name = "parquet" if "parquet" in formats else formats[0]
    path = shard_path(name, index, shards)
    try:
        with output.files.local(path) as file:
            for example_id, begin, end in (
                _columns(file) if name == "parquet" else _whole(file, name)
            ):
                clips[example_id.rpartition("#")[0]].append(Span(begin=begin, end=end))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(output, path, error) from error
    return clips


def _columns(file: Path) -> Iterator[tuple[str, int, int]]:
    """What each clip is called, and its begin and end in microseconds."""
    columns = ["example_id", "clip_start_timestamp", "clip_end_timestamp"]
    with pq.ParquetFile(file, page_checksum_verification=True) as table:
        rows = rows_at_once(file, table.metadata, _ROWS_AT_ONCE, columns)
        for batch in table.iter_batches(rows, columns=columns):
            yield from zip(*(batch[name].to_pylist() for name in columns), strict=True)


def _whole(file: Path, name: str) -> Iterator[tuple[str, int, int]]:
    """Likewise, of a format that is read clip by clip."""
    for clip in FORMATS[name].read(file):
        yield clip.example_id, clip.clip_start_timestamp, clip.clip_end_timestamp


def _unreadable(output: DatasetDir, path: str, error: BaseException) -> UsageError:
    return UsageError(
        f"{output.place_of(path)} is damaged ({' '.join(str(error).split())}). Delete it; the same "
        "command writes it again."
    )
