"""What earlier versions published with secrets, and kept under other keys, is taken up."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.curated import videonet
from tests.curating import outcomes_of, verdicts_of
from tests.execution.guarded import (
    SECRETS,
    SIGNATURES,
    TOKEN,
    catalogue,
    signed,
)
from tests.execution.planting import Planted, clips_of, curate, rebuild
from tests.execution.test_secrets import everything_in
from tests.locking import rewritten
from tests.stored import unpack
from videonet.fetch.published_address import is_redacted
from videonet.schemas.reason import Reason
from videonet.schemas.video_record import VideoRecord
from videonet.schemas.withdrawal import Withdrawal
from videonet.shards.layout import shard_of
from videonet.sources.video_key import keys_of
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.store import Store

pytestmark = pytest.mark.slow


def as_before(planted: Planted, folder: Path) -> str:
    """A copy of the run as earlier versions left it; the key that the signed video had then.

    Keys covered signatures, addresses were published with their secrets, and nothing was kept of
    them besides.
    """
    shutil.copytree(planted.folder, folder, dirs_exist_ok=True)
    store = Store(folder / "store")
    unpack(store)
    whole = {
        row["video_key"]: row["url"]
        for row in pa.Table.from_batches(store.found.batches(["video_key", "url"])).to_pylist()
        if row["url"] != signed(planted.server, SIGNATURES[1])
    }
    key, former = keys_of(signed(planted.server, SIGNATURES[0]))
    assert key != former
    (folder / "store" / "former_keys.json").unlink()
    shutil.rmtree(folder / "store" / "address")
    for name in (store.video(key), f"side/thumbnail/{_fold(store, key)}"):
        then = store.root / name.replace(_fold(store, key), _fold(store, former))
        then.parent.mkdir(exist_ok=True)
        (store.root / name).rename(then)
    record = VideoRecord(former, store.record(key).record.sections)
    store.write(f"record/{_fold(store, former)}.json", record.encode())
    store.delete(f"record/{_fold(store, key)}.json")
    for file in (folder / "out" / "run.json", folder / "out" / "_state" / "run.json"):
        file.write_text(file.read_text().replace(str(planted.folder), str(folder)))
    output = DatasetDir(folder / "out")
    for index in range(2):
        state = output.shard_state(index)
        assert state is not None
        content = next(each.sha256 for each in verdicts_of(planted.out) if each.video_key == key)
        videos = {each: sha256 for each, sha256 in state.videos.items() if each != key}
        if shard_of(former, 2) == index:
            videos[former] = str(content)
        # The digest is that of a shard with whole addresses.
        output.write_shard_state(index, msgspec.structs.replace(state, videos=videos, digest="0"))
    tables = [folder / "store/found", folder / "out/candidates", folder / "out/verdicts"]
    for file in [file for each in tables for file in each.iterdir()]:
        table = pq.read_table(file)
        rows = table.to_pylist()
        for row in rows:
            if is_redacted(row["url"]):
                row["url"] = whole[row["video_key"]]
            if row["video_key"] == key:
                _, row["video_key"] = keys_of(row["url"])
        pq.write_table(table.from_pylist(rows, table.schema), file)
    return former


def _fold(store: Store, key: str) -> str:
    return store.video(key).removeprefix("video/")


@pytest.fixture
def older(planted: Planted, tmp_path: Path) -> tuple[Path, str]:
    """The folder of such a run, and the former key of the signed video."""
    return tmp_path, as_before(planted, tmp_path)


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("source", ["", "store"])
def test_what_a_store_has_under_former_keys_is_not_fetched_again(
    planted: Planted, older: tuple[Path, str], signature: str, source: str
):
    folder, _ = older
    (folder / "videos.csv").write_text(catalogue(planted.server, signature=signature))
    before = len(planted.server.requests())
    ended = curate(folder, "other", source)
    assert ended.code == 0, ended
    asked = {each.path for each in planted.server.requests()[before:]}
    # What failed is tried again.
    assert asked <= {"refused.mp4", "missing.mp4"}
    assert clips_of(folder / "other") == clips_of(planted.out)
    mapped = (folder / "store" / "former_keys.json").read_bytes()
    assert list(json.loads(mapped)) == [keys_of(planted.server.url("signed.mp4"))[0]]
    # Once.
    shutil.rmtree(folder / "other")
    assert curate(folder, "other", source).code == 0
    assert (folder / "store" / "former_keys.json").read_bytes() == mapped


def test_what_was_withdrawn_under_a_former_key_stays_so(planted: Planted, older: tuple[Path, str]):
    folder, former = older
    Store(folder / "store").write_withdrawal(Withdrawal(video_key=former, video_id="signed"))
    assert curate(folder, "other").code == 0
    assert outcomes_of(folder / "other")["signed", "balloon"][1] is Reason.WITHDRAWN


def test_what_is_withdrawn_is_forgotten_under_all_its_keys(
    planted: Planted, older: tuple[Path, str]
):
    folder, former = older
    assert curate(folder, "other").code == 0
    store = Store(folder / "store")
    key = keys_of(planted.server.url("signed.mp4"))[0]
    assert store.former_keys(key)[0] == former
    assert len(store.former_keys(key)) == 3
    assert (store.root / store.video(key)).exists()
    assert videonet("withdraw", folder / "other", "signed").code == 0
    assert not (store.root / store.video(former)).exists()
    assert store.address(key) is None
    # Nor does a list of then bring it back.
    assert outcomes_of(folder / "other")["signed", "balloon"][1] is Reason.WITHDRAWN


def test_the_same_command_over_a_finished_data_set_takes_the_secrets_out(
    planted: Planted, older: tuple[Path, str]
):
    folder, _ = older
    assert any(TOKEN in text for _, text in everything_in(folder / "out"))
    assert curate(folder).code == 0
    assert clips_of(folder / "out") == clips_of(planted.out)
    for place, text in everything_in(folder / "out"):
        assert [each for each in SECRETS if each in text] == [], place


def test_an_interrupted_run_that_listed_secrets_lists_again_without_them(
    planted: Planted, older: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
):
    folder, _ = older
    for name in ("manifest.json", LOCK_FILE, "README.md"):
        (folder / "out" / name).unlink()
    before = len(planted.server.requests())
    assert curate(folder).code == 0
    assert {each.path for each in planted.server.requests()[before:]} <= {
        "refused.mp4",
        "missing.mp4",
    }
    assert clips_of(folder / "out") == clips_of(planted.out)
    for place, text in everything_in(folder / "out"):
        assert [each for each in SECRETS if each in text] == [], place


def test_a_lock_file_with_whole_addresses_is_rebuilt_without_them(planted: Planted, tmp_path: Path):
    store = Store(planted.folder / "store")

    def as_then(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"url": store.address(row["video_key"]) or row["url"]} for row in rows]

    lock = rewritten(Path(shutil.copy(planted.lock, tmp_path / "lock")), as_then)
    assert TOKEN in str(pq.read_table(lock).to_pylist())
    ended = rebuild(lock, tmp_path)
    assert ended.code == 0, ended
    assert clips_of(tmp_path / "again") == clips_of(planted.out)
    assert (tmp_path / "again" / LOCK_FILE).read_bytes() == planted.lock.read_bytes()
