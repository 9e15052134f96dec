"""One shard of the data set: the verdicts on its candidates, and the clips of those kept."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import NamedTuple

import msgspec

from schemas import Clip, Keep, Outcome, Reason, Shard, ShardState, ShardVideo, Verdict
from videonet.clips import ClipOrigin, cut
from videonet.fetch import is_here, release, shortened
from videonet.output import Output
from videonet.shards import FORMATS, write_shard
from videonet.verdict import seconds
from videonet.versions import clip_versions
from videonet.video import VideoError
from videonet.workbench import Workbench

DATASET = "videonet"


class AccountError(Exception):
    """Candidates and verdicts do not match: something was lost or counted twice."""


class Member(NamedTuple):
    """A kept video of a shard."""

    origin: ClipOrigin
    # content that is to be cut
    sha256: str


class FinishedShard(NamedTuple):
    """A shard's files, and the final verdicts on its candidates."""

    files: tuple[Shard, ...]
    verdicts: list[Verdict]


def finish_shard(
    bench: Workbench, index: int, shards: int, verdicts: Iterable[Verdict], pool: Executor
) -> FinishedShard:
    """Cut the clips of the kept videos into shard `index`, unless they are there already.

    `verdicts` are all those on the shard's candidates, in any order. Raises AccountError if they
    are not exactly one for each pair in the candidate list.
    """
    ordered = sorted(verdicts, key=lambda each: (each.video_key, bench.position(each.target_id)))
    _balance(bench.output, index, shards, ordered)
    kept = (verdict for verdict in ordered if verdict.outcome is Outcome.KEPT)
    by_video = itertools.groupby(kept, key=lambda each: each.video_key)
    members = [_member(bench, key, list(rows)) for key, rows in by_video]
    state = _state(bench, index, shards, members, pool)
    final = [_final(verdict, state.videos) for verdict in ordered]
    bench.output.write_verdicts(index, shards, final)
    if bench.plan.keep is not Keep.ALL:
        _clean_up(bench, final)
    return FinishedShard(state.files, final)


def _balance(output: Output, index: int, shards: int, verdicts: Sequence[Verdict]) -> None:
    listed = [
        (candidate.video_key, match.target_id)
        for candidate in output.candidates(index, shards)
        for match in candidate.matches
    ]
    judged = [(verdict.video_key, verdict.target_id) for verdict in verdicts]
    if sorted(listed) != sorted(judged):
        missing, extra = set(listed) - set(judged), set(judged) - set(listed)
        raise AccountError(
            f"Shard {index} has {len(listed)} pairs of candidate and target but {len(judged)} "
            f"verdicts; without one: {sorted(missing)[:3]}, not asked for: {sorted(extra)[:3]}."
        )


def _member(bench: Workbench, video_key: str, kept: Sequence[Verdict]) -> Member:
    first = kept[0]
    labels = [bench.position(each.target_id) for each in kept]
    origin = ClipOrigin(
        dataset=DATASET,
        video_key=video_key,
        video_id=first.video_id,
        url=first.url,
        labels=tuple(labels),
        names=tuple(bench.targets[each.target_id].name for each in kept),
    )
    if first.sha256 is None:
        raise AccountError(f"{video_key} is kept, but its content is unknown.")
    return Member(origin, first.sha256)


def _state(
    bench: Workbench, index: int, shards: int, members: Sequence[Member], pool: Executor
) -> ShardState:
    """The finished shard: as it is, if it was made of the same, else written."""
    cutting = bench.clip_settings.identity
    formats = bench.plan.settings.formats
    digest = _digest([cutting, clip_versions(), formats, shards, members])
    before = bench.output.shard_state(index)
    if before and before.digest == digest and _are_there(bench.output, before.files):
        return before
    videos: dict[str, ShardVideo] = {}
    reusable = _Written(bench.output, before if before and before.cutting == cutting else None)
    clips = _clips(bench, members, reusable, videos, pool)
    files = write_shard(bench.output.root, index, shards, formats, clips)
    state = ShardState(digest=digest, cutting=cutting, files=tuple(files), videos=videos)
    bench.output.write_shard_state(index, state)
    return state


def _digest(parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


def _are_there(output: Output, files: Iterable[Shard]) -> bool:
    paths = [(output.root / file.path, file.bytes) for file in files]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


class _Cut(NamedTuple):
    """The clips of one video, or why there are none."""

    clips: list[Clip]
    video: ShardVideo


def _clips(
    bench: Workbench,
    members: Sequence[Member],
    reusable: "_Written",
    videos: dict[str, ShardVideo],
    pool: Executor,
) -> Iterator[Clip]:
    """All clips of all members, in order; `videos` is filled on the way."""

    def start(member: Member) -> Callable[[], _Cut]:
        fetched = bench.store.fetch(member.origin.video_key)
        if fetched is not None and is_here(fetched, bench.store):
            future: Future[_Cut] = pool.submit(_cut, bench, member)
            return future.result
        return lambda: reusable.take(member)

    # As many videos ahead as there are workers: their clips are what is held in memory.
    for member, finish in _ahead(members, start, bench.plan.workers):
        result = finish()
        videos[member.origin.video_key] = result.video
        yield from result.clips


def _ahead(
    members: Iterable[Member], start: Callable[[Member], Callable[[], _Cut]], ahead: int
) -> Iterator[tuple[Member, Callable[[], _Cut]]]:
    """Each member with its work, which was started when it was at most `ahead` places away."""
    source = iter(members)
    started = [(each, start(each)) for each in itertools.islice(source, ahead)]
    while started:
        yield started.pop(0)
        started.extend((each, start(each)) for each in itertools.islice(source, 1))


def _cut(bench: Workbench, member: Member) -> _Cut:
    fetched = bench.store.fetch(member.origin.video_key)
    length = bench.store.length(member.origin.video_key)
    if fetched is None or length is None:
        raise AccountError(f"{member.origin.video_key} is kept, but was never measured.")
    clips: list[Clip] = []
    reason = error = None
    try:
        file = bench.store.file(fetched)
        clips = list(cut(file, seconds(length), member.origin, bench.clip_settings))
    except VideoError as failure:
        reason, error = Reason.UNDECODABLE, shortened(str(failure))
    video = ShardVideo(sha256=member.sha256, clips=len(clips), reason=reason, error=error)
    return _Cut(clips, video)


class _Written:
    """The clips that an earlier version of the shard holds, for videos whose bytes are gone."""

    def __init__(self, output: Output, state: ShardState | None) -> None:
        self._videos: Mapping[str, ShardVideo] = state.videos if state else {}
        file = state.files[0] if state else None
        self._clips = iter(()) if file is None else _read(output, file)

    def take(self, member: Member) -> _Cut:
        """The clips of `member`; members are asked for in the order of their keys."""
        key = member.origin.video_key
        video = self._videos.get(key)
        if video is None or video.sha256 != member.sha256:
            raise AccountError(f"{key} is kept, but its bytes are gone; run again to fetch it.")
        own = (clip for clip in self._clips if clip.example_id.rpartition("#")[0] == key)
        clips = [_relabelled(clip, member.origin) for clip in itertools.islice(own, video.clips)]
        return _Cut(clips, video)


def _read(output: Output, file: Shard) -> Iterator[Clip]:
    format_name = file.path.rpartition(".")[2]
    return FORMATS[format_name].read(output.root / file.path)


def _relabelled(clip: Clip, origin: ClipOrigin) -> Clip:
    return msgspec.structs.replace(
        clip,
        clip_data_path=origin.url,
        clip_media_id=origin.video_id,
        clip_label_index=origin.labels,
        clip_label_string=origin.names,
        clip_label_text=origin.names,
    )


def _final(verdict: Verdict, videos: Mapping[str, ShardVideo]) -> Verdict:
    """A verdict with what cutting the clips brought."""
    if verdict.outcome is not Outcome.KEPT:
        return verdict
    video = videos[verdict.video_key]
    if video.reason is not None:
        return msgspec.structs.replace(
            verdict, outcome=Outcome.FAILED, reason=video.reason, error=video.error
        )
    return msgspec.structs.replace(verdict, clips=video.clips)


def _clean_up(bench: Workbench, verdicts: Sequence[Verdict]) -> None:
    """Delete bytes that are no longer needed now that the shard is written."""
    for key, rows in itertools.groupby(verdicts, key=lambda each: each.video_key):
        outcomes = {row.outcome for row in rows}
        undecodable = Outcome.KEPT not in outcomes
        fetched = bench.store.fetch(key)
        ours = fetched is not None and fetched.here and fetched.run_id == bench.plan.run_id
        if fetched and ours and (undecodable or bench.plan.keep is Keep.NONE):
            release(fetched, bench.store)
