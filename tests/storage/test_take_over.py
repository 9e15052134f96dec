"""A store of an earlier version: read as it is, and taken over once, whatever interrupts that."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from tests.storage.test_store import CUT, FETCH, LENGTH, SCAN
from tests.stored import records_in
from videonet.schemas.video_record import sections_of
from videonet.storage.older_files import OlderFiles
from videonet.storage.packing import pack
from videonet.storage.store import Store, digest
from videonet.storage.take_over import take_over

VIDEOS = [f"youtube:{number}" for number in range(12)]
KINDS = ("fetch", "length", "scan", "cut", "thumbnail")


def place(video_key: str) -> str:
    return f"{digest(video_key)[:2]}/{digest(video_key)}"


def write_older(root: Path, video_key: str) -> None:
    """What an earlier version wrote of a video, in the order of its steps."""
    own = {"video_key": video_key}
    files = {
        f"fetch/{place(video_key)}.json": msgspec.structs.replace(FETCH, **own).to_json(),
        f"scan/k/{place(video_key)}.json": msgspec.structs.replace(SCAN, **own).to_json(),
        f"scan/j/{place(video_key)}.json": msgspec.structs.replace(SCAN, **own).to_json(),
        f"thumbnail/{place(video_key)}.jpg": video_key.encode(),
        f"length/{place(video_key)}.json": msgspec.structs.replace(LENGTH, **own).to_json(),
        f"cut/c/{place(video_key)}.json": msgspec.structs.replace(CUT, **own).to_json(),
    }
    for time, (name, data) in enumerate(files.items()):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, ns=(0, 10**18 + time))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a store that an earlier version made."""
    root = tmp_path / "store"
    for video_key in VIDEOS:
        write_older(root, video_key)
    return root


def opened(root: Path) -> Store:
    store = Store(root)
    store.prepare()
    return store


def changes(root: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in root.rglob("*")}


def left(root: Path) -> list[str]:
    return [kind for kind in KINDS if (root / kind).exists()]


def assert_known(store: Store) -> None:
    for video_key in VIDEOS:
        own = {"video_key": video_key}
        assert store.fetch(video_key) == msgspec.structs.replace(FETCH, **own)
        assert store.record(video_key).record.length == msgspec.structs.replace(LENGTH, **own)
        assert store.cut(video_key, "c") == msgspec.structs.replace(CUT, **own)
        for scan_key in ("k", "j"):
            assert store.scan(video_key, scan_key) == msgspec.structs.replace(SCAN, **own)
        assert store.thumbnail(video_key) == video_key.encode()


def test_it_is_read_as_it_is(root: Path):
    before = sorted(root.rglob("*"))
    store = Store(root)
    assert store.is_there()
    assert_known(store)
    assert store.fetch("youtube:other") is None
    assert store.thumbnail("youtube:other") is None
    assert sorted(root.rglob("*")) == before


def test_it_is_taken_over_whole_and_once(root: Path):
    said: list[str] = []
    store = opened(root)
    take_over(store, said.append)
    assert_known(store)
    assert left(root) == []
    assert len(said) == 1
    assert str(root) in said[0]
    store, before = opened(root), changes(root)
    take_over(store, said.append)
    assert changes(root) == before
    assert len(said) == 1


def test_a_new_store_is_not_spoken_of(tmp_path: Path):
    said: list[str] = []
    take_over(opened(tmp_path / "new"), said.append)
    assert said == []


def test_what_was_written_last_counts_as_the_newest(root: Path):
    take_over(opened(root), print)
    for record in records_in(root):
        by_age = sorted(record.sections, key=lambda name: record.sections[name].number)
        assert by_age == ["fetch", "scan/k", "scan/j", "length", "cut/c"]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", range(0, 60, 3))
def test_killed_at_any_step_it_goes_on_and_loses_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, after: int
):
    steps = iter(range(after))

    def counted(act):
        def stepped(first, *args, **options):
            own = not isinstance(first, Path) or first.relative_to(root).parts[0] in KINDS
            if own and next(steps, None) is None:
                raise Killed
            return act(first, *args, **options)

        return stepped

    with monkeypatch.context() as struck:
        for kind, verb in ((Path, "unlink"), (Path, "replace"), (Store, "write_record")):
            struck.setattr(kind, verb, counted(getattr(kind, verb)))
        with pytest.raises(Killed):
            take_over(Store(root), print)
    assert_known(Store(root))
    take_over(opened(root), print)
    assert_known(Store(root))
    assert left(root) == []


def test_no_file_is_deleted_before_its_new_form_is_on_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    events: list[str] = []
    unlink, sync = Path.unlink, os.sync

    def unlinked(file: Path, **options: bool) -> None:
        if file.relative_to(root).parts[0] in KINDS:
            events.append("delete")
        unlink(file, **options)

    def synced() -> None:
        events.append("sync")
        sync()

    monkeypatch.setattr(Path, "unlink", unlinked)
    monkeypatch.setattr(os, "sync", synced)
    take_over(opened(root), print)
    batches = len({digest(each)[:2] for each in VIDEOS})
    assert events.count("sync") == batches
    assert events.count("delete") == 6 * len(VIDEOS)
    assert events[0] == "sync"
    assert events[-1] == "delete"


def test_torn_files_of_before_are_as_good_as_none(root: Path):
    (root / f"fetch/{place(VIDEOS[0])}.json").write_bytes(b'{"video_key":"you')
    (root / f"length/{place(VIDEOS[0])}.json").write_bytes(b"\0" * 99)
    # One that lies where another video's should.
    elsewhere = root / f"fetch/{place('other')}.json"
    elsewhere.parent.mkdir()
    shutil.copy(root / f"fetch/{place(VIDEOS[1])}.json", elsewhere)
    store = opened(root)
    take_over(store, print)
    assert store.fetch(VIDEOS[0]) is None
    assert store.scan(VIDEOS[0], "k") is not None
    assert store.fetch("other") is None
    assert left(root) == []


def test_what_an_earlier_version_writes_after_that_is_taken_over_too(root: Path):
    take_over(opened(root), print)
    fetch = msgspec.structs.replace(FETCH, video_key=VIDEOS[0], here=False)
    (root / "fetch" / digest(VIDEOS[0])[:2]).mkdir(parents=True)
    (root / f"fetch/{place(VIDEOS[0])}.json").write_bytes(fetch.to_json())
    store = opened(root)
    take_over(store, print)
    assert store.fetch(VIDEOS[0]) == fetch
    assert store.cut(VIDEOS[0], "c") is not None
    assert left(root) == []


def test_what_is_packed_by_then_counts_as_earlier_too(root: Path):
    store = opened(root)
    take_over(store, print)
    pack(store)
    write_older(root, VIDEOS[0])
    fetch = msgspec.structs.replace(FETCH, video_key=VIDEOS[0], here=False)
    (root / f"fetch/{place(VIDEOS[0])}.json").write_bytes(fetch.to_json())
    take_over(opened(root), print)
    assert opened(root).fetch(VIDEOS[0]) == fetch
    assert opened(root).scan(VIDEOS[0], "k") is not None


def test_two_commands_at_once_take_it_over_once(root: Path):
    said: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: take_over(store, said.append), [opened(root)] * 4))
    assert len(said) == 1
    assert_known(opened(root))
    assert left(root) == []


def test_what_is_forgotten_before_leaves_no_picture(root: Path):
    store = opened(root)
    store.forget(VIDEOS[0])
    assert store.thumbnail(VIDEOS[0]) is None
    assert store.thumbnail(VIDEOS[1]) is not None


def test_other_files_of_a_store_stay(root: Path):
    store = opened(root)
    store.write("found/a.parquet", b"found")
    store.write_record(store.record("youtube:new"), sections_of(fetch=FETCH))
    take_over(store, print)
    assert store.read("found/a.parquet") == b"found"
    assert store.fetch("youtube:new") is not None
    assert not OlderFiles(root).are_there
