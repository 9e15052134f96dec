"""What one query of a site's search brought: from the store as far as it is there, else asked.

    STORE/search/<digest>.parquet    the results of one query, as a catalogue

The results that are there keep their order for ever; more are added behind them, if a later run
needs more than an earlier one looked at. Nothing is asked twice until that is asked for.
"""

import hashlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from weakref import WeakValueDictionary

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.fetch.failure import FetchError
from videonet.fetch.limits import FetchLimits
from videonet.fetch.retry import Clock, repeatedly
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.schemas.reason import Reason
from videonet.schemas.record import arrow_schema
from videonet.schemas.search import Answer
from videonet.sources.source import Row
from videonet.storage.store import Store
from videonet.text import encodable

FOLDER = "search"

_EXHAUSTED = b"exhausted"

# Results that are no titled videos, before the first that is, after which no more are looked at.
_WITHOUT_TITLES = 20


@dataclass(frozen=True)
class SearchContext:
    """Whom a run asks, and how."""

    # of yt-dlp's search, such as "ytsearch"
    prefix: str
    store: Store
    web: Web
    limits: FetchLimits
    run_id: str
    # whether what earlier runs were told is asked again
    refresh: bool

    @contextmanager
    def answers(self, queries: Sequence[str]) -> Iterator[list["CachedQuery"]]:
        """The answers to several queries, to be read in turn. They are saved at the end."""
        with ExitStack() as stack:
            # Two targets may ask the same: one after the other, in one order so that none waits
            # for one that waits for it.
            for lock in [_lock(self.prefix, words) for words in sorted(queries)]:
                stack.enter_context(lock)
            yield [stack.enter_context(CachedQuery(self, words)) for words in queries]


class CachedQuery:
    """The results of one query, in order."""

    def __init__(self, asked: SearchContext, words: str) -> None:
        # why the site did not answer, if it did not
        self.failed: Reason | None = None
        self._asked = asked
        self._words = words
        digest = hashlib.sha256(f"{asked.prefix}:{words}".encode()).hexdigest()
        self._name = f"{FOLDER}/{digest}.parquet"
        # how many rows are there that are to be replaced
        self._refreshed = 0
        self._rows, self._exhausted = self._saved()
        self._next = 0
        self._new = False
        self._asking: LiveQuery | None = None

    def __enter__(self) -> Self:
        """Begin to read."""
        return self

    def __exit__(self, *_: object) -> None:
        """Save what is new."""
        if self._asking is not None:
            self._asking.close()
        # A refusal does not make less of what is known.
        if self._new and not (self.failed and len(self._rows) < self._refreshed):
            self._save()

    def next_row(self, rank: int) -> Row | None:
        """The next result, as a source's row of this rank; None: no more, or no answer."""
        if self._next == len(self._rows) and not self._exhausted and not self.failed:
            self._ask()
        if self._next == len(self._rows):
            return None
        answer = self._rows[self._next]
        self._next += 1
        return Row(
            rank=rank,
            video_id=answer.id,
            url=answer.url,
            root=None,
            title=answer.title,
            duration=answer.duration,
            channel=answer.channel,
            licence=answer.licence,
            # What was live when an earlier run asked may have ended since.
            live_status=answer.live_status if answer.run_id == self._asked.run_id else None,
            query=self._words,
        )

    def _ask(self) -> None:
        """Get one more result, if the site has one and gives it."""
        if self._asking is None:
            self._asking = LiveQuery(self._asked, self._words, {row.id for row in self._rows})
        try:
            entry = self._asking.next_entry()
        except FetchError as error:
            self.failed = error.reason
            return
        self._new = True
        if entry is None:
            self._exhausted = True
        else:
            self._rows.append(self._answer(entry))

    def _answer(self, entry: Mapping[str, Any]) -> Answer:
        return Answer(
            id=entry["id"],
            url=entry["url"],
            title=entry["title"],
            duration=_seconds(entry.get("duration")),
            channel=_text(entry.get("channel") or entry.get("uploader")),
            licence=_text(entry.get("license")),
            live_status=_text(entry.get("live_status")),
            query=self._words,
            rank=len(self._rows),
            searched=datetime.now(UTC).isoformat(timespec="seconds"),
            run_id=self._asked.run_id,
        )

    def _saved(self) -> tuple[list[Answer], bool]:
        """What is known already, and whether that is all there is."""
        file = self._asked.store.root / self._name
        if not file.exists():
            return [], False
        try:
            table = pq.read_table(file)
            rows = [Answer.from_row(row) for row in table.to_pylist()]
        except (pa.ArrowException, OSError, msgspec.ValidationError):
            # Of another version, or damaged, for which Arrow has both: it can be asked again.
            return [], False
        metadata = table.schema.metadata or {}
        by_this_run = metadata.get(b"run_id", b"").decode() == self._asked.run_id
        if self._asked.refresh and not by_this_run:
            self._refreshed = len(rows)
            return [], False
        return rows, metadata.get(_EXHAUSTED) == b"true"

    def _save(self) -> None:
        exhausted = b"true" if self._exhausted else b"false"
        metadata = {_EXHAUSTED: exhausted, b"run_id": self._asked.run_id.encode()}
        schema = arrow_schema(Answer).with_metadata(metadata)
        table = pa.Table.from_pylist([row.to_row() for row in self._rows], schema)
        file = self._asked.store.temporary()
        try:
            pq.write_table(table, file, compression="zstd")
            self._asked.store.adopt(file, self._name)
        except OSError as error:
            raise UsageError(
                f"What a search has found cannot be written to {self._asked.store.root} "
                f"({error.strerror or error}); make room, and run the same command again."
            ) from error


class LiveQuery:
    """A query that the site is being asked: entry by entry, page by page as they are needed."""

    def __init__(self, asked: SearchContext, words: str, known: set[str]) -> None:
        self._asked = asked
        self._words = words
        self._known = known
        self._clock = Clock(asked.limits.deadline)
        self._passed_over = 0
        self._session: Session | None = None
        self._entries: Iterator[Mapping[str, Any] | None] = iter(())

    def next_entry(self) -> dict[str, Any] | None:
        """The next result that is a video and not known yet; None: there are no more.

        Raises FetchError if the site does not answer, Stopped when the run is to end.
        """
        entry = repeatedly(self._asked.limits, self._asked.web.stop)(self._pull)
        if entry is not None:
            self._known.add(entry["id"])
        return entry

    def close(self) -> None:
        """End the session with the site, if one was begun."""
        if self._session is not None:
            self._session.__exit__(None, None, None)
            self._session = None

    def _pull(self) -> dict[str, Any] | None:
        self._clock.begin(self._asked.limits.deadline)
        session = self._session or self._open()
        try:
            with session.outcome():
                entry = next(filter(self._is_new, map(self._video, self._entries)), None)
                if entry is None and session.setback is not None:
                    # The extractor took what it could not get for the end.
                    raise session.setback
                return entry
        except FetchError:
            # Another attempt begins anew, and passes over what it knows.
            self.close()
            raise
        finally:
            # Until the next turn of this query, nothing is late.
            self._clock.begin(math.inf)

    def _open(self) -> Session:
        # Without this, YouTube's answers without results in them would be the end of a search.
        options = {"extractor_args": {"youtube": {"raise_incomplete_data": ["true"]}}}
        session = Session(self._asked.web, self._clock, self._asked.limits, options)
        session.__enter__()
        self._session = session
        self._entries = self._found(session)
        return session

    def _found(self, session: Session) -> Iterator[Mapping[str, Any] | None]:
        """Asked when the first entry is."""
        url = f"{self._asked.prefix}all:{self._words}"
        result = session.extract_info(url, download=False, process=False)
        yield from result["entries"]

    def _is_new(self, entry: dict[str, Any] | None) -> bool:
        return entry is not None and entry["id"] not in self._known

    def _video(self, entry: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """An entry with id, url and title as texts; None for what is no video.

        Raises FetchError for a search that lists no such things: some list addresses alone.
        """
        entry = entry or {}
        texts = {name: _text(entry.get(name)) for name in ("id", "title")}
        texts["url"] = _text(entry.get("webpage_url") or entry.get("url"))
        if all(texts.values()) and "://" in str(texts["url"]):
            return {**entry, **texts}
        self._passed_over += 1
        if self._passed_over >= _WITHOUT_TITLES and not self._known:
            raise FetchError(Reason.UNSUPPORTED, "its results have no ids, addresses and titles")
        return None


def _text(value: Any) -> str | None:
    return None if value is None else encodable(str(value)).strip() or None


def _seconds(value: Any) -> float | None:
    """Nothing lasts 0 s: whoever wrote that did not know."""
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        return None
    return float(value)


_guard = threading.Lock()
_locks: WeakValueDictionary[str, Any] = WeakValueDictionary()


def _lock(prefix: str, words: str) -> Any:
    with _guard:
        return _locks.setdefault(f"{prefix}:{words}", threading.RLock())
