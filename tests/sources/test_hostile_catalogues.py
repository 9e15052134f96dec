"""Catalogues, class lists and configurations that were made to take all memory, or all time."""

import gzip
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from videonet.cli.configuration import _take
from videonet.errors import UsageError
from videonet.sources.catalogue import Catalogue
from videonet.sources.folder import Folder
from videonet.targets.class_list import read_class_list
from videonet.training.config import load

MEGABYTE = 1_000_000
HEADER = b"id,url,title\n"
ROW = b"a,https://x/a.mp4,A cat\n"


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Fails a test in which Python's own objects take more than 200 MB."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * MEGABYTE


def packed(file: Path, *parts: bytes) -> Path:
    """A file of these parts, many of which are alike."""
    with gzip.open(file, "wb", compresslevel=1) as stream:
        for part in parts:
            stream.write(part)
    return file


LONG = b"x" * MEGABYTE
CATALOGUES = {
    "a line without an end": (".csv.gz", [HEADER, ROW, *[LONG] * 250]),
    "a header without an end": (".csv.gz", [LONG] * 250),
    "a quote without an end": (
        ".csv.gz",
        [HEADER, ROW, b'"', *[(b"line" * 250 + b"\n") * 1_000] * 250],
    ),
    "many long cells in a row": (
        ".csv.gz",
        [b"id,url,title", b",x" * 100, b"\n", *[b'"' + LONG + b'\n",'] * 250],
    ),
    "a title of megabytes": (".csv.gz", [HEADER, ROW, b"b,https://x/b.mp4,", LONG, LONG, b"\n"]),
    "many titles of megabytes": (
        ".csv.gz",
        [HEADER, *[b"b,https://x/b.mp4," + LONG + LONG + b"\n"] * 250],
    ),
    "an object without an end": (".jsonl.gz", [b'{"id": "', *[LONG] * 250]),
    "lists in lists": (".jsonl.gz", [b"[" * MEGABYTE]),
    "tabs without an end": (".tsv.gz", [b"id\turl\ttitle\n", *[b"\t" * MEGABYTE] * 250]),
}


@pytest.mark.parametrize("case", CATALOGUES)
def test_a_catalogue_without_measure_is_a_sentence(tmp_path: Path, case: str, little_memory: None):
    suffix, parts = CATALOGUES[case]
    catalogue = Catalogue(packed(tmp_path / f"c{suffix}", *parts), None)
    with pytest.raises(UsageError, match="atalogue"):
        list(map(list, catalogue.batches()))


def test_long_cells_of_columns_that_are_not_ours_are_passed_over(
    tmp_path: Path, little_memory: None
):
    rows = [b"a,https://x/a.mp4,A cat," + LONG * 5 + b"\n"] * 50
    file = packed(tmp_path / "c.csv.gz", b"id,url,title,transcript\n", *rows)
    assert sum(len(batch) for batch in Catalogue(file, None).batches()) == 50


@pytest.mark.slow
def test_a_value_that_stands_in_each_row_is_not_unpacked_for_all(tmp_path: Path):
    places = pa.array([0] * 2_000, pa.int32())
    title = pa.DictionaryArray.from_arrays(places, pa.array(["x" * 50 * MEGABYTE]))
    text = pa.array(["a"] * 2_000)
    file = tmp_path / "c.parquet"
    pq.write_table(
        pa.table({"id": text, "url": text, "title": title}),
        file,
        compression="zstd",
        store_schema=False,
    )
    assert file.stat().st_size < MEGABYTE
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(UsageError, match=r"'title' .* holds a cell of more than 1,000,000"):
        list(Catalogue(file, None).batches())
    assert pa.default_memory_pool().max_memory() - before < 3_000 * MEGABYTE


def test_a_page_of_gigabytes_is_refused(tmp_path: Path):
    file = tmp_path / "c.parquet"
    table = pa.table({"id": ["a"], "url": ["b"], "title": ["x" * 300 * MEGABYTE]})
    pq.write_table(table, file, compression="zstd", write_statistics=False)
    with pytest.raises(UsageError, match="a page of the column title would take more than 256,00"):
        Catalogue(file, None).check()


def test_a_class_list_without_an_end_is_a_sentence(tmp_path: Path):
    for name in ("zeros.txt", "zeros.toml"):
        (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="it has more than 16,000,000 bytes"):
        read_class_list(tmp_path / "zeros.txt")
    with pytest.raises(UsageError, match="it has more than 1,000,000 bytes"):
        load(str(tmp_path / "zeros.toml"))
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
    with pytest.raises(UsageError, match="it has more than 1,000,000 bytes"):
        _take(context, tmp_path / "zeros.toml")


@pytest.mark.parametrize(
    "line",
    [
        "n00000000" + " " * MEGABYTE,
        "n00000000" + " :," * 300_000,
        "a" + "." * MEGABYTE,
        "a: " + "b," * 300_000,
        "# " * 300_000,
        "a " * 300_000 + "#",
    ],
    ids=range(6),
)
def test_a_long_line_of_a_class_list_takes_no_longer_than_many_short_ones(
    tmp_path: Path, line: str
):
    file = tmp_path / "classes.txt"
    file.write_text(f"cat\n{line}\n")
    assert 1 in read_class_list(file)


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "[" + "a." * 100_000 + "b]\n", "\0"])
def test_a_configuration_that_is_nested_without_measure_is_a_sentence(tmp_path: Path, text: str):
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(UsageError):
        load(str(file))
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
    with pytest.raises(UsageError):
        _take(context, file)


@pytest.mark.parametrize("text", [None, "[" * 100_000, '{"id":' * 100_000])
def test_an_info_file_without_measure_is_a_sentence(tmp_path: Path, text: str | None):
    (tmp_path / "a.mp4").write_bytes(b"video")
    beside = tmp_path / "a.info.json"
    if text is None:
        beside.symlink_to("/dev/zero")
    else:
        beside.write_text(text)
    with pytest.raises(UsageError, match=r"a\.info\.json"):
        list(map(list, Folder(tmp_path).batches()))
