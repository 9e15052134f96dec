"""Files that a user names at an address of a bucket."""

from pathlib import Path

import pytest

from tests.storage.servers import Server
from videonet.errors import UsageError
from videonet.storage.inputs import local_input, local_table
from videonet.storage.places import open_place


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_path_is_itself(tmp_path: Path) -> None:
    assert local_input("a/b.txt") == Path("a/b.txt")
    assert local_table(tmp_path) == tmp_path


def test_a_copy_has_the_name_of_its_object_and_what_belongs_to_it_beside(
    server: Server, bucket: str
) -> None:
    place = open_place(bucket)
    place.write_once("models/a.onnx", b"model")
    place.write_once("models/a.onnx.md5", b"no")
    alone = local_input(f"{bucket}/models/a.onnx", ".json")
    assert (alone.name, alone.read_bytes()) == ("a.onnx", b"model")
    assert [each.name for each in alone.parent.iterdir()] == ["a.onnx"]
    place.write_once("models/a.json", b"card")
    both = local_input(f"{bucket}/models/a.onnx", ".json")
    assert both.with_suffix(".json").read_bytes() == b"card"
    server.proxy.clear()
    again = local_input(f"{bucket}/models/a.onnx", ".json")
    assert (again, again.stat().st_mtime_ns) == (both, both.stat().st_mtime_ns)
    assert server.proxy.counts["get"] == 0


def test_another_state_is_another_copy(bucket: str) -> None:
    place = open_place(bucket)
    first = place.write_once("classes.txt", b"dog\n")
    assert first is not None
    one = local_input(f"{bucket}/classes.txt")
    place.write_if("classes.txt", b"cat\n", first)
    other = local_input(f"{bucket}/classes.txt")
    assert (one.read_text(), other.read_text()) == ("dog\n", "cat\n")


def test_a_folder_of_parquet_files_is_one_table(bucket: str) -> None:
    place = open_place(bucket)
    for name in ("table/a.parquet", "table/b.parquet", "table/readme.txt", "table/x/c.parquet"):
        place.write_once(name, name.encode())
    folder = local_table(f"{bucket}/table")
    assert sorted(each.name for each in folder.iterdir()) == ["a.parquet", "b.parquet"]
    assert local_table(f"{bucket}/table/a.parquet").name == "a.parquet"


def test_what_is_not_there_is_said(bucket: str) -> None:
    with pytest.raises(UsageError, match=f"There is no {bucket}/none.txt: give the address"):
        local_input(f"{bucket}/none.txt")
    with pytest.raises(UsageError, match="names no file"):
        local_input("gs://bucket")
    with pytest.raises(UsageError, match="names no file"):
        local_input("gs://bucket/a/")
