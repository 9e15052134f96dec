"""Clips of videos: which frames they are of, how these are cut out, and what is drawn."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from tests.evaluation.made_ucf import write_avi  # noqa: E402
from tests.evaluation.material import shared  # noqa: E402
from videonet.errors import UsageError  # noqa: E402
from videonet.evaluation.clips import (  # noqa: E402
    JITTER_BY,
    ClipPlace,
    Form,
    Length,
    cropped,
    even_clips,
    even_frames,
    frames_of,
    length_of,
    lengths_of,
    middles,
    random_clip,
    random_clips,
    whole_videos,
)
from videonet.evaluation.facts import Preparation  # noqa: E402
from videonet.evaluation.images import prepared  # noqa: E402

SMALL = Preparation(resize=36, crop=32, mean=(0.5,) * 3, std=(0.5,) * 3)
TWO_SECONDS = Form(24, 12)

lengths = st.builds(
    Length,
    frames=st.integers(1, 400),
    rate=st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(10)]),
)


def numbered(count: int) -> list[np.ndarray]:
    """Frames of one grey value each: three times their number."""
    return [np.full((48, 64, 3), 3 * number, np.uint8) for number in range(count)]


def test_frames_of_a_rate_are_those_that_are_shown_then():
    # At 12 a second of 25: after 0, 2.08, 4.17, 6.25, 8.33 and 10.42 frames.
    assert even_frames(Length(11, Fraction(25)), 12) == [0, 2, 4, 6, 8, 10]
    assert even_frames(Length(10, Fraction(25)), 12) == [0, 2, 4, 6, 8]
    assert even_frames(Length(3, Fraction(6)), 12) == [0, 0, 1, 1, 2, 2]


@given(lengths)
def test_even_frames_go_to_the_end_and_no_further(length):
    found = even_frames(length, 12)
    assert found[0] == 0
    assert 0 <= length.frames - 1 - found[-1] <= float(length.rate) / 12
    assert all(0 <= each < length.frames for each in found)


def test_ten_clips_begin_evenly_from_the_first_frame_to_the_last_that_can_be():
    found = even_clips(87, 24, 10)
    assert [clip[0] for clip in found] == [0, 7, 14, 21, 28, 35, 42, 49, 56, 63]
    assert all(clip == [*range(clip[0], clip[0] + 24)] for clip in found)
    assert found[-1][-1] == 86


def test_a_short_video_is_repeated_from_its_first_frame_on():
    assert even_clips(3, 8, 2) == [[0, 1, 2, 0, 1, 2, 0, 1]] * 2
    assert random_clip(Length(5, Fraction(25)), Form(6, 12), 0.9) == [0, 2, 4, 0, 2, 4]


@given(lengths, st.floats(0, 1, exclude_max=True))
def test_a_random_clip_lies_within_the_video_and_takes_two_seconds(length, begin):
    found = random_clip(length, TWO_SECONDS, begin)
    assert len(found) == 24
    assert all(0 <= each < length.frames for each in found)
    if length.frames / length.rate >= 2:
        step = float(length.rate) / 12
        steps = np.diff(found)
        assert set(steps) <= {int(step), int(np.ceil(step))}
        assert abs(found[-1] - found[0] - 23 * step) <= 1


def test_random_clips_begin_everywhere():
    length = Length(100, Fraction(25))
    starts = [random_clip(length, TWO_SECONDS, begin / 100)[0] for begin in range(100)]
    assert starts[0] == 0
    assert sorted(starts) == starts
    assert len(set(starts)) == 50  # all but two of four seconds


def test_the_frames_of_these_numbers_are_found(tmp_path):
    write_avi(tmp_path / "a.avi", numbered(30), rate=25)
    assert length_of(tmp_path / "a.avi") == Length(30, Fraction(25))
    found = frames_of(tmp_path / "a.avi", [3, 7, 7, 29, 3])
    assert found.shape == (5, 3, 48, 64)
    assert found[:, 0, 0, 0].tolist() == [9, 21, 21, 87, 9]


def test_the_middle_of_a_frame_is_that_of_an_image():
    path = sorted(shared("evaluation/imagenet_sample").glob("*.jpg"))[0]
    image = Image.open(path).convert("RGB")
    frame = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    for interpolation in ("bilinear", "bicubic"):
        shown = Preparation(
            resize=256, crop=224, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation=interpolation
        )
        apart = (middles(frame, shown)[0].int() - prepared(image, shown).int()).abs()
        # Of 255: they round elsewhere.
        assert int(apart.max()) <= 4
        assert float(apart.float().mean()) < 0.3


def test_all_frames_of_a_clip_are_cropped_alike():
    random = np.random.default_rng(0)
    frame = torch.from_numpy(random.integers(0, 256, (1, 3, 48, 64), np.uint8))
    seen = set()
    for seed in range(20):
        found = cropped(frame.repeat(4, 1, 1, 1), SMALL, np.random.default_rng(seed))
        assert found.shape == (4, 3, 32, 32)
        assert all(torch.equal(each, found[0]) for each in found)
        seen.add(found[0].numpy().tobytes())
    assert len(seen) == 20


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    for count in (20, 50, 70):
        write_avi(folder / f"{count}.avi", numbered(count), rate=25)
    return sorted(folder.iterdir())


def test_what_is_drawn_depends_on_seed_epoch_and_clip_and_on_no_worker(videos):
    lengths = [*lengths_of(videos, workers=1)]
    assert lengths == [length_of(path) for path in videos]
    steps = [
        [ClipPlace(0, 0, 0), ClipPlace(0, 1, 1), ClipPlace(0, 2, 2)],
        [ClipPlace(1, 1, 1), ClipPlace(0, 1, 1)],
    ]

    def drawn(seed: int, workers: int):
        how = (videos, lengths, Form(6, 12), SMALL, steps, seed, workers)
        return [*random_clips(*how)]

    first, second = drawn(0, 0)
    assert first.frames.shape == (3, 6, 3, 32, 32)
    assert first.frames.dtype == torch.uint8
    alike = [torch.equal(a[1], b[1]) for a, b in zip(first, second, strict=True)]
    assert alike == [True] * 3
    assert not torch.equal(first.factors[1], second.factors[0])
    for one, other in zip((first, second), drawn(0, 2), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(first.factors, drawn(1, 0)[0].factors)
    changed = first.factors - torch.tensor([1.0, 1.0, 1.0, 0.0])
    assert (changed.abs() <= torch.tensor(JITTER_BY)).all()
    assert all(sorted(each) == [0, 1, 2, 3] for each in first.order.tolist())


def test_a_whole_video_is_all_its_even_frames(videos):
    lengths = [length_of(path) for path in videos]
    found = [*whole_videos(videos, lengths, 12, SMALL, workers=1)]
    assert [len(each) for each in found] == [10, 24, 34]
    assert found[0][:, 0, 5, 5].tolist() == [3 * n for n in even_frames(lengths[0], 12)]


def test_a_video_that_cannot_be_read_is_a_sentence(videos, tmp_path):
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no video" * 100)
    with pytest.raises(UsageError, match=r"broken\.avi cannot be read \(no media file.*good copy"):
        length_of(broken)
    with pytest.raises(UsageError, match=r"none\.avi cannot be read"):
        length_of(tmp_path / "none.avi")
    for workers in (0, 1):
        with pytest.raises(UsageError, match=r"broken\.avi cannot be read"):
            [*lengths_of([*videos, broken], workers)]
        with pytest.raises(UsageError, match=r"it has no frame 60, and had it before"):
            [*whole_videos([videos[0]], [Length(61, Fraction(12))], 12, SMALL, workers)]


def test_a_damaged_video_is_as_ffmpeg_shows_it_and_is_counted(videos, tmp_path):
    cut = tmp_path / "cut.avi"
    content = videos[2].read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    found = length_of(cut)
    assert 0 < found.frames < 70
    assert found.damaged == 70 - found.frames

    random = np.random.default_rng(0)
    ground = random.integers(0, 256, (48, 80, 3), np.uint8)
    moved = [ground[:, place : place + 64] for place in range(16)]
    write_avi(tmp_path / "whole.avi", moved, rate=25, codec="mpeg4")
    content = bytearray((tmp_path / "whole.avi").read_bytes())
    middle = content.index(b"00dc", len(content) // 3) + 20
    content[middle : middle + 200] = random.bytes(200)
    (tmp_path / "damaged.avi").write_bytes(content)
    found = length_of(tmp_path / "damaged.avi")
    # No frame after the damage is left out, although all up to the next keyframe are made of it.
    assert (found.frames, found.damaged) == (15, 1)
    assert len(frames_of(tmp_path / "damaged.avi", [0, found.frames - 1])) == 2
