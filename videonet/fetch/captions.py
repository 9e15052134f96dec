"""Fetches the captions of a video: a look at its page, and one file more.

They come in the language of the video, by a person if there are any, else those that the site made.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

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
from videonet.text import encodable

# To be raised with every change to which captions are taken, and to how they are cleaned.
CAPTIONS_VERSION = 1

# Forms of captions that are read, the best first.
_FORMS = ("vtt", "srt")

# What YouTube adds to the language in which something was said, among those that it translates to.
_SPOKEN = "-orig"

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


class Track(NamedTuple):
    """Captions that a page offers."""

    language: str
    automatic: bool
    # yt-dlp's of the file
    file: Mapping[str, Any]


def fetch_captions(url: str, language: str | None, limits: FetchLimits, web: Web) -> Text | None:
    """The captions of the video whose page is at `url`; None: it has none.

    `language`: what else is known of it; the page's own word goes first. Raises FetchError when
    attempts or time are used up, Stopped when the run is to end.
    """
    clock, meter = Clock(limits.deadline), PageMeter(limits)

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
            info = _first(session.extract_info(url, download=False))
            track = chosen_track(info, language)
            if track is None:
                return None
            text = track.file.get("data")
            if not isinstance(text, str):
                text = decoded(session.read_file({**_asked_as(info), **track.file}))
        return _kept(track, text)

    with ExitStack() as stack:
        stack.enter_context(web.rate_limiter.download(host_of(url), float("inf")))
        stack.enter_context(web.downloads)
        clock.begin(limits.deadline)
        found: Text | None = repeatedly(limits, web.stop)(attempt)
    return found


def chosen_track(info: Mapping[str, Any], language: str | None = None) -> Track | None:
    """Of the captions that yt-dlp found on a page, those in the language of the video.

    Where nobody says what that is, it is the one in which the site has heard it, else that of the
    first that somebody has written.
    """
    written = list(_tracks(info.get("subtitles"), automatic=False))
    heard = list(_tracks(info.get("automatic_captions"), automatic=True))
    spoken = [each for each in heard if each.language.endswith(_SPOKEN)]
    said = info.get("language")
    wanted = said if isinstance(said, str) and said else language
    if not wanted:
        first = spoken or (heard if len(heard) == 1 else written)
        if not first:
            return None
        wanted = first[0].language
    wanted = wanted.removesuffix(_SPOKEN)
    for tracks in (written, spoken, heard):
        # "en" before "en-GB", where "en" is spoken, and the other way round.
        for same in (_is_same, _is_related):
            for track in tracks:
                if same(track.language.removesuffix(_SPOKEN), wanted):
                    return track._replace(language=track.language.removesuffix(_SPOKEN))
    return None


def decoded(data: bytes) -> str:
    """A file of captions as text: UTF-8, or UTF-16 that begins by saying so."""
    is_wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if is_wide else "utf-8-sig", "replace")


def text_of(language: str | None, automatic: bool | None, text: str) -> Text | None:
    """Captions as they are kept; None: there is nothing to read in `text`."""
    vtt = as_webvtt(cues_in(text))
    name = language and (encodable(language.strip()[:_LANGUAGE]) or None)
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


def _tracks(said: Any, *, automatic: bool) -> Iterator[Track]:
    """Those captions, by language in the page's order, that are in a form which is read."""
    for language, files in said.items() if isinstance(said, Mapping) else ():
        by_form = {
            each["ext"]: each
            for each in (files if isinstance(files, list) else ())
            if isinstance(each, Mapping) and each.get("ext") in _FORMS
        }
        form = next((each for each in _FORMS if each in by_form), None)
        if isinstance(language, str) and form is not None:
            yield Track(language, automatic, by_form[form])


def _asked_as(info: Mapping[str, Any]) -> dict[str, Any]:
    """What of a video holds for its captions, too."""
    return {name: info[name] for name in ("http_headers", "webpage_url") if info.get(name)}


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _is_related(one: str, other: str) -> bool:
    """Whether both are forms of one language, such as "pt" and "pt-BR"."""
    first, second = (each.casefold().replace("_", "-").split("-")[0] for each in (one, other))
    return first == second
