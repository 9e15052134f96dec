"""Kept, rejected or failed, and why: a function of what was seen, and of nothing else.

The rules are tried in one order, and the first that applies decides, so that a reason never
depends on chance, on what else was fetched, or on what an earlier run already knew.
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from videonet.curation.addresses import has_no_address
from videonet.curation.clip_rules import no_clip_because, places_taken
from videonet.fetch.details import fitted
from videonet.fetch.limits import is_too_short
from videonet.fetch.published_address import published_text, published_video
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.exclusion import Likeness
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.licence import is_creative_commons
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.scan import Scan
from videonet.schemas.selection import NOTHING_ELSE, FrameRules, SelectionOptions
from videonet.schemas.settings import Licence
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.schemas.video_info import DETAILS, VideoInfo
from videonet.text import number


@dataclass(frozen=True)
class Limits:
    """What a kept video must keep to."""

    # shortest, seconds
    min_seconds: float
    # largest, bytes
    max_bytes: int
    licence: Licence = Licence.ANY
    selection: SelectionOptions = NOTHING_ELSE
    # whether the nearest neighbours of each target are taken, and no class is looked for
    neighbours: bool = False
    # whether clips are compared with an evaluation set
    compares: bool = False


class Place(NamedTuple):
    """Where a video stands among all that are nearest to the same target."""

    # from 1 on: as many are at least as near
    rank: int
    # how many there are
    of: int
    # how many are taken
    quota: int


@dataclass(frozen=True)
class Evidence:
    """All that is known of a candidate so far; None: not known yet."""

    fetch: Fetch | None = None
    scan: Scan | None = None
    length: Length | None = None
    cut: Cut | None = None
    # whether the whole file can be read, or is cut already
    whole: bool = False
    # whether a part of it can be read that may show the first frames
    part: bool = False
    # whether somebody asked for it to be taken out of all data sets
    withdrawn: bool = False
    # by what a list excludes it; None: none does
    excluded: str | None = None
    # what its clips have in common with an evaluation set; None: they were not compared
    likeness: Likeness | None = None
    # whether its content is known from today: its bytes are here, or this run has fetched them
    current: bool = False
    # where neighbours are looked for, once all candidates were compared
    place: Place | None = None


@dataclass(frozen=True)
class Decision:
    """An outcome and its reason; `error` is the original text of a failure."""

    outcome: Outcome
    reason: Reason | None = None
    error: str | None = None


KEPT = Decision(Outcome.KEPT)

# What the verdict on a kept video says that could not be compared with an evaluation set.
NOT_COMPARED = "not compared: no frame of its clips shows enough"

_NO_ADDRESS = (
    "its address was published without the secret in it, and this store does not have it; give a "
    "catalogue that does, with --source catalogue:FILE"
)


def decide(
    candidate: Candidate, target: Target, evidence: Evidence, limits: Limits
) -> Decision | None:
    """What becomes of a candidate for one target; None: more must be seen.

    The rules are tried in one order, and the first that applies decides. `evidence` is what is
    known by now: a `Fetch`, a `Scan`, a `Length`, a `Cut`.

    >>> from videonet.schemas.candidate import Candidate, Match
    >>> from videonet.schemas.video_info import VideoInfo
    >>> (swan,) = [each for each in resolve_targets("imagenet1k") if each.name == "black swan"]
    >>> match = Match(
    ...     target_id=swan.target_id, names=("black swan",), title=None, query=None, rank=0)
    >>> video = VideoInfo(
    ...     video_id="x", url="https://youtu.be/x", title="A black swan", duration=4.0)
    >>> short = Candidate(
    ...     video_key="youtube:x", video=video, source="youtube", sha256=None, matches=(match,))
    >>> decision = decide(short, swan, Evidence(), Limits(min_seconds=10, max_bytes=2_000_000_000))
    >>> str(decision.outcome), str(decision.reason)
    ('rejected', 'too_short')
    """
    if evidence.withdrawn:
        return decision_for(Reason.WITHDRAWN)
    if evidence.excluded is not None:
        return decision_for(Reason.EXCLUDED, evidence.excluded)
    if has_no_address(candidate):
        # Nothing says that what the store has under its key is this video.
        return decision_for(Reason.REDACTED, _NO_ADDRESS)
    if candidate.sha256 is not None:
        return _as_locked(candidate.sha256, evidence, limits.selection)
    if is_too_short(declared_duration(candidate, evidence.fetch), limits.min_seconds):
        return decision_for(Reason.TOO_SHORT)
    if limits.licence is Licence.CC and _is_licensed_otherwise(candidate, evidence.fetch):
        return decision_for(Reason.LICENCE)
    size = evidence.fetch.bytes if evidence.fetch else None
    if size is not None and size > limits.max_bytes:
        return decision_for(Reason.TOO_LARGE, f"{size} bytes, the limit is {limits.max_bytes}")
    if evidence.scan is None:
        # A download that broke off may have brought the first frames.
        return _streamed(candidate) or (None if evidence.part else _failure(evidence.fetch))
    if evidence.scan.reason is not None:
        return decision_for(evidence.scan.reason, evidence.scan.error)
    if limits.neighbours and evidence.place is None:
        return None
    if not matching_frames(evidence.scan, target):
        changed = "its content changed after it was compared" if evidence.place else None
        return decision_for(Reason.NO_TOP1_MATCH, changed)
    # Of a cosine, which may be negative, nothing is asked but that others are not nearer.
    why = None if limits.neighbours else weakness(evidence.scan, target, limits.selection)
    if why is not None:
        return decision_for(Reason.WEAK_MATCH, why)
    if evidence.place is not None and evidence.place.rank > evidence.place.quota:
        return decision_for(Reason.NOT_SELECTED, _left_out(evidence.place))
    # A length is known only of a file that was whole once, whether or not it is still here.
    if evidence.length is not None:
        if evidence.length.reason is not None:
            return decision_for(evidence.length.reason, evidence.length.error)
        # The decimal that was written: as a float, 2.56 is a little more than 2.56.
        if seconds(evidence.length) < Fraction(str(limits.min_seconds)):
            return decision_for(Reason.TOO_SHORT)
    if not evidence.whole:
        return _failure(evidence.fetch)
    if evidence.length is None:
        return None
    decision = _as_cut(evidence.cut, limits.selection)
    if limits.compares and decision == KEPT and evidence.cut and evidence.cut.clips:
        return _as_compared(evidence.likeness)
    return decision


def declared_duration(candidate: Candidate, fetch: Fetch | None) -> float | None:
    """The length that the source states, else the video's page, seconds."""
    if candidate.video.duration is not None or fetch is None:
        return candidate.video.duration
    return fetch.declared_duration


def stated_licence(candidate: Candidate, fetch: Fetch | None) -> str | None:
    """The licence that the source states, else the video's page: "" if neither, None: not known."""
    return candidate.video.licence or (fetch.licence if fetch else None)


def matching_frames(scan: Scan, target: Target) -> list[int]:
    """Indices of the frames whose top-1 class confirms the target, ascending."""
    accepted = frozenset(target.outputs)
    return [index for index, top1 in enumerate(scan.top1) if top1 in accepted]


def weakness(scan: Scan, target: Target, rules: FrameRules) -> str | None:
    """Which of the rules on frames a scan does not keep to; None: it keeps to all.

    A frame counts if its top-1 class confirms the target, with at least `min_probability`. At least
    `min_frames` must count, and the index of the first must be below `first_match_before`.
    """
    least, before = rules.min_probability, rules.first_match_before
    counting = [i for i in matching_frames(scan, target) if scan.probability[i] >= least]
    sure = f" with a probability of at least {least:g}" if least else ""
    if len(counting) < rules.min_frames:
        show = "frame shows" if len(counting) == 1 else "frames show"
        return f"{len(counting)} {show} the class{sure}; at least {rules.min_frames} must"
    if before is not None and counting[0] >= before:
        return (
            f"the first frame to show the class{sure} is {counting[0]}; it must be below {before}"
        )
    return None


def seconds(length: Length) -> Fraction:
    """A measured length, exactly."""
    return Fraction(length.numerator, length.denominator)


def decision_for(reason: Reason, error: str | None = None) -> Decision:
    """The decision that a reason stands for."""
    return Decision(reason.outcome, reason, error)


def verdict_row(
    candidate: Candidate,
    match: Match,
    target: Target,
    evidence: Evidence,
    decision: Decision,
    classifier: str,
    rules: SelectionOptions = NOTHING_ELSE,
) -> Verdict:
    """The row that says what became of one pair of candidate and target, and all that was seen.

    `classifier` is the sha256 of the classifier file. `rules` say which clips are taken.
    """
    scan, fetch, length = evidence.scan, evidence.fetch, evidence.length
    frames = matching_frames(scan, target) if scan else []
    best = max(frames, key=lambda i: scan.probability[i], default=None) if scan else None
    shown = _most_seen(scan) if scan else None
    probe = scan.probe if scan else None
    is_kept = decision.outcome is Outcome.KEPT
    verdict = Verdict(
        video_key=candidate.video_key,
        video=replace(
            published_video(replace(candidate.video, **_page_details(candidate.video, fetch))),
            root=None,
            title=published_text(match.title or candidate.video.title),
            duration=declared_duration(candidate, fetch),
            licence=stated_licence(candidate, fetch) or None,
            live_status=None,
        ),
        target_id=target.target_id,
        wnid=target.wnid,
        matched_names=match.names,
        source=candidate.source,
        query=match.query,
        rank=match.rank,
        outcome=decision.outcome,
        reason=decision.reason,
        error=decision.error,
        attempts=fetch.attempts if fetch else 0,
        frames_scanned=len(scan.top1) if scan else None,
        frames_matched=len(frames) if scan else None,
        first_match=frames[0] if frames else None,
        best_match=best,
        best_probability=scan.probability[best] if scan and best is not None else None,
        seen=shown.output if shown else None,
        seen_frames=shown.frames if shown else None,
        seen_probability=shown.probability if shown else None,
        duration=float(seconds(length)) if length and length.reason is None else None,
        width=probe.width if probe else None,
        height=probe.height if probe else None,
        fps=probe.fps if probe else None,
        codec=probe.codec if probe else None,
        bytes=fetch.bytes if fetch else None,
        sha256=fetch.sha256 if fetch else None,
        clips=len(places_taken(evidence.cut, rules)) if is_kept and evidence.cut else 0,
        classifier=classifier,
    )
    said = verdict.video
    if said.description is None:
        return verdict
    others = replace(verdict, video=replace(said, description=None))
    return replace(verdict, video=fitted(said, len(msgspec.json.encode(others))))


def _page_details(video: VideoInfo, fetch: Fetch | None) -> dict[str, Any]:
    """What the page of a video says of it and the source does not.

    When the page was asked is for the store alone to know: else no two runs would be the same.
    """
    page = fetch.page if fetch else None
    return {
        name: getattr(page, name)
        for name in DETAILS
        if page is not None and getattr(video, name) is None and name != "asked"
    }


class _Shown(NamedTuple):
    """A class that the classifier saw."""

    output: int
    frames: int
    # the highest
    probability: float


def _most_seen(scan: Scan) -> _Shown | None:
    """The top-1 class of most frames; of several, the one that was seen first."""
    commonest = Counter(scan.top1).most_common(1)
    if not commonest:
        return None
    output, frames = commonest[0]
    seen = zip(scan.top1, scan.probability, strict=True)
    return _Shown(output, frames, max(each for top1, each in seen if top1 == output))


def _as_locked(sha256: str, evidence: Evidence, rules: SelectionOptions) -> Decision | None:
    """What becomes of a video that was judged elsewhere, and is to be had again with that content.

    It needs no scan; its length is measured to cut it in the same places. That it was another one
    when an earlier run fetched it says nothing of today.
    """
    content = evidence.fetch.sha256 if evidence.fetch else None
    if content is not None and content != sha256:
        if not evidence.current:
            return _failure(evidence.fetch)
        return decision_for(
            Reason.CHANGED, f"sha256 {content[:12]}..., locked was {sha256[:12]}..."
        )
    if not evidence.whole:
        return _failure(evidence.fetch)
    if evidence.length is None:
        return None
    if evidence.length.reason is not None:
        return decision_for(evidence.length.reason, evidence.length.error)
    return _as_cut(evidence.cut, rules)


def _as_cut(cut: Cut | None, rules: SelectionOptions) -> Decision | None:
    """The decision on a video for which all else speaks."""
    if cut is None:
        return None
    if cut.reason is not None:
        return decision_for(cut.reason, cut.error)
    reason = no_clip_because(cut, rules)
    return KEPT if reason is None else decision_for(reason)


def _left_out(place: Place) -> str:
    rank, of, quota = place
    return f"number {rank:,} of {of:,} by nearness to its target; {quota:,} are taken"


def _as_compared(found: Likeness | None) -> Decision | None:
    """The decision on a video of which only its likeness to an evaluation set is open."""
    if found is None:
        return None
    if found.neighbour is None:
        return KEPT if found.frames else Decision(Outcome.KEPT, error=NOT_COMPARED)
    pixels = "" if found.correlation is None else f", correlation {found.correlation:g}"
    return decision_for(
        Reason.EVALUATION_DATA,
        f"{number(found.matched, 'frame')} from {found.time:g} s on like {found.neighbour}; the "
        f"nearest differs in {found.distance} of 256 bits{pixels}",
    )


def _is_licensed_otherwise(candidate: Candidate, fetch: Fetch | None) -> bool:
    """Whether a licence is stated that is not Creative Commons, or none is stated."""
    licence = stated_licence(candidate, fetch)
    return licence is not None and not is_creative_commons(licence)


def _streamed(candidate: Candidate) -> Decision | None:
    """What the source says of a stream that has not ended."""
    match candidate.video.live_status:
        case "is_live":
            return decision_for(Reason.LIVE, "still being streamed, says the source")
        case "is_upcoming":
            return decision_for(Reason.UPCOMING, "not streamed yet, says the source")
        case _:
            return None


def _failure(fetch: Fetch | None) -> Decision | None:
    if fetch is None or fetch.reason is None:
        return None
    return decision_for(fetch.reason, fetch.error)
