"""videonet.sources.former_keys: a store is looked through once for keys of earlier versions."""

from pathlib import Path

import pytest

from tests.sources.test_known_videos import new_store, rows_of, sighting
from videonet.errors import UsageError
from videonet.schemas.fetch import Fetch
from videonet.schemas.withdrawal import Withdrawal
from videonet.sources.former_keys import find_former_keys
from videonet.sources.known_videos import remember
from videonet.sources.video_key import keys_of, present_key
from videonet.storage.store import Store

ADDRESSES = [
    f"https://example.org/a.mp4?Expires={each}&Signature={each}&Key-Pair-Id=b" for each in "123"
]
PRESENT = keys_of(ADDRESSES[0])[0]
FORMER = [keys_of(each)[1] for each in ADDRESSES]


def fetched(key: str, *, here: bool) -> Fetch:
    return Fetch(
        video_key=key,
        here=here,
        path=None,
        sha256="0" * 64,
        bytes=3,
        mtime_ns=None,
        reason=None,
        error=None,
        declared_duration=None,
        licence="",
        attempts=1,
        run_id="a",
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One that knows a video under the keys of its first two signatures."""
    store = new_store(tmp_path)
    remember(store, [sighting(FORMER[0], url=ADDRESSES[0]), sighting()])
    remember(store, [sighting(FORMER[1], url=ADDRESSES[1])])
    store.write_fetch(fetched(FORMER[0], here=False))
    store.write_fetch(fetched(FORMER[1], here=True))
    store.write(store.video(FORMER[1]), b"abc")
    return store


def test_what_is_here_of_a_video_is_found_under_its_present_key(store: Store):
    assert store.fetch(PRESENT) is None
    find_former_keys(store)
    # Of several, where most is here.
    assert store.fetch(PRESENT) == fetched(PRESENT, here=True)
    assert store.read(store.video(PRESENT)) == b"abc"
    # Under their own keys they still are, as lock files of then name them.
    assert store.fetch(FORMER[0]) == fetched(FORMER[0], here=False)
    assert store.fetch(FORMER[1]) == fetched(FORMER[1], here=True)
    assert store.former_keys("youtube:a") == ()


def test_it_is_done_once(store: Store):
    find_former_keys(store)
    assert store.knows_former_keys
    remember(store, [sighting(FORMER[2], url=ADDRESSES[2])])
    find_former_keys(store)
    assert FORMER[2] not in Store(store.root).former_keys(PRESENT)
    fresh = Store(store.root.parent / "fresh")
    fresh.prepare()
    find_former_keys(fresh)
    assert fresh.knows_former_keys


def test_what_was_withdrawn_or_is_forgotten_is_so_under_every_key(store: Store):
    store.write_withdrawal(Withdrawal(video_key=FORMER[0], video_id="a"))
    find_former_keys(store)
    assert {each.video_key for each in store.withdrawals()} == {FORMER[0], PRESENT}
    store.write_address(PRESENT, ADDRESSES[0])
    store.forget(PRESENT)
    assert store.read(store.video(FORMER[1])) is None
    assert store.address(PRESENT) is None


def test_a_source_gives_present_keys(store: Store):
    assert {row.video_key for row in rows_of(store)} == {PRESENT, "youtube:a"}


def test_a_key_that_no_version_would_have_given_stays(store: Store):
    assert present_key("url:other", ADDRESSES[0]) == "url:other"
    assert present_key(FORMER[0], ADDRESSES[1]) == FORMER[0]
    assert present_key("sha256:a", "a?sig=b.mp4") == "sha256:a"


def test_damage_is_told(store: Store):
    file = next((store.root / "found").iterdir())
    file.write_bytes(b"torn")
    with pytest.raises(UsageError, match=f"{file} of the store is damaged"):
        find_former_keys(store)
    assert not store.knows_former_keys
    store.write("former_keys.json", b"torn")
    with pytest.raises(UsageError, match=r"former_keys\.json is damaged; delete it"):
        Store(store.root).fetch(PRESENT)
