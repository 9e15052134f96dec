"""Videos that are the same: of them, the best stays. For this, all verdicts are waited for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.pvalue import TaggedOutput

from videonet.curation.context import RunContext, run_context
from videonet.schemas.candidate import Match
from videonet.schemas.fetch import Cut
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.run import Plan
from videonet.schemas.selection import Duplicates
from videonet.schemas.verdict import Verdict
from videonet.selection.duplicates import (
    Duplicate,
    KeptVideo,
    best_first,
    different_contents,
    duplicates,
)
from videonet.selection.frame_table import frame_table
from videonet.selection.stored_hashes import ClipPlaces, hashes_among, hashes_of
from videonet.stages.threaded import MAIN, Stage, ThreadedDoFn, complete_list

# What is said of a video, by kind.
_ROWS, _FOUND, _LABELS = "rows", "found", "labels"


class DuplicateFilter(Stage):
    """Of videos that are the same, the best stays: Verdict | Cut -> Verdict | Cut.

    Which others there are says nothing of a video by itself. So this is no rule of `decide`, and
    comes when all candidates have their verdicts. What crosses it are records; the hashes of the
    frames stay in the store.
    """

    def expand(self, verdicts: Any) -> Any:
        plan = self.plan
        videos = (
            verdicts
            | "Video" >> beam.Map(lambda each: (each.video_key, each))
            | "OneVideo" >> beam.GroupByKey()
        )
        found = (
            videos
            | "HashFrames" >> beam.ParDo(ThreadedDoFn(plan, _looked_at, plan.workers))
            | "All" >> beam.Map(lambda each: ("", each))
            | "AllAtOnce" >> beam.GroupByKey()
            | "FindDuplicates" >> beam.FlatMap(_found, plan)
        )
        judged = (
            {_ROWS: videos, _FOUND: found}
            | "WithFound" >> beam.CoGroupByKey()
            | "Judge" >> beam.FlatMap(_judged, plan).with_outputs(_LABELS, main=MAIN)
        )
        return (
            {_ROWS: judged[MAIN], _LABELS: judged[_LABELS]}
            | "WithLabels" >> beam.CoGroupByKey()
            | "Label" >> beam.FlatMap(_labelled, plan)
        )


def marked(verdict: Verdict, duplicate: Duplicate) -> Verdict:
    """The verdict on a kept video that names the one which it is the same as."""
    return msgspec.structs.replace(verdict, duplicate_of=duplicate.of)


def dropped(verdict: Verdict, duplicate: Duplicate) -> Verdict:
    """The verdict on a kept video that makes way for the one which it is the same as."""
    return msgspec.structs.replace(
        marked(verdict, duplicate),
        outcome=Outcome.REJECTED,
        reason=Reason.DUPLICATE,
        error=duplicate.why,
        clips=0,
    )


def match_of(verdict: Verdict) -> Match:
    """Why a video was a candidate for the target of its verdict."""
    return Match(
        target_id=verdict.target_id,
        names=verdict.matched_names,
        title=verdict.video.title,
        query=verdict.query,
        rank=verdict.rank,
    )


def with_labels(
    verdicts: Iterable[Verdict], matches: Iterable[Match], position: Callable[[str], int]
) -> list[Verdict]:
    """The verdicts on a video that stays, with labels of those that were dropped for it.

    `position` says where a target stands in the run's list. Of several reasons for one label, that
    of the lowest rank counts.
    """
    verdicts = list(verdicts)
    own = {each.target_id for each in verdicts if each.outcome is Outcome.KEPT}
    inherited = dict[str, Match]()
    for match in sorted(matches, key=lambda each: (each.rank, each.to_json())):
        if match.target_id not in own:
            inherited.setdefault(match.target_id, match)
    if not inherited:
        return verdicts
    ordered = tuple(inherited[each] for each in sorted(inherited, key=position))
    return [
        msgspec.structs.replace(each, inherited=ordered) if each.outcome is Outcome.KEPT else each
        for each in verdicts
    ]


def _looked_at(
    context: RunContext, element: tuple[str, Iterable[Verdict | Cut]]
) -> Iterator[KeptVideo]:
    """What says how good a kept video is; its frames have hashes from here on."""
    key, rows = element
    kept = [row for row in rows if isinstance(row, Verdict) and row.outcome is Outcome.KEPT]
    if not kept:
        return
    first = kept[0]
    assert first.sha256 is not None, "a video is kept whose content was cut"
    if first.clips:
        hashes_of(_places(context), key, first.sha256)
    size, length = first.bytes or 0, first.duration or 0.0
    yield KeptVideo(
        video_key=key,
        sha256=first.sha256,
        pixels=(first.width or 0) * (first.height or 0),
        bytes_a_second=size / length if length else 0.0,
        rank=min(each.rank for each in kept),
    )


def _found(element: tuple[str, Iterable[KeptVideo]], plan: Plan) -> Iterator[tuple[str, Duplicate]]:
    """The duplicates among all kept videos, by key."""
    context = run_context(plan)
    with context.complaining():
        videos = best_first(element[1])
        contents = different_contents(videos)
        places = {each.video_key: place for place, each in enumerate(contents)}
        wanted = {each.video_key: each.sha256 for each in contents}
        hashes = hashes_among(context.store, wanted, context.cut_key)
        table = frame_table(len(contents), ((places[each.video_key], each) for each in hashes))
        for duplicate in duplicates(videos, table):
            yield duplicate.video_key, duplicate


def _judged(element: tuple[str, Mapping[str, Any]], plan: Plan) -> Iterator[Any]:
    """What is said of a video, by its key; and labels of one that is dropped, by that which stays.

    What cutting it brought is only of use where it stays.
    """
    key, said = element
    rows = [row for some in said[_ROWS] for row in some]
    duplicate = next(iter(said[_FOUND]), None)
    if duplicate is None:
        yield from ((key, row) for row in rows)
        return
    for row in rows:
        if not isinstance(row, Verdict) or row.outcome is not Outcome.KEPT:
            if isinstance(row, Verdict) or plan.settings.duplicates is Duplicates.MARK:
                yield key, row
        elif plan.settings.duplicates is Duplicates.MARK:
            yield key, marked(row, duplicate)
        else:
            yield key, dropped(row, duplicate)
            yield TaggedOutput(_LABELS, (duplicate.of, match_of(row)))


def _labelled(element: tuple[str, Mapping[str, Any]], plan: Plan) -> Iterator[Verdict | Cut]:
    """What is said of a video, with the labels that it has from others."""
    _, said = element
    rows = list(said[_ROWS])
    yield from (row for row in rows if isinstance(row, Cut))
    verdicts = [row for row in rows if isinstance(row, Verdict)]
    yield from with_labels(verdicts, said[_LABELS], run_context(plan).position)


def _places(context: RunContext) -> ClipPlaces:
    plan = context.plan
    return ClipPlaces(
        context.store, context.output, context.cut_key, plan.run_id, complete_list(plan).shards
    )
