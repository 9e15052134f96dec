"""parquet_pages: where single frames lie in a shard."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.written import clip_of
from videonet.schemas.clip import Clip
from videonet.shards.parquet import OLDER_SCHEMA, SCHEMA, open_writer
from videonet.training.data.parquet_pages import OtherLayoutError, places_of

CLIPS = [clip_of("a", 0, 1), clip_of("b", 0, 40), clip_of("c", 0, 300)]


def frames_in(file: Path, group: int, count: int) -> list[bytes]:
    """The first frames of a clip, read from where they are said to lie."""
    column = pq.read_metadata(file).row_group(group).column(SCHEMA.names.index("image_encoded"))
    with file.open("rb") as opened:
        read = partial(os.pread, opened.fileno())
        return [read(*place) for place in places_of(read, column, count)]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    with open_writer(tmp_path / "clips.parquet") as write:
        for clip in CLIPS:
            write(clip)
    return tmp_path / "clips.parquet"


@pytest.mark.parametrize(("group", "clip"), list(enumerate(CLIPS)))
def test_all_frames_of_a_clip_are_found(shard: Path, group: int, clip: Clip):
    assert frames_in(shard, group, len(clip.image_encoded)) == list(clip.image_encoded)
    assert frames_in(shard, group, 1) == [clip.image_encoded[0]]


def test_large_frames_are_found(tmp_path):
    # Together more than the megabyte after which Arrow would like to begin another page.
    jpegs = tuple(np.random.default_rng(number).bytes(150_000) for number in range(30))
    with open_writer(tmp_path / "large.parquet") as write:
        write(clip_of("a", 0, 30, image_encoded=jpegs))
    assert frames_in(tmp_path / "large.parquet", 0, 30) == list(jpegs)


def test_there_are_no_more_frames_than_the_clip_has(shard):
    with pytest.raises(OtherLayoutError):
        frames_in(shard, 1, 41)


@pytest.mark.parametrize(
    "how",
    [{"compression": "zstd"}, {"data_page_version": "2.0"}, {"use_dictionary": True}],
    ids=["compressed", "pages of version 2", "dictionary"],
)
def test_what_is_stored_otherwise_is_refused(tmp_path, how):
    table = pa.Table.from_pylist([clip_of("a", 0).to_row()], schema=OLDER_SCHEMA)
    packed = {"compression": "none", "use_dictionary": False} | how
    pq.write_table(table, tmp_path / "other.parquet", **packed)
    with pytest.raises(OtherLayoutError):
        frames_in(tmp_path / "other.parquet", 0, 40)


def test_pages_that_make_no_sense_are_refused_or_give_bytes_of_the_file(shard):
    whole = shard.read_bytes()
    begin = (
        pq.read_metadata(shard)
        .row_group(1)
        .column(SCHEMA.names.index("image_encoded"))
        .data_page_offset
    )
    refused = 0
    for place in range(60):
        for value in (0, 255):
            changed = bytearray(whole)
            changed[begin + place] = value
            shard.write_bytes(changed)
            try:
                assert all(frame in whole + changed for frame in frames_in(shard, 1, 40))
            except OtherLayoutError:
                refused += 1
    assert refused > 40
