"""Takes a candidate through steps, up to the one that decides the last of its pairs.

All pairs of a candidate get their verdicts at once: what their rows say of the video is then the
same, and does not depend on which of them was decided first. An exception becomes a verdict too.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from videonet.cage.cage import InterruptionError
from videonet.curation import captions, evidence
from videonet.curation.context import NotClaimed, RunContext
from videonet.curation.evidence import Records, records_of, written
from videonet.curation.listed import Listed
from videonet.curation.steps import Step, measure, steps_of, without_failure
from videonet.curation.verdict import Decision, Evidence, decide, decision_for, verdict_row
from videonet.errors import UsageError
from videonet.fetch.acquire import release
from videonet.fetch.disk_budget import Room
from videonet.fetch.verified_file import AlteredError, forget_file
from videonet.schemas.candidate import Candidate
from videonet.schemas.fetch import Cut, Fetch
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.schemas.verdict import Verdict
from videonet.schemas.video_record import sections_of
from videonet.storage.claims import Postponed
from videonet.storage.store import RecordState

# A file that is not what was fetched so many times lies on a disk that does not keep it.
_MOST_ALTERED = 3


class StepResult(NamedTuple):
    """What steps leave behind: verdicts on all pairs of a candidate, or none and the candidate."""

    verdicts: list[Verdict]
    # the candidate, if the next step has to see more of it, with what is known of it by now
    pending: Listed | None
    # of a kept video, what cutting it brought
    cut: Cut | None = None


def apply_steps(
    context: RunContext,
    listed: Listed,
    steps: Sequence[Step],
    *,
    patient: bool = True,
    lay_down: bool = False,
) -> StepResult:
    """Take a candidate through `steps`, up to the one that decides its last pair.

    Where nobody has looked yet what the store knows of the video, that is read first. What steps
    find is written when the next one would take long, or when all is decided: at once with what
    becomes of the bytes then. Bytes that no later step needs are deleted: until then the
    candidate's fate is open, and others may wait for the room.

    A video that another run has in hand is waited for, and what that run has found is read; unless
    `patient`, Postponed is raised instead. Those that are `lay_down` wait for all others of the run
    before the next step: so long, their bytes take no room.

    Raises UsageError where none of the run's first candidates may be asked for.
    """
    candidate, released, decided = listed.candidate, 0, False
    room = context.budget.begin(context.store.place(candidate.video_key))
    number = context.first_refusals.begin()
    try:
        result, records = _applied(context, listed, room, steps, patient=patient)
        context.first_refusals.end(number, records and records.fetch)
        if result.pending is None and records is not None:
            kept = any(verdict.outcome is Outcome.KEPT for verdict in result.verdicts)
            if kept and captions.are_wanted(context, candidate):
                records = written(context, records)
                _take(context, room, candidate.video_key, patient=True)
                if captions.are_wanted(context, candidate):
                    captions.collect(context, candidate, records.fetch)
            result = result._replace(cut=records.cut if kept else None)
            released, records = release_bytes(context, room, records, kept=kept)
        elif lay_down and records is not None:
            released, records = release_bytes(context, room, records, kept=False)
        if records is not None:
            stored = written(context, records).stored
            if result.pending is not None:
                result = result._replace(pending=Listed(candidate, stored, listed.place))
                if context.handed_on is not None and not lay_down:
                    room.touch()
                    released = context.handed_on.hand_on(records.fetch)
        decided = result.pending is None or lay_down
        return result
    except Postponed:
        context.first_refusals.end(number, None)
        raise
    finally:
        if context.handed_on is not None:
            context.handed_on.put_down(candidate.video_key, decided=decided)
        context.in_hand.put_down(candidate.video_key)
        context.claims.give_back(context.store.place(candidate.video_key))
        room.settle(released)


def release_bytes(
    context: RunContext, room: Room, records: Records, *, kept: bool
) -> tuple[int, Records]:
    """Delete the bytes of a decided video unless they are to be kept.

    Returns the room that made, bytes, and what is known of the video then. Bytes that an earlier
    run keeps stay. A part of a video is of no use once it is decided.
    """
    keep, fetched = context.plan.keep, records.fetch
    if fetched is None:
        return 0, records
    if not fetched.here:
        if fetched.part is not None:
            room.touch()
        return release(fetched, context.store), records
    if fetched.run_id != context.plan.run_id:
        return 0, records
    room.touch()
    if keep is Keep.ALL or (kept and keep is Keep.KEPT):
        if fetched.path is not None:
            return 0, records
        return context.store.files.keep(context.store.video(fetched.video_key)), records
    released = release(fetched, context.store)
    return released, records if fetched.path is not None else _without_file(records, fetched)


def _applied(
    context: RunContext, listed: Listed, room: Room, steps: Iterable[Step], *, patient: bool
) -> tuple[StepResult, Records | None]:
    """What steps leave behind, and what is known of the video; None: an exception ended them."""
    candidate, known, place = listed
    seen = Evidence()

    def weighed(records: Records) -> Evidence:
        return replace(evidence.weighed(context, candidate, records), place=place)

    try:
        if known is None:
            known = context.store.record(candidate.video_key)
        records = records_of(context, known)
        seen = weighed(records)
        if _is_elsewhere(context, candidate, records, seen):
            records = _claimed(context, room, records.stored, patient=patient)
            seen = weighed(records)
        waiting, order = deque(steps), steps_of(context)
        altered = 0
        while waiting:
            step = waiting.popleft()
            try:
                after = step(context, candidate, room, records, seen)
            except NotClaimed:
                records = _claimed(context, room, records.stored, patient=patient)
                seen = weighed(records)
                # From the first one on: another run may have done a step since the records were
                # read, and may have deleted the file. Nothing is decided before that.
                waiting.extendleft(reversed(order[: order.index(step) + 1]))
                continue
            except AlteredError:
                altered += 1
                if altered >= _MOST_ALTERED or records.fetch is None:
                    raise
                room.touch()
                room.give_back(forget_file(records.fetch, context.store))
                after = _without_file(records, records.fetch)
                # It is fetched again, whichever stage this is.
                waiting.extendleft(reversed(order[: order.index(step) + 1]))
            if after is not records:
                records, seen = after, weighed(after)
            decisions = _decisions(context, candidate, seen)
            judged = [(each, seen) for each in decisions if each is not None]
            if len(judged) == len(decisions):
                return StepResult(_verdicts(context, candidate, judged), None), records
            if step is not measure:
                # A length is soon measured again: it is written with the clips.
                records = written(context, records)
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
    return StepResult([], listed), records


def _claimed(context: RunContext, room: Room, before: RecordState, *, patient: bool) -> Records:
    """What is known of a video that is in this run's hand from here on. Raises Postponed.

    `before`: what was known, as it was read.
    """
    video_key = before.record.video_key
    _take(context, room, video_key, patient=patient)
    context.look_for_withdrawal(video_key)
    records = records_of(context, context.store.record_now(before))
    if context.handed_on is not None and records.fetch is not None:
        room.bring(context.handed_on.bring(records.fetch))
    return records


def _take(context: RunContext, room: Room, video_key: str, *, patient: bool) -> None:
    """Take a video in hand, once no other run has it. Raises Postponed unless `patient`."""
    place = context.store.place(video_key)
    if not context.claims.take(place):
        if not patient:
            raise Postponed
        with room.aside():
            context.claims.wait(place)


def _is_elsewhere(
    context: RunContext, candidate: Candidate, records: Records, seen: Evidence
) -> bool:
    """Whether a verdict needs bytes that another machine has fetched for this run."""
    return (
        context.handed_on is not None
        and context.handed_on.is_elsewhere(records.fetch)
        and not all(_decisions(context, candidate, seen))
    )


def _without_file(records: Records, fetched: Fetch) -> Records:
    """What is known of a video now that its file is gone, or is not to be used."""
    gone = msgspec.structs.replace(fetched, here=False)
    return records.with_new(sections_of(fetch=gone), fetch=gone)


def _decisions(context: RunContext, candidate: Candidate, seen: Evidence) -> list[Decision | None]:
    """One for each of the candidate's pairs, in order; None: more must be seen."""
    targets = (context.targets[match.target_id] for match in candidate.matches)
    return [decide(candidate, target, seen, context.verdict_limits) for target in targets]


def _verdicts(
    context: RunContext, candidate: Candidate, judged: Iterable[tuple[Decision, Evidence]]
) -> list[Verdict]:
    """The rows that say what became of the candidate's pairs. They count as done from here on."""
    classifier = context.plan.settings.classifier.sha256
    targets, rules = context.targets, context.verdict_limits.selection
    verdicts = [
        verdict_row(candidate, match, targets[match.target_id], seen, decision, classifier, rules)
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
