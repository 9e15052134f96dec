"""The stages of a curation as Beam PTransforms: thin skins around plain functions.

Only records travel between stages, none larger than 4 kB, batches of titles aside; what they
speak of lies in the store and in OUT.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import AsList, AsSingleton, PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindows

from schemas import Candidate, Lookup, Plan, Reason, Search, Shard, Target, Totals, Verdict
from videonet import lookup, progress, steps
from videonet.errors import UsageError
from videonet.lookup import Found, Named
from videonet.manifest import Key, manifest_of, tally
from videonet.members import finish_shard
from videonet.shards import number_of_shards, shard_of
from videonet.sources import Batch, open_source
from videonet.sources.answers import Asked
from videonet.sources.found import remember
from videonet.sources.identity import video_key
from videonet.sources.row import in_batches
from videonet.sources.search import LookUp, rounds, searched_site
from videonet.steps import Decided
from videonet.titles import TitleMatcher
from videonet.workbench import Workbench, workbench

_VERDICTS = "verdicts"
_TITLES = "titles"
_MAIN = "main"
_COUNTS = "counts"
_SEARCHES = "searches"


class Stage(beam.PTransform):
    """A stage of the run that `plan` describes.

    What goes in and comes out stands in each stage's docstring; Beam reads the annotations of
    `expand` as type hints, and knows none for more than one collection.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan

    def spread(self, elements: PCollection, name: str) -> PCollection:
        """Let other machines take up `elements`. In one process that would only be a barrier."""
        return elements if self.plan.local else elements | name >> beam.Reshuffle()


class ClassList(Stage):
    """The targets of the run: begin -> Target."""

    def expand(self, begin: Any) -> Any:
        targets = workbench(self.plan).targets.values()
        return begin | beam.Create(list(targets))


class TitleQuery(Stage):
    """Videos whose titles name a target: Target -> (Candidate, index of each shard).

    The list is complete, and in OUT, before the first candidate comes out. An interrupted run
    goes on from the list that is there.
    """

    def expand(self, targets: Any) -> Any:
        if self.plan.listed:
            shards = targets.pipeline | "Listed" >> beam.Create(range(self.plan.shards or 0))
        else:
            shards = self._list(targets) | "EachShard" >> beam.FlatMap(_each)
        spread = self.spread(shards, "SpreadList")
        return spread | "ReadList" >> beam.FlatMap(_listed, self.plan), shards

    def _titles(self, begin: Any) -> tuple[PCollection, PCollection]:
        """Batches of rows with titles; and an account of each target's search, if there is one."""
        if searched_site(self.plan.settings.source) is None:
            none = begin | "NoSearches" >> beam.Create([])
            source = begin | "Source" >> beam.Create([None])
            return source | "ReadTitles" >> beam.FlatMap(_batches, self.plan), none
        wanted = begin | "Wanted" >> beam.Create(list(workbench(self.plan).targets))
        searched = self.spread(wanted, "SpreadSearches") | "Search" >> beam.ParDo(
            _InThreads(self.plan, _search, self.plan.per_host)
        ).with_outputs(_SEARCHES, main=_MAIN)
        return searched[_MAIN], searched[_SEARCHES]

    def _list(self, targets: PCollection) -> PCollection:
        """Write the candidate list; one element, the number of shards, when it is complete."""
        # One start each: fused into one, a stage would wait for side inputs of its own making.
        begin = targets.pipeline
        batches, searches = self._titles(begin)
        matched = self.spread(batches, "SpreadTitles") | "MatchTitles" >> beam.ParDo(
            _MatchTitles(), AsList(targets)
        ).with_outputs(_TITLES, main=_MAIN)
        finds = matched[_MAIN] | "Identify" >> beam.ParDo(
            _InThreads(self.plan, _identify, self.plan.workers)
        )
        if self.plan.settings.source.startswith("catalogue:"):
            finds = (
                finds
                | beam.WithKeys(_video_id)
                | "OneId" >> beam.GroupByKey()
                | "OneUrlEach" >> beam.FlatMap(_one_url_each, self.plan)
            )
        taken = (
            finds
            | beam.WithKeys(_target_id)
            | "OneTarget" >> beam.GroupByKey()
            | "Quota" >> beam.ParDo(_Quota(), self.plan).with_outputs(_COUNTS, main=_MAIN)
        )
        count = (
            taken[_MAIN]
            | "VideoKeys" >> beam.Map(_video_key)
            | "EachOnce" >> beam.Distinct()
            | "CountVideos" >> beam.combiners.Count.Globally()
        )
        shards = AsSingleton(count | beam.Map(_number_of_shards, self.plan))
        said = (
            finds
            | "PlaceAll" >> beam.Map(_placed, shards)
            | "OneStore" >> beam.GroupByKey()
            | "Remember" >> beam.Map(_remember, self.plan)
        )
        placed = taken[_MAIN] | "Place" >> beam.Map(_placed, shards)
        empty = (
            begin
            | "Shards" >> beam.Create([None])
            | "AllShards" >> beam.FlatMap(_nothing_each, shards)
        )
        parts = (
            (placed, empty)
            | "WithEmptyShards" >> beam.Flatten()
            | "OneList" >> beam.GroupByKey()
            | "WriteList" >> beam.Map(_write_list, self.plan, shards)
        )
        return (
            begin
            | "List" >> beam.Create([None])
            | "ListIsComplete"
            >> beam.Map(
                _list_is_complete,
                self.plan,
                AsSingleton(matched[_TITLES] | "CountTitles" >> beam.CombineGlobally(sum)),
                AsList(parts),
                AsList(said),
                AsList(taken[_COUNTS]),
                AsList(searches),
                shards,
            )
        )


class Download(Stage):
    """The files that verdicts need: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        return _decided(candidates, self.plan, _download, self.plan.downloads)


class Top1Filter(Stage):
    """Those whose first frames show the class, by top-1: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        spread = self.spread(candidates, "SpreadScans")
        return _decided(spread, self.plan, _scan, self.plan.workers)


class LengthFilter(Stage):
    """Those that are long enough: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        return _decided(candidates, self.plan, _measure, self.plan.workers)


class ShardedClips(Stage):
    """Parquet and TFRecord files: Candidate -> (Shard, counts of verdicts).

    The clips of each video are cut first, and wait in the store; when all candidates have their
    verdicts, they are put together shard by shard.
    """

    def __init__(self, plan: Plan, shards: PCollection, verdicts: tuple[PCollection, ...]) -> None:
        """Take the index of each shard, and the verdicts on all other candidates."""
        super().__init__(plan)
        self._shards, self._verdicts = shards, verdicts

    def expand(self, candidates: Any) -> Any:
        _, cut = _decided(candidates, self.plan, _cut, self.plan.workers)
        verdicts = (*self._verdicts, cut) | beam.Flatten()
        judged = verdicts | "Place" >> beam.ParDo(_PlaceVerdict(self.plan))
        empty = self._shards | "Nothing" >> beam.Map(_with_nothing)
        written = (
            (judged, empty)
            | "WithEmptyShards" >> beam.Flatten()
            | "OneShard" >> beam.GroupByKey()
            | "WriteParquetAndTFRecord"
            >> beam.ParDo(_WriteShard(self.plan)).with_outputs(_COUNTS, main=_MAIN)
        )
        return written[_MAIN], written[_COUNTS]


class Manifest(Stage):
    """The account of the whole, which must balance: (Shard, counts) -> the manifest's totals."""

    def expand(self, written: Any) -> Any:
        files, counts = written
        summed = counts | beam.CombinePerKey(sum)
        begin = files.pipeline | beam.Create([None])
        return begin | "Write" >> beam.Map(
            _write_manifest, self.plan, AsList(files), AsList(summed)
        )


class _InThreads(beam.DoFn):
    """Runs a function on many elements at once, in this process, with a bounded number ahead.

    What is finished goes on while the rest is being worked on, so that stages that follow each
    other without a shuffle overlap: the next one scans what this one has downloaded so far.
    """

    def __init__(
        self, plan: Plan, work: Callable[[Workbench, Any], Iterable[Any]], threads: int
    ) -> None:
        self._plan, self._work, self._threads = plan, work, threads

    def setup(self) -> None:
        self._pool = ThreadPoolExecutor(self._threads)
        self._running: set[Future[Iterable[Any]]] = set()

    def process(self, element: Any) -> Iterator[Any]:
        # Two for each thread: one that it works on, one that it finds when it is done.
        while len(self._running) >= 2 * self._threads:
            yield from self._finished()
        self._running.add(self._pool.submit(self._work, workbench(self._plan), element))

    def finish_bundle(self) -> Iterator[Any]:
        while self._running:
            for result in self._finished():
                if isinstance(result, TaggedOutput):
                    windowed = GlobalWindows.windowed_value(result.value)
                    yield TaggedOutput(result.tag, windowed)
                else:
                    yield GlobalWindows.windowed_value(result)

    def teardown(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _finished(self) -> Iterator[Any]:
        done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
        for future in done:
            yield from future.result()


class _MatchTitles(beam.DoFn):
    """Batch -> the rows whose titles name a target, and how many titles were looked at."""

    _titles: TitleMatcher | None = None

    def process(self, batch: Batch, targets: list[Target]) -> Iterator[Any]:
        if self._titles is None:
            self._titles = lookup.matcher(targets)
        yield TaggedOutput(_TITLES, len(batch))
        yield from lookup.named(batch, self._titles)


class _Quota(beam.DoFn):
    """All finds for a target -> those within the quota, and how many videos there were."""

    def process(self, element: tuple[str, Iterable[Found]], plan: Plan) -> Iterator[Any]:
        target_id, finds = element
        taken, matched = lookup.within_quota(finds, plan.settings.per_class)
        yield TaggedOutput(_COUNTS, (target_id, matched))
        yield from taken


class _PlaceVerdict(beam.DoFn):
    """Verdict -> with the index of its shard. The number of shards was fixed before."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._shards = 0

    def process(self, verdict: Verdict) -> Iterator[tuple[int, Verdict]]:
        self._shards = self._shards or _complete_list(self._plan).shards
        yield shard_of(verdict.video_key, self._shards), verdict


class _WriteShard(beam.DoFn):
    """All verdicts of a shard -> its files, and how many verdicts there are of each kind."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, element: tuple[int, Iterable[Verdict | None]]) -> Iterator[Any]:
        index, rows = element
        verdicts = [verdict for verdict in rows if verdict is not None]
        shards = _complete_list(self._plan).shards
        yield from finish_shard(workbench(self._plan), index, shards, verdicts)
        for count in tally(verdicts).items():
            yield TaggedOutput(_COUNTS, count)


def _decided(
    candidates: PCollection,
    plan: Plan,
    step: Callable[[Workbench, Candidate], Iterable[Any]],
    threads: int,
) -> tuple[PCollection, PCollection]:
    """What a step leaves open, and the verdicts it brings."""
    outputs = candidates | beam.ParDo(_InThreads(plan, step, threads)).with_outputs(
        _VERDICTS, main=_MAIN
    )
    verdicts = outputs[_VERDICTS] | "Count" >> beam.Map(_counted)
    return outputs[_MAIN], verdicts


def _download(bench: Workbench, candidate: Candidate) -> list[Any]:
    return _outputs(steps.download(bench, candidate))


def _scan(bench: Workbench, candidate: Candidate) -> list[Any]:
    return _outputs(steps.scan(bench, candidate))


def _measure(bench: Workbench, candidate: Candidate) -> list[Any]:
    return _outputs(steps.measure(bench, candidate))


def _cut(bench: Workbench, candidate: Candidate) -> list[Any]:
    return _outputs(steps.cut(bench, candidate))


def _outputs(decided: Decided) -> list[Any]:
    rest = [] if decided.rest is None else [decided.rest]
    return [*(TaggedOutput(_VERDICTS, verdict) for verdict in decided.verdicts), *rest]


def _counted(verdict: Verdict) -> Verdict:
    Metrics.counter("videonet", verdict.outcome).inc()
    progress.decided(verdict)
    return verdict


def _batches(_: None, plan: Plan) -> Iterator[Batch]:
    bench = workbench(plan)
    settings = plan.settings
    root = None if settings.files_root is None else Path(settings.files_root)
    source = open_source(settings.source, bench.store, root)
    try:
        yield from source.batches()
    except UsageError as error:
        bench.output.complain(error)
        raise


def _search(bench: Workbench, target_id: str) -> list[Any]:
    """Search for one target: rows in batches, and an account of what each name has brought."""
    plan, target = bench.plan, bench.targets[target_id]
    settings = plan.settings
    site = searched_site(settings.source)
    assert site is not None
    titles = lookup.matcher([target])
    asked = Asked(
        site.prefix, bench.store, bench.web, bench.fetch_limits, plan.run_id, plan.refresh_search
    )
    search = LookUp(
        lambda title: bool(titles.match(title[: lookup.TITLE_LENGTH])),
        settings.per_class,
        settings.search_patience,
    )
    end = search.run(rounds(target, settings.modifiers, site.prefix), asked.answers)
    progress.searched()
    account = TaggedOutput(_SEARCHES, search.account(target_id, end))
    return [account, *in_batches(iter(search.rows))]


def _identify(bench: Workbench, matched: Named) -> list[Found]:
    kind = bench.plan.settings.source.partition(":")[0]
    try:
        return lookup.found(matched, video_key(matched.row), kind)
    except UsageError as error:
        bench.output.complain(error)
        raise


def _one_url_each(element: tuple[str, Iterable[Found]], plan: Plan) -> Iterable[Found]:
    try:
        return lookup.one_url_each(list(element[1]))
    except UsageError as error:
        workbench(plan).output.complain(error)
        raise


def _video_id(find: Found) -> str:
    return find.sighting.video_id


def _target_id(find: Found) -> str:
    return find.match.target_id


def _video_key(find: Found) -> str:
    return find.sighting.video_key


def _number_of_shards(candidates: int, plan: Plan) -> int:
    return plan.shards or plan.settings.shards or number_of_shards(candidates)


def _placed(find: Found, shards: int) -> tuple[int, Found]:
    return shard_of(find.sighting.video_key, shards), find


def _each(shards: int) -> list[int]:
    return list(range(shards))


def _nothing_each(_: None, shards: int) -> list[tuple[int, None]]:
    return [(index, None) for index in range(shards)]


def _with_nothing(index: int) -> tuple[int, None]:
    return index, None


def _write_list(
    element: tuple[int, Iterable[Found | None]], plan: Plan, shards: int
) -> tuple[int, int]:
    """Write one file of the candidate list; how many candidates and pairs are in it."""
    index, finds = element
    bench = workbench(plan)
    candidates = lookup.candidates((find for find in finds if find is not None), bench.position)
    bench.output.write_candidates(index, shards, candidates)
    return len(candidates), sum(len(each.matches) for each in candidates)


def _remember(element: tuple[int, Iterable[Found]], plan: Plan) -> int:
    """Keep what the source said of all videos that it found, within the quota or not."""
    said = list(dict.fromkeys(find.sighting for find in element[1]))
    remember(workbench(plan).store, said)
    return len(said)


def _list_is_complete(
    _: None,
    plan: Plan,
    titles: int,
    parts: list[tuple[int, int]],
    said: list[int],
    matched: list[tuple[str, int]],
    searches: list[Search],
    shards: int,
) -> int:
    # Only waited for: what was found is remembered before the list is complete.
    del said
    bench = workbench(plan)
    counts = dict.fromkeys(bench.targets, 0) | dict(matched)
    bench.output.write_lookup(
        Lookup(
            titles=titles,
            candidates=sum(candidates for candidates, _ in parts),
            pairs=sum(pairs for _, pairs in parts),
            shards=shards,
            matched=counts,
            searches=tuple(sorted(searches, key=lambda each: bench.position(each.target_id))),
        )
    )
    return shards


def _listed(index: int, plan: Plan) -> Iterator[Candidate]:
    found = _complete_list(plan)
    progress.pairs(found.pairs)
    return workbench(plan).output.candidates(index, found.shards)


def _complete_list(plan: Plan) -> Lookup:
    found = workbench(plan).output.lookup()
    if found is None:
        raise FileNotFoundError(f"the candidate list in {plan.out} is gone")
    return found


def _require_room(plan: Plan, counts: dict[Key, int]) -> None:
    """Stop where the disk was full: what is kept must not depend on what was fetched first."""
    without = sum(number for key, number in counts.items() if key[2] == Reason.DISK_FULL)
    if without:
        error = UsageError(
            f"The store had no room for {without} candidates: the disk is full, or videos that "
            "are kept fill --disk-budget. Make room, raise it, or use --keep none; the same "
            "command goes on."
        )
        workbench(plan).output.complain(error)
        raise error


def _write_manifest(
    _: None, plan: Plan, files: list[Shard], counts: list[tuple[Key, int]]
) -> Totals:
    """Finish the run, if its accounts balance and the disk had room for all."""
    _require_room(plan, dict(counts))
    manifest = manifest_of(plan, _complete_list(plan), files, dict(counts))
    workbench(plan).output.write_manifest(manifest)
    return manifest.totals
