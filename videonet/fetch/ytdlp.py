"""yt-dlp as a run uses it: silent, at the pace of each host, and never longer than is allowed.

Every request of yt-dlp's extractors and downloaders goes through `Session.urlopen`.
"""

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property, lru_cache, partial
from typing import Any, Self

import tenacity
import yt_dlp
from yt_dlp.cookies import YoutubeDLCookieJar
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.networking import Response
from yt_dlp.utils import DownloadError

from videonet.fetch.credentials import Access
from videonet.fetch.failure import FetchError, NotAskedError, explain
from videonet.fetch.http_range import DirectIE, Opening
from videonet.fetch.javascript import runtimes
from videonet.fetch.limits import FetchLimits
from videonet.fetch.proxies import ProxyPool, is_proxy_fault
from videonet.fetch.rate_limit import Pace, Politeness, Turn, host_of
from videonet.fetch.silence import SILENCE
from videonet.files import cache_folder
from videonet.schemas.reason import Reason
from videonet.stop_signal import StopSignal

_LOOK_UP = 0.25  # seconds; how soon a silent connection hears that the run is to end

# Worth another attempt within one run.
_PASSING = frozenset({Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.NETWORK, Reason.TIMEOUT})

# What an extractor cannot read, or says in words that nobody knows.
_UNEXPLAINED = frozenset({Reason.EXTRACTION, Reason.INTERNAL})

# These say nothing of how the host takes our asking.
_NO_ANSWER = frozenset({Reason.SERVER_ERROR, Reason.NETWORK, Reason.TIMEOUT, Reason.INTERNAL})


class Web:
    """How one process goes about on the web: its pace, and what the user gave it to get in."""

    def __init__(
        self,
        pace: Pace | None = None,
        access: Access | None = None,
        downloads: int | None = None,
        *,
        stop: StopSignal | None = None,
    ) -> None:
        """`downloads`: how many may go on at once, from all hosts; None: as many as asked for.

        `stop` ends every wait and every answer that takes long.
        """
        self.stop = stop or StopSignal()
        self.politeness = Politeness(pace or Pace(), stop=self.stop)
        self.downloads: AbstractContextManager[Any] = (
            threading.Semaphore(downloads) if downloads else nullcontext()
        )
        self.access = access or Access()
        self.redaction = self.access.redaction
        self.proxies = ProxyPool(self.access.proxies)
        # Extractors by key, of sessions that have ended: what they learnt of a site, such as
        # YouTube's player, 2 MB of JavaScript, is not read again for every video.
        self.extractors: deque[dict[str, InfoExtractor]] = deque()
        self._tls: dict[object, Any] = {}
        self._lock = threading.Lock()

    def tls_context(self, make: Callable[..., Any], *, legacy_ssl_support: object = None) -> Any:
        """What `make` makes for TLS, made once: reading all certificates takes 20 ms."""
        with self._lock:
            if legacy_ssl_support not in self._tls:
                self._tls[legacy_ssl_support] = make(legacy_ssl_support=legacy_ssl_support)
            return self._tls[legacy_ssl_support]

    @cached_property
    def cookies(self) -> YoutubeDLCookieJar:
        """The user's cookies, read once, if any; sessions share what sites add to them.

        Extractors set theirs, and log in, once in their lives, which are longer than a session's.
        """
        return self.access.cookie_jar() or YoutubeDLCookieJar()


class Clock:
    """A deadline that can be set anew."""

    def __init__(self, seconds: float) -> None:
        self.begin(seconds)

    def begin(self, seconds: float) -> None:
        """From now on, `seconds` are left."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until the deadline; below zero after it."""
        return self._end - time.monotonic()


class Session(yt_dlp.YoutubeDL):
    """yt-dlp for one attempt: waits for each host's turn, and breaks what lasts too long.

    A server that sends one byte now and then keeps a read alive for ever, and yt-dlp checks
    nothing until the read returns.
    """

    def __init__(
        self,
        web: Web,
        clock: Clock,
        limits: FetchLimits,
        options: Mapping[str, Any],
        opening: Opening | None = None,
        take: Callable[["Session", dict[str, Any]], bool] | None = None,
    ) -> None:
        """`options` are yt-dlp's.

        `take` is offered each format before it is downloaded; where it returns True, it has taken
        what is needed. `opening`: see there.
        """
        self._web = web
        self.opening = opening
        self._take = take
        self._clock = clock
        # whether anything was asked of anybody
        self.asked = False
        self._failure: Exception | None = None
        # the latest request that another attempt may help
        self.setback: FetchError | None = None
        # by host, the latest last
        self._turns: dict[str, Turn] = {}
        self._responses: list[Response] = []
        self._done = threading.Event()
        self._over = threading.Event()
        self._proxy = web.proxies.take()
        # Given as an option, yt-dlp would write them back into the user's file.
        self.cookiejar = web.cookies
        parameters = {
            "cachedir": str(cache_folder() / "yt-dlp"),
            # It would have yt-dlp claim an address in another country.
            "geo_bypass": False,
            "js_runtimes": runtimes(),
            # Attempts are ours to repeat, so that their number and their time have one limit.
            "retries": 0,
            "fragment_retries": 0,
            "extractor_retries": 0,
            "file_access_retries": 0,
            "socket_timeout": max(0.1, min(limits.silence, clock.left)),
            "logger": SILENCE,
            "noprogress": True,
            "color": "never",
            **options,
        }
        super().__init__(parameters | web.access.parameters(self._proxy))

    def __enter__(self) -> Self:
        """Begin to watch the clock."""
        threading.Thread(target=self._guard, daemon=True).start()
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections."""
        self._done.set()
        super().__exit__(*error)
        # Who refers to a session may live on for long, and connections would with them.
        self._responses.clear()
        self.opening = None
        self._web.extractors.append(self._ies_instances)

    def add_default_info_extractors(self) -> None:
        """All that are enabled. yt-dlp finds them by rules, slowly, which only some users give."""
        if "allowed_extractors" in self.params:
            # Those that have learnt something may not be among them.
            super().add_default_info_extractors()
            if DirectIE.ie_key() in self._ies:
                self.add_info_extractor(DirectIE())
            return
        # As `add_info_extractor` does, 1,800 times.
        self._ies.update(_enabled(tuple(gen_extractor_classes())))
        self.add_info_extractor(DirectIE())
        with suppress(IndexError):
            for known in self._web.extractors.pop().values():
                self.add_info_extractor(known)

    def build_request_director(self, *arguments: Any, **named: Any) -> Any:
        """What sends requests, with the one TLS context of all sessions."""
        director = super().build_request_director(*arguments, **named)
        for handler in director.handlers.values():
            handler._make_sslcontext = partial(self._web.tls_context, handler._make_sslcontext)
        return director

    def dl(
        self, name: str, info: dict[str, Any], subtitle: bool = False, test: bool = False
    ) -> tuple[bool, bool]:
        """Download a format, unless what is needed of it was taken."""
        if self._take is not None and not (subtitle or test) and self._take(self, info):
            # No file is there that yt-dlp would have to work on.
            return False, False
        done: tuple[bool, bool] = super().dl(name, info, subtitle, test)
        return done

    def calc_headers(self, info: dict[str, Any]) -> Mapping[str, str]:
        """The headers with which a format is asked for."""
        headers: Mapping[str, str] = self._calc_headers(info)
        return headers

    def _forceprint(self, *_: object) -> None:
        """Print nothing. yt-dlp would first make tables of all formats, for nobody to see."""

    def urlopen(self, request: Any) -> Response:
        """Ask, when it is the host's turn. Raises what yt-dlp raises, and FetchError."""
        host = host_of(request if isinstance(request, str) else request.url)
        self._failure = None
        turn = self._web.politeness.turn(host, self._clock.left)
        self._turns.pop(host, None)
        self._turns[host] = turn
        self.asked = True
        try:
            response: Response = super().urlopen(request)
        except Exception as error:
            self._failure = error
            failure = explain(error)
            overloaded = failure.reason is Reason.SERVER_ERROR and failure.retry_after is not None
            if failure.reason is Reason.RATE_LIMITED or overloaded:
                # Told here, since an extractor may go on without what it did not get.
                turn.refused(failure.retry_after)
            if failure.reason in _PASSING:
                self.setback = failure
            raise
        self._responses.append(response)
        if self._over.is_set():
            self._interrupt()
        return response

    @contextmanager
    def outcome(self) -> Iterator[None]:
        """What becomes of the work inside, told to hosts and proxies. Raises FetchError alone."""
        try:
            yield
        except DownloadError as error:
            if error.__context__ is None:
                # yt-dlp's downloaders report what broke a transfer as text alone.
                error.__context__ = self._failure
            raise self._told(error) from error
        except Exception as error:
            raise self._told(error) from error
        # To yt-dlp, a connection that we broke may look like the end of the file.
        self._web.stop.check()
        self._went_well()

    def _told(self, error: BaseException) -> FetchError:
        self._web.stop.check()
        if self._clock.left <= 0 and not isinstance(error, FetchError):
            return FetchError(Reason.TIMEOUT, f"not done within {self._clock.seconds:g} s")
        failure = explain(error)
        if isinstance(failure, NotAskedError):
            return failure
        if self._proxy is not None and is_proxy_fault(self._failure or error):
            self._web.proxies.rest(self._proxy)
            # Not the video's fault: another attempt takes another proxy.
            return FetchError(Reason.NETWORK, str(failure))
        if failure.reason in _UNEXPLAINED and self.setback is not None:
            # Extractors go on without what they could not get, and end in other words. Who
            # refused that was told so already.
            return self.setback
        if failure.reason is Reason.RATE_LIMITED:
            self._refused(failure)
        elif failure.reason not in _NO_ANSWER:
            self._went_well()
        return failure

    def _refused(self, failure: FetchError) -> None:
        """Blame the host that was asked last: it answered 429, or its page wants no bots."""
        if self._turns:
            self._turns.popitem()[1].refused(failure.retry_after)
        if self._proxy is not None:
            self._web.proxies.rest(self._proxy)

    def _went_well(self) -> None:
        for turn in self._turns.values():
            turn.succeeded()
        self._turns.clear()
        if self._proxy is not None:
            self._web.proxies.worked(self._proxy)

    def _guard(self) -> None:
        while not self._web.stop.is_set() and self._clock.left > 0:
            if self._done.wait(min(_LOOK_UP, max(0.0, self._clock.left))):
                return
        self._over.set()
        self._interrupt()

    def _interrupt(self) -> None:
        for response in self._responses:
            with (
                suppress(OSError, ValueError, AttributeError),
                socket.socket(fileno=os.dup(response.fp.fileno())) as connection,
            ):
                connection.shutdown(socket.SHUT_RDWR)


def repeatedly(limits: FetchLimits, stop: StopSignal) -> tenacity.Retrying:
    """Calls what is given until it works, or fails for good, or has used up attempts and time.

    Waits in between with jitter, or as long as the server asked; `stop` ends a wait. A host that
    refuses is waited for when its turn is, by all who ask it.
    """
    jitter = tenacity.wait_exponential_jitter(limits.wait, limits.longest_wait, jitter=limits.wait)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, FetchError):
            return 0.0
        if error.reason is Reason.RATE_LIMITED:
            return 0.0
        return jitter(state) if error.retry_after is None else error.retry_after

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        wait=wait,
        # A wait that would pass the deadline is not begun.
        stop=tenacity.stop_after_attempt(limits.attempts)
        | tenacity.stop_before_delay(limits.deadline),
        sleep=tenacity.sleep_using_event(stop),
        reraise=True,
    )


def _may_pass(error: BaseException) -> bool:
    return (
        isinstance(error, FetchError)
        and not isinstance(error, NotAskedError)
        and error.reason in _PASSING
    )


@lru_cache(maxsize=1)
def _enabled(classes: tuple[type[InfoExtractor], ...]) -> dict[str, type[InfoExtractor]]:
    """Those of some extractors that are enabled, by key, in the same order."""
    return {each.ie_key(): each for each in classes if each._ENABLED}
