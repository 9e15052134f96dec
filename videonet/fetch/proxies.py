"""The proxies that requests go through in turn, and how a bad proxy is recognised."""

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

from yt_dlp.networking.exceptions import HTTPError, ProxyError, RequestError, TransportError
from yt_dlp.socks import Socks5Error
from yt_dlp.utils import DownloadError, ExtractorError

SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

# A proxy that was bad many times in a row is tried once an hour, seconds.
LONGEST_REST = 3600.0

# What a SOCKS5 proxy says of a site that it cannot reach (RFC 1928, section 6).
_SITE_IS_AWAY = frozenset({0x03, 0x04, 0x05, 0x06})


class ProxyPool:
    """Proxies that take turns. One a run and process, for all of its threads.

    A bad proxy rests for `rest` seconds, twice as long each time in a row, up to an hour.
    """

    def __init__(
        self,
        proxies: Sequence[str],
        *,
        rest: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._lock = Lock()
        self._turns = 0
        self._standings = {proxy: _Standing(pause=rest) for proxy in proxies}

    def take(self) -> str | None:
        """The proxy that was taken least recently of those that do not rest; None without proxies.

        If all rest, it is the proxy whose rest ends first.
        """
        with self._lock:
            if not self._standings:
                return None
            now = self._clock()

            def waits(proxy: str) -> tuple[float, int]:
                each = self._standings[proxy]
                return max(each.until, now), each.turn

            chosen = min(self._standings, key=waits)
            self._turns += 1
            standing = self._standings[chosen]
            standing.turn = self._turns
            standing.taken = True
            return chosen

    def rest(self, proxy: str) -> None:
        """`proxy` was bad.

        A failure of a request that took it before its rest began tells nothing new.
        """
        with self._lock:
            standing = self._standings[proxy]
            if standing.taken:
                standing.until = self._clock() + standing.pause
                standing.pause = min(2 * standing.pause, max(LONGEST_REST, self._rest))
                standing.taken = False

    def worked(self, proxy: str) -> None:
        """`proxy` was good: its next rest is a short one again.

        A success of a request that took it before its last rest began does not count.
        """
        with self._lock:
            standing = self._standings[proxy]
            if standing.taken:
                standing.pause = self._rest


@dataclass
class _Standing:
    """What is known of a proxy."""

    # how long it rests when it is bad the next time, seconds
    pause: float
    # when its rest ends, on the pool's clock
    until: float = -math.inf
    # number of the last turn it was taken in
    turn: int = 0
    # whether it was taken since its last rest began
    taken: bool = True


def is_proxy_fault(error: BaseException) -> bool:
    """Whether `error`, of a request through a proxy, shows that the proxy is bad.

    A bad proxy cannot be reached, breaks off, or refuses the request. A proxy that says that the
    site is away is not bad. Nor is one whose failure may be the site's: a proxy for http that stays
    silent, breaks off within TLS, or answers 503 in its own name to a request for http.
    """
    for each in _causes(error):
        match each:
            case HTTPError(status=407):
                return True
            case ProxyError():
                return not any(_blames_the_site(cause) for cause in _causes(each))
            # A connection to the proxy itself; yt-dlp tells other failures of SOCKS apart.
            case TransportError() if re.search("SocksHTTPS?Connection", str(each)):
                return True
    return False


def _blames_the_site(error: BaseException) -> bool:
    if isinstance(error, Socks5Error):
        return error.errno in _SITE_IS_AWAY
    return re.search("Tunnel connection failed: 50[24]", str(error)) is not None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """`error`, and what led to it, as yt-dlp and Python remember it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        cause: object = None
        if isinstance(error, DownloadError):
            cause = error.exc_info and error.exc_info[1]
        elif isinstance(error, ExtractorError | RequestError):
            cause = error.cause
        # An error that was raised from another one hides its context.
        context = None if error.__suppress_context__ else error.__context__
        error = cause if isinstance(cause, BaseException) else error.__cause__ or context


def flaw_of(url: str) -> str | None:
    """What is wrong with a proxy's url, in words that show nothing of it; None if nothing is."""
    if not url.isprintable() or " " in url:
        return "contains blanks or control characters"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "has a host or port that cannot be read; " + _ENCODE
    if parts.scheme not in SCHEMES or "://" not in url:
        return f"does not begin with one of {', '.join(f'{each}://' for each in SCHEMES)}"
    if not host or port == 0:
        return "names no host, or port 0"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "goes on after host and port; " + _ENCODE
    return None


_ENCODE = "in a user name or password, write / as %2F, ? as %3F, # as %23, : as %3A and @ as %40"
