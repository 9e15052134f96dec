"""Asks whether a video is still where it was, and under which licence: its page, or a few bytes."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from videonet.fetch.clock import Clock
from videonet.fetch.formats import smallest_format
from videonet.fetch.limits import FetchLimits
from videonet.fetch.page_limits import PageMeter
from videonet.fetch.range_probe import RangeProbe
from videonet.fetch.rate_limit import host_of
from videonet.fetch.retry import repeatedly
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.text import encodable

# Of a file that is a video itself, enough for yt-dlp to tell that it is one, bytes.
_FIRST_BYTES = 4_096

# As records keep a licence, characters: see `videonet.fetch.attempt`.
_LICENCE = 200


def licence_now(url: str, limits: FetchLimits, web: Web) -> str | None:
    """The licence that a video's page states now; "": none; None: it is a file without a page.

    Nothing is downloaded. Raises FetchError where the video cannot be had, with a reason that tells
    what is gone from what is out of reach; Stopped when the work is to end.
    """
    clock, meter = Clock(limits.deadline), PageMeter(limits)

    def attempt() -> str | None:
        web.stop.check()
        options = {"format": smallest_format, "noplaylist": True, "playlist_items": "1"}
        probe = RangeProbe(0, _FIRST_BYTES)
        session = Session(web, clock, limits, options, probe, meter=meter)
        with session, session.outcome():
            info = session.extract_info(url, download=False)
        return _licence(info)

    with ExitStack() as stack:
        stack.enter_context(web.rate_limiter.download(host_of(url), float("inf")))
        stack.enter_context(web.downloads)
        clock.begin(limits.deadline)
        found: str | None = repeatedly(limits, web.stop)(attempt)
    return found


def _licence(info: Any) -> str | None:
    entries = info.get("entries") if isinstance(info, Mapping) else None
    first = next(iter(entries), None) if entries is not None else info
    if not isinstance(first, Mapping) or first.get("direct"):
        return None
    return encodable(str(first.get("license") or ""))[:_LICENCE]
