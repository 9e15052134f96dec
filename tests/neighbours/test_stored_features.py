"""Features as a store keeps them: of each embedding the latest, and none that were altered."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.neighbours.test_nearest import scanned
from videonet.schemas.neighbours import EmbeddedVideo, together, video_in, with_video
from videonet.storage.embedded_videos import embedded_video, write_embedded
from videonet.storage.packing import pack
from videonet.storage.store import Store

KEYS = ("one", "two", "three")


def video(features: bytes = b"\0\0") -> EmbeddedVideo:
    return EmbeddedVideo(scan=scanned(), features=features, size=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.binary(min_size=2, max_size=4))))
def test_of_each_embedding_the_latest_features_are_kept(written):
    data = None
    for key, features in written:
        data = with_video(data, key, video(features))
    latest = dict(written)
    found = {key: video_in(data, key) for key in KEYS}
    assert {key: each.features for key, each in found.items() if each} == latest


@given(st.data())
def test_features_that_were_altered_are_none(data):
    whole = with_video(None, "one", video(b"\1\2\3\4"))
    place = data.draw(st.integers(0, len(whole) - 1))
    altered = bytearray(whole)
    altered[place] ^= data.draw(st.integers(1, 255))
    assert video_in(bytes(altered), "one") in (None, video(b"\1\2\3\4"))
    assert video_in(whole[:place], "one") is None


def test_features_of_both_forms_count():
    packed, loose = with_video(None, "one", video(b"\1\1")), with_video(None, "two", video(b"\2\2"))
    both = together([packed, loose])
    assert [video_in(both, key) for key in KEYS] == [video(b"\1\1"), video(b"\2\2"), None]


def test_features_are_packed_with_all_else(store: Store):
    write_embedded(store, "one", video(b"\1\1"))
    pack(store)
    assert list(store.list("side/embedding")) == []
    write_embedded(store, "two", video(b"\2\2"))
    assert embedded_video(store, "a", "one") == video(b"\1\1")
    assert embedded_video(store, "a", "two") == video(b"\2\2")
    assert embedded_video(store, "b", "one") is None


def test_of_a_withdrawn_video_no_features_are_left(store: Store):
    write_embedded(store, "one", video())
    store.forget("a")
    assert embedded_video(store, "a", "one") is None
