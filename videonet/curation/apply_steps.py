"""Takes a candidate through steps, up to the one that decides the last of its pairs.

All pairs of a candidate get their verdicts at once: what their rows say of the video is then the
same, and does not depend on which of them was decided first. An exception becomes a verdict too.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from videonet.cage.cage import InterruptionError
from videonet.curation.context import RunContext
from videonet.curation.evidence import load_records, weighed
from videonet.curation.steps import STEPS, Step, without_failure
from videonet.curation.verdict import Decision, Evidence, decide, decision_for, verdict_row
from videonet.errors import UsageError
from videonet.fetch.acquire import release
from videonet.fetch.verified_file import AlteredError, forget_file
from videonet.schemas.candidate import Candidate
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.schemas.verdict import Verdict

# A file that is not what was fetched so many times lies on a disk that does not keep it.
_MOST_ALTERED = 3


class StepResult(NamedTuple):
    """What steps leave behind: verdicts on all pairs of a candidate, or none and the candidate."""

    verdicts: list[Verdict]
    # the candidate, if the next step has to see more of it
    pending: Candidate | None


def apply_steps(context: RunContext, candidate: Candidate, steps: Sequence[Step]) -> StepResult:
    """Take a candidate through `steps`, up to the one that decides its last pair.

    The store's records are read once, before the first step. Bytes that no later step needs are
    deleted: until then the candidate's fate is open, and others may wait for the room.

    Raises UsageError where none of the run's first candidates may be asked for.
    """
    context.budget.begin()
    released = 0
    try:
        number = context.first_refusals.begin()
        result, fetched = _applied(context, candidate, steps)
        context.first_refusals.end(number, fetched)
        if result.pending is None:
            kept = any(verdict.outcome is Outcome.KEPT for verdict in result.verdicts)
            released = release_bytes(context, fetched, kept=kept)
        return result
    finally:
        context.in_hand.put_down(candidate.video_key)
        context.budget.settle(released)


def release_bytes(context: RunContext, fetched: Fetch | None, *, kept: bool) -> int:
    """Delete the bytes of a decided video unless they are to be kept; the room that made, bytes.

    Bytes that an earlier run keeps stay. A part of a video is of no use once it is decided.
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


def _applied(
    context: RunContext, candidate: Candidate, steps: Iterable[Step]
) -> tuple[StepResult, Fetch | None]:
    """What steps leave behind, and what is known of the file."""
    seen = Evidence()
    try:
        records = load_records(context, candidate.video_key)
        seen = weighed(context, candidate, records)
        waiting = deque(steps)
        altered = 0
        while waiting:
            step = waiting.popleft()
            try:
                after = step(context, candidate, records, seen)
            except AlteredError:
                altered += 1
                if altered >= _MOST_ALTERED or records.fetch is None:
                    raise
                context.budget.give_back(forget_file(records.fetch, context.store))
                after = load_records(context, candidate.video_key)
                # It is fetched again, whichever stage this is.
                waiting.extendleft(reversed(STEPS[: STEPS.index(step) + 1]))
            if after is not records:
                records, seen = after, weighed(context, candidate, after)
            decisions = _decisions(context, candidate, seen)
            judged = [(each, seen) for each in decisions if each is not None]
            if len(judged) == len(decisions):
                return StepResult(_verdicts(context, candidate, judged), None), seen.fetch
    except Exception as error:  # one bad video must not end a run over millions
        # What is wrong with the store, the classifier or the machine says nothing of a video.
        if isinstance(error, UsageError):
            raise
        if (lacking := context.machine_error(error)) is not None:
            raise lacking from error
        fault = _fault(context, error), Evidence()
        # What was decided already stays so, but for a failure that was to be tried again.
        seen = replace(seen, fetch=without_failure(seen.fetch))
        decisions = _decisions(context, candidate, seen)
        judged = [fault if each is None else (each, seen) for each in decisions]
        return StepResult(_verdicts(context, candidate, judged), None), None
    return StepResult([], candidate), seen.fetch


def _decisions(context: RunContext, candidate: Candidate, seen: Evidence) -> list[Decision | None]:
    """One for each of the candidate's pairs, in order; None: more must be seen."""
    targets = (context.targets[match.target_id] for match in candidate.matches)
    return [decide(candidate, target, seen, context.verdict_limits) for target in targets]


def _verdicts(
    context: RunContext, candidate: Candidate, judged: Iterable[tuple[Decision, Evidence]]
) -> list[Verdict]:
    """The rows that say what became of the candidate's pairs. They count as done from here on."""
    classifier = context.plan.settings.classifier.sha256
    verdicts = [
        verdict_row(candidate, match, context.targets[match.target_id], seen, decision, classifier)
        for match, (decision, seen) in zip(candidate.matches, judged, strict=True)
    ]
    context.progress.decided(verdicts)
    return verdicts


def _fault(context: RunContext, error: Exception) -> Decision:
    """What an exception means for the video that a step was at."""
    if isinstance(error, InterruptionError):
        return decision_for(Reason.INTERRUPTED, str(error))
    text = context.web.redaction.error_text(f"{type(error).__name__}: {error}")
    return decision_for(Reason.INTERNAL, text)
