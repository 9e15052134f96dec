"""videonet.storage.database: a database that reads the files that it was given, and no others."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from videonet.storage.database import open_database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name has quotes and patterns, beside a secret."""
    (tmp_path / "secret.csv").write_text("a\n1\n")
    folder = tmp_path / "it's [x]*"
    folder.mkdir()
    pq.write_table(pa.table({"a": [1, 2]}), folder / "f.parquet")
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    return link


def test_files_below_its_folders_are_read(folder: Path, tmp_path: Path):
    with open_database(tmp_path / "spill", memory="100MB", threads=1, folders=[folder]) as db:
        found = db.execute("select a from read_parquet(?)", [f"{folder}/*.parquet"]).fetchall()
    assert found == [(1,), (2,)]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('{0}/secret.csv')",
        "select * from read_text('{0}/link/../secret.csv')",
        "select * from '{0}/secret.csv'",
        "select * from glob('{0}/*')",
        "select * from read_text('/etc/passwd')",
        "copy (select 1) to '{0}/written.csv'",
        "attach '{0}/other.db'",
        "install httpfs",
        "load httpfs",
        "select * from 'https://example.org/a.parquet'",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "reset lock_configuration",
        "select * from folder_of_the_program",
    ],
)
def test_a_query_reads_and_writes_nothing_else(folder: Path, tmp_path: Path, query: str):
    folder_of_the_program = pa.table({"a": [1]})  # noqa: F841
    with (
        open_database(tmp_path / "spill", memory="100MB", folders=[folder]) as db,
        pytest.raises(duckdb.Error),
    ):
        db.execute(query.format(tmp_path)).fetchall()
    assert {each.name for each in tmp_path.iterdir()} <= {
        "secret.csv",
        "it's [x]*",
        "link",
        "spill",
    }


def test_what_has_no_room_in_memory_is_put_on_disk(tmp_path: Path):
    with open_database(tmp_path / "spill", memory="50MB", threads=1) as db:
        query = "select i from (select repeat(range::text, 9) as i from range(1000000)) order by i"
        assert len(db.execute(query).fetchmany(5)) == 5
