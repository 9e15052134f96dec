"""Damaged clips have others in their place, up to so many; the same ones wherever a run begins."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.training.training import ALONE, STEPS, command, quick, small_data
from tests.training.written import clips_of, write_out

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.errors import UsageError  # noqa: E402
from videonet.training import checkpoint  # noqa: E402
from videonet.training.config import Data, Views  # noqa: E402
from videonet.training.data.clip_index import open_clip_index  # noqa: E402
from videonet.training.data.loader import Batch, batches  # noqa: E402
from videonet.training.data.memory import SharedRingBuffer  # noqa: E402
from videonet.training.data.moments import first_moments, two_moments  # noqa: E402
from videonet.training.data.reading import DamagedClipError  # noqa: E402
from videonet.training.log_lines import EvaluationLine, StepLine, lines_of  # noqa: E402
from videonet.training.train import train  # noqa: E402

VIDEOS = [(letter, 2) for letter in "abcdefgh"]
DAMAGED = ("b#0", "e#1", "g#0")


def written(out: Path, damaged: tuple[str, ...] = ()) -> Path:
    """Two clips of each of eight videos, some of them cut off in the middle of each frame."""
    clips = clips_of(VIDEOS)
    for place, clip in enumerate(clips):
        if clip.example_id in damaged:
            jpegs = tuple(jpeg[: len(jpeg) // 2] for jpeg in clip.image_encoded)
            clips[place] = msgspec.structs.replace(clip, image_encoded=jpegs)
    return write_out(out, [clips[::2], clips[1::2]])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("whole") / "out")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("broken") / "out", DAMAGED)


def loaded(out: Path, most: int, first: int = 0, workers: int = 0) -> list[Batch]:
    data = Data(workers=workers, clips_per_video="all", most_damaged=most)
    how = {"batch": 8, "seed": 5, "first_step": first, "steps": 8}
    return list(batches(open_clip_index(out), Views(), data, **how))


@pytest.fixture(scope="module")
def unbroken(broken) -> list[Batch]:
    return loaded(broken, 3)


def names(out: Path, batch: Batch) -> list[str]:
    ids = open_clip_index(out).example_ids
    return [ids[row].as_py() for row in batch.damaged]


def test_another_clip_stands_in_place_of_a_damaged_one_and_all_else_stays(whole, broken, unbroken):
    met = set()
    for before, after in zip(loaded(whole, 3), unbroken, strict=True):
        assert before.damaged == ()
        assert torch.equal(before.examples, after.examples)
        frames = (each.frames.unbind(dim=1) for each in (before, after))
        changed = [not torch.equal(*both) for both in zip(*frames, strict=True)]
        # Examples of damaged clips, and they alone, show something else.
        assert bool(after.damaged) == any(changed)
        assert changed.count(True) <= 2 * len(after.damaged)
        met.update(names(broken, after))
    assert met == set(DAMAGED)


@settings(max_examples=4, deadline=None)
@given(first=st.integers(0, 7))
def test_wherever_a_run_begins_the_same_clips_stand_in_their_place(broken, unbroken, first):
    resumed = loaded(broken, 3, first)
    for one, other in zip(unbroken[first:], resumed, strict=True):
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(one.videos, other.videos)
        assert one.damaged == other.damaged


def test_workers_give_what_the_trainer_itself_gives(broken, unbroken):
    # A batch that is read again takes no place of one that is on its way.
    for one, other in zip(unbroken, loaded(broken, 3, workers=1), strict=True):
        assert torch.equal(one.frames, other.frames)
        assert one.damaged == other.damaged


def test_a_batch_with_more_damaged_clips_than_may_be_is_refused(broken):
    with pytest.raises(DamagedClipError, match=r"clip [beg]#. is damaged"):
        loaded(broken, 0)
    with pytest.raises(DamagedClipError, match=r"2 damaged clips of .*data\.most_damaged is 1"):
        loaded(broken, 1)


def test_where_all_clips_are_damaged_none_is_looked_for_without_end(tmp_path):
    out = written(tmp_path, tuple(clip.example_id for clip in clips_of(VIDEOS)))
    with pytest.raises(DamagedClipError, match="16 damaged clips of "):
        loaded(out, 1_000)


@pytest.mark.parametrize(
    ("moments", "left_out"), [(two_moments, {"b", "e", "g"}), (first_moments, {"b", "g"})]
)
@settings(max_examples=6, deadline=None)
@given(at_once=st.integers(1, 9))
def test_videos_that_a_damaged_clip_would_show_are_left_out_and_others_are_shown_the_same(
    whole, broken, moments, left_out, at_once
):
    dataset = open_clip_index(broken)
    videos = np.arange(len(VIDEOS))
    found = list(moments(dataset, videos, 5, at_once, may_be_damaged=True))
    left = torch.cat([part.videos for part in found])
    ids = [dataset.example_ids[row].as_py() for row in range(len(dataset.example_ids))]
    of = {int(video): key[0] for key, video in zip(ids, dataset.videos, strict=True)}
    assert [of[video] for video in left.tolist()] == [
        of[video] for video in range(len(VIDEOS)) if of[video] not in left_out
    ]
    (expected,) = moments(open_clip_index(whole), videos, 5)
    assert torch.equal(torch.cat([part.frames for part in found], dim=1), expected.frames[:, left])
    assert [each for part in found for each in part.labels] == [
        expected.labels[video] for video in left.tolist()
    ]


def test_where_no_clip_may_be_damaged_one_that_would_be_shown_is_refused(broken):
    with pytest.raises(DamagedClipError, match=r"clip [beg]#. is damaged"):
        list(two_moments(open_clip_index(broken), np.arange(len(VIDEOS)), 5))


def test_a_place_of_the_ring_that_was_taken_back_is_the_next_one():
    ring = SharedRingBuffer(2)
    first = ring.empty(4)
    second = ring.empty(4)
    ring.take_back()
    assert ring.empty(4).data_ptr() == second.data_ptr()
    assert ring.empty(4).data_ptr() == first.data_ptr()


# Whole trainings.


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Moving things, with two clips whose frames are damaged."""
    out = small_data(tmp_path_factory.mktemp("data"))
    dataset = open_clip_index(out)
    shards: dict[str, list[int]] = {}
    for row in range(len(dataset.example_ids)):
        shards.setdefault(dataset.file(row), []).append(row)
    for row in (2, 5):
        file = Path(dataset.file(row))
        content = file.read_bytes()
        place = shards[str(file)].index(row)
        metadata = pq.ParquetFile(file).metadata.row_group(place)
        columns = map(metadata.column, range(metadata.num_columns))
        column = next(each for each in columns if each.path_in_schema.startswith("image_encoded"))
        begin = column.data_page_offset
        end = begin + column.total_compressed_size
        # A JPEG without its head is none.
        changed = content[begin:end].replace(b"\xff\xd8\xff", bytes(3))
        file.write_bytes(content[:begin] + changed + content[end:])
    return out


def steps_of(run: Path) -> list[tuple[int, float, int]]:
    lines = (line for line in lines_of(run) if isinstance(line, StepLine))
    return [(line.step, line.loss, line.damaged) for line in lines]


def test_a_training_counts_damaged_clips_and_goes_on_with_its_count(data, tmp_path):
    console = Console(file=io.StringIO(), width=200)
    config = quick("data.most_damaged=2")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(config, data, whole, console)
    counts = [damaged for _, _, damaged in steps_of(whole)]
    assert counts == sorted(counts)
    assert counts[-1] == 2
    assert "2 damaged clips had another one in place; `videonet verify" in console.file.getvalue()
    last = checkpoint.load(checkpoint.path_of(whole, STEPS))
    assert checkpoint.numbers_in(last, "damaged") == [2, 5]

    # As if it had been killed after its checkpoint of step 6.
    shutil.copytree(whole, killed)
    checkpoint.path_of(killed, STEPS).unlink()
    train(config, data, killed)
    assert steps_of(killed) == steps_of(whole)


def test_what_is_asked_of_a_network_leaves_out_what_is_damaged_and_says_so(data, tmp_path):
    asked = ("data.held_out=0.2", "log.retrieval_every=9", "log.probe_every=9", "train.epochs=2")
    train(quick("data.most_damaged=2", *asked), data, tmp_path)
    found = {line.name: line for line in lines_of(tmp_path) if isinstance(line, EvaluationLine)}
    assert {name: line.failed for name, line in found.items()} == dict.fromkeys(
        ("retrieval", "probe", "learned")
    )
    dataset = open_clip_index(data, held_out=0.2)
    held_out = int(dataset.held_out[dataset.videos[[2, 5]]].sum())
    known = int((~dataset.held_out).sum()) - (2 - held_out)
    assert found["probe"].values["left_out"] == 2
    assert found["retrieval"].values.get("left_out", 0) == held_out
    assert found["learned"].values["videos"] == known


def test_a_training_stops_at_one_too_many_and_goes_on_where_more_may_be(data, tmp_path):
    often = "log.checkpoint_every=1"
    with pytest.raises(UsageError, match=r"2 damaged clips of .*data\.most_damaged is 1"):
        train(quick("data.most_damaged=1", often), data, tmp_path)
    assert checkpoint.newest_step(tmp_path) < STEPS
    train(quick("data.most_damaged=2", often), data, tmp_path)
    train(quick("data.most_damaged=2"), data, tmp_path / "at once")
    assert steps_of(tmp_path)[-1] == steps_of(tmp_path / "at once")[-1]


@pytest.mark.slow
@pytest.mark.parametrize("most", [2, 1])
def test_two_ranks_add_up_what_each_of_them_has_met(data, tmp_path, most):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    ranks = ["--nproc-per-node=2", "-m", "videonet.training.train"]
    asked = command(data, tmp_path, f"data.most_damaged={most}")
    ended = subprocess.run(
        [*torchrun, *ranks, *asked], env=ALONE, capture_output=True, text=True, check=False
    )
    if most == 2:
        assert ended.returncode == 0, ended.stderr
        last = checkpoint.load(checkpoint.path_of(tmp_path, STEPS))
        assert checkpoint.numbers_in(last, "damaged") == [2, 5]
        assert steps_of(tmp_path)[-1][2] == 2
    else:
        assert ended.returncode != 0
        assert "data.most_damaged is 1; `videonet verify" in ended.stderr
        assert "Error: " not in ended.stderr.partition("videonet: ")[0]


@pytest.mark.parametrize("rows", [None, "all", [True, -1, "2", 7]])
def test_a_checkpoint_of_an_earlier_version_or_a_stranger_has_met_none_that_make_no_sense(rows):
    assert checkpoint.numbers_in({} if rows is None else {"damaged": rows}, "damaged") == (
        [7] if isinstance(rows, list) else []
    )
