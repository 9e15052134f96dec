"""videonet.sources.known_videos: what one run found is found by the next."""

import random
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.errors import UsageError
from videonet.schemas.candidate import Sighting
from videonet.schemas.video_info import VideoInfo
from videonet.sources.known_videos import KnownVideos, remember
from videonet.sources.source import Row
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.lease import held_lease
from videonet.storage.store import Store


def sighting(key: str = "youtube:a", title: str = "A cat", **changes: object) -> Sighting:
    fields = {
        "video_key": key,
        "video_id": key.rpartition(":")[2],
        "url": f"https://example.org/{key}",
        "root": None,
        "title": title,
        "duration": 12.0,
        "channel": "Cats",
        "licence": None,
        "live_status": None,
        "source": "catalogue",
        "query": None,
        "rank": 0,
    }
    return Sighting.from_row(fields | changes)


def new_store(folder: Path) -> Store:
    store = Store(folder / "store")
    store.prepare()
    return store


def rows_of(store: Store) -> list[Row]:
    source = KnownVideos(store)
    source.check()
    return [row for batch in source.batches() for row in batch]


def test_what_was_found_comes_back_as_it_was_said(tmp_path: Path):
    store = new_store(tmp_path)
    said = sighting(query="cats", root="/videos", url="a.mp4", licence="CC0")
    remember(store, [said])
    assert rows_of(store) == [
        Row(
            rank=0,
            video=VideoInfo(
                video_id="a",
                url="a.mp4",
                root="/videos",
                title="A cat",
                duration=12.0,
                channel="Cats",
                licence="CC0",
            ),
            query="cats",
            video_key="youtube:a",
        )
    ]


def test_a_video_comes_with_every_title_that_it_was_found_with(tmp_path: Path):
    store = new_store(tmp_path)
    remember(store, [sighting(title="A cat"), sighting("youtube:b", "A dog")])
    remember(store, [sighting(title="My pet", rank=7)])
    assert [(row.video_key, row.video.title) for row in rows_of(store)] == [
        ("youtube:a", "A cat"),
        ("youtube:a", "My pet"),
        ("youtube:b", "A dog"),
    ]


def test_each_saying_comes_once_however_often_it_was_heard(tmp_path: Path):
    store = new_store(tmp_path)
    remember(store, [sighting(), sighting("youtube:b")])
    remember(store, [sighting(rank=3), sighting(source="folder", duration=None)])
    assert [row.video_key for row in rows_of(store)] == ["youtube:a", "youtube:b"]


def test_the_same_title_at_another_url_is_another_saying(tmp_path: Path):
    store = new_store(tmp_path)
    remember(store, [sighting(url="https://x"), sighting(url="https://y")])
    assert [row.video.url for row in rows_of(store)] == ["https://x", "https://y"]


def test_rows_come_in_the_order_of_their_keys(tmp_path: Path):
    store = new_store(tmp_path)
    keys = [f"url:{number:03}" for number in range(50)]
    for part in (keys[30:], keys[:10], keys[10:30]):
        remember(store, [sighting(key) for key in reversed(part)])
    rows = rows_of(store)
    assert [row.video_key for row in rows] == keys
    assert [row.rank for row in rows] == list(range(50))


_SAID = st.builds(
    sighting,
    st.sampled_from(["url:a", "url:b", "url:c"]),
    st.sampled_from(["A cat", "A dog"]),
    url=st.sampled_from(["https://x", "https://y"]),
    duration=st.sampled_from([None, 5.0, 6.0]),
    rank=st.integers(0, 5),
)


@pytest.mark.slow
@given(st.lists(_SAID, min_size=1, max_size=12), st.integers(1, 4), st.randoms())
def test_neither_order_nor_grouping_of_what_was_found_matters(
    tmp_path_factory: pytest.TempPathFactory,
    said: list[Sighting],
    parts: int,
    chance: random.Random,
):
    one, other = (new_store(tmp_path_factory.mktemp("found")) for _ in range(2))
    remember(one, said)
    shuffled = chance.sample(said, len(said))
    for part in range(parts):
        if shuffled[part::parts]:
            remember(other, shuffled[part::parts])
    rows = rows_of(one)
    assert rows == rows_of(other)
    found = {(row.video_key, row.video.title, row.video.url) for row in rows}
    assert found == {(each.video_key, each.video.title, each.video.url) for each in said}
    assert len(rows) == len(found)


def test_remembering_the_same_again_leaves_one_file(tmp_path: Path):
    store = new_store(tmp_path)
    said = [sighting(), sighting("youtube:b")]
    remember(store, said)
    before = {file.name: file.read_bytes() for file in (store.root / "found").iterdir()}
    remember(store, list(reversed(said)))
    after = {file.name: file.read_bytes() for file in (store.root / "found").iterdir()}
    assert before == after
    assert len(after) == 1
    remember(store, [msgspec.structs.replace(said[0], rank=9)])
    assert len(list((store.root / "found").iterdir())) == 2


def test_a_file_has_the_name_that_version_0_1_0_gave_it(tmp_path: Path):
    # Else a store would keep twice what it kept before.
    store = new_store(tmp_path)
    row = {
        "video_key": "youtube:a",
        "video_id": "a",
        "url": "a.mp4",
        "root": "/videos",
        "title": 'A "cat" 🐈',
        "duration": 12.0,
        "channel": "Cats",
        "licence": None,
        "live_status": "was_live",
        "source": "catalogue",
        "query": "cats",
        "rank": 3,
    }
    remember(store, [Sighting.from_row(row)])
    assert [file.name for file in (store.root / "found").iterdir()] == [
        "7c047368a55f41d16c6a47980745c50b0164ac42e167341db7b5bebb425f66e3.parquet"
    ]


def test_nothing_half_written_is_left_in_the_store(tmp_path: Path):
    store = new_store(tmp_path)
    remember(store, [sighting()])
    assert list((store.root / "tmp").glob("[!.]*")) == []


def test_an_empty_store_is_refused(tmp_path: Path):
    store = new_store(tmp_path)
    with pytest.raises(UsageError, match="knows no videos yet; fill it with a run") as caught:
        KnownVideos(store).check()
    assert str(store.root) in str(caught.value)


def test_a_damaged_file_is_named(tmp_path: Path):
    store = new_store(tmp_path)
    remember(store, [sighting()])
    (file,) = (store.root / "found").iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(UsageError, match=f"{file} of the store is damaged"):
        rows_of(store)


def test_a_store_below_a_folder_with_an_equals_sign_is_read(tmp_path: Path):
    # Parquet readers take such a folder's name for a column.
    store = new_store(tmp_path / "run=3")
    remember(store, [sighting()])
    assert len(rows_of(store)) == 1


# Packed.


def packed(store: Store, most_loose: int = 0) -> bool:
    with held_lease(store.objects, "packing") as lease:
        return store.found.pack(lease, KnownVideos(store).tidied, most_loose)


def known_files(store: Store) -> list[str]:
    return [path.name for path in (store.root / "known").glob("*.parquet")]


def test_what_was_found_is_the_same_when_it_is_packed(tmp_path: Path):
    store = new_store(tmp_path)
    for part in range(5):
        said = [sighting(f"url:{part}{number}", f"A cat {part}") for number in range(20)]
        remember(store, [*said, sighting("url:a"), sighting(rank=part)])
    before = rows_of(store)
    assert packed(store)
    assert list((store.root / "found").iterdir()) == []
    assert len(known_files(store)) == 1
    assert rows_of(store) == before
    # Of what is found again, nothing comes twice.
    remember(store, [sighting("url:a"), sighting("url:new")])
    assert len(rows_of(store)) == len(before) + 1
    assert packed(store)
    assert len(rows_of(store)) == len(before) + 1
    # The file before stays for a while.
    assert len(known_files(store)) == 2


def test_few_files_stay_as_they_are(tmp_path: Path):
    store = new_store(tmp_path)
    remember(store, [sighting()])
    assert not packed(store, most_loose=1)
    assert len(list((store.root / "found").iterdir())) == 1


def test_much_is_packed_into_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("videonet.storage.found_files.ROWS", 2_000)
    store = new_store(tmp_path)
    remember(store, [sighting(f"url:{number:05}") for number in range(9_000)])
    assert packed(store)
    assert len(known_files(store)) > 3
    assert [row.video_key for row in rows_of(store)] == [f"url:{n:05}" for n in range(9_000)]


def test_a_damaged_packed_file_is_named(tmp_path: Path):
    store = new_store(tmp_path)
    remember(store, [sighting()])
    packed(store)
    (file,) = (store.root / "known").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"known/0+1-[0-9a-f]+\.parquet of the store is damaged"):
        rows_of(store)


class KilledError(Exception):
    """The process was killed."""


class DyingObjects(FolderObjects):
    """Objects of a process that is killed before it changes anything once more than so often."""

    def __init__(self, root: Path, changes: int) -> None:
        super().__init__(root)
        self.left = changes

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
        self._live(name)
        return super().write_once(name, data, lasting=lasting)

    def write_if(
        self, name: str, data: bytes | Path, generation: str, *, lasting: bool = False
    ) -> str | None:
        self._live(name)
        return super().write_if(name, data, generation, lasting=lasting)

    def delete(self, name: str, generation: str | None = None) -> bool:
        self._live(name)
        return super().delete(name, generation)

    def _live(self, name: str) -> None:
        if not name.startswith("lease/"):
            self.left -= 1
            if self.left < 0:
                raise KilledError


def test_killed_at_any_change_nothing_is_missing_and_the_next_call_goes_on(tmp_path: Path):
    store = new_store(tmp_path)
    for part in range(3):
        remember(store, [sighting(f"url:{part}")])
        if part == 1:
            packed(store)
    remember(store, [sighting("url:3")])
    before = rows_of(store)
    for changes in count():
        copy = shutil.copytree(store.root, tmp_path / f"copy-{changes}")
        try:
            packed(Store(copy, DyingObjects(copy, changes)))
        except KilledError:
            assert rows_of(Store(copy)) == before
            packed(Store(copy))
            assert rows_of(Store(copy)) == before
            assert list((copy / "found").iterdir()) == []
        else:
            assert changes > 3
            return


class MeanwhileObjects(FolderObjects):
    """Objects in which something happens before the read of a number."""

    def __init__(self, root: Path, reads: int, happens: Callable[[], object]) -> None:
        super().__init__(root)
        self.left = reads
        self._happens = happens

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        if self.left == 0:
            self._happens()
        self.left -= 1
        return super().read(name, begin, end)


def test_a_reader_misses_nothing_when_it_is_packed_between_any_two_reads(tmp_path: Path):
    store = new_store(tmp_path)
    for part in range(3):
        remember(store, [sighting(f"url:{part}")])
    packed(store)
    for part in range(3, 6):
        remember(store, [sighting(f"url:{part}")])
    before = rows_of(store)
    for reads in count():
        copy = shutil.copytree(store.root, tmp_path / f"copy-{reads}")
        objects = MeanwhileObjects(copy, reads, lambda copy=copy: packed(Store(copy)))
        assert rows_of(Store(copy, objects)) == before
        if objects.left >= 0:
            assert reads > 5
            return
