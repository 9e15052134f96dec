"""What went wrong, as a reason from the closed list and the original text."""

import re
import time
import traceback
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, RequestError, TransportError
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadCancelled,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnavailableVideoError,
    UnsupportedError,
    UserNotLive,
)

from videonet.errors import machine_error
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason


class FetchError(DownloadCancelled):
    """An attempt that failed. yt-dlp lets a DownloadCancelled pass through, and so this one."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        retry_after: float | None = None,
        size: int | None = None,
        page_bytes: int | None = None,
        pages_bytes: int | None = None,
        limits: DecodeLimits | None = None,
        refused: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        # seconds that the server asked to wait
        self.retry_after = retry_after
        # bytes of a file that is too large, as far as they are known
        self.size = size
        # likewise of a page, and of all pages together
        self.page_bytes, self.pages_bytes = page_bytes, pages_bytes
        # those that decoding it broke
        self.limits = limits
        # a host that must not be asked, and its addresses
        self.refused = refused


class RefusedAddressError(TransportError):
    """A request that was not sent, for its host must not be asked: see `AllowedHosts`.

    yt-dlp takes it for a failure of the network, so that what an extractor can do without, it does
    without.
    """

    def __init__(self, refusal: str, host: str, addresses: tuple[str, ...] = ()) -> None:
        super().__init__(refusal)
        self.refused = (host, *addresses)


class NoConnectionError(FetchError):
    """Nothing was asked: what this run asked before got no connection at all."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.NETWORK, message)


class NotAskedError(FetchError):
    """A host was not asked: this run no longer asks it, or would have to wait too long."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.RATE_LIMITED, f"not asked: {message}")


def too_large(size: int, limit: int) -> FetchError:
    """The failure of a file with `size` bytes where `limit` are allowed."""
    message = f"{size} bytes, the limit is {limit}"
    return FetchError(Reason.TOO_LARGE, message, size=size)


def explain(error: BaseException) -> FetchError:
    """Which reason an exception of yt-dlp stands for; the text is the original one.

    A DownloadError only reports: what it stands for is the exception that was being handled when
    it was raised, its context. (Its `exc_info` may be of one further back, which an extractor had
    already made sense of.) Raises MachineError where the machine is at fault.
    """
    if (lacking := machine_error(error)) is not None:
        raise lacking from error
    told: BaseException = error
    if isinstance(error, DownloadError) and error.__context__ is not None:
        told = error.__context__
    cause = _cause(told)
    _name_without_query(told)
    text = str(told)
    match cause:
        case FetchError():
            return cause
        case RefusedAddressError():
            return FetchError(Reason.REFUSED_ADDRESS, cause.msg, refused=cause.refused)
        case HTTPError():
            # A page that does not answer is reported by its extractor, a file by itself.
            of_file = told is cause and told is not error
            reason = _reason_of_status(cause.status, of_file=of_file)
            return FetchError(reason, text, retry_after=_retry_after(cause.response))
        case GeoRestrictedError():
            return FetchError(Reason.GEO_BLOCKED, text)
        case UnsupportedError():
            return FetchError(Reason.UNSUPPORTED, text)
        case UserNotLive():
            return FetchError(Reason.UPCOMING, text)
        case ExtractorError() if cause.expected:
            # Without the prefix: that holds the last part of the url, which may be any words.
            return FetchError(_reason_of_words(cause.orig_msg) or Reason.EXTRACTION, text)
        case ExtractorError():
            # yt-dlp takes it for a bug of its own: the site's page is not as it was.
            return FetchError(Reason.EXTRACTION, text)
        case TimeoutError():
            return FetchError(Reason.TIMEOUT, text)
        case TransportError():
            return FetchError(Reason.TIMEOUT if "timed out" in text else Reason.NETWORK, text)
        case DownloadError():
            passing = Reason.TIMEOUT if "timed out" in text else Reason.NETWORK
            return FetchError(_reason_of_words(text, _DOWNLOADERS_SAY) or passing, text)
        case RequestError():
            # Our means to get there, or the address, such as of a redirection out of the web.
            said = text.lower()
            means = (reason for words, reason in _MEANS.items() if words in said)
            return FetchError(next(means, Reason.BAD_ADDRESS), text)
        case ContentTooShortError() | ConnectionError():
            return FetchError(Reason.NETWORK, text)
        case _:
            reason = Reason.EXTRACTION if _is_of_yt_dlp(told, cause) else Reason.INTERNAL
            return FetchError(reason, f"{type(told).__name__}: {text}")


def _name_without_query(error: BaseException | None) -> None:
    """Leave out of yt-dlp's messages what may be a token.

    What it calls a file that no site names is the last part of its address, query included.
    """
    while isinstance(error, ExtractorError):
        if error.video_id:
            error.video_id = re.split("[?#]", str(error.video_id), maxsplit=1)[0]
        error = error.cause


def _is_of_yt_dlp(told: BaseException, cause: BaseException) -> bool:
    """Whether yt-dlp's code could not make sense of what a site gave it.

    Its extractors meet pages that their authors did not foresee: a list where there was a number,
    or JSON that is nested without end. What the machine refuses, such as to open a file, is not of
    that kind.
    """
    if isinstance(told, ExtractorError):
        return True
    if isinstance(cause, OSError):
        return False
    frames = (frame for frame, _ in traceback.walk_tb(cause.__traceback__))
    rooms = [frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames]
    known = [room for room in rooms if room in {"videonet", "yt_dlp", "yt_dlp_plugins"}]
    return bool(known) and known[-1] != "videonet"


def _cause(error: BaseException) -> BaseException:
    """What lies beneath an exception that yt-dlp only wraps around another."""
    while True:
        match error:
            case ExtractorError(cause=BaseException() as beneath):
                error = beneath
            case UnavailableVideoError(__context__=BaseException() as beneath):
                error = beneath
            case _:
                return error


# Sites say these in words alone; for YouTube's see yt_dlp/extractor/youtube/_video.py, which hands
# on what the player was told. A passing obstacle must not be taken for a video that is gone:
# passing ones stand first, and what no word here explains is tried again by a later run.
#
# That goes for "Video unavailable" and "This video is not available" as well. YouTube says so of
# videos that are gone, and to an address or a player program that it does not trust; the extractor
# does not tell these apart. Only a second sentence, such as "has been removed by the uploader",
# makes it sure.
_SITES_SAY: dict[Reason, tuple[str, ...]] = {
    Reason.RATE_LIMITED: (
        "not a bot",
        "rate-limit",
        "captcha",
        "ip is likely being blocked",
        "isn't available, try again later",
        "page needs to be reloaded",  # a new session may be served again
    ),
    Reason.SERVER_ERROR: (
        "try again later",
        "unknown error",
        "an error occurred",
        "something went wrong",
    ),
    Reason.GEO_BLOCKED: (
        "your country",
        "your location",
        "your region",
        "webpage has been blocked",  # by a country, or a network
    ),
    Reason.AGE_GATED: (
        "confirm your age",
        "age-restricted",
        "inappropriate for some users",
    ),
    Reason.REFUSED: (
        # These speak of the player program that yt-dlp gave itself out for.
        "playback on other websites",
        "display on this website",
        "not available on this app",
        # YouTube encrypts everything for some sessions, as a trial.
        "video is drm protected",
    ),
    Reason.LIVE: (
        # A recording may follow in hours or days, or never.
        "live event has ended",
        "live stream recording is not available",
    ),
    Reason.UPCOMING: (
        "premieres in",
        "premiere will begin",
        "live event will begin",
        "processing this video",
    ),
    Reason.PRIVATE: (
        "private video",
        "is private",
        "members-only",
        "channel's members",
        "join this channel",
        "premium members",
        "requires payment",
        "registered users",
    ),
    Reason.BAD_ADDRESS: (
        "looks truncated",
        "forget to quote the url",
    ),
    Reason.UNSUPPORTED: (
        "known to use drm",
        "primarily used for piracy",
        "will not be supported",
    ),
    Reason.UNAVAILABLE: (
        "removed",
        "deleted",
        "terminated",
        "does not exist",
        "doesn't exist",
        "no longer available",
        "no longer exists",
        "isn't available anymore",
        "blocked it on copyright grounds",  # not "in your country": everywhere
    ),
}

# Likewise yt-dlp's downloaders, of what is no fault of the network.
_DOWNLOADERS_SAY: dict[Reason, tuple[str, ...]] = {
    Reason.REFUSED: ("drm",),
    Reason.LIVE: ("live dash",),
    # A stream of a kind that only an ffmpeg would fetch.
    Reason.EXTRACTION: ("could not be found. please install",),
}

# What a request may lack on our side: a proxy of a kind that yt-dlp knows, the looks of a browser
# that a site asks for, or a way of encryption that is no longer taken for safe.
_MEANS = {
    "proxy": Reason.INTERNAL,
    "impersonat": Reason.REFUSED,
    "legacy-server-connect": Reason.NETWORK,
}


def _reason_of_words(
    text: str, table: Mapping[Reason, tuple[str, ...]] = _SITES_SAY
) -> Reason | None:
    said = text.lower().replace("\u2019", "'")
    found = (reason for reason, some in table.items() if any(words in said for words in some))
    return next(found, None)


def _reason_of_status(status: int, *, of_file: bool) -> Reason:
    """What a status says of a page, or of a file to which a page has led."""
    match status:
        case 404 | 410 if of_file:
            # The page says that there is a video: its address may have expired, or the copy on
            # this one of the site's machines is not there.
            return Reason.REFUSED
        case 404 | 410:
            return Reason.UNAVAILABLE
        case 408:
            return Reason.TIMEOUT
        case 429:
            return Reason.RATE_LIMITED
        case 451:
            return Reason.GEO_BLOCKED
        case _ if status >= 500:
            return Reason.SERVER_ERROR
        case _:
            return Reason.REFUSED


def _retry_after(response: Response) -> float | None:
    """Seconds that a server asks to wait: a number, or a date (RFC 9110, section 10.2.3)."""
    value = response.get_header("Retry-After")
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError, TypeError, IndexError):
        # no date, or one that no calendar has
        return None
