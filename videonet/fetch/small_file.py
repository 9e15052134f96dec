"""Fetches a small file that a user names by its address: bounded in bytes and in time."""

from urllib.parse import urljoin, urlsplit

import requests
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import RequestError

from videonet.errors import UsageError
from videonet.fetch.allowed_hosts import PUBLIC_WEB, AllowedHosts
from videonet.fetch.clock import Clock
from videonet.fetch.failure import FetchError
from videonet.fetch.limits import FetchLimits
from videonet.fetch.page_limits import PageMeter
from videonet.fetch.published_address import published
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.text import as_shown

# Seconds for all of a file.
_DEADLINE = 60.0


def read_small(
    url: str, most: int, allowed: AllowedHosts = PUBLIC_WEB, *, deadline: float = _DEADLINE
) -> bytes:
    """What is at an https address: at most so many bytes, unpacked, within `deadline` seconds.

    Plain http is taken of private hosts that are `allowed`: on the public web anybody on the way
    may have changed it. So it is with each address that redirections lead to. Raises UsageError for
    an address that may not be asked, does not answer, or has more.
    """
    _check(url, allowed)
    limits = FetchLimits(max_page_bytes=most, max_pages_bytes=most, deadline=deadline)
    steps = _Steps(limits, allowed)
    session = Session(Web(allowed_hosts=allowed), Clock(deadline), limits, {}, meter=steps)
    try:
        with session, session.outcome():
            data: bytes = session.urlopen(Request(url)).read()
    except FetchError as error:
        if steps.refused is not None:
            raise steps.refused from error
        raise UsageError(
            f"{as_shown(published(url))} cannot be read ({as_shown(str(error))}); see that the "
            "address is right, or download the file and give its path."
        ) from error
    return data


class _Steps(PageMeter):
    """Looks at where each redirection leads, before that is asked."""

    def __init__(self, limits: FetchLimits, allowed: AllowedHosts) -> None:
        super().__init__(limits)
        self._allowed = allowed
        # why a redirection was not followed
        self.refused: UsageError | None = None

    def on_answer(self, answer: requests.Response, **named: object) -> None:
        """Raise RequestError for a redirection that may not be followed, and note why."""
        super().on_answer(answer, **named)
        if not answer.is_redirect:
            return
        try:
            _check(urljoin(answer.url, answer.headers["location"]), self._allowed)
        except (UsageError, ValueError) as error:
            first = as_shown(published(answer.url))
            self.refused = UsageError(f"{first} leads elsewhere: {error}")
            raise RequestError(cause=error) from error


def _check(url: str, allowed: AllowedHosts) -> None:
    """Raise UsageError for an address that is not asked, or that a redirection may not lead to."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise UsageError(f"{as_shown(published(url))} is no address ({error}).") from error
    if parts.scheme == "https" and host:
        return
    is_private = bool(host) and PUBLIC_WEB.refusal(host, ()) is not None
    if parts.scheme != "http" or not is_private or allowed.refusal(host, ()) is not None:
        raise UsageError(
            f"{as_shown(published(url))} is no https address; give one, or the path of a file. "
            "Plain http is taken of private hosts alone, which --allow-private-hosts names."
        )
