"""What went wrong, as a reason from the closed list and the original text."""

import errno
import time
from email.utils import parsedate_to_datetime

import yt_dlp
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, RequestError, TransportError
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadCancelled,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
)

from schemas import Reason

# What a record keeps of an error text, characters.
ERROR_LENGTH = 300


class FetchError(DownloadCancelled):
    """An attempt that failed. yt-dlp lets its own DownloadCancelled, and so this, pass through."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        retry_after: float | None = None,
        size: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        # seconds that the server asked to wait
        self.retry_after = retry_after
        # bytes of what is too large, as far as it is known
        self.size = size


def shortened(text: str) -> str:
    """An error text as records keep it: one line without colours, at most ERROR_LENGTH long."""
    line = " ".join(yt_dlp.utils.remove_terminal_sequences(text).split())
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"


def too_large(size: int, limit: int) -> FetchError:
    """The failure of a file with `size` bytes where `limit` are allowed."""
    message = f"{size} bytes, the limit is {limit}"
    return FetchError(Reason.TOO_LARGE, message, size=size)


def explain(error: BaseException) -> FetchError:
    """Which reason an exception of yt-dlp stands for; the text is the original one."""
    cause: BaseException | None = error
    while isinstance(cause, ExtractorError) and cause.cause is not None:
        cause = cause.cause
    text = str(error)
    match cause:
        case FetchError():
            return cause
        case HTTPError():
            reason, wait = _reason_of_status(cause.status), _retry_after(cause.response)
            return FetchError(reason, text, retry_after=wait)
        case GeoRestrictedError():
            return FetchError(Reason.GEO_BLOCKED, text)
        case UnsupportedError():
            return FetchError(Reason.UNSUPPORTED, text)
        case ExtractorError():
            return FetchError(_reason_of_text(text) if cause.expected else Reason.INTERNAL, text)
        case TimeoutError():
            return FetchError(Reason.TIMEOUT, text)
        case TransportError() | DownloadError():
            return FetchError(Reason.TIMEOUT if "timed out" in text else Reason.NETWORK, text)
        case RequestError():
            # Such as a redirection to an address that is not for the web.
            return FetchError(Reason.BAD_ADDRESS, text)
        case ContentTooShortError() | ConnectionError():
            return FetchError(Reason.NETWORK, text)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return FetchError(Reason.DISK_FULL, text)
        case _:
            return FetchError(Reason.INTERNAL, f"{type(error).__name__}: {text}")


# Sites say these in words alone (yt_dlp/extractor: youtube/_video.py, common.py). A passing
# obstacle must not be taken for a video that is gone: passing ones first, and what no word here
# explains is tried again.
_WORDS = {
    "not a bot": Reason.RATE_LIMITED,
    "rate-limit": Reason.RATE_LIMITED,
    "confirm your age": Reason.AGE_GATED,
    "age-restricted": Reason.AGE_GATED,
    "private video": Reason.PRIVATE,
    "video is private": Reason.PRIVATE,
    "members-only": Reason.PRIVATE,
    "registered users": Reason.PRIVATE,
    "premieres in": Reason.UPCOMING,
    "live event will begin": Reason.UPCOMING,
    "removed": Reason.UNAVAILABLE,
    "deleted": Reason.UNAVAILABLE,
    "terminated": Reason.UNAVAILABLE,
    "does not exist": Reason.UNAVAILABLE,
    "doesn't exist": Reason.UNAVAILABLE,
    "no longer available": Reason.UNAVAILABLE,
    "no longer exists": Reason.UNAVAILABLE,
}


def _reason_of_text(text: str) -> Reason:
    said = (reason for words, reason in _WORDS.items() if words in text.lower())
    return next(said, Reason.EXTRACTION)


def _reason_of_status(status: int) -> Reason:
    match status:
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
    except ValueError:
        return None
