"""What is known of a candidate for good: from its source, and from records of the store."""

from dataclasses import replace
from typing import NamedTuple

from videonet.curation.clip_rules import places_taken
from videonet.curation.context import ReadContext
from videonet.curation.evidence import Records, weighed
from videonet.curation.verdict import decide, seconds
from videonet.fetch.acquire import worth_fetching
from videonet.schemas.candidate import Candidate
from videonet.schemas.reason import Outcome, Reason


class Settled(NamedTuple):
    """The last word on a candidate, for the settings of a run."""

    kept: bool
    # None when kept; of several classes, that of the first
    reason: Reason | None
    # of a kept video, its length
    seconds: float
    clips: int
    # of the whole file, if that was ever here; and what of it was asked of the web
    bytes: int
    moved: int
    # whether the whole file is in the store, or lies on this machine
    here: bool
    scanned: bool


def settled(known: ReadContext, candidate: Candidate, records: Records) -> Settled | None:
    """What becomes of a candidate; None: a run would have to look at it.

    Clips that an earlier run has cut count wherever they are: cutting them again asks nobody. What
    failed and may pass another time is not settled, but for the run itself that has seen it fail.
    """
    seen = weighed(known, candidate, records)
    fetched, cut = records.fetch, records.cut
    content = fetched.sha256 if fetched else None
    if seen.scan is not None and cut is not None and cut.sha256 == content:
        likeness = records.likeness
        likeness = likeness if likeness is not None and likeness.sha256 == content else None
        seen = replace(seen, cut=cut, whole=True, likeness=likeness)
    targets = [known.targets[match.target_id] for match in candidate.matches]
    found = [decide(candidate, target, seen, known.verdict_limits) for target in targets]
    decisions = [each for each in found if each is not None]
    if len(decisions) < len(found):
        return None
    run_id, settings = known.plan.run_id, known.plan.settings
    has_failed = any(each.outcome is Outcome.FAILED for each in decisions)
    may_pass = fetched is not None and fetched.reason is not None
    if has_failed and may_pass and worth_fetching(fetched, run_id, settings, known.allowed_hosts):
        return None
    kept = any(each.outcome is Outcome.KEPT for each in decisions)
    size, moved = 0, 0
    if fetched is not None:
        # A digest of the file says that all of it was here once.
        size = (fetched.bytes or 0) if fetched.sha256 is not None else 0
        part = sum(end - begin for begin, end in fetched.part.spans) if fetched.part else 0
        moved = 0 if fetched.path is not None else size or part
    return Settled(
        kept=kept,
        reason=None if kept else decisions[0].reason,
        seconds=float(seconds(seen.length)) if kept and seen.length else 0.0,
        clips=len(places_taken(seen.cut, known.verdict_limits.selection))
        if kept and seen.cut
        else 0,
        bytes=size,
        moved=moved,
        here=fetched is not None and (fetched.here or fetched.path is not None),
        scanned=records.scan is not None and bool(records.scan.top1),
    )
