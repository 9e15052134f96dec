"""dataset: what is trained on, and which data sets are refused."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import videonet.dataset.manifest
from tests.curated import curated_once
from tests.training.written import clip_of, clips_of, restate, restate_shards, write_out
from videonet.errors import UsageError
from videonet.selection.sides import is_held_out
from videonet.shards.writer import FORMATS
from videonet.training.data.clip_index import MANIFEST_VERSION, open_clip_index

SHARD = "clips/parquet/clips-{:05d}-of-00002.parquet"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards with clips of four videos; to be read only."""
    shards = [clips_of([("b", 2), ("d", 1)], frames=2), clips_of([("a", 1), ("c", 3)], frames=2)]
    return write_out(tmp_path_factory.mktemp("data") / "out", shards)


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    """A data set to break."""
    return Path(shutil.copytree(written, tmp_path / "out"))


def refusal(out: Path, held_out: float = 0.0) -> str:
    with pytest.raises(UsageError) as raised:
        open_clip_index(out, held_out)
    return str(raised.value)


def test_each_row_is_the_clip_of_its_row_group(tmp_path_factory):
    out = curated_once(tmp_path_factory.getbasetemp()).out
    dataset = open_clip_index(out)
    assert [Path(shard.path).suffix for shard in dataset.shards] == [".parquet", ".parquet"]
    read = [
        (clip.example_id, place, group)
        for place, shard in enumerate(dataset.shards)
        for group, clip in enumerate(FORMATS["parquet"].read(out / shard.path))
    ]
    rows = zip(
        dataset.example_ids.to_pylist(),
        dataset.shard.tolist(),
        dataset.row_group.tolist(),
        strict=True,
    )
    assert list(rows) == read
    sha256 = hashlib.sha256((out / "manifest.json").read_bytes()).hexdigest()
    assert dataset.manifest_sha256 == sha256


def test_videos_are_numbered_in_the_order_of_their_keys(written):
    dataset = open_clip_index(written)
    assert dataset.example_ids.to_pylist() == ["b#0", "b#1", "d#0", "a#0", "c#0", "c#1", "c#2"]
    assert dataset.videos.tolist() == [1, 1, 3, 0, 2, 2, 2]
    assert dataset.videos.dtype == np.int64
    assert dataset.file(3) == f"{written}/{SHARD.format(1)}"


def test_a_video_key_may_be_any_text(tmp_path):
    keys = ["folder:a #1.mp4", "folder:a.mp4", "folder:\u00e9\n.mp4", "folder:\u00e9\n#2"]
    dataset = open_clip_index(write_out(tmp_path, [clips_of([(key, 2) for key in keys], 1)]))
    order = sorted(keys)
    assert dataset.videos.tolist() == [order.index(key) for key in keys for _ in range(2)]


def test_a_shard_may_be_empty(tmp_path):
    out = write_out(tmp_path, [[], clips_of([("a", 1), ("b", 1)], 1)])
    assert open_clip_index(out).shard.tolist() == [1, 1]


def test_held_out_videos_are_not_among_the_rows_that_are_trained_on(tmp_path):
    keys = "abcdefghijkl"
    out = write_out(tmp_path, [clips_of([(key, 2) for key in keys], 1)])
    dataset = open_clip_index(out, held_out=0.5)
    held = {key for key, is_held in zip(keys, dataset.held_out, strict=True) if is_held}
    assert 2 < len(held) < 10
    trained = [dataset.example_ids[row].as_py() for row in dataset.training_rows().tolist()]
    assert trained == [f"{key}#{number}" for key in keys if key not in held for number in (0, 1)]
    assert len(open_clip_index(out).training_rows()) == 24


def test_as_many_videos_are_held_out_as_asked_for_and_stay_so_when_others_come():
    keys = [f"youtube:{number}" for number in range(4_000)]
    held = is_held_out(keys, 0.1)
    assert 320 < held.sum() < 480
    assert is_held_out(keys[1_000:], 0.1).tolist() == held[1_000:].tolist()
    # A greater share takes more, and leaves none of them out.
    assert is_held_out(keys, 0.2)[held].all()
    assert not is_held_out(keys, 0.0).any()


def test_the_manifest_that_curation_writes_is_the_one_that_is_understood():
    assert videonet.dataset.manifest.VERSION == MANIFEST_VERSION


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    assert "is no folder; give the --out of a finished" in refusal(tmp_path / "nowhere")


def test_an_unfinished_run_is_refused(copy):
    (copy / "manifest.json").unlink()
    assert "there is no manifest.json); run the same `videonet curate` again" in refusal(copy)


def test_a_manifest_of_another_version_is_refused(copy):
    restate(copy, version=2)
    assert "manifest.json is of version 2, and version 1 can be read" in refusal(copy)


@pytest.mark.parametrize("text", ["{", '{"version": 1}', '{"version": "one"}', "[]"])
def test_what_is_no_manifest_is_refused(copy, text):
    (copy / "manifest.json").write_text(text)
    assert "manifest.json is no manifest (" in refusal(copy)


def test_a_data_set_without_parquet_is_refused(tmp_path):
    out = write_out(tmp_path, [clips_of([("a", 1), ("b", 1)], 1)], formats=["tfrecord"])
    assert "has no Parquet shards" in refusal(out)


def test_of_two_formats_parquet_is_read(tmp_path):
    out = write_out(tmp_path, [clips_of([("a", 1), ("b", 1)], 1)], ["parquet", "tfrecord"])
    assert len(open_clip_index(out).videos) == 2


def test_a_data_set_without_clips_is_refused(tmp_path):
    assert "holds no clips" in refusal(write_out(tmp_path, [[], []]))


def test_a_single_video_is_refused(tmp_path):
    said = refusal(write_out(tmp_path, [clips_of([("a", 5)], 1)]))
    assert "has clips of 1 video; at least 2 are needed to train on" in said


def test_holding_out_all_videos_but_one_is_refused(written):
    assert "of 4 videos, of which data.held_out=0.99 leaves 0; at least 2" in refusal(
        written, held_out=0.99
    )


def test_a_missing_shard_is_refused(copy):
    (copy / SHARD.format(1)).unlink()
    assert f"{SHARD.format(1)} is missing; `videonet verify`" in refusal(copy)


def test_a_shard_of_another_size_is_refused(copy):
    with (copy / SHARD.format(0)).open("ab") as file:
        file.write(b"more")
    assert "bytes, and the manifest says" in refusal(copy)


def test_a_shard_with_other_rows_is_refused(copy):
    restate_shards(copy, rows=4)
    assert "has 3 clips, and the manifest says 4: it was changed" in refusal(copy)


def test_what_is_no_parquet_is_refused(copy):
    file = copy / SHARD.format(0)
    file.write_bytes(bytes(file.stat().st_size))
    assert f"{file} cannot be read (" in refusal(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop_columns(["clip_media_id"]), "missing: clip_media_id"),
        (
            lambda table: table.rename_columns({"image_width": "width"}),
            "missing: image_width; unknown: width",
        ),
        (
            lambda table: table.set_column(
                4, "clip_start_timestamp", table["clip_start_timestamp"].cast("int32")
            ),
            "of another type: clip_start_timestamp",
        ),
        (lambda table: table.select(table.column_names[::-1]), "in another order"),
    ],
)
def test_a_schema_of_another_version_is_refused(
    copy, change: Callable[[pa.Table], pa.Table], said: str
):
    file = copy / SHARD.format(0)
    pq.write_table(change(pq.read_table(file)), file, row_group_size=1)
    restate_shards(copy)
    assert f"{file} has columns of another version ({said})" in refusal(copy)


@pytest.mark.parametrize("how", [{"row_group_size": 2}, {"write_statistics": False}])
def test_a_file_whose_footer_does_not_name_each_clip_is_refused(copy, how):
    file = copy / SHARD.format(0)
    pq.write_table(pq.read_table(file), file, **{"row_group_size": 1} | how)
    restate_shards(copy)
    assert f"{file} does not have one clip a row group, named in its footer" in refusal(copy)


def test_a_clip_without_a_number_is_refused(tmp_path):
    strange = clip_of("a", 0, 1, example_id="a-0")
    assert "holds a clip named 'a-0'" in refusal(write_out(tmp_path, [[strange]]))
