"""Does it learn? In short: `python -m benchmarks.learning` has the long form, and its numbers.

And the generated videos on which that is measured: a data set as good as any.
"""

import hashlib
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.learning import chance, held_out_draws, histogram, measure, pixels, score
from benchmarks.moving_objects.dataset import write_dataset
from benchmarks.moving_objects.kinds import KINDS, SIDE, draw_object
from benchmarks.moving_objects.scene import FRAME, Scene
from videonet.schemas.manifest import Manifest
from videonet.shards.writer import FORMATS
from videonet.training.config import load
from videonet.training.data.clip_index import open_clip_index
from videonet.training.log_lines import EvaluationLine, lines_of

# Beside other tests, a second thread would mostly wait for the first.
torch.set_num_threads(1)

# A quarter of the benchmark's examples, in batches of half the size, on three fifths of its videos,
# half as long.
SHORT = (
    *("train.epochs=6", "optimizer.warmup_epochs=1", "data.held_out=0.25", "data.workers=1"),
    *("train.batch=32", "optimizer.base_lr=0.016"),
)
VIDEOS = 300
SECONDS = Fraction("5.12")

# Share by which VITO must be ahead of all that was not trained, in finding a video again. To tell
# the kinds of objects apart takes longer: see the benchmark.
AHEAD = 0.05


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("moving_objects") / "out"
    write_dataset(out, videos=20, seed=0, seconds=Fraction("1.28"), shards=2)
    return out


@pytest.mark.thorough
def test_vito_learns_what_stays_the_same_in_a_video(tmp_path):
    write_dataset(tmp_path / "data", videos=VIDEOS, seed=0, seconds=SECONDS)
    scores = measure(tmp_path / "data", tmp_path / "runs", [0], ["VITO"], SHORT)
    *untrained, vito = scores
    assert vito.name == "VITO"
    for name in ("same_video", "same_class"):
        assert max(getattr(each, name) for each in untrained) < 0.4, "the set is too easy"
    assert vito.same_video > max(each.same_video for each in untrained) + AHEAD, scores
    # The training says so itself.
    (said,) = (
        line
        for line in lines_of(tmp_path / "runs" / "VITO-0")
        if isinstance(line, EvaluationLine) and line.name == "learned"
    )
    assert said.values["held_out"] == 1
    assert said.values["same_video"] > said.values["untrained"] + AHEAD


def test_generated_videos_are_a_data_set(small):
    dataset = open_clip_index(small, held_out=0.2)
    assert len(dataset.example_ids) == len(dataset.held_out) == 20
    manifest = Manifest.from_json((small / "manifest.json").read_bytes())
    for shard in manifest.shards:
        assert hashlib.sha256((small / shard.path).read_bytes()).hexdigest() == shard.sha256
    clips = [
        clip for shard in manifest.shards for clip in FORMATS["parquet"].read(small / shard.path)
    ]
    labels = Counter(clip.clip_label_string for clip in clips)
    assert labels == {(name,): 2 for name in KINDS}
    for clip in clips:
        assert len(clip.image_encoded) == len(clip.image_timestamp) == 16
        assert clip.image_timestamp[1] - clip.image_timestamp[0] == 80_000


def test_equal_arguments_give_equal_videos_and_other_seeds_other_ones(tmp_path):
    def write(name, seed):
        write_dataset(tmp_path / name, videos=10, seed=seed, seconds=Fraction("0.4"), shards=1)
        (shard,) = Manifest.from_json((tmp_path / name / "manifest.json").read_bytes()).shards
        return [
            clip.image_encoded for clip in FORMATS["parquet"].read(tmp_path / name / shard.path)
        ]

    first = write("first", 0)
    assert write("again", 0) == first
    assert (tmp_path / "again" / "manifest.json").read_bytes() == (
        tmp_path / "first" / "manifest.json"
    ).read_bytes()
    assert not {jpegs[0] for jpegs in write("other", 1)} & {jpegs[0] for jpegs in first}


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_of_two_colours_and_does_not_reach_the_edge(kind):
    for seed in range(5):
        pixels = np.asarray(draw_object(kind, np.random.default_rng(seed)))
        assert pixels.shape == (SIDE, SIDE, 4)
        alpha = pixels[..., 3]
        assert not alpha[[0, -1]].any()
        assert not alpha[:, [0, -1]].any()
        assert 0.1 < (alpha > 127).mean() < 0.8
        inside = pixels[alpha == 255][:, :3]
        commonest = np.unique(inside, axis=0, return_counts=True)[1]
        assert np.sort(commonest)[-2:].sum() > 0.5 * len(inside)


def test_all_but_the_object_changes_within_a_window():
    kind = next(iter(KINDS))
    corners = []
    for seed in range(20):
        scene = Scene(kind, np.random.default_rng(seed))
        frames = [np.asarray(scene.frame(time), float) for time in (0, 2.56)]
        assert frames[0].shape == (FRAME, FRAME, 3)
        corners.append([frame[:12, :12].mean(axis=(0, 1)) for frame in frames])
    before, after = np.array(corners).transpose(1, 2, 0).reshape(2, -1)
    # What is behind it says nothing of what is behind it two seconds later.
    assert abs(np.corrcoef(before, after)[0, 1]) < 0.5


def test_the_baselines_find_what_they_can(small):
    (draw, *_) = held_out_draws(small, load("vito_tiny", ["data.held_out=0.5"]))
    count = len(draw.videos)
    assert chance(draw).same_video == 1 / count
    often = np.stack([draw.frames[0]] * 4)
    same = type(draw)(frames=often, labels=draw.labels, videos=draw.videos)
    for features in (pixels, histogram):
        found = score("", None, [same], features)
        assert found.same_video == found.same_window == 1


def test_a_histogram_does_not_see_where_and_pixels_do_not_see_how_bright():
    image = (
        np.asarray(Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 20).convert("RGB")) // 2
    )
    assert (histogram(image[None]) == histogram(image[None, ::-1])).all()
    assert np.allclose(pixels(image[None]), pixels(image[None] + 9), atol=1e-3)
