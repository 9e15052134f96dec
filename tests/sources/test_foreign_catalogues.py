"""videonet.sources.catalogue: tables as other people and programs write them."""

import gzip
import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.rows import row_of
from tests.sources.test_catalogue import RECORDS, complaint_about, rows_in, rows_of
from tests.sources.written import FORMS, write_csv
from videonet.errors import UsageError
from videonet.sources.catalogue import Catalogue
from videonet.sources.source import BATCH_ROWS
from videonet.sources.video_key import video_key, with_identity

# Columns under other names.


def notes_on(file: Path) -> str:
    return " ".join(Catalogue(file, None).check())


WEBVID = (
    "videoid,contentUrl,duration,page_dir,name\n21179416,https://x/a.mp4,PT00H00M11S,d,A swan\n"
)
SWAN = row_of(0, "21179416", "https://x/a.mp4", None, "A swan", 11.0)


def test_the_columns_of_webvid_are_read_and_named(tmp_path: Path):
    assert rows_in(tmp_path / "t.csv", WEBVID) == [SWAN]
    assert notes_on(tmp_path / "t.csv") == (
        f"In the catalogue {tmp_path / 't.csv'}, id is read from the column 'videoid'; url is "
        "read from the column 'contentUrl'; title is read from the column 'name'."
    )


@pytest.mark.parametrize(
    ("column", "ours"),
    [
        *[(name, "id") for name in ("videoid", "video_id", "videoID", "ID")],
        *[(name, "url") for name in ("contentUrl", "content_url", "video_url", "URL")],
        *[(name, "title") for name in ("caption", "Caption", "name", "TITLE", " title ")],
        *[(name, "licence") for name in ("license", "License", "Licence")],
        *[(name, "channel") for name in ("uploader", "Uploader", "CHANNEL")],
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_column_may_have_the_name_that_the_field_gives_it(
    tmp_path: Path, column: str, ours: str, suffix: str
):
    cells = {"id": "a", "url": "https://x", "title": "A", "channel": "C", "licence": "CC0"}
    named = {column if name == ours else name: cell for name, cell in cells.items()}
    file = tmp_path / f"t{suffix}"
    match suffix:
        case ".csv":
            file.write_text(f"{','.join(named)}\n{','.join(named.values())}\n")
        case ".jsonl":
            file.write_text(json.dumps(named))
        case _:
            pq.write_table(pa.table({name: [cell] for name, cell in named.items()}), file)
    assert rows_of(file) == [row_of(0, "a", "https://x", None, "A", None, "C", "CC0")]
    assert f"{ours} is read from the column {column!r}" in notes_on(file)


def test_nothing_is_said_where_all_names_are_ours(tmp_path: Path):
    write_csv(tmp_path / "t.csv", RECORDS)
    assert notes_on(tmp_path / "t.csv") == ""


def test_of_two_columns_with_one_meaning_our_own_name_wins_and_both_are_named(tmp_path: Path):
    content = "id,url,name,title,caption\na,https://x,wrong,A,wrong\n"
    assert rows_in(tmp_path / "t.csv", content) == [row_of(0, "a", "https://x", None, "A")]
    assert "title is read from the column 'title', not from 'caption' or 'name'" in notes_on(
        tmp_path / "t.csv"
    )


def test_in_json_lines_a_column_may_come_late_and_stays_what_it_was(tmp_path: Path):
    lines = [{"id": i, "url": f"https://x/{i}", "name": f"{i}"} for i in range(BATCH_ROWS)]
    late = {"id": "z", "url": "https://z", "name": "Z", "title": "other", "license": "CC0"}
    rows = rows_in(tmp_path / "t.jsonl", "\n".join(map(json.dumps, [*lines, late])))
    assert rows[-1].video.title == "Z"
    assert rows[-1].video.licence == "CC0"


# Text of another kind.

_DICTIONARY = pa.dictionary(pa.int32(), pa.binary())


@pytest.mark.parametrize(
    "kind",
    [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(8), _DICTIONARY],
    ids=str,
)
def test_bytes_that_are_text_are_read_as_text(tmp_path: Path, kind: pa.DataType):
    # All of eight bytes.
    cells = {"id": ["abcdefgh"], "url": ["https://"], "title": ["schwäne"]}
    columns = [pa.array([text.encode() for text in each], pa.binary()) for each in cells.values()]
    columns = [
        each.dictionary_encode() if kind == _DICTIONARY else each.cast(kind) for each in columns
    ]
    pq.write_table(pa.table(columns, names=[*cells]), tmp_path / "t.parquet")
    assert rows_of(tmp_path / "t.parquet") == [row_of(0, "abcdefgh", "https://", None, "schwäne")]


def test_bytes_that_were_cut_within_a_character_are_read_up_to_there(tmp_path: Path):
    titles = pa.array([b"Zebra", "Ein Schwän".encode()[:-2]], pa.binary())
    table = pa.table({"id": ["a", "b"], "url": ["https://x", "https://y"], "title": titles})
    pq.write_table(table, tmp_path / "t.parquet")
    assert [row.video.title for row in rows_of(tmp_path / "t.parquet")] == [
        "Zebra",
        "Ein Schw\N{REPLACEMENT CHARACTER}",
    ]


@pytest.mark.parametrize("column", ["id", "url", "title", "channel", "licence", "duration"])
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (pa.array([["black swan"]]), "list<"),
        (pa.array([{"en": "black swan"}]), "struct<en: string>"),
        (pa.array([True]), "bool"),
        (pa.array([["black swan"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))), "list<"),
        (pa.array([datetime(2020, 1, 1)]), "timestamp[us]"),
    ],
    ids=["list", "struct", "bool", "list of a dictionary", "timestamp"],
)
def test_a_column_that_is_no_text_is_refused_with_its_name_and_type(
    tmp_path: Path, column: str, cell: pa.Array, said: str
):
    cells = {"id": ["a"], "url": ["https://x"], "title": ["A"]} | {column: cell}
    pq.write_table(pa.table(cells), tmp_path / "t.parquet")
    sentence = complaint_about(tmp_path / "t.parquet")
    assert f"The column {column!r}" in sentence
    assert f"is of the type {said}" in sentence


def test_bytes_that_are_no_text_are_refused_with_the_name_of_their_column(tmp_path: Path):
    jpegs = pa.array([b"\xff\xd8\xff\xe0", None, b"\xff\xd8\xff\xe1"], pa.binary())
    table = pa.table({"id": ["a", "b", "c"], "url": ["https://x"] * 3, "title": jpegs})
    pq.write_table(table, tmp_path / "t.parquet")
    assert "The column 'title'" in complaint_about(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("title", "said"), [(["A"], "lists"), ({"en": "A"}, "objects"), (True, "true and false")]
)
def test_a_column_of_json_lines_that_is_no_text_is_refused(
    tmp_path: Path, title: object, said: str
):
    line = json.dumps({"id": "a", "url": "https://x", "caption": title})
    sentence = complaint_about(tmp_path / "t.jsonl", f"{line}\n{line}\n")
    assert f"The column 'caption' of the catalogue {tmp_path / 't.jsonl'} holds {said}" in sentence


def test_a_single_cell_of_json_lines_that_is_no_text_is_empty(tmp_path: Path):
    lines = [{"id": "a", "url": "https://x", "title": each} for each in ("A", ["B"], {}, True)]
    rows = rows_in(tmp_path / "t.jsonl", "\n".join(map(json.dumps, lines)))
    assert [row.video.title for row in rows] == ["A", "", "", ""]


def test_numbers_are_written_as_people_write_them(tmp_path: Path):
    table = pa.table({"id": [7.0, None], "url": ["https://x", "https://y"], "title": [0.5, 1e30]})
    pq.write_table(table, tmp_path / "t.parquet")
    rows = rows_of(tmp_path / "t.parquet")
    assert [(row.video.video_id, row.video.title) for row in rows] == [("7", "0.5"), ("", "1e+30")]


def test_a_number_of_json_may_be_longer_than_pythons(tmp_path: Path):
    (row,) = rows_in(
        tmp_path / "t.jsonl", f'{{"id": {"9" * 5000}, "url": "https://x", "title": 5}}'
    )
    assert row == row_of(0, "9" * 5000, "https://x", None, "5")


def test_durations_of_parquet_may_be_times(tmp_path: Path):
    for cell in (pa.array([83_000], pa.duration("ms")), pa.array([83], pa.time32("s"))):
        cells = {"id": ["a"], "url": ["https://x"], "title": ["A"], "duration": cell}
        pq.write_table(pa.table(cells), tmp_path / "t.parquet")
        assert [row.video.duration for row in rows_of(tmp_path / "t.parquet")] == [83.0]


# Files of text as programs write them.


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_what_stands_between_cells_is_found_out(tmp_path: Path, delimiter: str):
    rows = [("id", "url", "title"), ("a", "https://x", "Zebras and a swan")]
    content = "".join(f"{delimiter.join(row)}\n" for row in rows)
    assert rows_in(tmp_path / "t.csv", content) == [
        row_of(0, "a", "https://x", None, "Zebras and a swan")
    ]
    assert len(rows_in(tmp_path / "t.tsv", content)) == 1


def test_cells_between_semicolons_may_hold_commas_and_be_quoted(tmp_path: Path):
    content = 'id;url;title\r\na;https://x;"Swans; ""black"", white"\r\nb;https://y;A, B\r\n'
    assert [row.video.title for row in rows_in(tmp_path / "t.csv", content)] == [
        'Swans; "black", white',
        "A, B",
    ]
    complaint = complaint_about(tmp_path / "t.csv", "id;url;title\na;https://x;A;B\n")
    assert "quote cells that contain a semicolon" in complaint


def test_the_line_with_which_a_spreadsheet_begins_is_no_header(tmp_path: Path):
    content = "sep=;\r\nid;url;title\r\na;https://x;A\r\n"
    assert rows_in(tmp_path / "t.csv", content) == [row_of(0, "a", "https://x", None, "A")]


_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", _ENCODINGS)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_text_may_be_in_any_form_of_unicode(tmp_path: Path, suffix: str, encoding: str):
    FORMS[suffix](tmp_path / f"t{suffix}", RECORDS)
    text = (tmp_path / f"t{suffix}").read_bytes().decode()
    expected = rows_of(tmp_path / f"t{suffix}")
    assert rows_in(tmp_path / f"t{suffix}", text.encode(encoding)) == expected


def test_text_of_16_bits_may_be_cut_within_a_character(tmp_path: Path):
    text = "id,url,title\na,https://x,A \ud83d\nb,https://y,B\n"
    rows = rows_in(tmp_path / "t.csv", text.encode("utf-16", "surrogatepass"))
    assert [row.video.title for row in rows] == ["A ?", "B"]


def write_compressed(file: Path, data: bytes) -> None:
    method = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}[file.suffix.lower()]
    with pa.output_stream(str(file), compression=method) as stream:
        stream.write(data)


@pytest.mark.parametrize("ending", [".gz", ".zst", ".bz2", ".GZ"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_files_of_text_may_be_compressed(tmp_path: Path, suffix: str, ending: str):
    FORMS[suffix](tmp_path / f"t{suffix}", RECORDS * BATCH_ROWS)
    expected = rows_of(tmp_path / f"t{suffix}")
    file = tmp_path / f"t{suffix}{ending}"
    write_compressed(file, (tmp_path / f"t{suffix}").read_bytes())
    assert rows_of(file) == expected


def test_a_file_of_several_compressed_parts_is_read_to_its_end(tmp_path: Path):
    parts = [b"id,url,title\na,https://x,A\n", b"b,https://y,B\n"]
    (tmp_path / "t.csv.gz").write_bytes(b"".join(map(gzip.compress, parts)))
    assert len(rows_of(tmp_path / "t.csv.gz")) == 2


def test_a_file_may_be_compressed_or_not_whatever_its_name_says(tmp_path: Path):
    content = b"id,url,title\na,https://x,A\n"
    assert len(rows_in(tmp_path / "t.csv.gz", content)) == 1
    assert len(rows_in(tmp_path / "t.csv", gzip.compress(content))) == 1


@pytest.mark.parametrize("ending", [".gz", ".zst", ".bz2"])
def test_a_compressed_file_that_was_cut_short_is_refused(tmp_path: Path, ending: str):
    write_compressed(tmp_path / f"t.csv{ending}", b"id,url,title\n" + b"a,https://x,A\n" * 99)
    content = (tmp_path / f"t.csv{ending}").read_bytes()
    complaint_about(tmp_path / f"t.csv{ending}", content[: len(content) // 2])


def test_a_compressed_parquet_file_is_refused(tmp_path: Path):
    assert "must be a file of one of" in complaint_about(tmp_path / "t.parquet.gz", b"PAR1")


@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 2500 + "t.csv"])
def test_a_catalogue_whose_name_is_too_long_is_not_there(tmp_path: Path, name: str):
    complaint_about(tmp_path / f"{name}.csv")
    write_csv(tmp_path / "t.csv", RECORDS)
    with pytest.raises(UsageError, match="given with --files-root"):
        Catalogue(tmp_path / "t.csv", tmp_path / name).check()


# Addresses.


def test_among_addresses_what_is_none_is_a_video_that_cannot_be_fetched(tmp_path: Path):
    rows = rows_in(tmp_path / "t.csv", "id,url,title\na,https://x,A\nb,not known,B\nc,,C\n")
    assert [row.video.url for row in rows] == ["https://x", "not known", ""]
    assert len({video_key(with_identity(row)) for row in rows}) == 3
