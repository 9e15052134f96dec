"""Whether an export is what its export.json says: files of clips and tables, videos and counts."""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from videonet.errors import UsageError
from videonet.export.attribution import Row, read_attribution
from videonet.export.folder import (
    CAPTIONS,
    EXPORT,
    files_at,
    read_export,
    withdrawn_from,
)
from videonet.export.forms import FORMS
from videonet.export.listing import lines_in, locked_in
from videonet.export.mp4 import files_in
from videonet.export.names import stem_of
from videonet.schemas.export import Export, ExportFile, ExportForm
from videonet.storage.dataset_files import DatasetFiles


@dataclass
class ExportReport:
    """What was looked at, and what is wrong with it: one sentence each."""

    export: Export
    problems: list[str] = field(default_factory=list)


def verify_export(place: Path | str) -> ExportReport:
    """Look at all of an export. Raises UsageError where there is none."""
    files = files_at(place)
    export = read_export(files)
    report = ExportReport(export)
    say = report.problems.append
    for problem in _counts(export):
        say(problem)
    changed = list(_changed(files, export))
    report.problems += [f"{path} {what}." for path, what in changed]
    bad = {path for path, _ in changed}
    try:
        report.problems += _strangers(files, export, bad)
        for problem in _videos(files, export, bad):
            say(problem)
        report.problems += _withdrawn(files)
    except UsageError as error:
        say(str(error))
    return report


def _counts(export: Export) -> Iterator[str]:
    """The counts balance."""
    counts = export.counts
    if counts.exported + sum(counts.refused.values()) != counts.kept:
        yield f"{EXPORT} does not balance: exported and refused videos are not the kept ones."
    if sum(counts.sides.values()) != counts.exported:
        yield f"{EXPORT} does not balance: the sides have other videos than are exported."
    if counts.sound is not None and sum(counts.sound.values()) != counts.exported:
        yield f"{EXPORT} does not balance: the sound of other videos is accounted for."
    if export.request.form is not ExportForm.LIST:
        found = (
            sum(each.videos for each in export.shards),
            sum(each.clips for each in export.shards),
        )
        if found != (counts.exported, counts.clips):
            yield f"{EXPORT} does not balance: its shards have other videos or clips."


def _changed(files: DatasetFiles, export: Export) -> Iterator[tuple[str, str]]:
    """The files that are not what they were."""
    for each in (*export.shards, *export.tables):
        size = files.size(each.path)
        if size is None:
            yield each.path, "is missing"
        elif (size, files.sha256(each.path)) != (each.bytes, each.sha256):
            yield each.path, "was changed"


def _strangers(files: DatasetFiles, export: Export, bad: set[str]) -> Iterator[str]:
    """What lies where a tool opens all files of a folder, and is none of the export's."""
    due = {each.path for each in (*export.shards, *export.tables)}
    if export.request.form is ExportForm.MP4:
        # Folder by folder: there are millions of files.
        for shard in export.shards:
            if shard.path not in bad:
                folder = shard.path.rpartition("/")[0]
                own = {f"{folder}/{each.file}" for each in files_in(files, shard.path)}
                yield from _others(files, folder, {*own, shard.path})
        folders = {CAPTIONS}
    else:
        folders = {path.partition("/")[0] for path in due if "/" in path}
    for folder in sorted(folders):
        yield from _others(files, folder, due)


def _others(files: DatasetFiles, folder: str, due: Collection[str]) -> Iterator[str]:
    for path in files.list(folder):
        if path not in due and not path.rpartition("/")[2].startswith("."):
            yield f"{path} is no file of this export."


def _videos(files: DatasetFiles, export: Export, bad: set[str]) -> Iterator[str]:
    """Each shard has the clips of the videos that the attribution names, and no others."""
    if export.request.form is ExportForm.LIST:
        yield from _listed(files)
        return
    form = FORMS[export.request.form]
    shards = {each.path: each for each in export.shards}
    rows = 0
    for path, own in itertools.groupby(read_attribution(files), key=lambda each: each.shard):
        members = list(own)
        rows += len(members)
        shard = shards.pop(path, None)
        if shard is None:
            yield f"The attribution names {path}, which is no file of this export."
        elif path not in bad:
            yield from _members(files, form.clips_in, shard, members)
    for path, shard in shards.items():
        if path not in bad:
            yield from _members(files, form.clips_in, shard, ())
    if rows != export.counts.exported:
        yield f"The attribution names {rows:,} videos, {export.counts.exported:,} are stated."


def _members(
    files: DatasetFiles,
    clips_in: Callable[[DatasetFiles, str], Counter[str]],
    shard: ExportFile,
    rows: Sequence[Row],
) -> Iterator[str]:
    try:
        found = clips_in(files, shard.path)
    except UsageError as error:
        yield str(error)
        return
    due = Counter({stem_of(each.video_key): each.clips for each in rows})
    if found != due:
        yield f"{shard.path} has other clips than the attribution says."
    if (shard.videos, shard.clips) != (len(found), found.total()):
        yield f"{shard.path} has other videos or clips than {EXPORT} says."


def _listed(files: DatasetFiles) -> Iterator[str]:
    """The three lists name the same videos, in the same order."""
    every = (read_attribution(files), locked_in(files), lines_in(files))
    for row, locked, line in itertools.zip_longest(*every):
        if row is None or locked is None or line is None:
            yield "The list, its lines and its attribution do not have as many videos."
            return
        if (
            len({row.video_key, locked.video_key, line.video_key}) > 1
            or locked.clips != line.clips
            or row.clips != len(line.clips)
        ):
            yield f"The list, its lines and its attribution differ, first on {line.video_key}."
            return


def _withdrawn(files: DatasetFiles) -> Iterator[str]:
    gone = {each.video_key for each in withdrawn_from(files)}
    if gone:
        for row in read_attribution(files):
            if row.video_key in gone:
                yield f"{row.video_key} was withdrawn and is here; withdraw it again."
