"""A finished data set written in the form of another tool, shard by shard.

Interrupted, the same call goes on: see `videonet.export.folder`. What is made depends on the
request alone, to the byte.
"""

import hashlib
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from videonet.dataset.captions import captions_in
from videonet.dataset.lineage import parent_of
from videonet.dataset.lock_file import Lock, read_lock
from videonet.dataset.own_store import own_store
from videonet.dataset.shard_rewrite import whole_clips
from videonet.errors import UsageError
from videonet.export import listing
from videonet.export.attribution import Row, row_of, write_attribution
from videonet.export.card import write_card
from videonet.export.choice import Choice, Rules, counted, left_out_for_licence
from videonet.export.folder import (
    ATTRIBUTION,
    CAPTIONS,
    VERSION,
    file_of,
    files_at,
    finish,
    note_shard,
    shard_done,
    take_up,
)
from videonet.export.forms import FORMS
from videonet.export.sample import Sample
from videonet.export.sound import sound_of
from videonet.schemas.captions import Captions
from videonet.schemas.clip import Clip
from videonet.schemas.export import (
    Export,
    ExportCounts,
    ExportedShard,
    ExportFile,
    ExportForm,
    ExportOptions,
    ExportRequest,
    Sound,
)
from videonet.schemas.lock_file import LockedVideo
from videonet.schemas.manifest import Manifest
from videonet.shards.label_ids import with_label_ids
from videonet.shards.layout import shard_of, shard_path
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.dataset_files import MISSING, DatasetFiles
from videonet.storage.dataset_tables import CAPTIONS as CAPTIONS_OF_OUT
from videonet.storage.dataset_tables import write_table
from videonet.storage.locks import reading_lock
from videonet.storage.places import absolute, is_remote
from videonet.storage.split_file import read_split
from videonet.storage.store import Store
from videonet.text import number
from videonet.versions import clip_versions
from videonet.video.decoder import shared_decoder

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Work:
    """What an export is made from, and where it goes."""

    source: DatasetDir
    manifest: Manifest
    lock: Lock
    rules: Rules
    form: ExportForm
    store: Store | None
    files: DatasetFiles
    # sides of the exported videos
    sides: tuple[str, ...]

    @property
    def shards(self) -> int:
        """How many shards the data set has."""
        return self.manifest.settings.shards


def export(
    out: Path | str,
    to: Path | str,
    form: ExportForm,
    *,
    i_have_the_rights: bool = False,
    store: Path | str | None = None,
    say: Callable[[str], object] = _LOG.info,
) -> Export:
    """Write the finished data set in OUT to the folder or address `to`, in a form.

    Videos whose licence does not let clips be handed on are left out of forms that show something
    of them, unless `i_have_the_rights`; `videonet.schemas.export.LeftOut` has all reasons. `store`
    is the one that OUT was made from: for mp4, sound is taken from the whole videos in it. None:
    the one that OUT names, if it is there. `say` is told what goes on.

    Raises UsageError where OUT is not finished or is damaged, where `to` holds anything else or
    lies within OUT, and where no video is left.
    """
    source = DatasetDir(absolute(out))
    manifest = source.manifest()
    if manifest is None:
        raise UsageError(
            f"{out} holds no finished data set (manifest.json is missing or damaged); finish it "
            "with the command that began it, and export it then."
        )
    _check_apart(out, to)
    files = files_at(to)
    with ExitStack() as held:
        held.enter_context(reading_lock(absolute(out)))
        known = own_store(source, store)
        if known is None:
            say(
                f"The store that {out} was made from is not at hand: videos that were withdrawn "
                "from it by way of another data set are not known. Name it with --store."
            )
        try:
            lock = read_lock(held.enter_context(source.files.local(LOCK_FILE)))
        except MISSING as error:
            raise _differs(source, "has no lock file") from error
        rules, request = _request(source, manifest, lock, form, known, rights=i_have_the_rights)
        held.enter_context(files.exclusive())
        finished = take_up(files, request)
        if finished is not None:
            _check_there(files, finished)
            say(f"{files.address} is complete already, and stays as it is.")
            return finished
        counts = counted(rules.choices(lock))
        if counts.kept != manifest.totals.kept_videos:
            raise _differs(source, f"names {counts.kept:,} videos in its lock file")
        if not counts.exported:
            raise _nothing(source, counts)
        sides = tuple(counts.sides)
        work = _Work(source, manifest, lock, rules, form, known, files, sides)
        return _written(work, request, counts)


def _written(work: _Work, request: ExportRequest, counts: ExportCounts) -> Export:
    shards: list[ExportFile] = []
    tables: list[ExportFile] = []
    if work.form is ExportForm.LIST:
        shards += listing.write_list(work.files, work.lock, work.rules)
    else:
        heard: Counter[str] = Counter()
        for done in _shards(work):
            shards += done.shards
            tables += done.tables
            heard.update(each.value for each in done.sound.values())
        if work.form is ExportForm.MP4:
            counts = msgspec.structs.replace(counts, sound=dict(sorted(heard.items())))
        _balance(work, counts, shards)
    write_attribution(work.files, _rows(work))
    tables.append(file_of(work.files, ATTRIBUTION, videos=counts.exported, clips=counts.clips))
    made = Export(
        request=request,
        counts=counts,
        shards=tuple(sorted(shards, key=lambda each: each.path)),
        tables=tuple(sorted(tables, key=lambda each: each.path)),
    )
    write_card(work.files, made)
    finish(work.files, made)
    return made


def _rows(work: _Work) -> Iterator[Row]:
    """The attribution of the exported videos, whose shards are written."""
    exported = (each for each in work.rules.choices(work.lock) if each.refused is None)
    if work.form is ExportForm.LIST:
        yield from (row_of(each.video, listing.LIST, each.side, None) for each in exported)
        return
    form = FORMS[work.form]
    by_shard = itertools.groupby(
        exported, key=lambda each: shard_of(each.video.video_key, work.shards)
    )
    for index, own in by_shard:
        done = shard_done(work.files, index)
        sound = {} if done is None else done.sound
        # A file of clips after the other.
        for each in sorted(own, key=lambda each: each.side):
            path = form.path_of(each.side, index, work.shards)
            yield row_of(each.video, path, each.side, sound.get(each.video.video_key))


# What is asked for.


def _check_apart(out: Path | str, to: Path | str) -> None:
    """Raise UsageError where an export would lie within its data set."""
    if is_remote(out) != is_remote(to):
        return
    if is_remote(out):
        inside = f"{str(to).rstrip('/')}/".startswith(f"{str(out).rstrip('/')}/")
    else:
        inside = Path(to).resolve().is_relative_to(Path(out).resolve())
    if inside:
        raise UsageError(
            f"{to} lies within the data set {out}, whose files are its own; give a --out elsewhere."
        )


def _check_there(files: DatasetFiles, export: Export) -> None:
    """Raise UsageError where a file of a finished export is missing, or of another size."""
    for each in (*export.shards, *export.tables):
        if files.size(each.path) != each.bytes:
            raise UsageError(
                f"{files.address} is a finished export, and its {each.path} is missing or was "
                "changed; delete the folder and give the same command, or give another --out."
            )


def _request(
    source: DatasetDir,
    manifest: Manifest,
    lock: Lock,
    form: ExportForm,
    store: Store | None,
    *,
    rights: bool,
) -> tuple[Rules, ExportRequest]:
    """Which videos are wanted, and the request that says so."""
    withdrawn = {each.video_key for each in source.withdrawals()}
    if store is not None:
        withdrawn |= {each.video_key for each in store.withdrawals()}
    # Whatever else a store of several data sets refuses is nothing to this export.
    withdrawn = {each.video_key for each in lock.rows() if each.video_key in withdrawn}
    split = read_split(source.files)
    rules = Rules(
        pixels=form.has_pixels, rights=rights, withdrawn=frozenset(withdrawn), split=split
    )
    digest = hashlib.sha256("".join(f"{key}\n" for key in sorted(withdrawn)).encode())
    options = ExportOptions(
        i_have_the_rights=rights and form.has_pixels,
        # Of other forms, nothing depends on it.
        store=store is not None and form is ExportForm.MP4,
        split=None if split is None else split.sha256,
        withdrawn=digest.hexdigest(),
    )
    return rules, ExportRequest(
        version=VERSION,
        form=form,
        dataset=manifest.dataset,
        parents=(parent_of(source, "export"),),
        options=options,
        motion=manifest.settings.motion,
        versions=_versions(form),
    )


def _versions(form: ExportForm) -> dict[str, str]:
    """What the bytes of an export depend on: frames are encoded again for mp4 alone."""
    every = clip_versions()
    return every if form is ExportForm.MP4 else {"pyarrow": every["pyarrow"]}


def _differs(source: DatasetDir, what: str) -> UsageError:
    return UsageError(
        f"{source.address} {what}, which is not what its manifest says; `videonet verify` says "
        "what is wrong, and the command that made the data set mends it."
    )


def _nothing(source: DatasetDir, counts: ExportCounts) -> UsageError:
    why = ", ".join(f"{videos:,} {reason}" for reason, videos in counts.refused.items())
    advice = (
        "give --i-have-the-rights if you have them, or --to list, which shows nothing of the videos"
        if left_out_for_licence(counts)
        else "curate more videos first"
    )
    return UsageError(
        f"None of {number(counts.kept, 'kept video')} of {source.address} can be exported"
        f"{f' ({why})' if why else ''}; {advice}."
    )


# The shards.


def _shards(work: _Work) -> Iterator[ExportedShard]:
    """Write the shards that are not there yet; what there is of each of the data set's."""
    chosen = (each for each in work.rules.choices(work.lock) if each.refused is None)
    by_shard = itertools.groupby(
        chosen, key=lambda each: shard_of(each.video.video_key, work.shards)
    )
    waiting = next(by_shard, None)
    for index in range(work.shards):
        own: dict[str, Choice] = {}
        if waiting is not None and waiting[0] == index:
            own = {each.video.video_key: each for each in waiting[1]}
            waiting = next(by_shard, None)
        done = shard_done(work.files, index)
        if done is None:
            done = _write_shard(work, index, own)
            note_shard(work.files, index, done)
        yield done


def _write_shard(work: _Work, index: int, own: Mapping[str, Choice]) -> ExportedShard:
    form = FORMS[work.form]
    paths = {side: form.path_of(side, index, work.shards) for side in work.sides}
    motion = work.manifest.settings.motion
    sound: dict[str, Sound] = {}
    with ExitStack() as opened:
        writers = {
            side: opened.enter_context(form.open_writer(work.files, path, motion=motion))
            for side, path in paths.items()
        }
        for video, clips in _clips(work, index, own):
            choice = own[video.video_key]
            heard = _add(work, choice, clips, writers[choice.side])
            if work.form is ExportForm.MP4:
                sound[video.video_key] = heard
    shards, tables = [], []
    for side, path in paths.items():
        members = [each.video for each in own.values() if each.side == side]
        clips_due = sum(len(each.clips) for each in members)
        shards.append(file_of(work.files, path, side=side, videos=len(members), clips=clips_due))
        if work.manifest.settings.captions and any(work.source.files.list(CAPTIONS_OF_OUT)):
            keys = {each.video_key for each in members}
            tables.append(_write_captions(work, index, side, keys))
    return ExportedShard(shards=tuple(shards), tables=tuple(tables), sound=sound)


def _clips(
    work: _Work, index: int, own: Mapping[str, Choice]
) -> Iterator[tuple[LockedVideo, Iterator[Clip]]]:
    """The videos of a shard that are exported, each with its clips. Raises UsageError."""
    if not own:
        return
    names = [shard_path(name, index, work.shards) for name in work.manifest.settings.formats]
    listed = {each.path: each for each in work.manifest.shards}
    clips = whole_clips(work.source, [listed[name] for name in names if name in listed])
    left = dict(own)
    for key, group in itertools.groupby(clips, key=lambda each: each.example_id.rpartition("#")[0]):
        choice = left.pop(key, None)
        if choice is not None:
            yield choice.video, group
    if left:
        raise _differs(work.source, f"has no clip of {next(iter(left))} in its shards")


def _add(
    work: _Work, choice: Choice, clips: Iterator[Clip], write: Callable[[Sample], None]
) -> Sound:
    """Write the clips of one video; what became of its sound."""
    video = choice.video
    store = work.store if work.form is ExportForm.MP4 else None
    outcomes: set[Sound] = set()
    written = 0
    with sound_of(video, store, shared_decoder()) as heard:
        for clip in with_label_ids(clips, work.lock.header.targets):
            due = (f"{video.video_key}#{written}", video.labels)
            if (clip.example_id, clip.clip_label_index) != due or written == len(video.clips):
                raise _differs(work.source, f"has the clip {clip.example_id} where none is due")
            sound, outcome = heard(clip)
            outcomes.add(outcome)
            try:
                write(Sample(clip, sound))
            except ValueError as error:
                raise _differs(work.source, f"has the clip {clip.example_id} ({error})") from error
            written += 1
    if written != len(video.clips):
        raise _differs(work.source, f"has {written:,} clips of {video.video_key}")
    # In the order of the class: some clips of a video may have sound where others do not.
    return next(each for each in Sound if each in outcomes)


def _write_captions(work: _Work, index: int, side: str, keys: set[str]) -> ExportFile:
    """Write what is said in the exported videos of a shard, as the data set has it."""
    path = f"{CAPTIONS}/{side}-{index:05d}-of-{work.shards:05d}.parquet"
    rows = [each for each in captions_in(work.source, index, work.shards) if each.video_key in keys]
    write_table(work.files, path, rows, Captions)
    return file_of(work.files, path, side=side, videos=len(rows), clips=0)


def _balance(work: _Work, counts: ExportCounts, shards: Sequence[ExportFile]) -> None:
    """Raise UsageError unless all that was to be exported is in the shards."""
    found = (sum(each.videos for each in shards), sum(each.clips for each in shards))
    if found != (counts.exported, counts.clips):
        raise _differs(work.source, f"gave {found[0]:,} videos with {found[1]:,} clips")
