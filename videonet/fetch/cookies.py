"""The cookies of one run: those that the user gave, and as many of the sites' as browsers take."""

from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any

from yt_dlp.cookies import YoutubeDLCookieJar

# What Chromium takes: characters of a cookie, cookies of one domain, cookies in all.
_LARGEST = 4096
_MOST_OF_DOMAIN = 180
_MOST = 3300


class SitePolicy(DefaultCookiePolicy):
    """Takes cookies from sites as long as they are small, and forgets the oldest of too many.

    The jar of a run lives for weeks, and each answer may set a hundred cookies of 64 kB. The
    cookies that the user gave are not asked about, and stay.
    """

    def __init__(self, jar: YoutubeDLCookieJar) -> None:
        super().__init__()
        self._jar = jar
        # domain, path and name of the cookies that were taken, the oldest first
        self._taken: dict[tuple[str, str, str], None] = {}

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        """Whether a cookie of an answer is to be kept. The jar holds its lock."""
        if len(cookie.name) + len(cookie.value or "") + len(cookie.path) > _LARGEST:
            return False
        if not super().set_ok(cookie, request):
            return False
        key = cookie.domain, cookie.path, cookie.name
        self._taken.pop(key, None)
        of_domain = [each for each in self._taken if each[0] == cookie.domain]
        if len(of_domain) >= _MOST_OF_DOMAIN:
            self._forget(of_domain[0])
        elif len(self._taken) >= _MOST:
            self._forget(next(iter(self._taken)))
        self._taken[key] = None
        return True

    def _forget(self, key: tuple[str, str, str]) -> None:
        del self._taken[key]
        self._jar.clear(*key)
        domain = key[0]
        if not any(each.domain == domain for each in self._jar):
            # What the jar keeps of a domain without cookies.
            self._jar.clear(domain)
