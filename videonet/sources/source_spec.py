"""What stands after --source, taken apart: it names a search, or what is to be read."""

from dataclasses import dataclass

# What yt-dlp calls YouTube's search.
YOUTUBE = "ytsearch"


@dataclass(frozen=True)
class SearchSite:
    """A search that yt-dlp knows by `prefix`, such as "ytsearch"."""

    prefix: str
    # recorded with everything it finds: "youtube" or "search"
    kind: str


def searched_site(source: str) -> SearchSite | None:
    """The site that a source searches: "youtube", or "search:PREFIX". None: it is read."""
    kind, _, prefix = source.partition(":")
    if source == "youtube":
        return SearchSite(YOUTUBE, kind)
    return SearchSite(prefix, kind) if kind == "search" else None
