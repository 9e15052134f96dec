"""Videos are taken out of a data set, such as when their makers want it, and never come back.

In an order that leaves a video refused whenever this is killed, and lets the same call go on: first
the refusal, then the store forgets the video, then come shards and verdicts, then the manifest, at
last what buckets keep of all that.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from videonet.dataset.assembly import intact_clips
from videonet.dataset.captions import strip_captions, with_captions_left
from videonet.dataset.finish import finish
from videonet.dataset.lineage import note_taken_out
from videonet.dataset.manifest import COUNTED, Key, counted_anew, tally_table
from videonet.dataset.motion_counts import motion_counts
from videonet.dataset.old_versions import delete_from_out, delete_from_store
from videonet.dataset.own_store import own_store
from videonet.dataset.recheck_answers import strip_answers
from videonet.dataset.shard_rewrite import STAGED, Change, files_of, promote, rewrite_shard
from videonet.dataset.split import strip_split
from videonet.dataset.withdrawal_list import WithdrawalList
from videonet.errors import AccountError, UsageError
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.run import Lookup
from videonet.schemas.shard_form import OLDEST_FORM, ShardForm
from videonet.schemas.table import arrow_schema
from videonet.schemas.verdict import Verdict
from videonet.schemas.withdrawal import Withdrawal
from videonet.shards.layout import shard_of, shard_path
from videonet.shards.writer import FORMATS
from videonet.storage.claims import Claims
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.disk_ledger import measure_anew
from videonet.storage.lease import LeaseHeldError, held_lease
from videonet.storage.locks import store_lock
from videonet.storage.objects import Restorable
from videonet.storage.packing import pack_if_possible, withdraw_packed
from videonet.storage.places import absolute
from videonet.storage.scratch import scratch_at
from videonet.storage.store import Store
from videonet.storage.take_over import take_over

_LOG = logging.getLogger(__name__)


# How long another command that withdraws from the same store is waited for, seconds.
_WAIT = 60.0


@dataclass(frozen=True)
class TakenOut:
    """What was done, this time."""

    # all videos that were named and that OUT knows, in the order of their keys
    videos: tuple[Withdrawal, ...]
    # of them, the keys of those that no earlier call had taken out already
    new: frozenset[str]
    verdicts: int
    clips: int
    # shards that were rewritten, each in all formats, and how many OUT has
    rewritten: int
    shards: int
    # whether OUT/report, which may show the videos, was deleted
    report: bool
    # whether OUT is the whole result of a run; if not, the run that goes on leaves the videos out
    finished: bool
    # the store that refuses the videos now, too; None: none was found that can be written
    store: str | None
    # the store that OUT names, if it is there and cannot be written
    unwritable: str | None
    # files that were read where they are and are not the store's to delete
    in_place: tuple[Path, ...]
    # what the buckets of store and OUT can still give back, where they are any
    restorable: tuple[Restorable, ...]
    # how many videos of a list OUT does not know
    unknown: int = 0


def withdraw(
    out: Path | str,
    ids: Sequence[str],
    store: Path | str | None = None,
    *,
    listed: WithdrawalList | None = None,
    say: Callable[[str], object] = _LOG.info,
) -> TakenOut:
    """Take all videos with these ids, the source's or ours, out of OUT; no run takes them again.

    Of an id that several videos share, all are meant. So are the videos of a list that was
    published, as far as OUT knows them. `store` is the one that OUT was made from;
    None: the one that OUT names, if it is there and can be written. Raises UsageError, before
    anything is changed, for an id that OUT does not know, where a run is at work, or where OUT has
    no candidate list yet; and for files that are damaged or cannot be written. `say` is given a
    sentence where a store of an earlier version is taken over first, and where captions are lost.
    """
    output = DatasetDir(absolute(out))
    _listed(output)
    known = own_store(output, store)
    with ExitStack() as held:
        held.enter_context(output.files.exclusive())
        unwritable: str | None = None
        if known and not _taken(held, known, given=store is not None):
            unwritable = known.location
            known = None
        try:
            videos, unknown = _named(output, ids, listed or WithdrawalList(frozenset()))
            if not videos:
                return _nothing_done(output, unknown)
            done = _withdraw(output, known, videos, unwritable, say)
            return replace(done, unknown=unknown)
        except (OSError, pa.ArrowException, msgspec.MsgspecError, AccountError) as error:
            raise UsageError(
                f"{out} could not be changed as a whole: {error}. 'videonet verify' says what is "
                "wrong with it; once that is mended, the same command goes on."
            ) from error


def _withdraw(
    output: DatasetDir,
    store: Store | None,
    videos: tuple[Withdrawal, ...],
    unwritable: str | None,
    say: Callable[[str], object],
) -> TakenOut:
    lookup, manifest = _listed(output), output.manifest()
    # What a run that was held up still has to write is written nowhere from here on.
    output.fence.take_up()
    before = output.withdrawals()
    refused = {each.video_key: each for each in (*before, *videos)}
    if store is not None:
        for video in videos:
            store.write_withdrawal(video)
        take_over(store, say)
    output.write_withdrawals(refused.values())
    in_place = tuple(_forget(store, videos)) if store else ()

    # Those of earlier calls as well: one may have been killed.
    gone = frozenset(refused)
    left = _left(output, gone)
    new = gone.difference(each.video_key for each in before) | left
    report = bool(new) and output.delete_report()
    shards_of_gone = sorted({shard_of(key, lookup.shards) for key in gone})
    # Before the verdicts, which say what is left to do; and whatever they say, for a killed call of
    # an earlier version wrote them first.
    strip_split(output, gone, say)
    for index in shards_of_gone:
        strip_captions(output, index, lookup.shards, gone)
        strip_answers(output, index, gone)
    if manifest is not None:
        note_taken_out(output, _kept_among(output, left))
        changes = [
            rewrite_shard(output, manifest, lookup.shards, index, gone)
            for index in sorted({shard_of(key, lookup.shards) for key in left})
        ]
        _account_anew(output, manifest, lookup, say)
    else:
        # A run that was killed while it finished has written them already.
        output.delete_descriptions()
        changes = [_strip_shard(output, lookup.shards, index, gone) for index in shards_of_gone]
    with suppress(OSError):
        output.files.delete_below(STAGED)
    # What is packed may name them.
    pack_if_possible(output.address, output.shard_states.pack)
    kept = (
        delete_from_store(store, [each.video_key for each in videos]) if store else None,
        delete_from_out(output, gone),
    )
    if any(kept):
        # Copies of what buckets had, such as shards that were read to be written again.
        scratch_at().clear()
    return TakenOut(
        videos=videos,
        new=new.intersection(each.video_key for each in videos),
        verdicts=sum(each.verdicts for each in changes),
        clips=sum(each.clips for each in changes),
        rewritten=sum(each.rewritten for each in changes),
        shards=lookup.shards,
        report=report,
        finished=manifest is not None,
        store=store.location if store else None,
        unwritable=unwritable,
        in_place=in_place,
        restorable=tuple(each for each in kept if each),
    )


# What is meant.


def _listed(output: DatasetDir) -> Lookup:
    """What says that the candidate list of OUT is complete. Raises UsageError."""
    lookup = output.lookup()
    if lookup is None:
        raise UsageError(
            f"{output.address} holds no data set with a complete candidate list (lookup.json is "
            "missing or damaged); give the --out of a run, and finish that run first if it was "
            "interrupted."
        )
    return lookup


def _taken(held: ExitStack, store: Store, *, given: bool) -> bool:
    """Let no other command withdraw from a store, until `held` ends; whether it can be written.

    Raises UsageError where another one does, and, for a store that was given, where it cannot be
    written. Otherwise that is no reason to leave a video in OUT.
    """
    try:
        held.enter_context(store_lock(store.location))
        store.prepare()
        held.enter_context(held_lease(store.objects, "withdrawal", wait=_WAIT))
    except UsageError as error:
        if given or isinstance(error, LeaseHeldError) or _is_busy(error):
            raise
        return False
    return True


def _is_busy(error: UsageError) -> bool:
    """Whether a command of an earlier version has a store for itself."""
    return isinstance(error.__cause__, BlockingIOError)


def _nothing_done(output: DatasetDir, unknown: int) -> TakenOut:
    """What is said where no video of a list is here: neither OUT nor the store was changed."""
    return TakenOut(
        videos=(),
        new=frozenset(),
        verdicts=0,
        clips=0,
        rewritten=0,
        shards=_listed(output).shards,
        report=False,
        finished=output.manifest() is not None,
        store=None,
        unwritable=None,
        in_place=(),
        restorable=(),
        unknown=unknown,
    )


def _named(
    output: DatasetDir, ids: Sequence[str], listed: WithdrawalList
) -> tuple[tuple[Withdrawal, ...], int]:
    """The candidates with these ids and those of the list, in the order of their keys.

    Also how many of the list are no candidates. Raises UsageError for an id that is none.
    """
    keys = pa.array([*ids, *listed.names], pa.string())
    either = pa.array([*ids, *listed.ids], pa.string())
    with output.files.local_folder("candidates") as folder:
        table = pa.dataset.dataset(folder, format="parquet").to_table(
            columns=["video_key", "video_id"],
            filter=pc.field("video_key").isin(keys) | pc.field("video_id").isin(either),
        )
    videos = sorted(map(Withdrawal.from_row, table.to_pylist()), key=lambda each: each.video_key)
    found = {each.video_key for each in videos}
    known = found | {each.video_id for each in videos}
    unknown = [each for each in ids if each not in known]
    if unknown:
        raise UsageError(
            f"{output.address} knows no video {' or '.join(map(repr, unknown))}; give what stands "
            "under video_id or video_key in its verdicts. Nothing was changed."
        )
    return tuple(videos), len(listed.keys - found) + len(listed.ids - known)


def _left(output: DatasetDir, gone: frozenset[str]) -> frozenset[str]:
    """Of these videos, those on which a verdict says anything but that they are withdrawn."""
    reason = pc.field("reason")
    return _judged(output, gone, reason.is_null() | (reason != Reason.WITHDRAWN.value))


def _kept_among(output: DatasetDir, videos: frozenset[str]) -> frozenset[str]:
    """Those of these videos that are kept."""
    return _judged(output, videos, pc.field("outcome") == Outcome.KEPT.value)


def _judged(output: DatasetDir, videos: frozenset[str], how: pc.Expression) -> frozenset[str]:
    """Those of these videos on which a verdict is of this kind."""
    if not output.files.has_below("verdicts"):
        return frozenset()
    # Without a schema, a folder without a file has no columns.
    schema = arrow_schema(Verdict)
    with output.files.local_folder("verdicts") as folder:
        table = pa.dataset.dataset(folder, schema=schema, format="parquet").to_table(
            columns=["video_key"],
            filter=pc.field("video_key").isin(pa.array(sorted(videos), pa.string())) & how,
        )
    return frozenset(table["video_key"].to_pylist())


# What is done.


def _forget(store: Store, videos: Sequence[Withdrawal]) -> Iterator[Path]:
    """Delete what the store has of these videos; the files that are there and not the store's.

    A run that has one in hand is waited for. Whoever takes it in hand later looks first whether it
    was withdrawn: so what is deleted does not come back.
    """
    withdraw_packed(store, [video.video_key for video in videos])
    claims = Claims(store.objects)
    for video in videos:
        place = store.place(video.video_key)
        claims.wait(place)
        store.forget(video.video_key)
        claims.give_back(place)
        fetched = store.fetch(video.video_key)
        if fetched and fetched.path and Path(fetched.path).is_file():
            yield Path(fetched.path)
    measure_anew(store.root)


def _strip_shard(output: DatasetDir, shards: int, index: int, gone: frozenset[str]) -> Change:
    """Take videos out of a shard of an OUT that is not finished; its verdicts stay as they are.

    The run that goes on takes the clips of the other videos from it, as from any earlier version.
    """
    state = output.shard_state(index)
    files = state.files if state else ()
    promote(output, files)
    accounted = {file.path for file in files if output.are_there([file])}
    for name in FORMATS:
        path = shard_path(name, index, shards)
        if path not in accounted:
            # A killed run wrote it last, and nothing says whose clips are in it.
            output.files.delete(path)
    if state is None or gone.isdisjoint(state.videos):
        return Change(verdicts=0, clips=0, rewritten=False)

    clips = intact_clips(output, files)
    others = {key: sha256 for key, sha256 in state.videos.items() if key not in gone}
    whole = output.has_any(state)
    if whole:
        formats = [file.path.rpartition(".")[2] for file in files]
        kept = (clip for clip in clips if clip.example_id.rpartition("#")[0] in others)
        form = _form(output)._replace(motion=state.motion is not None)
        files = output.write_shard(index, shards, formats, kept, form, folder=STAGED)
    spans = state.spans and {key: each for key, each in state.spans.items() if key not in gone}
    durations = {key: each for key, each in state.first_durations.items() if key not in gone}
    # No digest: the run that goes on knows the shard's verdicts, and writes it once more.
    rewritten = msgspec.structs.replace(
        state, digest="", files=files, videos=others, spans=spans, first_durations=durations
    )
    output.write_shard_state(index, rewritten)
    promote(output, files)
    return Change(verdicts=0, clips=state.files[0].rows - files[0].rows, rewritten=whole)


def _form(output: DatasetDir) -> ShardForm:
    """In which form the run writes shards that has begun OUT."""
    run = output.run_state()
    return OLDEST_FORM if run is None else run.settings.shard_form


def _account_anew(
    output: DatasetDir, manifest: Manifest, lookup: Lookup, say: Callable[[str], object]
) -> None:
    """Write the manifest, and what is written with it, if they are to say something else."""
    counts: Counter[Key] = Counter()
    with output.files.local_folder("verdicts") as folder:
        for fragment in pa.dataset.dataset(folder, format="parquet").get_fragments():
            counts.update(tally_table(fragment.to_table(columns=COUNTED)))
    motion = manifest.totals.motion
    if motion is not None:
        motion = motion_counts(output, manifest.settings.formats, lookup.shards, before=motion)
    files = files_of(output, manifest, lookup.shards)
    new = counted_anew(manifest, lookup, files, counts, motion)
    new = with_captions_left(output, new, lookup.shards, say)
    if new != manifest:
        finish(output, new)
