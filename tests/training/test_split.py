"""What the trainer makes of a split: which videos it trains on, and what it asks about."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from safetensors import safe_open

from tests.training.training import quick
from tests.training.written import NOTHING, clips_of, restate, write_out
from videonet.errors import UsageError
from videonet.schemas.split import Side, SplitHeader, SplitVideo, Unit, Why
from videonet.schemas.table import to_batch
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.split_file import SPLIT_FILE, VERSION, write_split
from videonet.training import checkpoint
from videonet.training.data.clip_dataset import ClipDataset
from videonet.training.data.clip_index import open_clip_index
from videonet.training.export import export_timm
from videonet.training.train import train

SIDES = {"a": Side.TRAIN, "b": Side.DROPPED, "c": Side.VAL, "d": Side.TRAIN, "e": Side.VAL}


def divide(out: Path, sides: dict[str, Side] = SIDES) -> None:
    """Write a split of these videos."""
    rows = [
        SplitVideo(video_key=key, side=side, cluster=key, why=Why.VIDEO)
        for key, side in sides.items()
    ]
    header = SplitHeader(version=VERSION, by=Unit.VIDEO, train=0.5)
    table = pa.Table.from_batches([to_batch(SplitVideo, rows)])
    write_split(DatasetDir(out).files, header, table)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A data set of five videos in two shards, with a split."""
    shards = clips_of([("a", 2), ("b", 1), ("e", 1)]), clips_of([("c", 2), ("d", 1)])
    made = write_out(tmp_path / "out", shards)
    restate(made, targets={f"class {number}": NOTHING for number in range(9)})
    divide(made)
    return made


def test_videos_stand_where_the_split_says_and_what_it_drops_is_not_there(out: Path):
    index = open_clip_index(out)
    ids = index.example_ids.to_pylist()
    assert ids == ["a#0", "a#1", "e#0", "c#0", "c#1", "d#0"]
    assert [ids[row] for row in index.training_rows()] == ["a#0", "a#1", "d#0"]
    assert index.held_out.tolist() == [False, True, False, True]
    # Where each clip lies is what it was.
    whole = open_clip_index(out, split=False)
    rows = [whole.example_ids.to_pylist().index(each) for each in ids]
    assert (index.shard == whole.shard[rows]).all()
    assert (index.row_group == whole.row_group[rows]).all()


def test_a_split_and_a_share_are_one_too_many(out: Path):
    with pytest.raises(UsageError, match=r"leave data\.held_out out, or move split\.parquet away"):
        open_clip_index(out, held_out=0.1)
    assert open_clip_index(out, held_out=0.1, split=False).split_sha256 is None


def test_a_video_that_the_split_does_not_know_is_a_sentence(out: Path):
    divide(out, {key: side for key, side in SIDES.items() if key != "d"})
    with pytest.raises(UsageError, match=r"where 1 of 5 videos stand, such as d; run `videonet sp"):
        open_clip_index(out)
    (out / SPLIT_FILE).write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is no split, or is damaged"):
        open_clip_index(out)


def test_too_few_videos_to_train_on_are_refused_by_the_name_of_the_split(out: Path):
    divide(out, SIDES | {"d": Side.VAL})
    with pytest.raises(UsageError, match=r"of 5 videos, of which split\.parquet leaves 1"):
        open_clip_index(out)


def test_a_loop_of_ones_own_reads_one_side(out: Path):
    assert len(ClipDataset(out)) == 7
    asked = ClipDataset(out, side="val")
    assert [asked[place]["example_id"] for place in range(len(asked))] == ["e#0", "c#0", "c#1"]
    assert len(ClipDataset(out, side="train")) == 3
    with pytest.raises(UsageError, match="no side 'dropped' to read"):
        ClipDataset(out, side="dropped")
    (out / SPLIT_FILE).unlink()
    with pytest.raises(UsageError, match="has no split; make one"):
        ClipDataset(out, side="train")


@pytest.mark.slow
def test_a_training_keeps_the_split_that_it_was_begun_with(out: Path, tmp_path: Path):
    config = quick("train.epochs=2", "log.retrieval_every=4")
    last = train(config, out, tmp_path / "run")
    held = checkpoint.split_of(checkpoint.load(last))
    assert held == open_clip_index(out).split_sha256
    assert train(config, out, tmp_path / "run") == last
    export_timm(last, tmp_path / "backbone.safetensors")
    with safe_open(tmp_path / "backbone.safetensors", "pt") as file:
        assert json.loads(file.metadata()["videonet"])["split_sha256"] == held
    divide(out, SIDES | {"a": Side.VAL, "c": Side.TRAIN})
    with pytest.raises(UsageError, match=f"begun with the split {held[:12]}.*restore that split"):
        train(config, out, tmp_path / "run")
    (out / SPLIT_FILE).unlink()
    with pytest.raises(UsageError, match=r"which has none now"):
        train(quick("train.epochs=2"), out, tmp_path / "run")


def test_a_training_that_was_begun_without_goes_on_as_before(out: Path, tmp_path: Path):
    config = quick("train.epochs=2", "data.held_out=0.05")
    split = (out / SPLIT_FILE).read_bytes()
    (out / SPLIT_FILE).unlink()
    last = train(config, out, tmp_path / "run")
    (out / SPLIT_FILE).write_bytes(split)
    assert train(config, out, tmp_path / "run") == last
    assert checkpoint.split_of(checkpoint.load(last)) is None
    with pytest.raises(UsageError, match=r"leave data\.held_out out"):
        train(config, out, tmp_path / "another")
