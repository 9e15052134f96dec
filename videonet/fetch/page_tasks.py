"""What a process does that reads a page before anybody else: it is shut in, and asks nothing.

yt-dlp looks through a page with thousands of patterns, some of which take time that grows with the
square of the page's length, and makes of a manifest of a few lines as many fragments as it names.
"""

import io
import time
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import msgspec
import yt_dlp
from yt_dlp.downloader.hls import HlsFD
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.extractor.generic import GenericIE
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import parse_m3u8_attributes

from videonet.cage.server import Ask
from videonet.fetch.page_messages import Answer, Asked, Extraction, Page
from videonet.fetch.silence import SILENCE


class _Offline(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """yt-dlp that has one page, once; or whose parent is told what it wants."""

    page: Page | None = None
    ask: Ask | None = None

    def urlopen(self, request: Any) -> Response:
        if self.ask is not None:
            url = request if isinstance(request, str) else request.url
            return _answered(_wanted(self.ask, url, is_body=False), self.ask)
        page, self.page = self.page, None
        if page is None:
            raise TransportError("not asked")
        body = io.BytesIO(page.text.encode("utf-8", "replace"))
        return Response(body, page.url, {"Content-Type": "text/html; charset=utf-8"})

    def _impersonate_target_available(self, _: object) -> bool:
        return False


class _Body(io.RawIOBase):
    """What an answer holds; the parent has it when its own extractor reads it."""

    def __init__(self, url: str, ask: Ask) -> None:
        self._url, self._ask = url, ask
        self._data: io.BytesIO | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._data is None:
            self._data = io.BytesIO(_wanted(self._ask, self._url, is_body=True).body)
        return self._data.read(size)


def _wanted(ask: Ask, url: str, *, is_body: bool) -> Answer:
    """What the parent has of an address. Raises TransportError if it has nothing."""
    told = ask(msgspec.msgpack.encode(Asked(url, is_body)))
    answer = msgspec.msgpack.decode(told, type=Answer | None)
    if answer is None:
        raise TransportError("not asked")
    return answer


def _answered(answer: Answer, ask: Ask) -> Response:
    """An answer as yt-dlp has them. Raises HTTPError where yt-dlp does."""
    body = _Body(answer.url, ask)
    response = Response(body, answer.url, dict(answer.headers), status=answer.status)
    if not 200 <= answer.status < 300:
        raise HTTPError(response)
    return response


def page(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:  # noqa: ARG001
    """Look through a page as yt-dlp does for any address."""
    _SESSION.page = msgspec.msgpack.decode(arguments, type=Page)
    url = _SESSION.page.url
    _tried(lambda: _SESSION.get_info_extractor("Generic")._real_extract(url))
    yield b"read"


def extraction(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:  # noqa: ARG001
    """Do what an extractor does with an address, up to the first entry of a list."""
    given = msgspec.msgpack.decode(arguments, type=Extraction)
    _SESSION.ask = ask
    _SESSION.params["extractor_args"] = given.arguments

    def read() -> None:
        found = _SESSION.get_info_extractor(given.key).extract(given.url)
        next(iter((found or {}).get("entries") or ()), None)

    _tried(read)
    yield b"read"


def playlist(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:  # noqa: ARG001
    """Read a playlist of HLS."""
    given = msgspec.msgpack.decode(arguments, type=Page)
    _tried(lambda: _ANY._parse_m3u8_formats_and_subtitles(given.text, given.url))
    yield b"read"


def segments(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:  # noqa: ARG001
    """Read a playlist of HLS as it is read when its segments are downloaded."""
    text = msgspec.msgpack.decode(arguments, type=Page).text

    def read() -> None:
        HlsFD.can_download(text, {})
        for line in map(str.strip, text.splitlines()):
            if line.startswith(("#EXT-X-MAP", "#EXT-X-KEY")):
                parse_m3u8_attributes(line[11:])

    _tried(read)
    yield b"read"


def manifest(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:  # noqa: ARG001
    """Read a manifest of DASH, or of Smooth Streaming."""
    given = msgspec.msgpack.decode(arguments, type=Page)

    def read() -> None:
        document = ElementTree.fromstring(given.text)  # noqa: S314  # this process is made for it
        if document.tag == "SmoothStreamingMedia":
            _ANY._parse_ism_formats_and_subtitles(document, given.url)
        else:
            _ANY._parse_mpd_periods(document, mpd_url=given.url)

    _tried(read)
    yield b"read"


def _tried(read: Any) -> None:
    """Read something. What is wrong with it, whoever reads it next says as well."""
    try:
        read()
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error.__cause__ or error.__context__, MemoryError):
            raise MemoryError from error


def _tolerant(cls: type[InfoExtractor], *arguments: Any) -> Iterator[Any]:
    """What an extractor finds in a page; where it would ask something, nothing more."""
    try:
        yield from _found_in_page(cls, *arguments)
    except (MemoryError, GenericIE.StopExtraction):
        raise
    except Exception:  # noqa: BLE001  # those after it are to have their turn
        return


_found_in_page = InfoExtractor.extract_from_webpage.__func__  # type: ignore[attr-defined]
_SESSION = _Offline(
    {
        "logger": SILENCE,
        "cachedir": False,
        "plugin_dirs": [],
        "geo_bypass": False,
        # It could start no program.
        "js_runtimes": {},
    }
)
_ANY = InfoExtractor(_SESSION)


def warm_up() -> None:
    """Do all of this once: a process that is shut in can load no code."""
    InfoExtractor.extract_from_webpage = classmethod(_tolerant)
    # Where an extractor waits a while before it asks, its parent waits, too.
    time.sleep = lambda _: None
    encode = msgspec.msgpack.encode
    for text in ("<html><video src=v.mp4></video></html>", "<MPD></MPD>", "<html>nothing</html>"):
        list(page(encode(Page("http://localhost/", text)), (), lambda _: b""))
    list(playlist(encode(Page("http://localhost/", "#EXTM3U\n#EXTINF:1,\nv\n")), (), lambda _: b""))
    key = "#EXTM3U\n#EXT-X-KEY:METHOD=NONE\nv\n"
    list(segments(encode(Page("http://localhost/", key)), (), lambda _: b""))
    list(manifest(encode(Page("http://localhost/", "<MPD/>")), (), lambda _: b""))
    none = encode(None)
    begun = Extraction("Vimeo", "https://vimeo.com/1", {})
    list(extraction(encode(begun), (), lambda _: none))
    _SESSION.ask = None
