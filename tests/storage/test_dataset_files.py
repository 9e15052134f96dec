"""videonet.storage.dataset_files: the files of a data set, in a folder and as objects."""

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.storage.servers import Server
from videonet.errors import UsageError
from videonet.storage import bucket_files
from videonet.storage.bucket_files import BucketFiles
from videonet.storage.dataset_files import DatasetFiles, FolderFiles
from videonet.storage.fence import DatasetFence
from videonet.storage.file_notes import is_as_noted, noted_now
from videonet.storage.places import open_place
from videonet.storage.scratch import Scratch


def in_bucket(address: str, scratch: Path) -> BucketFiles:
    return BucketFiles(open_place(address), Scratch(scratch, 2_000_000_000))


@pytest.fixture(params=["folder", "gcs", "s3"])
def files(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DatasetFiles:
    """Those of an OUT of each form, with nothing in it."""
    if request.param == "folder":
        return FolderFiles(tmp_path / "out")
    server: Server = request.getfixturevalue(request.param)
    server.proxy.clear()
    server.set_environment(monkeypatch)
    address = server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}") + "/data/out"
    return in_bucket(address, tmp_path / "scratch")


def test_what_was_written_is_read_and_replaces_what_was_there(files: DatasetFiles):
    for data in (b"one", b"other", b""):
        files.write("_state/run.json", data)
        assert files.read("_state/run.json", 100) == data
        assert files.size("_state/run.json") == len(data)
        assert files.sha256("_state/run.json") == hashlib.sha256(data).hexdigest()


def test_more_than_was_expected_is_not_read(files: DatasetFiles):
    files.write("name", b"12345")
    assert files.read("name", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        files.read("name", 4)


def test_what_is_not_there(files: DatasetFiles):
    with pytest.raises(FileNotFoundError):
        files.read("folder/name", 100)
    with pytest.raises(FileNotFoundError):
        files.sha256("folder/name")
    with pytest.raises(FileNotFoundError), files.local("folder/name") as file:
        file.read_bytes()
    with pytest.raises(FileNotFoundError):
        files.open("folder/name")
    assert files.size("folder/name") is None
    assert files.states(["folder/name", "name"]) == {}
    assert list(files.list("folder")) == []
    assert not files.has_below("folder")
    assert not files.delete_below("folder")
    files.delete("folder/name")


def test_files_are_listed_by_folder_in_the_order_of_their_paths(files: DatasetFiles):
    for path in ("b/2", "b/10", "b/c/1", "bc/1", "a/1"):
        files.write(path, b"")
    assert list(files.list("b")) == ["b/10", "b/2", "b/c/1"]
    assert files.has_below("b")
    assert files.delete_below("b")
    assert list(files.list("b")) == []
    assert list(files.list("bc")) == ["bc/1"]


def test_a_draft_becomes_the_file_when_all_went_well_and_else_nothing(files: DatasetFiles):
    with files.draft("tables/one") as draft:
        draft.write_bytes(b"whole")
        assert files.size("tables/one") is None
    assert files.read("tables/one", 100) == b"whole"
    with suppress(RuntimeError), files.draft("tables/one") as draft:
        draft.write_bytes(b"half")
        raise RuntimeError
    assert files.read("tables/one", 100) == b"whole"
    assert list(files.list("tables")) == ["tables/one"]


def test_what_is_written_below_a_folder_lies_there(files: DatasetFiles):
    for folder, prefix in (("", ""), ("_state/withdrawing", "_state/withdrawing/")):
        with files.below(folder) as place:
            (place / "clips/parquet").mkdir(parents=True)
            (place / "clips/parquet/one").write_bytes(b"1")
            (place / "clips/two").write_bytes(b"22")
        assert files.read(f"{prefix}clips/parquet/one", 100) == b"1"
        assert files.size(f"{prefix}clips/two") == 2


def test_a_file_moves_in_place_of_what_is_there(files: DatasetFiles):
    files.write("staged/one", b"new")
    files.write("one", b"old")
    files.move("staged/one", "one")
    assert files.read("one", 100) == b"new"
    assert files.size("staged/one") is None


def test_copies_have_the_content_and_go_afterwards(files: DatasetFiles, tmp_path: Path):
    for path in ("t/a", "t/b/c"):
        files.write(path, path.encode())
    with files.local("t/a") as file, files.local_folder("t") as folder:
        assert file.read_bytes() == b"t/a"
        assert (folder / "b/c").read_bytes() == b"t/b/c"
    assert not list(tmp_path.glob("scratch/folders/*"))


def test_a_sentence_on_a_copy_names_the_file_itself(files: DatasetFiles):
    files.write("t/a", b"")
    said = pytest.raises(UsageError, match=f"^{files.address}/t/a is damaged")
    with said, files.local("t/a") as file:
        raise UsageError(f"{file} is damaged.")


def test_some_places_of_a_file_are_read(files: DatasetFiles, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bucket_files, "_AHEAD", 10)
    content = bytes(range(256))
    files.write("name", content)
    with files.open("name") as file:
        assert file.seek(0, 2) == 256
        assert file.read() == b""
        file.seek(-6, 2)
        assert file.read(100) == content[-6:]
        file.seek(100)
        assert file.read(50) == content[100:150]
        assert file.tell() == 150
        assert file.read() == content[150:]


def test_notes_tell_which_files_are_as_they_were(
    files: DatasetFiles, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("videonet.storage.dataset_files._SETTLED", 0)
    for path in ("t/a", "t/b", "c"):
        files.write(path, b"content")
    notes = noted_now(files, ["t/a", "t/b", "c"], {})
    files.write("t/b", b"CONTENT")
    states = files.states(notes)
    as_noted = {path: is_as_noted(files, path, notes[path], states[path]) for path in notes}
    assert as_noted == {"t/a": True, "t/b": False, "c": True}
    reading = []
    monkeypatch.setattr(type(files), "sha256", lambda _, path: reading.append(path) or "")
    noted_now(files, notes, notes)
    assert reading == ["t/b"]


# As objects.


def test_a_write_meets_a_state_that_another_one_left(bucket: str, tmp_path: Path):
    ours, theirs = (in_bucket(bucket, tmp_path) for _ in range(2))
    ours.write("name", b"1")
    theirs.write("name", b"2")
    ours.write("name", b"3")
    assert theirs.read("name", 10) == b"3"


def test_one_run_at_a_time_is_at_work_there(bucket: str, tmp_path: Path):
    ours, theirs = (in_bucket(bucket, tmp_path) for _ in range(2))
    with ours.exclusive(), pytest.raises(UsageError, match=f"in {bucket}"), theirs.exclusive():
        pass
    with theirs.exclusive():
        pass


def test_a_write_that_is_held_up_changes_nothing_after_a_later_command_has_taken_out_up(
    bucket: str, server: Server, tmp_path: Path
):
    earlier, later = (in_bucket(bucket, tmp_path) for _ in range(2))
    number = DatasetFence(earlier).take_up("earlier")
    earlier.write("name", b"before")

    def check() -> None:
        assert DatasetFence(earlier).last() == (number, "earlier")

    earlier.check = check
    with ThreadPoolExecutor(1) as pool:
        with server.proxy.holding("/name") as held:
            write = pool.submit(earlier.write, "name", b"late")
            assert held.wait(PATIENCE)
            assert DatasetFence(later).take_up("later") == number + 1
        with pytest.raises(AssertionError):
            write.result()
    assert later.read("name", 10) == b"before"
    assert list(later.list("tmp")) == []


def test_of_commands_that_take_out_up_at_once_each_has_a_number_of_its_own(
    bucket: str, tmp_path: Path
):
    fences = [DatasetFence(in_bucket(bucket, tmp_path)) for _ in range(8)]
    with ThreadPoolExecutor(len(fences)) as pool:
        numbers = list(pool.map(lambda fence: fence.take_up("a run"), fences))
    assert sorted(numbers) == list(range(1, 9))
