"""The steps that a candidate goes through: each does what is not done yet, and says what it found.

A step looks at nothing but the store's records and files. So the steps give the same whether one
stage takes them all, or each is taken on a machine of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import msgspec

from videonet.curation.context import RunContext
from videonet.curation.evidence import LENGTH_VERSION, Records, weighed, written
from videonet.curation.progress import Work
from videonet.curation.scan import Scanned, embed_video, scan_video
from videonet.curation.verdict import Evidence, decide, seconds
from videonet.fetch.acquire import acquire, local_part, verified_part, worth_fetching
from videonet.fetch.disk_budget import Room
from videonet.fetch.published_address import published_video
from videonet.fetch.rate_limit import host_of
from videonet.fetch.sparse_file import PartSource
from videonet.fetch.verified_file import verified_file
from videonet.files import sha256_of
from videonet.schemas.candidate import Candidate
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.schemas.shard_form import ShardForm
from videonet.schemas.video_record import sections_of
from videonet.selection import likeness
from videonet.selection.stored_hashes import hashes_of, pictures_of
from videonet.shards.writer import WAITING
from videonet.storage.embedded_videos import embedded_video, write_embedded
from videonet.text import shortened
from videonet.versions import decoder_version
from videonet.video.clips import DATASET, ClipOrigin, CutReport
from videonet.video.container import VideoError
from videonet.video.decoder import Part
from videonet.video.motion import PARTS

# What a step is given: the room that the video takes, what is known of it, and what that says of
# the candidate. It returns what is known afterwards: the same records, if there was nothing to do.
Step = Callable[[RunContext, Candidate, Room, Records, Evidence], Records]


def download(
    context: RunContext, candidate: Candidate, room: Room, records: Records, seen: Evidence
) -> Records:
    """Fetch of the file what a verdict needs first: what its first frames need, or all of it."""
    is_known = seen.scan is not None or candidate.sha256 is not None
    # A part is of no use to those who keep all files.
    if is_known or context.plan.keep is Keep.ALL:
        return _fetched(context, candidate, room, records, seen, None)
    if seen.part:
        return records
    return _fetched(context, candidate, room, records, seen, context.plan.settings.frames)


def recall(
    context: RunContext, candidate: Candidate, _room: Room, records: Records, seen: Evidence
) -> Records:
    """Compare a video with the run's targets by what the store has of its frames, if it has that.

    So other targets than those of an earlier run need no second look at the video.
    """
    neighbours = context.neighbours
    if seen.scan is not None or neighbours is None:
        return records
    embedded = embedded_video(context.store, candidate.video_key, context.embedding_key)
    if embedded is None:
        return records
    new = {context.plan.settings.scan_key: neighbours.compared(embedded)}
    recalled = records.with_new(sections_of(scans=new), scan=new[context.plan.settings.scan_key])
    # Unless they are of another content.
    return records if weighed(context, candidate, recalled).scan is None else recalled


def download_unseen(
    context: RunContext, candidate: Candidate, room: Room, records: Records, seen: Evidence
) -> Records:
    """Fetch what is needed to compare a video, unless it was compared already."""
    return records if seen.scan else download(context, candidate, room, records, seen)


def compare_whole(
    context: RunContext, candidate: Candidate, room: Room, records: Records, seen: Evidence
) -> Records:
    """Fetch all of a file, and compare it, if the part that was here has turned out too small."""
    return records if seen.scan else download_rest(context, candidate, room, records, seen)


def scan(
    context: RunContext, candidate: Candidate, _room: Room, records: Records, seen: Evidence
) -> Records:
    """Classify the first frames, unless this classifier has seen them before."""
    # What a lock file asks for was seen elsewhere.
    if seen.scan is not None or candidate.sha256 is not None:
        return records
    if seen.whole:
        fetched, content = _content(seen)
        with (
            _at_work(context, candidate, "scan") as work,
            verified_file(fetched, context.store) as source,
        ):
            work.bytes += fetched.bytes or 0
            scanned = _scanned(context, candidate, source, content)
        return _with_scan(context, records, scanned)
    return _scanned_in_part(context, candidate, records) if seen.part else records


def download_rest(
    context: RunContext, candidate: Candidate, room: Room, records: Records, seen: Evidence
) -> Records:
    """Fetch the rest of the file, if a verdict needs it; and look again if too little was here."""
    after = _fetched(context, candidate, room, records, seen, None)
    if after is not records:
        after = written(context, after)
        seen = weighed(context, candidate, after)
    return scan(context, candidate, room, after, seen)


def measure(
    context: RunContext, candidate: Candidate, _room: Room, records: Records, seen: Evidence
) -> Records:
    """Measure the whole file's length, unless it is known."""
    if seen.length is not None:
        return records
    fetched, content = _content(seen)
    reason = error = limits = None
    length, recordings = Fraction(0), 1
    try:
        with (
            _at_work(context, candidate, "measure") as work,
            verified_file(fetched, context.store) as source,
        ):
            work.bytes += fetched.bytes or 0
            found = context.decoder.recordings_in(source)
            length, recordings = sum((each.length for each in found), length), len(found)
    except VideoError as failure:
        reason, error, limits = failure.reason, shortened(str(failure)), failure.limits
    measured = Length(
        video_key=candidate.video_key,
        sha256=content,
        reason=reason,
        error=error,
        numerator=length.numerator,
        denominator=length.denominator,
        recordings=recordings,
        version=LENGTH_VERSION,
        decoder=decoder_version(),
        limits=limits,
    )
    return records.with_new(sections_of(length=measured), length=measured)


def cut(
    context: RunContext, candidate: Candidate, _room: Room, records: Records, seen: Evidence
) -> Records:
    """Cut the clips, unless they wait already or are in their shard."""
    if seen.cut is not None or seen.length is None:
        return records
    fetched, content = _content(seen)
    run_id = context.plan.run_id
    # Whose clips they are; what they show is written on them when they go into a shard.
    video = published_video(candidate.video)
    origin = ClipOrigin(DATASET, candidate.video_key, video.video_id, video.url)
    file = context.store.temporary()
    reason = error = limits = None
    clips, report = 0, CutReport()
    # of each clip: the share of it that repeats, and its cuts
    measures: list[tuple[int, int]] = []
    length, waiting_sha256 = seconds(seen.length), None
    # A single recording needs no second look at the whole file.
    recordings = () if seen.length.recordings == 1 else None

    def written(source: Path) -> int:
        """Write all clips into the file, from its beginning on; how many."""
        with WAITING.open_writer(file, ShardForm(motion=context.clip_settings.motion)) as write:
            number = 0
            measures.clear()
            for clip in context.decoder.cut_clips(
                source, length, origin, context.clip_settings, recordings, report
            ):
                write(clip)
                number += 1
                if clip.clip_motion_repeated is not None and clip.clip_cut_timestamp is not None:
                    repeated = round(clip.clip_motion_repeated * PARTS)
                    measures.append((repeated, len(clip.clip_cut_timestamp)))
            return number

    try:
        with _at_work(context, candidate, "cut") as work:
            with verified_file(fetched, context.store) as source:
                clips = context.decoder.twice(partial(written, source))
            work.bytes += file.stat().st_size
        waiting_sha256 = sha256_of(file)
        waiting = context.store.clips(candidate.video_key, context.cut_key, run_id)
        context.store.adopt(file, waiting)
    except VideoError as failure:
        reason, error, limits = failure.reason, shortened(str(failure)), failure.limits
    finally:
        file.unlink(missing_ok=True)
    was_cut = Cut(
        video_key=candidate.video_key,
        sha256=content,
        reason=reason,
        error=error,
        clips=clips,
        frames=report.frames,
        lost=report.lost,
        left_out=report.left_out,
        first_durations=tuple(report.first_durations[:clips]),
        repeated=tuple(repeated for repeated, _ in measures[:clips]),
        cuts=tuple(cuts for _, cuts in measures[:clips]),
        limits=limits,
        waiting_sha256=waiting_sha256,
    )
    return records.with_new(sections_of(cuts={context.cut_key: was_cut}), cut=was_cut)


def compare_with_set(
    context: RunContext, candidate: Candidate, _room: Room, records: Records, seen: Evidence
) -> Records:
    """Compare the clips with an evaluation set, unless that is done, or there is none."""
    key = context.likeness_key
    if key is None or seen.likeness is not None or seen.cut is None or not seen.cut.clips:
        return records
    context.require_claim(candidate.video_key)
    with context.computing:
        context.stop.check()
        places = context.clip_places
        hashes = hashes_of(places, candidate.video_key, seen.cut.sha256)
        if hashes is None:
            raise FileNotFoundError("the clips were here and are gone")
        pictures = partial(pictures_of, places, hashes)
        found = likeness.compare(hashes, context.reference, pictures)
    return records.with_new(sections_of(likenesses={key: found}), likeness=found)


# All of them, in order.
STEPS: tuple[Step, ...] = (download, scan, download_rest, measure, cut, compare_with_set)

# Where a run looks for neighbours: before all candidates were compared, and after that.
COMPARE: tuple[Step, ...] = (recall, download_unseen, scan, compare_whole)
REST: tuple[Step, ...] = (download_rest, measure, cut, compare_with_set)


def steps_of(context: RunContext) -> tuple[Step, ...]:
    """All steps of a run, in order."""
    return STEPS if context.neighbours is None else (*COMPARE, *REST)


def without_failure(fetched: Fetch | None) -> Fetch | None:
    """What else is known of a file that could not be fetched."""
    return fetched and msgspec.structs.replace(fetched, reason=None, error=None)


def _fetched(
    context: RunContext,
    candidate: Candidate,
    room: Room,
    records: Records,
    seen: Evidence,
    frames: int | None,
) -> Records:
    """Fetch the file, or what so many first frames need of it, if trying may help a verdict."""
    run_id = context.plan.run_id
    if seen.whole or not worth_fetching(
        seen.fetch, run_id, context.plan.settings, context.allowed_hosts
    ):
        return records
    # What went wrong the last time is to be tried again, and decides nothing yet; what the page
    # said then still holds.
    untried = replace(seen, fetch=without_failure(seen.fetch), whole=False, cut=None)
    targets = [context.targets[match.target_id] for match in candidate.matches]
    if all(decide(candidate, target, untried, context.verdict_limits) for target in targets):
        return records
    limits = context.fetch_limits
    before = _bytes_here(context, seen.fetch)
    context.require_claim(candidate.video_key)
    context.in_hand.take(candidate.video_key)
    with context.progress.at_work("download") as work:
        fetched = acquire(
            candidate,
            records.fetch,
            context.store,
            room,
            limits,
            context.web,
            run_id,
            frames,
            context.decoder,
        )
        work.bytes += max(0, _bytes_here(context, fetched) - before)
    failed = fetched.reason is not None and fetched.reason.outcome is Outcome.FAILED
    # Where the rest of a video comes after its first frames, the host has answered for it already.
    counts = failed or not before
    if counts and candidate.video.root is None and fetched.reason is not Reason.DISK_FULL:
        context.progress.fetched(host_of(candidate.video.url), succeeded=not failed)
    return records.with_new(sections_of(fetch=fetched), fetch=fetched)


def _bytes_here(context: RunContext, fetched: Fetch | None) -> int:
    """How many bytes of a video are here that were downloaded."""
    if fetched is None or fetched.path is not None:
        return 0
    if fetched.here:
        return fetched.bytes or 0
    part = local_part(fetched, context.store)
    return part.local_bytes if part else 0


def _scanned_in_part(context: RunContext, candidate: Candidate, records: Records) -> Records:
    """Classify what is here of the file; if the first frames need more, note that instead."""
    fetched, part = records.fetch, verified_part(records.fetch, context.store)
    if fetched is None or fetched.part is None:
        raise FileNotFoundError("a part of the file was here and is gone")
    if part is not None:
        source = PartSource(part)
        with _at_work(context, candidate, "scan") as work:
            work.bytes += part.local_bytes
            scanned = _scanned(context, candidate, source, fetched.part.sha256)
        if source.failure is None:
            return _with_scan(context, records, scanned)
    too_little = msgspec.structs.replace(fetched.part, enough=False)
    noted = msgspec.structs.replace(fetched, part=too_little)
    return records.with_new(sections_of(fetch=noted), fetch=noted)


def _with_scan(context: RunContext, records: Records, scanned: Scanned) -> Records:
    """What is known now that something was seen; the store has what can be looked at of it."""
    if scanned.embedded is not None:
        write_embedded(context.store, context.embedding_key, scanned.embedded)
    if scanned.thumbnail is not None and not _is_shown(context, records, scanned):
        context.store.write_thumbnail(scanned.scan.video_key, scanned.thumbnail)
    new = sections_of(scans={context.plan.settings.scan_key: scanned.scan})
    return records.with_new(new, scan=scanned.scan)


def _is_shown(context: RunContext, records: Records, scanned: Scanned) -> bool:
    """Whether the store has a picture of a compared video already.

    That of a classifier shows the frames of its classes besides those that are compared, and the
    reports of other data sets need it.
    """
    if scanned.embedded is None or context.store.thumbnail(scanned.scan.video_key) is None:
        return False
    record, fetched = records.stored.record, records.fetch
    seen = context.store.complete(record, record.sections.keys()).seen
    # As where scans are weighed, a part counts as the content.
    contents = {scanned.scan.sha256, fetched and fetched.sha256}
    contents.add(fetched.part.sha256 if fetched and fetched.part else None)
    return not seen.isdisjoint(contents)


def _scanned(
    context: RunContext, candidate: Candidate, source: Path | Part, content: str
) -> Scanned:
    if context.neighbours is not None:
        return embed_video(
            source,
            context.neighbours,
            context.plan.settings.frames,
            video_key=candidate.video_key,
            sha256=content,
            decoder=context.decoder,
            while_gpu_works=context.while_gpu_works(),
        )
    return scan_video(
        source,
        context.classifier,
        context.plan.settings.frames,
        [context.targets[match.target_id].outputs for match in candidate.matches],
        video_key=candidate.video_key,
        sha256=content,
        decoder=context.decoder,
        while_gpu_works=context.while_gpu_works(),
    )


@contextmanager
def _at_work(context: RunContext, candidate: Candidate, stage: str) -> Iterator[Work]:
    """Take up the processor, when it is this one's turn, and count what that costs."""
    context.require_claim(candidate.video_key)
    with context.computing:
        context.stop.check()
        context.in_hand.take(candidate.video_key)
        with context.progress.at_work(stage) as work:
            yield work


def _content(seen: Evidence) -> tuple[Fetch, str]:
    """The file that is to be read, and the sha256 of its content."""
    if seen.fetch is None or seen.fetch.sha256 is None:
        raise FileNotFoundError("the file was here and is gone")
    return seen.fetch, seen.fetch.sha256
