"""store: whole results or none, found again by their names."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stored import file_of
from videonet.errors import UsageError
from videonet.files import process_name
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Probe, Scan
from videonet.schemas.video_record import MOST_BYTES, VideoRecord, sections_of, updated
from videonet.storage.store import Store, digest

FETCH = Fetch(
    video_key="youtube:x",
    here=True,
    path=None,
    sha256="ab",
    bytes=3,
    mtime_ns=None,
    reason=None,
    error=None,
    declared_duration=None,
    licence=None,
    attempts=1,
    run_id="run",
)
SCAN = Scan(
    video_key="youtube:x",
    sha256="ab",
    reason=None,
    error=None,
    top1=(3, 1),
    probability=(0.5, 0.25),
    probe=Probe(
        width=4,
        height=2,
        fps=None,
        codec="h264",
        pixel_format="yuv420p",
        rotation=90,
        container="mov",
        video_streams=1,
        audio_streams=0,
    ),
    phash=("0f",),
    seconds=1.5,
)
LENGTH = Length(
    video_key="youtube:x", sha256="ab", reason=None, error=None, numerator=1001, denominator=100
)


CUT = Cut(video_key="youtube:x", sha256="ab", reason=None, error=None, clips=1)


def name_of(video_key: str) -> str:
    return f"record/{digest(video_key)[:2]}/{digest(video_key)}.json"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def files(store: Store) -> list[str]:
    return sorted(
        str(each.relative_to(store.root)) for each in store.root.rglob("*") if each.is_file()
    )


def test_what_was_written_is_read_again(store: Store):
    store.write("a/b", b"first")
    store.write("a/b", b"second")
    assert store.read("a/b") == b"second"


def test_there_is_nothing_under_a_name_that_was_never_written_or_was_deleted(store: Store):
    store.write("a/b", b"x")
    store.delete("a/b")
    store.delete("never/there")
    assert store.read("a/b") is None
    assert store.read("never/there") is None


def test_names_are_listed_in_alphabetical_order(store: Store):
    for name in ("found/c", "found/a", "found/b", "other/x"):
        store.write(name, b"")
    assert list(store.list("found")) == ["found/a", "found/b", "found/c"]
    assert list(store.list("nothing")) == []


def test_a_record_of_each_kind_is_found_by_its_video(store: Store):
    store.write_fetch(FETCH)
    found = sections_of(length=LENGTH, scans={"k": SCAN}, cuts={"c": CUT})
    store.write_record(store.record("youtube:x"), found)
    assert store.fetch("youtube:x") == FETCH
    assert store.scan("youtube:x", "k") == SCAN
    assert store.cut("youtube:x", "c") == CUT
    assert store.record("youtube:x").record.length == LENGTH


def test_a_scan_by_another_classifier_or_of_another_video_is_not_there(store: Store):
    store.write_record(store.record("youtube:x"), sections_of(scans={"k": SCAN}))
    assert store.scan("youtube:x", "other") is None
    assert store.scan("youtube:y", "k") is None


def test_another_store_over_the_same_folder_sees_the_same(store: Store):
    store.write_fetch(FETCH)
    again = Store(store.root)
    again.prepare()
    assert again.fetch("youtube:x") == FETCH


def test_nothing_is_left_beside_what_was_written(store: Store):
    store.write_fetch(FETCH)
    store.write_thumbnail("youtube:x", b"jpeg")
    name = digest("youtube:x")
    assert files(store) == [
        f"record/{name[:2]}/{name}.json",
        f"side/thumbnail/{name[:2]}/{name}",
    ]


def test_keys_that_no_file_system_takes_have_a_place(store: Store):
    for key in ("../../escape", "a/b", "c:\\d", "é" * 300, "\0"):
        record = msgspec.structs.replace(FETCH, video_key=key)
        store.write_fetch(record)
        assert store.fetch(key) == record
    assert all(each.startswith("record/") for each in files(store))
    assert not (store.root.parent / "escape.json").exists()


def test_a_reader_sees_the_old_or_the_new_bytes_and_never_a_part(store: Store):
    versions = [bytes([number]) * 300_000 for number in range(2)]
    store.write("a", versions[0])
    done = threading.Event()

    def read() -> set[bytes | None]:
        seen = set()
        while not done.is_set():
            seen.add(store.read("a"))
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for number in range(200):
            store.write("a", versions[number % 2])
        done.set()
        seen = set().union(*(reader.result() for reader in readers))
    assert seen <= set(versions)


KILLED = """
import sys, pathlib
from videonet.schemas.video_record import MOST_BYTES, VideoRecord, sections_of, updated
from videonet.storage.store import Store
store, data = Store(pathlib.Path(sys.argv[1])), bytes(1_000_000)
print("begun", flush=True)
while True:
    store.write("a/b", data)
"""


def test_a_writer_that_is_killed_leaves_the_whole_or_nothing(store: Store):
    for _ in range(3):
        command = [sys.executable, "-c", KILLED, str(store.root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"begun\n"
            while store.read("a/b") is None:
                assert process.poll() is None
            process.kill()
        assert store.read("a/b") == bytes(1_000_000)
    store.prepare()
    assert files(store) == ["a/b"]


RECORD = updated(VideoRecord("youtube:x"), sections_of(fetch=FETCH)).encode()


@given(torn=st.integers(0, len(RECORD) - 1), noise=st.binary(max_size=4))
def test_a_torn_record_counts_as_none_and_is_written_again(tmp_path_factory, torn, noise):
    root = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    store = Store(root)
    store.prepare()
    store.write(name_of("youtube:x"), RECORD[:torn] + noise)
    assert store.fetch("youtube:x") in (None, FETCH)
    store.write_fetch(FETCH)
    assert store.fetch("youtube:x") == FETCH
    shutil.rmtree(root)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"\0" * 200,
        b'{"video_key":"\xff"}',
        FETCH.to_json(),
        RECORD.replace(b'"here":true', b'"here":false'),
        updated(VideoRecord("youtube:y"), sections_of(fetch=FETCH)).encode(),
    ],
)
def test_what_is_no_record_of_this_video_counts_as_none(store: Store, data: bytes):
    store.write(name_of("youtube:x"), data)
    assert store.record("youtube:x").record == VideoRecord("youtube:x")


def test_what_two_processes_find_of_a_video_is_both_there(store: Store):
    store.write_fetch(FETCH)
    before = store.record("youtube:x")
    store.write_record(before, sections_of(length=LENGTH))
    after = store.write_record(before, sections_of(scans={"k": SCAN}))
    assert after == store.record("youtube:x")
    assert (after.record.fetch, after.record.length) == (FETCH, LENGTH)
    assert after.record.scan("k") == SCAN


def test_two_processes_that_begin_a_record_are_both_heard(store: Store):
    nothing = store.record("youtube:x")
    store.write_record(nothing, sections_of(fetch=FETCH))
    store.write_record(nothing, sections_of(length=LENGTH))
    assert store.record("youtube:x").record.fetch == FETCH
    assert store.record("youtube:x").record.length == LENGTH


def test_many_writers_of_a_record_lose_nothing(store: Store):
    def write(number: int) -> None:
        found = sections_of(cuts={f"c{number}": CUT})
        store.write_record(store.record("youtube:x"), found)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))
    record = store.record("youtube:x").record
    assert [record.cut(f"c{number}") for number in range(16)] == [CUT] * 16


def test_writing_what_is_there_writes_nothing(store: Store):
    store.write_fetch(FETCH)
    before = store.record("youtube:x")
    assert store.write_record(before, sections_of(fetch=FETCH)) is before


def test_a_scan_of_very_many_frames_is_found_by_its_video(store: Store):
    frames = 10_000
    large = msgspec.structs.replace(
        SCAN,
        top1=tuple(range(frames)),
        probability=tuple(each / frames for each in range(frames)),
    )
    after = store.write_record(store.record("youtube:x"), sections_of(scans={"k": large}))
    assert len(after.record.encode()) <= MOST_BYTES
    assert store.scan("youtube:x", "k") == large
    (beside,) = store.list("side/section")
    store.delete(beside)
    assert store.scan("youtube:x", "k") is None


def test_prepare_clears_what_a_killed_run_left_and_nothing_else(store: Store):
    store.write_fetch(FETCH)
    ours = store.temporary()
    ours.write_bytes(b"half a video")
    machine, pid, begun = process_name().split("-")
    ended = f"{machine}-{pid}-{int(begun) + 1}"
    (store.root / "tmp" / f"{ended}.one").write_bytes(b"half a video")
    folder = store.root / "tmp" / f"{ended}.two"
    folder.mkdir()
    (folder / "video.part").write_bytes(b"half")
    (store.root / "tmp" / "of an earlier version").touch()
    store.prepare()
    # What a run that is at work has begun stays.
    assert list((store.root / "tmp").iterdir()) == [ours]
    assert store.fetch("youtube:x") == FETCH


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/videonet"])
def test_a_store_where_none_can_be_is_the_users_to_change(tmp_path: Path, place: str):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="--store"):
        Store(tmp_path / place).prepare()
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_store_of_someone_else_is_the_users_to_change():
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        store.prepare()
        for each in (Path(folder), store.root, store.root / "tmp"):
            each.chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(UsageError, match="cannot be written"):
                store.prepare()
        finally:
            os.seteuid(0)


def test_a_local_file_is_moved_into_the_store_whole(store: Store, tmp_path: Path):
    file = store.temporary()
    file.write_bytes(b"video")
    store.adopt(file, store.video("youtube:x"))
    assert not file.exists()
    assert file_of(store, FETCH).read_bytes() == b"video"


def test_a_file_in_place_is_read_where_it_is(store: Store):
    record = msgspec.structs.replace(FETCH, path="/data/a.mp4")
    assert file_of(store, record) == Path("/data/a.mp4")


def test_the_bytes_of_videos_are_counted_and_nothing_else(store: Store):
    assert store.video_bytes() == 0
    for key, size in (("a", 10), ("b", 200), ("c", 0)):
        store.write(store.video(key), bytes(size))
    store.write_fetch(FETCH)
    store.temporary().write_bytes(bytes(5000))
    assert store.video_bytes() == 210


def test_a_failure_is_kept_with_its_reason(store: Store):
    failed = msgspec.structs.replace(
        FETCH, here=False, sha256=None, bytes=None, reason=Reason.NETWORK, error="gone"
    )
    store.write_fetch(failed)
    assert store.fetch("youtube:x") == failed


def test_a_whole_address_is_kept_until_its_video_is_forgotten(store: Store):
    assert store.address("youtube:x") is None
    store.write_address("youtube:x", "https://me:secret@example.org/")
    store.write_address("youtube:y", "https://example.org/?token=a")
    assert store.address("youtube:x") == "https://me:secret@example.org/"
    store.forget("youtube:x")
    assert store.address("youtube:x") is None
    assert store.address("youtube:y") == "https://example.org/?token=a"


# On several disks, and after a power cut.


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system than temporary files."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev:
        pytest.skip("there is no other file system here")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_a_folder_of_the_store_may_lead_to_another_disk(tmp_path: Path, elsewhere: Path):
    store = Store(tmp_path / "store")
    store.prepare()
    (store.root / "video").symlink_to(elsewhere)
    for content in (b"one", b"another"):
        file = store.temporary()
        file.write_bytes(content)
        store.adopt(file, "video/ab/abcd")
        assert store.read("video/ab/abcd") == content
        assert not file.exists()
    assert [each.name for each in elsewhere.rglob("*")] == ["ab", "abcd"]


def test_what_a_killed_copy_has_left_is_not_listed(tmp_path: Path):
    store = Store(tmp_path / "store")
    store.prepare()
    store.write("withdrawn/ab.json", b"{}")
    (store.root / "withdrawn" / ".cd.json.tmp").write_bytes(b"half")
    assert list(store.list("withdrawn")) == ["withdrawn/ab.json"]


def test_a_write_that_fails_names_its_file_and_leaves_nothing(tmp_path: Path):
    store = Store(tmp_path / "store")
    store.prepare()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match="too large") as raised:
            store.write("length/ab.json", bytes(100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.filename == str(store.root / "length" / "ab.json")
    assert list((store.root / "tmp").glob("[!.]*")) == []
