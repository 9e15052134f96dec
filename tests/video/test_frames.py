"""videonet.video.decode: what frames look like, and what is no video."""

import io
import math
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from demo.drawing import Scene
from demo.encoding import Encoding, encode
from demo.odd_files import truncate, write_noise, write_page, write_sound
from tests.video.files import CROP, SIZE, difference, draw, real, reason_of, stored, times
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Probe
from videonet.video.decode import (
    VideoError,
    first_frames,
    probe,
    scaled,
    shown_frames,
    video_length,
)

# What the classifier sees.


def as_pillow_would(picture: Image.Image, resize: int, crop: tuple[int, int]) -> Image.Image:
    scale = resize / min(picture.size)
    width, height = (round(side * scale) for side in picture.size)
    left, top = (width - crop[1]) // 2, (height - crop[0]) // 2
    small = picture.resize((width, height), Image.Resampling.BILINEAR)
    return small.crop((left, top, left + crop[1], top + crop[0]))


@pytest.mark.parametrize(
    ("size", "crop"),
    [
        ((320, 180), (56, 56)),
        ((180, 320), (56, 56)),
        ((200, 200), (56, 56)),
        ((320, 180), (32, 56)),
    ],
)
def test_frames_are_resized_and_cropped_in_the_centre(tmp_path, size, crop):
    path = draw(tmp_path / "v.mp4", size=size)
    images = first_frames(path, 100, 64, crop).images
    expected = [as_pillow_would(each, 64, crop) for each in stored(path)]
    assert images.shape == (len(expected), *crop, 3)
    assert images.dtype == np.uint8
    for image, picture in zip(images, expected, strict=True):
        ours = difference(image, picture)
        assert ours < 2
        for axis in (0, 1):
            for pixels in (-1, 1):
                assert ours < difference(image, np.roll(picture, pixels, axis=axis))


def test_frames_show_what_was_drawn_in_its_colours(tmp_path):
    path = draw(tmp_path / "v.mp4", size=(160, 120))
    scene = Scene("balloon", (160, 120), 0)
    images = first_frames(path, 5, 120, (120, 120)).images
    for index, image in enumerate(images):
        drawn = scene.frame(index / 12.5).crop((20, 0, 140, 120))
        assert difference(image, drawn) < 8


@pytest.mark.parametrize("count", [1, 7, 12, 13, 100])
def test_the_first_frames_are_all_if_there_are_fewer_than_asked(tmp_path, count):
    path = draw(tmp_path / "v.mp4")  # 12 frames
    images = first_frames(path, count, 64, CROP).images
    assert len(images) == min(count, 12)
    assert np.array_equal(images, first_frames(path, 100, 64, CROP).images[:count])


def test_frames_come_in_the_order_in_which_they_are_shown(tmp_path):
    """B-frames are stored in another order: a brighter frame every time shows it."""
    pictures = (Image.new("RGB", SIZE, (8 * index,) * 3) for index in range(30))
    encode(tmp_path / "v.mp4", pictures, SIZE, 25, Encoding())
    with av.open(str(tmp_path / "v.mp4")) as file:
        order = [packet.pts for packet in file.demux(video=0) if packet.pts is not None]
    assert order != sorted(order)
    brightness = first_frames(tmp_path / "v.mp4", 30, 64, CROP).images.mean(axis=(1, 2, 3))
    assert all(now > before for before, now in pairwise(brightness))


@pytest.mark.parametrize("size", [(96, 64), (101, 75), (63, 90)])
@pytest.mark.parametrize(
    "pixels", ["yuv420p", "yuv422p10le", "yuv444p", "yuva420p", "gray", "gbrp10le", "bgra"]
)
def test_pictures_are_what_pillow_makes_of_rgb_to_the_last_bit(tmp_path, pixels, size):
    noise = np.random.default_rng(0).integers(0, 256, (3, size[1], size[0], 3), np.uint8)
    with av.open(str(tmp_path / "v.mkv"), "w") as file:
        stream = file.add_stream("ffv1", rate=10)
        (stream.width, stream.height), stream.pix_fmt = size, pixels
        for picture in noise:
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixels)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    assert_bits(tmp_path / "v.mkv", 60, (56, 48))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotated_pictures_are_what_pillow_makes_of_rgb_to_the_last_bit(tmp_path, rotation):
    path = draw(tmp_path / "v.mp4", 0.5, encoding=Encoding(rotation=rotation))
    assert_bits(path, 48, (48, 40))


def assert_bits(path: Path, resize: int, crop: tuple[int, int]) -> None:
    """The frames, of 24 bits a pixel, turned by numpy: the centre of them, resized by Pillow."""
    images = first_frames(path, 100, resize, crop).images
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    assert len(frames) == len(images)
    for frame, image in zip(frames, images, strict=True):
        rgb = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)
        picture = Image.fromarray(np.ascontiguousarray(rgb))
        scale = resize / min(picture.size)
        width, height = (max(resize, round(scale * side)) for side in picture.size)
        across, down = picture.width / width, picture.height / height
        left, top = (width - crop[1]) // 2, (height - crop[0]) // 2
        box = (left * across, top * down, (left + crop[1]) * across, (top + crop[0]) * down)
        small = picture.resize((crop[1], crop[0]), Image.Resampling.BILINEAR, box)
        assert np.array_equal(image, np.asarray(small))


# Rotation.


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_rotated_video_is_seen_upright(tmp_path, rotation):
    upright = draw(tmp_path / "upright.mp4")
    path = draw(tmp_path / "v.mp4", encoding=Encoding(rotation=rotation))
    seen = probe(path)
    assert (seen.width, seen.height, seen.rotation) == (*SIZE, rotation)
    ours = first_frames(path, 12, 64, (64, 64)).images
    for image, picture in zip(ours, stored(upright), strict=True):
        assert difference(image, picture.crop((16, 0, 80, 64))) < 6
    for frame, picture in zip(shown_frames(path), stored(upright), strict=True):
        assert frame.size == (64, 96)
        assert difference(frame.image(64, 96), picture) < 6


# Pillow's transpositions go counterclockwise, the probe's degrees clockwise.
REAL_ROTATIONS = {
    "decord_video_0.mov": (0, None),
    "decord_video_90.mov": (90, Image.Transpose.ROTATE_270),
    "decord_video_180.mov": (180, Image.Transpose.ROTATE_180),
    "decord_video_270.mov": (270, Image.Transpose.ROTATE_90),
    "nasa_13013_rotated.mp4": (270, Image.Transpose.ROTATE_90),
}


@pytest.mark.parametrize(("name", "rotation"), REAL_ROTATIONS.items())
def test_a_real_rotated_video_is_seen_upright(name, rotation):
    path = real(name)
    degrees, turn = rotation
    seen = probe(path)
    for frame, picture in zip(shown_frames(path), stored(path), strict=True):
        upright = picture if turn is None else picture.transpose(turn)
        assert (seen.width, seen.height, seen.rotation) == (*upright.size, degrees)
        assert frame.size == upright.size[::-1]
        assert difference(frame.image(*frame.size), upright) < 2


@pytest.mark.parametrize(
    ("degrees", "nearest"), [(10, 0), (44, 0), (46, 90), (80, 90), (-100, 270)]
)
def test_a_video_that_is_tilted_is_turned_to_the_nearest_side(tmp_path, degrees, nearest):
    path = draw(tmp_path / "v.mp4")
    angle = math.radians(degrees)
    turn = (math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle))
    a, b, c, d = (round(65536 * each) for each in turn)
    data = bytearray(path.read_bytes())
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    seen = probe(path)
    shape = SIZE[::-1] if nearest % 180 == 0 else SIZE
    assert (seen.rotation, (seen.height, seen.width)) == (nearest, shape)
    frame = next(shown_frames(path))
    assert frame.size == shape
    assert frame.image(*shape).shape == (*shape, 3)


# The probe.


@pytest.mark.parametrize(("encoder", "codec"), [("libsvtav1", "av1"), ("libvpx-vp9", "vp9")])
def test_the_probe_names_the_codec_and_not_its_decoder(tmp_path, encoder, codec):
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream(encoder, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        picture = np.zeros((64, 64, 3), np.uint8)
        file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode(None))
    assert probe(path).codec == codec


def test_the_probe_says_what_the_file_holds(tmp_path):
    path = draw(tmp_path / "v.webm", fps=25, encoding=Encoding("libvpx-vp9"))
    expected = Probe(
        width=96,
        height=64,
        fps=25.0,
        codec="vp9",
        pixel_format="yuv420p",
        rotation=0,
        container="matroska,webm",
        video_streams=1,
        audio_streams=0,
    )
    assert probe(path) == first_frames(path, 1, 64, CROP).probe == expected


def test_a_real_video_with_two_streams_is_read_from_the_best_one():
    seen = probe(real("nasa_13013.mp4"))
    assert (seen.video_streams, seen.audio_streams) == (2, 2)
    assert (seen.width, seen.height, seen.fps) == (480, 270, 29.97)


def pixels(path: Path, pixel_format: str, size=SIZE, disposition=None, sound: bool = False) -> Path:
    """A video of one frame and another one, in odd formats."""
    with av.open(str(path), "w") as file:
        codec = "libx264" if disposition is None else "mjpeg"
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        if disposition is not None:
            stream.disposition = disposition
        if sound:
            tone = file.add_stream("aac", rate=16_000, layout="mono")
        for _ in range(1 if disposition else 2):
            red = np.full((size[1], size[0], 3), (200, 30, 30), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(red, format="rgb24")))
        file.mux(stream.encode(None))
        if sound:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate = 16_000
            file.mux(tone.encode(silence))
            file.mux(tone.encode(None))
    return path


@pytest.mark.parametrize(
    ("pixel_format", "size"),
    [("yuv420p10le", SIZE), ("yuv444p", (97, 65)), ("yuv422p", (96, 65))],
)
def test_deep_and_odd_pictures_are_seen_as_8_bit_rgb(tmp_path, pixel_format, size):
    path = pixels(tmp_path / "v.mp4", pixel_format, size)
    seen = probe(path)
    assert (seen.width, seen.height, seen.pixel_format) == (*size, pixel_format)
    images = first_frames(path, 2, 64, CROP).images
    assert images.shape == (2, *CROP, 3)
    assert difference(images[0].mean(axis=(0, 1)), (200, 30, 30)) < 8


@pytest.mark.parametrize(
    ("name", "pixel_format"),
    [
        ("h264_10bits.mp4", "yuv420p10le"),
        ("nasa_13013_hdr.mp4", "yuv420p10le"),
        ("panda70m_vE7ciKU5KM4.4.mp4", "yuv444p"),
    ],
)
def test_real_deep_and_odd_pictures_are_seen(name, pixel_format):
    path = real(name)
    first = first_frames(path, 3, 64, CROP)
    assert first.probe.pixel_format == pixel_format
    for image, picture in zip(first.images, stored(path), strict=False):
        assert difference(image, as_pillow_would(picture, 64, CROP)) < 2


# What is no video.


def test_sound_without_a_picture_is_no_video(tmp_path):
    write_sound(tmp_path / "sound.mp4", 1)
    assert reason_of(probe, tmp_path / "sound.mp4") is Reason.NOT_A_VIDEO


def test_real_sound_without_a_picture_is_no_video():
    assert reason_of(probe, real("simpl_animalSounds.ogv")) is Reason.NOT_A_VIDEO


def test_sound_with_a_cover_is_no_video(tmp_path):
    path = pixels(
        tmp_path / "song.mp4", "yuvj420p", disposition=Disposition.attached_pic, sound=True
    )
    with av.open(str(path)) as file:
        assert file.streams.video[0].disposition & Disposition.attached_pic
    for function in (probe, video_length, lambda each: list(shown_frames(each))):
        assert reason_of(function, path) is Reason.NOT_A_VIDEO


@pytest.mark.parametrize("content", ["page", "noise", "nothing", "playlist"])
def test_what_only_has_the_name_of_a_video_is_none(tmp_path, content):
    path = tmp_path / "v.mp4"
    match content:
        case "page":
            write_page(path)
        case "noise":
            write_noise(path)
        case "nothing":
            path.write_bytes(b"")
        case "playlist":
            other = draw(tmp_path / "other.ts")
            path.write_text(f"#EXTM3U\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n")
    for function in (probe, video_length, lambda each: first_frames(each, 3, 64, CROP)):
        assert reason_of(function, path) is Reason.NOT_A_VIDEO
    with path.open("rb") as file:
        assert reason_of(probe, file) is Reason.NOT_A_VIDEO


@pytest.mark.parametrize("function", [probe, video_length])
def test_a_file_that_is_not_there_is_no_fault_of_the_video(tmp_path, function):
    with pytest.raises(FileNotFoundError):
        function(tmp_path / "missing.mp4")


def test_a_truncated_video_gives_the_frames_before_the_cut_and_then_an_error(tmp_path):
    path = draw(tmp_path / "v.mp4", 8)
    whole = first_frames(path, 30, 64, CROP).images
    truncate(path, 40)
    assert np.array_equal(first_frames(path, 30, 64, CROP).images, whole)
    assert reason_of(first_frames, path, 100, 64, CROP) is Reason.UNDECODABLE
    assert reason_of(times, path) is Reason.UNDECODABLE


def test_ffmpeg_says_nothing_of_a_damaged_video(tmp_path, capfd):
    path = draw(tmp_path / "v.mp4", 8)
    content = bytearray(path.read_bytes())
    content[1000:-1000:50] = bytes(len(content[1000:-1000:50]))
    path.write_bytes(content)
    with suppress(VideoError):
        first_frames(path, 100, 64, CROP)
    assert capfd.readouterr() == ("", "")
    # Such a file is one that FFmpeg has something to say of.
    av.logging.restore_default_callback()
    try:
        with suppress(VideoError):
            first_frames(path, 100, 64, CROP)
    finally:
        av.logging.set_level(None)
    assert capfd.readouterr().err != ""


def test_a_truncated_video_is_as_long_as_what_is_there(tmp_path):
    path = draw(tmp_path / "v.mp4", 8)
    truncate(path, 40)
    assert video_length(path) == 41 / Fraction(25, 2)


@given(cut=st.integers(0, 6000), noise=st.binary(max_size=40), at=st.integers(0, 6000))
def test_no_damage_brings_more_than_a_video_error(tmp_path_factory, cut, noise, at):
    content = _content(tmp_path_factory)
    damaged = bytearray(content[: max(0, len(content) - cut)])
    damaged[at : at + len(noise)] = noise
    file = io.BytesIO(damaged)
    for function in (probe, video_length, lambda each: first_frames(each, 100, 64, CROP)):
        file.seek(0)
        with suppress(VideoError):
            function(file)


_contents: dict[str, bytes] = {}


def _content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if "v" not in _contents:
        _contents["v"] = draw(tmp_path_factory.mktemp("damage") / "v.mp4", 2).read_bytes()
    return _contents["v"]


# Sources and threads.


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".webm"])
@pytest.mark.parametrize("index_first", [True, False])
def test_an_open_file_is_read_like_a_path(tmp_path, suffix, index_first):
    codec = "libvpx" if suffix == ".webm" else "libx264"
    path = draw(tmp_path / f"v{suffix}", encoding=Encoding(codec, index_first=index_first))
    for opened in (io.BytesIO(path.read_bytes()), path.open("rb")):
        with opened as file:
            assert probe(file) == probe(path)
            file.seek(0)
            assert video_length(file) == video_length(path)
            file.seek(0)
            ours, theirs = (first_frames(each, 9, 64, CROP) for each in (file, path))
            assert np.array_equal(ours.images, theirs.images)
            file.seek(0)
            assert [frame.time for frame in shown_frames(file)] == times(path)


def test_many_threads_at_once_see_the_same(tmp_path):
    encodings = [Encoding(), Encoding("libvpx-vp9"), Encoding(rotation=90)]
    paths = [
        draw(tmp_path / f"v{index}.mp4", 3, encoding=encoding)
        for index, encoding in enumerate(encodings)
    ]
    alone = [first_frames(path, 100, 64, CROP) for path in paths]
    with ThreadPoolExecutor(16) as pool:
        together = pool.map(lambda path: first_frames(path, 100, 64, CROP), paths * 10)
    for index, first in enumerate(together):
        assert np.array_equal(first.images, alone[index % len(paths)].images)
        assert first.probe == alone[index % len(paths)].probe


# Sizes.


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 600))
def test_a_resize_makes_the_short_side_as_long_as_asked_and_keeps_the_aspect(height, width, short):
    new_height, new_width = scaled(height, width, short)
    assert min(new_height, new_width) == short
    exact = Fraction(short, min(height, width))
    assert abs(new_height - height * exact) <= Fraction(1, 2)
    assert abs(new_width - width * exact) <= Fraction(1, 2)
    assert scaled(width, height, short) == (new_width, new_height)
