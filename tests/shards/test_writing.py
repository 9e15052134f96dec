"""write_shard: a shard in every chosen format, all or nothing."""

import hashlib

import pyarrow.dataset
import pytest

from videonet.schemas.manifest import Shard
from videonet.shards.writer import FORMATS, write_shard


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


BOTH = [
    "clips/parquet/clips-00003-of-00008.parquet",
    "clips/tfrecord/clips-00003-of-00008.tfrecord",
]


def test_a_shard_is_written_in_all_formats_in_one_pass(clips, tmp_path):
    once = iter(clips)
    shards = write_shard(tmp_path, 3, 8, FORMATS, once)
    assert files_below(tmp_path) == BOTH == [shard.path for shard in shards]
    for name, shard in zip(FORMATS, shards, strict=True):
        assert list(FORMATS[name].read(tmp_path / shard.path)) == clips


def test_only_chosen_formats_are_written(clips, tmp_path):
    write_shard(tmp_path, 3, 8, ["tfrecord"], clips)
    assert files_below(tmp_path) == BOTH[1:]


def test_a_file_is_described_to_the_byte(clips, tmp_path):
    for shard in write_shard(tmp_path, 3, 8, FORMATS, clips):
        data = (tmp_path / shard.path).read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        assert shard == Shard(path=shard.path, rows=3, bytes=len(data), sha256=sha256)


def test_the_same_clips_give_the_same_files(clips, tmp_path):
    one = write_shard(tmp_path / "one", 3, 8, FORMATS, clips)
    assert one == write_shard(tmp_path / "other", 3, 8, FORMATS, clips)


def test_a_shard_without_clips_is_a_valid_file(tmp_path):
    shards = write_shard(tmp_path, 3, 8, FORMATS, [])
    assert [shard.rows for shard in shards] == [0, 0]
    for name, shard in zip(FORMATS, shards, strict=True):
        assert list(FORMATS[name].read(tmp_path / shard.path)) == []
    assert pyarrow.dataset.dataset(tmp_path / "clips/parquet").count_rows() == 0


def test_a_file_appears_only_when_it_is_complete(clips, tmp_path):
    def watched():
        for clip in clips:
            yield clip
            for name in FORMATS:
                assert list((tmp_path / "clips" / name).glob(f"[!.]*{name}")) == []

    write_shard(tmp_path, 3, 8, FORMATS, watched())
    assert files_below(tmp_path) == BOTH


def test_a_shard_that_cannot_be_finished_leaves_what_was_there(clips, tmp_path):
    def broken():
        yield clips[0]
        raise OSError("no space left on device")

    before = write_shard(tmp_path, 3, 8, FORMATS, clips)
    with pytest.raises(OSError, match="no space"):
        write_shard(tmp_path, 3, 8, FORMATS, broken())
    assert files_below(tmp_path) == BOTH
    assert write_shard(tmp_path, 3, 8, FORMATS, clips) == before


def test_what_another_process_has_begun_does_not_come_into_a_shard(clips, tmp_path):
    (tmp_path / "clips/parquet").mkdir(parents=True)
    begun = tmp_path / "clips/parquet/.clips-00003-of-00008.parquet.tmp"
    begun.write_bytes(b"half" * 10_000)
    write_shard(tmp_path, 3, 8, FORMATS, clips)
    assert begun.read_bytes() == b"half" * 10_000
    begun.unlink()
    assert files_below(tmp_path) == BOTH
    assert list(FORMATS["parquet"].read(tmp_path / BOTH[0])) == clips
