"""clips_named: some clips of a shard's file, of which as little is read as can be."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shards.conftest import make_clip
from tests.storage.memory_objects import MemoryObjects
from videonet.errors import MachineError, UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.shard_form import LAYOUTS, ShardForm
from videonet.shards.writer import FORMATS
from videonet.storage.bucket_files import BucketFiles
from videonet.storage.clips_named import clips_named
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.scratch import Scratch

CLIPS = [make_clip(number, frames=1) for number in range(4)]
IDS = [clip.example_id for clip in CLIPS]

each_format = pytest.mark.parametrize("name", FORMATS)


def written(name: str, folder: Path, layout: int = LAYOUTS[-1]) -> str:
    """The path of a file with all clips, below a folder."""
    path = f"shard.{name}"
    with FORMATS[name].open_writer(folder / path, ShardForm(layout, motion=False)) as write:
        for clip in CLIPS:
            write(clip)
    return path


def damage(file: Path, clip: Clip) -> None:
    """Change a byte of a clip's first frame."""
    data = bytearray(file.read_bytes())
    data[data.index(clip.image_encoded[0]) + 50] ^= 1
    file.write_bytes(data)


@each_format
@given(ids=st.sets(st.sampled_from([*IDS, "youtube:nobody#0"])), layout=st.sampled_from(LAYOUTS))
@settings(max_examples=10)
def test_it_gives_the_clips_of_these_names_in_their_order(name, ids, layout):
    with TemporaryDirectory() as folder:
        path = written(name, Path(folder), layout)
        found = list(clips_named(DatasetDir(folder), path, ids))
    assert found == [clip for clip in CLIPS if clip.example_id in ids]


def test_of_a_parquet_file_no_other_clip_is_read(tmp_path: Path):
    path = written("parquet", tmp_path)
    for other in (0, 3):
        damage(tmp_path / path, CLIPS[other])
    output = DatasetDir(tmp_path)
    assert list(clips_named(output, path, IDS[1:3])) == CLIPS[1:3]
    with pytest.raises(UsageError, match=rf"{tmp_path}/{path} is damaged"):
        list(clips_named(output, path, IDS[2:4]))


def test_after_the_last_of_them_a_tfrecord_file_is_not_read(tmp_path: Path):
    path = written("tfrecord", tmp_path)
    damage(tmp_path / path, CLIPS[3])
    assert list(clips_named(DatasetDir(tmp_path), path, IDS[1:3])) == CLIPS[1:3]


@each_format
def test_a_file_that_is_not_there_is_not_called_damaged(name: str, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        list(clips_named(DatasetDir(tmp_path), f"shard.{name}", IDS))


class Silent(MemoryObjects):
    """Says what there is, and then answers no more."""

    def step(self, verb: str, name: str) -> None:
        if verb == "read":
            raise MachineError(f"{name} cannot be read")


@each_format
def test_a_bucket_that_does_not_answer_is_not_called_damaged(name: str, tmp_path: Path):
    path, objects, output = written(name, tmp_path), Silent(), DatasetDir(tmp_path)
    objects.write_once(path, tmp_path / path)
    output.files = BucketFiles(objects, Scratch(tmp_path / "scratch", 1_000_000))
    with pytest.raises(MachineError, match=f"{path} cannot be read"):
        list(clips_named(output, path, IDS))
