"""Fetches a small file that a user names by its address: bounded in bytes and in time."""

from urllib.parse import urlsplit

from yt_dlp.networking import Request

from videonet.errors import UsageError
from videonet.fetch.allowed_hosts import PUBLIC_WEB, AllowedHosts
from videonet.fetch.clock import Clock
from videonet.fetch.failure import FetchError
from videonet.fetch.limits import FetchLimits
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
    may have changed it. Raises UsageError for an address that may not be asked, does not answer, or
    has more.
    """
    _check(url, allowed)
    limits = FetchLimits(max_page_bytes=most, max_pages_bytes=most, deadline=deadline)
    session = Session(Web(allowed_hosts=allowed), Clock(deadline), limits, {})
    try:
        with session, session.outcome():
            response = session.urlopen(Request(url))
            _check(response.url, allowed)
            data: bytes = response.read()
    except FetchError as error:
        raise UsageError(
            f"{as_shown(published(url))} cannot be read ({as_shown(str(error))}); see that the "
            "address is right, or download the file and give its path."
        ) from error
    return data


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
