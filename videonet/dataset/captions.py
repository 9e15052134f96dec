"""The captions of a data set: OUT/captions, a table a shard with one row for each kept video."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.fetch.webvtt import cues_in
from videonet.schemas.captions import CaptionCounts, Captions
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome, Reason
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_tables import (
    CAPTIONS,
    DamagedTableError,
    read_table,
    table_path,
    unreadable_table,
    write_table,
)
from videonet.storage.store import Store
from videonet.storage.stored_captions import stored_captions
from videonet.text import number

# What is counted of a row: the texts are not read for it.
_COUNTED = ["automatic", "cues", "reason"]

_ADVICE = "the command that made the data set writes it again"


def write_captions(
    output: DatasetDir, store: Store, index: int, shards: int, kept: Iterable[tuple[str, str]]
) -> None:
    """Write what the store knows of the captions of a shard's kept videos.

    `kept` has the key and the source's id of each, in order.
    """
    rows = [_known(store, video_key, video_id) for video_key, video_id in kept]
    write_table(output.files, table_path(CAPTIONS, index, shards), rows, Captions)


def captions_in(output: DatasetDir, index: int, shards: int) -> list[Captions]:
    """The captions of a shard's videos. Raises UsageError for a table that cannot be read."""
    return list(read_table(output.files, table_path(CAPTIONS, index, shards), Captions, _ADVICE))


def strip_captions(output: DatasetDir, index: int, shards: int, gone: Collection[str]) -> None:
    """Take videos out of the captions of a shard, if there are any.

    A table that is damaged may name them: it is deleted. Raises UsageError for one that cannot be
    read now, and leaves it as it is.
    """
    path = table_path(CAPTIONS, index, shards)
    if output.files.size(path) is None:
        return
    try:
        before = captions_in(output, index, shards)
    except DamagedTableError:
        output.files.delete(path)
        return
    left = [each for each in before if each.video_key not in gone]
    if left != before:
        write_table(output.files, path, left, Captions)


def caption_problems(
    output: DatasetDir, index: int, shards: int, kept: Sequence[str]
) -> Iterator[str]:
    """What is wrong with the captions of a shard, whose kept videos have these keys, in order."""
    path = table_path(CAPTIONS, index, shards)
    try:
        rows = captions_in(output, index, shards)
    except UsageError as error:
        yield str(error)
        return
    if [each.video_key for each in rows] != list(kept):
        yield f"{path} has not one row for each of the {len(kept)} kept videos, in their order."
    for each in rows:
        cues = sum(1 for _ in cues_in(each.vtt or ""))
        if cues != each.cues:
            yield f"{path} has {cues} cues of {each.video_key}, {each.cues} are stated."


def counted_captions(output: DatasetDir, shards: int) -> CaptionCounts:
    """How many videos of a data set have captions, of which kind, and why others have none.

    Raises UsageError.
    """
    return _counts(row for index in range(shards) for row in _counted_rows(output, index, shards))


def _counts(rows: Iterable[Mapping[str, Any]]) -> CaptionCounts:
    number, failed = Counter[str](), Counter[str]()
    for row in rows:
        if row["reason"] is not None:
            failed[row["reason"]] += 1
        elif not row["cues"]:
            number["none"] += 1
        else:
            number["automatic" if row["automatic"] else "written"] += 1
    return CaptionCounts(**number, failed=dict(sorted(failed.items())))


def with_captions(output: DatasetDir, manifest: Manifest, shards: int) -> Manifest:
    """The manifest with the counts of captions, where the data set has them. Raises UsageError.

    Where it has none by now, those of an earlier run over OUT are deleted.
    """
    if not manifest.settings.captions:
        output.files.delete_below(CAPTIONS)
        return manifest
    counted = counted_captions(output, shards)
    totals = msgspec.structs.replace(manifest.totals, captions=counted)
    return msgspec.structs.replace(manifest, totals=totals)


def with_captions_left(
    output: DatasetDir, manifest: Manifest, shards: int, say: Callable[[str], object]
) -> Manifest:
    """The same, where tables may be damaged, or missing as from a copy that was published so.

    If none is left, the data set has no captions from here on; if some are, the videos of the rest
    get a row that says so. `say` is given a sentence on it. Raises UsageError for a table that
    cannot be read now, before anything is changed.
    """
    if not manifest.settings.captions:
        return with_captions(output, manifest, shards)
    lost: list[int] = []

    def rows() -> Iterator[Mapping[str, Any]]:
        for index in range(shards):
            found = _rows_if_whole(output, index, shards)
            if found is None:
                lost.append(index)
            else:
                yield from found

    counted = _counts(rows())
    if len(lost) == shards:
        say(
            f"{output.address} has no captions that can be read: its manifest and its data card "
            "speak of none any more. The command that made the data set writes them again."
        )
        settings = msgspec.structs.replace(manifest.settings, captions=False)
        totals = msgspec.structs.replace(manifest.totals, captions=None)
        manifest = msgspec.structs.replace(manifest, settings=settings, totals=totals)
        return with_captions(output, manifest, shards)
    if lost:
        for index in lost:
            _write_lost(output, index, shards)
        say(
            f"The captions of {number(len(lost), 'shard')} of {output.address} could not be read, "
            "and count as interrupted; the command that made the data set writes them again."
        )
        return with_captions(output, manifest, shards)
    totals = msgspec.structs.replace(manifest.totals, captions=counted)
    return msgspec.structs.replace(manifest, totals=totals)


def _rows_if_whole(output: DatasetDir, index: int, shards: int) -> list[dict[str, Any]] | None:
    """What is counted of a table; None: it is missing or damaged.

    Raises UsageError where it cannot be read now.
    """
    if output.files.size(table_path(CAPTIONS, index, shards)) is None:
        return None
    try:
        return _counted_rows(output, index, shards)
    except DamagedTableError:
        return None


def _write_lost(output: DatasetDir, index: int, shards: int) -> None:
    """Write the captions of a shard whose table is lost: of each kept video, that it is."""
    kept = {
        each.video_key: each.video.video_id
        for each in output.verdicts(index, shards)
        if each.outcome is Outcome.KEPT
    }
    why = "the table that had them could not be read"
    rows = [
        Captions(video_key=key, video_id=video_id, reason=Reason.INTERRUPTED, error=why)
        for key, video_id in sorted(kept.items())
    ]
    write_table(output.files, table_path(CAPTIONS, index, shards), rows, Captions)


def _counted_rows(output: DatasetDir, index: int, shards: int) -> list[dict[str, Any]]:
    path = table_path(CAPTIONS, index, shards)
    try:
        with output.files.local(path) as file:
            rows: list[dict[str, Any]] = pq.read_table(file, columns=_COUNTED).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise unreadable_table(output.files, path, error, _ADVICE) from error
    return rows


def _known(store: Store, video_key: str, video_id: str) -> Captions:
    known = stored_captions(store, video_key)
    if known is not None:
        # Another source, whose data set shares the store, may call the video something else.
        return msgspec.structs.replace(known.captions, video_id=video_id)
    # Such as where a run was held up while it asked for them.
    why = "nobody has asked for them"
    return Captions(video_key=video_key, video_id=video_id, reason=Reason.INTERRUPTED, error=why)
