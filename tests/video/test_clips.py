"""clips: the right moments of the right video, as JPEG."""

import io
import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageDraw

from demo.drawing import Scene, draw_video
from demo.encoding import Encoding, encode
from demo.odd_files import truncate
from videonet.schemas.clip import MOTION_COLUMNS, Clip
from videonet.schemas.reason import Reason
from videonet.video.clips import ClipOrigin, ClipSettings, cut_clips, labelled, spans
from videonet.video.decode import VideoError, video_length

ORIGIN = ClipOrigin(
    dataset="videonet",
    video_key="youtube:x",
    video_id="x",
    url="https://example.org/x",
    labels=(2, 5),
    names=("dog", "wolf"),
)

CLIP = Fraction("10.24")
WINDOW = Fraction("2.56")
TICK = Fraction("0.08")


def real(name: str) -> Path:
    root = Path(os.environ.get("VIDEONET_SHARED") or Path(__file__).parents[3] / "shared")
    path = root / "data" / "videos" / name
    if not path.is_file():
        pytest.skip(f"no real video {path}: set VIDEONET_SHARED")
    return path


def clips_of(path: Path, max_clips: int = 4, length: Fraction | None = None) -> list[Clip]:
    length = video_length(path) if length is None else length
    return list(cut_clips(path, length, ORIGIN, ClipSettings(max_clips)))


# Videos whose every frame says its number: 12 bits as black and white squares.

COLUMNS, ROWS = 4, 3


def numbered(number: int, size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    width, height = size[0] / COLUMNS, size[1] / ROWS
    for bit in range(COLUMNS * ROWS):
        row, column = divmod(bit, COLUMNS)
        corner = (column * width, row * height)
        if number >> bit & 1:
            draw.rectangle((*corner, corner[0] + width - 1, corner[1] + height - 1), "white")
    return picture


def number_of(jpeg: bytes) -> int:
    image = simplejpeg.decode_jpeg(jpeg, colorspace="RGB").mean(axis=2)
    height, width = image.shape
    bits = (
        image[round((row + 0.5) * height / ROWS), round((column + 0.5) * width / COLUMNS)] > 128
        for row in range(ROWS)
        for column in range(COLUMNS)
    )
    return sum(1 << place for place, bit in enumerate(bits) if bit)


def count(
    path: Path,
    seconds: float,
    *,
    fps: int | Fraction = Fraction(25, 2),
    size: tuple[int, int] = (64, 48),
    encoding: Encoding | None = None,
) -> Path:
    pictures = (numbered(index, size) for index in range(round(seconds * fps)))
    encode(path, pictures, size, fps, encoding or Encoding())
    return path


def shown(path: Path) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Each frame and its time, decoded without our code."""
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            yield frame.pts * frame.time_base, frame


def chosen(times: list[Fraction], begin: Fraction, end: Fraction) -> list[int]:
    """Which frames the ticks of a span show: the last one at or before each, none twice."""
    first = times[0] + begin
    ticks = [first + k * TICK for k in range(ceil((end - begin) / TICK))]
    each = [max(i for i, time in enumerate(times) if time <= tick) for tick in ticks]
    return sorted(set(each))


CASES = {
    "at the rate of the ticks": {"seconds": 13},
    "25 fps": {"seconds": 11, "fps": 25},
    "29.97 fps": {"seconds": 11, "fps": Fraction(30000, 1001)},
    "60 fps": {"seconds": 6, "fps": 60},
    "5 fps": {"seconds": 14, "fps": 5},
    "1 fps": {"seconds": 26, "fps": 1},
    "uneven": {"seconds": 12, "fps": 10, "encoding": Encoding(uneven=True)},
    "late": {"seconds": 11, "fps": 25, "encoding": Encoding(start=1.42), "suffix": ".mkv"},
    "turned by 90": {"seconds": 4, "encoding": Encoding(rotation=90)},
    "turned by 180": {"seconds": 4, "encoding": Encoding(rotation=180)},
    "turned by 270": {"seconds": 4, "encoding": Encoding(rotation=270)},
    "portrait": {"seconds": 4, "size": (48, 96)},
    "long": {"seconds": 75, "fps": 10},
    "without durations": {"seconds": 11, "fps": 25, "suffix": ".ts"},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_clip_shows_the_frame_of_each_tick(tmp_path, case):
    path = count(tmp_path / f"v{case.get('suffix', '.mp4')}", **without(case, "suffix"))
    times = [time for time, _ in shown(path)]
    cuts = spans(video_length(path), 4)
    clips = clips_of(path)
    assert len(clips) == len(cuts) > 0
    for clip, (begin, end) in zip(clips, cuts, strict=True):
        expected = chosen(times, begin, end)
        assert [number_of(jpeg) for jpeg in clip.image_encoded] == expected
        assert list(clip.image_timestamp) == [round(times[i] * 1_000_000) for i in expected]


def without(case: dict, name: str) -> dict:
    return {key: value for key, value in case.items() if key != name}


def test_at_the_rate_of_the_ticks_every_frame_is_in_a_clip(tmp_path):
    clips = clips_of(count(tmp_path / "v.mp4", 13))
    assert [number_of(jpeg) for clip in clips for jpeg in clip.image_encoded] == list(range(162))
    assert [len(clip.image_encoded) for clip in clips] == [128, 34]


def test_a_frame_that_two_ticks_show_is_stored_once_with_its_own_time(tmp_path):
    (clip,) = clips_of(count(tmp_path / "v.mp4", 10, fps=5))
    assert clip.image_timestamp == tuple(200_000 * index for index in range(50))


def test_a_rest_shorter_than_a_window_is_dropped(tmp_path):
    path = count(tmp_path / "v.mp4", 12.72)
    (clip,) = clips_of(path)
    assert len(clip.image_encoded) == 128
    assert clip.clip_end_timestamp == 10_240_000


def test_a_video_shorter_than_a_window_gives_no_clip(tmp_path):
    assert clips_of(count(tmp_path / "v.mp4", 2.48)) == []


def test_a_long_video_gives_at_most_so_many_clips_spread_evenly(tmp_path):
    path = count(tmp_path / "v.mp4", 75, fps=5)  # seven full clips
    begins = [round(number * CLIP * 1_000_000) for number in range(7)]
    for most, expected in ((1, [3]), (2, [0, 6]), (4, [0, 2, 4, 6]), (7, list(range(7)))):
        clips = clips_of(path, most)
        assert len(clips) == most
        for clip, number in zip(clips, expected, strict=True):
            assert 0 <= begins[number] - clip.clip_start_timestamp < 200_000


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts", ".webm"])
def test_clips_are_the_same_whether_or_not_what_lies_between_them_is_decoded(tmp_path, suffix):
    codec = "libvpx" if suffix == ".webm" else "libx264"
    path = count(tmp_path / f"v{suffix}", 75, fps=5, encoding=Encoding(codec))
    every, first_and_last = clips_of(path, 7), clips_of(path, 2)
    for clip, same in zip((every[0], every[-1]), first_and_last, strict=True):
        assert same.image_timestamp == clip.image_timestamp
        assert same.image_encoded == clip.image_encoded


@pytest.mark.parametrize(
    "name",
    [
        "dinov3_butterfly.mp4",
        "trackanything_2.mp4",
        "panda70m_aIPu1xGNbhc.49.mp4",
        "vllava_demo_22.mp4",
        "panda70m_vE7ciKU5KM4.4.mp4",
    ],
)
def test_clips_of_real_videos_show_the_frame_of_each_tick(name):
    path = real(name)
    frames = list(shown(path)) if "vllava" not in name else None
    times = [time for time, _ in frames] if frames else [time for time, _ in shown(path)]
    clips = clips_of(path)
    for clip, (begin, end) in zip(clips, spans(video_length(path), 4), strict=True):
        expected = chosen(times, begin, end)
        assert list(clip.image_timestamp) == [round(times[i] * 1_000_000) for i in expected]
        for place in range(0, len(expected), 16) if frames else ():
            picture = frames[expected[place]][1].to_image()
            size = (clip.image_width, clip.image_height)
            wanted = np.asarray(picture.resize(size, Image.Resampling.BILINEAR), np.int16)
            image = simplejpeg.decode_jpeg(clip.image_encoded[place], colorspace="RGB")
            assert np.abs(image - wanted).mean() < 6


def test_packed_b_frames_of_a_real_video_come_in_order():
    (clip,) = clips_of(real("v2v_skateboard-dog.avi"))
    assert len(clip.image_timestamp) > 60
    assert all(later > earlier for earlier, later in pairwise(clip.image_timestamp))


# What a clip says.


@pytest.mark.parametrize(
    ("size", "rotation", "shape"),
    [
        ((64, 48), 0, (256, 341)),
        ((48, 96), 0, (512, 256)),
        ((64, 48), 90, (256, 341)),
        ((512, 384), 0, (256, 341)),
        ((64, 64), 0, (256, 256)),
    ],
)
def test_the_short_side_of_a_clip_is_256_pixels(tmp_path, size, rotation, shape):
    path = count(tmp_path / "v.mp4", 3, size=size, encoding=Encoding(rotation=rotation))
    (clip,) = clips_of(path)
    assert (clip.image_height, clip.image_width) == shape
    for jpeg in clip.image_encoded[::10]:
        assert simplejpeg.decode_jpeg(jpeg).shape == (*shape, 3)


def test_frames_are_rgb_jpegs_of_quality_90(tmp_path):
    (clip,) = clips_of(count(tmp_path / "v.mp4", 3))
    reference = io.BytesIO()
    Image.new("RGB", (8, 8)).save(reference, "JPEG", quality=90)
    with Image.open(reference) as expected, Image.open(io.BytesIO(clip.image_encoded[0])) as image:
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        assert image.quantization == expected.quantization
    assert (clip.image_format, clip.image_colorspace, clip.image_channels) == ("jpeg", "RGB", 3)


def test_colours_are_those_of_the_video(tmp_path):
    pictures = (Image.new("RGB", (64, 48), (200, 30, 60)) for _ in range(40))
    encode(tmp_path / "v.mp4", pictures, (64, 48), Fraction(25, 2), Encoding())
    (clip,) = clips_of(tmp_path / "v.mp4")
    image = simplejpeg.decode_jpeg(clip.image_encoded[20], colorspace="RGB")
    assert np.abs(image.mean(axis=(0, 1)) - (200, 30, 60)).max() < 8


# How a stream's colours are coded: pixel format, matrix and range, in FFmpeg's numbers.
BT601, BT709, BT2020, YCGCO = 5, 1, 9, 8
LIMITED, FULL = 1, 2
CODINGS = {
    "BT.601": ("yuv420p", BT601, LIMITED),
    "BT.709": ("yuv420p", BT709, LIMITED),
    "BT.601, full": ("yuv420p", BT601, FULL),
    "BT.709, full": ("yuv420p", BT709, FULL),
    "BT.709, 10 bit": ("yuv420p10le", BT709, LIMITED),
    "BT.2020, 10 bit": ("yuv420p10le", BT2020, LIMITED),
    "BT.709, 4:4:4": ("yuv444p", BT709, LIMITED),
}


def coded(
    path: Path, scene: Scene, size: tuple[int, int], coding: tuple[str, int, int], start: float = 0
) -> Path:
    """A scene of 2.56 s at 12.5 fps, hardly compressed."""
    pixels, matrix, scope = coding
    clock = Fraction(1, 60_000)
    with av.open(str(path), "w") as file:
        options = {"crf": "3", "preset": "ultrafast"}
        stream = file.add_stream("libx264", rate=Fraction(25, 2), options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, scope
        stream.time_base = stream.codec_context.time_base = clock
        for index in range(32):
            rgb = av.VideoFrame.from_ndarray(np.asarray(scene.frame(index / 12.5)), format="rgb24")
            # What FFmpeg cannot convert to is only said.
            there = BT601 if matrix == YCGCO else matrix
            frame = rgb.reformat(
                format=pixels,
                dst_colorspace=there,
                dst_color_range=scope,
                interpolation="ACCURATE_RND",
            )
            frame.colorspace, frame.color_range = matrix, scope
            frame.pts, frame.time_base = round((start + index / 12.5) / clock), clock
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def difference(image: np.ndarray, picture: np.ndarray) -> float:
    """PSNR, dB."""
    return float(10 * np.log10(255**2 / np.mean((image.astype(float) - picture) ** 2)))


@pytest.mark.parametrize("size", [(480, 270), (272, 480)], ids=["landscape", "portrait"])
@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS.keys())
def test_frames_are_as_near_to_what_was_drawn_as_by_way_of_rgb(tmp_path, coding, size):
    """Held against it: full-size RGB by FFmpeg's defaults, resized by Pillow, and a JPEG of it."""
    scene = Scene("balloon", size, 3)
    path = coded(tmp_path / "v.mp4", scene, size, coding)
    (clip,) = clips_of(path)
    small = (clip.image_width, clip.image_height)
    with av.open(str(path)) as file:
        decoded = list(file.decode(video=0))
    said = decoded[0]
    assert (said.format.name.replace("j", ""), said.colorspace, said.color_range) == coding
    for index in (3, 28):
        drawn = scene.frame(index / 12.5).resize(small, Image.Resampling.BILINEAR)
        former = decoded[index].to_image().resize(small, Image.Resampling.BILINEAR)
        jpegs = clip.image_encoded[index], simplejpeg.encode_jpeg(np.asarray(former), quality=90)
        ours, theirs = (
            difference(simplejpeg.decode_jpeg(jpeg, colorspace="RGB"), np.asarray(drawn))
            for jpeg in jpegs
        )
        assert ours > max(theirs - 1, 33)


def test_frames_of_a_video_that_changes_its_size_are_as_large_as_the_first(tmp_path):
    parts = []
    for size, start in (((320, 180), 0), ((180, 320), 2.56)):
        part = tmp_path / f"{start}.ts"
        coded(part, Scene("balloon", size, 1), size, CODINGS["BT.709"], start)
        parts.append(part.read_bytes())
    (tmp_path / "v.ts").write_bytes(b"".join(parts))
    sizes = {(frame.width, frame.height) for _, frame in shown(tmp_path / "v.ts")}
    assert sizes == {(320, 180), (180, 320)}
    (clip,) = clips_of(tmp_path / "v.ts")
    assert len(clip.image_encoded) > 60
    assert (clip.image_height, clip.image_width) == (256, 455)
    assert {simplejpeg.decode_jpeg(jpeg).shape for jpeg in clip.image_encoded} == {(256, 455, 3)}


def test_colours_that_cannot_be_converted_are_undecodable(tmp_path):
    coding = ("yuv420p", YCGCO, LIMITED)
    path = coded(tmp_path / "v.mp4", Scene("balloon", (64, 48), 1), (64, 48), coding)
    with pytest.raises(VideoError) as failure:
        clips_of(path)
    assert failure.value.reason is Reason.UNDECODABLE


def test_a_clip_says_whose_it_is_and_when(tmp_path):
    path = count(tmp_path / "v.mkv", 13, encoding=Encoding(start=2))
    first, second = clips_of(path)
    assert (first.example_id, second.example_id) == ("youtube:x#0", "youtube:x#1")
    for clip in (first, second):
        assert clip.example_dataset_name == "videonet"
        assert clip.clip_data_path == "https://example.org/x"
        assert clip.clip_media_id == "x"
        assert clip.clip_label_index == (2, 5)
        assert clip.clip_label_string == clip.clip_label_text == ("dog", "wolf")
        assert clip.image_frame_rate == 12.5
        assert len(clip.image_encoded) == len(clip.image_timestamp)
        assert all(type(time) is int for time in clip.image_timestamp)
        assert clip.clip_start_timestamp == clip.image_timestamp[0]
        assert clip.clip_end_timestamp > clip.image_timestamp[-1]
    assert (first.clip_start_timestamp, first.clip_end_timestamp) == (2_000_000, 12_240_000)
    assert first.clip_end_timestamp == second.clip_start_timestamp


def test_the_same_video_gives_the_same_bytes(tmp_path):
    path = count(tmp_path / "v.mp4", 4)
    assert clips_of(path) == clips_of(path)


def test_clips_of_other_settings_have_another_key():
    assert ClipSettings(4).key == ClipSettings(4).key
    assert ClipSettings(4).key != ClipSettings(3).key
    assert ClipSettings(4).key != ClipSettings(4, motion=True).key


@pytest.mark.parametrize(
    "other",
    [
        {"short_side": 128},
        {"frame_rate": 6.25},
        {"jpeg_quality": 93},
        {"jpeg_subsampling": "4:2:0"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_pictures_are_other_clips_under_another_key(tmp_path, other):
    path = count(tmp_path / "v.mp4", 4)
    usual, asked = ClipSettings(1), ClipSettings(1, **other)
    assert usual.key != asked.key
    (before,), (after,) = (
        cut_clips(path, video_length(path), ORIGIN, each) for each in (usual, asked)
    )
    assert before.image_encoded != after.image_encoded
    same = {"short_side", "frame_rate"}.isdisjoint(other)
    assert (msgspec.structs.replace(after, image_encoded=before.image_encoded) == before) == same


def test_clips_have_the_short_side_and_the_ticks_that_are_asked_for(tmp_path):
    path = count(tmp_path / "v.mp4", 4)
    settings = ClipSettings(1, short_side=64, frame_rate=6.25)
    (clip,) = cut_clips(path, video_length(path), ORIGIN, settings)
    assert min(clip.image_height, clip.image_width) == 64
    assert clip.image_frame_rate == 6.25
    assert set(np.diff(clip.image_timestamp)) == {160_000}
    assert simplejpeg.decode_jpeg(clip.image_encoded[0]).shape[:2] == (
        clip.image_height,
        clip.image_width,
    )


@pytest.mark.parametrize(("asked", "due"), [("4:4:4", "444"), ("4:2:2", "422"), ("4:2:0", "420")])
def test_colours_are_stored_as_they_are_asked_for(tmp_path, asked, due):
    path = count(tmp_path / "v.mp4", 3)
    settings = ClipSettings(1, jpeg_subsampling=asked)
    (clip,) = cut_clips(path, video_length(path), ORIGIN, settings)
    *_, found = simplejpeg.decode_jpeg_header(clip.image_encoded[0])
    assert found == due


def test_measuring_what_moves_changes_nothing_else(tmp_path):
    video = tmp_path / "it.mp4"
    draw_video(video, ("balloon", "sailboat"), 6)
    plain, measured = (
        list(cut_clips(video, video_length(video), ORIGIN, ClipSettings(4, motion=motion)))
        for motion in (False, True)
    )
    nothing = dict.fromkeys(MOTION_COLUMNS)
    assert [msgspec.structs.replace(clip, **nothing) for clip in measured] == plain
    assert [clip.clip_cut_timestamp for clip in measured] == [(3_040_000,)]
    assert all(clip.clip_motion_repeated is not None for clip in measured)


def test_a_clip_is_labelled_without_touching_its_frames(tmp_path):
    (clip,) = clips_of(count(tmp_path / "v.mp4", 4))
    other = msgspec.structs.replace(
        clip,
        # It may have been cut under a key that the video had before.
        example_id="present#0",
        clip_media_id="v",
        clip_data_path="u",
        clip_label_index=(3, 5),
        clip_label_string=("a", "b"),
        clip_label_text=("a", "b"),
    )
    origin = ClipOrigin("d", "present", "v", "u", labels=(3, 5), names=("a", "b"))
    assert labelled(clip, origin) == other


def test_frames_that_no_jpeg_can_hold_are_undecodable(tmp_path):
    path = tmp_path / "tall.mp4"
    draw_video(path, "balloon", 3, size=(16, 4200))
    with pytest.raises(VideoError, match="no JPEGs") as failure:
        clips_of(path)
    assert failure.value.reason is Reason.UNDECODABLE


# Broken data.


def test_a_span_with_broken_data_cannot_be_cut(tmp_path):
    path = count(tmp_path / "v.mp4", 12)
    length = video_length(path)
    truncate(path, 100)
    with pytest.raises(VideoError) as caught:
        clips_of(path, length=length)
    assert caught.value.reason is Reason.UNDECODABLE


def test_data_that_is_broken_between_two_spans_does_no_harm(tmp_path):
    path = count(tmp_path / "v.mp4", 75, fps=5)
    length = video_length(path)
    whole = clips_of(path, 2)
    with av.open(str(path)) as file:
        packets = [(each.pos, each.size) for each in file.demux(video=0) if each.size]
    data = bytearray(path.read_bytes())
    for position, size in packets[100:200]:
        data[position : position + size] = os.urandom(size)
    path.write_bytes(data)
    assert clips_of(path, 2, length) == whole
    with pytest.raises(VideoError):
        clips_of(path, 7, length)


def test_data_that_is_broken_after_the_last_span_does_no_harm(tmp_path):
    path = count(tmp_path / "v.mp4", 32)
    length = video_length(path)
    (whole,) = clips_of(path, 1)
    truncate(path, 300)  # the only clip is that of frames 128 to 255
    assert clips_of(path, 1, length) == [whole]
    with pytest.raises(VideoError):
        clips_of(path, 4, length)
