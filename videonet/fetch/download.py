"""Attempts at one url, through yt-dlp, repeated with tenacity within one deadline."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import tenacity
import yt_dlp
from yt_dlp.networking import Response
from yt_dlp.utils import DownloadError

from schemas import Reason
from videonet import stopping
from videonet.budget import DiskBudget
from videonet.fetch.failure import FetchError, explain, too_large
from videonet.fetch.limits import FetchLimits

_LOOK_UP = 0.25  # seconds; how soon a silent connection hears that the run is to end

# Worth another attempt within one run.
_PASSING = frozenset({Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.NETWORK, Reason.TIMEOUT})


class Download:
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
        """The downloaded file.

        Raises FetchError when attempts or time are used up, Stopped when the run is to end.
        """
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
            sleep=tenacity.sleep_using_event(stopping.event),
            reraise=True,
        )
        return retrying(self._attempt)

    def _attempt(self) -> Path:
        stopping.check()
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
        # To yt-dlp, a connection that we broke may look like the end of the file.
        stopping.check()
        if not file.exists():
            raise FetchError(Reason.UNSUPPORTED, "nothing was downloaded")
        return file

    def _explained(self, error: BaseException) -> FetchError:
        stopping.check()
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
        stopping.check()
        if self._remaining() <= 0:
            raise FetchError(Reason.TIMEOUT, f"not done within {self._limits.deadline:g} s")
        so_far = int(progress.get("downloaded_bytes") or 0)
        expected = max(so_far, int(progress.get("total_bytes") or 0))
        if expected > self._limits.max_bytes:
            raise too_large(expected, self._limits.max_bytes)
        if expected > self.taken:
            if not self._budget.take(expected - self.taken, self._remaining()):
                raise FetchError(Reason.DISK_FULL, f"no room for {expected} bytes in the budget")
            self.taken = expected


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
    """Break the connections handed to the yielded function after `seconds`, or to end the run.

    A server that sends one byte now and then keeps a read alive for ever, and yt-dlp checks
    nothing until the read returns.
    """
    responses: list[Response] = []
    over, done = threading.Event(), threading.Event()
    end = time.monotonic() + seconds

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

    def guard() -> None:
        while not stopping.event.is_set() and time.monotonic() < end:
            if done.wait(min(_LOOK_UP, max(0.0, end - time.monotonic()))):
                return
        interrupt()

    threading.Thread(target=guard, daemon=True).start()
    try:
        yield watch
    finally:
        done.set()


class _Silence:
    """yt-dlp's messages come back as exceptions; the rest is not for the screen."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...
