"""The account of one pair of candidate and target. Every pair has exactly one."""

from typing import ClassVar

from videonet.schemas.candidate import Match
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.record import Record
from videonet.schemas.video_info import DETAILS, PublishedVideo


class Verdict(Record, frozen=True, kw_only=True):
    """One row of OUT/verdicts/*.parquet."""

    first_columns: ClassVar = (
        *("video_id", "video_key", "target_id", "wnid", "url", "title", "matched_names"),
        *("source", "query", "rank", "channel", "licence", "declared_duration"),
    )
    last_columns: ClassVar = (*DETAILS, "duplicate_of", "inherited")

    video_key: str
    # with the title that names the target; length, licence and what else is said of it are its
    # page's, where the source does not say them
    video: PublishedVideo
    target_id: str
    wnid: str | None
    # names and synonyms of the target found in the title
    matched_names: tuple[str, ...]
    source: str
    query: str | None
    rank: int
    outcome: Outcome
    # None when kept
    reason: Reason | None
    # original error text, at most 300 characters
    error: str | None
    # attempts made at it so far, over all runs
    attempts: int
    # frames looked at, and how many of them have an accepted top-1 class
    frames_scanned: int | None
    frames_matched: int | None
    # 0-based index of the first matching frame
    first_match: int | None
    # 0-based index of the matching frame with the highest probability, and that probability; where
    # neighbours of images were taken, in place of each probability, the cosine with what is nearest
    best_match: int | None
    best_probability: float | None
    # classifier output that is the top-1 of most frames, of how many, and at most how probable:
    # what the video shows to the classifier, whatever it was looked up for
    seen: int | None
    seen_frames: int | None
    seen_probability: float | None
    # measured length, seconds; known for videos that passed the classifier
    duration: float | None
    # as shown, pixels
    width: int | None
    height: int | None
    fps: float | None
    # its own name, such as av1; of earlier versions the decoder's, such as libdav1d
    codec: str | None
    # of the whole file; the server's word for it, and no sha256, where less was fetched
    bytes: int | None
    sha256: str | None
    # clips of this video in the shards
    clips: int
    # sha256 of the classifier file
    classifier: str
    # of a video that is the same as another one, the key of the one that stays
    duplicate_of: str | None = None
    # of a kept video, why those that were dropped as its duplicates were candidates for targets
    # that it was not kept for: its clips have these labels as well; in the order of the targets
    inherited: tuple[Match, ...] | None = None
