"""Pages are read in a process that is shut in before they are read here.

The regular expressions of yt-dlp can take days over a page of a few hundred kilobytes, and nothing
ends one: all threads of a process wait meanwhile. So a page, playlist or manifest goes through a
process first that may take so much memory and time, and is read here if that came to an end.

Extractors of known sites read several pages in an order of their own. So the same extractor works
there at the same time, one page ahead: it is given each answer before ours is.
"""

import atexit
import functools
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from xml.etree import ElementTree

import msgspec

from videonet.cage.cage import Cage, TaskError
from videonet.fetch.failure import FetchError
from videonet.fetch.page_messages import NO_ANSWER, Answer, Asked, Extraction, Page
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason

# So large that few honest pages meet them: a megabyte of HTML takes half a second, and a fragment
# that a manifest names 500 bytes. What is read here afterwards holds up the others as long.
_LIMITS = DecodeLimits(memory=1 << 30, seconds=10)
_CLOCK = 120.0

# Seconds for an extractor of a known site, which waits for its pages; and how often it may want
# what ours does not ask for before it is given up.
_EXTRACTION_CLOCK = 24 * 3600.0
_MOST_UNASKED = 20

_TASKS = "videonet.fetch.page_tasks"


class PageRehearsal:
    """Any thread may use it."""

    def __init__(self, limits: DecodeLimits = _LIMITS) -> None:
        """`limits` of what reading one page may take, or all that one extractor reads."""
        self._cage = Cage(_TASKS, limits, clock=_CLOCK)

    def close(self) -> None:
        """End all processes."""
        self._cage.close()

    def read(self, task: str, url: str, text: str) -> None:
        """Have a page read by a task of `page_tasks`. Raises FetchError if that does not end."""
        page = msgspec.msgpack.encode(Page(url, _encodable(text)))
        with _failing():
            for _ in self._cage.run(task, page):
                pass

    def begin(self, extractor: Any, url: str) -> "ExtractionRehearsal":
        """Have an extractor of yt-dlp do there what it is about to do here with an address."""
        given = Extraction(extractor.ie_key(), url, extractor.get_param("extractor_args") or {})
        begun = msgspec.msgpack.encode(given)
        return ExtractionRehearsal(self._cage.questions("extraction", begun, _EXTRACTION_CLOCK))

    def guard(self, extractor: Any) -> None:
        """Have an extractor of yt-dlp read nothing that was not read before."""
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
        if extractor.ie_key() != "Generic":
            extract = extractor.extract

            def rehearsed(url: str) -> Any:
                # That of the present session, to which an extractor may be handed on.
                extractor._downloader.rehearse(extractor, url)
                return extract(url)

            extractor.extract = rehearsed

    def _before(
        self, read: Callable[..., Any], told: Callable[[Any], tuple[str, str]]
    ) -> Callable[..., Any]:
        def rehearsed(what: Any, *arguments: Any, **named: Any) -> Any:
            self.read(*_with_url(*told(what)))
            return read(what, *arguments, **named)

        return rehearsed


class ExtractionRehearsal:
    """An extractor at work in a process that is shut in. All raise FetchError if that is ended."""

    def __init__(self, questions: Generator[bytearray, bytes, None]) -> None:
        """`questions` of the task `extraction`, which has not begun."""
        self._questions = questions
        # what it wants; None: it has come to its end
        self._wanted: Asked | None = None
        self._has_begun = False

    def close(self) -> None:
        """End it, wherever it is."""
        self._questions.close()

    def answered(self, asked: str, url: str, status: int, headers: Mapping[str, str]) -> None:
        """Give it the answer of the address `asked`, whose page is at `url`, before ours has it."""
        told = Answer(
            _encodable(url),
            status,
            tuple((_encodable(name), _encodable(value)) for name, value in headers.items()),
        )
        self._give(Asked(asked, is_body=False), told)

    def read(self, url: str, body: bytes) -> None:
        """Give it what the answer at an address holds, before ours reads it."""
        self._give(Asked(url, is_body=True), Answer(_encodable(url), body=body))

    def _give(self, to: Asked, answer: Answer) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._go_on(None)
        for _ in range(_MOST_UNASKED):
            if self._wanted is None:
                return
            if (self._wanted.is_body, _place(self._wanted.url)) == (to.is_body, _place(to.url)):
                self._go_on(msgspec.msgpack.encode(answer))
                return
            # Ours knows it already, or could not get it.
            self._go_on(msgspec.msgpack.encode(NO_ANSWER))

    def _go_on(self, answer: bytes | None) -> None:
        """Wait until it wants something."""
        self._wanted = None
        with _failing(), suppress(StopIteration):
            # The type of `send` leaves out that the first one is None.
            asked = self._questions.send(answer)  # type: ignore[arg-type]
            with suppress(msgspec.MsgspecError):
                self._wanted = msgspec.msgpack.decode(asked, type=Asked)


@contextmanager
def _failing() -> Iterator[None]:
    """Turns the end of a process into a FetchError."""
    try:
        yield
    except TaskError as error:
        said = str(error).replace("its decoder", "whoever read its page")
        raise FetchError(Reason.EXTRACTION, said) from error


def _place(url: str) -> str:
    """An address without what may be of a moment: times, numbers by chance."""
    return url.partition("#")[0].partition("?")[0]


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
