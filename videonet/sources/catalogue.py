"""A table of videos: CSV, TSV, JSON lines or Parquet with the columns id, url and title.

A folder of Parquet files is one table too: a candidate list, or the results of searches, that
somebody has published.
"""

import csv
import json
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from yt_dlp.utils import parse_duration

from videonet.errors import UsageError
from videonet.schemas.video_info import VideoInfo
from videonet.sources.source import BATCH_ROWS, Batch, Row
from videonet.text import encodable

REQUIRED = ("id", "url", "title")
# what the candidate lists of runs call it
_ID = "video_id"
OPTIONAL = ("duration", "channel", "licence")
SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}

# What is read of a column of a Parquet file at a time, bytes.
_BUFFER = 1 << 16

_HINTS = {
    ",": "quote cells that contain a comma",
    "\t": "a cell cannot contain a tab",
}


@dataclass(frozen=True)
class Catalogue:
    """Rows in the order of the file. Memory does not grow with their number."""

    file: Path
    # folder that urls which are no http(s) urls are relative to
    files_root: Path | None
    kind: str = "catalogue"

    def check(self) -> None:
        """Raise UsageError if the file is not a table with the columns that are needed."""
        if self.file.is_dir():
            if not self._parquet_files():
                raise UsageError(f"The folder {self.file} has no .parquet files in it.")
        elif self.file.suffix.lower() not in SUFFIXES:
            known = ", ".join(sorted(SUFFIXES))
            raise UsageError(f"The catalogue {self.file} must be a file of one of: {known}.")
        elif not self.file.is_file():
            raise UsageError(f"There is no catalogue {self.file}.")
        if self.files_root is not None and not self.files_root.is_dir():
            raise UsageError(f"There is no folder {self.files_root}, given with --files-root.")
        if next(self._records(), None) is None:
            raise UsageError(f"The catalogue {self.file} has no rows.")

    def batches(self) -> Iterator[Batch]:
        """All rows. Raises UsageError for a file that cannot be read, naming the place.

        A row may lack its id or url: who needs them will say so. Most rows name no class.
        """
        first = 0
        for records in self._records():
            yield _Table(self, first, records)
            first += len(records)

    def row(self, rank: int, record: Mapping[str, Any]) -> Row:
        """What a record, with its cells by the names of their columns, says of a video."""
        video_id = _text(record.get("id")) or _text(record.get(_ID)) or ""
        url, title = (_text(record.get(name)) or "" for name in ("url", "title"))
        remote = "://" in url
        video = VideoInfo(
            video_id=video_id,
            url=url,
            root=None if remote or self.files_root is None else str(self.files_root.absolute()),
            title=title,
            duration=_duration(record.get("duration")),
            channel=_text(record.get("channel")),
            licence=_text(record.get("licence")),
        )
        return Row(rank, video)

    def _records(self) -> "Iterator[_Columns] | Iterator[_Lines]":
        try:
            yield from self._parsed()
        except OSError as error:
            # Arrow raises it, too, with texts of several lines.
            why = error.strerror or " ".join(str(error).split())
            raise UsageError(f"The catalogue {self.file} cannot be read ({why}).") from error

    def _parsed(self) -> "Iterator[_Columns] | Iterator[_Lines]":
        match self.file.suffix.lower():
            case ".csv":
                return self._delimited(",", csv.QUOTE_MINIMAL)
            case ".tsv":
                # Quotes are ordinary characters in tab-separated files.
                return self._delimited("\t", csv.QUOTE_NONE)
            case _ if self.file.is_dir():
                return chain.from_iterable(map(self._parquet, self._parquet_files()))
            case ".parquet":
                return self._parquet(self.file)
            case _:
                return _in_batches(self._json_lines())

    def _delimited(self, delimiter: str, quoting: Any) -> "Iterator[_Lines]":
        with self.file.open(encoding="utf-8-sig", newline="") as lines:
            # Strict: a quote that is never closed would make one cell of all rows after it.
            reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
            try:
                with _long_cells():
                    names = next(reader, [])
                self._columns_checked(names)
                while rows := _some_rows(reader, names, _HINTS[delimiter]):
                    yield _Lines(rows)
            except (csv.Error, UnicodeDecodeError) as error:
                raise UsageError(
                    f"The catalogue {self.file} cannot be read near line {reader.line_num}: "
                    f"{error}."
                ) from error

    def _json_lines(self) -> Iterator[Mapping[str, Any]]:
        checked = False
        with self.file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise self._broken_line(number, str(error)) from error
                if not isinstance(record, dict):
                    raise self._broken_line(number, "an object is expected")
                if not checked:
                    # Those of the others may be missing: it is how JSON says that a cell is empty.
                    self._columns_checked(record)
                    checked = True
                yield record

    def _parquet_files(self) -> list[Path]:
        return sorted(self.file.glob("*.parquet"))

    def _parquet(self, file: Path) -> "Iterator[_Columns]":
        try:
            # Columns are read bit by bit, where Arrow would keep all of each that it has read.
            with pq.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER) as table:
                names = table.schema_arrow.names
                self._columns_checked(names)
                wanted = [name for name in (*REQUIRED, _ID, *OPTIONAL) if name in names]
                # Threads cost more than they bring for so few rows.
                for batch in table.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
                    batch = _decoded(batch)
                    self._text_checked(file, batch)
                    yield _Columns(batch)
        except pa.ArrowException as error:
            raise UsageError(f"The catalogue {file} is no Parquet file: {error}.") from error

    def _text_checked(self, file: Path, batch: pa.RecordBatch) -> None:
        """Raise UsageError for text that is not UTF-8, which Arrow hands on as it is."""
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            why = " ".join(str(error).split())
            raise UsageError(f"The catalogue {file} cannot be read: {why}.") from error

    def _columns_checked(self, columns: Iterable[str]) -> None:
        names = list(columns)
        missing = [name for name in REQUIRED if name not in names]
        if _ID in names and "id" in missing:
            missing.remove("id")
        if missing:
            has = ", ".join(map(str, names)) or "none"
            raise UsageError(
                f"The catalogue {self.file} needs the columns id, url and title; "
                f"it lacks {' and '.join(missing)} and has: {has}."
            )

    def _broken_line(self, number: int, why: str) -> UsageError:
        return UsageError(f"Line {number} of the catalogue {self.file} is not JSON: {why}.")


@dataclass(frozen=True)
class _Table:
    """A batch of which only the titles are looked at, until a row is asked for."""

    catalogue: Catalogue
    # rank of the first row
    first: int
    records: "_Columns | _Lines"

    @property
    def titles(self) -> list[str]:
        """As rows have them."""
        return [_text(cell) or "" for cell in self.records.cells("title")]

    def rows(self, places: Sequence[int]) -> list[Row]:
        """Made of their cells."""
        records = self.records.at(places)
        return [
            self.catalogue.row(self.first + place, record)
            for place, record in zip(places, records, strict=True)
        ]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.records)

    def __iter__(self) -> Iterator[Row]:
        """All of them."""
        return iter(self.rows(range(len(self))))


@dataclass(frozen=True)
class _Columns:
    """Records as Parquet gives them."""

    table: pa.RecordBatch

    def cells(self, column: str) -> list[Any]:
        values: list[Any] = self._columns()[column].to_pylist()
        return values

    def at(self, places: Sequence[int]) -> list[Mapping[str, Any]]:
        # Arrow's own way of taking rows knows only some kinds of text.
        columns = self._columns().items()
        return [{name: column[place].as_py() for name, column in columns} for place in places]

    def __len__(self) -> int:
        return len(self.table)

    def _columns(self) -> dict[str, pa.Array]:
        # By hand, for Arrow refuses a name that two columns have; the last one has it here.
        return dict(zip(self.table.schema.names, self.table.columns, strict=True))


@dataclass(frozen=True)
class _Lines:
    """Records as files of text give them: cells by the names of their columns."""

    lines: list[Mapping[str, Any]]

    def cells(self, column: str) -> list[Any]:
        return [line.get(column) for line in self.lines]

    def at(self, places: Sequence[int]) -> list[Mapping[str, Any]]:
        return [self.lines[place] for place in places]

    def __len__(self) -> int:
        return len(self.lines)


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same with values in place of their numbers in a dictionary, which is of all rows."""
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


# Cells may be as long as this, characters. Python's own limit is 131,072.
_LONGEST_CELL = 1 << 30

# The limit is one for the whole process, so one thread at a time raises it.
_raising = threading.Lock()


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let `csv` read cells of up to _LONGEST_CELL characters while this lasts."""
    with _raising:
        before = csv.field_size_limit(_LONGEST_CELL)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _some_rows(reader: Iterator[list[str]], names: list[str], hint: str) -> list[Mapping[str, Any]]:
    """The next BATCH_ROWS rows, by the names of their columns; fewer at the end of the file.

    Raises csv.Error for a row with more cells than there are names.
    """
    rows: list[Mapping[str, Any]] = []
    with _long_cells():
        for cells in islice(filter(None, reader), BATCH_ROWS):
            if len(cells) > len(names):
                raise csv.Error(f"it has more cells than the header; {hint}")
            rows.append(dict(zip(names, cells, strict=False)))
    return rows


def _in_batches(lines: Iterator[Mapping[str, Any]]) -> Iterator[_Lines]:
    while some := list(islice(lines, BATCH_ROWS)):
        yield _Lines(some)


def _duration(value: Any) -> float | None:
    """Seconds, from a number or from a text such as "83", "1:23" or "PT1M23S"; None: unknown.

    Nothing lasts 0 s or less: the value stands for an unknown length.
    """
    text = _text(value)
    seconds = None if text is None else parse_duration(text)
    return float(seconds) if seconds is not None and 0 < seconds < math.inf else None


def _text(value: Any) -> str | None:
    """A cell as text; an empty one is None."""
    return None if value is None else encodable(str(value).strip()) or None
