"""One candidate, and all that can be known of it."""

from fractions import Fraction
from typing import Any

import msgspec

from videonet.curation.verdict import (
    Decision,
    Evidence,
    Limits,
    decide,
    decision_for,
)
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.scan import Probe, Scan
from videonet.schemas.target import Target
from videonet.schemas.video_info import VideoInfo

MATCH = Match(target_id="dog.n.01", names=("dog", "dogs"), title=None, query="dog", rank=7)
CANDIDATE = Candidate(
    video_key="youtube:x",
    video=VideoInfo(
        video_id="x",
        url="https://example.org/x",
        root=None,
        title="Two dogs",
        duration=None,
        channel="Paper Cut Films",
        licence="CC-BY-4.0",
        live_status=None,
    ),
    source="catalogue",
    sha256=None,
    matches=(MATCH,),
)
TARGET = Target(
    target_id="dog.n.01",
    name="dog",
    synonyms=("domestic dog",),
    wnid="n02084071",
    outputs=(151, 152),
    senses=(),
)
PROBE = Probe(
    width=640,
    height=361,
    fps=29.97,
    codec="h264",
    pixel_format="yuv444p",
    rotation=0,
    container="mov",
    video_streams=1,
    audio_streams=1,
)
FETCHED = Fetch(
    video_key="youtube:x",
    here=True,
    path=None,
    sha256="ab",
    bytes=1234,
    mtime_ns=None,
    reason=None,
    error=None,
    declared_duration=None,
    licence=None,
    attempts=2,
    run_id="run",
)
SCANNED = Scan(
    video_key="youtube:x",
    sha256="ab",
    reason=None,
    error=None,
    top1=(3, 151, 3, 152, 151),
    probability=(0.99, 0.5, 0.98, 0.75, 0.25),
    probe=PROBE,
    phash=(),
    seconds=1.0,
)
MEASURED = Length(
    video_key="youtube:x", sha256="ab", reason=None, error=None, numerator=1001, denominator=100
)
CUT = Cut(video_key="youtube:x", sha256="ab", reason=None, error=None, clips=1)
SEEN = Evidence(FETCHED, SCANNED, MEASURED, CUT, whole=True)

FAILURES = [reason for reason in Reason if decision_for(reason).outcome is Outcome.FAILED]


def with_video(**changes: Any) -> Candidate:
    """The candidate of whose video the source says something else."""
    video = msgspec.structs.replace(CANDIDATE.video, **changes)
    return msgspec.structs.replace(CANDIDATE, video=video)


def declared(duration: float | None) -> Candidate:
    return with_video(duration=duration)


def failed_fetch(reason: Reason) -> Fetch:
    return msgspec.structs.replace(FETCHED, here=False, reason=reason, error="it broke")


def scan_of(*top1: int) -> Scan:
    return msgspec.structs.replace(SCANNED, top1=top1, probability=(0.5,) * len(top1))


def failed_scan(reason: Reason) -> Scan:
    return msgspec.structs.replace(
        SCANNED, top1=(), probability=(), probe=None, reason=reason, error="bad frame"
    )


def length_of(length: Fraction) -> Length:
    return msgspec.structs.replace(
        MEASURED, numerator=length.numerator, denominator=length.denominator
    )


MAX_BYTES = 5000


def judged(seen: Evidence, duration: float | None = None, minimum: float = 10) -> Decision | None:
    return decide(declared(duration), TARGET, seen, Limits(minimum, MAX_BYTES))
