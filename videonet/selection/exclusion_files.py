"""Reads lists of videos that a data set may not have: ids, addresses and channels, file by file.

A file is CSV, TSV, JSON lines or Parquet with columns of names that say what they are, or text with
one entry a line. The lists that Kinetics and AVA publish are read as they are: tables with the
column `youtube_id`, tables without a header whose first column is an id, names of files such as
`ID.mkv` and `ID_000001_000011.mp4`.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.files import is_file
from videonet.schemas.exclusion import Exclusion
from videonet.shards.page_headers import rows_at_once
from videonet.sources.cells import text_of
from videonet.sources.text_files import form_of, open_text
from videonet.sources.video_key import keys_of

# Names of columns, without case and punctuation.
_IDS = frozenset({"id", "videoid", "youtubeid", "ytid", "vid", "videokey"})
_URLS = frozenset({"url", "contenturl", "videourl"})
_CHANNELS = frozenset({"channel", "uploader", "channelid", "channelurl"})

_DELIMITERS = ",\t;"

# Rows by which a table without a header is judged.
_JUDGED = 100
# A line is no longer, characters; and an entry.
_LONGEST_LINE = 1_000_000
_LONGEST_ENTRY = 2_000

_YOUTUBE = re.compile(r"[A-Za-z0-9_-]{11}")
_SEGMENT = re.compile(r"([A-Za-z0-9_-]{11})_[0-9]{6}_[0-9]{6}")
_KEY = re.compile(r"youtube:[A-Za-z0-9_-]{11}|(url|sha256):[0-9a-f]{64}")
_ENDING = re.compile(r"\.(mp4|mkv|webm|avi|mov|m4v|flv|mpg|mpeg|ogv|3gp)", re.IGNORECASE)
_OF_CHANNEL = re.compile(r"/(?:channel/|c/|user/|)([^/]+)(?:/.*)?")


class Entries(NamedTuple):
    """What one file says."""

    excluded: Exclusion
    # lines, or rows, of which nothing was understood, and the first of them, from 1 on
    unread: int
    first_unread: int | None


class _Entry(NamedTuple):
    keys: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


# A line without an entry, on purpose.
_NOTHING = _Entry()


def read_exclusion(file: Path) -> Entries:
    """All that a file names. Raises UsageError if it cannot be read, or nothing is understood."""
    if not is_file(file):
        raise UsageError(f"There is no file {file}, given with --exclude.")
    keys, ids, channels = set[str](), set[str](), set[str]()
    unread, first = 0, None
    try:
        for number, entry in enumerate(_entries(file), start=1):
            if entry is None:
                unread, first = unread + 1, first or number
                continue
            keys.update(entry.keys)
            ids.update(entry.ids)
            channels.update(entry.channels)
    except (OSError, UnicodeError, ValueError, RecursionError, pa.ArrowException) as error:
        why = " ".join(str(error).split())[:300]
        raise UsageError(
            f"{file}, given with --exclude, cannot be read ({why}); give a list of ids, addresses "
            "or channels: CSV, TSV, JSON lines, Parquet, or text with one a line."
        ) from error
    if not keys and not ids and not channels:
        raise UsageError(
            f"{file}, given with --exclude, names no video and no channel; give columns called "
            "id, url or channel, or one id, address or channel:NAME a line."
        )
    excluded = Exclusion(
        keys=tuple(sorted(keys)), ids=tuple(sorted(ids)), channels=tuple(sorted(channels))
    )
    return Entries(excluded, unread, first)


def video_names(video_id: str) -> frozenset[str]:
    """The names by which a list may mean the video that its source calls so.

    >>> sorted(video_names("val/dQw4w9WgXcQ_000001_000011.mp4"))[1:]
    ['dQw4w9WgXcQ_000001_000011', 'val/dQw4w9WgXcQ_000001_000011.mp4']
    """
    name = _without_ending(video_id)
    segment = _SEGMENT.fullmatch(name)
    return frozenset({video_id, name, *([segment[1]] if segment else [])})


def channel_forms(channel: str) -> frozenset[str]:
    """The forms in which a channel may be named: a name, an id, a handle or an address.

    >>> sorted(channel_forms("https://www.youtube.com/@BirdsTV"))
    ['@birdstv', 'https://www.youtube.com/@birdstv']
    """
    plain = " ".join(channel.split()).casefold()
    if not plain:
        return frozenset()
    forms = {plain}
    if "://" in plain:
        forms = {plain.rstrip("/")}
        named = _OF_CHANNEL.fullmatch(_path(plain))
        if named:
            forms.add(named[1])
    return frozenset(forms)


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


# Files.


def _entries(file: Path) -> Iterator[_Entry | None]:
    """What each line or row says; None: it is not understood."""
    form = form_of(file)
    if file.suffix.lower() == ".parquet":
        return _of_parquet(file)
    return _of_json(file) if form in (".jsonl", ".ndjson") else _of_text(file)


def _of_parquet(file: Path) -> Iterator[_Entry | None]:
    with pq.ParquetFile(file, pre_buffer=False) as table:
        names = [name for name in table.schema_arrow.names if _meaning(name)]
        rows = rows_at_once(file, table.metadata, 10_000, set(names)) if names else 1
        for batch in table.iter_batches(rows, columns=names, use_threads=False) if names else ():
            for row in batch.to_pylist():
                yield _of_row(row.items())


def _of_json(file: Path) -> Iterator[_Entry | None]:
    for line in _lines(file):
        if not line.strip():
            yield _NOTHING
            continue
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            yield None
            continue
        if isinstance(said, dict):
            yield _of_row(said.items())
        else:
            yield _of_text_entry(text_of(said)) if isinstance(said, str | int) else None


def _of_text(file: Path) -> Iterator[_Entry | None]:
    lines = _lines(file)
    first = list(islice(lines, _JUDGED))
    delimiter = max(_DELIMITERS, key=lambda each: sum(each in line for line in first))
    if not any(delimiter in line for line in first):
        header = _plain(first[0]) if first else ""
        is_header = header in _IDS | _URLS | _CHANNELS
        column = first[0].strip() if is_header else ""
        for place, line in enumerate(_again(first, lines)):
            if place == 0 and is_header:
                yield _NOTHING
            else:
                yield _of_row([(column, line)]) if is_header else _of_text_entry(line)
        return
    rows = [_cells(line, delimiter) for line in first]
    header_row = rows[0] if any(map(_meaning, rows[0])) else None
    chosen = None if header_row else _column_of_ids(rows)
    for place, line in enumerate(_again(first, lines)):
        cells = _cells(line, delimiter)
        if (place == 0 and header_row) or not any(cell.strip() for cell in cells):
            yield _NOTHING
        elif header_row:
            yield _of_row(zip(header_row, cells, strict=False))
        elif chosen is not None and chosen < len(cells):
            yield _of_text_entry(cells[chosen])
        else:
            yield None


def _again(first: Sequence[str], lines: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from lines


def _lines(file: Path) -> Iterator[str]:
    """The lines of a text; of one that is too long, its beginning, which nothing is made of."""
    with open_text(file, newline="") as text:
        while line := text.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE and not line.endswith(("\r", "\n")):
                while (rest := text.readline(_LONGEST_LINE)) and not rest.endswith(("\r", "\n")):
                    pass
            yield line.rstrip("\r\n")


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        # What is no row is no entry either.
        return ["\0"]


def _column_of_ids(rows: Sequence[Sequence[str]]) -> int | None:
    """The column of a table without a header whose cells look like ids or addresses; None: none."""
    width = max(map(len, rows), default=0)
    counts = [
        sum(place < len(row) and _is_surely_video(row[place]) for row in rows)
        for place in range(width)
    ]
    best = max(range(width), key=lambda place: (counts[place], -place), default=None)
    return best if best is not None and 2 * counts[best] > len(rows) else None


def _is_surely_video(cell: str) -> bool:
    cell = cell.strip()
    name = _without_ending(cell)
    return bool("://" in cell or _KEY.fullmatch(cell) or _YOUTUBE.fullmatch(name)) or bool(
        _SEGMENT.fullmatch(name)
    )


# Rows and entries.


def _of_row(row: Iterable[tuple[str, Any]]) -> _Entry | None:
    """What the cells of a row say, by the names of their columns.

    Where a row names a video, its channel only describes it.
    """
    ids, urls, channels = list[str](), list[str](), list[str]()
    by_kind = {"id": ids, "url": urls, "channel": channels}
    for name, cell in row:
        kind, text = _meaning(name), text_of(cell)
        if kind and text:
            by_kind[kind].append(text)
    named = [_of_text_entry(text, named=True) for text in (*ids, *urls)]
    found = [each for each in named if each]
    if found:
        return _Entry(
            tuple(key for each in found for key in each.keys),
            tuple(video for each in found for video in each.ids),
            tuple(channel for each in found for channel in each.channels),
        )
    forms = [_channel(text) for text in channels]
    if named or not any(forms):
        return None
    return _Entry(channels=tuple(form for each in forms for form in each))


def _of_text_entry(text: str | None, *, named: bool = False) -> _Entry | None:
    """What an entry says; None: it is not understood. `named`: a column says that it is a video."""
    text = (text or "").strip()
    if not text or text.startswith("#"):
        return _NOTHING
    kind, _, channel = text.partition(":")
    if kind.casefold() == "channel" and "://" not in kind:
        forms = _channel(channel)
        return _Entry(channels=tuple(forms)) if forms else None
    # Titles have spaces, and so do names of files.
    is_name = named or " " not in text or _without_ending(text) != text
    if len(text) > _LONGEST_ENTRY or not text.isprintable() or not is_name:
        return None
    if "://" in text:
        return _of_address(text)
    if _KEY.fullmatch(text):
        return _Entry(keys=(text,))
    name = _without_ending(text)
    segment = _SEGMENT.fullmatch(name)
    return _Entry(ids=(segment[1] if segment else name,)) if name else None


def _of_address(url: str) -> _Entry | None:
    """A video, or a channel of YouTube's."""
    try:
        host, path = urlsplit(url).hostname or "", urlsplit(url).path
    except ValueError:
        return None
    if not host:
        return None
    is_youtube = host == "youtube.com" or host.endswith(".youtube.com")
    if is_youtube and re.match(r"/(@|channel/|c/|user/)", path):
        return _Entry(channels=tuple(channel_forms(url)))
    return _Entry(keys=tuple(dict.fromkeys(keys_of(url))))


def _channel(text: str) -> frozenset[str]:
    text = text.strip()
    readable = text and text.isprintable() and len(text) <= _LONGEST_ENTRY
    return channel_forms(text) if readable else frozenset()


def _without_ending(text: str) -> str:
    """The name of a file without folders and ending; another text as it is."""
    name = text.replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return stem if _ENDING.fullmatch(f"{dot}{ending}") else text


def _meaning(name: str) -> str | None:
    """What a column of this name holds: id, url or channel."""
    plain = _plain(name)
    kinds = {"id": _IDS, "url": _URLS, "channel": _CHANNELS}
    return next((kind for kind, names in kinds.items() if plain in names), None)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
