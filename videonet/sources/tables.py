"""Reads a file as a table, part by part: CSV, TSV, JSON lines or Parquet.

A record holds cells by our names of their columns (see `videonet.sources.columns`), as the file
has them: text, numbers, or nothing.
"""

import csv
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.files import is_folder
from videonet.schemas.video_info import DETAILS
from videonet.shards.page_headers import rows_at_once
from videonet.sources.columns import columns_of, is_known, missing
from videonet.sources.source import BATCH_ROWS
from videonet.sources.text_files import form_of, open_text
from videonet.text import shortened

# What a file's name ends with, and what may stand between cells, the usual first.
_DELIMITERS = {".csv": ",;\t", ".tsv": "\t,;"}
FORMS = frozenset({*_DELIMITERS, ".jsonl", ".ndjson", ".parquet"})

_HINTS = {
    ",": "quote cells that contain a comma",
    ";": "quote cells that contain a semicolon",
    "\t": "a cell cannot contain a tab",
}

# The line by which spreadsheets tell each other what stands between the cells below it.
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)

# What is read of a column of a Parquet file at a time, bytes.
_BUFFER = 1 << 16

# Numbers stay as they are written, for some are longer than Python's.
_JSON = json.JSONDecoder(parse_int=str, parse_constant=lambda _: None)


@dataclass(frozen=True)
class Columns:
    """Records as Parquet gives them."""

    table: pa.RecordBatch

    def cells(self, column: str) -> list[Any]:
        """Those of a column, or none for each row."""
        if column not in self.table.schema.names:
            return [None] * len(self)
        values: list[Any] = self.table[column].to_pylist()
        return values

    def longest(self, column: str) -> int:
        """Bytes of the longest text in a column; 0 where there is none."""
        if column not in self.table.schema.names:
            return 0
        cells = self.table[column]
        try:
            return int(pc.max(pc.binary_length(cells)).as_py() or 0)
        except pa.ArrowNotImplementedError:
            # numbers, which are short, and texts of kinds that Arrow hardly knows
            return _longest(cells.to_pylist())

    def at(self, places: Sequence[int]) -> list[Mapping[str, Any]]:
        """The records at these places."""
        # Arrow's own way of taking rows knows only some kinds of text.
        columns = list(zip(self.table.schema.names, self.table.columns, strict=True))
        return [{name: column[place].as_py() for name, column in columns} for place in places]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.table)


@dataclass(frozen=True)
class Lines:
    """Records as files of text give them."""

    lines: Sequence[Mapping[str, Any]]

    def cells(self, column: str) -> list[Any]:
        """Those of a column, or none for each row."""
        return [line.get(column) for line in self.lines]

    def longest(self, column: str) -> int:
        """Characters of the longest text in a column; 0 where there is none."""
        return _longest(self.cells(column))

    def at(self, places: Sequence[int]) -> list[Mapping[str, Any]]:
        """The records at these places."""
        return [self.lines[place] for place in places]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.lines)


def _longest(cells: Iterable[Any]) -> int:
    return max((len(cell) for cell in cells if isinstance(cell, str | bytes)), default=0)


Records = Columns | Lines


class Part(NamedTuple):
    """Some records that follow each other."""

    records: Records
    # our name -> the column that is taken for it
    taken: Mapping[str, str]
    # all columns that there are
    columns: Sequence[str]


def form(file: Path) -> str:
    """How a table is written, as the name of its file says: ".csv" also of `x.csv.gz`."""
    unpacked = form_of(file)
    # Parquet has a compression of its own, and is not read from its beginning.
    return file.suffix.lower() if unpacked == ".parquet" else unpacked


def parquet_files(folder: Path) -> list[Path]:
    """Those of a folder that is one table, in its order."""
    return sorted(folder.glob("*.parquet"))


def read_table(file: Path) -> Iterator[Part]:
    """All records of a file of one of FORMS, or of a folder of Parquet files, BATCH_ROWS at a time.

    Raises UsageError for what cannot be read, naming the place.
    """
    try:
        for part in _parts(file):
            _check_lengths(file, part)
            yield part
    except OSError as error:
        # Arrow raises it, too, with texts of several lines.
        why = error.strerror or " ".join(str(error).split())
        raise UsageError(f"The catalogue {file} cannot be read ({why}).") from error


def no_text(file: Path, column: str, holds: str) -> UsageError:
    """For a column that holds something else than text."""
    return UsageError(
        f"The column {column!r} of the catalogue {file} {holds}, where text is expected; "
        "write it as text, or leave it out."
    )


def _check_lengths(file: Path, part: Part) -> None:
    """Raise UsageError for a cell that is longer than anything that a source says of a video."""
    for ours, column in part.taken.items():
        # Of what else is said of a video, the beginning is kept.
        if ours not in DETAILS and part.records.longest(ours) > _LONGEST_CELL:
            raise UsageError(
                f"The column {column!r} of the catalogue {file} holds a cell of more than "
                f"{_LONGEST_CELL:,} characters, where an id, an address or a title is expected; "
                "leave out that row."
            )


def _parts(file: Path) -> Iterator[Part]:
    if is_folder(file):
        return chain.from_iterable(map(_parquet, parquet_files(file)))
    match form(file):
        case ".csv" | ".tsv":
            return _delimited(file, _delimiter(file))
        case ".parquet":
            return _parquet(file)
        case _:
            return _json_parts(file)


# Text with something between its cells.


def _delimiter(file: Path) -> str:
    """What stands between cells: that with which the first line has most of our columns."""
    found: dict[str, int] = {}
    for delimiter in _DELIMITERS[form(file)]:
        with _opened(file, delimiter) as (_, names, _):
            found[delimiter] = len(columns_of(names))
        if not missing(columns_of(names)):
            return delimiter
    return max(found, key=lambda delimiter: found[delimiter])


def _delimited(file: Path, delimiter: str) -> Iterator[Part]:
    with _opened(file, delimiter) as (reader, names, rows):
        taken = columns_of(names)
        _check_columns(file, taken, names)
        # Of two columns with one name, the last.
        last = {name: place for place, name in enumerate(names)}
        places = [(ours, last[column]) for ours, column in taken.items()]
        while lines := _some_lines(reader, rows, len(names), places, _HINTS[delimiter]):
            yield Part(Lines(lines), taken, names)


# A row may be as long as this, and a cell likewise, characters. Some catalogues have whole
# transcripts in a column that is not ours. Python's own limit for a cell is 131,072.
_LONGEST_ROW = 16_000_000
_LONGEST_SEPARATOR = 100

# Of our own columns. The longest of titles has 100 characters, and of addresses some thousand.
_LONGEST_CELL = 1_000_000

# Characters of rows that are held at a time; a batch ends before it has more.
_MOST_AT_ONCE = 32_000_000


class _Rows:
    """The lines of a table, without the one that says what stands between the cells."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._lines = self._all()
        # characters since `begin_row` was called last
        self.length = 0

    def begin_row(self) -> None:
        """Say that the lines to come are those of another row."""
        self.length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.length += len(line)
        if self.length > _LONGEST_ROW:
            raise csv.Error(f"the row has more than {_LONGEST_ROW:,} characters")
        return line

    def _all(self) -> Iterator[str]:
        first = self._text.readline(_LONGEST_ROW + 1)
        if not _SEPARATOR.fullmatch(first[:_LONGEST_SEPARATOR].strip()):
            yield first
        while line := self._text.readline(_LONGEST_ROW + 1):
            yield line


@contextmanager
def _opened(file: Path, delimiter: str) -> Iterator[tuple[Any, list[str], _Rows]]:
    """A reader of the rows, the names of their columns, and what it reads from."""
    # Quotes are ordinary characters where tabs separate.
    quoting: Any = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    with open_text(file, newline="") as text:
        # Strict: a quote that is never closed would make one cell of all rows after it.
        rows = _Rows(text)
        reader = csv.reader(rows, delimiter=delimiter, quoting=quoting, strict=True)
        try:
            with _long_cells():
                names = next(reader, [])
            yield reader, names, rows
        except (csv.Error, UnicodeError) as error:
            raise UsageError(
                f"The catalogue {file} cannot be read near line {reader.line_num}: {error}."
            ) from error


# The limit is one for the whole process, so one thread at a time raises it.
_raising = threading.Lock()


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let `csv` read cells of up to _LONGEST_ROW characters while this lasts."""
    with _raising:
        before = csv.field_size_limit(_LONGEST_ROW)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _some_lines(
    reader: Iterator[list[str]],
    rows: _Rows,
    width: int,
    places: Sequence[tuple[str, int]],
    hint: str,
) -> list[Mapping[str, Any]]:
    """The next BATCH_ROWS records; fewer at the end, or of long rows. `places` are of columns.

    Raises csv.Error for a row with more cells than the header's `width`.
    """
    records: list[Mapping[str, Any]] = []
    characters = 0
    rows.begin_row()
    with _long_cells():
        for cells in islice(filter(None, reader), BATCH_ROWS):
            characters += rows.length
            rows.begin_row()
            count = len(cells)
            if count > width:
                raise csv.Error(f"it has more cells than the header; {hint}")
            records.append({ours: cells[place] for ours, place in places if place < count})
            if characters > _MOST_AT_ONCE:
                break
    return records


# JSON lines.


def _json_parts(file: Path) -> Iterator[Part]:
    objects = _json_objects(file)
    taken: dict[str, str] = {}
    while some := _next_objects(objects):
        # One may lack a name: it is how JSON says that a cell is empty.
        names = sorted(filter(is_known, set().union(*some)))
        # A column that was taken once stays so.
        taken = columns_of(names) | taken
        _check_columns(file, taken, list(some[0]))
        lines = [{ours: each.get(name) for ours, name in taken.items()} for each in some]
        yield Part(Lines(lines), taken, names)


def _next_objects(objects: Iterator[tuple[Mapping[str, Any], int]]) -> list[Mapping[str, Any]]:
    """The next BATCH_ROWS of them, or fewer that are long."""
    some = []
    characters = 0
    for record, length in islice(objects, BATCH_ROWS):
        some.append(record)
        characters += length
        if characters > _MOST_AT_ONCE:
            break
    return some


def _json_objects(file: Path) -> Iterator[tuple[Mapping[str, Any], int]]:
    """The objects, and how many characters each of them has."""
    number = 0
    try:
        with open_text(file, newline="\n") as text:
            for number in count(1):
                line = text.readline(_LONGEST_ROW + 1)
                if not line:
                    break
                if len(line) > _LONGEST_ROW:
                    why = f"it has more than {_LONGEST_ROW:,} characters"
                    raise _broken_line(file, number, why)
                if not line.strip():
                    continue
                try:
                    record = _JSON.decode(line)
                except (ValueError, RecursionError) as error:
                    raise _broken_line(file, number, str(error)) from error
                if not isinstance(record, dict):
                    raise _broken_line(file, number, "an object is expected")
                yield record, len(line)
    except UnicodeError as error:
        raise UsageError(
            f"The catalogue {file} cannot be read after line {number}: {error}."
        ) from error


def _broken_line(file: Path, number: int, why: str) -> UsageError:
    return UsageError(f"Line {number} of the catalogue {file} is not JSON: {why}.")


# Parquet.


def _parquet(file: Path) -> Iterator[Part]:
    try:
        # Columns are read bit by bit, where Arrow would keep all of each that it has read.
        with pq.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER) as table:
            schema = table.schema_arrow
            taken = columns_of(schema.names)
            _check_columns(file, taken, schema.names)
            for ours in [each for each in taken if each in DETAILS]:
                if not _can_say_more(schema.field(taken[ours]).type):
                    del taken[ours]
            for ours, column in taken.items():
                if ours in DETAILS:
                    continue
                for place in schema.get_all_field_indices(column):
                    kind = schema.field(place).type
                    if not _can_be_read(kind, ours):
                        raise no_text(file, column, f"is of the type {kind}")
            rows = rows_at_once(file, table.metadata, BATCH_ROWS, set(taken.values()))
            # Threads cost more than they bring for so few rows.
            for batch in table.iter_batches(rows, columns=list(taken.values()), use_threads=False):
                records = _decoded(batch, taken)
                _check_text(file, records)
                yield Part(Columns(records), taken, schema.names)
    except pa.ArrowException as error:
        raise UsageError(f"The catalogue {file} is no Parquet file: {error}.") from error
    except ValueError as error:
        raise UsageError(f"The catalogue {file} cannot be read ({error}).") from error


def _can_be_read(kind: pa.DataType, ours: str) -> bool:
    """Whether the cells of a column of this type can be text; those of a duration, also a time."""
    if pa.types.is_dictionary(kind):
        return _can_be_read(kind.value_type, ours)
    if isinstance(kind, pa.BaseExtensionType):
        return kind.extension_name == _UUID or _can_be_read(kind.storage_type, ours)
    if ours == "duration" and (pa.types.is_duration(kind) or pa.types.is_time(kind)):
        return True
    return any(is_kind(kind) for is_kind in _TEXT_OR_NUMBER)


def _can_say_more(kind: pa.DataType) -> bool:
    """Whether cells of this type can be one of `Details`; other columns are passed over."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _can_be_read(kind.value_type, "tags")
    return (
        _can_be_read(kind, "tags")
        or pa.types.is_boolean(kind)
        or pa.types.is_date(kind)
        or pa.types.is_timestamp(kind)
    )


_UUID = "arrow.uuid"
_TEXT_OR_NUMBER = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
    *(pa.types.is_fixed_size_binary, pa.types.is_integer, pa.types.is_floating),
    *(pa.types.is_decimal, pa.types.is_null),
)


def _decoded(batch: pa.RecordBatch, taken: Mapping[str, str]) -> pa.RecordBatch:
    """The columns that are taken, by our names, with values in place of numbers in a dictionary.

    A dictionary is of all rows, not of these alone.
    """
    # By hand, for Arrow refuses a name that two columns have; the last one has it here.
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    return pa.RecordBatch.from_arrays(
        [_values(columns[name]) for name in taken.values()], list(taken)
    )


def _values(column: pa.Array) -> pa.Array:
    if isinstance(column.type, pa.BaseExtensionType) and column.type.extension_name != _UUID:
        column = column.storage
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _check_text(file: Path, batch: pa.RecordBatch) -> None:
    """Raise UsageError for text that is not UTF-8, which Arrow hands on as it is."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        why = " ".join(str(error).split())
        raise UsageError(f"The catalogue {file} cannot be read: {why}.") from error


def _check_columns(file: Path, taken: Mapping[str, str], names: Iterable[str]) -> None:
    lacking = missing(taken)
    if lacking:
        has = shortened(", ".join(names)) or "none"
        raise UsageError(
            f"The catalogue {file} needs the columns id, url and title; "
            f"it lacks {' and '.join(lacking)} and has: {has}."
        )
