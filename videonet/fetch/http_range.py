"""A file on a server, of which ranges are asked for as they are needed (RFC 9110, section 14)."""

from collections.abc import Callable
from typing import NamedTuple

from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import parse_http_range

from videonet.fetch.failure import FetchError
from videonet.fetch.range_probe import FIRST_BYTES, NO_RANGES, RangeProbe
from videonet.fetch.sparse_file import PartFile
from videonet.fetch.ytdlp import FileRequests
from videonet.schemas.reason import Reason

# Of a file that is no larger, what is missing is asked for at once: half a second at 1 MB/s, which
# two requests more may take as well.
_SMALL = 1 << 19

# Bytes that are asked for at least, at a place that was not expected.
_LEAST = 1 << 16

# Bytes that are asked for at most where a file is read on and on, and the share of the file that
# they are: the bytes that are read for nothing grow with the bytes that are asked for.
_MOST = 1 << 22
_SHARE = 16

# So near to its end, the rest of a file is its index: a share of the file, and bytes.
_TAIL_SHARE = 64
_TAIL = 1 << 17

# FFmpeg reads in blocks, so it reads some bytes more than it asked for.
_BEHIND = 1 << 15

# Bytes that are read at a time, more and more: of a block that breaks off, nothing is kept.
_BLOCK, _LARGEST_BLOCK = 1 << 14, 1 << 18


class NotInPartsError(Exception):
    """The server gives no parts of the file, or parts that do not belong together."""


class _Range(NamedTuple):
    """The bytes of a file that an answer gives: from `begin` to before `end`."""

    begin: int
    end: int
    size: int
    validator: str | None


class RemoteFile:
    """One file on a server, and its bytes that are local."""

    def __init__(
        self,
        requests: FileRequests,
        part: PartFile | None,
        begun: Callable[[int, str | None], PartFile],
        on_bytes: Callable[[int, int], None],
        probe: RangeProbe,
    ) -> None:
        """Continue `part`, or begin a new one.

        `begun` makes a part of a file of so many bytes with that validator. `on_bytes` is told how
        many bytes are local and how many the file has; it may raise.
        """
        self._requests = requests
        self._part = part
        self._begun, self._on_bytes = begun, on_bytes
        self._probe = probe
        # how many bytes are asked for where the file is read on
        self._ahead = FIRST_BYTES
        # end of the bytes that are expected to be read
        self._expected_end = 0

    @property
    def part(self) -> PartFile:
        """The bytes that are local; at first those of the beginning. Raises as `fill`."""
        if self._part is None:
            self._get(0, FIRST_BYTES)
        assert self._part is not None
        return self._part

    def prefetch_until(self, end: int) -> None:
        """Expect that the file will be read up to before this byte."""
        self._expected_end = end + _BEHIND

    def fill(self, begin: int, end: int) -> None:
        """Bring the missing ones of these bytes, and those that are likely to be read next.

        Raises NotInPartsError, and what yt-dlp and `on_bytes` raise.
        """
        part = self.part
        if part.size <= _SMALL:
            self.fill_all()
        for hole, until in list(part.holes(begin, end)):
            # Local bytes are not asked for again.
            _, stop = next(part.holes(hole, max(until, self._likely_end(part, hole))))
            self._get(hole, stop)

    def _likely_end(self, part: PartFile, begin: int) -> int:
        """The byte before which reading from `begin` on is likely to end."""
        if begin < self._expected_end:
            return self._expected_end
        if any(begin == end for _, end in part.spans):
            most = min(_MOST, max(_LEAST, part.size // _SHARE))
            self._ahead = min(2 * self._ahead, most)
            return begin + self._ahead
        if part.size - begin <= max(_TAIL, part.size // _TAIL_SHARE):
            return part.size
        return begin + _LEAST

    def fill_all(self) -> None:
        """Bring all missing bytes. Raises as `fill`."""
        part = self.part
        for begin, end in list(part.holes()):
            self._get(begin, end)

    def _get(self, begin: int, end: int) -> None:
        step = self._requests.most_bytes or end - begin
        while begin < end:
            begin = self._request(begin, min(end, begin + step))
            if self._part is not None:
                end = min(end, self._part.size)

    def _request(self, begin: int, end: int) -> int:
        """Ask for a range; the end of the bytes that came."""
        probed = self._probe.answer(self._requests.url, begin)
        response, end = probed or (self._ask(begin, end), end)
        with response:
            got = _range_in(response)
            if got is None or got.begin != begin:
                raise NotInPartsError
            # Some servers give more than they were asked for.
            got = got._replace(end=min(got.end, end))
            if self._part is None:
                self._on_bytes(0, got.size)
                self._part = self._begun(got.size, got.validator)
            elif (got.size, got.validator) != (self._part.size, self._part.validator):
                raise NotInPartsError
            self._receive(response, got)
        return got.end

    def _ask(self, begin: int, end: int) -> Response:
        try:
            return self._requests.ask(begin, end)
        except HTTPError as error:
            if error.status in NO_RANGES:
                raise NotInPartsError from error
            raise

    def _receive(self, response: Response, got: _Range) -> None:
        assert self._part is not None
        at, most = got.begin, _BLOCK
        while at < got.end and (block := response.read(min(most, got.end - at))):
            most = min(2 * most, _LARGEST_BLOCK)
            self._part.write(at, block)
            at += len(block)
            self._on_bytes(self._part.local_bytes, got.size)
            self._requests.slow_down(len(block))
        if at < got.end:
            # The connection may be broken because time is up; then `on_bytes` says so.
            self._on_bytes(self._part.local_bytes, got.size)
            raise FetchError(
                Reason.NETWORK, f"the connection ended at byte {at}, {got.end} were promised"
            )


def _range_in(response: Response) -> _Range | None:
    """The range that an answer gives; None where it is no range of a file of known size."""
    begin, last, size = parse_http_range(response.get_header("Content-Range"))
    encoded = response.get_header("Content-Encoding")
    if response.status != 206 or begin is None or last is None or not size or encoded:
        return None
    if not begin <= last < size:
        return None
    validator = response.get_header("ETag") or response.get_header("Last-Modified")
    return _Range(begin, last + 1, size, validator)
