"""Which videos the site finds for a query, and in which order."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date

from tests.site.records import SiteVideo

Index = Callable[[Sequence[SiteVideo], str], Sequence[SiteVideo]]
"""From all videos and a query to the videos found, best first."""

MARKS = "\"'\u201c\u201d\u2018\u2019.,;:!?()"


def by_words(videos: Sequence[SiteVideo], query: str) -> Sequence[SiteVideo]:
    """The videos whose titles contain all words of `query`, in an order that depends on it.

    Case does not count, and a word may be part of a longer one ("cat" finds "catalogue").
    A word that no title of the site contains is passed over, but the order is another one: so
    any query with one word that is known finds something. `after:YYYY-MM-DD` (that day or later)
    and `before:YYYY-MM-DD` (earlier than that day) are no words; videos without a date are not
    found with them. Equal queries always find the same in the same order.
    """
    terms = query.casefold().split()
    after = _day(terms, "after:")
    before = _day(terms, "before:")
    words = [word for term in terms if ":" not in term if (word := term.strip(MARKS))]
    titles = {video.id: video.title.casefold() for video in videos}
    known = [word for word in words if any(word in title for title in titles.values())]
    if words and not known:
        return []
    found = [
        video
        for video in videos
        if all(word in titles[video.id] for word in known)
        and (after is None or (video.uploaded is not None and video.uploaded >= after))
        and (before is None or (video.uploaded is not None and video.uploaded < before))
    ]
    return sorted(found, key=lambda video: _digest(" ".join(terms), video.id))


def _day(terms: Sequence[str], operator: str) -> date | None:
    """The day after `operator` where that is among the terms."""
    days = [term.removeprefix(operator) for term in terms if term.startswith(operator)]
    return date.fromisoformat(days[-1]) if days else None


def _digest(query: str, video: str) -> bytes:
    return hashlib.sha256(f"{query}\n{video}".encode()).digest()
