"""videonet.shards.page_headers: what pages say of themselves decides how much is read of them."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards.conftest import make_clip
from videonet.errors import UsageError
from videonet.schemas.shard_form import OLDEST_FORM
from videonet.shards import parquet
from videonet.shards.page_headers import pages, rows_at_once, varint

MILLION = 1_000_000
READ = """
import sys
from pathlib import Path
from videonet.errors import UsageError
from videonet.schemas.shard_form import OLDEST_FORM
from videonet.shards import parquet
try:
    print(len(list(parquet.read(Path(sys.argv[1])))))
except UsageError as error:
    print(error)
"""


def written(path: Path, table: pa.Table, **how: object) -> Path:
    pq.write_table(table, path, **{"compression": "zstd", "row_group_size": 1} | how)
    return path


def clip_with(**columns: pa.Array) -> pa.Table:
    """A table of one clip with other columns."""
    table = pa.Table.from_pylist([make_clip(0).to_row()], schema=parquet.schema_of(OLDEST_FORM))
    for name, column in columns.items():
        table = table.set_column(table.schema.names.index(name), name, column)
    return table


def repeated(value: str | bytes, count: int) -> pa.Array:
    """The value so many times, and once in memory."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([value]))


def list_of(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


BOMBS = {
    "a name": {"clip_media_id": pa.array(["x" * 200 * MILLION])},
    "labels": {"clip_label_string": list_of(pa.array(["x" * 100_000] * 1_000))},
    "no times": {"image_timestamp": list_of(pa.nulls(50 * MILLION, pa.int64()))},
    "frames": {"image_encoded": list_of(pa.array([b""] * 20 * MILLION, pa.binary()))},
    "a frame for many": {"image_encoded": list_of(repeated(b"x" * 50 * MILLION, 40))},
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_clip_that_is_large_only_when_it_is_read_is_refused(tmp_path: Path, bomb: str):
    file = written(tmp_path / "clips.parquet", clip_with(**BOMBS[bomb]))
    assert file.stat().st_size < 2 * MILLION
    ended = subprocess.run(
        [sys.executable, "-c", READ, str(file)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (600 * MILLION,) * 2),
    )
    assert "clip 0 is damaged (its " in ended.stdout, ended.stderr[-500:]


def test_two_clips_in_a_row_group_are_none(tmp_path: Path):
    table = pa.concat_tables([clip_with(), clip_with()])
    file = written(tmp_path / "clips.parquet", table, row_group_size=2)
    with pytest.raises(UsageError, match=r"clip 0 is damaged \(it is 2 rows, where one clip"):
        list(parquet.read(file))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"compression": "none"},
        {"data_page_version": "2.0"},
        {"use_dictionary": False},
        {"data_page_size": 100},
        {"write_statistics": True, "data_page_version": "2.0", "compression": "snappy"},
    ],
)
def test_pages_are_counted_as_they_are_written(tmp_path: Path, how: dict[str, object]):
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "text": [str(each) * 9 for each in rng.integers(0, 50, 5_000)],
            "lists": [list(range(each)) for each in rng.integers(0, 9, 5_000)],
        }
    )
    file = written(tmp_path / "t.parquet", table, row_group_size=2_000, **how)
    footer = pq.read_metadata(file)
    with file.open("rb") as source:

        def read(count: int, at: int) -> bytes:
            source.seek(at)
            return source.read(count)

        for group in map(footer.row_group, range(footer.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                found = list(pages(read, column))
                assert sum(each.values for each in found if not each.is_dictionary) == (
                    column.num_values
                )
                assert any(each.is_dictionary for each in found) == column.has_dictionary_page
                headers = column.total_uncompressed_size - sum(each.unpacked for each in found)
                assert 0 < headers < 200 * len(found)
    assert rows_at_once(file, footer, 1_000) == 1_000


def test_few_rows_are_read_at_a_time_where_each_may_be_large(tmp_path: Path):
    table = pa.table({"text": repeated("x" * 50 * MILLION, 400), "id": list(range(400))})
    file = written(tmp_path / "t.parquet", table, row_group_size=400, store_schema=False)
    assert file.stat().st_size < MILLION
    footer = pq.read_metadata(file)
    assert rows_at_once(file, footer, 1_000) == 21
    assert rows_at_once(file, footer, 1_000, {"id"}) == 1_000


def test_a_page_that_has_no_room_by_itself_is_refused(tmp_path: Path):
    table = pa.table({"text": ["x" * 300 * MILLION]})
    file = written(tmp_path / "t.parquet", table, write_statistics=False)
    with pytest.raises(ValueError, match="a page of the column text would take more than 256,000"):
        rows_at_once(file, pq.read_metadata(file), 1_000)


def test_numbers_without_an_end_are_none():
    with pytest.raises(ValueError, match="64 bits"):
        varint(b"\x80" * 1_000_000, 0)
    with pytest.raises(IndexError):
        varint(b"\x80" * 5, 0)
