"""A site's own search, through yt-dlp: what is asked for a target, in which order, how long.

One query finds a few hundred videos at most. So where a class is not full after one query for
each of its names, they are asked again with other words around them.
"""

import difflib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.globals import all_plugins_loaded
from yt_dlp.plugins import load_all_plugins

from videonet.errors import UsageError
from videonet.schemas.search import NameYield, Search
from videonet.schemas.target import Target
from videonet.sources.search_cache import CachedQuery
from videonet.sources.source import Row
from videonet.sources.source_spec import YOUTUBE, SearchSite
from videonet.text import duration, number

# Words that narrow a search to a time, newest first, where a search takes such. Years, since a
# year of a popular name alone has more results than a query gives. YouTube began in 2005; its
# latest span is open, so that none has to be added for a search to be complete.
# (YouTube's search takes before: and after: with dates: the words are its own.)
DATES = {
    YOUTUBE: (
        "after:2025-01-01",
        *(f"after:{year}-01-01 before:{year + 1}-01-01" for year in range(2024, 2004, -1)),
    )
}


def check_search(site: SearchSite) -> None:
    """Raise UsageError if yt-dlp has no such search."""
    if not all_plugins_loaded.value:
        load_all_plugins()
    # Ordinary extractors have none, or not even the name.
    keys = {getattr(each, "SEARCH_KEY", None) for each in gen_extractor_classes()}
    known = sorted(filter(None, keys))
    if site.prefix not in known:
        near = difflib.get_close_matches(site.prefix, known, n=1)
        hint = f"did you mean search:{near[0]}?" if near else f"use one of {', '.join(known)}."
        raise UsageError(f"yt-dlp has no search with the prefix {site.prefix!r}; {hint}")


class Query(NamedTuple):
    """One thing to ask."""

    # the name or synonym that it is for
    name: str
    words: str


def query_rounds(target: Target, modifiers: Sequence[str], prefix: str) -> Iterator[list[Query]]:
    """What may be asked for a target: round by round, in each a query for every name.

    First the names alone; then with each modifier; then with each span of dates.
    """
    names = _names(target)
    for words in _words_around(modifiers, prefix):
        yield [Query(name, f"{name} {words}".rstrip()) for name in names]


class SearchPlan(NamedTuple):
    """How much is asked where nothing was asked before. What two classes ask alike, counts once."""

    classes: int
    # queries of the first round: each name alone
    names: int
    # those of all rounds
    queries: int

    def said(self, requests_per_second: float) -> str:
        """The plan and the least time for it, as a sentence: a query takes a request or more."""
        first, whole = (duration(each / requests_per_second) for each in (self.names, self.queries))
        return (
            f"Searching for {number(self.classes, 'class', 'classes')} asks "
            f"{number(self.names, 'query', 'queries')}, one a name, and up to {self.queries:,} "
            f"where these do not fill the classes. At {requests_per_second:g} requests a second, "
            f"that takes at least {first}, and {whole} for all; each further page of results is a "
            "request more, and what the store has is not asked again."
        )


def search_plan(targets: Iterable[Target], modifiers: Sequence[str], prefix: str) -> SearchPlan:
    """What searching for all of these may ask at most, and what it asks first."""
    classes, names = 0, set[str]()
    for target in targets:
        classes += 1
        names.update(_names(target))
    return SearchPlan(classes, len(names), len(names) * len(_words_around(modifiers, prefix)))


def _names(target: Target) -> list[str]:
    """The names and synonyms of a target, in whichever case each comes first."""
    names: dict[str, str] = {}
    for name in (target.name, *target.synonyms):
        names.setdefault(name.casefold(), name)
    return list(names.values())


def _words_around(modifiers: Sequence[str], prefix: str) -> tuple[str, ...]:
    """What is asked with each name, round by round."""
    return ("", *modifiers, *DATES.get(prefix, ()))


class TargetSearch:
    """The search for one target.

    The names take turns, result by result. It ends when `per_class` videos are found whose title
    names the target, when `patience` queries in a row have brought no new one, or when no query
    is answered. `rank` of a row is its position in the order in which the results came.
    """

    def __init__(self, names_it: Callable[[str], bool], per_class: int, patience: int) -> None:
        self.rows: list[Row] = []
        self._names_it = names_it
        self._per_class = per_class
        self._patience = patience
        self._found: set[str] = set()
        self._tallies: dict[str, _Tally] = {}
        self._barren = 0

    def run(
        self,
        rounds: Iterable[list[Query]],
        open_queries: Callable[[Sequence[str]], AbstractContextManager[list[CachedQuery]]],
    ) -> str:
        """Ask round by round; why it ended, as in `videonet.schemas.search.Search`."""
        for queries in rounds:
            with open_queries([query.words for query in queries]) as opened:
                new = self._take_turns(queries, opened)
            if self._is_full:
                return "full"
            answered = [number for number, each in zip(new, opened, strict=True) if not each.failed]
            if not answered:
                return "failed"
            self._barren = 0 if any(answered) else self._barren + len(answered)
            if self._barren >= self._patience:
                return "nothing new"
        return "no more queries"

    def summary(self, target_id: str, end: str) -> Search:
        """What each name has brought."""
        names = tuple(
            NameYield(
                name=name,
                queries=tally.queries,
                results=tally.results,
                new=tally.new,
                failed=tally.failed,
            )
            for name, tally in self._tallies.items()
        )
        return Search(target_id=target_id, end=end, names=names)

    @property
    def _is_full(self) -> bool:
        return len(self._found) >= self._per_class

    def _take_turns(self, queries: Sequence[Query], opened: Sequence[CachedQuery]) -> list[int]:
        """Read the results of a round, in turn; how many new videos each query brought."""
        new = [0] * len(queries)
        for query in queries:
            self._tallies.setdefault(query.name, _Tally()).queries += 1
        waiting = deque(range(len(queries)))
        while waiting and not self._is_full:
            index = waiting.popleft()
            tally = self._tallies[queries[index].name]
            row = opened[index].next_row(len(self.rows))
            if row is None:
                tally.failed = opened[index].failed or tally.failed
                continue
            waiting.append(index)
            self.rows.append(row)
            tally.results += 1
            if row.video.video_id not in self._found and self._names_it(row.video.title):
                self._found.add(row.video.video_id)
                new[index] += 1
                tally.new += 1
        return new


@dataclass
class _Tally:
    """What one name has brought so far."""

    queries: int = 0
    results: int = 0
    new: int = 0
    failed: str | None = None
