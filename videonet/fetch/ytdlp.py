"""The adapter to yt-dlp: no file but this one and `handlers` uses one of its private names.

`check_yt_dlp` says at the start of a run whether the installed yt-dlp still has these names.
"""

import inspect
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache, partial
from http.cookiejar import CookieJar
from typing import Any, NoReturn

import requests
import yt_dlp
from yt_dlp.networking import Request, Response
from yt_dlp.networking.exceptions import HTTPError, RequestError, TransportError

from videonet.errors import UsageError
from videonet.fetch.connections import Connections
from videonet.fetch.failure import FetchError
from videonet.fetch.javascript import runtimes
from videonet.fetch.limits import FetchLimits
from videonet.fetch.page_limits import MeteredResponse, PageMeter
from videonet.fetch.page_rehearsal import ExtractionRehearsal, PageRehearsal, shared_rehearsal
from videonet.fetch.range_probe import RangeProbe
from videonet.fetch.silence import SILENCE
from videonet.files import cache_folder
from videonet.schemas.reason import Reason

# The versions of yt-dlp with which the tests passed. Others may work as well: see `check_yt_dlp`.
TRIED = ("2026.08.19", "2026.10.21", "2026.10.26")


def _unfit(what: str) -> NoReturn:
    raise UsageError(
        f"yt-dlp {yt_dlp.version.__version__} does not fit this videonet ({what}); install a "
        f"version that is known to fit ({', '.join(TRIED)}), or a newer videonet."
    )


try:
    from yt_dlp.downloader import get_suitable_downloader
    from yt_dlp.downloader.http import HttpFD
    from yt_dlp.extractor import gen_extractor_classes
    from yt_dlp.extractor.common import InfoExtractor
    from yt_dlp.extractor.generic import GenericIE
    from yt_dlp.networking import RequestDirector, RequestHandler
    from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor
    from yt_dlp.utils import KNOWN_EXTENSIONS

    from videonet.fetch import handlers
except ImportError as error:
    _unfit(error.msg.partition(" (")[0])

# The downloaders of yt-dlp that ask through `YtDlp.urlopen`. Others start a program that has a
# network of its own (ffmpeg, rtmpdump), or open a WebSocket.
_DOWNLOADERS = frozenset(
    {
        *("HttpFD", "HlsFD", "DashSegmentsFD", "IsmFD", "F4mFD", "MhtmlFD"),
        *("BunnyCdnFD", "SoopVodFD"),
    }
)

# Pages that lead one to the next, as browsers follow redirections (the Fetch standard's limit).
_MOST_STEPS = 20

# A length that a program can count with, in bytes.
_NUMBER = re.compile(r"\s*[0-9]{1,18}\s*", re.ASCII)

# Functions of yt-dlp that are private, or that yt-dlp calls and does not document. Of the arguments
# that they must take: the number of those by position, with the object, and the names of others.
_FUNCTIONS: tuple[tuple[Any, str, int, tuple[str, ...]], ...] = (
    *handlers.FUNCTIONS,
    (yt_dlp.YoutubeDL, "_calc_headers", 2, ()),
    (yt_dlp.YoutubeDL, "_forceprint", 3, ()),
    (yt_dlp.YoutubeDL, "add_default_info_extractors", 1, ()),
    (yt_dlp.YoutubeDL, "add_info_extractor", 2, ()),
    (yt_dlp.YoutubeDL, "build_request_director", 2, ()),
    (yt_dlp.YoutubeDL, "dl", 5, ()),
    (yt_dlp.YoutubeDL, "extract_info", 2, ()),
    (yt_dlp.YoutubeDL, "process_info", 2, ()),
    (yt_dlp.YoutubeDL, "urlopen", 2, ()),
    (RequestHandler, "_make_sslcontext", 1, ("legacy_ssl_support",)),
    (InfoExtractor, "ie_key", 0, ()),
    (GenericIE, "_generic_id", 1, ()),
    (GenericIE, "_webpage_read_content", 4, ("prefix",)),
    (GenericIE, "_parse_m3u8_formats_and_subtitles", 3, ()),
    (GenericIE, "_parse_mpd_periods", 2, ("mpd_url",)),
    (GenericIE, "_parse_ism_formats_and_subtitles", 3, ()),
    (GenericIE, "_request_webpage", 3, ("headers",)),
    (GenericIE, "_extract_m3u8_formats_and_subtitles", 3, ("headers",)),
    (GenericIE, "_extract_f4m_formats", 3, ("headers",)),
    (HttpFD, "_get_impersonate_target", 2, ()),
    (HttpFD, "slow_down", 4, ()),
    (yt_dlp.downloader, "get_suitable_downloader", 2, ()),
    (yt_dlp.extractor, "gen_extractor_classes", 0, ()),
)

# Attributes of the same kinds: what has them, and their types.
_ATTRIBUTES: tuple[tuple[Callable[[], Any], str, type], ...] = (
    *handlers.ATTRIBUTES,
    (lambda: yt_dlp.YoutubeDL, "cookiejar", object),
    (lambda: yt_dlp.YoutubeDL({"logger": SILENCE}, auto_init=False), "_ies", dict),
    (lambda: yt_dlp.YoutubeDL({"logger": SILENCE}, auto_init=False), "_ies_instances", dict),
    (lambda: RequestDirector(logger=SILENCE), "handlers", dict),
    (lambda: FFmpegPostProcessor, "_ffmpeg_location", ContextVar),
    (lambda: InfoExtractor, "_ENABLED", bool),
    (InfoExtractor, "_downloader", object),
)


def check_yt_dlp() -> None:
    """Raise UsageError if the installed yt-dlp lacks a name that this file uses, or changed it."""
    for owner, name, positions, names in _FUNCTIONS:
        try:
            signature = inspect.signature(getattr(owner, name))
            signature.bind(*[None] * positions, **dict.fromkeys(names))
        except (AttributeError, TypeError):
            _unfit(f"{owner.__name__}.{name} is missing, or takes other arguments")
    for make, name, kind in _ATTRIBUTES:
        try:
            fits = isinstance(getattr(make(), name), kind)
        except (AttributeError, TypeError):
            fits = False
        if not fits:
            _unfit(f"the attribute {name} is missing, or has another type")


class SharedParts:
    """Parts of yt-dlp that all sessions of one run share. Any thread may use it."""

    def __init__(self) -> None:
        # Extractors by key, of sessions that have ended. Their knowledge of a site, such as
        # YouTube's player of 2 MB of JavaScript, is not read again for every video.
        self.extractors: deque[dict[str, InfoExtractor]] = deque()
        self.rehearsal = shared_rehearsal()
        self._tls: dict[object, Any] = {}
        self._lock = threading.Lock()

    def tls_context(self, make: Callable[..., Any], *, legacy_ssl_support: object = None) -> Any:
        """The TLS context that `make` makes, made once: reading all certificates takes 20 ms."""
        with self._lock:
            if legacy_ssl_support not in self._tls:
                self._tls[legacy_ssl_support] = make(legacy_ssl_support=legacy_ssl_support)
            return self._tls[legacy_ssl_support]


class YtDlp(yt_dlp.YoutubeDL):
    """yt-dlp that prints nothing, begins quickly, and lets a format be fetched in another way."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        cookies: CookieJar,
        shared: SharedParts,
        connections: Connections,
        probe: RangeProbe | None = None,
        take: Callable[["YtDlp", dict[str, Any]], bool] | None = None,
        meter: PageMeter | None = None,
    ) -> None:
        """`parameters` are yt-dlp's. All that it asks for comes over `connections`.

        `probe` asks in place of yt-dlp whether an address is a video. `take` is offered each
        format before it is downloaded; True says that it was fetched. `meter` counts what is read
        of pages.
        """
        self.probe = probe
        self._meter = meter or PageMeter(FetchLimits())
        self._is_downloading = False
        self._steps = 0
        self._rehearsed: ExtractionRehearsal | None = None
        self._shared = shared
        self._connections = connections
        self._take = take
        # Given as a parameter, yt-dlp would write cookies back into the user's file.
        self.cookiejar = cookies
        ours = {
            "cachedir": str(cache_folder() / "yt-dlp"),
            # It would have yt-dlp claim an address in another country.
            "geo_bypass": False,
            "js_runtimes": runtimes(),
            # `repeatedly` repeats attempts, so that one limit holds for their number and time.
            "retries": 0,
            "fragment_retries": 0,
            "extractor_retries": 0,
            "file_access_retries": 0,
            "logger": SILENCE,
            "noprogress": True,
            "color": "never",
        }
        super().__init__(ours | dict(parameters))

    def __exit__(self, *error: object) -> None:
        """Close the connections, and leave the extractors to the next session."""
        super().__exit__(*error)
        self.end_rehearsal()
        # The extractors refer to this session, and so would keep it alive.
        self.probe = None
        self._shared.extractors.append(self._ies_instances)

    def add_default_info_extractors(self) -> None:
        """Add all extractors that are enabled.

        yt-dlp applies rules to their names for that, which takes long; few users give rules.
        """
        if "allowed_extractors" in self.params:
            # The extractors of earlier sessions may not be among these.
            super().add_default_info_extractors()
            if _ProbingIE.ie_key() in self._ies:
                self.add_info_extractor(_ProbingIE())
            return
        # `add_info_extractor` would do this in 1,800 calls.
        self._ies.update(_enabled(tuple(gen_extractor_classes())))
        self.add_info_extractor(_ProbingIE())
        with suppress(IndexError):
            for known in self._shared.extractors.pop().values():
                self.add_info_extractor(known)

    def build_request_director(self, _: object, *arguments: Any, **named: Any) -> Any:
        """What sends requests: our handlers, with the one TLS context of all sessions."""
        ours = (partial(handlers.RequestsRH, self._connections), handlers.DataRH)
        director = super().build_request_director(ours, *arguments, **named)
        for handler in director.handlers.values():
            handler._make_sslcontext = partial(self._shared.tls_context, handler._make_sslcontext)
        requests_handler = director.handlers["Requests"]
        requests_handler._create_instance = partial(
            self._watched, requests_handler._create_instance
        )
        return director

    def _watched(self, make: Callable[..., requests.Session], **named: Any) -> requests.Session:
        """A client of `requests` that counts what redirections say, too."""
        client = make(**named)
        client.hooks["response"].append(self._meter.on_answer)
        return client

    def add_info_extractor(self, extractor: Any) -> None:
        """Add an extractor: a class, or an object that is to read pages."""
        if not isinstance(extractor, type):
            self._shared.rehearsal.guard(extractor)
        super().add_info_extractor(extractor)

    @property
    def rehearsal(self) -> PageRehearsal:
        """Where pages are read before they are read here."""
        return self._shared.rehearsal

    def rehearse(self, extractor: Any, url: str) -> None:
        """Have an extractor, which is about to begin, read all pages elsewhere before it does."""
        self.end_rehearsal()
        self._rehearsed = self.rehearsal.begin(extractor, url)

    def end_rehearsal(self) -> None:
        """Read what comes from here on nowhere else."""
        if self._rehearsed is not None:
            self._rehearsed.close()
            self._rehearsed = None

    def extract_info(self, url: str, *arguments: Any, **named: Any) -> Any:
        """What yt-dlp makes of an address. It calls this for each further one that a page names.

        Raises FetchError for a chain of pages that leads on and on.
        """
        self._steps += 1
        try:
            if self._steps > _MOST_STEPS:
                said = f"more than {_MOST_STEPS} pages, each of which leads to the next"
                raise FetchError(Reason.REFUSED, said)
            return super().extract_info(url, *arguments, **named)
        finally:
            self._steps -= 1

    def urlopen(self, request: Any) -> Response:
        """Send a request. Raises what yt-dlp raises, and FetchError for pages above the limits.

        A length that is no number is left out.
        """
        if re.match("wss?:", request if isinstance(request, str) else request.url, re.IGNORECASE):
            raise RequestError("nothing is asked for through a WebSocket")
        try:
            response = self._answered(request, super().urlopen(request))
        except HTTPError as error:
            # Extractors read pages of errors, too.
            error.response = self._answered(request, error.response)
            raise
        except RequestError as error:
            if isinstance(error.cause, FetchError):
                raise error.cause from error
            if isinstance(error.cause, requests.exceptions.InvalidHeader):
                raise TransportError(str(error), cause=error) from error
            raise
        except ValueError as error:
            # The address, or that of a redirection, cannot be encoded.
            raise RequestError(str(error), cause=error) from error
        return response

    def _answered(self, request: Any, response: Response) -> Response:
        """The answer to a request; it is counted, and rehearsed where an extractor reads it."""
        metered = self._metered(response)
        if self._rehearsed is not None and not self._is_downloading:
            asked = request if isinstance(request, str) else request.url
            self._rehearsed.answered(asked, metered.url, metered.status, metered.headers)
        return metered

    def _metered(self, response: Response) -> Response:
        length = response.headers.get("Content-Length")
        if length is not None and not _NUMBER.fullmatch(length):
            del response.headers["Content-Length"]
        return MeteredResponse(
            response, self._meter, of_video=self._is_downloading, look=self._look_at
        )

    def _look_at(self, url: str, page: bytes) -> None:
        """Have a page read elsewhere that is to be read here."""
        if not self._is_downloading:
            if self._rehearsed is not None:
                self._rehearsed.read(url, page)
        elif b"#EXT" in page:
            # yt-dlp's downloader reads this one.
            self.rehearsal.read("segments", url, page.decode("utf-8", "ignore"))

    def process_info(self, info: dict[str, Any]) -> None:
        """Download a format. What a file is, its bytes say, and no ending of its address.

        yt-dlp refuses to write a file with an ending that is not on its list; our file has none.
        """
        for each in (info, *(info.get("requested_formats") or ())):
            if each.get("ext") not in KNOWN_EXTENSIONS:
                each["ext"] = "unknown_video"
        super().process_info(info)

    def dl(
        self, name: str, info: dict[str, Any], subtitle: bool = False, test: bool = False
    ) -> tuple[bool, bool]:
        """Download a format, unless `take` has fetched it."""
        if info.get("protocol") == "f4m":
            # yt-dlp lists as many fragments as a manifest of a few bytes says that there are.
            raise FetchError(Reason.UNSUPPORTED, "HDS, which no player shows any more")
        self._is_downloading = True
        try:
            if self._take is not None and not (subtitle or test) and self._take(self, info):
                # No file is there that yt-dlp would have to work on.
                return False, False
            downloader = get_suitable_downloader(info, self.params)
            if downloader is None or downloader.__name__ not in _DOWNLOADERS:
                if test:
                    return False, False
                said = f"a stream that only another program can fetch ({info.get('protocol')})"
                raise FetchError(Reason.EXTRACTION, said)
            with self._without_ffmpeg():
                done: tuple[bool, bool] = super().dl(name, info, subtitle, test)
            return done
        finally:
            self._is_downloading = False

    @contextmanager
    def _without_ffmpeg(self) -> Iterator[None]:
        """Let yt-dlp find no ffmpeg: for some streams it would have that download them.

        What ffmpeg asks for, a playlist says, and no deadline ends it.
        """
        given = self.params.pop("ffmpeg_location", None)
        before = FFmpegPostProcessor._ffmpeg_location.set("")
        try:
            yield
        finally:
            FFmpegPostProcessor._ffmpeg_location.reset(before)
            if given is not None:
                self.params["ffmpeg_location"] = given

    def _forceprint(self, *_: object) -> None:
        """Print nothing. yt-dlp would first make tables of all formats, which are never shown."""


class _ProbingIE(GenericIE):  # type: ignore[misc]
    """yt-dlp's extractor for any address. It asks through the `probe` of its session, if any.

    What a server calls a video it takes for one, also where the address ends as a playlist's does.
    """

    # what the latest answer was called
    _content_type = ""

    @classmethod
    def ie_key(cls) -> str:
        """The name of the extractor in whose place this one stands."""
        return "Generic"

    def _request_webpage(self, url: Any, *args: Any, headers: Any = None, **others: Any) -> Any:
        probe: RangeProbe | None = self._downloader.probe
        ask = super()._request_webpage
        # The one request that does not want the answer compressed, for it may be a video.
        if (headers or {}).get("Accept-Encoding") != "identity":
            return ask(url, *args, headers=headers, **others)
        if not others.get("fatal", True):
            # Only a second look at a manifest: there may be no answer.
            return ask(url, *args, headers=headers, **others)
        if probe is None:
            answer = ask(url, *args, headers=headers, **others)
        else:
            answer = probe.ask(
                url, lambda further: ask(url, *args, headers={**headers, **further}, **others)
            )
        self._content_type = (answer.get_header("Content-Type") or "").lower()
        return answer

    def _webpage_read_content(
        self, urlh: Response, *args: Any, prefix: bytes | None = None, **others: Any
    ) -> Any:
        content = super()._webpage_read_content(urlh, *args, prefix=prefix, **others)
        if prefix is not None:
            # The page of an address that no site claims. It is looked through for everything.
            self._downloader.rehearsal.read("page", urlh.url, content)
        return content

    @staticmethod
    def _generic_id(url: str) -> str:
        """What messages call the file: without the query, where tokens are."""
        name: str = GenericIE._generic_id(re.split("[?#]", url, maxsplit=1)[0])
        return name

    def _extract_m3u8_formats_and_subtitles(self, url: str, *args: Any, **others: Any) -> Any:
        if self._is_called_video():
            return [_file_at(url)], {}
        return super()._extract_m3u8_formats_and_subtitles(url, *args, **others)

    def _extract_f4m_formats(self, url: str, *args: Any, **others: Any) -> Any:
        if self._is_called_video():
            return [_file_at(url)]
        return super()._extract_f4m_formats(url, *args, **others)

    def _is_called_video(self) -> bool:
        kind, _, name = self._content_type.partition(";")[0].strip().partition("/")
        return kind == "video" and not name.endswith(("mpegurl", "f4m"))


def _file_at(url: str) -> dict[str, str]:
    """A format: the file behind an address, in yt-dlp's words."""
    return {"url": url, "format_id": "0", "protocol": url.partition(":")[0], "ext": "unknown_video"}


@lru_cache(maxsize=1)
def _enabled(classes: tuple[type[InfoExtractor], ...]) -> dict[str, type[InfoExtractor]]:
    """Those of some extractors that are enabled, by key, in the same order."""
    return {each.ie_key(): each for each in classes if each._ENABLED}


def is_one_plain_file(info: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    """Whether a format, as yt-dlp describes it, is one file behind one plain GET."""
    return (
        info.get("protocol") in {"http", "https"}
        and get_suitable_downloader(info, params) is HttpFD
        and not info.get("requested_formats")
        and not info.get("request_data")
        and not info.get("is_live")
    )


def may_lack_fragments(info: Mapping[str, Any]) -> bool:
    """Whether yt-dlp says of a format that its video is so new that fragments may be missing."""
    return bool(info.get("__needs_testing"))


class FileRequests:
    """Requests for ranges of one file, sent and slowed down as yt-dlp's own downloader would."""

    def __init__(self, session: YtDlp, info: Mapping[str, Any]) -> None:
        """`info` is yt-dlp's of the format."""
        self.url: str = info["url"]
        self._session = session
        self._downloader = HttpFD(session, session.params)
        self._headers = dict(info.get("http_headers") or session._calc_headers(info))
        target = self._downloader._get_impersonate_target(info)
        self._extensions = {} if target is None else {"impersonate": target}
        # Sites slow down clients that ask for more bytes at once. None: as many as are needed.
        chunk = session.params.get("http_chunk_size") or (info.get("downloader_options") or {}).get(
            "http_chunk_size"
        )
        self.most_bytes = int(chunk) if chunk else None
        self._begin = time.time()
        self._received = 0

    def ask(self, begin: int, end: int | None) -> Response:
        """The answer to a request for these bytes; None: for all. Raises what `urlopen` raises."""
        asked = {"Range": f"bytes={begin}-{end - 1}"} if end is not None else {}
        headers = {**self._headers, "Accept-Encoding": "identity", **asked}
        return self._session.urlopen(
            Request(self.url, headers=headers, extensions=dict(self._extensions))
        )

    def slow_down(self, received: int) -> None:
        """Sleep, after so many more bytes, as long as the user's rate limit asks for."""
        self._received += received
        self._downloader.slow_down(self._begin, time.time(), self._received)
