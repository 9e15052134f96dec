"""What a process does that reads a page before anybody else: it is shut in, and asks nothing.

yt-dlp looks through a page with thousands of patterns, some of which take time that grows with the
square of the page's length, and makes of a manifest of a few lines as many fragments as it names.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import msgspec
import yt_dlp
from yt_dlp.downloader.hls import HlsFD
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.extractor.generic import GenericIE
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.utils import parse_m3u8_attributes

from videonet.cage.server import Ask
from videonet.fetch.silence import SILENCE


class Page(msgspec.Struct, frozen=True):
    """What a server gave, as text."""

    url: str
    text: str


class _Offline(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """yt-dlp that has one page, once."""

    page: Page | None = None

    def urlopen(self, _: object) -> Response:
        page, self.page = self.page, None
        if page is None:
            raise TransportError("not asked")
        body = io.BytesIO(page.text.encode("utf-8", "replace"))
        return Response(body, page.url, {"Content-Type": "text/html; charset=utf-8"})


def page(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:  # noqa: ARG001
    """Look through a page as yt-dlp does for any address."""
    _SESSION.page = msgspec.msgpack.decode(arguments, type=Page)
    url = _SESSION.page.url
    _tried(lambda: _SESSION.get_info_extractor("Generic")._real_extract(url))
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
_SESSION = _Offline({"logger": SILENCE, "cachedir": False, "plugin_dirs": []})
_ANY = InfoExtractor(_SESSION)


def warm_up() -> None:
    """Do all of this once: a process that is shut in can load no code."""
    InfoExtractor.extract_from_webpage = classmethod(_tolerant)
    encode = msgspec.msgpack.encode
    for text in ("<html><video src=v.mp4></video></html>", "<MPD></MPD>", "<html>nothing</html>"):
        list(page(encode(Page("http://localhost/", text)), (), lambda _: b""))
    list(playlist(encode(Page("http://localhost/", "#EXTM3U\n#EXTINF:1,\nv\n")), (), lambda _: b""))
    key = "#EXTM3U\n#EXT-X-KEY:METHOD=NONE\nv\n"
    list(segments(encode(Page("http://localhost/", key)), (), lambda _: b""))
    list(manifest(encode(Page("http://localhost/", "<MPD/>")), (), lambda _: b""))
