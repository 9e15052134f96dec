"""From a url to a video file in the store, through yt-dlp.

Attempts are repeated with tenacity within one deadline; whatever goes wrong becomes a `Fetch`
record with a reason. A local file is not copied: the record says where it is.
"""

import errno
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import tenacity
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

from schemas import POLICIES, Candidate, Fetch, Policy, Reason
from videonet.budget import DiskBudget
from videonet.files import sha256_of
from videonet.store import Store
from videonet.video import VideoError, probe

# What a record keeps of an error text, characters.
ERROR_LENGTH = 300

# Worth another attempt within one run.
_PASSING = frozenset({Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.NETWORK, Reason.TIMEOUT})


@dataclass(frozen=True)
class FetchLimits:
    """What one candidate may cost. Times in seconds."""

    max_bytes: int = 2_000_000_000
    deadline: float = 600.0
    attempts: int = 5
    # waits between attempts grow from `wait` to `longest_wait`, with jitter
    wait: float = 1.0
    longest_wait: float = 60.0
    # longest silence of a server
    silence: float = 20.0


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


def fetch(
    candidate: Candidate, store: Store, budget: DiskBudget, limits: FetchLimits, run_id: str
) -> Fetch:
    """Make the whole file of `candidate` readable, and record in the store how that went."""
    before = store.fetch(candidate.video_key)
    record = Fetch(
        video_key=candidate.video_key,
        here=False,
        path=None,
        sha256=before.sha256 if before else None,
        bytes=before.bytes if before else None,
        reason=None,
        error=None,
        attempts=before.attempts if before else 0,
        run_id=run_id,
    )
    if candidate.root is not None:
        record = _in_place(record, Path(candidate.root), candidate.url, limits)
    elif _is_web(candidate.url):
        record = _downloaded(record, candidate.url, store, budget, limits)
    else:
        refused = FetchError(Reason.REFUSED, f"no http or https address: {candidate.url}")
        record = _failed(record, refused)
    store.write_fetch(record)
    return record


def worth_fetching(before: Fetch | None, run_id: str, max_bytes: int) -> bool:
    """Whether an attempt may help: never after a permanent failure, once a run after another.

    What was too large for an earlier limit is tried again under one that it keeps to.
    """
    if before is None or before.reason is None:
        return True
    if before.reason is Reason.TOO_LARGE:
        return before.bytes is not None and before.bytes <= max_bytes
    return POLICIES[before.reason] is Policy.NEXT_RUN and before.run_id != run_id


def is_here(fetch: Fetch | None, store: Store) -> bool:
    """Whether the file that `fetch` speaks of can be read and still has its size."""
    if fetch is None or not fetch.here:
        return False
    try:
        return store.file(fetch).stat().st_size == fetch.bytes
    except OSError:
        return False


def release(fetch: Fetch, store: Store) -> int:
    """Delete the store's own copy of a video; how many bytes that freed."""
    if not fetch.here or fetch.path is not None:
        return 0
    store.delete(store.video(fetch.video_key))
    store.write_fetch(msgspec.structs.replace(fetch, here=False))
    return fetch.bytes or 0


def shortened(text: str) -> str:
    """An error text as records keep it: one line without colours, at most ERROR_LENGTH long."""
    line = " ".join(yt_dlp.utils.remove_terminal_sequences(text).split())
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"


def _is_web(url: str) -> bool:
    """Whether `url` is for the web: yt-dlp would also read ftp, and search where it sees words."""
    try:
        return urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _in_place(record: Fetch, root: Path, path: str, limits: FetchLimits) -> Fetch:
    """The record of a local file, which stays where it is: `path` below `root`."""
    # By its name alone: a link below the root may lead to another disk, as its owner wishes.
    folder = Path(os.path.abspath(root))  # noqa: PTH100 (Path has no form that follows no link)
    file = Path(os.path.abspath(folder / path))  # noqa: PTH100
    try:
        if not file.is_relative_to(folder):
            raise FetchError(Reason.REFUSED, f"{path} is not below {folder}")
        if file.exists() and not file.is_file():
            raise FetchError(Reason.NOT_A_VIDEO, "no regular file")
        size = file.stat().st_size
        if size > limits.max_bytes:
            raise _too_large(size, limits)
        _must_be_a_video(file)
        sha256 = sha256_of(file)
    except OSError as error:
        return _failed(record, FetchError(Reason.UNAVAILABLE, error.strerror or str(error)))
    except FetchError as error:
        return _failed(record, error)
    return msgspec.structs.replace(record, here=True, path=str(file), sha256=sha256, bytes=size)


def _downloaded(
    record: Fetch, url: str, store: Store, budget: DiskBudget, limits: FetchLimits
) -> Fetch:
    """The record of a file that was downloaded into the store."""
    folder = store.temporary()
    download = _Download(url, folder, budget, limits)
    kept = 0
    try:
        file = download.run()
        _must_be_a_video(file)
        size, sha256 = file.stat().st_size, sha256_of(file)
        store.adopt(file, store.video(record.video_key))
        kept = size
        record = msgspec.structs.replace(record, here=True, sha256=sha256, bytes=size)
    except FetchError as error:
        record = _failed(record, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        budget.give_back(download.taken - kept)
    return msgspec.structs.replace(record, attempts=record.attempts + download.attempts)


def _failed(record: Fetch, error: FetchError) -> Fetch:
    size = record.bytes if error.size is None else error.size
    text = shortened(str(error))
    return msgspec.structs.replace(record, reason=error.reason, error=text, bytes=size)


def _too_large(size: int, limits: FetchLimits) -> FetchError:
    message = f"{size} bytes, the limit is {limits.max_bytes}"
    return FetchError(Reason.TOO_LARGE, message, size=size)


def _must_be_a_video(file: Path) -> None:
    try:
        probe(file)
    except VideoError as error:
        raise FetchError(error.reason, str(error)) from error


class _Download:
    """The attempts at one url, and what they share: a partial file, a deadline, room on disk."""

    def __init__(self, url: str, folder: Path, budget: DiskBudget, limits: FetchLimits) -> None:
        self.attempts = 0
        # bytes taken from the budget
        self.taken = 0
        self._url = url
        self._folder = folder
        self._budget = budget
        self._limits = limits
        self._deadline = time.monotonic() + limits.deadline

    def run(self) -> Path:
        """The downloaded file. Raises FetchError when attempts or time are used up."""
        limits = self._limits
        jitter = tenacity.wait_exponential_jitter(
            limits.wait, limits.longest_wait, jitter=limits.wait
        )

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, FetchError) else None
            return jitter(state) if asked is None else asked

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, FetchError) and error.reason in _PASSING
            ),
            wait=wait,
            # A wait that would pass the deadline is not begun.
            stop=tenacity.stop_after_attempt(limits.attempts)
            | tenacity.stop_before_delay(limits.deadline),
            reraise=True,
        )
        return retrying(self._attempt)

    def _attempt(self) -> Path:
        self.attempts += 1
        file = self._folder / "video"
        with _deadline(self._remaining()) as watch, _Session(self._options(file), watch) as session:
            try:
                session.extract_info(self._url, download=True)
            except FetchError:
                raise
            except DownloadError as error:
                # yt-dlp's downloaders report what broke a transfer as text alone.
                raise self._explained(error.exc_info[1] or session.failure or error) from error
            except Exception as error:
                raise self._explained(error) from error
        if not file.exists():
            raise FetchError(Reason.UNSUPPORTED, "nothing was downloaded")
        return file

    def _explained(self, error: BaseException) -> FetchError:
        if self._remaining() <= 0:
            return FetchError(Reason.TIMEOUT, f"not done within {self._limits.deadline:g} s")
        return explain(error)

    def _remaining(self) -> float:
        return self._deadline - time.monotonic()

    def _options(self, file: Path) -> dict[str, Any]:
        return {
            # The file alone: no cache, no side files, no fix-ups that need an ffmpeg.
            "outtmpl": {"default": str(file).replace("%", "%%")},
            "format": "best/bestvideo",
            "noplaylist": True,
            "playlist_items": "1",
            "cachedir": False,
            "updatetime": False,
            "fixup": "never",
            "hls_prefer_native": True,
            # Attempts are ours to repeat, so that their number and their time have one limit.
            "retries": 0,
            "fragment_retries": 0,
            "extractor_retries": 0,
            "file_access_retries": 0,
            "socket_timeout": max(0.1, min(self._limits.silence, self._remaining())),
            "match_filter": _refuse_streams,
            "progress_hooks": [self._check],
            "logger": _Silence(),
            "noprogress": True,
            "color": "never",
        }

    def _check(self, progress: dict[str, Any]) -> None:
        """Stop a download that breaks a limit; called by yt-dlp for every block."""
        if self._remaining() <= 0:
            raise FetchError(Reason.TIMEOUT, f"not done within {self._limits.deadline:g} s")
        so_far = int(progress.get("downloaded_bytes") or 0)
        expected = max(so_far, int(progress.get("total_bytes") or 0))
        if expected > self._limits.max_bytes:
            raise _too_large(expected, self._limits)
        if expected > self.taken:
            if not self._budget.take(expected - self.taken, self._remaining()):
                raise FetchError(Reason.DISK_FULL, f"no room for {expected} bytes in the budget")
            self.taken = expected


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
            return FetchError(Reason.REFUSED, text)
        case ContentTooShortError() | ConnectionError():
            return FetchError(Reason.NETWORK, text)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return FetchError(Reason.DISK_FULL, text)
        case _:
            return FetchError(Reason.INTERNAL, f"{type(error).__name__}: {text}")


# Sites say these in words alone (yt_dlp/extractor: youtube/_video.py, common.py). A passing
# obstacle must not be taken for a video that is gone.
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
}


def _reason_of_text(text: str) -> Reason:
    said = (reason for words, reason in _WORDS.items() if words in text.lower())
    return next(said, Reason.UNAVAILABLE)


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


def _refuse_streams(info: dict[str, Any], *, incomplete: bool) -> None:
    """yt-dlp asks this before it downloads: what has no end yet is not for us."""
    del incomplete
    if info.get("live_status") == "is_upcoming":
        raise FetchError(Reason.UPCOMING, "not streamed yet")
    if info.get("is_live") or info.get("live_status") == "is_live":
        raise FetchError(Reason.LIVE, "still being streamed")


class _Session(yt_dlp.YoutubeDL):
    """yt-dlp for one attempt: hands out each response, and remembers the request that failed."""

    def __init__(self, options: dict[str, Any], watch: Callable[[Response], None]) -> None:
        self.failure: Exception | None = None
        self._watch = watch
        super().__init__(options)

    def urlopen(self, request: Any) -> Response:
        self.failure = None
        try:
            response: Response = super().urlopen(request)
        except Exception as error:
            self.failure = error
            raise
        self._watch(response)
        return response


@contextmanager
def _deadline(seconds: float) -> Iterator[Callable[[Response], None]]:
    """Break the connections handed to the yielded function after `seconds`.

    A server that sends one byte now and then keeps a read alive for ever, and yt-dlp checks
    nothing until the read returns.
    """
    responses: list[Response] = []
    over = threading.Event()

    def interrupt() -> None:
        over.set()
        for response in responses:
            with (
                suppress(OSError, ValueError, AttributeError),
                socket.socket(fileno=os.dup(response.fp.fileno())) as connection,
            ):
                connection.shutdown(socket.SHUT_RDWR)

    def watch(response: Response) -> None:
        responses.append(response)
        if over.is_set():
            interrupt()

    timer = threading.Timer(max(0.0, seconds), interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()


class _Silence:
    """yt-dlp's messages come back as exceptions; the rest is not for the screen."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...
