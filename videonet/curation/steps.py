"""The steps that a candidate goes through. Each does what is not done yet, then asks for verdicts.

A step returns the pairs of candidate and target that are decided by now, and the candidate with
the rest, which goes on to the next step. An exception becomes a verdict as well.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

from videonet.curation.context import ReadContext, RunContext
from videonet.curation.progress import Work
from videonet.curation.scan import Scanned, scan_video
from videonet.curation.verdict import Decision, Evidence, decide, decision_for, seconds, verdict_row
from videonet.fetch.acquire import (
    fetch,
    is_local,
    local_part,
    release,
    verified_part,
    worth_fetching,
)
from videonet.fetch.sparse_file import PartReader
from videonet.files import below
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.schemas.verdict import Verdict
from videonet.shards.writer import WAITING
from videonet.text import shortened
from videonet.video.clips import DATASET, ClipOrigin, cut_clips
from videonet.video.decode import VideoError, video_length


class StepResult(NamedTuple):
    """What a step leaves behind."""

    verdicts: list[Verdict]
    # the candidate with the pairs that are still open; None if there are none
    rest: Candidate | None
    # bytes of the video that were deleted, since nobody needs them now
    released: int


def download(context: RunContext, candidate: Candidate) -> StepResult:
    """Fetch of the file what a verdict needs first: what its first frames need, or all of it."""
    context.budget.begin()
    decided = _step(context, candidate, _download)
    released = decided.released
    if decided.rest is not None and context.plan.local:
        # In one process the next steps are done at once, while the file is at hand: so a video
        # that waits for the network leaves the processor to others, and the other way round, and
        # its room is free again soon. Others may be waiting for it.
        released = _look_ahead(context, decided.rest)
    if decided.rest is None or context.plan.local:
        context.budget.settle(released)
    return decided


def scan(context: RunContext, candidate: Candidate) -> StepResult:
    """Classify the first frames, unless this classifier has seen them before."""
    decided = _step(context, candidate, _scan)
    if decided.rest is None and not context.plan.local:
        context.budget.settle(decided.released)
    return decided


def download_rest(context: RunContext, candidate: Candidate) -> StepResult:
    """Fetch the rest of the file, if a verdict needs it; and look again if too little was here."""
    decided = _step(context, candidate, _download_rest)
    if not context.plan.local:
        context.budget.settle(decided.released)
    return decided


def measure(context: RunContext, candidate: Candidate) -> StepResult:
    """Measure the whole file's length, unless it is known."""
    return _step(context, candidate, _measure)


def cut(context: RunContext, candidate: Candidate) -> StepResult:
    """Cut the clips, unless they are here or in their shard already."""
    return _step(context, candidate, _cut)


def load_evidence(known: ReadContext, candidate: Candidate) -> Evidence:
    """What the store knows of a candidate. Results for another content do not count."""
    key = candidate.video_key
    fetched = known.store.fetch(key)
    content = fetched.sha256 if fetched else None
    # A part of it counts as its content for whoever needed no more.
    seen_content = {content, fetched.part.sha256} if fetched and fetched.part else {content}
    scanned = known.store.scan(key, known.plan.settings.scan_key)
    if scanned is not None and scanned.sha256 not in seen_content:
        scanned = None
    # Clips alone are not enough for who still has to look at the first frames.
    is_known = scanned is not None or candidate.sha256 is not None
    length = known.store.length(key)
    clips = known.store.cut(key, known.cut_key)
    if clips is not None and (clips.sha256 != content or not _are_here(known, clips)):
        clips = None
    if candidate.sha256 not in (None, content):
        # What a lock file asks for is something else.
        clips = None
    at_hand = _is_at_hand(known, candidate, fetched)
    # Also where its bytes were deleted since, so that an interrupted run asks for it once.
    fetched_now = fetched and fetched.reason is None and fetched.run_id == known.plan.run_id
    return Evidence(
        fetch=fetched,
        scan=scanned,
        length=length if length and length.sha256 == content else None,
        cut=clips,
        whole=at_hand or (clips is not None and is_known),
        part=not at_hand and _is_at_hand_in_part(known, fetched),
        withdrawn=key in known.withdrawn,
        current=at_hand or bool(fetched_now),
    )


def _step(
    context: RunContext,
    candidate: Candidate,
    work: Callable[[RunContext, Candidate, Evidence], None],
) -> StepResult:
    """Do `work`, and ask for verdicts."""
    seen = Evidence()
    try:
        work(context, candidate, load_evidence(context, candidate))
        seen = load_evidence(context, candidate)
        decisions = [
            (match, _decision(context, candidate, match, seen)) for match in candidate.matches
        ]
    except Exception as error:  # noqa: BLE001  # one bad video must not end a run over millions
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = Reason.DISK_FULL if full else Reason.INTERNAL
        redaction = context.web.redaction
        fault = decision_for(reason, redaction.error_text(f"{type(error).__name__}: {error}"))
        decisions = [(match, fault) for match in candidate.matches]
    verdicts = [
        verdict_row(
            candidate,
            match,
            context.targets[match.target_id],
            seen,
            decision,
            context.plan.settings.classifier.sha256,
        )
        for match, decision in decisions
        if decision is not None
    ]
    undecided = tuple(match for match, decision in decisions if decision is None)
    if undecided:
        return StepResult(verdicts, msgspec.structs.replace(candidate, matches=undecided), 0)
    kept = any(verdict.outcome is Outcome.KEPT for verdict in verdicts)
    return StepResult(verdicts, None, release_bytes(context, seen.fetch, kept=kept))


def _look_ahead(context: RunContext, candidate: Candidate) -> int:
    """Go all the way; the stages whose work it is find it done. The bytes that were released."""
    rest = candidate
    for step in (scan, download_rest, measure, cut):
        decided = step(context, rest)
        context.progress.foreseen(decided.verdicts)
        if decided.rest is None:
            return decided.released
        rest = decided.rest
    return 0


def _decision(
    context: RunContext, candidate: Candidate, match: Match, seen: Evidence
) -> Decision | None:
    target = context.targets[match.target_id]
    return decide(candidate, target, seen, context.verdict_limits)


def _download(context: RunContext, candidate: Candidate, seen: Evidence) -> None:
    known = seen.scan is not None or candidate.sha256 is not None
    # Who keeps all files does not want parts of them.
    if known or context.plan.keep is Keep.ALL:
        _fetch(context, candidate, seen, None)
    elif not seen.part:
        _fetch(context, candidate, seen, context.plan.settings.frames)


def _download_rest(context: RunContext, candidate: Candidate, seen: Evidence) -> None:
    _fetch(context, candidate, seen, None)
    _scan(context, candidate, load_evidence(context, candidate))


def _fetch(context: RunContext, candidate: Candidate, seen: Evidence, frames: int | None) -> None:
    """Fetch the file, or what so many first frames need of it, if trying may help a verdict."""
    run_id, max_bytes = context.plan.run_id, context.verdict_limits.max_bytes
    if seen.whole or not worth_fetching(seen.fetch, run_id, max_bytes):
        return
    # What went wrong the last time is to be tried again, and decides nothing yet; what the page
    # said then still holds.
    untried = replace(seen, fetch=_without_reason(seen.fetch), whole=False, cut=None)
    if any(_decision(context, candidate, match, untried) is None for match in candidate.matches):
        store, limits = context.store, context.fetch_limits
        before = _bytes_here(context, seen.fetch)
        with context.progress.at_work("download") as work:
            fetched = fetch(candidate, store, context.budget, limits, context.web, run_id, frames)
            work.bytes += max(0, _bytes_here(context, fetched) - before)


def _bytes_here(context: RunContext, fetched: Fetch | None) -> int:
    """How many bytes of a video are here that were downloaded."""
    if fetched is None or fetched.path is not None:
        return 0
    if fetched.here:
        return fetched.bytes or 0
    part = local_part(fetched, context.store)
    return part.local_bytes if part else 0


def _without_reason(fetched: Fetch | None) -> Fetch | None:
    return fetched and msgspec.structs.replace(fetched, reason=None, error=None)


def _scan(context: RunContext, candidate: Candidate, seen: Evidence) -> None:
    # What a lock file asks for was seen elsewhere.
    if seen.scan is not None or candidate.sha256 is not None:
        return
    scanned: Scanned | None = None
    if seen.whole:
        fetched, content = _content(seen)
        with _at_work(context, "scan") as work:
            work.bytes += fetched.bytes or 0
            scanned = _scanned(context, candidate, context.store.file(fetched), content)
    elif seen.part:
        scanned = _scanned_in_part(context, candidate, seen)
    if scanned is None:
        return
    if scanned.thumbnail is not None:
        context.store.write_thumbnail(candidate.video_key, scanned.thumbnail)
    context.store.write_scan(scanned.scan, context.plan.settings.scan_key)


def _scanned_in_part(context: RunContext, candidate: Candidate, seen: Evidence) -> Scanned | None:
    """What is seen in the part of the file that is here; None, and noted, if that is too little."""
    fetched, part = seen.fetch, verified_part(seen.fetch, context.store)
    if fetched is None or fetched.part is None:
        raise FileNotFoundError("a part of the file was here and is gone")
    if part is not None:
        with PartReader(part) as reader, _at_work(context, "scan") as work:
            work.bytes += part.local_bytes
            source = cast("BinaryIO", reader)
            scanned = _scanned(context, candidate, source, fetched.part.sha256)
        if reader.failure is None:
            return scanned
    too_little = msgspec.structs.replace(fetched.part, enough=False)
    context.store.write_fetch(msgspec.structs.replace(fetched, part=too_little))
    return None


def _scanned(
    context: RunContext, candidate: Candidate, source: Path | BinaryIO, content: str
) -> Scanned:
    return scan_video(
        source,
        context.classifier,
        context.plan.settings.frames,
        [context.targets[match.target_id].outputs for match in candidate.matches],
        video_key=candidate.video_key,
        sha256=content,
    )


@contextmanager
def _at_work(context: RunContext, stage: str) -> Iterator[Work]:
    """Take up the processor, when it is this one's turn, and count what that costs."""
    with context.computing:
        context.stop.check()
        with context.progress.at_work(stage) as work:
            yield work


def _measure(context: RunContext, candidate: Candidate, seen: Evidence) -> None:
    if seen.length is not None:
        return
    fetched, content = _content(seen)
    reason = error = None
    length = Fraction(0)
    try:
        with _at_work(context, "measure") as work:
            work.bytes += fetched.bytes or 0
            length = video_length(context.store.file(fetched))
    except VideoError as failure:
        reason, error = failure.reason, shortened(str(failure))
    context.store.write_length(
        Length(
            video_key=candidate.video_key,
            sha256=content,
            reason=reason,
            error=error,
            numerator=length.numerator,
            denominator=length.denominator,
        )
    )


def _cut(context: RunContext, candidate: Candidate, seen: Evidence) -> None:
    if seen.cut is not None or seen.length is None:
        return
    fetched, content = _content(seen)
    # Whose clips they are; what they show is written on them when they go into a shard.
    origin = ClipOrigin(DATASET, candidate.video_key, candidate.video.video_id, candidate.video.url)
    file = context.store.temporary()
    reason = error = None
    clips = 0
    try:
        with _at_work(context, "cut") as work:
            with WAITING.open_writer(file) as write:
                source, length = context.store.file(fetched), seconds(seen.length)
                for clip in cut_clips(source, length, origin, context.clip_settings):
                    write(clip)
                    clips += 1
            work.bytes += file.stat().st_size
        context.store.adopt(file, context.store.clips(candidate.video_key, context.cut_key))
    except VideoError as failure:
        reason, error, clips = failure.reason, shortened(str(failure)), 0
    finally:
        file.unlink(missing_ok=True)
    context.store.write_cut(
        Cut(
            video_key=candidate.video_key,
            sha256=content,
            reason=reason,
            error=error,
            clips=clips,
        ),
        context.cut_key,
    )


def _content(seen: Evidence) -> tuple[Fetch, str]:
    """The file that is to be read, and the sha256 of its content."""
    if seen.fetch is None or seen.fetch.sha256 is None:
        raise FileNotFoundError("the file was here and is gone")
    return seen.fetch, seen.fetch.sha256


def _is_at_hand(known: ReadContext, candidate: Candidate, fetched: Fetch | None) -> bool:
    """Whether the whole file can be read where this candidate says that it is."""
    if fetched is None or not is_local(fetched, known.store):
        return False
    if candidate.video.root is None:
        return True
    return fetched.path == str(below(candidate.video.root, candidate.video.url))


def _is_at_hand_in_part(known: ReadContext, fetched: Fetch | None) -> bool:
    """Whether a part of the file can be read that may be enough for the first frames."""
    part = fetched.part if fetched else None
    return part is not None and part.enough and local_part(fetched, known.store) is not None


def _are_here(known: ReadContext, clips: Cut) -> bool:
    """Whether nobody needs the video's bytes for its clips: none, waiting, or in their shard."""
    if not clips.clips:
        return True
    waiting = known.store.root / known.store.clips(clips.video_key, known.cut_key)
    return waiting.exists() or known.is_in_shard(clips.video_key, clips.sha256)


def release_bytes(context: RunContext, fetched: Fetch | None, *, kept: bool) -> int:
    """Delete the bytes of a video that nobody needs; what an earlier run keeps stays.

    A part of a video is of use to nobody once it is decided.
    """
    keep = context.plan.keep
    if fetched is None:
        return 0
    if not fetched.here:
        return release(fetched, context.store)
    if fetched.run_id != context.plan.run_id:
        return 0
    if keep is Keep.ALL or (kept and keep is Keep.KEPT):
        return 0
    return release(fetched, context.store)
