"""Which of the captions that a page offers are taken: those in the language of its video."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cachetools import LRUCache

# Forms of captions that are read, the best first.
_FORMS = ("vtt", "srt")

# How a file of captions comes that is one file. Others are lists of pieces, such as those of HLS.
_PLAIN = (None, "http", "https")

# Of so many videos between download and verdict.
_OFFERS = 1_000

# What YouTube adds to the language in which something was said, among those that it translates to.
_SPOKEN = "-orig"

# Where an address of YouTube says into which language it is to translate.
_TRANSLATED = "tlang"


class Track(NamedTuple):
    """Captions that a page offers."""

    language: str
    automatic: bool
    # yt-dlp's of the file
    file: Mapping[str, Any]


class Offers:
    """What pages that were read offer, by their addresses. Any thread may use it.

    A run that keeps captions reads the page of each video to download it. What the page says of
    captions is good for hours, so that it is not asked for again.
    """

    def __init__(self) -> None:
        self._tracks: LRUCache[str, Track | None] = LRUCache(_OFFERS)
        self._lock = Lock()

    def note(self, url: str, track: Track | None) -> None:
        """Take note of the captions to take of the video at `url`; None: it has none."""
        with self._lock:
            self._tracks[url] = track

    def take(self, url: str) -> list[Track | None]:
        """What was noted of a video, once; nothing: it is not known."""
        with self._lock:
            return [self._tracks.pop(url)] if url in self._tracks else []


def chosen_track(info: Mapping[str, Any], language: str | None = None) -> Track | None:
    """Of the captions that yt-dlp found on a page, those in the language of the video.

    Where nobody says what that is, it is the one in which the site has heard it, else that of the
    first that somebody has written. Where the site marks what it has heard, all others that it has
    made are translations, which are not taken.
    """
    written = list(_tracks(info.get("subtitles"), automatic=False))
    heard = list(_tracks(info.get("automatic_captions"), automatic=True))
    marked = [each for each in heard if each.language.endswith(_SPOKEN)]
    heard = marked or heard
    said = info.get("language")
    wanted = said if isinstance(said, str) and said else language
    if not wanted:
        first = heard if marked or len(heard) == 1 else written
        if not first:
            return None
        wanted = first[0].language
    wanted = wanted.removesuffix(_SPOKEN)
    for tracks in (written, heard):
        # "en" before "en-GB", where "en" is spoken, and the other way round.
        for same in (is_same_language, is_related_language):
            for track in tracks:
                name = track.language.removesuffix(_SPOKEN)
                if same(name, wanted):
                    file = {"http_headers": info.get("http_headers"), **track.file}
                    return Track(name, track.automatic, file)
    return None


def is_same_language(one: str, other: str) -> bool:
    """Whether two tags are the same, such as "pt-BR" and "pt_br"."""
    return _normal(one) == _normal(other)


def is_related_language(one: str, other: str) -> bool:
    """Whether both are forms of one language, such as "pt" and "pt-BR"."""
    return _normal(one).partition("-")[0] == _normal(other).partition("-")[0]


def _normal(tag: str) -> str:
    return tag.casefold().replace("_", "-")


def _tracks(said: Any, *, automatic: bool) -> Iterator[Track]:
    """Those captions, by language in the page's order, that are in a form which is read."""
    for language, files in said.items() if isinstance(said, Mapping) else ():
        by_form = {
            each["ext"]: each
            for each in (files if isinstance(files, list) else ())
            if isinstance(each, Mapping) and _is_read(each)
        }
        form = next((each for each in _FORMS if each in by_form), None)
        if isinstance(language, str) and form is not None:
            yield Track(language, automatic, by_form[form])


def _is_read(file: Mapping[str, Any]) -> bool:
    """Whether yt-dlp's file is one of captions as the site has them, in a form that is read."""
    is_form = file.get("ext") in _FORMS and file.get("protocol") in _PLAIN
    return is_form and not _is_translated(file.get("url"))


def _is_translated(url: Any) -> bool:
    """Whether a site translates what is at `url` when it is asked for."""
    try:
        return isinstance(url, str) and _TRANSLATED in parse_qs(urlsplit(url).query)
    except ValueError:  # it is no address
        return False
