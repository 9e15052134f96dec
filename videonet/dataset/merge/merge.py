"""Several finished data sets become one, beside them: their clips, verdicts, lists and refusals.

Shard by shard, so that memory is that of a shard, and an interrupted call goes on. No frame is
decoded.
"""

import hashlib
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from videonet.dataset.assembly import Member, Spans, digest_of, members_of
from videonet.dataset.captions import captions_in, with_captions
from videonet.dataset.finish import finish
from videonet.dataset.manifest import (
    COUNTED,
    VERSION,
    Key,
    counted_anew,
    tally_table,
)
from videonet.dataset.merge.clips import ClipReader, ClipsInOrder
from videonet.dataset.merge.complete import check_complete
from videonet.dataset.merge.inputs import Input, joined_targets, opened_inputs
from videonet.dataset.merge.refusals import Refusals, united_refusals
from videonet.dataset.merge.rows import MergedVideo, Said, merged_video
from videonet.dataset.merge.settings import merged_settings, merged_versions, number_of_shards
from videonet.dataset.motion_counts import MotionTally, motion_counts
from videonet.dataset.taken_place import MERGED_FROM, take_place
from videonet.errors import UsageError
from videonet.schemas.captions import Captions
from videonet.schemas.clip import Clip
from videonet.schemas.manifest import Counts, Manifest, ManifestSettings, Totals
from videonet.schemas.reason import Reason
from videonet.schemas.run import Lookup, ShardState
from videonet.schemas.target import Target
from videonet.shards.layout import shard_of
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_tables import CAPTIONS, table_path, write_table
from videonet.storage.places import absolute
from videonet.storage.split_file import SPLIT_FILE
from videonet.video.clips import labelled

_LOG = logging.getLogger(__name__)

_NO_COUNTS = Counts(pairs=0, kept=0, rejected={}, failed={})
_NO_TOTALS = Totals(
    titles=0, candidates=0, kept_videos=0, kept_without_clip=0, clips=0, verdicts=_NO_COUNTS
)


@dataclass
class Merged:
    """What was written."""

    manifest: Manifest
    # of shards that this call wrote: kept videos that several inputs keep, and those of them of
    # which inputs have other contents, or other clips of the same content
    in_several: int = 0
    other_contents: int = 0
    other_clips: int = 0
    # shards that an interrupted call had written
    gone_on_from: int = 0
    # addresses of inputs with a split
    with_split: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Union:
    """What a merged data set is made of."""

    inputs: Sequence[Input]
    targets: tuple[Target, ...]
    settings: ManifestSettings
    refusals: Refusals
    reader: ClipReader
    new: DatasetDir

    @property
    def shards(self) -> int:
        return self.settings.shards

    @property
    def positions(self) -> dict[str, int]:
        return {target.target_id: place for place, target in enumerate(self.targets)}


def merge(
    outs: Sequence[str | Path],
    new: str | Path,
    shards: int | None = None,
    *,
    say: Callable[[str], object] = _LOG.info,
) -> Merged:
    """Write the union of the finished data sets `outs` to `new`.

    It depends on what they hold, and not on the order in which they are named. `shards` is how many
    it has; None: see `number_of_shards`. Interrupted, the same call goes on. `say` is told what is
    left out. Raises UsageError where they cannot be one data set, where one is damaged or lacks
    what its manifest counts, and where `new` holds something else.
    """
    places = [absolute(each) for each in outs]
    if absolute(new) in places:
        raise UsageError(f"{new} cannot be merged into itself; give another --out.")
    inputs = opened_inputs([str(each) for each in places])
    after = DatasetDir(absolute(new))
    union = _union(inputs, after, shards)
    for each in inputs:
        check_complete(each, captions=union.settings.captions)
    done = Merged(_manifest(union))
    with after.files.exclusive():
        mark = done.manifest.to_json()
        take_place(
            after, MERGED_FROM, hashlib.sha256(mark).hexdigest(), "merge of the same data sets"
        )
        # What a call was writing when it was killed.
        after.files.delete_drafts()
        # What was withdrawn from the union since an earlier call stays so.
        union.refusals.withdrawn.update((each.video_key, each) for each in after.withdrawals())
        if not union.settings.captions and any(each.settings.captions for each in inputs):
            say("Captions are left out: not all of these data sets have them.")
        after.write_targets(union.targets)
        after.write_labels(inputs[0].labels)
        if union.refusals.withdrawn:
            after.write_withdrawals(union.refusals.withdrawn.values())
        for index in range(union.shards):
            state = after.shard_state(index)
            if state is not None and after.is_whole(state):
                done.gone_on_from += 1
            else:
                _write_shard(union, index, done)
        done.manifest = _finish(union, done.manifest)
    done.with_split = [
        each.address for each in inputs if each.output.files.size(SPLIT_FILE) is not None
    ]
    return done


def _union(inputs: Sequence[Input], new: DatasetDir, shards: int | None) -> _Union:
    targets, refusals = joined_targets(inputs), united_refusals(inputs)
    number = shards or number_of_shards(inputs)
    settings = merged_settings(inputs, targets, number, refusals.excluded_set)
    return _Union(inputs, targets, settings, refusals, ClipReader(inputs), new)


def _manifest(union: _Union) -> Manifest:
    """What the merged data set is, before anything is counted."""
    first = union.inputs[0].manifest
    return Manifest(
        version=VERSION,
        dataset=first.dataset,
        settings=union.settings,
        versions=merged_versions(union.inputs),
        classifier=first.classifier,
        totals=_NO_TOTALS,
        targets={target.target_id: _NO_COUNTS for target in union.targets},
        shards=(),
        parents=tuple(each.parent for each in union.inputs),
    )


# One shard.


def _write_shard(union: _Union, index: int, done: Merged) -> None:
    """Write a shard, and the tables of its candidates; what it was made of is written last."""
    new, shards = union.new, union.shards
    videos = list(_videos(union, index))
    verdicts = [row for each in videos for row in each.verdicts]
    new.write_candidates(index, shards, [each.candidate for each in videos])
    new.write_verdicts(index, shards, verdicts)
    kept = {each.candidate.video_key: each for each in videos if each.taken_from is not None}
    if union.settings.captions:
        _write_captions(union, index, kept.values())
    members = members_of(verdicts, union.targets)
    states = _States(union)
    facts = {key: states.of(_taken(each), key) for key, each in kept.items()}
    left_out = {
        key: state.left_out[key] for key, state in facts.items() if state and key in state.left_out
    }
    spans, tally = Spans(), MotionTally()
    clips = spans.of(_clips(union, members, kept, done))
    form = union.settings.shard_form
    if form.motion:
        clips = tally.of(clips)
    files = new.write_shard(index, shards, union.settings.formats, clips, form)
    cut_keys = {state.cut_key if state else "" for state in facts.values()}
    # If they differ, or one is not known, nobody can go on from these clips.
    cut_key = cut_keys.pop() if len(cut_keys) == 1 else ""
    state = ShardState(
        digest=digest_of(cut_key, union.settings.formats, shards, members),
        cut_key=cut_key,
        files=files,
        videos={member.origin.video_key: member.sha256 for member in members},
        spans=spans.noted(),
        first_durations={
            key: state.first_durations[key]
            for key, state in facts.items()
            if state and key in state.first_durations
        },
        notes=new.notes(files),
        motion=tally.counts(sum(left_out.values())) if form.motion else None,
        left_out=left_out,
    )
    new.write_shard_state(index, state)


def _taken(video: MergedVideo) -> int:
    assert video.taken_from is not None, "it is kept"
    return video.taken_from


def _videos(union: _Union, index: int) -> Iterator[MergedVideo]:
    """The videos of a shard, in the order of their keys."""
    said: defaultdict[str, list[Said]] = defaultdict(list)
    for place, each in enumerate(union.inputs):
        for shard in _drawn_from(each.shards, index, union.shards):
            for key, one in _said(union, place, shard).items():
                if shard_of(key, union.shards) == index:
                    said[key].append(one)
    positions = union.positions
    for key in sorted(said):
        yield merged_video(
            said[key],
            positions,
            is_withdrawn=key in union.refusals.withdrawn,
            excluded=union.refusals.excluded,
        )


def _drawn_from(shards: int, index: int, of: int) -> range:
    """The shards, of so many, whose videos may belong to shard `index` of another number.

    A video's shard is a hash modulo their number: the remainders by a common divisor agree.
    """
    common = math.gcd(shards, of)
    return range(index % common, shards, common)


def _said(union: _Union, place: int, shard: int) -> dict[str, Said]:
    """What an input says of the videos in one of its shards, by key."""
    own = union.inputs[place]
    rows = defaultdict(list)
    for row in own.output.verdicts(shard, own.shards):
        rows[row.video_key].append(row)
    captions: dict[str, Captions] = {}
    if union.settings.captions:
        captions = {each.video_key: each for each in captions_in(own.output, shard, own.shards)}
    return {
        each.video_key: Said(
            place, each, tuple(rows.get(each.video_key, ())), captions.get(each.video_key)
        )
        for each in own.output.candidates(shard, own.shards)
    }


def _write_captions(union: _Union, index: int, kept: Iterable[MergedVideo]) -> None:
    rows = [
        each.captions
        or Captions(
            video_key=each.candidate.video_key,
            video_id=each.candidate.video.video_id,
            reason=Reason.INTERRUPTED,
            error="the data set that the video is from does not have them",
        )
        for each in kept
    ]
    write_table(union.new.files, table_path(CAPTIONS, index, union.shards), rows, Captions)


class _States:
    """What the shards of inputs were made of; each is read once."""

    def __init__(self, union: _Union) -> None:
        self._union = union
        self._read: dict[tuple[int, int], ShardState | None] = {}

    def of(self, source: int, key: str) -> ShardState | None:
        """What is known of the shard with a video's clips; None: nothing."""
        own = self._union.inputs[source]
        place = source, shard_of(key, own.shards)
        if place not in self._read:
            self._read[place] = own.output.shard_state(place[1])
        return self._read[place]


def _clips(
    union: _Union,
    members: Sequence[Member],
    kept: dict[str, MergedVideo],
    done: Merged,
) -> Iterator[Clip]:
    """The clips of a shard's videos, with their new labels; counts what differs between inputs."""
    with_clips = [member for member in members if member.clips]
    wanted = [
        (place, member.origin.video_key, member.clips)
        for member in with_clips
        for place in _read_from(kept[member.origin.video_key])
    ]
    in_order = union.reader.of(wanted)
    for member in members:
        video = kept[member.origin.video_key]
        done.in_several += bool(video.same or video.other)
        done.other_contents += bool(video.other)
        if member.clips:
            yield from _labelled(in_order, member, video, done)


def _read_from(video: MergedVideo) -> tuple[int, ...]:
    return (_taken(video), *video.same)


def _labelled(
    in_order: ClipsInOrder, member: Member, video: MergedVideo, done: Merged
) -> Iterator[Clip]:
    first, *others = (
        [labelled(clip, member.origin) for clip in in_order.clips(place, member.origin.video_key)]
        for place in _read_from(video)
    )
    done.other_clips += any(other != first for other in others)
    yield from first


# All of it.


def _finish(union: _Union, manifest: Manifest) -> Manifest:
    """Count what there is, and write what describes it."""
    new, shards = union.new, union.shards
    counts: Counter[Key] = Counter()
    pairs: Counter[str] = Counter()
    for index in range(shards):
        with new.files.local(table_path("verdicts", index, shards)) as file:
            counts.update(tally_table(pq.read_table(file, columns=COUNTED)))
    for (target, _, _), number in counts.items():
        if target:
            pairs[target] += number
    candidates = counts["", "candidates", ""]
    lookup = Lookup(
        titles=sum(each.lookup.titles for each in union.inputs),
        candidates=candidates,
        pairs=pairs.total(),
        shards=shards,
        matched={target.target_id: pairs[target.target_id] for target in union.targets},
        searches=(),
        crowded_out=sum(each.lookup.crowded_out for each in union.inputs),
    )
    new.write_lookup(lookup)
    files = [
        file for state in new.shard_states.all(shards) for file in (state.files if state else ())
    ]
    motion = None
    if union.settings.motion:
        motion = motion_counts(new, union.settings.formats, shards)
    counted = counted_anew(manifest, lookup, files, counts, motion)
    counted = with_captions(new, counted, shards)
    finish(new, counted)
    return counted
