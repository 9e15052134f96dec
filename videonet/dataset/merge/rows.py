"""One video of a merged data set: what its inputs say of it, made one. Values in, values out.

Nothing depends on the order of the inputs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from videonet.dataset.shard_rewrite import withdrawn
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.captions import Captions
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.selection.exclusion import Excluded

# What was measured of the content, and is the same in all verdicts that keep a video.
_MEASURED = ("sha256", "bytes", "duration", "width", "height", "fps", "codec", "clips")

_OUTCOMES = tuple(Outcome)


class Said(NamedTuple):
    """What one input says of a video."""

    # position of the input
    input: int
    candidate: Candidate
    # one for each match of the candidate
    verdicts: tuple[Verdict, ...]
    # None: it has none
    captions: Captions | None = None


class MergedVideo(NamedTuple):
    """What the merged data set says of it."""

    candidate: Candidate
    verdicts: tuple[Verdict, ...]
    captions: Captions | None
    # the input whose clips it has; None: it is not kept
    taken_from: int | None
    # other inputs that keep it, with the same content and with another one
    same: tuple[int, ...] = ()
    other: tuple[int, ...] = ()


def merged_video(
    said: Sequence[Said],
    positions: Mapping[str, int],
    *,
    is_withdrawn: bool = False,
    excluded: Excluded | None = None,
) -> MergedVideo:
    """What several inputs say of one video.

    `positions` are those of the classes in the merged list. A video that any input has withdrawn,
    excluded or found to be like evaluation data is not kept. Of one that several keep, the best is
    taken: that of most pixels, then of most bytes a second. Its labels are those of all.
    """
    said = sorted(map(_without_root, said), key=_in_order)
    keeping = sorted((each for each in said if _kept(each)), key=_how_good)
    first = keeping[0] if keeping else said[0]
    verdicts = _one_a_target(first, said)
    verdicts.sort(key=lambda row: positions[row.target_id])
    candidate = _candidate(first, said, positions)
    refused = _refusal(said, candidate, is_withdrawn=is_withdrawn, excluded=excluded)
    if refused is not None:
        return MergedVideo(candidate, tuple(map(refused, verdicts)), None, None)
    if not keeping:
        return MergedVideo(candidate, tuple(verdicts), None, None)
    verdicts = _with_one_content(verdicts, keeping, positions)
    others = [each for each in keeping if each is not first]
    content = _kept(first)[0].sha256
    return MergedVideo(
        candidate,
        tuple(verdicts),
        first.captions,
        first.input,
        tuple(each.input for each in others if _kept(each)[0].sha256 == content),
        tuple(each.input for each in others if _kept(each)[0].sha256 != content),
    )


def _without_root(said: Said) -> Said:
    """Without the local folder of the video, a path of one machine: nothing may depend on it."""
    video = msgspec.structs.replace(said.candidate.video, root=None)
    return said._replace(candidate=msgspec.structs.replace(said.candidate, video=video))


def _kept(said: Said) -> list[Verdict]:
    return [row for row in said.verdicts if row.outcome is Outcome.KEPT]


def _in_order(said: Said) -> bytes:
    """An order that has nothing to do with that of the inputs."""
    return b"\n".join([said.candidate.to_json(), *(row.to_json() for row in said.verdicts)])


def _how_good(said: Said) -> tuple[int, float, str, bytes]:
    row = _kept(said)[0]
    rate = (row.bytes or 0) / row.duration if row.duration else 0.0
    return -(row.width or 0) * (row.height or 0), -rate, row.sha256 or "", _in_order(said)


def _one_a_target(first: Said, said: Sequence[Said]) -> list[Verdict]:
    """Of the verdicts for a class the one that keeps the video, or the next best."""
    found: dict[str, list[tuple[int, bool, bytes, Verdict]]] = {}
    for each in said:
        for row in each.verdicts:
            order = _OUTCOMES.index(row.outcome), each is not first, row.to_json(), row
            found.setdefault(row.target_id, []).append(order)
    return [min(rows, key=lambda order: order[:3])[-1] for rows in found.values()]


def _candidate(first: Said, said: Sequence[Said], positions: Mapping[str, int]) -> Candidate:
    """The candidate as the first describes it, for the classes of all."""
    matches: dict[str, Match] = {}
    for each in said:
        for match in each.candidate.matches:
            if match.title is None:
                match = msgspec.structs.replace(match, title=each.candidate.video.title)
            best = matches.setdefault(match.target_id, match)
            if (match.rank, match.to_json()) < (best.rank, best.to_json()):
                matches[match.target_id] = match
    title = first.candidate.video.title
    return msgspec.structs.replace(
        first.candidate,
        matches=tuple(
            msgspec.structs.replace(each, title=None) if each.title == title else each
            for each in (matches[name] for name in sorted(matches, key=positions.__getitem__))
        ),
    )


def _refusal(
    said: Sequence[Said], candidate: Candidate, *, is_withdrawn: bool, excluded: Excluded | None
) -> Callable[[Verdict], Verdict] | None:
    """What becomes of the verdicts on a video that may not be there; None: it may."""
    rows = [row for each in said for row in each.verdicts]
    if is_withdrawn or any(row.reason is Reason.WITHDRAWN for row in rows):
        return withdrawn
    for reason in (Reason.EXCLUDED, Reason.EVALUATION_DATA):
        errors = sorted(row.error or "" for row in rows if row.reason is reason)
        if errors:
            return _rejecting(reason, errors[0])
    why = excluded.named_by(candidate) if excluded is not None else None
    return None if why is None else _rejecting(Reason.EXCLUDED, why)


def _rejecting(reason: Reason, error: str) -> Callable[[Verdict], Verdict]:
    def rejected(verdict: Verdict) -> Verdict:
        if verdict.reason is reason:
            return verdict
        return msgspec.structs.replace(withdrawn(verdict), reason=reason, error=error or None)

    return rejected


def _with_one_content(
    verdicts: Iterable[Verdict], keeping: Sequence[Said], positions: Mapping[str, int]
) -> list[Verdict]:
    """The verdicts that keep a video say what was measured of the content that is taken."""
    verdicts = list(verdicts)
    content = _kept(keeping[0])[0]
    measured = {name: getattr(content, name) for name in _MEASURED}
    own = {row.target_id for row in verdicts if row.outcome is Outcome.KEPT}
    inherited: dict[str, Match] = {}
    for match in sorted(
        (match for each in keeping for match in _kept(each)[0].inherited or ()),
        key=lambda each: (each.rank, each.to_json()),
    ):
        if match.target_id not in own:
            inherited.setdefault(match.target_id, match)
    ordered = tuple(inherited[name] for name in sorted(inherited, key=positions.__getitem__))
    return [
        msgspec.structs.replace(row, **measured, inherited=ordered or None)
        if row.outcome is Outcome.KEPT
        else row
        for row in verdicts
    ]
