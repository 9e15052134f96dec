"""The steps that a candidate goes through. Each does what is not done yet, then asks for verdicts.

A step returns the pairs of candidate and target that are decided by now, and the candidate with
the rest, which goes on to the next step. An exception becomes a verdict as well.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from schemas import Candidate, Fetch, Keep, Length, Match, Outcome, Reason, Verdict
from videonet.fetch import fetch, is_here, release, shortened, worth_fetching
from videonet.scan import scan_video
from videonet.shards import shard_of
from videonet.verdict import Decision, Seen, account, because, decide
from videonet.video import VideoError, measure_length
from videonet.workbench import Workbench


class Decided(NamedTuple):
    """What a step leaves behind."""

    verdicts: list[Verdict]
    # the candidate with the pairs that are still open; None if there are none
    rest: Candidate | None


def download(bench: Workbench, candidate: Candidate) -> Decided:
    """Fetch the file, if a verdict needs it, it is not here, and trying may help."""
    bench.budget.begin()
    decided, released = _step(bench, candidate, _download)
    if decided.rest is None:
        bench.budget.settle(released)
    return decided


def scan(bench: Workbench, candidate: Candidate) -> Decided:
    """Classify the first frames, unless this classifier has seen them before."""
    decided, released = _step(bench, candidate, _scan)
    # What shows its class is most likely kept: nobody should wait for its room.
    bench.budget.settle(released)
    return decided


def measure(bench: Workbench, candidate: Candidate) -> Decided:
    """Measure the whole file's length, unless it is known."""
    decided, released = _step(bench, candidate, _measure)
    bench.budget.give_back(released)
    return decided


def seen_of(bench: Workbench, candidate: Candidate) -> Seen:
    """What the store knows of a candidate. Results for another content do not count."""
    fetched = bench.store.fetch(candidate.video_key)
    content = fetched.sha256 if fetched else None
    scanned = bench.store.scan(candidate.video_key, bench.plan.settings.scan_key)
    length = bench.store.length(candidate.video_key)
    return Seen(
        fetch=fetched,
        scan=scanned if scanned and scanned.sha256 == content else None,
        length=length if length and length.sha256 == content else None,
        whole=is_here(fetched, bench.store) or _is_cut(bench, fetched),
    )


def _step(
    bench: Workbench, candidate: Candidate, work: Callable[[Workbench, Candidate, Seen], None]
) -> tuple[Decided, int]:
    """Do `work`, and ask for verdicts; with how many bytes were deleted that nobody needs now."""
    seen = Seen()
    try:
        work(bench, candidate, seen_of(bench, candidate))
        seen = seen_of(bench, candidate)
        decisions = [
            (match, _decision(bench, candidate, match, seen)) for match in candidate.matches
        ]
    except Exception as error:  # noqa: BLE001  # one bad video must not end a run over millions
        fault = because(Reason.INTERNAL, shortened(f"{type(error).__name__}: {error}"))
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
        return Decided(verdicts, msgspec.structs.replace(candidate, matches=undecided)), 0
    kept = any(verdict.outcome is Outcome.KEPT for verdict in verdicts)
    return Decided(verdicts, None), 0 if kept else _put_away(bench, seen.fetch)


def _decision(bench: Workbench, candidate: Candidate, match: Match, seen: Seen) -> Decision | None:
    target = bench.targets[match.target_id]
    return decide(candidate, target, seen, bench.verdict_limits)


def _download(bench: Workbench, candidate: Candidate, seen: Seen) -> None:
    if seen.whole or not worth_fetching(
        seen.fetch, bench.plan.run_id, bench.verdict_limits.max_bytes
    ):
        return
    # What went wrong the last time is to be tried again, and decides nothing yet.
    untried = Seen(scan=seen.scan, length=seen.length)
    if any(_decision(bench, candidate, match, untried) is None for match in candidate.matches):
        fetch(candidate, bench.store, bench.budget, bench.fetch_limits, bench.plan.run_id)


def _scan(bench: Workbench, candidate: Candidate, seen: Seen) -> None:
    if seen.scan is not None:
        return
    fetched, content = _content(seen)
    settings = bench.plan.settings
    scanned = scan_video(
        bench.store.file(fetched),
        candidate.video_key,
        content,
        bench.classifier,
        settings.frames,
    )
    if scanned.thumbnail is not None:
        bench.store.write_thumbnail(candidate.video_key, scanned.thumbnail)
    bench.store.write_scan(scanned.scan, settings.scan_key)


def _measure(bench: Workbench, candidate: Candidate, seen: Seen) -> None:
    if seen.length is not None:
        return
    fetched, content = _content(seen)
    reason = error = None
    numerator, denominator = 0, 1
    try:
        length = measure_length(bench.store.file(fetched))
        numerator, denominator = length.numerator, length.denominator
    except VideoError as failure:
        reason, error = failure.reason, shortened(str(failure))
    bench.store.write_length(
        Length(
            video_key=candidate.video_key,
            sha256=content,
            reason=reason,
            error=error,
            numerator=numerator,
            denominator=denominator,
        )
    )


def _content(seen: Seen) -> tuple[Fetch, str]:
    """The file that is to be read, and the sha256 of its content."""
    if seen.fetch is None or seen.fetch.sha256 is None:
        raise FileNotFoundError("the file was here and is gone")
    return seen.fetch, seen.fetch.sha256


def _is_cut(bench: Workbench, fetched: Fetch | None) -> bool:
    """Whether an earlier run over OUT has cut this content already, so that nobody needs it."""
    if fetched is None or fetched.sha256 is None:
        return False
    lookup = bench.output.lookup()
    if lookup is None:
        return False
    shard = bench.output.shard_state(shard_of(fetched.video_key, lookup.shards))
    if shard is None or shard.cutting != bench.clip_settings.identity:
        return False
    video = shard.videos.get(fetched.video_key)
    return video is not None and video.sha256 == fetched.sha256


def _put_away(bench: Workbench, fetched: Fetch | None) -> int:
    """Delete the bytes of a video that is not kept; what an earlier run keeps stays."""
    if bench.plan.keep is Keep.ALL or fetched is None or fetched.run_id != bench.plan.run_id:
        return 0
    return release(fetched, bench.store)
