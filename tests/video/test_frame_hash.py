"""frame_hash: 256 bits of what a frame looks like, and whether that says anything."""

import io

import msgspec
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from videonet.schemas.clip import Clip
from videonet.video.frame_hash import (
    HASH_BYTES,
    LEAST_QUALITY,
    clip_hashes,
    distances,
    frame_hash,
    frames_to_hash,
    without_bars,
    words,
)


def scene(seed: int, height: int = 256, width: int = 456) -> np.ndarray:
    """A picture with light and shade everywhere, RGB [H, W, 3]."""
    coarse = np.random.default_rng(seed).integers(30, 255, (9, 16, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def title_card(words_on_it: str, size: int = 40) -> np.ndarray:
    card = Image.new("RGB", (456, 256), "black")
    font = ImageFont.load_default(size)
    ImageDraw.Draw(card).text((228, 128), words_on_it, fill="white", font=font, anchor="mm")
    return np.array(card)


def encoded_again(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=30)
    return np.array(Image.open(file))


def distance(one: np.ndarray, other: np.ndarray) -> int:
    hashes = [words(frame_hash(each).bits) for each in (one, other)]
    return int(distances(*hashes)[0, 0])


def clip_of(frames: list[np.ndarray], number: int = 0, step: int = 80_000) -> Clip:
    height, width = frames[0].shape[:2]
    jpegs = [simplejpeg.encode_jpeg(np.ascontiguousarray(each), quality=90) for each in frames]
    times = [1_000_000 + place * step for place in range(len(frames))]
    return Clip(
        example_id=f"youtube:x#{number}",
        example_dataset_name="videonet",
        clip_data_path="https://example.org/x",
        clip_media_id="x",
        clip_start_timestamp=times[0],
        clip_end_timestamp=times[-1] + step,
        clip_label_index=(),
        clip_label_string=(),
        clip_label_text=(),
        image_format="jpeg",
        image_height=height,
        image_width=width,
        image_channels=3,
        image_colorspace="RGB",
        image_frame_rate=12.5,
        image_encoded=tuple(jpegs),
        image_timestamp=tuple(times),
    )


def hashed(*clips: Clip):
    return clip_hashes(clips, video_key="youtube:x", sha256="0" * 64, cut_key="cut")


def test_the_same_picture_encoded_again_or_scaled_differs_in_few_bits():
    picture = scene(0)
    assert distance(picture, encoded_again(picture)) <= 16
    assert distance(picture, np.array(Image.fromarray(picture).resize((228, 128)))) <= 16


def test_other_pictures_differ_in_about_half_of_the_bits():
    assert min(distance(scene(0), scene(other)) for other in range(1, 20)) > 80


def test_a_grey_picture_has_the_hash_of_the_coloured_one():
    picture = scene(1)
    grey = np.array(Image.fromarray(picture).convert("L"))
    assert frame_hash(grey) == frame_hash(picture)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((256, 456, 3), np.uint8),
        np.full((256, 456, 3), 255, np.uint8),
        np.full((8, 8, 3), 90, np.uint8),
        np.random.default_rng(0).normal(40, 4, (256, 456, 3)).clip(0, 255).astype(np.uint8),
        title_card("THE END"),
        title_card("Subscribe!", 60),
        255 - title_card("Thanks for watching", 30),
    ],
    ids=["black", "white", "grey", "noise", "a title", "a large title", "black on white"],
)
def test_what_shows_nothing_has_little_quality(image):
    assert frame_hash(image).quality < LEAST_QUALITY


def test_what_shows_something_has_quality():
    assert min(frame_hash(scene(seed)).quality for seed in range(10)) >= LEAST_QUALITY


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_any_picture_has_a_hash(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    found = frame_hash(image)
    assert len(found.bits) == HASH_BYTES
    assert 0 <= found.quality <= 100


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_bars_are_taken_off_whatever_their_width(top, bottom, left, right):
    picture = np.full((100, 150), 128, np.uint8)
    boxed = np.pad(picture, ((top, bottom), (left, right)), constant_values=12)
    (found,) = without_bars([boxed])
    assert found.shape == picture.shape


def test_what_is_dark_in_one_picture_alone_is_no_bar():
    light = np.full((100, 150), 128, np.uint8)
    dark_above = light.copy()
    dark_above[:30] = 0
    assert [each.shape for each in without_bars([dark_above, light])] == [(100, 150)] * 2


def test_a_dark_picture_stays_whole():
    dark = np.zeros((100, 150), np.uint8)
    dark[40:60, 70:80] = 200
    assert without_bars([dark])[0].shape == (100, 150)
    assert without_bars([np.zeros((100, 150), np.uint8)])[0].shape == (100, 150)


@given(st.lists(st.integers(1, 2_000_000), max_size=60))
def test_about_two_frames_a_second_are_hashed_and_the_first_is(gaps):
    times = [1_000_000 + sum(gaps[:place]) for place in range(len(gaps) + 1)]
    chosen = frames_to_hash(times)
    assert chosen[0] == 0
    assert chosen == sorted(set(chosen))
    # One in each half second that has a frame.
    halves = [(times[each] - times[0]) // 500_000 for each in chosen]
    assert halves == sorted({(time - times[0]) // 500_000 for time in times})


def test_the_hashes_of_clips_say_of_which_clip_and_when():
    clips = [clip_of([scene(seed) for seed in range(14)], number) for number in range(2)]
    found = hashed(*clips)
    assert found.clips == (0, 0, 0, 1, 1, 1)
    assert found.times == (1_000_000, 1_560_000, 2_040_000) * 2
    assert len(words(found.hashes)) == len(found.qualities) == 6
    assert type(found).from_json(found.to_json()) == found


def test_a_letterboxed_clip_has_about_the_same_hashes():
    frames = [scene(seed) for seed in range(7)]
    boxed = [np.pad(each, ((48, 48), (0, 0), (0, 0))) for each in frames]
    plain, other = (hashed(clip_of(each)) for each in (frames, boxed))
    assert np.diag(distances(words(plain.hashes), words(other.hashes))).max() < 30


def test_no_clips_have_no_hashes():
    found = hashed()
    assert (found.clips, found.hashes) == ((), b"")


def test_a_frame_that_is_not_as_its_clip_states_is_refused():
    clip = clip_of([scene(0)])
    with pytest.raises(ValueError, match="a frame of"):
        hashed(msgspec.structs.replace(clip, image_height=128))
    with pytest.raises(ValueError, match="no JPEG"):
        hashed(msgspec.structs.replace(clip, image_encoded=(b"none",)))
