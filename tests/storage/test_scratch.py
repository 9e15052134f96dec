"""Scratch: files of objects on a local disk, within a budget."""

import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import wait_for
from tests.storage.servers import Server
from videonet.errors import MachineError
from videonet.files import sha256_of
from videonet.storage import scratch as module
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.objects import Objects
from videonet.storage.places import open_place
from videonet.storage.scratch import Scratch

MB = 1_000_000


@pytest.fixture
def remote(server: Server, bucket: str) -> Objects:
    return open_place(bucket)


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path / "scratch", 3 * MB)


def bytes_of(number: int, size: int = MB) -> bytes:
    return random.Random(number).randbytes(size)


def held(folder: Path) -> int:
    """Bytes of all that is in the scratch folder at one moment."""

    def look() -> dict[Path, tuple[int, int]]:
        seen = {}
        for file in folder.rglob("*"):
            with suppress(FileNotFoundError):
                if file.is_file():
                    seen[file] = file.stat().st_ino, file.stat().st_size
        return seen

    # Others change it meanwhile: what two looks see alike was there between them.
    before, now = look(), look()
    while now != before:
        before, now = now, look()
    return sum(size for _, size in now.values())


def test_a_folders_object_is_its_file(tmp_path: Path, scratch: Scratch) -> None:
    place = FolderObjects(tmp_path / "place")
    place.write_once("a/b", b"one")
    with scratch.local(place, "a/b") as path:
        assert path == tmp_path / "place" / "a" / "b"
    with scratch.local(place, "none") as path:
        assert path is None
    assert not (tmp_path / "scratch").exists()


def test_a_copy_is_read_once_and_again_when_the_object_is_another(
    server: Server, remote: Objects, scratch: Scratch
) -> None:
    first = remote.write_once("a", bytes_of(1))
    server.proxy.clear()
    for _ in range(3):
        with scratch.local(remote, "a") as path:
            assert path is not None
            assert path.read_bytes() == bytes_of(1)
    assert server.proxy.counts["get"] == 1
    assert first is not None
    remote.write_if("a", bytes_of(2), first)
    with scratch.local(remote, "a") as path:
        assert path is not None
        assert path.read_bytes() == bytes_of(2)
    with scratch.local(remote, "none") as path:
        assert path is None


def test_a_large_object_is_read_in_pieces(
    remote: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", 300_000)
    remote.write_once("a", bytes_of(1))
    with Scratch(tmp_path / "scratch", MB).local(remote, "a") as path:
        assert path is not None
        assert path.read_bytes() == bytes_of(1)


def test_the_budget_holds_and_what_was_used_longest_ago_goes_first(
    server: Server, remote: Objects, scratch: Scratch, tmp_path: Path
) -> None:
    for number in range(5):
        remote.write_once(str(number), bytes_of(number))
    for number in (0, 1, 2, 0, 3):
        with scratch.local(remote, str(number)):
            assert held(tmp_path / "scratch") <= 3 * MB
    server.proxy.clear()
    for number in (0, 2, 3):
        with scratch.local(remote, str(number)):
            pass
    assert server.proxy.counts["get"] == 0
    with scratch.local(remote, "1"):
        pass
    assert server.proxy.counts["get"] == 1


def test_what_is_in_use_stays(
    remote: Objects, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    for number in range(5):
        remote.write_once(str(number), bytes_of(number))
    with scratch.local(remote, "0") as zero, scratch.local(remote, "1"):
        for number in (2, 3, 4):
            with scratch.local(remote, str(number)):
                pass
        assert zero is not None
        assert zero.read_bytes() == bytes_of(0)
        full = pytest.raises(MachineError, match="full of files in use")
        with scratch.draft(MB), full, scratch.local(remote, "2"):
            pass
    with scratch.draft(3 * MB) as draft:
        assert draft.stat().st_size == 3 * MB
    too_large = pytest.raises(MachineError, match=r"3,000,001 bytes does not fit .*--scratch-budg")
    with too_large, scratch.draft(3 * MB + 1):
        pass


def test_many_threads_share_copies_and_room(
    server: Server, remote: Objects, scratch: Scratch, tmp_path: Path
) -> None:
    for number in range(6):
        remote.write_once(str(number), bytes_of(number))
    server.proxy.clear()
    most = []

    def use(seed: int) -> None:
        for number in random.Random(seed).choices(range(6), k=8):
            with scratch.local(remote, str(number)) as path:
                assert path is not None
                assert path.read_bytes() == bytes_of(number)
                most.append(held(tmp_path / "scratch"))

    # As many at once as fit: each holds one.
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(use, range(3)))
    assert max(most) <= 3 * MB


def test_one_of_many_readers_fetches(server: Server, remote: Objects, scratch: Scratch) -> None:
    remote.write_once("a", bytes_of(1))
    server.proxy.clear()
    server.proxy.fail("get", "slow", seconds=0.3)
    barrier = threading.Barrier(4)

    def use(_: int) -> None:
        barrier.wait()
        with scratch.local(remote, "a") as path:
            assert path is not None
            assert path.read_bytes() == bytes_of(1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    assert server.proxy.counts["get"] == 1


def test_another_content_than_expected_is_refused(
    remote: Objects, scratch: Scratch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes_of(1))
    remote.write_once("a", file)
    with scratch.local(remote, "a", sha256_of(file)) as path:
        assert path is not None
    remote.write_once("b", bytes_of(2))
    other = pytest.raises(MachineError, match="is not what was written there")
    with other, scratch.local(remote, "b", sha256_of(file)):
        pass
    assert held(tmp_path / "scratch") == MB


def test_a_draft_becomes_an_object_and_goes(
    remote: Objects, scratch: Scratch, tmp_path: Path
) -> None:
    with scratch.draft(2 * MB) as draft:
        draft.write_bytes(bytes_of(1))
        assert remote.write_once("a", draft) is not None
    assert remote.read("a") == bytes_of(1)
    assert held(tmp_path / "scratch") == 0


# Copies a large object, whose answers are slow; says when it has begun.
KILLED = """
import sys
from pathlib import Path
from videonet.storage import scratch
from videonet.storage.places import open_place
scratch._PIECE = 100_000
objects = open_place(sys.argv[1])
with scratch.Scratch(Path(sys.argv[2]), 3_000_000).local(objects, "a"):
    print("never", flush=True)
"""


def test_what_a_killed_process_left_is_no_copy_and_takes_no_room(
    server: Server, remote: Objects, bucket: str, scratch: Scratch, tmp_path: Path
) -> None:
    remote.write_once("a", bytes_of(1, 2 * MB))
    server.proxy.clear()
    server.proxy.fail("get", "slow", 100, seconds=0.2)
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, bucket, str(tmp_path / "scratch")], stdout=subprocess.PIPE
    )
    wait_for(lambda: server.proxy.counts["get"] > 3)
    killed.send_signal(signal.SIGKILL)
    assert killed.communicate()[0] == b""
    server.proxy.clear()
    (draft,) = (tmp_path / "scratch" / "drafts").iterdir()
    assert draft.stat().st_size == 2 * MB
    # With the dead draft there would be no room.
    with scratch.local(remote, "a") as path:
        assert path is not None
        assert path.read_bytes() == bytes_of(1, 2 * MB)
    assert list((tmp_path / "scratch" / "drafts").iterdir()) == []
