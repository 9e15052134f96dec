"""Videos are taken out of an export for good.

First it is written down that they may not come back, then come the files of clips, then what speaks
of them, export.json at last. A killed call is made again as a whole: all counts are made anew from
the attribution.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.export.attribution import Row, read_attribution, videos_among, write_attribution
from videonet.export.card import write_card
from videonet.export.folder import (
    ATTRIBUTION,
    CAPTIONS,
    file_of,
    files_at,
    finish,
    read_export,
    withdrawn_from,
    write_withdrawn,
)
from videonet.export.forms import FORMS
from videonet.export.listing import strip_list
from videonet.export.names import stem_of
from videonet.schemas.captions import Captions
from videonet.schemas.export import Export, ExportCounts, ExportFile, ExportForm, LeftOut
from videonet.schemas.withdrawal import Withdrawal
from videonet.storage.dataset_files import DatasetFiles
from videonet.storage.dataset_tables import read_table, write_table


@dataclass(frozen=True)
class TakenOutOfExport:
    """What was done, this time."""

    # the videos that were in the export, in the order of their keys
    videos: tuple[Withdrawal, ...]
    clips: int
    # files of clips that were written again
    rewritten: int
    # names that are of no video that is in the export, or was taken out of it
    unknown: int


def withdraw_from_export(
    place: Path | str, videos: Collection[str], *, required: Collection[str] = ()
) -> TakenOutOfExport:
    """Take all videos with these keys, or with the source's ids, out of an export.

    Of `videos`, those that are not in it are passed over; of `required`, each must be in it, or
    have been taken out of it. The command that made the export does not bring them back.
    Interrupted, the same call goes on. Raises UsageError, before anything is changed, for a
    required one that is not known, where there is no finished export, where another command is at
    work in it, and for files that are missing or were changed: to write them again would make what
    is left of them look sound.
    """
    files = files_at(place)
    # Before anything is written there, if only a lock.
    read_export(files)
    with files.exclusive():
        export = read_export(files)
        files.delete_drafts()
        before = withdrawn_from(files)
        # Those of earlier calls as well: one may have been killed.
        named = {*videos, *required}
        rows = videos_among(files, named | {each.video_key for each in before})
        known = {name for each in before for name in (each.video_key, each.video_id)}
        known |= {name for row in rows for name in (row.video_key, row.video_id)}
        strange = sorted(set(required) - known)
        if strange:
            raise UsageError(
                f"{files.address} has no video {' or '.join(map(repr, strange))}; give what stands "
                f"under video_id or video_key in its {ATTRIBUTION}. Nothing was changed."
            )
        is_settled = _is_as_stated(files, export)
        if not rows and is_settled:
            return TakenOutOfExport((), 0, 0, len(named - known))
        # Where a killed call has written the attribution, nothing says which files it has changed.
        if is_settled:
            _check_whole(files, export, rows, frozenset(each.video_key for each in before))
        new = tuple(
            Withdrawal(video_key=row.video_key, video_id=row.video_id)
            for row in sorted(rows, key=lambda each: each.video_key)
        )
        write_withdrawn(files, tuple({each.video_key: each for each in (*before, *new)}.values()))
        gone = frozenset(row.video_key for row in rows)
        changed = _strip_shards(files, export, rows)
        _strip_captions(files, export, gone)
        left = (row for row in read_attribution(files) if row.video_key not in gone)
        write_attribution(files, left)
        made = _counted_anew(files, export, changed if is_settled else None)
        write_card(files, made)
        finish(files, made)
    clips = sum(row.clips for row in rows)
    return TakenOutOfExport(new, clips, len(changed), len(named - known))


def _is_as_stated(files: DatasetFiles, export: Export) -> bool:
    """Whether the attribution is the one that export.json speaks of."""
    stated = next((each for each in export.tables if each.path == ATTRIBUTION), None)
    return (
        stated is not None
        and files.size(ATTRIBUTION) == stated.bytes
        and files.sha256(ATTRIBUTION) == stated.sha256
    )


def _check_whole(
    files: DatasetFiles, export: Export, rows: Collection[Row], begun: frozenset[str]
) -> None:
    """Raise UsageError unless the files that are to be written again are what they were.

    Nothing can be said of those that a killed call has `begun` with, by the videos in them.
    """
    is_list = export.request.form is ExportForm.LIST
    own = {row.shard for row in rows}
    unsure = {row.shard for row in rows if row.video_key in begun}
    for each in export.shards:
        if unsure if is_list else (each.path not in own or each.path in unsure):
            continue
        found = files.size(each.path)
        if found is None or (found, files.sha256(each.path)) != (each.bytes, each.sha256):
            what = "is missing" if found is None else "was changed since it was exported"
            raise UsageError(
                f"{files.address}/{each.path} {what}, so that nobody can say what is left of it; "
                "delete this export, and export the data set again without those videos."
            )


def _strip_shards(files: DatasetFiles, export: Export, gone: Collection[Row]) -> frozenset[str]:
    """Write the files of clips again that have one of these videos; their paths."""
    if not gone:
        return frozenset()
    if export.request.form is ExportForm.LIST:
        strip_list(files, frozenset(row.video_key for row in gone))
        return frozenset(each.path for each in export.shards)
    form = FORMS[export.request.form]
    known = {each.path for each in export.shards}
    stems: dict[str, set[str]] = {}
    for row in gone:
        if row.shard not in known:
            raise UsageError(
                f"{files.address}/{ATTRIBUTION} names {row.shard}, which is no file of this "
                "export; export the data set again."
            )
        stems.setdefault(row.shard, set()).add(stem_of(row.video_key))
    for path, own in sorted(stems.items()):
        form.strip(files, path, own)
    return frozenset(stems)


def _strip_captions(files: DatasetFiles, export: Export, gone: Collection[str]) -> None:
    for path in (each.path for each in export.tables if each.path.startswith(f"{CAPTIONS}/")):
        captions = list(read_table(files, path, Captions, "export the data set again"))
        left = [row for row in captions if row.video_key not in gone]
        if left != captions:
            write_table(files, path, left, Captions)


@dataclass
class _Tally:
    """What the attribution comes to."""

    # by file of clips
    videos: Counter[str] = field(default_factory=Counter)
    clips: Counter[str] = field(default_factory=Counter)
    sides: Counter[str] = field(default_factory=Counter)
    sound: Counter[str] = field(default_factory=Counter)


def _counted_anew(files: DatasetFiles, export: Export, changed: Collection[str] | None) -> Export:
    """The record of an export whose files of clips have changed; None: any may have."""
    found = _Tally()
    for row in read_attribution(files):
        found.videos[row.shard] += 1
        found.clips[row.shard] += row.clips
        found.sides[row.side] += 1
        found.sound[row.sound] += 1
    counts = _counts(export.counts, found)

    def shard(before: ExportFile) -> ExportFile:
        if changed is not None and before.path not in changed:
            return before
        is_list = export.request.form is ExportForm.LIST
        videos = counts.exported if is_list else found.videos[before.path]
        clips = counts.clips if is_list else found.clips[before.path]
        return file_of(files, before.path, side=before.side, videos=videos, clips=clips)

    def table(before: ExportFile) -> ExportFile:
        if before.path == ATTRIBUTION:
            return file_of(files, before.path, videos=counts.exported, clips=counts.clips)
        # One row a video of the side that is in the same shard of the data set.
        rows = read_table(files, before.path, Captions, "export the data set again")
        videos = sum(1 for _ in rows)
        return file_of(files, before.path, side=before.side, videos=videos, clips=0)

    return msgspec.structs.replace(
        export,
        counts=counts,
        shards=tuple(map(shard, export.shards)),
        tables=tuple(map(table, export.tables)),
    )


def _counts(before: ExportCounts, found: _Tally) -> ExportCounts:
    exported = found.videos.total()
    others = {name: n for name, n in before.refused.items() if name != LeftOut.WITHDRAWN}
    refused = {**others, LeftOut.WITHDRAWN.value: before.kept - exported - sum(others.values())}
    return ExportCounts(
        kept=before.kept,
        exported=exported,
        clips=found.clips.total(),
        refused={name: videos for name, videos in sorted(refused.items()) if videos},
        # Also those of which no video is left: their files are still there.
        sides={side: found.sides[side] for side in before.sides},
        sound=None if before.sound is None else dict(sorted(found.sound.items())),
    )
