"""A table of videos: CSV, TSV, JSON lines or Parquet with the columns id, url and title.

A folder of Parquet files is one table too: a candidate list, or the results of searches, that
somebody has published.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from videonet.errors import UsageError
from videonet.fetch.details import details_of
from videonet.files import is_file, is_folder
from videonet.schemas.video_info import DETAILS, VideoInfo
from videonet.sources.cells import seconds_of, text_of
from videonet.sources.columns import REQUIRED, notes_on
from videonet.sources.source import Batch, Row
from videonet.sources.tables import FORMS, Part, Records, form, no_text, parquet_files, read_table
from videonet.sources.text_files import COMPRESSED
from videonet.sources.video_key import key_without_address

# What else than text and numbers JSON has.
_KINDS = {list: "holds lists", dict: "holds objects", bool: "holds true and false"}


@dataclass(frozen=True)
class Catalogue:
    """Rows in the order of the file. Memory does not grow with their number."""

    file: Path
    # folder that urls which are no http(s) urls are relative to
    files_root: Path | None
    kind: str = "catalogue"

    def check(self) -> list[str]:
        """Raise UsageError if the file is not a table with the columns that are needed.

        A sentence says which columns are taken, if their names are not ours.
        """
        if is_folder(self.file):
            if not parquet_files(self.file):
                raise UsageError(f"The folder {self.file} has no .parquet files in it.")
        elif form(self.file) not in FORMS:
            raise UsageError(
                f"The catalogue {self.file} must be a file of one of: {', '.join(sorted(FORMS))}; "
                f"files of text may be compressed ({', '.join(sorted(COMPRESSED))})."
            )
        elif not is_file(self.file):
            raise UsageError(f"There is no catalogue {self.file}.")
        if self.files_root is not None and not is_folder(self.files_root):
            raise UsageError(f"There is no folder {self.files_root}, given with --files-root.")
        first = next(read_table(self.file), None)
        if first is None:
            raise UsageError(f"The catalogue {self.file} has no rows.")
        self._check_cells(first)
        notes = notes_on(first.taken, first.columns)
        return [f"In the catalogue {self.file}, {'; '.join(notes)}."] if notes else []

    def batches(self) -> Iterator[Batch]:
        """All rows. Raises UsageError for a file that cannot be read, naming the place.

        A row may lack its id or url: who needs them will say so. Most rows name no class.
        """
        first = 0
        of_the_web: bool | None = None
        for records, _, _ in read_table(self.file):
            if of_the_web is None:
                urls = (text_of(cell) or "" for cell in records.cells("url"))
                of_the_web = any("://" in url for url in urls)
            yield _Table(self, first, records, of_the_web)
            first += len(records)

    def row(self, rank: int, record: Mapping[str, Any], *, of_the_web: bool = False) -> Row:
        """What a record, with its cells by the names of their columns, says of a video.

        `of_the_web`: other rows have addresses. One with something else in its place is then a
        video that cannot be fetched; in a catalogue without addresses, it would be a local file.
        """
        video_id, url, title = (text_of(record.get(name)) or "" for name in REQUIRED)
        root = None if "://" in url or self.files_root is None else str(self.files_root.absolute())
        video = VideoInfo(
            video_id=video_id,
            url=url,
            root=root,
            title=title,
            duration=seconds_of(record.get("duration")),
            channel=text_of(record.get("channel")),
            licence=text_of(record.get("licence")),
            **details_of(record),
        )
        astray = of_the_web and root is None and url and "://" not in url
        return Row(rank, video, video_key=key_without_address(url) if astray else None)

    def _check_cells(self, part: Part) -> None:
        """Raise UsageError for a column of which most of the first rows hold what is no text.

        A single cell that is none is empty.
        """
        for ours, column in part.taken.items():
            if ours in DETAILS:
                continue
            cells = [cell for cell in part.records.cells(ours) if not _is_empty(cell)]
            if 2 * len(cells) > len(part.records) and not any(map(_can_be_read, cells)):
                holds = _KINDS.get(type(cells[0]), "holds bytes that are not UTF-8")
                raise no_text(self.file, column, holds)


@dataclass(frozen=True)
class _Table:
    """A batch of which only the titles are looked at, until a row is asked for."""

    catalogue: Catalogue
    # rank of the first row
    first: int
    records: Records
    of_the_web: bool

    @property
    def titles(self) -> list[str]:
        """As rows have them."""
        return [text_of(cell) or "" for cell in self.records.cells("title")]

    def rows(self, places: Sequence[int]) -> list[Row]:
        """Made of their cells."""
        records = self.records.at(places)
        return [
            self.catalogue.row(self.first + place, record, of_the_web=self.of_the_web)
            for place, record in zip(places, records, strict=True)
        ]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.records)

    def __iter__(self) -> Iterator[Row]:
        """All of them."""
        return iter(self.rows(range(len(self))))


def _is_empty(cell: Any) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str | bytes) and not cell.strip())


def _can_be_read(cell: Any) -> bool:
    if isinstance(cell, bytes):
        try:
            cell.decode()
        except UnicodeDecodeError:
            return False
    return text_of(cell) is not None or isinstance(cell, timedelta | time)
