"""A local web site that answers as YouTube does: searches, pages of videos, and their files.

    GET /search?q=WORDS&page=K        JSON: {"results": [...], "more": whether page K + 1 has any}
    GET /watch?v=ID                   JSON: {"playability": ..., "details": ..., "formats": [...]}
    GET /media/ID/FORMAT.EXT          the file, whole or in ranges
    GET /captions/ID/NAME             a file of captions, whatever is asked of it

The plug-in below `plugins/` is what makes yt-dlp read it.
"""

import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from demo.behaviours import Status
from demo.odd_files import truncate, write_page
from demo.server import Handler, Request, VideoServer
from tests.site.index import Index, by_words
from tests.site.pages import BOT_CHECK, UNAVAILABLE, entry, page
from tests.site.records import Condition, Format, SiteVideo

PACKETS = 5
"""Frames that can be decoded of a broken file."""


@dataclass(frozen=True)
class SiteRequest(Request):
    """One request, what it was for, and what it has been answered so far."""

    kind: str = "other"
    """One of "search", "page" (of a video), "media" (a file), "captions", "other"."""
    query: str | None = None
    """Of a search."""
    video: str | None = None
    """Id, of a page or a file."""
    headers: Mapping[str, str] = field(default_factory=dict)


class VideoSite:
    """Serves `videos` on 127.0.0.1, at a free port, while its `with` block lasts.

    A search finds at most `cap` videos, in pages of `page_size`; `index` says which, and in which
    order. Every answer waits `delay` seconds. All but the videos may be changed while it runs.
    """

    def __init__(
        self,
        videos: Iterable[SiteVideo],
        *,
        index: Index = by_words,
        page_size: int = 20,
        cap: int | None = None,
        delay: float = 0,
    ) -> None:
        self.videos = {video.id: video for video in videos}
        self.index = index
        self.page_size = page_size
        self.cap = cap
        self._lock = threading.Lock()
        self._underway: Counter[str | None] = Counter()
        self._most: Counter[str | None] = Counter()
        self._troubled: Counter[str] = Counter()
        self._refusal: Status | None = None
        self._patience = 0
        self._suspicious = False
        self._folder = TemporaryDirectory()
        # It finds no file by itself: the handler below does.
        self._server = VideoServer(
            Path(self._folder.name), delay=delay, handler=partial(_SiteHandler, self)
        )

    @property
    def address(self) -> str:
        """The site's url without a path: "http://127.0.0.1:40217"."""
        return self._server.address

    @property
    def delay(self) -> float:
        """Seconds that every answer waits."""
        return self._server.delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._server.delay = seconds

    def url(self, video: str) -> str:
        """The address of the page of a video, given its id."""
        return f"{self.address}/watch?v={video}"

    def found(self, query: str) -> list[SiteVideo]:
        """All results of a search, in order."""
        return list(self.index(list(self.videos.values()), query))[: self.cap]

    def requests(self, kind: str | None = None, video: str | None = None) -> list[SiteRequest]:
        """All requests so far in order of arrival, or those of a kind, or for a video's id.

        An entry never lags behind what a client has received.
        """
        return [
            request
            for request in self._server.requests()
            if isinstance(request, SiteRequest)
            and kind in (None, request.kind)
            and video in (None, request.video)
        ]

    def most_at_once(self, kind: str | None = None) -> int:
        """The highest number of requests, of one kind or of all, that were underway together."""
        with self._lock:
            return self._most[kind]

    def refuse(self, retry_after: int | None = None, status: int = 429) -> None:
        """Answer every request with `status` from now on; `retry_after` in seconds."""
        self.refuse_after(0, retry_after, status)

    def refuse_after(self, count: int, retry_after: int | None = None, status: int = 429) -> None:
        """Likewise, once `count` more requests have been answered."""
        with self._lock:
            self._refusal = Status(status, retry_after=retry_after)
            self._patience = count

    def suspect(self) -> None:
        """From now on take each client that asks for a page for a bot. Searches are as ever."""
        self._suspicious = True

    def relent(self) -> None:
        """Refuse and suspect no more."""
        self._refusal = None
        self._suspicious = False

    def __enter__(self) -> Self:
        """Begins to serve."""
        folder = Path(self._folder.name)
        write_page(folder / "page.html")
        broken = {
            each.file
            for video in self.videos.values()
            if video.condition is Condition.BROKEN_FILE and video.film
            for each in video.film.formats
            if each.vcodec != "none"
        }
        for file in broken:
            truncate(Path(shutil.copy(file, folder / file.name)), PACKETS)
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Breaks every connection; the port is free."""
        self._server.__exit__(*error)
        self._folder.cleanup()

    @contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        both: tuple[str | None, ...] = (kind, None)
        with self._lock:
            self._underway.update(both)
            self._most |= self._underway
        try:
            yield
        finally:
            with self._lock:
                self._underway.subtract(both)

    def _refuses(self) -> Status | None:
        """How to refuse the request that has just arrived, if it is to be refused."""
        with self._lock:
            if self._refusal is not None and self._patience > 0:
                self._patience -= 1
                return None
            return self._refusal

    def _troubles(self, video: SiteVideo) -> bool:
        """Whether a video's passing condition has not passed yet; counts one request more."""
        with self._lock:
            self._troubled[video.id] += 1
            return self._troubled[video.id] <= video.times

    def _file(self, video: SiteVideo, media: Format) -> Path:
        folder = Path(self._folder.name)
        match video.condition:
            case Condition.NOT_A_VIDEO:
                return folder / "page.html"
            case Condition.BROKEN_FILE if media.vcodec != "none":
                return folder / media.file.name
            case _:
                return media.file


class _SiteHandler(Handler):
    """The demo's, for how files are sent and requests are logged; what is sent is said here."""

    def __init__(self, videos: VideoSite, *args: Any) -> None:
        self._videos = videos
        super().__init__(*args)

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        url = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(url.query).items()}
        match url.path.split("/")[1:]:
            case ["search"]:
                kind, video, wanted = "search", None, ""
            case ["watch"]:
                kind, video, wanted = "page", asked.get("v"), ""
            case ["media" | "captions" as kind, video, wanted]:
                pass
            case _:
                kind, video, wanted = "other", None, ""
        request = SiteRequest(
            time.monotonic(),
            self.command,
            self.path,
            self.headers.get("Range"),
            kind=kind,
            query=asked.get("q"),
            video=video,
            headers=dict(self.headers.items()),
        )
        with self._videos._counted(kind):
            self.index, _ = self.site.arrive(request)
            refusal = self._videos._refuses()
            self.wait(self.site.delay)
            known = self._videos.videos.get(video or "")
            if refusal is not None:
                self.send_status(refusal.status, {"Retry-After": refusal.retry_after})
            elif kind == "search":
                self._send_search(asked.get("q", ""), int(asked.get("page", 1)))
            elif kind == "page":
                self._send_page(known)
            elif kind == "media" and known is not None:
                self._send_media(known, wanted)
            elif kind == "captions" and known is not None:
                self._send_captions(known, wanted)
            else:
                self.send_status(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 - likewise

    def _send_search(self, query: str, number: int) -> None:
        site = self._videos
        found = site.found(query)
        end = number * site.page_size
        results = [entry(video) for video in found[end - site.page_size : end]]
        self._send_json({"results": results, "more": end < len(found)})

    def _send_page(self, video: SiteVideo | None) -> None:
        site = self._videos
        if site._suspicious:
            self._send_json({"playability": BOT_CHECK})
            return
        if video is None:
            self._send_json({"playability": UNAVAILABLE})
            return
        troubled = not video.condition.passes or site._troubles(video)
        match video.condition:
            case Condition.RATE_LIMITED_THEN_FINE if troubled:
                self.send_status(HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": video.retry_after})
            case Condition.SERVER_ERROR_THEN_FINE if troubled:
                self.send_status(HTTPStatus.SERVICE_UNAVAILABLE)
            case _:
                self._send_json(page(video, site.address, troubled=troubled))

    def _send_media(self, video: SiteVideo, wanted: str) -> None:
        formats = video.film.formats if video.film else ()
        media = next((each for each in formats if f"{each.id}.{each.ext}" == wanted), None)
        if video.condition is Condition.MEDIA_FORBIDDEN:
            self.send_status(HTTPStatus.FORBIDDEN)
        elif media is None or video.condition is Condition.MEDIA_GONE:
            self.send_status(HTTPStatus.NOT_FOUND)
        else:
            self.send_file(self._videos._file(video, media), None)

    def _send_captions(self, video: SiteVideo, wanted: str) -> None:
        named = (each for each in video.captions if each.name == wanted)
        captions = next(named, None)
        if captions is None or captions.status != HTTPStatus.OK:
            self.send_status(captions.status if captions else HTTPStatus.NOT_FOUND)
            return
        self._send_whole(captions.text.encode(), "text/vtt")

    def _send_json(self, content: Mapping[str, Any]) -> None:
        self._send_whole(json.dumps(content).encode(), "application/json")

    def _send_whole(self, body: bytes, kind: str) -> None:
        headers = {"Content-Type": kind, "Content-Length": len(body)}
        self.send_headers(HTTPStatus.OK, headers)
        if self.command != "HEAD":
            self.site.answer(self.index, sent=len(body))
            self.wfile.write(body)
