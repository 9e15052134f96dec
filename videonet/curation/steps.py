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

from videonet import stop_signal
from videonet.curation.context import Knowledge, Workbench
from videonet.curation.progress import Work
from videonet.curation.scan import Scanned, scan_video
from videonet.curation.verdict import Decision, Seen, account, because, decide, seconds
from videonet.fetch.acquire import fetch, intact_part, is_here, part_here, release, worth_fetching
from videonet.fetch.redaction import error_text
from videonet.fetch.sparse_file import PartReader
from videonet.files import below
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.schemas.verdict import Verdict
from videonet.shards.writer import FORMATS
from videonet.video.clips import DATASET, ClipOrigin, cut_clips
from videonet.video.decode import VideoError, measure_length

# How clips wait for their shard: frame by frame, nothing to be decoded again.
WAITING = FORMATS["tfrecord"]


class Decided(NamedTuple):
    """What a step leaves behind."""

    verdicts: list[Verdict]
    # the candidate with the pairs that are still open; None if there are none
    rest: Candidate | None
    # bytes of the video that were deleted, since nobody needs them now
    released: int


def download(bench: Workbench, candidate: Candidate) -> Decided:
    """Fetch of the file what a verdict needs first: what its first frames need, or all of it."""
    bench.budget.begin()
    decided = _step(bench, candidate, _download)
    released = decided.released
    if decided.rest is not None and bench.plan.local:
        # In one process the next steps are done at once, while the file is at hand: so a video
        # that waits for the network leaves the processor to others, and the other way round, and
        # its room is free again soon. Others may be waiting for it.
        released = _look_ahead(bench, decided.rest)
    if decided.rest is None or bench.plan.local:
        bench.budget.settle(released)
    return decided


def scan(bench: Workbench, candidate: Candidate) -> Decided:
    """Classify the first frames, unless this classifier has seen them before."""
    decided = _step(bench, candidate, _scan)
    if decided.rest is None and not bench.plan.local:
        bench.budget.settle(decided.released)
    return decided


def complete(bench: Workbench, candidate: Candidate) -> Decided:
    """Fetch the rest of the file, if a verdict needs it; and look again if too little was here."""
    decided = _step(bench, candidate, _complete)
    if not bench.plan.local:
        bench.budget.settle(decided.released)
    return decided


def measure(bench: Workbench, candidate: Candidate) -> Decided:
    """Measure the whole file's length, unless it is known."""
    return _step(bench, candidate, _measure)


def cut(bench: Workbench, candidate: Candidate) -> Decided:
    """Cut the clips, unless they are here or in their shard already."""
    return _step(bench, candidate, _cut)


def seen_of(known: Knowledge, candidate: Candidate) -> Seen:
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
    return Seen(
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
    bench: Workbench, candidate: Candidate, work: Callable[[Workbench, Candidate, Seen], None]
) -> Decided:
    """Do `work`, and ask for verdicts."""
    seen = Seen()
    try:
        work(bench, candidate, seen_of(bench, candidate))
        seen = seen_of(bench, candidate)
        decisions = [
            (match, _decision(bench, candidate, match, seen)) for match in candidate.matches
        ]
    except Exception as error:  # noqa: BLE001  # one bad video must not end a run over millions
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = Reason.DISK_FULL if full else Reason.INTERNAL
        fault = because(reason, error_text(f"{type(error).__name__}: {error}"))
        decisions = [(match, fault) for match in candidate.matches]
    verdicts = [
        account(
            candidate,
            match,
            bench.targets[match.target_id],
            seen,
            decision,
            bench.plan.settings.classifier.sha256,
        )
        for match, decision in decisions
        if decision is not None
    ]
    undecided = tuple(match for match, decision in decisions if decision is None)
    if undecided:
        return Decided(verdicts, msgspec.structs.replace(candidate, matches=undecided), 0)
    kept = any(verdict.outcome is Outcome.KEPT for verdict in verdicts)
    return Decided(verdicts, None, _put_away(bench, seen.fetch, kept=kept))


def _look_ahead(bench: Workbench, candidate: Candidate) -> int:
    """Go all the way; the stages whose work it is find it done. The bytes that were released."""
    rest = candidate
    for step in (scan, complete, measure, cut):
        decided = step(bench, rest)
        bench.progress.foreseen(decided.verdicts)
        if decided.rest is None:
            return decided.released
        rest = decided.rest
    return 0


def _decision(bench: Workbench, candidate: Candidate, match: Match, seen: Seen) -> Decision | None:
    target = bench.targets[match.target_id]
    return decide(candidate, target, seen, bench.verdict_limits)


def _download(bench: Workbench, candidate: Candidate, seen: Seen) -> None:
    known = seen.scan is not None or candidate.sha256 is not None
    # Who keeps all files does not want parts of them.
    if known or bench.plan.keep is Keep.ALL:
        _fetch(bench, candidate, seen, None)
    elif not seen.part:
        _fetch(bench, candidate, seen, bench.plan.settings.frames)


def _complete(bench: Workbench, candidate: Candidate, seen: Seen) -> None:
    _fetch(bench, candidate, seen, None)
    _scan(bench, candidate, seen_of(bench, candidate))


def _fetch(bench: Workbench, candidate: Candidate, seen: Seen, frames: int | None) -> None:
    """Fetch the file, or what so many first frames need of it, if trying may help a verdict."""
    run_id, max_bytes = bench.plan.run_id, bench.verdict_limits.max_bytes
    if seen.whole or not worth_fetching(seen.fetch, run_id, max_bytes):
        return
    # What went wrong the last time is to be tried again, and decides nothing yet; what the page
    # said then still holds.
    untried = replace(seen, fetch=_without_reason(seen.fetch), whole=False, cut=None)
    if any(_decision(bench, candidate, match, untried) is None for match in candidate.matches):
        store, limits = bench.store, bench.fetch_limits
        before = _bytes_here(bench, seen.fetch)
        with bench.progress.at_work("download") as work:
            fetched = fetch(candidate, store, bench.budget, limits, bench.web, run_id, frames)
            work.bytes += max(0, _bytes_here(bench, fetched) - before)


def _bytes_here(bench: Workbench, fetched: Fetch | None) -> int:
    """How many bytes of a video are here that were downloaded."""
    if fetched is None or fetched.path is not None:
        return 0
    if fetched.here:
        return fetched.bytes or 0
    part = part_here(fetched, bench.store)
    return part.here if part else 0


def _without_reason(fetched: Fetch | None) -> Fetch | None:
    return fetched and msgspec.structs.replace(fetched, reason=None, error=None)


def _scan(bench: Workbench, candidate: Candidate, seen: Seen) -> None:
    # What a lock file asks for was seen elsewhere.
    if seen.scan is not None or candidate.sha256 is not None:
        return
    scanned: Scanned | None = None
    if seen.whole:
        fetched, content = _content(seen)
        with _at_work(bench, "scan") as work:
            work.bytes += fetched.bytes or 0
            scanned = _scanned(bench, candidate, bench.store.file(fetched), content)
    elif seen.part:
        scanned = _scanned_in_part(bench, candidate, seen)
    if scanned is None:
        return
    if scanned.thumbnail is not None:
        bench.store.write_thumbnail(candidate.video_key, scanned.thumbnail)
    bench.store.write_scan(scanned.scan, bench.plan.settings.scan_key)


def _scanned_in_part(bench: Workbench, candidate: Candidate, seen: Seen) -> Scanned | None:
    """What is seen in the part of the file that is here; None, and noted, if that is too little."""
    fetched, part = seen.fetch, intact_part(seen.fetch, bench.store)
    if fetched is None or fetched.part is None:
        raise FileNotFoundError("a part of the file was here and is gone")
    if part is not None:
        with PartReader(part) as reader, _at_work(bench, "scan") as work:
            work.bytes += part.here
            source = cast("BinaryIO", reader)
            scanned = _scanned(bench, candidate, source, fetched.part.sha256)
        if reader.failure is None:
            return scanned
    too_little = msgspec.structs.replace(fetched.part, enough=False)
    bench.store.write_fetch(msgspec.structs.replace(fetched, part=too_little))
    return None


def _scanned(
    bench: Workbench, candidate: Candidate, source: Path | BinaryIO, content: str
) -> Scanned:
    return scan_video(
        source,
        candidate.video_key,
        content,
        bench.classifier,
        bench.plan.settings.frames,
        [bench.targets[match.target_id].outputs for match in candidate.matches],
    )


@contextmanager
def _at_work(bench: Workbench, stage: str) -> Iterator[Work]:
    """Take up the processor, when it is this one's turn, and count what that costs."""
    with bench.computing:
        stop_signal.check()
        with bench.progress.at_work(stage) as work:
            yield work


def _measure(bench: Workbench, candidate: Candidate, seen: Seen) -> None:
    if seen.length is not None:
        return
    fetched, content = _content(seen)
    reason = error = None
    length = Fraction(0)
    try:
        with _at_work(bench, "measure") as work:
            work.bytes += fetched.bytes or 0
            length = measure_length(bench.store.file(fetched))
    except VideoError as failure:
        reason, error = failure.reason, error_text(str(failure))
    bench.store.write_length(
        Length(
            video_key=candidate.video_key,
            sha256=content,
            reason=reason,
            error=error,
            numerator=length.numerator,
            denominator=length.denominator,
        )
    )


def _cut(bench: Workbench, candidate: Candidate, seen: Seen) -> None:
    if seen.cut is not None or seen.length is None:
        return
    fetched, content = _content(seen)
    # Whose clips they are; what they show is written on them when they go into a shard.
    origin = ClipOrigin(DATASET, candidate.video_key, candidate.video_id, candidate.url)
    file = bench.store.temporary()
    reason = error = None
    clips = 0
    try:
        with _at_work(bench, "cut") as work:
            with WAITING.open_writer(file) as write:
                source, length = bench.store.file(fetched), seconds(seen.length)
                for clip in cut_clips(source, length, origin, bench.clip_settings):
                    write(clip)
                    clips += 1
            work.bytes += file.stat().st_size
        bench.store.adopt(file, bench.store.clips(candidate.video_key, bench.cut_key))
    except VideoError as failure:
        reason, error, clips = failure.reason, error_text(str(failure)), 0
    finally:
        file.unlink(missing_ok=True)
    bench.store.write_cut(
        Cut(
            video_key=candidate.video_key,
            sha256=content,
            reason=reason,
            error=error,
            clips=clips,
        ),
        bench.cut_key,
    )


def _content(seen: Seen) -> tuple[Fetch, str]:
    """The file that is to be read, and the sha256 of its content."""
    if seen.fetch is None or seen.fetch.sha256 is None:
        raise FileNotFoundError("the file was here and is gone")
    return seen.fetch, seen.fetch.sha256


def _is_at_hand(known: Knowledge, candidate: Candidate, fetched: Fetch | None) -> bool:
    """Whether the whole file can be read where this candidate says that it is."""
    if fetched is None or not is_here(fetched, known.store):
        return False
    if candidate.root is None:
        return True
    return fetched.path == str(below(candidate.root, candidate.url))


def _is_at_hand_in_part(known: Knowledge, fetched: Fetch | None) -> bool:
    """Whether a part of the file can be read that may be enough for the first frames."""
    part = fetched.part if fetched else None
    return part is not None and part.enough and part_here(fetched, known.store) is not None


def _are_here(known: Knowledge, clips: Cut) -> bool:
    """Whether nobody needs the video's bytes for its clips: none, waiting, or in their shard."""
    if not clips.clips:
        return True
    waiting = known.store.root / known.store.clips(clips.video_key, known.cut_key)
    return waiting.exists() or known.is_in_shard(clips.video_key, clips.sha256)


def _put_away(bench: Workbench, fetched: Fetch | None, *, kept: bool) -> int:
    """Delete the bytes of a video that nobody needs; what an earlier run keeps stays.

    A part of a video is of use to nobody once it is decided.
    """
    keep = bench.plan.keep
    if fetched is None:
        return 0
    if not fetched.here:
        return release(fetched, bench.store)
    if fetched.run_id != bench.plan.run_id:
        return 0
    if keep is Keep.ALL or (kept and keep is Keep.KEPT):
        return 0
    return release(fetched, bench.store)
