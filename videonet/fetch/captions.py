"""Fetches the captions of a video: one file, and a look at its page if that was not read before.

They come in the language of the video, by a person if there are any, else those that the site made.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from videonet.fetch.caption_tracks import Track, chosen_track
from videonet.fetch.clock import Clock
from videonet.fetch.failure import FetchError
from videonet.fetch.formats import smallest_format
from videonet.fetch.limits import FetchLimits
from videonet.fetch.page_limits import PageMeter
from videonet.fetch.rate_limit import host_of
from videonet.fetch.retry import repeatedly
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.fetch.webvtt import as_webvtt, cues_in
from videonet.schemas.reason import Reason
from videonet.schemas.shown import printable

# To be raised with every change to which captions are taken, and to how they are cleaned.
CAPTIONS_VERSION = 2

# How a server answers where an address holds no more: the page has another one by now.
_EXPIRED = frozenset({Reason.REFUSED, Reason.UNAVAILABLE})

# Characters of the name of a language.
_LANGUAGE = 35


class Text(NamedTuple):
    """Captions as they are kept."""

    language: str | None
    automatic: bool | None
    vtt: str
    cues: int
    # whether they go on after that
    shortened: bool


def fetch_captions(url: str, language: str | None, limits: FetchLimits, web: Web) -> Text | None:
    """The captions of the video whose page is at `url`; None: it has none.

    `language`: what else is known of it; the page's own word goes first. Raises FetchError when
    attempts or time are used up, Stopped when the run is to end.
    """
    clock, meter = Clock(limits.deadline), PageMeter(limits)
    offered = [] if web.offers is None else web.offers.take(url)

    def attempt() -> Text | None:
        web.stop.check()
        options = {
            "format": smallest_format,
            # A page that shows nothing to this client may still have captions.
            "ignore_no_formats_error": True,
            "noplaylist": True,
            "playlist_items": "1",
        }
        session = Session(web, clock, limits, options, meter=meter)
        with session, session.outcome():
            if offered:
                (track,) = offered
            else:
                info = _first(session.extract_info(url, download=False))
                track = chosen_track(info, language)
            if track is None:
                return None
            text = track.file.get("data")
            if not isinstance(text, str):
                text = decoded(session.read_file(track.file))
        return _kept(track, text)

    def fetched() -> Text | None:
        try:
            return attempt()
        except FetchError as error:
            if not offered or error.reason not in _EXPIRED:
                raise
        offered.clear()
        return attempt()

    with ExitStack() as stack:
        stack.enter_context(web.rate_limiter.download(host_of(url), float("inf")))
        stack.enter_context(web.downloads)
        clock.begin(limits.deadline)
        found: Text | None = repeatedly(limits, web.stop)(fetched)
    return found


def decoded(data: bytes) -> str:
    """A file of captions as text: UTF-8, or UTF-16 that begins by saying so."""
    is_wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if is_wide else "utf-8-sig", "replace")


def text_of(language: str | None, automatic: bool | None, text: str) -> Text | None:
    """Captions as they are kept; None: there is nothing to read in `text`."""
    vtt = as_webvtt(cues_in(text))
    # A page may give a language any name.
    name = " ".join(printable(language or "").split())[:_LANGUAGE].strip() or None
    return Text(name, automatic, vtt.text, vtt.cues, vtt.shortened) if vtt.cues else None


def _kept(track: Track, text: str) -> Text | None:
    found = text_of(track.language, track.automatic, text)
    if found is None and text.strip() and not text.lstrip("\ufeff").startswith("WEBVTT"):
        raise FetchError(Reason.UNSUPPORTED, "its captions are neither WebVTT nor SubRip")
    return found


def _first(info: Any) -> Mapping[str, Any]:
    """What yt-dlp found, or the first of it where that is a list."""
    entries = info.get("entries") if isinstance(info, Mapping) else None
    first = next(iter(entries), None) if entries is not None else info
    return first if isinstance(first, Mapping) else {}
