"""videonet withdraw, where a run was interrupted: what is there of a video goes all the same."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.curated import Curated, curated_once, videonet
from tests.curating import bytes_of
from tests.stored import sections_in
from tests.withdrawing import (
    OUT_OF_ALL,
    SHARDS,
    again,
    assert_sound,
    clips_of,
    copied,
    kept_beside_others,
    outcomes,
    tree,
)
from videonet.dataset.withdraw import withdraw
from videonet.shards.layout import shard_of, shard_path
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def copy(curated: Curated, tmp_path: Path) -> Curated:
    return copied(curated, tmp_path)


def unfinished(copy: Curated) -> None:
    """As a run over a finished OUT leaves it that is killed once it has its candidate list."""
    output = DatasetDir(copy.out)
    lookup = output.lookup()
    assert lookup is not None
    output.begin_anew()
    output.write_lookup(lookup)


def named_in(out: Path, key: str) -> list[str]:
    """Files that are handed on with a data set and name this video, by its key."""
    lock = out / "videos.lock.parquet"
    keys = pq.read_table(lock)["video_key"].to_pylist() if lock.exists() else []
    card = out / "README.md"
    return ["lock"] * (key in keys) + ["card"] * (card.exists() and key in card.read_text())


@pytest.mark.parametrize("finishing", [False, True])
def test_no_file_of_an_unfinished_rerun_has_it_and_the_run_goes_on_with_the_others(
    curated: Curated, copy: Curated, finishing: bool
):
    verdict, other = kept_beside_others(copy.out)
    whole = Path(shutil.copytree(copy.out, copy.folder / "whole"))
    withdraw(whole, [verdict.video.video_id], copy.store)
    assert named_in(copy.out, verdict.video_key) == ["lock"]
    if finishing:
        # Killed just before the manifest, with the lock file and the card written.
        (copy.out / "manifest.json").unlink()
    else:
        unfinished(copy)
    others = clips_of(copy.out, other.video_key)
    ended = videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
    assert "1 of 2 shards written again" in ended.stdout
    assert "no shard has them" in ended.stdout
    assert clips_of(copy.out, verdict.video_key) == {}
    assert clips_of(copy.out, other.video_key) == others
    assert named_in(copy.out, verdict.video_key) == []
    assert not (copy.out / "README.md").exists()
    assert not (copy.out / "_state/withdrawing").exists()
    before = tree(copy.folder)
    videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
    assert tree(copy.folder) == before

    # The others are taken from the shard: the store has not what cutting them needs.
    store = Store(copy.store)
    cut = sections_in(store.root, "cut")
    assert cut
    again(curated, copy)
    assert sections_in(store.root, "cut") == cut
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}
    assert bytes_of(copy.out) == bytes_of(whole)
    assert_sound(copy.out)


def test_what_a_killed_run_wrote_and_did_not_account_for_has_it_no_more(
    curated: Curated, copy: Curated
):
    verdict, _ = kept_beside_others(copy.out)
    index = shard_of(verdict.video_key, SHARDS)
    unfinished(copy)
    (copy.out / f"_state/shards/{index:05d}.json").unlink()
    hidden = copy.out / f"clips/parquet/.clips-{index:05d}-of-{SHARDS:05d}.parquet.tmp"
    hidden.touch()
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    assert clips_of(copy.out, verdict.video_key) == {}
    assert not hidden.exists()
    again(curated, copy)
    assert clips_of(copy.out, verdict.video_key) == {}
    assert_sound(copy.out)


def test_killed_before_the_files_of_an_unfinished_shard_are_in_place_the_next_call_moves_them(
    copy: Curated,
):
    verdict, _ = kept_beside_others(copy.out)
    unfinished(copy)
    paths = [shard_path(name, shard_of(verdict.video_key, SHARDS), SHARDS) for name in FORMATS]
    before = {path: (copy.out / path).read_bytes() for path in paths}
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    done = tree(copy.out)
    for path in paths:
        staged = copy.out / "_state/withdrawing" / path
        staged.parent.mkdir(parents=True)
        (copy.out / path).replace(staged)
        (copy.out / path).write_bytes(before[path])
    assert clips_of(copy.out, verdict.video_key)
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    assert tree(copy.out) == done
    assert clips_of(copy.out, verdict.video_key) == {}
    state = DatasetDir(copy.out).shard_state(shard_of(verdict.video_key, SHARDS))
    assert state is not None
    assert verdict.video_key not in state.to_json().decode()


def test_an_unfinished_shard_without_a_whole_file_is_cut_anew(curated: Curated, copy: Curated):
    verdict, other = kept_beside_others(copy.out)
    unfinished(copy)
    for name in FORMATS:
        file = copy.out / shard_path(name, shard_of(verdict.video_key, SHARDS), SHARDS)
        file.write_bytes(bytes(file.stat().st_size))
    done = withdraw(copy.out, [verdict.video.video_id], copy.store)
    assert (done.clips, done.rewritten) == (0, 0)
    again(curated, copy)
    assert clips_of(copy.out, verdict.video_key) == {}
    assert clips_of(copy.out, other.video_key)
    assert_sound(copy.out)


def test_a_run_that_was_killed_before_its_first_verdicts_is_no_hindrance(
    curated: Curated, copy: Curated
):
    verdict, _ = kept_beside_others(copy.out)
    unfinished(copy)
    for file in Path(DatasetDir(copy.out).place_of("verdicts")).iterdir():
        file.unlink()
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    assert clips_of(copy.out, verdict.video_key) == {}
    again(curated, copy)
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}
    assert_sound(copy.out)
