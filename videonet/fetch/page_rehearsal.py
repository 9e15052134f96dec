"""Pages are read in a process that is shut in before they are read here.

The regular expressions of yt-dlp can take days over a page of a few hundred kilobytes, and nothing
ends one: all threads of a process wait meanwhile. So a page, playlist or manifest goes through a
process first that may take so much memory and time, and is read here if that came to an end.
"""

import atexit
import functools
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import msgspec

from videonet.cage.cage import Cage, TaskError
from videonet.fetch.failure import FetchError
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason

# So large that few honest pages meet them: a megabyte of HTML takes half a second, and a fragment
# that a manifest names 500 bytes. What is read here afterwards holds up the others as long.
_LIMITS = DecodeLimits(memory=1 << 30, seconds=10)
_CLOCK = 120.0

_TASKS = "videonet.fetch.page_tasks"


class PageRehearsal:
    """Any thread may use it."""

    def __init__(self) -> None:
        self._cage = Cage(_TASKS, _LIMITS, clock=_CLOCK)

    def close(self) -> None:
        """End all processes."""
        self._cage.close()

    def read(self, task: str, url: str, text: str) -> None:
        """Have a page read by a task of `page_tasks`. Raises FetchError if that does not end."""
        page = msgspec.msgpack.encode({"url": url, "text": _encodable(text)})
        try:
            for _ in self._cage.run(task, page):
                pass
        except TaskError as error:
            said = str(error).replace("its decoder", "whoever read its page")
            raise FetchError(Reason.EXTRACTION, said) from error

    def guard(self, extractor: Any) -> None:
        """Have an extractor of yt-dlp read no playlist and no manifest that was not read before."""
        if "_parse_mpd_periods" in vars(extractor):
            # It was guarded in an earlier session.
            return
        read_hls = extractor._parse_m3u8_formats_and_subtitles
        extractor._parse_m3u8_formats_and_subtitles = self._before(
            read_hls, lambda text: ("playlist", text)
        )
        for name in ("_parse_mpd_periods", "_parse_ism_formats_and_subtitles"):
            read = getattr(extractor, name)
            setattr(extractor, name, self._before(read, _as_text))

    def _before(
        self, read: Callable[..., Any], told: Callable[[Any], tuple[str, str]]
    ) -> Callable[..., Any]:
        def rehearsed(what: Any, *arguments: Any, **named: Any) -> Any:
            self.read(*_with_url(*told(what)))
            return read(what, *arguments, **named)

        return rehearsed


@functools.cache
def shared_rehearsal() -> PageRehearsal:
    """The one of this process: what it starts takes a second, and keeps nothing of any run."""
    rehearsal = PageRehearsal()
    atexit.register(rehearsal.close)
    return rehearsal


def _as_text(document: ElementTree.Element) -> tuple[str, str]:
    try:
        return "manifest", ElementTree.tostring(document, "unicode")
    except RecursionError as error:
        raise FetchError(Reason.EXTRACTION, "a manifest that is nested without end") from error


def _with_url(task: str, text: str) -> tuple[str, str, str]:
    return task, "http://localhost/", text


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
