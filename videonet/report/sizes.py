"""How much there is: videos, clips, frames, hours, channels and licences."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from videonet.dataset.card.numbers import clip_seconds, licences_of
from videonet.report.histograms import shard_sizes
from videonet.report.inputs import ReportInput
from videonet.report.page.content import ClassRow, Sizes
from videonet.shards.parquet import frames_in
from videonet.text import file_size, number, number_of


def sizes_of(given: ReportInput, rows: Sequence[ClassRow]) -> Sizes:
    """The sizes of a data set with these classes."""
    counted = _videos(given)
    ((milliseconds, channels, without_channel, without_licence),) = given.db.rows(_KEPT)
    licences = licences_of(given.db, "kept")
    is_finished = given.manifest is not None
    return Sizes(
        candidates=counted.candidates,
        kept=counted.kept,
        with_clip=counted.with_clip,
        classes=sum(row.funnel.kept + row.funnel.inherited > 0 for row in rows),
        classes_with_clip=sum(row.funnel.clips > 0 for row in rows),
        clips=counted.clips,
        frames=_frames(given),
        clip_seconds=clip_seconds(given.db, given.output) if is_finished else None,
        kept_seconds=milliseconds / 1000,
        bytes=sum(shard_sizes(given)),
        channels=channels,
        without_channel=without_channel,
        licences=licences.statements,
        without_licence=without_licence,
        creative_commons=licences.creative_commons,
        motion=given.manifest.totals.motion if given.manifest else None,
    )


def summary_of(given: ReportInput, sizes: Sizes) -> str:
    """What was found and kept, and what it gives, in a sentence or two. All of it counts videos."""
    found = number(sizes.candidates, "video")
    if given.is_rebuilt:
        if not sizes.candidates:
            return "There are no candidates: the lock file names no video."
        found += " of the lock file"
    else:
        if not sizes.candidates:
            return f"There are no candidates: {number(given.lookup.titles, 'title')} looked at."
        found += " found"
    if not sizes.kept:
        return f"None of {found} was kept."
    kept = f"{sizes.kept:,} of {found} {'was' if sizes.kept == 1 else 'were'} kept"
    if not sizes.with_clip:
        return f"{kept}, but {'it is' if sizes.kept == 1 else 'all are'} too short for a clip."
    if short := sizes.kept - sizes.with_clip:
        kept += f", {short:,} of them too short for a clip"
    classes = number_of(sizes.classes_with_clip, given.classes, "class", "classes")
    gives = "gives" if sizes.with_clip == 1 else "give"
    shards = f", {file_size(sizes.bytes)}" if sizes.bytes else ""
    return (
        f"{kept}. {number(sizes.with_clip, 'video')} in {classes} {gives} "
        f"{number(sizes.clips, 'clip')}{shards}."
    )


class _Videos(NamedTuple):
    candidates: int
    kept: int
    with_clip: int
    clips: int


def _videos(given: ReportInput) -> _Videos:
    """Distinct videos and their clips, as a manifest has counted them once and for all."""
    if given.manifest is not None:
        totals = given.manifest.totals
        with_clip = totals.kept_videos - totals.kept_without_clip
        return _Videos(totals.candidates, totals.kept_videos, with_clip, totals.clips)
    ((candidates,),) = given.db.rows("select count(*) from candidates")
    ((kept, with_clip, clips),) = given.db.rows(
        "select count(*), count(*) filter (clips > 0), coalesce(sum(clips), 0)::bigint from kept"
    )
    return _Videos(candidates, kept, with_clip, clips)


def _frames(given: ReportInput) -> int | None:
    """How many frames all clips have, by the footers of Parquet shards; None: not known."""
    shards = given.manifest.shards if given.manifest else ()
    paths = [each.path for each in shards if each.path.endswith(".parquet")]
    frames = 0
    try:
        for path in paths:
            with given.output.files.open(path) as file:
                frames += frames_in(file)
        return frames if paths else None
    except (OSError, pa.ArrowException):
        return None


# In whole milliseconds, for sums of fractions depend on their order.
_KEPT = """
select
    coalesce(sum(round(seconds * 1000)), 0)::bigint,
    count(distinct channel),
    count(*) - count(channel),
    count(*) - count(licence)
from kept
"""
