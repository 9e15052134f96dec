"""A data set whose lock file has redacted rows is made again where their addresses are known."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.curating import outcomes_of, verdicts_of
from tests.execution.guarded import (
    SECRETS,
    SIGNATURES,
    TOKEN,
    catalogue,
)
from tests.execution.planting import PLAIN, Planted, clips_of, rebuild, shown
from tests.execution.test_secrets import everything_in
from tests.locking import rewritten
from videonet.dataset.lock_file import read_lock
from videonet.schemas.reason import Reason
from videonet.storage.dataset_dir import LOCK_FILE

pytestmark = pytest.mark.slow


def test_without_the_catalogue_redacted_rows_are_not_fetched(planted: Planted, tmp_path: Path):
    before = len(planted.server.requests())
    ended = rebuild(planted.lock, tmp_path)
    assert ended.code == 3
    assert "2 of 7 videos are here again." in ended.stdout
    assert "5 could not be had: 5 redacted." in ended.stdout
    assert "give a catalogue that does, with --source catalogue:FILE" in ended.stdout
    assert {each.path for each in planted.server.requests()[before:]} == {"watch.mp4"}
    assert {
        video for (video, _), (_, reason) in outcomes_of(tmp_path / "again").items() if not reason
    } == PLAIN
    # The same command goes on when it is given what is missing.
    ended = rebuild(
        planted.lock, tmp_path, "--source", f"catalogue:{planted.folder / 'videos.csv'}"
    )
    assert ended.code == 0, ended
    assert clips_of(tmp_path / "again") == clips_of(planted.out)


def test_with_the_catalogue_the_same_data_set_is_made_to_the_byte(planted: Planted, tmp_path: Path):
    (tmp_path / "videos.csv").write_text(catalogue(planted.server, signature=SIGNATURES[1]))
    ended = rebuild(planted.lock, tmp_path, "--source", f"catalogue:{tmp_path / 'videos.csv'}")
    assert ended.code == 0, ended
    assert clips_of(tmp_path / "again") == clips_of(planted.out)
    assert (tmp_path / "again" / LOCK_FILE).read_bytes() == planted.lock.read_bytes()
    for place, text in (*everything_in(tmp_path / "again"), ("said", ended.stdout + ended.stderr)):
        assert [each for each in SECRETS if each in text] == [], place


def test_the_store_that_knows_the_addresses_will_do(planted: Planted, tmp_path: Path):
    shutil.copytree(planted.folder / "store" / "addresses", tmp_path / "store" / "addresses")
    ended = rebuild(planted.lock, tmp_path)
    assert ended.code == 0, ended
    assert clips_of(tmp_path / "again") == clips_of(planted.out)


def test_only_a_catalogue_is_a_source_of_addresses(planted: Planted, tmp_path: Path):
    for source in ("store", "youtube", f"folder:{tmp_path}"):
        ended = rebuild(planted.lock, tmp_path, "--source", source)
        assert ended.code == 2
        assert "give --source catalogue:FILE" in ended.stderr
    assert not (tmp_path / "again" / "lookup.json").exists()


def test_a_secret_that_hashes_to_another_key_is_not_believed(planted: Planted, tmp_path: Path):
    text = catalogue(planted.server).replace(f"token={TOKEN}", "token=another-t0ken")
    (tmp_path / "videos.csv").write_text(text)
    before = len(planted.server.requests())
    ended = rebuild(planted.lock, tmp_path, "--source", f"catalogue:{tmp_path / 'videos.csv'}")
    assert ended.code == 1
    assert "1 could not be had: 1 redacted." in ended.stdout
    assert "token.mp4" not in {each.path for each in planted.server.requests()[before:]}


def test_a_redacted_row_does_not_put_one_video_in_the_place_of_another(
    planted: Planted, tmp_path: Path
):
    (key,) = {
        each.video_key for each in verdicts_of(planted.out) if each.video.video_id == "keyed a"
    }
    forged = f"{planted.server.address}/another.mp4?token=REDACTED"

    def forge(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"url": forged} if row["video_key"] == key else row for row in rows]

    lock = rewritten(Path(shutil.copy(planted.lock, tmp_path / "lock")), forge)
    # The store has a video under this key, and the catalogue has its address.
    shutil.copytree(planted.folder / "store", tmp_path / "store")
    ended = rebuild(lock, tmp_path)
    assert "1 could not be had: 1 redacted." in ended.stdout
    assert outcomes_of(tmp_path / "again")["keyed a", "balloon"][1] is Reason.REDACTED
    ended = rebuild(lock, tmp_path, "--source", f"catalogue:{planted.folder / 'videos.csv'}")
    # What is published then is the address that was found, not the one of the row.
    assert shown(tmp_path / "again")["keyed a"] == f"{planted.server.url('watch.mp4')}?key=a"


@pytest.mark.parametrize("key", ["youtube:another", "url:short", "url:../x", "sha256:" + 64 * "0"])
def test_a_redacted_row_with_a_key_that_no_address_has_is_refused(
    planted: Planted, tmp_path: Path, key: str
):
    (token,) = [each for each in read_lock(planted.lock).rows() if each.video.video_id == "token"]

    def forge(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"video_key": key} for row in rows if row["video_key"] == token.video_key]

    lock = rewritten(Path(shutil.copy(planted.lock, tmp_path / "lock")), forge)
    ended = rebuild(lock, tmp_path)
    assert ended.code == 2
    assert "is damaged" in ended.stderr
