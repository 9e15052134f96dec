"""The request that tells whether an address is a video itself, and whether it comes in ranges."""

import io
import re
from collections.abc import Callable, Mapping

from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import ExtractorError

# A file is begun with so many bytes: in a usual one the index, if it is in front, and some frames.
FIRST_BYTES = 1 << 17

# The answers of servers without ranges to a request for one.
NO_RANGES = frozenset({400, 405, 416, 501})

_BLOCK = 1 << 14  # bytes that are read at a time

_PAGE = re.compile(r"text/|.*(html|xml|json|mpegurl|javascript)", re.IGNORECASE)


class RangeProbe:
    """Asks for a range of the file where yt-dlp would ask whether an address is a video.

    The bytes of the range are kept, so no byte is sent twice.
    """

    def __init__(self, begin: int = 0, end: int | None = None) -> None:
        """`begin` and `end`: the first bytes of the file that are missing."""
        # addresses that gave no range
        self.refused: set[str] = set()
        self._begin = begin
        self._end = begin + FIRST_BYTES if end is None else min(end, begin + FIRST_BYTES)
        self._answers: dict[str, tuple[Response, bytes]] = {}

    def ask(self, url: str, request: Callable[[Mapping[str, str]], Response]) -> Response:
        """The answer that yt-dlp is to see.

        `request` asks with further headers. Raises what `request` raises.
        """
        if url in self._answers:
            return self._as_seen(url)
        try:
            response = request({"Range": f"bytes={self._begin}-{self._end - 1}"})
        except ExtractorError as error:
            if not isinstance(error.cause, HTTPError) or error.cause.status not in NO_RANGES:
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
            # The bytes that came are kept. `RemoteFile` finds that they are too few.
            if not data:
                raise
        response.close()
        self._answers[response.url] = response, bytes(data)
        return self._as_seen(response.url)

    def answer(self, url: str, begin: int) -> tuple[Response, int] | None:
        """The answer with the bytes of `url` from `begin` on, and the end of these bytes.

        None if they were not asked for.
        """
        if url not in self._answers or begin != self._begin:
            return None
        return self._as_seen(url), begin + len(self._answers[url][1])

    def _as_seen(self, url: str) -> Response:
        response, data = self._answers[url]
        return Response(io.BytesIO(data), url, dict(response.headers), response.status)
