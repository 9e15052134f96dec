"""videonet.curation.addresses: a list in OUT has no secrets, and what is fetched has them again."""

from pathlib import Path

import msgspec
import pytest

from tests.curation.test_apply_steps import context_in
from tests.fetch.visiting import candidate
from videonet.curation.addresses import has_no_address, has_secrets, with_address, without_secrets
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.withdrawal import Withdrawal
from videonet.sources.video_key import keys_of
from videonet.storage.store import Store

SIGNED = "https://example.org/a.mp4?Expires=1&Signature=b&Key-Pair-Id=c"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def found(url: str, **changes: object) -> Candidate:
    return msgspec.structs.replace(candidate(url), **changes)


def test_what_is_listed_has_no_secret_and_what_is_read_back_has(store: Store):
    match = Match(
        target_id="dog", names=("dog",), title="A dog https://h/?sig=a", query=None, rank=0
    )
    one = found("https://me:secret@h/a?token=b", matches=(match,))
    (listed,) = without_secrets([one], store)
    assert listed.video.url == "https://REDACTED@h/a?token=REDACTED"
    assert listed.matches[0].title == "A dog https://h/?sig=REDACTED"
    assert (has_secrets(one), has_secrets(listed)) == (True, False)
    assert with_address(listed, store).video.url == one.video.url
    other = Store(store.root.parent / "other")
    assert with_address(listed, other) is listed
    assert (has_no_address(one), has_no_address(listed)) == (False, True)


def test_what_has_no_secret_is_listed_as_it_is_and_writes_nothing(store: Store, tmp_path: Path):
    plain = found("https://h/a?key=b")
    local = candidate("a?token=REDACTED.mp4", root=tmp_path)
    assert [*without_secrets([plain, local], store)] == [plain, local]
    assert with_address(plain, store) is plain
    assert with_address(local, store) is local
    assert not (store.root / "address").exists()


def test_an_address_that_an_earlier_run_found_does_not_replace_the_one_of_the_latest(store: Store):
    before, now = (found(f"https://h/a?sig={each}") for each in ("old", "new"))
    key = now.video_key
    list(without_secrets([before], store, renewed=False))
    assert store.address(key) == before.video.url
    list(without_secrets([now], store))
    list(without_secrets([before], store, renewed=False))
    assert store.address(key) == now.video.url


@pytest.mark.parametrize("withdrawn", keys_of(SIGNED))
@pytest.mark.parametrize("key", keys_of(SIGNED))
def test_a_video_that_was_withdrawn_is_so_under_each_key_that_its_address_has_or_had(
    store: Store, tmp_path: Path, key: str, withdrawn: str
):
    store.write_withdrawal(Withdrawal(video_key=withdrawn, video_id="a"))
    context = context_in(tmp_path)
    assert context.is_withdrawn(found(SIGNED, video_key=key))
    assert not context.is_withdrawn(found(SIGNED.replace("a.mp4", "b.mp4"), video_key="url:b"))
