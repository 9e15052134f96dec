"""loader: which frames a step is given, from shards as they lie in OUT."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
import simplejpeg

from tests.shards.conftest import make_clip
from tests.training.written import clip_of, clips_of, restate_shards, turned, write_out
from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.shard_form import LAYOUTS, ShardForm
from videonet.shards.writer import FORMATS

torch = pytest.importorskip("torch")

from videonet.training.config import Data, Views  # noqa: E402
from videonet.training.data.clip_index import open_clip_index  # noqa: E402
from videonet.training.data.loader import Batch, batches  # noqa: E402
from videonet.training.data.moments import two_moments  # noqa: E402
from videonet.training.data.sampling import EXAMPLES, generator_of  # noqa: E402
from videonet.training.data.temporal_sampling import frames_at, interval_of, timestamps, window  # noqa: E402

MOTION = {
    "clip_motion_repeated": 0.25,
    "clip_motion_difference": 1.5,
    "clip_cut_timestamp": (1_000_000,),
}

VIDEOS = [[("a", 2), ("c", 1), ("e", 1)], [("b", 3), ("d", 2)]]
SHARD = "clips/parquet/clips-00000-of-00002.parquet"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine clips of five videos in two shards, those of c on their sides; to be read only."""
    shards = [
        [turned(clip) if clip.example_id.startswith("c") else clip for clip in clips_of(videos)]
        for videos in VIDEOS
    ]
    return write_out(tmp_path_factory.mktemp("data") / "out", shards)


@pytest.fixture
def copy(out: Path, tmp_path: Path) -> Path:
    """A data set to break."""
    return Path(shutil.copytree(out, tmp_path / "out"))


def loaded(out: Path, *, views: Views | None = None, **changes: object) -> list[Batch]:
    """Batches of four of all clips, without workers, unless told otherwise."""
    how = {"batch": 4, "seed": 3, "steps": 5} | changes
    settings = {"workers": 0, "clips_per_video": "all"}
    data = Data(**settings | {name: how.pop(name) for name in [*how] if name in settings})
    return list(batches(open_clip_index(out), views or Views(), data, **how))


def clips_in(out: Path) -> list[Clip]:
    return [
        clip
        for file in sorted((out / "clips/parquet").iterdir())
        for clip in FORMATS["parquet"].read(file)
    ]


def used(clip: Clip, example: int, views: Views, seed: int = 3) -> tuple[int, ...]:
    """Which frames of a clip an example has."""
    generator = generator_of(seed, EXAMPLES, example)
    seen = window(interval_of(clip), generator, views.window_seconds)
    count = len(views.recipes)
    drawn = timestamps(views.sampling, seen, generator, count, views.delta_seconds)
    return frames_at(clip.image_timestamp, drawn)


def frames_of(batch: Batch) -> Iterator[list[np.ndarray]]:
    """The frames of each example, without what they are padded with."""
    for place, (height, width) in enumerate(batch.sizes[0].tolist()):
        yield [view[place, :height, :width].numpy() for view in batch.frames]


def same(one: Sequence[Batch], other: Sequence[Batch]) -> bool:
    """Whether these are equal, to the last bit."""
    return all(
        torch.equal(getattr(first, name), getattr(second, name))
        for first, second in zip(one, other, strict=True)
        for name in ("frames", "sizes", "videos", "examples")
    )


def clips_seen(batch: Batch, clips: Sequence[Clip], views: Views) -> list[Clip]:
    """The clip of each example: the only one that shows these frames at the moments drawn."""
    seen = []
    for example, frames in zip(batch.examples.tolist(), frames_of(batch), strict=True):
        (clip,) = (
            clip
            for clip in clips
            if all(
                np.array_equal(frame, simplejpeg.decode_jpeg(clip.image_encoded[index]))
                for frame, index in zip(frames, used(clip, example, views), strict=True)
            )
        )
        seen.append(clip)
    return seen


@pytest.mark.parametrize(
    "views",
    [
        Views(window_seconds=1.28),
        Views(sampling="delta", delta_seconds=0.4),
        Views(sampling="uniform", recipes=("A1", "A2")),
        Views(sampling="same"),
    ],
)
def test_an_example_has_the_frames_that_are_shown_at_the_moments_drawn_for_it(out, views):
    clips = clips_in(out)
    seen = []
    for batch in loaded(out, views=views):
        assert batch.frames.shape[:2] == (len(views.recipes), 4)
        of_batch = [clip.example_id for clip in clips_seen(batch, clips, views)]
        assert ["abcde"[video] for video in batch.videos.tolist()] == [name[0] for name in of_batch]
        seen += of_batch
    # Twice all nine, and two more.
    assert sorted(seen[:9]) == sorted(seen[9:18]) == sorted(clip.example_id for clip in clips)


def test_batches_are_of_the_agreed_shapes_and_types(out):
    (batch,) = loaded(out, steps=1)
    for tensor, kind, shape in (
        (batch.frames, torch.uint8, (3, 4, *batch.sizes.amax((0, 1)).tolist(), 3)),
        (batch.sizes, torch.int64, (3, 4, 2)),
        (batch.videos, torch.int64, (4,)),
        (batch.examples, torch.int64, (4,)),
    ):
        assert (tensor.dtype, tuple(tensor.shape)) == (kind, shape)
        assert tensor.is_contiguous()
    assert batch.examples.tolist() == [0, 1, 2, 3]


def test_smaller_frames_are_padded_with_zeros_below_and_on_the_right(out):
    (batch,) = loaded(out, batch=9, steps=1)
    assert {tuple(size) for size in batch.sizes[0].tolist()} == {(16, 24), (24, 16)}
    assert batch.frames.shape == (3, 9, 24, 24, 3)
    for place, (height, width) in enumerate(batch.sizes[0].tolist()):
        assert batch.frames[:, place, :height, :width].any()
        assert not batch.frames[:, place, height:].any()
        assert not batch.frames[:, place, :, width:].any()


def test_the_ranks_have_the_parts_of_the_whole_batch(out):
    whole = loaded(out)
    parts = [loaded(out, rank=rank, ranks=2) for rank in range(2)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert torch.cat((first.examples, second.examples)).equal(batch.examples)
        assert torch.cat((first.videos, second.videos)).equal(batch.videos)
        for one, other in zip(
            [*frames_of(first), *frames_of(second)], frames_of(batch), strict=True
        ):
            assert np.array_equal(one, other)


def test_a_batch_that_ranks_cannot_divide_is_refused_before_anything_is_read(out):
    with pytest.raises(UsageError, match=r"train\.batch=4 "):
        batches(open_clip_index(out), Views(), Data(), batch=4, ranks=3, seed=0, steps=1)


def test_going_on_gives_the_batches_that_were_still_to_come(out):
    assert same(loaded(out, first_step=2), loaded(out)[2:])


def test_workers_give_the_same_batches_in_the_same_order(out):
    assert same(loaded(out, workers=2), loaded(out))


def test_the_seed_decides_what_is_seen(out):
    once, other = loaded(out), loaded(out, seed=4)
    assert same(once, loaded(out))
    assert not all(one.frames.equal(two.frames) for one, two in zip(once, other, strict=True))


def test_the_random_numbers_of_pytorch_are_left_alone(out):
    before = torch.get_rng_state()
    loaded(out)
    assert torch.get_rng_state().equal(before)


def test_one_clip_of_each_video_is_seen_before_any_is_seen_again(out):
    (batch,) = loaded(out, batch=5, steps=1, clips_per_video="one")
    assert sorted(batch.videos.tolist()) == [0, 1, 2, 3, 4]


def test_frames_that_are_not_used_are_not_decoded(out, tmp_path):
    (whole,) = loaded(out, batch=9, steps=1)
    stripped = {}
    for example, clip in enumerate(clips_seen(whole, clips_in(out), Views())):
        kept = used(clip, example, Views())
        jpegs = [
            jpeg if index in kept else b"nonsense" for index, jpeg in enumerate(clip.image_encoded)
        ]
        stripped[clip.example_id] = msgspec.structs.replace(clip, image_encoded=tuple(jpegs))
    shards = [[stripped[clip.example_id] for clip in clips_of(videos, 1)] for videos in VIDEOS]
    assert same(loaded(write_out(tmp_path, shards), batch=9, steps=1), [whole])


@pytest.mark.parametrize("motion", [False, True])
def test_a_data_set_of_layout_1_and_one_of_layout_2_give_the_same_batches(tmp_path, motion):
    shards = [clips_of(videos) for videos in VIDEOS]
    if motion:
        shards = [[msgspec.structs.replace(clip, **MOTION) for clip in clips] for clips in shards]
    views = Views(within_shot=motion)
    first, second = (
        loaded(
            write_out(tmp_path / str(layout), shards, form=ShardForm(layout, motion)), views=views
        )
        for layout in LAYOUTS
    )
    assert same(first, second)


@pytest.mark.parametrize(
    "how",
    [{"compression": "zstd"}, {"data_page_version": "2.0"}, {"use_dictionary": True}],
    ids=["compressed", "pages of version 2", "dictionary"],
)
def test_shards_that_were_packed_otherwise_give_the_same_frames(out, copy, how):
    for file in (copy / "clips/parquet").iterdir():
        table = pq.read_table(file)
        pq.write_table(
            table,
            file,
            row_group_size=1,
            **{"compression": "none", "use_dictionary": False} | how,
        )
    restate_shards(copy)
    assert same(loaded(copy), loaded(out))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_frame_is_refused_by_file_and_clip(out, tmp_path, workers):
    broken = clips_of(VIDEOS[0])
    jpegs = tuple(jpeg[: len(jpeg) // 2] for jpeg in broken[0].image_encoded)
    broken[0] = msgspec.structs.replace(broken[0], image_encoded=jpegs)
    damaged = write_out(tmp_path, [broken, clips_of(VIDEOS[1])])
    with pytest.raises(UsageError) as raised:
        loaded(damaged, workers=workers)
    said = str(raised.value)
    assert said.startswith(f"{damaged / SHARD}: clip a#0 is damaged (")
    assert said.endswith(f"`videonet verify {damaged}` finds all that is.")
    assert "\n" not in said


@pytest.mark.parametrize("seed", range(12))
def test_changed_bytes_anywhere_before_the_footer_are_refused_by_file_and_clip(copy, seed):
    # Lengths of frames and headers of pages are among them.
    file = copy / SHARD
    dataset = open_clip_index(copy)
    changed = np.frombuffer(file.read_bytes(), np.uint8).copy()
    footer = len(changed) - int.from_bytes(changed[-8:-4].tobytes(), "little") - 8
    random = np.random.default_rng(seed)
    changed[random.integers(4, footer, 4_000)] = random.integers(0, 256, 4_000)
    file.write_bytes(changed.tobytes())
    with pytest.raises(UsageError) as raised:
        list(batches(dataset, Views(), Data(workers=0), batch=5, seed=0, steps=1))
    assert str(raised.value).startswith(f"{file}: clip ")


def test_a_shard_that_was_exchanged_is_refused(copy):
    dataset = open_clip_index(copy)
    other = write_out(copy.parent / "other", [clips_of([("x", 2), ("y", 2)]), []])
    shutil.copy(other / SHARD, copy / SHARD)
    with pytest.raises(UsageError, match=r"clip [ace]#. is damaged \([xy]#. stands in its place\)"):
        list(batches(dataset, Views(), Data(workers=0), batch=5, seed=0, steps=1))


def test_a_shard_that_has_gone_is_refused(copy):
    dataset = open_clip_index(copy)
    (copy / SHARD).unlink()
    with pytest.raises(UsageError, match=r"\.parquet cannot be read \(No such file"):
        list(batches(dataset, Views(), Data(workers=0), batch=5, seed=0, steps=1))


def test_a_frame_of_another_size_than_its_clip_is_refused(tmp_path):
    clip = clip_of("a", 0)
    jpegs = (*clip.image_encoded[:20], *turned(clip).image_encoded[20:])
    mixed = msgspec.structs.replace(clip, image_encoded=jpegs)
    out = write_out(tmp_path, [[mixed, clip_of("b", 0)]])
    with pytest.raises(UsageError, match=r"clip a#0 is damaged .a frame of \(24, 16\) pixels in a"):
        loaded(out, steps=20)


@pytest.mark.parametrize(("height", "width"), [(8, 100), (100, 8)])
def test_of_a_frame_longer_than_four_times_its_short_side_the_middle_is_taken(
    tmp_path, height, width
):
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    jpeg = simplejpeg.encode_jpeg(pixels)
    banner = {"image_height": height, "image_width": width, "image_encoded": (jpeg,) * 3}
    out = write_out(tmp_path, [[clip_of("a", 0, 3, **banner), clip_of("b", 0, 3)]])
    (batch,) = loaded(out, batch=2, steps=1)
    (place,) = (batch.videos == 0).nonzero().flatten().tolist()
    expected = simplejpeg.decode_jpeg(jpeg)
    expected = expected[:, 34:66] if width > height else expected[34:66]
    for frame in list(frames_of(batch))[place]:
        assert np.array_equal(frame, expected)


def test_held_out_videos_show_a_frame_of_their_first_and_one_of_their_last_third(tmp_path):
    # Each frame says in its colour when it is shown: ten clips of ten frames, grey 0 to 198.
    def clip(video: str, number: int) -> Clip:
        greys = [np.full((16, 16, 3), 20 * number + 2 * frame, np.uint8) for frame in range(10)]
        jpegs = tuple(simplejpeg.encode_jpeg(grey, quality=100) for grey in greys)
        labels = {"clip_label_index": (ord(video[0]),)}
        changes = {"image_encoded": jpegs, "image_height": 16, "image_width": 16} | labels
        return make_clip(0, 10, example_id=f"{video}#{number}", **changes)

    keys = [f"{letter}{number}" for letter in "ab" for number in range(20)]
    out = write_out(tmp_path, [[clip(key, number) for key in keys for number in range(10)]])
    dataset = open_clip_index(out, held_out=0.5)
    held = np.flatnonzero(dataset.held_out)
    parts = list(two_moments(dataset, held, seed=1, at_once=8))
    assert torch.cat([part.videos for part in parts]).tolist() == held.tolist()
    assert [label for part in parts for label in part.labels] == [
        (ord(keys[at][0]),) for at in held
    ]
    frames = torch.cat([part.frames for part in parts], dim=1)
    assert frames.shape == (2, len(held), 16, 16, 3)
    assert (torch.cat([part.sizes for part in parts], dim=1) == 16).all()
    early, late = frames[:, :, 0, 0, 0].int()
    assert early.max() <= 68
    assert late.min() >= 130
    # At any moment of it, not always the same.
    assert min(len(early.unique()), len(late.unique())) > len(held) / 3
    again = torch.cat([part.frames for part in two_moments(dataset, held, seed=1)], dim=1)
    assert again.equal(frames)
    other = torch.cat([part.frames for part in two_moments(dataset, held, seed=2)], dim=1)
    assert not other.equal(frames)


def test_windows_keep_to_shots_where_these_are_long_enough(tmp_path):
    # Of 3.2 s: cut in its middle, after 0.24 s, and nowhere.
    cuts = {"a": (1_600_000,), "b": (280_000,), "c": ()}
    clips = [
        clip_of(
            video, 0, clip_motion_repeated=0.0, clip_motion_difference=1.0, clip_cut_timestamp=at
        )
        for video, at in cuts.items()
    ]
    out = write_out(tmp_path / "out", [clips], form=ShardForm(motion=True))
    views = Views(within_shot=True, recipes=("A1",) * 8)
    numbers = {video: number for number, video in enumerate(cuts)}
    for batch in loaded(out, views=views, batch=3, steps=8):
        crossing = dict(zip(batch.videos.tolist(), batch.crossing.tolist(), strict=True))
        # No shot of the first one has 2.56 s.
        assert crossing == {numbers["a"]: True, numbers["b"]: False, numbers["c"]: False}
        place = batch.videos.tolist().index(numbers["b"])
        before = simplejpeg.decode_jpeg(clips[1].image_encoded[2])
        shown = [frames[place] for frames in batch.frames.numpy()]
        assert not any((before == frame).all() for frame in shown)
    assert not any(batch.crossing.any() for batch in loaded(out, views=Views(), batch=3, steps=4))


def test_shots_are_asked_of_a_data_set_that_does_not_say_where_it_is_cut(out):
    with pytest.raises(UsageError, match="does not say where its clips are cut"):
        loaded(out, views=Views(within_shot=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_kept_of_batches_stays_as_it_is(out, workers):
    # Memory is used again, but not while somebody has a batch, or a part of one.
    data = Data(workers=workers, clips_per_video="all")
    made = batches(open_clip_index(out), Views(), data, batch=3, seed=0, steps=40)
    kept = [
        (frames, frames.clone())
        for frames in (
            batch.frames if step % 3 else batch.frames[1, :2] for step, batch in enumerate(made)
        )
    ]
    assert len(kept) == 40
    assert all(frames.equal(copied) for frames, copied in kept)
