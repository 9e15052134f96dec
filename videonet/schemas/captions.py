"""Captions: what is said in a video, with times, as its site or the folder of its file has it."""

import msgspec

from videonet.schemas.reason import Reason
from videonet.schemas.record import Record


class Captions(Record, frozen=True, kw_only=True):
    """What is known of the captions of a video. One row of OUT/captions/*.parquet a kept video."""

    video_key: str
    # what the source calls it
    video_id: str
    # as the site writes it, such as "en" or "pt-BR"; None: it is not said, or there are none
    language: str | None = None
    # True: made by the site; False: written by somebody; None: not said, or there are none
    automatic: bool | None = None
    # WebVTT, times from the beginning of the video as in clips; None: there are none
    vtt: str | None = None
    # pieces of text with a time in it
    cues: int = 0
    # whether they go on after the last that is kept
    shortened: bool = False
    # why they could not be had; None: they are here, or there are none
    reason: Reason | None = None
    # original error text, at most 300 characters
    error: str | None = None


class StoredCaptions(Record, frozen=True, kw_only=True):
    """The same as a store keeps it."""

    captions: Captions
    # of the rule by which they are chosen and cleaned
    version: int
    # run that asked for them: a transient failure is tried again by the next one only
    run_id: str


class CaptionCounts(Record, frozen=True, kw_only=True):
    """Kept videos, by what came of their captions."""

    # made by the site
    automatic: int = 0
    # written by somebody, or not said to be made by the site
    written: int = 0
    # without any
    none: int = 0
    # those that could not be had, by reason, in alphabetical order
    failed: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def with_captions(self) -> int:
        """Videos that have captions."""
        return self.automatic + self.written
