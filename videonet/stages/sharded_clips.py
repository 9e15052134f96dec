"""From verdicts to shards and the manifest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsList, PCollection, TaggedOutput

from videonet.curation.context import RunContext, run_context
from videonet.dataset.account import close_account
from videonet.dataset.assembly import Assembly, finish_shard
from videonet.dataset.captions import with_captions
from videonet.dataset.manifest import Key, chosen_from, made_from, manifest_of, tally
from videonet.dataset.motion_counts import motion_counts
from videonet.errors import UsageError
from videonet.schemas.fetch import Cut
from videonet.schemas.manifest import Shard, Totals
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.run import Plan
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of
from videonet.sources.known_videos import pack_found
from videonet.stages.threaded import COUNTS, MAIN, Stage, complete_list, say_counts
from videonet.storage.handed_on import forget_handed_on
from videonet.storage.packing import pack, pack_if_possible
from videonet.storage.waiting_clips import forget_clips


class ShardedClips(Stage):
    """Parquet and TFRecord files: Verdict | Cut -> (Shard, counts of verdicts).

    When all candidates have their verdicts, the clips that wait in the store are put together
    shard by shard.
    """

    def __init__(self, plan: Plan, shards: PCollection) -> None:
        """`shards` has the index of each shard: there may be no verdict for some of them."""
        super().__init__(plan)
        self._shards = shards

    def expand(self, verdicts: Any) -> Any:
        judged = verdicts | "Place" >> beam.Map(_placed, self.plan)
        empty = self._shards | "Nothing" >> beam.Map(_with_nothing)
        written = (
            (judged, empty)
            | "WithEmptyShards" >> beam.Flatten()
            | "OneShard" >> beam.GroupByKey()
            | "WriteParquetAndTFRecord"
            >> beam.ParDo(_WriteShard(self.plan)).with_outputs(COUNTS, main=MAIN)
        )
        return written[MAIN], written[COUNTS]


class Manifest(Stage):
    """The account of the whole, which must balance: (Shard, counts) -> the manifest's totals."""

    def __init__(self, plan: Plan, chosen_from: PCollection | None = None) -> None:
        """`chosen_from` has digests of what the nearest of each target were chosen from."""
        super().__init__(plan)
        self._chosen_from = chosen_from

    def expand(self, written: Any) -> Any:
        files, counts = written
        summed = counts | beam.CombinePerKey(sum)
        begin = files.pipeline | beam.Impulse()
        digests = [] if self._chosen_from is None else AsList(self._chosen_from)
        totals = begin | "Write" >> beam.Map(
            _write_manifest, self.plan, AsList(files), AsList(summed), digests
        )
        # Not before: a shard may be written twice, at once or again.
        forgotten = totals | "ForgetWaitingClips" >> beam.Map(_forget_waiting, self.plan)
        if not self.plan.local:
            _ = forgotten | "CloseAccount" >> beam.Map(_close_account, self.plan)
        return totals


class _WriteShard(beam.DoFn):
    """All verdicts of a shard -> its files, and how many verdicts there are of each kind."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, element: tuple[int, Iterable[Verdict | Cut | None]]) -> Iterator[Any]:
        index, rows = element
        verdicts, cuts = list[Verdict](), dict[str, Cut]()
        for row in rows:
            if isinstance(row, Verdict):
                verdicts.append(row)
            elif row is not None:
                cuts[row.video_key] = row
        shards = complete_list(self._plan).shards
        context = run_context(self._plan)
        with context.complaining():
            files = _finished(context, index, shards, verdicts, cuts)
        yield from files
        for count in tally(verdicts).items():
            yield TaggedOutput(COUNTS, count)

    def finish_bundle(self) -> None:
        say_counts(self._plan)


def _finished(
    context: RunContext,
    index: int,
    shards: int,
    verdicts: Sequence[Verdict],
    cuts: Mapping[str, Cut],
) -> tuple[Shard, ...]:
    """The files of a shard; it counts as work unless they were there."""
    # Their clips are gone.
    context.require_not_withdrawn(
        {each.video_key for each in verdicts if each.outcome is Outcome.KEPT}
    )
    before = context.output.shard_state(index)
    was_there = before is not None and context.output.are_there(before.files)
    assembly = Assembly(
        context.output,
        context.store,
        context.plan.run_id,
        tuple(context.targets.values()),
        context.plan.settings.formats,
        context.cut_key,
        shards,
        context.plan.settings.shard_form,
        context.plan.settings.selects_neighbours,
        context.verdict_limits.selection,
    )
    with context.progress.at_work("write") as work:
        files = finish_shard(assembly, index, verdicts, cuts)
        if was_there and context.output.shard_state(index) == before:
            work.items = 0
        else:
            work.bytes += sum(file.bytes for file in files)
    return files


def _placed(each: Verdict | Cut, plan: Plan) -> tuple[int, Verdict | Cut]:
    """What is said of a video, with the index of its shard. How many there are was fixed before."""
    return shard_of(each.video_key, complete_list(plan).shards), each


def _with_nothing(index: int) -> tuple[int, None]:
    return index, None


def _require_room(counts: dict[Key, int]) -> None:
    """Stop where the disk was full: what is kept must not depend on what was fetched first."""
    without = sum(number for key, number in counts.items() if key[2] == Reason.DISK_FULL)
    if without:
        raise UsageError(
            f"The store had no room for {without} candidates: the disk is full, or videos that "
            "are kept fill --disk-budget. Make room, raise it, or use --keep none; the same "
            "command goes on."
        )


def _require_as_written(context: RunContext, shards: int, files: Iterable[Shard]) -> None:
    """Raise UsageError where what lies in OUT is not what this run has written there."""
    if next(context.store.withdrawals(), None) is not None:
        states = context.output.shard_states.all(shards)
        context.require_not_withdrawn(key for state in states if state for key in state.videos)
    altered = context.output.altered_shards(shards, files)
    if altered:
        raise UsageError(
            f"{context.output.address} has {len(altered)} files of shards that are not as this run "
            f"wrote them, such as {altered[0]}: something else writes there, or the disk does not "
            "keep what it is given. The same command writes them again."
        )


def _forget_waiting(_: Totals, plan: Plan) -> None:
    context = run_context(plan)
    context.output.fence.check()
    # What is left of them goes with the next run over OUT.
    with suppress(OSError, UsageError):
        forget_clips(context.store, plan.run_id)
        forget_handed_on(context.store, plan.run_id)


def _close_account(_: None, plan: Plan) -> None:
    """Write down what the run took: on a cluster, nobody may be waiting for its end."""
    context = run_context(plan)
    context.progress.say()
    with context.complaining():
        close_account(context.output, context.store, plan.run_id)


def _write_manifest(
    _: bytes,
    plan: Plan,
    files: list[Shard],
    counts: list[tuple[Key, int]],
    digests: list[tuple[int, str]],
) -> Totals:
    """Finish the run, if its accounts balance and the disk had room for all."""
    # The card is made with a template engine and a database, which no other stage needs.
    from videonet.dataset.finish import finish

    context = run_context(plan)
    targets, found = context.targets, complete_list(plan)
    with context.complaining():
        _require_room(dict(counts))
        _require_as_written(context, found.shards, files)
        motion = (
            motion_counts(context.output, plan.settings.formats, found.shards)
            if plan.settings.motion
            else None
        )
        manifest = manifest_of(plan.settings, targets, found, files, dict(counts), motion)
        state = context.output.run_state()
        manifest = made_from(manifest, state.parents if state else ())
        if plan.settings.selects_neighbours:
            manifest = chosen_from(manifest, digests)
        manifest = with_captions(context.output, manifest, found.shards)
        finish(context.output, manifest)
    # The data set is finished, whatever becomes of that.
    store, output = context.store, context.output
    pack_if_possible(store.location, partial(pack, store, partial(pack_found, store)))
    pack_if_possible(output.address, output.shard_states.pack)
    return manifest.totals
