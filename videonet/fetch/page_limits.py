"""How much is read of what is no video: pages, playlists, manifests, keys, headers of answers.

A server may send a page without an end, or a small one that unpacks to a giant. Whatever yt-dlp
reads whole lies in memory, so it is read block by block here, and counted as it is unpacked.
"""

from collections.abc import Callable

import requests
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import RequestError

from videonet.fetch.failure import FetchError
from videonet.fetch.limits import FetchLimits
from videonet.schemas.reason import Reason

# What is made of a line of a playlist takes as much memory as a page of so many bytes.
_LEAST_OF_LINE = 32

# Where Python splits text into lines.
_LINE_ENDS = (b"\n", b"\r", b"\v", b"\f", b"\x1c", b"\x1d", b"\x1e", b"\xc2\x85")

# Bytes that are unpacked at a time.
_BLOCK = 1 << 16


class PageMeter:
    """What was read of all pages of one candidate."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._total = 0
        # the first limit that was broken; yt-dlp may have gone on without the page
        self.failure: FetchError | None = None

    def count(self, received: int, of_page: int) -> None:
        """Take note of bytes of a page of which `of_page` bytes are known.

        Raises FetchError for a page, or for all of them, above its limit.
        """
        self._total += received
        most, most_in_all = self._limits.max_page_bytes, self._limits.max_pages_bytes
        if of_page > most:
            self._fail(f"a page of {of_page} bytes or more, the limit is {most}", one=of_page)
        if self._total > most_in_all:
            said = f"pages of {self._total} bytes or more in all, the limit is {most_in_all}"
            self._fail(said, all_of_them=self._total)

    def on_answer(self, answer: requests.Response, **_: object) -> None:
        """Take note of an answer's headers, and do not read what comes with a redirection.

        `requests` would read that whole. It calls this for every answer, and passes on to yt-dlp
        what is raised.
        """
        size = sum(len(name) + len(value) for name, value in answer.headers.items())
        try:
            self.count(size, size)
        except FetchError as error:
            answer.close()
            raise RequestError(cause=error) from error
        if answer.is_redirect:
            answer.raw.close()

    def _fail(self, said: str, *, one: int | None = None, all_of_them: int | None = None) -> None:
        failure = FetchError(Reason.PAGE_TOO_LARGE, said, page_bytes=one, pages_bytes=all_of_them)
        self.failure = self.failure or failure
        raise failure


class MeteredResponse(Response):
    """An answer of which no more is read than the limits allow."""

    def __init__(
        self,
        answer: Response,
        meter: PageMeter,
        *,
        of_video: bool,
        look: Callable[[str, bytes], None] = lambda _url, _page: None,
    ) -> None:
        """`of_video`: what is read in blocks is the video, which has a limit of its own.

        `look` sees what is read whole before anybody else; it may raise.
        """
        super().__init__(
            answer.fp, answer.url, answer.headers, answer.status, answer.reason, answer.extensions
        )
        self._answer = answer
        self._meter = meter
        self._look = look
        # The answer to a request for a range, which is never sent for a page.
        self._of_video = of_video or answer.status == 206
        self._read = 0
        self._lines = 0

    def read(self, amt: int | None = None) -> bytes:
        """At most `amt` bytes; None: all that are left.

        Raises what yt-dlp's answers raise, and FetchError for a page that is too large.
        """
        if amt is not None and amt >= 0 and self._of_video:
            block: bytes = self._answer.read(amt)
        else:
            is_whole = amt is None or amt < 0
            block = self._counted(None if is_whole else amt)
            if is_whole:
                self._look(self.url, block)
        if self._answer.closed:
            self.close()
        return block

    def close(self) -> None:
        """Close the connection."""
        self._answer.close()
        super().close()

    def _counted(self, left: int | None) -> bytes:
        blocks = []
        while left != 0 and (
            block := self._answer.read(_BLOCK if left is None else min(left, _BLOCK))
        ):
            blocks.append(block)
            self._read += len(block)
            self._lines += sum(map(block.count, _LINE_ENDS))
            try:
                self._meter.count(len(block), self._size)
            except FetchError:
                self.close()
                raise
            if left is not None:
                left -= len(block)
        return b"".join(blocks)

    @property
    def _size(self) -> int:
        """Bytes of the page, as far as they are known; for short lines, as if they were longer."""
        length = self.headers.get("Content-Length")
        packed = self.headers.get("Content-Encoding")
        announced = int(length) if length and not packed else 0
        return max(self._read, announced, self._lines * _LEAST_OF_LINE)
