"""Which videos are taken, once all of a run were compared: of each target the nearest.

It is decided from the whole candidate list at once, and from nothing else: so it does not matter in
which order videos came, or what was known of them before.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from videonet.curation.context import RunContext
from videonet.curation.evidence import records_of
from videonet.curation.listed import Listed
from videonet.curation.verdict import Place
from videonet.schemas.candidate import Candidate
from videonet.schemas.scan import Scan


class Compared(NamedTuple):
    """A candidate and the target that it is nearest to."""

    # position among the run's targets
    target: int
    # of its nearest frame
    similarity: float
    # content that was compared
    sha256: str
    candidate: Candidate


def nearest_target(scan: Scan) -> tuple[int, float]:
    """The target that a frame of the video is nearest to, and how near; of equal ones the first."""
    best = max(range(len(scan.top1)), key=lambda i: (scan.probability[i], -scan.top1[i]))
    return scan.top1[best], scan.probability[best]


def compared(context: RunContext, listed: Listed) -> Compared:
    """A candidate that was compared, with the target that it is nearest to."""
    assert listed.known is not None, "steps say what they know"
    scan = records_of(context, listed.known).scan
    assert scan is not None, "without one there is a verdict"
    target, similarity = nearest_target(scan)
    return Compared(target, similarity, scan.sha256, listed.candidate)


def in_order(found: Iterable[Compared]) -> list[Compared]:
    """Those that are nearest to one target, the nearest first; equal ones in the order of keys."""
    return sorted(found, key=lambda each: (-each.similarity, each.candidate.video_key))


def placed(ordered: list[Compared], target_id: str, quota: int) -> Iterable[Listed]:
    """Candidates of one target, which they are for from here on, each with its place among them."""
    for rank, each in enumerate(ordered, start=1):
        (match,) = each.candidate.matches
        own = msgspec.structs.replace(match, target_id=target_id)
        candidate = msgspec.structs.replace(each.candidate, matches=(own,))
        yield Listed(candidate, None, Place(rank, len(ordered), quota))


def digest_of(ordered: Iterable[Compared]) -> str:
    """Hex sha256 of all that the choice for one target depends on, but for the quota."""
    whole = hashlib.sha256()
    for each in ordered:
        row = (each.candidate.video_key, each.sha256, each.similarity)
        whole.update(msgspec.json.encode(row) + b"\n")
    return whole.hexdigest()
