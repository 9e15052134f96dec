"""videonet.sources.known_videos: what one run found is found by the next."""

import random
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
