"""The captions of a data set: what its tables say, and what becomes of it where some are lost."""

from pathlib import Path

import msgspec
import pytest

from tests.dataset.card.made_up import SHARDS, made_up, target, verdict
from videonet.dataset.captions import (
    captions_in,
    strip_captions,
    with_captions,
    with_captions_left,
    write_captions,
)
from videonet.schemas.captions import CaptionCounts, Captions, StoredCaptions
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Reason
from videonet.shards.layout import shard_of
from videonet.storage import stored_captions
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_tables import CAPTIONS, table_path
from videonet.storage.store import Store

KEYS = ("a", "b", "c", "d", "e", "f")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One that knows the captions of every video, by the ids of another source."""
    store = Store(tmp_path / "store")
    store.prepare()
    for key in KEYS:
        said = Captions(video_key=key, video_id=f"other-{key}", vtt="WEBVTT\n", cues=1)
        stored = StoredCaptions(captions=said, version=1, run_id="")
        stored_captions.write_captions(store, stored)
    return store


def keys_in(index: int) -> list[str]:
    return [key for key in KEYS if shard_of(key, SHARDS) == index]


@pytest.fixture
def made(tmp_path: Path, store: Store) -> tuple[DatasetDir, Manifest]:
    """A data set in which each video has captions."""
    verdicts = [verdict(key, "balloon", video_id=f"own-{key}") for key in KEYS]
    output, manifest = made_up(tmp_path / "out", [target("balloon")], verdicts, captions=True)
    for index in range(SHARDS):
        assert keys_in(index)
        kept = [(key, f"own-{key}") for key in keys_in(index)]
        write_captions(output, store, index, SHARDS, kept)
    return output, with_captions(output, manifest, SHARDS)


def test_a_row_has_the_id_that_its_own_source_gives_the_video(made: tuple[DatasetDir, Manifest]):
    rows = [row for index in range(SHARDS) for row in captions_in(made[0], index, SHARDS)]
    assert {row.video_key: row.video_id for row in rows} == {key: f"own-{key}" for key in KEYS}
    assert all(row.cues for row in rows)


def test_tables_that_are_whole_are_counted(made: tuple[DatasetDir, Manifest]):
    output, manifest = made
    strip_captions(output, 0, SHARDS, {keys_in(0)[0]})
    said: list[str] = []
    found = with_captions_left(output, manifest, SHARDS, said.append)
    assert found.totals.captions == CaptionCounts(written=len(KEYS) - 1)
    assert not said
    assert found.settings == manifest.settings


def lose(output: DatasetDir, index: int, how: str) -> None:
    path = table_path(CAPTIONS, index, SHARDS)
    if how == "missing":
        output.files.delete(path)
    else:
        output.files.write(path, b"PAR1 no table PAR1")


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_data_set_without_any_table_has_no_captions_and_says_so(
    made: tuple[DatasetDir, Manifest], how: str
):
    output, manifest = made
    for index in range(SHARDS):
        lose(output, index, how)
    said: list[str] = []
    found = with_captions_left(output, manifest, SHARDS, said.append)
    assert not found.settings.captions
    totals = msgspec.structs.replace(manifest.totals, captions=None)
    assert found.totals == totals
    assert not list(output.files.list(CAPTIONS))
    (sentence,) = said
    assert "has no captions that can be read" in sentence
    assert with_captions_left(output, found, SHARDS, said.append) == found
    assert len(said) == 1


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_of_a_table_that_is_lost_each_video_says_so_and_others_keep_theirs(
    made: tuple[DatasetDir, Manifest], how: str
):
    output, manifest = made
    whole = captions_in(output, 0, SHARDS)
    lose(output, 1, how)
    said: list[str] = []
    found = with_captions_left(output, manifest, SHARDS, said.append)
    lost = {"interrupted": len(keys_in(1))}
    assert found.totals.captions == CaptionCounts(written=len(keys_in(0)), failed=lost)
    assert captions_in(output, 0, SHARDS) == whole
    rows = captions_in(output, 1, SHARDS)
    assert [row.video_key for row in rows] == keys_in(1)
    assert [row.video_id for row in rows] == [f"own-{key}" for key in keys_in(1)]
    assert {row.reason for row in rows} == {Reason.INTERRUPTED}
    (sentence,) = said
    assert "The captions of 1 shard of " in sentence
