"""From class list to candidate list: read or search for titles, match them, keep to the quota."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.pvalue import AsList, AsSingleton, PCollection, TaggedOutput

from videonet.curation import candidate_list
from videonet.curation.addresses import without_secrets
from videonet.curation.candidate_list import MatchedRow, TitleHit
from videonet.curation.context import RunContext, run_context
from videonet.curation.listed import Listed, belongs_to, bits_for, in_parts, part_of
from videonet.schemas.candidate import Candidate
from videonet.schemas.run import Lookup, Plan
from videonet.schemas.search import Search
from videonet.schemas.selection import ClipOptions
from videonet.schemas.target import Target
from videonet.shards.layout import number_of_shards, shard_of
from videonet.sources.known_videos import KnownVideos, remember
from videonet.sources.open_source import open_source
from videonet.sources.search import TargetSearch, query_rounds
from videonet.sources.search_cache import SearchContext
from videonet.sources.source import Batch, in_batches
from videonet.sources.source_spec import searched_site
from videonet.sources.video_key import video_key, with_identity
from videonet.stages.by_host import OnOneMachine
from videonet.stages.threaded import COUNTS, MAIN, Stage, ThreadedDoFn, complete_list
from videonet.targets.title_matcher import TitleMatcher, target_matcher

_TITLES = "titles"
_SEARCHES = "searches"

# Parts in which videos are counted, so that the keys of one fit into memory.
_PARTS = 1024


class ClassList(Stage):
    """The targets of the run: begin -> Target, without the outputs that confirm it.

    Titles need names alone, and a class such as "animal" has thousands of outputs.
    """

    def expand(self, begin: Any) -> Any:
        looked_for = run_context(self.plan).looked_for.values()
        named = [msgspec.structs.replace(each, outputs=()) for each in looked_for]
        return begin | beam.Create(named, reshuffle=False)


class TitleQuery(Stage):
    """Videos whose titles name a target: Target -> (Listed, index of each shard).

    The list is complete, and in OUT, before the first candidate comes out. An interrupted run
    goes on from the list that is there.
    """

    def expand(self, targets: Any) -> Any:
        shards = self.shards(targets)
        if self.plan.local:
            # No element is moved: the list is read as it is needed.
            return shards | "ReadList" >> beam.FlatMap(_listed, self.plan), shards
        listed = (
            self.reshuffle(shards, "SpreadList")
            | "ReadList" >> beam.FlatMap(_by_part, self.plan)
            | "OnePartOfList" >> beam.GroupByKey()
            | "JoinKnown" >> beam.FlatMap(_joined, self.plan)
        )
        return listed, shards

    def shards(self, targets: Any) -> Any:
        """The index of each shard, once the list is there."""
        if self.plan.listed:
            indices = range(self.plan.shards or 0)
            return targets.pipeline | "Listed" >> beam.Create(indices, reshuffle=False)
        return self._list(targets)

    def _titles(self, begin: Any) -> tuple[PCollection, Any]:
        """Batches of rows with titles; and an account of each target's search, if there is one."""
        if searched_site(self.plan.settings.source) is None:
            source = begin | "Source" >> beam.Impulse()
            return source | "ReadTitles" >> beam.FlatMap(_batches, self.plan), []
        targets = list(run_context(self.plan).looked_for)
        wanted = begin | "Wanted" >> beam.Create(targets, reshuffle=False)
        # All searches ask one host: a second machine could only wait for it.
        together = wanted if self.plan.local else wanted | "AllSearches" >> OnOneMachine()
        searched = together | "Search" >> beam.ParDo(
            ThreadedDoFn(self.plan, _search, self.plan.per_host)
        ).with_outputs(_SEARCHES, main=MAIN)
        return searched[MAIN], AsList(searched[_SEARCHES])

    def _list(self, targets: PCollection) -> PCollection:
        """Write the candidate list; the index of each shard, when it is complete."""
        # One start each: fused into one, a stage would wait for side inputs of its own making.
        begin = targets.pipeline
        batches, searches = self._titles(begin)
        matched = self.reshuffle(batches, "SpreadTitles") | "MatchTitles" >> beam.ParDo(
            _MatchTitles(self.plan), AsList(targets)
        ).with_outputs(_TITLES, main=MAIN)
        taken = (
            self._by_target(matched[MAIN])
            | "OneTarget" >> beam.GroupByKey()
            | "Quota" >> beam.ParDo(_Quota(), self.plan).with_outputs(COUNTS, main=MAIN)
        )
        videos = (
            taken[MAIN]
            | "VideoKeys" >> beam.FlatMap(_video_key)
            | "OnePart" >> beam.GroupByKey()
            | "CountVideos" >> beam.Map(_videos)
        )
        shards = AsSingleton(
            begin
            | "Number" >> beam.Impulse()
            | "NumberOfShards" >> beam.Map(_number_of_shards, self.plan, AsList(videos))
        )
        placed = taken[MAIN] | "Place" >> beam.Map(_placed, shards)
        empty = begin | "Empty" >> beam.Impulse() | "AllShards" >> beam.FlatMap(_nothing, shards)
        parts = (
            (placed, empty)
            | "WithEmptyShards" >> beam.Flatten()
            | "OneList" >> beam.GroupByKey()
            | "WriteList" >> beam.Map(_write_list, self.plan, shards)
        )
        return (
            begin
            | "List" >> beam.Impulse()
            | "ListIsComplete"
            >> beam.FlatMap(
                _list_is_complete,
                self.plan,
                AsList(matched[_TITLES] | beam.CombineGlobally(sum).without_defaults()),
                AsList(parts),
                AsList(taken[COUNTS]),
                searches,
                shards,
            )
        )

    def _by_target(self, matched: PCollection) -> PCollection:
        """What is found for each target: matched rows -> (target_id, hit)."""
        if not self.plan.settings.source.startswith("catalogue:"):
            identify = ThreadedDoFn(self.plan, _hits_by_target, self.plan.workers)
            return matched | "Identify" >> beam.ParDo(identify)
        identify = ThreadedDoFn(self.plan, _hits_by_id, self.plan.workers)
        return (
            matched
            | "Identify" >> beam.ParDo(identify)
            | "OneId" >> beam.GroupByKey()
            | "OneUrlEach" >> beam.FlatMap(_one_url_each, self.plan)
        )


class CandidateList(TitleQuery):
    """The candidate list, which is not read: Target -> index of each shard."""

    def expand(self, targets: Any) -> Any:
        return self.shards(targets)


class _MatchTitles(beam.DoFn):
    """Batch -> the rows whose titles name a target, and how many titles were looked at.

    Where neighbours are looked for, titles may name what they want, or need name nothing at all:
    which target a video is for is known once it was compared.
    """

    _titles: TitleMatcher | None = None

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._is_open = plan.settings.selects_neighbours

    def process(self, batch: Batch, targets: list[Target]) -> Iterator[Any]:
        if self._titles is None:
            self._titles = target_matcher(targets)
        yield TaggedOutput(_TITLES, len(batch))
        rows = (
            candidate_list.match_rows(batch, self._titles)
            if targets or not self._is_open
            else [MatchedRow(row, {"": ()}) for row in batch]
        )
        yield from map(candidate_list.not_compared, rows) if self._is_open else rows


class _Quota(beam.DoFn):
    """All hits for a target -> each with whether the quota takes it, and how many videos it has."""

    def process(self, element: tuple[str, Iterable[TitleHit]], plan: Plan) -> Iterator[Any]:
        target_id, hits = element
        # Which of them are neighbours is not known yet.
        most = sys.maxsize if plan.settings.selects_neighbours else plan.settings.per_class
        taken, left, videos = candidate_list.take_quota(hits, most)
        yield TaggedOutput(COUNTS, (target_id, videos))
        yield from ((hit, True) for hit in taken)
        yield from ((hit, False) for hit in left)


def _batches(_: bytes, plan: Plan) -> Iterator[Batch]:
    context = run_context(plan)
    context.progress.show_life()
    settings = plan.settings
    root = None if settings.files_root is None else Path(settings.files_root)
    with context.complaining():
        yield from open_source(settings.source, context.store, root).batches()


def _search(context: RunContext, target_id: str) -> list[Any]:
    """Search for one target: rows in batches, and an account of what each name has brought."""
    plan, target = context.plan, context.looked_for[target_id]
    settings = plan.settings
    site = searched_site(settings.source)
    assert site is not None
    titles = target_matcher([target])
    site_context = SearchContext(
        site.prefix,
        context.store,
        context.web,
        context.fetch_limits,
        plan.run_id,
        plan.refresh_search,
        context.search_outage,
    )
    search = TargetSearch(
        lambda title: bool(titles.match(title[: candidate_list.TITLE_LENGTH])),
        settings.per_class,
        settings.search_patience,
    )
    rounds = query_rounds(target, settings.modifiers, site.prefix)
    with context.progress.at_work("search"):
        end = search.run(rounds, site_context.open_queries)
    context.progress.searched()
    summary = TaggedOutput(_SEARCHES, search.summary(target_id, end))
    return [summary, *in_batches(iter(search.rows))]


def _hits_by_target(context: RunContext, matched: MatchedRow) -> list[tuple[str, TitleHit]]:
    return [(hit.match.target_id, hit) for hit in _hits(context, matched)]


def _hits_by_id(context: RunContext, matched: MatchedRow) -> list[tuple[str, TitleHit]]:
    return [(hit.sighting.video.video_id, hit) for hit in _hits(context, matched)]


def _hits(context: RunContext, matched: MatchedRow) -> list[TitleHit]:
    kind = context.plan.settings.source.partition(":")[0]
    row = with_identity(matched.row)
    return candidate_list.title_hits(matched._replace(row=row), video_key(row), kind)


def _one_url_each(
    element: tuple[str, Iterable[TitleHit]], plan: Plan
) -> list[tuple[str, TitleHit]]:
    hits = list(element[1])
    with run_context(plan).complaining():
        candidate_list.check_one_url(hits)
    return [(hit.match.target_id, hit) for hit in hits]


def _video_key(element: tuple[TitleHit, bool]) -> list[tuple[int, str]]:
    """The key of a video that the quota takes, by a part of all keys that fits into memory."""
    hit, taken = element
    key = hit.sighting.video_key
    return [(shard_of(key, _PARTS), key)] if taken else []


def _videos(element: tuple[int, Iterable[str]]) -> int:
    return len(set(element[1]))


def _number_of_shards(_: bytes, plan: Plan, videos: list[int]) -> int:
    settings = plan.settings
    usual = ClipOptions()
    pixels = (settings.short_side / usual.short_side) ** 2 * settings.frame_rate / usual.frame_rate
    return plan.shards or settings.shards or number_of_shards(sum(videos), pixels)


def _placed(element: tuple[TitleHit, bool], shards: int) -> tuple[int, tuple[TitleHit, bool]]:
    return shard_of(element[0].sighting.video_key, shards), element


def _nothing(_: bytes, shards: int) -> list[tuple[int, None]]:
    return [(index, None) for index in range(shards)]


def _write_list(
    element: tuple[int, Iterable[tuple[TitleHit, bool] | None]], plan: Plan, shards: int
) -> tuple[int, int, int, dict[str, int]]:
    """Write one file of the candidate list; its candidates, pairs, pairs left out, largest hosts.

    The store keeps what the source said of all videos that it found, within the quota or not.
    """
    index, rows = element
    hits = [row for row in rows if row is not None]
    context = run_context(plan)
    taken = [hit for hit, is_taken in hits if is_taken]
    candidates = candidate_list.candidates(taken, context.position)
    is_renewed = plan.settings.source != KnownVideos.kind
    with context.complaining():
        if hits:
            remember(context.store, list(dict.fromkeys(hit.sighting for hit, _ in hits)))
        listed = without_secrets(candidates, context.store, renewed=is_renewed)
        context.output.write_candidates(index, shards, listed)
    pairs = sum(len(each.matches) for each in candidates)
    crowded_out = candidate_list.pairs_of(taken) - pairs
    return len(candidates), pairs, crowded_out, candidate_list.largest_hosts(candidates)


def _list_is_complete(
    _: bytes,
    plan: Plan,
    titles: list[int],
    parts: list[tuple[int, int, int, dict[str, int]]],
    videos: list[tuple[str, int]],
    searches: list[Search],
    shards: int,
) -> list[int]:
    """Write the account of the lookup; the index of each shard."""
    context = run_context(plan)
    counts, order = dict.fromkeys(context.targets, 0) | dict(videos), list(context.looked_for)
    lookup = Lookup(
        titles=sum(titles),
        candidates=sum(candidates for candidates, *_ in parts),
        pairs=sum(pairs for _, pairs, *_ in parts),
        crowded_out=sum(number for _, _, number, _ in parts),
        shards=shards,
        matched=counts,
        searches=tuple(sorted(searches, key=lambda each: order.index(each.target_id))),
        hosts=candidate_list.summed_hosts(hosts for *_, hosts in parts),
    )
    with context.complaining():
        context.output.write_lookup(lookup)
    return list(range(shards))


def _listed(index: int, plan: Plan) -> Iterator[Listed]:
    """All candidates, when the first shard is asked for: they come in another order than there.

    Where the plan has but a part of the list, those of its part.
    """
    if index:
        return
    found = complete_list(plan)
    context = run_context(plan)
    # of the command's own part of the list: known when all is read, which is before any comes out
    pairs = 0

    def candidates() -> Iterator[Candidate]:
        nonlocal pairs
        for shard in range(found.shards):
            for candidate in context.output.candidates(shard, found.shards):
                if plan.part is None or belongs_to(plan.part, context.store, candidate):
                    pairs += len(candidate.matches)
                    yield candidate

    if plan.part is None:
        context.progress.listed(found.pairs)
    with context.complaining():
        for part, own in in_parts(context.store, candidates(), found.candidates, plan.part):
            if plan.part is not None:
                context.progress.listed(pairs)
            yield from context.with_known(part, own)


def _by_part(index: int, plan: Plan) -> Iterator[tuple[str, Candidate]]:
    """The candidates of a shard, by the bits that they have in common with their records."""
    found = complete_list(plan)
    context = run_context(plan)
    context.progress.listed(found.pairs)
    bits = bits_for(found.candidates)
    with context.complaining():
        for candidate in context.output.candidates(index, found.shards):
            yield part_of(context.store, candidate, bits), candidate


def _joined(element: tuple[str, Iterable[Candidate]], plan: Plan) -> Iterator[Listed]:
    part, candidates = element
    context = run_context(plan)
    with context.complaining():
        yield from context.with_known(part, candidates)
