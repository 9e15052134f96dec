"""A file on a server, of which stretches are asked for as they are needed (RFC 9110, section 14).

All goes through yt-dlp's own networking, so that cookies, headers and proxies hold.
"""

import io
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from yt_dlp.downloader import get_suitable_downloader
from yt_dlp.downloader.http import HttpFD
from yt_dlp.extractor.generic import GenericIE
from yt_dlp.networking import Request, Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import ExtractorError, parse_http_range

from videonet.fetch.failure import FetchError
from videonet.fetch.sparse_file import PartFile
from videonet.schemas.reason import Reason

# What a file is begun with, bytes: in a usual one the index, if it is in front, and some frames.
OPENING = 1 << 17

# Of a file that is no larger, what is missing is asked for at once: half a second at 1 MB/s, which
# two requests more may take as well.
_SMALL = 1 << 19

# What is asked for at a place that nobody foresaw, at least; and where a file is read on and on, at
# most: a share of the file, since what is read too much grows with what is asked for.
_LEAST = 1 << 16
_MOST = 1 << 22
_SHARE = 16

# So near to its end, the rest of a file is its index: a share of the file, and bytes.
_TAIL_SHARE = 64
_TAIL = 1 << 17

# FFmpeg reads in blocks, so that it has some bytes more than it has asked for.
_BEHIND = 1 << 15

# Bytes that are read at a time, more and more: of a block that breaks off, nothing is kept.
_BLOCK, _LARGEST_BLOCK = 1 << 14, 1 << 18

_PAGE = re.compile(r"text/|.*(html|xml|json|mpegurl|javascript)", re.IGNORECASE)


# What servers that do not take ranges may answer to who asks for one.
_NO_RANGES = frozenset({400, 405, 416, 501})


class NotInPartsError(Exception):
    """The server gives no parts of the file, or parts that do not belong together."""


class Session(Protocol):
    """What is needed of `videonet.fetch.ytdlp.Session`."""

    params: dict[str, Any]

    def urlopen(self, request: Any) -> Response:
        """The answer to a request."""
        ...

    def calc_headers(self, info: dict[str, Any]) -> Mapping[str, str]:
        """The headers with which a format is asked for."""
        ...


class _Stretch(NamedTuple):
    """What an answer gives of a file: bytes from `begin` to before `end`."""

    begin: int
    end: int
    size: int
    validator: str | None


class Opening:
    """The request by which yt-dlp looks whether an address is a video itself.

    A part of the file that is needed anyway is asked for, and kept: no byte is sent twice.
    """

    def __init__(self, begin: int = 0, end: int | None = None) -> None:
        """`begin` and `end`: the first stretch of the file that is not here."""
        # addresses that gave no part
        self.refused: set[str] = set()
        self._begin = begin
        self._end = begin + OPENING if end is None else min(end, begin + OPENING)
        self._answers: dict[str, tuple[Response, bytes]] = {}

    def ask(self, url: str, request: Callable[[Mapping[str, str]], Response]) -> Response:
        """What yt-dlp is to see; `request` asks, with further headers. Raises what that raises."""
        if url in self._answers:
            return self._as_seen(url)
        try:
            response = request({"Range": f"bytes={self._begin}-{self._end - 1}"})
        except ExtractorError as error:
            if not isinstance(error.cause, HTTPError) or error.cause.status not in _NO_RANGES:
                raise
            response = request({})
        if response.status != 206:
            self.refused |= {url, response.url}
            return response
        if _PAGE.match(response.get_header("Content-Type") or "text/html"):
            # A page says where the video is, and has to be read to its end.
            response.close()
            return request({})
        data = bytearray()
        left = self._end - self._begin
        try:
            while len(data) < left and (block := response.read(min(_BLOCK, left - len(data)))):
                data += block
        except TransportError:
            # What came is kept, and found to be too little by whoever uses it.
            if not data:
                raise
        response.close()
        self._answers[response.url] = response, bytes(data)
        return self._as_seen(response.url)

    def answer(self, url: str, begin: int) -> tuple[Response, int] | None:
        """What came of the file at `url`, from `begin` on, if that was asked for; and its end."""
        if url not in self._answers or begin != self._begin:
            return None
        return self._as_seen(url), begin + len(self._answers[url][1])

    def _as_seen(self, url: str) -> Response:
        response, data = self._answers[url]
        return Response(io.BytesIO(data), url, dict(response.headers), response.status)


class DirectIE(GenericIE):  # type: ignore[misc]
    """yt-dlp's extractor for any address. Where the session has an `opening`, it asks through it.

    To yt-dlp it is the generic one.
    """

    @classmethod
    def ie_key(cls) -> str:
        """The name that it is known by."""
        return "Generic"

    def _request_webpage(self, url: Any, *args: Any, headers: Any = None, **others: Any) -> Any:
        opening: Opening | None = self._downloader.opening
        ask = super()._request_webpage
        # The one request that does not want the answer compressed, for it may be a video.
        if opening is None or (headers or {}).get("Accept-Encoding") != "identity":
            return ask(url, *args, headers=headers, **others)
        return opening.ask(
            url, lambda further: ask(url, *args, headers={**headers, **further}, **others)
        )


def can_be_asked_in_parts(info: dict[str, Any], params: Mapping[str, Any]) -> bool:
    """Whether a format, as yt-dlp describes it, is one file behind one plain GET."""
    return (
        info.get("protocol") in {"http", "https"}
        and get_suitable_downloader(info, params) is HttpFD
        and not info.get("requested_formats")
        and not info.get("request_data")
        and not info.get("is_live")
    )


class RemoteFile:
    """One file on a server, and what is here of it."""

    def __init__(
        self,
        session: Session,
        info: dict[str, Any],
        part: PartFile | None,
        begun: Callable[[int, str | None], PartFile],
        arrived: Callable[[int, int], None],
        opening: Opening,
    ) -> None:
        """`info` is yt-dlp's of the format.

        `begun` makes a part of a file of so many bytes, with that validator, when there is none;
        `arrived` is told how many bytes are here, and how many the file has: it may raise.
        """
        self._session = session
        self._info = info
        self._part = part
        self._begun, self._arrived = begun, arrived
        self._opening = opening
        self._downloader = HttpFD(session, session.params)
        self._headers = dict(info.get("http_headers") or session.calc_headers(info))
        # Sites slow down who asks for more at once.
        chunk = session.params.get("http_chunk_size") or (info.get("downloader_options") or {}).get(
            "http_chunk_size"
        )
        self._longest = int(chunk) if chunk else None
        self._begin = time.time()
        self._received = 0
        # how much is asked for where the file is read on, and up to where that is foreseen
        self._ahead = OPENING
        self._foreseen = 0

    @property
    def part(self) -> PartFile:
        """What is here; the beginning, to begin with. Raises as `fill`."""
        if self._part is None:
            self._get(0, OPENING)
        assert self._part is not None
        return self._part

    def foresee(self, end: int) -> None:
        """Expect that the file will be read up to before this byte."""
        self._foreseen = end + _BEHIND

    def fill(self, begin: int, end: int) -> None:
        """Bring what is not here of these bytes, and what is likely to be read next.

        Raises NotInPartsError, and what yt-dlp and `arrived` raise.
        """
        part = self.part
        if part.size <= _SMALL:
            self.fill_all()
        for hole, until in list(part.holes(begin, end)):
            # What is here is not asked for again.
            _, stop = next(part.holes(hole, max(until, self._likely_end(part, hole))))
            self._get(hole, stop)

    def _likely_end(self, part: PartFile, begin: int) -> int:
        """Before which byte reading that has come to `begin` is likely to end."""
        if begin < self._foreseen:
            return self._foreseen
        if any(begin == end for _, end in part.spans):
            most = min(_MOST, max(_LEAST, part.size // _SHARE))
            self._ahead = min(2 * self._ahead, most)
            return begin + self._ahead
        if part.size - begin <= max(_TAIL, part.size // _TAIL_SHARE):
            return part.size
        return begin + _LEAST

    def fill_all(self) -> None:
        """Bring all that is not here. Raises as `fill`."""
        part = self.part
        for begin, end in list(part.holes()):
            self._get(begin, end)

    def _get(self, begin: int, end: int) -> None:
        step = self._longest or end - begin
        while begin < end:
            begin = self._request(begin, min(end, begin + step))
            if self._part is not None:
                end = min(end, self._part.size)

    def _request(self, begin: int, end: int) -> int:
        """Ask for a stretch; where what was got ends."""
        opened = self._opening.answer(self._info["url"], begin)
        response, end = opened or (self._ask(begin, end), end)
        with response:
            got = _stretch(response)
            if got is None or got.begin != begin:
                raise NotInPartsError
            # Some give more than they were asked for.
            got = got._replace(end=min(got.end, end))
            if self._part is None:
                self._arrived(0, got.size)
                self._part = self._begun(got.size, got.validator)
            elif (got.size, got.validator) != (self._part.size, self._part.validator):
                raise NotInPartsError
            self._receive(response, got)
        return got.end

    def _ask(self, begin: int, end: int) -> Response:
        asked = {"Accept-Encoding": "identity", "Range": f"bytes={begin}-{end - 1}"}
        headers = {**self._headers, **asked}
        extensions = {}
        impersonated = self._downloader._get_impersonate_target(self._info)
        if impersonated is not None:
            extensions["impersonate"] = impersonated
        try:
            return self._session.urlopen(
                Request(self._info["url"], headers=headers, extensions=extensions)
            )
        except HTTPError as error:
            if error.status in _NO_RANGES:
                raise NotInPartsError from error
            raise

    def _receive(self, response: Response, got: _Stretch) -> None:
        assert self._part is not None
        at, most = got.begin, _BLOCK
        while at < got.end and (block := response.read(min(most, got.end - at))):
            most = min(2 * most, _LARGEST_BLOCK)
            self._part.write(at, block)
            at += len(block)
            self._received += len(block)
            self._arrived(self._part.here, got.size)
            self._downloader.slow_down(self._begin, time.time(), self._received)
        if at < got.end:
            # It may have been us who broke the connection, because time is up.
            self._arrived(self._part.here, got.size)
            raise FetchError(
                Reason.NETWORK, f"the connection ended at byte {at}, {got.end} were promised"
            )


def _stretch(response: Response) -> _Stretch | None:
    """What an answer gives; None where it is not a part of a file of known size."""
    begin, last, size = parse_http_range(response.get_header("Content-Range"))
    encoded = response.get_header("Content-Encoding")
    if response.status != 206 or begin is None or last is None or not size or encoded:
        return None
    if not begin <= last < size:
        return None
    validator = response.get_header("ETag") or response.get_header("Last-Modified")
    return _Stretch(begin, last + 1, size, validator)
