"""What a run is asked to do: all that the data set depends on, and its few closed lists."""

from enum import StrEnum

from videonet.schemas.manifest import ClassifierCard
from videonet.schemas.record import Record


class Keep(StrEnum):
    """Which downloaded files stay in the store once they are no longer needed."""

    ALL = "all"
    KEPT = "kept"
    NONE = "none"


class Licence(StrEnum):
    """Which videos a data set may hold, by the licence that their source states."""

    ANY = "any"
    CC = "cc"  # Creative Commons, or the public domain


class Settings(Record, frozen=True, kw_only=True):
    """All that the data set depends on; a folder OUT is made with one of these."""

    # kind of source, and what it was given
    source: str
    files_root: str | None
    # hex sha256 of the resolved targets
    targets: str
    per_class: int
    min_seconds: float
    frames: int
    max_clips: int
    formats: tuple[str, ...]
    # as asked for; None: from the number of candidates
    shards: int | None
    # largest video that is downloaded, bytes
    max_bytes: int
    licence: Licence
    # the formats that the user asked yt-dlp for, as JSON; None: the smallest that will do
    video_format: str | None
    # words that vary the queries of a search
    modifiers: tuple[str, ...]
    # queries for a class in a row that bring nothing new before its search ends; 0: no search
    search_patience: int
    # hex sha256 of the lock file that is rebuilt; None: candidates are looked up and judged
    lock: str | None
    classifier: ClassifierCard
    # name under which the store keeps scans by this classifier with these settings
    scan_key: str
