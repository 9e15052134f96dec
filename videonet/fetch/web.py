"""What all sessions of one run share: the pace of hosts, credentials, cookies and proxies."""

import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

from yt_dlp.cookies import YoutubeDLCookieJar

from videonet.fetch.allowed_hosts import PUBLIC_WEB, AllowedHosts
from videonet.fetch.caption_tracks import Offers
from videonet.fetch.connections import Lookups
from videonet.fetch.cookies import SitePolicy
from videonet.fetch.credentials import NO_CREDENTIALS, Credentials
from videonet.fetch.host_state import Pace
from videonet.fetch.proxies import ProxyPool
from videonet.fetch.rate_limit import RateLimiter
from videonet.fetch.ytdlp import SharedParts, check_yt_dlp
from videonet.stop_signal import StopSignal
from videonet.storage.objects import Objects


class Web:
    """How one run uses the web within one process."""

    def __init__(
        self,
        pace: Pace | None = None,
        credentials: Credentials = NO_CREDENTIALS,
        downloads: int | None = None,
        *,
        stop: StopSignal | None = None,
        lookups: Lookups | None = None,
        allowed_hosts: AllowedHosts = PUBLIC_WEB,
        shared: Objects | None = None,
        captions: bool = False,
    ) -> None:
        """`downloads`: the most at once from all hosts; None: no limit.

        `shared`: see `RateLimiter`. `captions`: whether those of videos are to be kept.

        `stop` ends every wait and every answer that takes long. `lookups`: what looks up names;
        None: this system. `allowed_hosts`: what may be asked.

        Raises UsageError for a yt-dlp that does not fit, and for cookies that cannot be read.
        """
        check_yt_dlp()
        self.stop = stop or StopSignal()
        self.rate_limiter = RateLimiter(pace or Pace(), stop=self.stop, shared=shared)
        self.downloads: AbstractContextManager[Any] = (
            threading.Semaphore(downloads) if downloads else nullcontext()
        )
        self.credentials = credentials
        self.redaction = credentials.redaction
        self.proxies = ProxyPool(credentials.proxies)
        self.shared = SharedParts()
        self.lookups = lookups or Lookups()
        self.allowed_hosts = allowed_hosts
        # what pages have offered of captions; None: nobody wants them
        self.offers = Offers() if captions else None

    @cached_property
    def cookies(self) -> YoutubeDLCookieJar:
        """The user's cookies, if any, read once. Sessions share the cookies that sites add.

        An extractor sets its cookies and logs in once in its life, which is longer than a session.
        """
        jar = self.credentials.cookie_jar() or YoutubeDLCookieJar()
        jar.set_policy(SitePolicy(jar))
        return jar
