"""One shard of the data set: the clips of its kept videos, and the verdicts on its candidates."""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from videonet.curation.clip_rules import left_out_because, places_taken
from videonet.dataset.captions import write_captions
from videonet.dataset.motion_counts import MotionTally
from videonet.errors import AccountError
from videonet.files import sha256_of
from videonet.schemas.clip import Clip
from videonet.schemas.fetch import Cut
from videonet.schemas.lock_file import Span
from videonet.schemas.manifest import Shard
from videonet.schemas.reason import Outcome
from videonet.schemas.run import ShardState
from videonet.schemas.selection import NOTHING_ELSE, SelectionOptions
from videonet.schemas.shard_form import ShardForm
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.shards.writer import WAITING
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import MISSING
from videonet.storage.store import Store
from videonet.video.clips import DATASET, ClipOrigin, labelled


@dataclass(frozen=True)
class Assembly:
    """What all shards of a data set are put together from, and how."""

    output: DatasetDir
    # where cut clips wait
    store: Store
    # for which run they wait
    run_id: str
    # in the order of the run's list
    targets: tuple[Target, ...]
    formats: tuple[str, ...]
    # name under which the store keeps clips that are cut in this way
    cut_key: str
    # how many shards there are
    shards: int
    # in which they are written
    form: ShardForm
    # whether a candidate is for whichever target it turns out to be nearest to
    neighbours: bool = False
    # which of its clips are taken of a video, and whether captions are
    rules: SelectionOptions = NOTHING_ELSE


class Member(NamedTuple):
    """A kept video of a shard."""

    origin: ClipOrigin
    # content that was cut
    sha256: str
    clips: int


def finish_shard(
    assembly: Assembly, index: int, verdicts: Iterable[Verdict], cuts: Mapping[str, Cut]
) -> tuple[Shard, ...]:
    """Put the clips of the kept videos into shard `index`, unless they are there already.

    `verdicts` are all those on the shard's candidates, in any order; they are written beside.
    `cuts` say by video_key what cutting brought; for a kept video without one, the store is asked.
    Returns the shard's files. Raises AccountError if the verdicts are not exactly one for each
    pair in the candidate list.
    """
    output, shards = assembly.output, assembly.shards
    position = {target.target_id: place for place, target in enumerate(assembly.targets)}
    ordered = sorted(verdicts, key=lambda each: (each.video_key, position[each.target_id]))
    _balance(assembly, index, ordered)
    members = members_of(ordered, assembly.targets)
    files = _files(assembly, index, members, cuts)
    output.write_verdicts(index, shards, ordered)
    if assembly.rules.captions:
        kept = ((each.origin.video_key, each.origin.video_id) for each in members)
        write_captions(output, assembly.store, index, shards, kept)
    return files


def members_of(verdicts: Iterable[Verdict], targets: Sequence[Target]) -> list[Member]:
    """The kept videos of a shard, in the order of their keys.

    `verdicts` are all those on its candidates, by key and then by position in `targets`, the run's
    list. Raises AccountError.
    """
    positions = {target.target_id: place for place, target in enumerate(targets)}
    kept = (verdict for verdict in verdicts if verdict.outcome is Outcome.KEPT)
    members = []
    for key, rows in itertools.groupby(kept, key=lambda each: each.video_key):
        first, *more = rows
        if first.sha256 is None:
            raise AccountError(f"{key} is kept, but its content is unknown.")
        own = [each.target_id for each in (first, *more)]
        inherited = [each.target_id for each in first.inherited or ()]
        labels = tuple(sorted(positions[each] for each in own + inherited))
        origin = ClipOrigin(
            dataset=DATASET,
            video_key=key,
            video_id=first.video.video_id,
            url=first.video.url,
            labels=labels,
            names=tuple(targets[place].name for place in labels),
        )
        members.append(Member(origin, first.sha256, first.clips))
    return members


def digest_of(cut_key: str, formats: Sequence[str], shards: int, members: Sequence[Member]) -> str:
    """Hex sha256 of all that the bytes of a shard depend on; `shards` is how many there are."""
    parts = [cut_key, formats, shards, members]
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


def intact_clips(output: DatasetDir, files: Sequence[Shard]) -> Iterator[Clip]:
    """The clips of the first file that is what it was; a damaged one is deleted."""
    for file in files:
        with suppress(*MISSING):
            if output.files.sha256(file.path) == file.sha256:
                return output.clips_in(file.path)
            output.files.delete(file.path)
    return iter(())


class Spans:
    """Where the clips of a shard begin and end, written down while they pass to its files."""

    def __init__(self) -> None:
        self._spans: defaultdict[str, list[Span]] = defaultdict(list)

    def of(self, clips: Iterable[Clip]) -> Iterator[Clip]:
        """The same clips, one by one."""
        for clip in clips:
            span = Span(begin=clip.clip_start_timestamp, end=clip.clip_end_timestamp)
            self._spans[clip.example_id.rpartition("#")[0]].append(span)
            yield clip

    def noted(self) -> dict[str, tuple[Span, ...]]:
        """Those of the clips that have passed, by video_key."""
        return {key: tuple(spans) for key, spans in self._spans.items()}


def _balance(assembly: Assembly, index: int, verdicts: Sequence[Verdict]) -> None:
    """Raise AccountError unless there is one verdict for each pair that was listed.

    Neighbours are listed for no target of their own.
    """
    is_open = assembly.neighbours
    listed = [
        (candidate.video_key, "" if is_open else match.target_id)
        for candidate in assembly.output.candidates(index, assembly.shards)
        for match in candidate.matches
    ]
    judged = [(each.video_key, "" if is_open else each.target_id) for each in verdicts]
    if sorted(listed) != sorted(judged):
        missing, extra = set(listed) - set(judged), set(judged) - set(listed)
        raise AccountError(
            f"Shard {index} has {len(listed)} pairs of candidate and target but {len(judged)} "
            f"verdicts; without one: {sorted(missing)[:3]}, not asked for: {sorted(extra)[:3]}."
        )


def _files(
    assembly: Assembly, index: int, members: Sequence[Member], handed: Mapping[str, Cut]
) -> tuple[Shard, ...]:
    """The shard's files: as they are, if they were made of the same, else written."""
    output, formats, cut_key = assembly.output, assembly.formats, assembly.cut_key
    digest = digest_of(cut_key, formats, assembly.shards, members)
    before = output.shard_state(index)
    if before and before.digest == digest and output.is_whole(before):
        return before.files
    written = _Written(output, before if before and before.cut_key == cut_key else None)
    cuts = {
        key: handed.get(key) or assembly.store.cut(key, cut_key)
        for key in (member.origin.video_key for member in members)
    }
    spans, tally = Spans(), MotionTally()
    clips = spans.of(
        clip
        for member in members
        for clip in _clips(assembly, member, cuts[member.origin.video_key], written)
    )
    if assembly.form.motion:
        clips = tally.of(clips)
    files = output.write_shard(index, assembly.shards, formats, clips, assembly.form)
    left_out = _left_out(cuts, members, before)
    state = ShardState(
        digest=digest,
        cut_key=cut_key,
        files=files,
        videos={member.origin.video_key: member.sha256 for member in members},
        spans=spans.noted(),
        first_durations=_first_durations(assembly, cuts, members, before),
        notes=output.notes(files),
        motion=tally.counts(sum(left_out.values())) if assembly.form.motion else None,
        left_out=left_out,
    )
    output.write_shard_state(index, state)
    return state.files


def _first_durations(
    assembly: Assembly,
    cuts: Mapping[str, Cut | None],
    members: Sequence[Member],
    before: ShardState | None,
) -> dict[str, tuple[int, ...]]:
    """How long the first frame of each clip is shown, where that is known."""
    known = {}
    for member in members:
        key = member.origin.video_key
        cut = cuts[key]
        if cut is not None and cut.sha256 == member.sha256:
            places = places_taken(cut, assembly.rules)
            durations = tuple(cut.first_durations[each] for each in places if cut.first_durations)
        else:
            durations = before.first_durations.get(key, ()) if before else ()
        if durations and len(durations) == member.clips:
            known[key] = durations
    return known


def _left_out(
    cuts: Mapping[str, Cut | None], members: Sequence[Member], before: ShardState | None
) -> dict[str, int]:
    """How many clips of each video the rules left out, where any were."""
    found = {}
    for member in members:
        key = member.origin.video_key
        cut = cuts[key]
        if cut is not None and cut.sha256 == member.sha256:
            number = cut.clips - member.clips
        else:
            number = before.left_out.get(key, 0) if before else 0
        if number:
            found[key] = number
    return found


def _taken(assembly: Assembly, clips: Iterable[Clip]) -> Iterator[Clip]:
    """Those of the clips of a video that the rules take, numbered anew."""
    number = 0
    for clip in clips:
        repeated, cuts = clip.clip_motion_repeated, clip.clip_cut_timestamp
        if repeated is not None and cuts is not None:
            if left_out_because(repeated, len(cuts), assembly.rules) is not None:
                continue
            key = clip.example_id.rpartition("#")[0]
            clip = msgspec.structs.replace(clip, example_id=f"{key}#{number}")
        number += 1
        yield clip


def _clips(
    assembly: Assembly, member: Member, cut: Cut | None, written: "_Written"
) -> Iterator[Clip]:
    """The clips of one video: those that wait in the store, or those of the shard before."""
    key = member.origin.video_key
    store = assembly.store
    name = store.clips(key, assembly.cut_key, assembly.run_id)
    number = 0
    with store.files.local(name) as waiting:
        if waiting and cut and cut.waiting_sha256 not in (None, sha256_of(waiting)):
            store.delete(name)
            raise AccountError(
                f"The clips of {key} that waited in the store are not as they were cut; run again "
                "to cut them again."
            )
        clips = written.clips(member) if waiting is None else WAITING.read(waiting)
        for clip in _taken(assembly, clips):
            number += 1
            yield labelled(clip, member.origin)
    if number != member.clips:
        # Or the next run would take them for what they should be.
        store.delete(name)
        raise AccountError(
            f"{key} has {number} clips where {member.clips} are due; run again to cut it again."
        )


class _Written:
    """The clips that an earlier version of the shard holds, for videos whose bytes are gone."""

    def __init__(self, output: DatasetDir, state: ShardState | None) -> None:
        self._videos = state.videos if state else {}
        self._clips = iter(()) if state is None else intact_clips(output, state.files)

    def clips(self, member: Member) -> Iterator[Clip]:
        """The clips of `member`; members are asked for in the order of their keys."""
        key = member.origin.video_key
        if self._videos.get(key) != member.sha256:
            return iter(())
        own = (clip for clip in self._clips if clip.example_id.rpartition("#")[0] == key)
        return itertools.islice(own, member.clips)
