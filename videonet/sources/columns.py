"""Which column of a catalogue is which: ours, and what others call the same."""

from collections.abc import Iterable, Mapping, Sequence

# What else a column is called, in the order in which they are taken; our own name comes first.
# They are compared without case and punctuation: contentUrl is content_url, videoid is video_id.
MEANING_THE_SAME = {
    "id": ("id", "videoid"),
    "url": ("url", "contenturl", "videourl"),
    "title": ("title", "caption", "name"),
    "duration": ("duration",),
    "channel": ("channel", "uploader"),
    "licence": ("licence", "license"),
    # of `Details`, by the names that yt-dlp has for them
    "upload_date": ("uploaddate", "publishedat", "datepublished"),
    "language": ("language", "defaultaudiolanguage"),
    "description": ("description",),
    "tags": ("tags", "keywords"),
    "category": ("category", "categories"),
    "age_limit": ("agelimit",),
    "has_captions": ("hascaptions", "subtitles"),
    "asked": ("asked", "searched", "epoch"),
}
REQUIRED = ("id", "url", "title")

_KNOWN = frozenset(name for names in MEANING_THE_SAME.values() for name in names)


def columns_of(names: Iterable[str]) -> dict[str, str]:
    """Our name -> the column that is taken for it, of all that a table has.

    Of several that mean the same, our own name wins, then the order of MEANING_THE_SAME.
    """
    taken = {}
    given = [name for name in names if is_known(name)]
    for ours in MEANING_THE_SAME:
        meant = _meaning(ours, given)
        if meant:
            taken[ours] = meant[0]
    return taken


def is_known(name: str) -> bool:
    """Whether a column is one of those that a catalogue may have."""
    return _plain(name) in _KNOWN


def missing(taken: Mapping[str, str]) -> list[str]:
    """Our names of the columns that are needed and not there."""
    return [name for name in REQUIRED if name not in taken]


def notes_on(taken: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Which columns were taken under another name than ours, and which ones were passed over."""
    notes = []
    for ours, column in taken.items():
        others = [name for name in _meaning(ours, names) if name != column]
        instead = f", not from {' or '.join(map(repr, others))}" if others else ""
        if column != ours or others:
            notes.append(f"{ours} is read from the column {column!r}{instead}")
    return notes


def _meaning(ours: str, names: Iterable[str]) -> list[str]:
    """The columns that mean what `ours` does, the one to take first."""
    same = MEANING_THE_SAME[ours]
    meant = [name for name in dict.fromkeys(names) if _plain(name) in same]
    return sorted(meant, key=lambda name: (name != ours, same.index(_plain(name))))


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
