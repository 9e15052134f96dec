"""What sites answered to queries is the same for its readers before and after it is packed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from videonet.schemas.search import SearchResult
from videonet.schemas.table import to_batch
from videonet.schemas.video_info import VideoInfo
from videonet.sources.catalogue import Catalogue
from videonet.storage import search_files
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.lease import Lease, held_lease
from videonet.storage.objects import Objects
from videonet.storage.packing import pack
from videonet.storage.search_files import SearchFiles
from videonet.storage.store import Store

QUERIES = 40


def digest_of(number: int) -> str:
    return hashlib.sha256(f"ytsearch:{number}".encode()).hexdigest()


def answer(number: int, rows: int = 2, exhausted: str = "false") -> pa.Table:
    found = [
        SearchResult(
            video=VideoInfo(video_id=f"{number}-{rank}", url=f"https://v.org/{rank}", title="Cat"),
            query=f"cat {number}",
            rank=rank,
            searched="2026-01-01T00:00:00+00:00",
            run_id="a" * 32,
        )
        for rank in range(rows)
    ]
    batch = to_batch(SearchResult, found)
    return pa.Table.from_batches([batch]).replace_schema_metadata({"exhausted": exhausted})


def said(files: SearchFiles) -> dict[int, tuple[list[str], str] | None]:
    """What each query brought, and whether that is all."""
    read = {number: files.read(digest_of(number)) for number in range(QUERIES)}
    return {
        number: None
        if table is None
        else (table["id"].to_pylist(), table.schema.metadata[b"exhausted"].decode())
        for number, table in read.items()
    }


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are packed, into at most 16 files."""
    monkeypatch.setattr(search_files, "MOST_LOOSE", 0)
    monkeypatch.setattr(search_files, "DIGITS", 1)


def asked(objects: Objects) -> SearchFiles:
    """Some queries that brought nothing, some one video or two."""
    files = SearchFiles(objects)
    for number in range(QUERIES):
        exhausted = "true" if number % 2 else "false"
        files.write(digest_of(number), answer(number, number % 3, exhausted))
    return files


@pytest.fixture
def folder(tmp_path: Path) -> Objects:
    return FolderObjects(tmp_path / "place")


@pytest.fixture
def files(folder: Objects) -> SearchFiles:
    return asked(folder)


@pytest.fixture
def lease(folder: Objects) -> Iterator[Lease]:
    with held_lease(folder, "packing") as lease:
        yield lease


def test_packed_queries_are_few_files_and_say_the_same(objects: Objects):
    files = asked(objects)
    before = said(files)
    assert before[2] == (["2-0", "2-1"], "false")
    assert before[3] == ([], "true")
    with held_lease(objects, "packing") as lease:
        assert files.pack(lease) == QUERIES
        assert len(list(objects.list("search/"))) == len({digest_of(n)[0] for n in range(QUERIES)})
        assert said(SearchFiles(objects)) == before
        assert files.pack(lease) == 0


def test_what_is_asked_after_packing_counts(files: SearchFiles, lease: Lease):
    files.pack(lease)
    files.write(digest_of(2), answer(2, 5, "true"))
    due = said(files)
    assert due[2] == ([f"2-{rank}" for rank in range(5)], "true")
    assert files.pack(lease) == 1
    assert said(files) == due


def test_what_is_written_while_it_is_packed_stays(files: SearchFiles, folder: Objects):
    class Late(Lease):
        """A lease under which, when a file is written, somebody has asked more meanwhile."""

        def __init__(self, held: Lease) -> None:
            self._held = held

        def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
            written = self._held.write_once(name, data, lasting=lasting)
            if digest_of(2).startswith(name.partition("/")[2][0]):
                files.write(digest_of(2), answer(2, 5))
            return written

    with held_lease(folder, "packing") as held:
        files.pack(Late(held))
        assert len(said(files)[2][0]) == 5
        files.pack(held)
    assert len(said(files)[2][0]) == 5


def test_a_packed_file_that_is_damaged_is_asked_again(
    folder: Objects, files: SearchFiles, lease: Lease
):
    files.pack(lease)
    name = next(iter(folder.list("search/"))).name
    held = folder.read_versioned(name)
    assert folder.write_if(name, held.data[:100], held.generation)
    lost = {number for number, each in said(files).items() if each is None}
    assert lost == {n for n in range(QUERIES) if name.startswith(f"search/{digest_of(n)[0]}")}
    for number in lost:
        files.write(digest_of(number), answer(number))
    files.pack(lease)
    assert None not in said(files).values()


def test_what_another_version_has_written_stays_as_it_is(
    folder: Objects, files: SearchFiles, lease: Lease
):
    other = answer(2).append_column("more", pa.array([1, 2]))
    files.write(digest_of(2), other)
    assert files.pack(lease) == QUERIES - 1
    assert files.read(digest_of(2)).column_names == other.column_names


def test_packed_or_not_they_are_a_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = Store(tmp_path / "store")
    store.prepare()
    for number in range(QUERIES):
        store.searches.write(digest_of(number), answer(number))

    def titled() -> set[str]:
        catalogue = Catalogue(tmp_path / "store/search", None)
        catalogue.check()
        return {row.video.video_id for batch in catalogue.batches() for row in batch}

    due = titled()
    assert len(due) == 2 * QUERIES
    monkeypatch.setattr(search_files, "MOST_LOOSE", QUERIES)
    # A few stay as they are.
    assert pack(store) == 0
    monkeypatch.setattr(search_files, "MOST_LOOSE", 10)
    assert pack(store) == QUERIES
    assert titled() == due
