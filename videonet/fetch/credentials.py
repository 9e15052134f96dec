"""What a user gives so that sites answer: cookies, proxies, and what else yt-dlp takes."""

import copy
import functools
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from yt_dlp.cookies import (
    SUPPORTED_BROWSERS,
    CookieLoadError,
    YoutubeDLCookieJar,
    load_cookies,
)
from yt_dlp.utils import parse_filesize

from videonet.errors import UsageError
from videonet.fetch.option_table import HEADER_VALUE
from videonet.fetch.proxies import flaw_of
from videonet.fetch.redaction import SHORTEST_SECRET, Redaction, secrets_in, secrets_in_url
from videonet.fetch.silence import silent_yt_dlp
from videonet.schemas.settings import AccessOptions


@dataclass(frozen=True)
class Credentials:
    """What a user gives so that a site answers. Never part of a plan, a record or a job graph.

    A run hands its credentials from function to function, so two runs in one process share none.
    """

    # Netscape cookies.txt
    cookies: Path | None = None
    # or the content of such a file
    cookie_text: str | None = field(default=None, repr=False)
    # as yt-dlp writes it: BROWSER[+KEYRING][:PROFILE][::CONTAINER]
    cookies_from_browser: str | None = field(default=None, repr=False)
    proxies: tuple[str, ...] = field(default=(), repr=False)
    user_agent: str | None = None
    # bytes a second, per connection; see `rate_of`
    rate_limit: int | None = None
    # further parameters of yt_dlp.YoutubeDL; see `options_of`
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("Credentials hold secrets: they do not leave their process")

    def check(self) -> None:
        """Raise UsageError for what cannot be used, cookies among it; nothing secret is shown."""
        self.cookie_jar()
        for number, proxy in enumerate(self.proxies, 1):
            flaw = flaw_of(proxy)
            if flaw is not None:
                raise UsageError(
                    f"--proxy number {number} {flaw}; write it as http://HOST:PORT or "
                    "socks5h://USER:PASSWORD@HOST:PORT."
                )
        if self.user_agent is not None and not re.match(HEADER_VALUE, self.user_agent):
            raise UsageError("--user-agent takes one line of Latin letters, and not an empty one.")

    def cookie_jar(self) -> YoutubeDLCookieJar | None:
        """The cookies of browser and file, those of the file last; None where neither is given.

        Always the same jar: it may be shared by sessions, and sites add to it. It has no file, so
        that yt-dlp cannot write to the user's. Raises UsageError.
        """
        return self._jar

    @functools.cached_property
    def _jar(self) -> YoutubeDLCookieJar | None:
        text = self.cookie_text
        if text is not None:
            _check_cookies(text, "cookies")
        elif self.cookies is not None:
            text = _text_of(self.cookies)
        elif self.cookies_from_browser is None:
            return None
        file = None if text is None else io.StringIO(text)
        browser = None if self.cookies_from_browser is None else _browser(self.cookies_from_browser)
        try:
            jar = load_cookies(file, browser, silent_yt_dlp({}))
        except CookieLoadError as error:
            said = Redaction().error_text(str(error.__context__))
            raise UsageError(
                f"--cookies-from-browser has none that can be read: {said}; write it as "
                "BROWSER[+KEYRING][:PROFILE][::CONTAINER], where BROWSER is one of "
                f"{', '.join(sorted(SUPPORTED_BROWSERS))}."
            ) from None
        if browser is not None and not len(jar):
            raise UsageError(
                f"{browser[0]} has no cookies that can be read here; log in with it, or give a "
                "file to --cookies."
            )
        jar.filename = None
        return jar

    def parameters(self, proxy: str | None) -> dict[str, Any]:
        """For one yt_dlp.YoutubeDL, which may change them: all but the cookies.

        Without a proxy, that of the environment is used.
        """
        parameters = copy.deepcopy(dict(self.options))
        if self.user_agent is not None:
            parameters["http_headers"] = {
                **parameters.get("http_headers", {}),
                "User-Agent": self.user_agent,
            }
        if self.rate_limit is not None:
            parameters["ratelimit"] = self.rate_limit
        if proxy is not None:
            parameters["proxy"] = proxy
        return parameters

    @functools.cached_property
    def redaction(self) -> Redaction:
        """Hides these secrets in texts. Reads the cookies, and so raises UsageError."""
        return Redaction(self.secrets())

    def secrets(self) -> frozenset[str]:
        """Every string that must appear nowhere. Reads the cookies, and so raises UsageError.

        Not what yt-dlp finds in a .netrc file, nor what sites add to the jar later.
        """
        # A cookie without a name has its value there.
        cookies = self._jar or ()
        values = {each.name if each.value is None else each.value for each in cookies}
        return frozenset(
            {
                *(value for value in values if len(value) >= SHORTEST_SECRET),
                *(secret for proxy in self.proxies for secret in secrets_in_url(proxy)),
                *secrets_in(self.options),
            }
        )


NO_CREDENTIALS = Credentials()


def credentials_from(given: AccessOptions, options: Mapping[str, Any]) -> Credentials:
    """The credentials that were given; `options` are the parameters of yt-dlp among them.

    Raises UsageError, which shows nothing secret.
    """
    return Credentials(
        cookies=None if given.cookies is None else Path(given.cookies),
        cookies_from_browser=given.cookies_from_browser,
        proxies=given.proxy,
        user_agent=given.user_agent,
        rate_limit=None if given.rate_limit is None else rate_of(given.rate_limit),
        options=options,
    )


def rate_of(text: str) -> int:
    """Bytes a second, from "500KB", "2MiB" or a number. Raises UsageError."""
    rate = int(text) if text.isdecimal() else parse_filesize(text)
    if not rate:
        raise UsageError(f"--rate-limit takes a size above 0, such as 500KB, and not {text!r}.")
    return int(rate)


# How a Netscape cookies.txt begins.
COOKIE_HEADERS = ("# Netscape HTTP Cookie File", "# HTTP Cookie File")

# As strict as the loader, which would print what it skips, secrets and all.
_COOKIE = re.compile(
    r"""(?:\.[^\t]*\tTRUE|[^.\t][^\t]*\tFALSE)  # host, and whether it stands for those below it
        \t[^\t]*\t[^\t]*                          # path, and whether it is for https alone
        \t(?:[0-9]{1,15}(?:\.[0-9]+)?)?           # when it ends, seconds since 1970
        \t[^\t]*\t[^\t]*                          # name and value""",
    re.VERBOSE,
)


def _text_of(file: Path) -> str:
    """The content of a Netscape cookies.txt. Raises UsageError, which shows nothing of it."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"--cookies {file} cannot be read ({error.strerror}); give a Netscape cookies.txt."
        ) from None
    except ValueError:
        raise UsageError(f"--cookies {file} is no text in UTF-8.") from None
    if not text.startswith(COOKIE_HEADERS):
        raise UsageError(
            f"--cookies {file} does not begin with the line '# Netscape HTTP Cookie File'; "
            "export the browser's cookies in Netscape's format (cookies.txt), not as JSON."
        )
    _check_cookies(text, f"--cookies {file}")
    return text


def _check_cookies(text: str, named: str) -> None:
    """Raise UsageError, which shows nothing of it, where a line is no cookie."""
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.removeprefix("#HttpOnly_")
        if entry.strip() and not entry.startswith("#") and not _COOKIE.fullmatch(entry):
            raise UsageError(
                f"{named}, line {number}, is no cookie (host, TRUE if that begins with a "
                "dot, path, TRUE for https alone, time, name and value, with tabs between)."
            )


def _browser(text: str) -> tuple[str, str | None, str | None, str | None]:
    """Name, profile, keyring and container, from BROWSER[+KEYRING][:PROFILE][::CONTAINER]."""
    rest, _, container = text.partition("::")
    rest, _, profile = rest.partition(":")
    name, _, keyring = rest.partition("+")
    return name.strip().lower(), profile or None, keyring.strip().upper() or None, container or None
