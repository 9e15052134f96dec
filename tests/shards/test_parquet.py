"""parquet: what a reader of Parquet shards relies on."""

import io
import os
import subprocess
import sys

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from tests.shards.conftest import LABEL_IDS, MOTION, make_clip
from videonet.schemas.clip import Clip
from videonet.schemas.shard_form import LAYOUTS, NEWEST_FORM, OLDEST_FORM, ShardForm
from videonet.schemas.table import arrow_schema
from videonet.shards import parquet

FOOTER_AND_ONE_CLIP = 0.1  # of the bytes of a file of forty small clips


class CountingFile(io.FileIO):
    """A file that counts the bytes that are read from it."""

    taken = 0

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.taken += count
        return count

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


def write(path, clips, form=OLDEST_FORM):
    with parquet.open_writer(path, form) as write_clip:
        for clip in clips:
            write_clip(clip)


@pytest.fixture(scope="module")
def forty(tmp_path_factory):
    """A file of forty clips of 128 frames."""
    path = tmp_path_factory.mktemp("shards") / "clips.parquet"
    write(path, [make_clip(number, frames=128) for number in range(40)])
    return path


def test_the_columns_are_those_of_a_clip(clips, tmp_path):
    newest = [msgspec.structs.replace(clip, **MOTION, **LABEL_IDS) for clip in clips]
    write(tmp_path / "clips.parquet", newest, ShardForm(motion=True, label_ids=True))
    schema = pq.read_schema(tmp_path / "clips.parquet")
    assert schema.names == arrow_schema(Clip).names
    assert not any(field.nullable for field in schema)
    assert schema.names[-3:] == list(MOTION)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_readers_find_the_same_pictures_in_every_layout(clips, tmp_path, layout):
    file = tmp_path / "clips.parquet"
    write(file, clips, ShardForm(layout))
    pictures = [list(clip.image_encoded) for clip in clips]
    assert pq.read_table(file)["image_encoded"].to_pylist() == pictures
    query = duckdb.sql(f"SELECT image_encoded, clip_label_text FROM '{file}'").fetchall()
    assert query == [
        (jpegs, list(c.clip_label_text)) for jpegs, c in zip(pictures, clips, strict=True)
    ]


# Run by an interpreter of its own, from which these are not hidden.
READERS = """
import datasets, pandas
frame = pandas.read_parquet(FILE)
rows = datasets.load_dataset("parquet", data_files=FILE, split="train", streaming=True)
for column, expected in EXPECTED.items():
    for values in (frame[column], [row[column] for row in rows]):
        assert [list(each) for each in values] == expected
"""


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_so_do_pandas_and_hugging_face(clips, tmp_path, layout):
    file = tmp_path / "clips.parquet"
    identified = [msgspec.structs.replace(clip, **LABEL_IDS) for clip in clips]
    write(file, identified, ShardForm(layout, label_ids=True))
    expected = {
        name: [list(getattr(clip, name)) for clip in identified]
        for name in ("image_encoded", *LABEL_IDS)
    }
    code = READERS.replace("FILE", repr(str(file))).replace("EXPECTED", repr(expected))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-"], input=code, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_in_layout_2_the_frames_are_the_last_column_and_their_lengths_stand_together(
    clips, tmp_path
):
    newest = [msgspec.structs.replace(clip, **MOTION, **LABEL_IDS) for clip in clips]
    write(tmp_path / "clips.parquet", newest, NEWEST_FORM)
    group = pq.read_metadata(tmp_path / "clips.parquet").row_group(1)
    last = group.column(group.num_columns - 1)
    assert last.path_in_schema == "image_encoded.list.element"
    assert "DELTA_LENGTH_BYTE_ARRAY" in last.encodings
    data = (tmp_path / "clips.parquet").read_bytes()
    assert all(b"".join(clip.image_encoded) in data for clip in clips)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_duckdb_reads_the_columns_of_motion_and_of_ids(clips, tmp_path, layout):
    file = tmp_path / "clips.parquet"
    newest = [msgspec.structs.replace(clip, **MOTION, **LABEL_IDS) for clip in clips]
    write(file, newest, ShardForm(layout, motion=True, label_ids=True))
    rows = duckdb.sql(f"SELECT {', '.join((*MOTION, *LABEL_IDS))} FROM '{file}'").fetchall()
    assert rows == [(0.25, 1.5, [120_000], ["n01491361"], ["n01491361"])] * 3


def test_without_these_the_columns_are_those_of_earlier_versions(clips, tmp_path):
    write(tmp_path / "clips.parquet", clips)
    later = MOTION.keys() | LABEL_IDS.keys()
    before = [each for each in arrow_schema(Clip) if each.name not in later]
    assert pq.read_schema(tmp_path / "clips.parquet").equals(pa.schema(before))


def test_the_clip_at_a_position_is_read_without_reading_the_others(forty):
    with CountingFile(forty) as file:
        (row,) = pq.ParquetFile(file).read_row_group(17).to_pylist()
    assert Clip.from_row(row) == make_clip(17, frames=128)
    assert file.taken < FOOTER_AND_ONE_CLIP * forty.stat().st_size


def test_a_clip_is_found_by_its_id_without_reading_the_others(forty):
    with CountingFile(forty) as file:
        (row,) = pq.read_table(file, filters=[("example_id", "==", "youtube:17#0")]).to_pylist()
    assert Clip.from_row(row) == make_clip(17, frames=128)
    assert file.taken < FOOTER_AND_ONE_CLIP * forty.stat().st_size


def test_pictures_are_stored_as_they_are(clips, tmp_path):
    write(tmp_path / "clips.parquet", clips)
    data = (tmp_path / "clips.parquet").read_bytes()
    assert all(picture in data for clip in clips for picture in clip.image_encoded)


def test_labels_are_read_without_reading_pictures(forty):
    with CountingFile(forty) as file:
        labels = pq.ParquetFile(file).read(columns=["clip_label_text"])
    assert labels["clip_label_text"].to_pylist() == [["tiger shark"]] * 40
    assert file.taken < FOOTER_AND_ONE_CLIP * forty.stat().st_size


def test_a_folder_opens_as_one_data_set_beside_unfinished_files(clips, tmp_path):
    write(tmp_path / "clips-00000-of-00002.parquet", clips[:1])
    write(tmp_path / "clips-00001-of-00002.parquet", clips[1:])
    (tmp_path / ".clips-00001-of-00002.parquet.tmp").write_bytes(b"unfinished")
    table = pyarrow.dataset.dataset(tmp_path, format="parquet").to_table()
    assert [Clip.from_row(row) for row in table.to_pylist()] == clips
