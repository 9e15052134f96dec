"""What a run publishes holds no secret of an address; the store alone keeps whole addresses."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.curated import CLASSES, videonet
from tests.curating import bytes_of, outcomes_of, verdicts_of
from tests.execution.guarded import (
    OWN_TOKEN,
    SECRETS,
    SIGNATURES,
    TOKEN,
    catalogue,
    signed,
)
from tests.execution.planting import KEPT, PLAIN, Planted, clips_of, curate, shown
from tests.execution.test_secrets import everything_in
from videonet.dataset.verify import verify
from videonet.fetch.published_address import is_redacted
from videonet.schemas.reason import Outcome, Reason
from videonet.shards.writer import FORMATS
from videonet.sources.video_key import keys_of
from videonet.storage.dataset_dir import LOCK_FILE
from videonet.storage.store import Store


def interrupted(planted: Planted, folder: Path, *, fetched: bool) -> Path:
    """A copy of the run as a kill left it when its list was there; with nothing fetched, or all."""
    shutil.copytree(planted.folder, folder, dirs_exist_ok=True)
    for name in ("clips", "verdicts", "_state/shards"):
        shutil.rmtree(folder / "out" / name)
    for name in ("manifest.json", LOCK_FILE, "README.md"):
        (folder / "out" / name).unlink()
    for name in () if fetched else ("video", "part", "fetch", "scan", "length", "cut"):
        shutil.rmtree(folder / "store" / name, ignore_errors=True)
    # The list says where it is, and the store has no more than it needs.
    for file in (folder / "out" / "run.json", folder / "out" / "_state" / "run.json"):
        file.write_text(file.read_text().replace(str(planted.folder), str(folder)))
    return folder


# What is published.


def test_all_are_fetched_with_their_secrets(planted: Planted):
    assert planted.ended.code == 0, planted.ended
    outcomes = outcomes_of(planted.out).values()
    assert sum(outcome is Outcome.KEPT for outcome, _ in outcomes) == KEPT
    assert {reason for _, reason in outcomes} == {None, Reason.REFUSED, Reason.BAD_ADDRESS}
    assert verify(planted.out).problems == []


def test_no_secret_is_in_anything_that_a_run_leaves_but_for_what_fetches_it_again(
    planted: Planted, tmp_path: Path
):
    folder = Path(shutil.copytree(planted.folder, tmp_path / "copy"))
    pages = [videonet("report", folder / "out"), videonet("show", folder / "out", "token")]
    assert [each.code for each in pages] == [0, 0]
    assert (folder / "out/report/index.html").exists()
    texts = [
        *((name, getattr(each, name)) for each in (planted.ended, *pages) for name in each._fields),
        *everything_in(folder / "out"),
        *everything_in(folder / "store"),
    ]
    kept = [folder / "store" / each for each in ("address", "addresses", "found", "known")]
    for place, text in texts:
        if not any(Path(place).is_relative_to(each) for each in kept):
            for secret in SECRETS:
                assert secret not in str(text), (place, secret)
    # They were there to be found.
    everything = "".join(text for _, text in everything_in(folder / "store"))
    assert {each for each in SECRETS if each not in everything} == set()


def test_published_addresses_show_that_a_secret_is_missing(planted: Planted):
    place = planted.server.address
    addresses = shown(planted.out)
    assert addresses["keyed a"] == f"{place}/watch.mp4?key=a"
    assert addresses["token"] == f"{place}/token.mp4?token=REDACTED"
    assert addresses["user"] == f"{place.replace('//', '//REDACTED@')}/user.mp4"
    own = f"{place}/own.mp4?access_token=REDACTED"
    assert addresses[own] == own
    clips = [
        clip
        for file in sorted((planted.out / "clips").rglob("*-of-*"))
        for clip in FORMATS[file.suffix[1:]].read(file)
    ]
    assert len(clips) == 2 * KEPT
    assert {clip.clip_media_id: clip.clip_data_path for clip in clips}.items() <= addresses.items()
    listed = pq.read_table(planted.out / "candidates").to_pylist()
    assert {row["video_id"]: row["url"] for row in listed} == addresses
    locked = pq.read_table(planted.lock).to_pylist()
    assert {row["video_id"]: row["url"] for row in locked}.items() <= addresses.items()


def test_two_videos_that_differ_only_in_key_are_two_and_two_signatures_are_one(planted: Planted):
    keys = {each.video.video_id: each.video_key for each in verdicts_of(planted.out)}
    assert keys["keyed a"] != keys["keyed b"]
    assert keys["signed"] == keys_of(planted.server.url("signed.mp4"))[0]
    assert len(keys) == len(verdicts_of(planted.out)) == 12
    contents = {each.video_key: each.sha256 for each in verdicts_of(planted.out)}
    assert contents[keys["keyed a"]] != contents[keys["keyed b"]]


def test_the_store_keeps_whole_addresses_only_where_less_is_published(planted: Planted):
    store = Store(planted.folder / "store")
    for each in verdicts_of(planted.out):
        url = store.address(each.video_key)
        assert (url is not None) is is_redacted(each.video.url)
    assert len(list(store.tables.addresses.all())) == 10


def test_a_signature_that_is_renewed_changes_no_byte_and_fetches_nothing(
    planted: Planted, tmp_path: Path
):
    shutil.copytree(planted.folder, tmp_path, dirs_exist_ok=True)
    renewed = catalogue(planted.server, signature=SIGNATURES[1])
    (tmp_path / "videos.csv").write_text(renewed)
    before = len(planted.server.requests("signed.mp4"))
    assert curate(tmp_path, "other").code == 0
    assert bytes_of(tmp_path / "other").items() >= clips_of(planted.out).items()
    assert (tmp_path / "other" / LOCK_FILE).read_bytes() == planted.lock.read_bytes()
    assert len(planted.server.requests("signed.mp4")) == before
    store = Store(tmp_path / "store")
    key = keys_of(planted.server.url("signed.mp4"))[0]
    assert store.address(key) == signed(planted.server, SIGNATURES[1])


def test_the_store_as_a_source_has_the_whole_addresses(planted: Planted, tmp_path: Path):
    shutil.copytree(planted.folder, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "store" / "records")
    shutil.rmtree(tmp_path / "store" / "video")
    assert curate(tmp_path, "other", "store").code == 0
    assert outcomes_of(tmp_path / "other") == outcomes_of(planted.out)
    assert shown(tmp_path / "other") == shown(planted.out)


def test_a_published_list_as_a_catalogue_says_what_is_missing(planted: Planted, tmp_path: Path):
    (tmp_path / "classes.txt").write_text(CLASSES)
    assert curate(tmp_path, source=f"catalogue:{planted.out / 'candidates'}").code == 3
    kept = {video: reason for (video, _), (_, reason) in outcomes_of(tmp_path / "out").items()}
    assert {video for video, reason in kept.items() if reason is None} == PLAIN
    assert set(kept.values()) == {None, Reason.REDACTED}


# Going on.


@pytest.mark.parametrize("fetched", [True, False])
def test_an_interrupted_run_takes_the_addresses_from_the_store(
    planted: Planted, tmp_path: Path, fetched: bool
):
    folder = interrupted(planted, tmp_path, fetched=fetched)
    text = (folder / "videos.csv").read_text()
    # The list is there: what the catalogue says now does not count.
    (folder / "videos.csv").write_text(text.replace(TOKEN, "x").replace(OWN_TOKEN, "y"))
    ended = videonet("report", folder / "out", "--store", folder / "store")
    assert ended.code == 0, ended
    page = (folder / "out/report/index.html").read_text()
    assert "published without the secret" not in page
    assert [each for each in SECRETS if each in page] == []
    before = len(planted.server.requests())
    assert curate(folder).code == 0
    assert outcomes_of(folder / "out") == outcomes_of(planted.out)
    assert clips_of(folder / "out") == clips_of(planted.out)
    assert (folder / "out" / LOCK_FILE).read_bytes() == planted.lock.read_bytes()
    asked = {each.path for each in planted.server.requests()[before:]}
    assert ("token.mp4" in asked) is not fetched


def test_without_the_store_an_interrupted_run_says_what_to_give(planted: Planted, tmp_path: Path):
    folder = interrupted(planted, tmp_path, fetched=False)
    shutil.rmtree(folder / "store")
    assert curate(folder).code == 3
    (token,) = [each for each in verdicts_of(folder / "out") if each.video.video_id == "token"]
    assert token.reason is Reason.REDACTED
    assert token.error is not None
    assert "--source catalogue:FILE" in token.error
