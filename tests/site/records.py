"""What the site knows of a video, and what happens to those who ask for it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

CREATIVE_COMMONS = "Creative Commons Attribution license (reuse allowed)"
"""YouTube's words. It names no licence for videos under its standard one."""


class Condition(StrEnum):
    """What becomes of those who ask for a video.

    `THEN_FINE`: so do the first `SiteVideo.times` requests for its page, and none after them.
    """

    AVAILABLE = "available"
    REMOVED = "removed"
    PRIVATE = "private"
    MEMBERS_ONLY = "members_only"
    GEO_BLOCKED = "geo_blocked"
    AGE_GATED = "age_gated"
    LIVE = "live"  # the page names formats; yt-dlp would record it
    UPCOMING = "upcoming"  # a live event
    PREMIERE = "premiere"  # a finished video, to be shown from some time on
    BOT_CHECK_THEN_FINE = "bot_check_then_fine"  # status 200, and words
    SESSION_LIMITED_THEN_FINE = "session_limited_then_fine"  # likewise; "try again later"
    RATE_LIMITED_THEN_FINE = "rate_limited_then_fine"  # status 429 with Retry-After
    SERVER_ERROR_THEN_FINE = "server_error_then_fine"  # status 503
    BROKEN_FILE = "broken_file"  # it ends soon after its beginning; the index promises all
    NOT_A_VIDEO = "not_a_video"  # status 200 and an HTML page in place of the file
    MEDIA_GONE = "media_gone"  # status 404 for the file
    MEDIA_FORBIDDEN = "media_forbidden"  # status 403 for the file

    @property
    def passes(self) -> bool:
        """Whether it troubles some requests and no others."""
        return self.endswith("_then_fine")


@dataclass(frozen=True)
class Format:
    """One file of a film. A codec is "none" where the file has no such stream."""

    id: str
    file: Path
    width: int | None
    height: int | None
    vcodec: str
    acodec: str

    @property
    def ext(self) -> str:
        """The file's suffix without the dot."""
        return self.file.suffix[1:]


@dataclass(frozen=True)
class Film:
    """What can be seen: the same in all formats, worst first."""

    shows: tuple[str, ...]
    """Kinds of `demo.drawing`, one after the other."""
    seconds: float
    formats: tuple[Format, ...]


@dataclass(frozen=True)
class CaptionFile:
    """Captions of a video in one language."""

    language: str
    text: str
    automatic: bool = False
    ext: str = "vtt"
    status: int = 200
    """What the site answers to those who ask for the file."""

    @property
    def name(self) -> str:
        """Of the file on the site."""
        return f"{'auto' if self.automatic else 'own'}-{self.language}.{self.ext}"


@dataclass(frozen=True)
class SiteVideo:
    """One video of the site."""

    id: str
    """11 characters of A-Z a-z 0-9 - _, as YouTube's are."""
    title: str
    film: Film | None = None
    """None: a page without formats."""
    declared: int | None = None
    """Length by the search results and by the page, seconds."""
    channel: str | None = None
    licence: str | None = None
    condition: Condition = Condition.AVAILABLE
    times: int = 1
    """Requests for the page that a passing condition troubles."""
    retry_after: int | None = 0
    """Seconds for the Retry-After header of a 429."""
    uploaded: date | None = None
    language: str | None = None
    captions: tuple[CaptionFile, ...] = ()
    names: tuple[str, ...] = ()
    """Targets that the title names. Tests look at it, the site does not."""

    @property
    def live_status(self) -> str | None:
        """As yt-dlp calls it; None for an ordinary video."""
        match self.condition:
            case Condition.LIVE:
                return "is_live"
            case Condition.UPCOMING | Condition.PREMIERE:
                return "is_upcoming"
            case _:
                return None
