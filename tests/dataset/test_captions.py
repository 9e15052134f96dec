"""The captions of a data set: what its tables say, and what becomes of it where some are lost."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
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
from videonet.errors import UsageError
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


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open no file more than it has open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_tables_that_cannot_be_read_for_now_are_left_as_they_are(
    made: tuple[DatasetDir, Manifest],
):
    output, manifest = made
    whole = [captions_in(output, index, SHARDS) for index in range(SHARDS)]
    said: list[str] = []
    with no_more_files():
        with pytest.raises(UsageError, match=r"cannot be read .*Too many open files"):
            strip_captions(output, 0, SHARDS, {keys_in(0)[0]})
        with pytest.raises(UsageError, match=r"cannot be read .*Too many open files"):
            with_captions_left(output, manifest, SHARDS, said.append)
    assert not said
    assert [captions_in(output, index, SHARDS) for index in range(SHARDS)] == whole


def test_a_damaged_table_that_may_name_withdrawn_videos_is_deleted(
    made: tuple[DatasetDir, Manifest],
):
    output, _ = made
    lose(output, 0, "damaged")
    strip_captions(output, 0, SHARDS, {keys_in(0)[0]})
    assert output.files.size(table_path(CAPTIONS, 0, SHARDS)) is None
