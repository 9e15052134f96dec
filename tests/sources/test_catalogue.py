"""videonet.sources.catalogue: a table of videos, in four forms, says the same in each."""

import csv
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.rows import row_of
from tests.sources.written import FORMS
from videonet.errors import UsageError
from videonet.schemas.candidate import Candidate
from videonet.schemas.table import arrow_schema
from videonet.sources.catalogue import REQUIRED, Catalogue
from videonet.sources.source import BATCH_ROWS, Row
from videonet.sources.video_key import video_key
from videonet.storage.dataset_dir import DatasetDir

TITLE = 'The "best", of cats'
RECORDS = [
    ("7", "https://example.org/7.mp4", TITLE, "83", "Cats, Inc.", "CC-BY-4.0"),
    ("b", "https://example.org/b.mp4", "Ein Hund - läuft 🐕", "1:23", None, None),
    ("c", "https://example.org/c.mp4", None, None, "x", None),
]


def rows_of(file: Path, files_root: Path | None = None) -> list[Row]:
    source = Catalogue(file, files_root)
    source.check()
    return [row for batch in source.batches() for row in batch]


def rows_in(file: Path, content: str | bytes) -> list[Row]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return rows_of(file)


def complaint_about(file: Path, content: str | bytes | None = None) -> str:
    """The one sentence that reading this catalogue ends with."""
    with pytest.raises(UsageError) as caught:
        rows_of(file) if content is None else rows_in(file, content)
    sentence = str(caught.value)
    assert str(file) in sentence
    assert "\n" not in sentence
    return sentence


# What a row says.


@pytest.mark.parametrize("suffix", FORMS)
def test_each_form_of_a_table_gives_the_same_rows(tmp_path: Path, suffix: str):
    FORMS[suffix](tmp_path / f"videos{suffix}", RECORDS)
    assert rows_of(tmp_path / f"videos{suffix}") == [
        row_of(0, "7", "https://example.org/7.mp4", None, TITLE, 83.0, "Cats, Inc.", "CC-BY-4.0"),
        row_of(1, "b", "https://example.org/b.mp4", None, "Ein Hund - läuft 🐕", 83.0),
        row_of(2, "c", "https://example.org/c.mp4", None, "", None, "x"),
    ]


@pytest.mark.parametrize("suffix", FORMS)
def test_rows_are_made_of_those_titles_that_are_asked_for(tmp_path: Path, suffix: str):
    file = tmp_path / f"videos{suffix}"
    FORMS[suffix](file, RECORDS * BATCH_ROWS)
    batches = list(Catalogue(file, None).batches())
    assert [len(batch) for batch in batches] == [BATCH_ROWS] * 3
    for batch in (batches[1], pickle.loads(pickle.dumps(batches[1]))):
        rows = list(batch)
        assert [row.rank for row in rows] == list(range(BATCH_ROWS, 2 * BATCH_ROWS))
        assert list(batch.titles) == [row.video.title for row in rows]
        assert batch.rows([0, 5, 999]) == [rows[0], rows[5], rows[999]]
        assert batch.rows([]) == []


@pytest.mark.parametrize("suffix", FORMS)
def test_titles_are_without_space_around_them(tmp_path: Path, suffix: str):
    FORMS[suffix](tmp_path / f"t{suffix}", [("a", "https://x", " \u3000A cat ", None, None, None)])
    (batch,) = Catalogue(tmp_path / f"t{suffix}", None).batches()
    assert list(batch.titles) == ["A cat"] == [row.video.title for row in batch]


_CELL = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@given(st.lists(st.tuples(_CELL, _CELL, _CELL), min_size=1, max_size=4))
def test_each_form_gives_the_same_rows_whatever_the_cells_hold(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str, str]]
):
    folder = tmp_path_factory.mktemp("forms")
    records = [(each[0], f"https://{each[1]}", each[2], "5", None, None) for each in cells]
    read = []
    for suffix, write in FORMS.items():
        write(folder / f"t{suffix}", records)
        read.append(rows_of(folder / f"t{suffix}"))
    assert read[0] == [
        row_of(rank, record[0], record[1], None, record[2], 5.0)
        for rank, record in enumerate(records)
    ]
    assert all(rows == read[0] for rows in read[1:])


def test_the_suffix_may_be_in_capitals(tmp_path: Path):
    assert len(rows_in(tmp_path / "VIDEOS.CSV", "id,url,title\na,https://x,A\n")) == 1


def test_columns_may_stand_in_any_order_and_others_are_ignored(tmp_path: Path):
    (row,) = rows_in(tmp_path / "t.csv", "views,title,url,likes,id\n7,A cat,https://x,8,a\n")
    assert row == row_of(0, "a", "https://x", None, "A cat")


def test_rank_is_the_number_of_the_row_across_batches(tmp_path: Path):
    lines = "".join(f"{i},https://x/{i},t\n" for i in range(2 * BATCH_ROWS + 3))
    file = tmp_path / "t.csv"
    file.write_text("id,url,title\n" + lines)
    batches = list(Catalogue(file, None).batches())
    assert [len(batch) for batch in batches] == [BATCH_ROWS, BATCH_ROWS, 3]
    rows = [row for batch in batches for row in batch]
    assert [row.rank for row in rows] == list(range(2 * BATCH_ROWS + 3))
    assert all(row.video.video_id == str(row.rank) for row in rows)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("83", 83), ("83.5", 83.5), ("1:23", 83), ("1:02:03", 3723), ("PT1M23S", 83), ("", None)],
)
def test_a_duration_is_seconds_or_clock_time_or_iso_8601(
    tmp_path: Path, text: str, seconds: float | None
):
    (row,) = rows_in(tmp_path / "t.csv", f"id,url,title,duration\na,https://x,A,{text}\n")
    assert row.video.duration == seconds


@pytest.mark.parametrize("text", ["soon", "-5", "1:2:3:4:5:6", "0", "0.0", "inf", "nan", "-0:01"])
def test_a_duration_that_cannot_be_is_unknown_and_ends_nothing(tmp_path: Path, text: str):
    content = f"id,url,title,duration\na,https://x,A,{text}\nb,https://y,B,5\n"
    assert [row.video.duration for row in rows_in(tmp_path / "t.csv", content)] == [None, 5]


def test_a_title_that_was_cut_within_a_character_is_read(tmp_path: Path):
    (row,) = rows_in(tmp_path / "t.jsonl", '{"id":"a","url":"https://x","title":"cat \\ud83d"}')
    assert row.video.title == "cat ?"


# CSV.


def test_csv_cells_may_be_quoted_and_hold_commas_quotes_and_line_breaks(tmp_path: Path):
    content = 'id,url,title\n"a",https://x,"A ""big"", red\ncat"\nb,https://y,B\n'
    assert [row.video.title for row in rows_in(tmp_path / "t.csv", content)] == [
        'A "big", red\ncat',
        "B",
    ]


def test_csv_may_have_a_byte_order_mark_and_windows_line_ends(tmp_path: Path):
    content = b"\xef\xbb\xbfid,url,title\r\na,https://x,A\r\nb,https://y,B\r\n"
    rows = rows_in(tmp_path / "t.csv", content)
    assert [(row.video.video_id, row.video.title) for row in rows] == [("a", "A"), ("b", "B")]


def test_blank_lines_of_csv_are_no_rows(tmp_path: Path):
    rows = rows_in(tmp_path / "t.csv", "id,url,title\n\na,https://x,A\n\n\nb,https://y,B\n\n")
    assert [(row.rank, row.video.video_id) for row in rows] == [(0, "a"), (1, "b")]


def test_a_csv_title_longer_than_pythons_limit_is_read(tmp_path: Path):
    (row,) = rows_in(tmp_path / "t.csv", f"id,url,title\na,https://x,{'x' * 200_000}\n")
    assert len(row.video.title) == 200_000


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_pythons_limit_is_as_it_was_while_and_after_a_catalogue_is_read(tmp_path: Path, name: str):
    before = csv.field_size_limit()
    between = "," if name == "t.csv" else "\t"
    row = between.join(["a", "https://x", "x" * 200_000])
    content = "\n".join([between.join(REQUIRED), *[row] * 3, ""])
    (tmp_path / name).write_text(content)
    batches = Catalogue(tmp_path / name, None).batches()
    assert len(next(batches)) == 3
    assert csv.field_size_limit() == before
    with pytest.raises(csv.Error, match="field larger than field limit"):
        next(csv.reader(["x" * 200_000]))
    assert list(batches) == []
    assert csv.field_size_limit() == before
    complaint_about(tmp_path / "broken.csv", 'id,url,title\na,https://x,"A\n')
    assert csv.field_size_limit() == before


def test_catalogues_are_read_at_the_same_time_whatever_their_cells_hold(tmp_path: Path):
    titles = ["x" * (140_000 if number % 100 == 0 else 10) for number in range(3 * BATCH_ROWS)]
    rows = [f"a,https://x,{title}\n" for title in titles]
    (tmp_path / "t.csv").write_text("".join(["id,url,title\n", *rows]))

    def read(_: int) -> list[str]:
        batches = Catalogue(tmp_path / "t.csv", None).batches()
        return [title for batch in batches for title in batch.titles]

    with ThreadPoolExecutor(4) as threads:
        assert all(found == titles for found in threads.map(read, range(4)))


def test_a_csv_quote_that_is_never_closed_is_refused(tmp_path: Path):
    # Else one title would swallow all rows after it.
    content = 'id,url,title\na,https://x,"A\nb,https://y,B\nc,https://z,C\n'
    assert "unexpected end of data" in complaint_about(tmp_path / "t.csv", content)


def test_a_csv_row_with_too_many_cells_is_refused_with_its_line(tmp_path: Path):
    # A comma that was not quoted: its title would be cut, and the rest be a duration.
    content = "id,url,title\na,https://x,A\nb,https://y,Cats, dogs\n"
    sentence = complaint_about(tmp_path / "t.csv", content)
    assert "line 3" in sentence
    assert "quote" in sentence


# TSV.


def test_quotes_are_ordinary_characters_in_tsv(tmp_path: Path):
    content = 'id\turl\ttitle\na\thttps://x\t"Cat" says "hi"\nb\thttps://y\t"open\n'
    rows = rows_in(tmp_path / "t.tsv", content)
    assert [row.video.title for row in rows] == ['"Cat" says "hi"', '"open']


# JSON lines.


def test_blank_lines_of_json_lines_are_left_out(tmp_path: Path):
    one, two = (json.dumps({"id": each, "url": "https://x", "title": "A"}) for each in (1, 2))
    rows = rows_in(tmp_path / "t.jsonl", f"\n{one}\n   \n{two}\n\n")
    assert [(row.rank, row.video.video_id) for row in rows] == [(0, "1"), (1, "2")]


@pytest.mark.parametrize("broken", ['{"id": ', "[1, 2]", "7"])
def test_a_broken_line_of_json_lines_is_named_by_its_number(tmp_path: Path, broken: str):
    good = '{"id": "a", "url": "https://x", "title": "A"}'
    sentence = complaint_about(tmp_path / "t.jsonl", f"{good}\n\n{broken}\n{good}\n")
    assert "Line 3" in sentence


# Parquet.


def test_parquet_ids_may_be_integers(tmp_path: Path):
    table = pa.table({"id": [1 << 40, 2], "url": ["https://x", "https://y"], "title": ["A", "B"]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert [row.video.video_id for row in rows_of(tmp_path / "t.parquet")] == ["1099511627776", "2"]


def test_parquet_durations_may_be_numbers_and_nan_is_unknown(tmp_path: Path):
    table = pa.table(
        {
            "id": ["a", "b", "c"],
            "url": ["https://x"] * 3,
            "title": ["A"] * 3,
            "duration": [12.5, float("nan"), None],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert [row.video.duration for row in rows_of(tmp_path / "t.parquet")] == [12.5, None, None]


@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.string_view()])
def test_parquet_text_may_be_of_any_kind(tmp_path: Path, text: pa.DataType):
    cells = {"id": ["a", "b"], "url": ["https://x", "https://y"], "title": ["A", None]}
    pq.write_table(
        pa.table({name: pa.array(cell, text) for name, cell in cells.items()}),
        tmp_path / "t.parquet",
    )
    assert rows_of(tmp_path / "t.parquet") == [
        row_of(0, "a", "https://x", None, "A"),
        row_of(1, "b", "https://y", None, ""),
    ]


def test_a_batch_of_a_parquet_file_with_dictionaries_carries_no_more_than_its_rows(tmp_path: Path):
    count = 5 * BATCH_ROWS
    names = [f"title {number}" for number in range(count)]
    column = pa.array(names).dictionary_encode()
    pq.write_table(pa.table(dict.fromkeys(REQUIRED, column)), tmp_path / "t.parquet")
    batches = list(Catalogue(tmp_path / "t.parquet", None).batches())
    assert [title for batch in batches for title in batch.titles] == names
    largest = max(len(pickle.dumps(batch)) for batch in batches)
    assert largest < 2 * sum(len(name) for name in names[-BATCH_ROWS:]) * len(REQUIRED)


def test_parquet_titles_may_be_numbers(tmp_path: Path):
    pq.write_table(
        pa.table({"id": ["a"], "url": ["https://x"], "title": [1984]}), tmp_path / "t.parquet"
    )
    (batch,) = Catalogue(tmp_path / "t.parquet", None).batches()
    assert list(batch.titles) == ["1984"] == [row.video.title for row in batch]


def test_of_two_parquet_columns_with_one_name_the_last_is_taken(tmp_path: Path):
    columns = [pa.array([cell]) for cell in ("a", "https://x", "A", "B")]
    pq.write_table(pa.table(columns, names=[*REQUIRED, "title"]), tmp_path / "t.parquet")
    assert rows_of(tmp_path / "t.parquet") == [row_of(0, "a", "https://x", None, "B")]
    (batch,) = Catalogue(tmp_path / "t.parquet", None).batches()
    assert list(batch.titles) == ["B"]


@pytest.mark.parametrize("column", REQUIRED)
def test_parquet_text_that_is_not_utf_8_is_refused(tmp_path: Path, column: str):
    cells = {name: [b"good", b"Z\xe9bra" if name == column else b"x"] for name in REQUIRED}
    columns = [pa.array(cell, pa.binary()).view(pa.string()) for cell in cells.values()]
    pq.write_table(pa.table(columns, names=REQUIRED), tmp_path / "t.parquet")
    assert "UTF8" in complaint_about(tmp_path / "t.parquet")


def test_what_is_no_parquet_file_is_refused(tmp_path: Path):
    assert "no Parquet file" in complaint_about(tmp_path / "t.parquet", b"id,url,title\n")


# What is refused.


@pytest.mark.parametrize("suffix", FORMS)
def test_a_catalogue_without_a_title_column_is_refused_naming_its_columns(
    tmp_path: Path, suffix: str
):
    file = tmp_path / f"t{suffix}"
    match suffix:
        case ".csv":
            file.write_text("id,url,views\na,https://x,A\n")
        case ".tsv":
            file.write_text("id\turl\tviews\na\thttps://x\tA\n")
        case ".parquet":
            pq.write_table(pa.table({"id": ["a"], "url": ["https://x"], "views": ["A"]}), file)
        case _:
            file.write_text('{"id": "a", "url": "https://x", "views": "A"}\n')
    assert "lacks title and has: id, url, views." in complaint_about(file)


def test_all_columns_that_are_missing_are_named(tmp_path: Path):
    sentence = complaint_about(tmp_path / "t.csv", "number;place;words\n1;2;3\n")
    assert "lacks id and url and title and has: number;place;words." in sentence


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_an_empty_file_is_refused(tmp_path: Path, suffix: str):
    complaint_about(tmp_path / f"t{suffix}", "")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_without_rows_is_refused(tmp_path: Path, suffix: str):
    FORMS[suffix](tmp_path / f"t{suffix}", [])
    assert "has no rows" in complaint_about(tmp_path / f"t{suffix}")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_text_that_is_not_utf_8_is_refused(tmp_path: Path, suffix: str):
    FORMS[suffix](tmp_path / f"t{suffix}", [("a", "https://x", "Zebra", "5", None, None)])
    content = (tmp_path / f"t{suffix}").read_bytes().replace(b"Zebra", b"Z\xe9bra")
    assert "'utf-8' codec" in complaint_about(tmp_path / f"t{suffix}", content)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    assert "There is no catalogue" in complaint_about(tmp_path / "nothing.csv")


def test_a_folder_of_parquet_files_is_one_catalogue_in_the_order_of_their_names(tmp_path: Path):
    for name, ids in (("b", ["3"]), ("a", ["1", "2"])):
        table = {"id": ids, "url": [f"https://example.org/{each}" for each in ids], "title": ids}
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    (tmp_path / "notes.txt").write_text("not a table")
    rows = rows_of(tmp_path)
    assert [row.video.video_id for row in rows] == ["1", "2", "3"]
    assert [row.rank for row in rows] == [0, 1, 2]


def test_the_candidate_list_of_a_run_is_a_catalogue(tmp_path: Path):
    fields = {
        **dict.fromkeys(arrow_schema(Candidate).names),
        "video_key": "youtube:abcdefghijk",
        "video_id": "abcdefghijk",
        "url": "https://www.youtube.com/watch?v=abcdefghijk",
        "title": "A cat",
        "duration": 12.0,
        "licence": "CC-BY",
        "source": "youtube",
        "matches": (),
    }
    DatasetDir(tmp_path).write_candidates(0, 1, [Candidate.from_row(fields)])
    (row,) = rows_of(tmp_path / "candidates")
    assert (row.video.video_id, row.video.title, row.video.duration, row.video.licence) == (
        *("abcdefghijk", "A cat"),
        *(12.0, "CC-BY"),
    )
    assert video_key(row) == "youtube:abcdefghijk"


def test_a_folder_without_parquet_files_is_no_catalogue(tmp_path: Path):
    (tmp_path / "t.csv").mkdir()
    assert "has no .parquet files" in complaint_about(tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["t.xlsx", "t"])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path: Path, name: str):
    sentence = complaint_about(tmp_path / name, "id,url,title\n")
    assert ".csv, .jsonl, .ndjson, .parquet, .tsv" in sentence


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (",https://x,A", row_of(0, "", "https://x", None, "A")),
        ("a,,A", row_of(0, "a", "", None, "A")),
        ("a", row_of(0, "a", "", None, "")),
    ],
)
def test_a_row_without_id_or_url_is_handed_on_as_it_is(tmp_path: Path, line: str, row: Row):
    content = f"id,url,title\n{line}\nz,https://z,Z\n"
    rows = rows_in(tmp_path / "t.csv", content)
    assert rows == [row, row_of(1, "z", "https://z", None, "Z")]


def test_a_file_that_cannot_be_read_on_is_named(tmp_path: Path):
    file = tmp_path / "t.parquet"
    rows = 40 * BATCH_ROWS
    table = pa.table({name: [f"{name} {i}" for i in range(rows)] for name in REQUIRED})
    pq.write_table(table, file, row_group_size=rows // 2, use_dictionary=False)
    data = bytearray(file.read_bytes())
    place = pq.read_metadata(file).row_group(1).column(0).data_page_offset
    data[place : place + 200] = bytes(200)
    file.write_bytes(data)
    assert "cannot be read (" in complaint_about(file)


# Local files.


def test_a_url_is_remote_and_anything_else_is_below_files_root(tmp_path: Path):
    file, root = tmp_path / "t.csv", tmp_path / "files"
    root.mkdir()
    file.write_text("id,url,title\na,https://x/a.mp4,A\nb,sub/b.mp4,B\nc,ftp://x/c.mp4,C\n")
    assert [(row.video.url, row.video.root) for row in rows_of(file, root)] == [
        ("https://x/a.mp4", None),
        ("sub/b.mp4", str(root)),
        ("ftp://x/c.mp4", None),
    ]


def test_a_files_root_that_is_no_folder_is_refused(tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,url,title\na,a.mp4,A\n")
    with pytest.raises(UsageError, match=r"There is no folder .*nowhere, given with --files-root"):
        Catalogue(tmp_path / "t.csv", tmp_path / "nowhere").check()
