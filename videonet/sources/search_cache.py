"""What one query of a site's search brought: from the store as far as it is there, else asked.

The results that are there keep their order for ever; more are added behind them, if a later run
needs more than an earlier one looked at. Nothing is asked twice until that is asked for.
"""

import hashlib
import math
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self
from weakref import WeakValueDictionary

import msgspec
import pyarrow as pa

from videonet.errors import UsageError
from videonet.fetch.clock import Clock
from videonet.fetch.details import details_of_page
from videonet.fetch.failure import FetchError, NoConnectionError
from videonet.fetch.limits import FetchLimits
from videonet.fetch.retry import repeatedly
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.schemas.reason import Reason
from videonet.schemas.search import SearchResult
from videonet.schemas.table import from_batch, to_batch
from videonet.schemas.video_info import VideoInfo
from videonet.sources.outage import Outage
from videonet.sources.source import Row
from videonet.storage.store import Store
from videonet.text import encodable

_EXHAUSTED = b"exhausted"

# Results that are no titled videos, before the first that is, after which no more are looked at.
_WITHOUT_TITLES = 20


@dataclass(frozen=True)
class SearchContext:
    """Which site a run asks, and how."""

    # of yt-dlp's search, such as "ytsearch"
    prefix: str
    store: Store
    web: Web
    limits: FetchLimits
    run_id: str
    # whether queries that earlier runs made are made again
    refresh: bool
    # of all queries of the run
    outage: Outage = field(default_factory=Outage)

    @contextmanager
    def open_queries(self, queries: Sequence[str]) -> Iterator[list["CachedQuery"]]:
        """Several queries, whose results are read in turn. What is new is saved at the end."""
        with ExitStack() as stack:
            # Two targets may ask the same: one after the other, in one order so that none waits
            # for one that waits for it.
            for lock in [_lock(self.store, self.prefix, words) for words in sorted(queries)]:
                stack.enter_context(lock)
            yield [stack.enter_context(CachedQuery(self, words)) for words in queries]


class CachedQuery:
    """The results of one query, in order."""

    def __init__(self, context: SearchContext, words: str) -> None:
        # why the site did not answer, if it did not
        self.failed: Reason | None = None
        self._context = context
        self._words = words
        self._digest = hashlib.sha256(f"{context.prefix}:{words}".encode()).hexdigest()
        # how many rows are there that are to be replaced
        self._refreshed = 0
        self._results, self._exhausted = self._saved()
        self._next = 0
        self._new = False
        self._live: LiveQuery | None = None

    def __enter__(self) -> Self:
        """Begin to read."""
        return self

    def __exit__(self, *_: object) -> None:
        """Save what is new."""
        if self._live is not None:
            self._live.close()
        # A refusal does not make less of what is known.
        if self._new and not (self.failed and len(self._results) < self._refreshed):
            self._save()

    def next_row(self, rank: int) -> Row | None:
        """The next result, as a source's row of this rank; None: no more, or no answer."""
        if self._next == len(self._results) and not self._exhausted and not self.failed:
            self._ask()
        if self._next == len(self._results):
            return None
        result = self._results[self._next]
        self._next += 1
        video = result.video
        if result.run_id != self._context.run_id:
            # What was live when an earlier run asked may have ended since.
            video = msgspec.structs.replace(video, live_status=None)
        return Row(rank, video, self._words)

    def _ask(self) -> None:
        """Get one more result, if the site has one and gives it."""
        if self._live is None:
            known = {result.video.video_id for result in self._results}
            self._live = LiveQuery(self._context, self._words, known)
        try:
            video = self._live.next_video()
        except FetchError as error:
            self.failed = error.reason
            return
        self._new = True
        if video is None:
            self._exhausted = True
        else:
            self._results.append(self._result(video))

    def _result(self, video: VideoInfo) -> SearchResult:
        return SearchResult(
            video=video,
            query=self._words,
            rank=len(self._results),
            searched=datetime.now(UTC).isoformat(timespec="seconds"),
            run_id=self._context.run_id,
        )

    def _saved(self) -> tuple[list[SearchResult], bool]:
        """What is known already, and whether that is all there is."""
        try:
            table = self._context.store.searches.read(self._digest)
            results = [] if table is None else from_batch(SearchResult, table)
        except (pa.ArrowException, msgspec.ValidationError):
            # Of another version: it can be asked again.
            return [], False
        if table is None:
            return [], False
        metadata = table.schema.metadata or {}
        by_this_run = metadata.get(b"run_id", b"").decode() == self._context.run_id
        if self._context.refresh and not by_this_run:
            self._refreshed = len(results)
            return [], False
        return results, metadata.get(_EXHAUSTED) == b"true"

    def _save(self) -> None:
        exhausted = b"true" if self._exhausted else b"false"
        metadata = {_EXHAUSTED: exhausted, b"run_id": self._context.run_id.encode()}
        rows = to_batch(SearchResult, self._results)
        table = pa.Table.from_batches([rows]).replace_schema_metadata(metadata)
        try:
            self._context.store.searches.write(self._digest, table)
        except OSError as error:
            raise UsageError(
                f"What a search has found cannot be written to {self._context.store.location} "
                f"({error.strerror or error}); make room, and run the same command again."
            ) from error


class LiveQuery:
    """A query that the site is being asked: entry by entry, page by page as they are needed."""

    def __init__(self, context: SearchContext, words: str, known: set[str]) -> None:
        self._context = context
        self._words = words
        self._known = known
        self._clock = Clock(context.limits.deadline)
        self._passed_over = 0
        self._session: Session | None = None
        self._entries: Iterator[Mapping[str, Any] | None] = iter(())

    def next_video(self) -> VideoInfo | None:
        """The next result that is a video and not known yet; None: there are no more.

        Raises FetchError if the site does not answer, Stopped when the run is to end.
        """
        video = repeatedly(self._context.limits, self._context.web.stop)(self._pull)
        if video is not None:
            self._known.add(video.video_id)
        return video

    def close(self) -> None:
        """End the session with the site, if one was begun."""
        if self._session is not None:
            self._session.__exit__(None, None, None)
            self._session = None

    def _pull(self) -> VideoInfo | None:
        outage = self._context.outage
        if outage.is_total:
            raise NoConnectionError("not asked: no query of this run got a connection")
        self._clock.begin(self._context.limits.deadline)
        session = self._session or self._open()
        try:
            with session.outcome():
                video = next(filter(self._is_new, map(self._video, self._entries)), None)
                if video is None and session.setback is not None:
                    # The extractor took what it could not get for the end.
                    raise session.setback
                outage.answered()
                return video
        except FetchError as error:
            outage.failed(self._words, error.reason)
            # Another attempt begins with the first result, and passes over what it knows.
            self.close()
            raise
        finally:
            # Until the next turn of this query, nothing is late.
            self._clock.begin(math.inf)

    def _open(self) -> Session:
        # Without this, YouTube's answers without results in them would be the end of a search.
        options = {"extractor_args": {"youtube": {"raise_incomplete_data": ["true"]}}}
        # A search has as many pages as it has results; none of them lies in memory for long.
        limits = replace(self._context.limits, max_pages_bytes=sys.maxsize)
        session = Session(self._context.web, self._clock, limits, options)
        session.__enter__()
        self._session = session
        self._entries = self._found(session)
        return session

    def _found(self, session: Session) -> Iterator[Mapping[str, Any] | None]:
        """Asked when the first entry is."""
        url = f"{self._context.prefix}all:{self._words}"
        result = session.extract_info(url, download=False, process=False)
        yield from result["entries"]

    def _is_new(self, video: VideoInfo | None) -> bool:
        return video is not None and video.video_id not in self._known

    def _video(self, entry: Mapping[str, Any] | None) -> VideoInfo | None:
        """The video of an entry; None for one without an id, a url and a title.

        Raises FetchError for a search that lists no such entries: some list addresses alone.
        """
        entry = entry or {}
        video_id, title = (_text(entry.get(name)) for name in ("id", "title"))
        url = _text(entry.get("webpage_url") or entry.get("url"))
        if video_id and title and url and "://" in url:
            return VideoInfo(
                video_id=video_id,
                url=url,
                title=title,
                duration=_seconds(entry.get("duration")),
                channel=_text(entry.get("channel") or entry.get("uploader")),
                licence=_text(entry.get("license")),
                live_status=_text(entry.get("live_status")),
                **details_of_page(entry),
            )
        self._passed_over += 1
        if self._passed_over >= _WITHOUT_TITLES and not self._known:
            raise FetchError(Reason.UNSUPPORTED, "its results have no ids, addresses and titles")
        return None


def _text(value: Any) -> str | None:
    return None if value is None else encodable(str(value)).strip() or None


def _seconds(value: Any) -> float | None:
    """Nothing lasts 0 s: the value stands for an unknown length."""
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        return None
    return float(value)


_guard = threading.Lock()
_locks: WeakValueDictionary[str, Any] = WeakValueDictionary()


def _lock(store: Store, prefix: str, words: str) -> Any:
    """What keeps two targets of a run, but not two runs, from asking the same at the same time."""
    with _guard:
        return _locks.setdefault(f"{store.location}:{prefix}:{words}", threading.RLock())
