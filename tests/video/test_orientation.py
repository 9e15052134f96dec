"""videonet.video.orientation: mirrored and turned pictures, and pixels that are not square."""

import itertools
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.video.files import CROP, SIZE, difference, draw
from videonet.video.decode import first_frames, probe, shown_frames
from videonet.video.decoder import iter_clips
from videonet.video.orientation import AS_STORED, Orientation, orientation_from

ODD = Path(__file__).parents[1] / "fixtures" / "odd_videos"

# What two ways to RGB may differ by: FFmpeg's filters place colours otherwise. Of 255.
CLOSE = 6

# The 2 x 2 part of a display matrix, and the filters that FFmpeg's command line puts in for it.
FILTERS: dict[tuple[int, int, int, int], tuple[tuple[str, str], ...]] = {
    (1, 0, 0, 1): (),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""),),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", "")),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}


def with_matrix(path: Path, matrix: tuple[int, int, int, int], scale: int = 1 << 16) -> Path:
    """The mp4 with this display matrix, whose elements are multiplied by `scale`."""
    a, b, c, d = (scale * each for each in matrix)
    data = bytearray(path.read_bytes())
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def filtered(path: Path, filters: tuple[tuple[str, str], ...]) -> Iterator[Image.Image]:
    """Every frame after these filters of FFmpeg's, by way of none of our code."""
    with av.open(str(path)) as file:
        graph = av.filter.Graph()
        first = graph.add_buffer(template=file.streams.video[0])
        rest = [graph.add(*each) for each in (*filters, ("format", "rgb24"), ("buffersink", ""))]
        for one, other in itertools.pairwise([first, *rest]):
            one.link_to(other)
        graph.configure()
        for frame in file.decode(video=0):
            graph.push(frame)
            yield Image.fromarray(graph.pull().to_ndarray())


@pytest.mark.parametrize("matrix", FILTERS)
def test_each_orientation_is_that_of_ffmpegs_command_line(tmp_path, matrix):
    path = with_matrix(draw(tmp_path / "v.mp4", 0.5), matrix)
    wanted = list(filtered(path, FILTERS[matrix]))
    assert len({difference(picture, wanted[0]) for picture in wanted}) > 1
    seen = probe(path)
    assert (seen.width, seen.height) == wanted[0].size
    for frame, picture in zip(shown_frames(path), wanted, strict=True):
        assert frame.size == picture.size[::-1]
        image = frame.image(*frame.size)
        assert difference(image, picture) < CLOSE
        for axes in (0, 1, (0, 1)):
            assert difference(np.flip(image, axes), picture) > 1.5 * CLOSE
    side = min(SIZE)
    left, top = ((each - side) // 2 for each in wanted[0].size)
    images = first_frames(path, 100, side, (side, side)).images
    for image, picture in zip(images, wanted, strict=True):
        assert difference(image, picture.crop((left, top, left + side, top + side))) < CLOSE


@pytest.mark.parametrize("matrix", FILTERS)
@given(scales=st.tuples(st.integers(1, 1 << 18), st.integers(1, 1 << 18)))
def test_a_matrix_that_also_stretches_orients_like_one_that_does_not(matrix, scales):
    a, b, c, d = matrix
    across, down = scales
    stretched = (a * across, b * across, 0, c * down, d * down, 0, 0, 0, 1 << 30)
    plain = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    assert orientation_from(stretched) == orientation_from(plain)


def test_the_eight_matrices_are_eight_orientations():
    found = {orientation_from((a, b, 0, c, d, 0, 0, 0, 1)) for a, b, c, d in FILTERS}
    assert found == {Orientation(m, turns) for m in (False, True) for turns in range(4)}


@given(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=9, max_size=9))
def test_every_matrix_has_an_orientation(numbers):
    mirrored, turns = orientation_from(tuple(numbers))
    assert turns in range(4)
    a, b, _, c, d = numbers[:5]
    assert mirrored == (a * d - b * c < 0)


def test_a_matrix_that_shows_a_line_is_ignored(tmp_path):
    for matrix in ((0, 0, 0, 0), (1, 1, 1, 1), (1, 0, 0, 0)):
        assert orientation_from((*matrix[:2], 0, *matrix[2:], 0, 0, 0, 1)) == AS_STORED
    path = with_matrix(draw(tmp_path / "v.mp4", 0.5), (0, 0, 0, 0))
    assert probe(path).rotation == 0


def test_the_record_says_that_a_video_was_mirrored(tmp_path):
    path = draw(tmp_path / "v.mp4", 0.5)
    assert not probe(path).mirrored
    mirrored = probe(with_matrix(path, (-1, 0, 0, 1)))
    assert (mirrored.mirrored, mirrored.rotation) == (True, 0)


def test_a_video_of_a_front_camera_is_upright_and_mirrored():
    for frame, plain in zip(
        shown_frames(ODD / "hflip_matrix.mp4"), shown_frames(ODD / "base_small.mp4"), strict=True
    ):
        assert np.array_equal(frame.image(90, 160), plain.image(90, 160)[:, ::-1])


# Pixels that are not square.


def squeezed(path: Path, aspect: Fraction, matrix=None) -> Path:
    """A video whose pixels are so wide, of their height."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        plain = draw(path.with_name(f"plain{path.suffix}"), 3)
        with av.open(str(plain)) as other:
            for index, frame in enumerate(other.decode(video=0)):
                again = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), "rgb24")
                again.pts, again.time_base = index, Fraction(1, 10)
                file.mux(stream.encode(again))
        file.mux(stream.encode(None))
    return path if matrix is None else with_matrix(path, matrix)


ASPECTS = [Fraction(16, 11), Fraction(12, 11), Fraction(1, 2), Fraction(3), Fraction(1)]


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_pixels_become_square_as_ffmpeg_makes_them(tmp_path, aspect, suffix):
    path = squeezed(tmp_path / f"v{suffix}", aspect)
    wide = round(96 * aspect)
    wanted = list(filtered(path, (("scale", f"{wide}:64:flags=bilinear"), ("setsar", "1"))))
    seen = probe(path)
    assert (seen.width, seen.height) == (wide, 64)
    assert seen.pixel_aspect == pytest.approx(float(aspect))
    for frame, picture in zip(shown_frames(path), wanted, strict=True):
        assert frame.size == (64, 96 * aspect)
        assert difference(frame.image(64, wide), picture) < CLOSE
    side = min(64, wide)
    left, top = (wide - side) // 2, (64 - side) // 2
    images = first_frames(path, 100, side, (side, side)).images
    for image, picture in zip(images, wanted, strict=True):
        assert difference(image, picture.crop((left, top, left + side, top + side))) < CLOSE


@pytest.mark.parametrize("matrix", FILTERS)
def test_pixels_that_are_not_square_are_turned_with_their_picture(tmp_path, matrix):
    aspect = Fraction(16, 9)
    path = squeezed(tmp_path / "v.mp4", aspect, matrix)
    scale = (("scale", "171:64"), ("setsar", "1"))
    wanted = next(filtered(path, (*scale, *FILTERS[matrix])))
    seen = probe(path)
    assert (seen.width, seen.height) == wanted.size
    image = next(shown_frames(path)).image(wanted.height, wanted.width)
    assert difference(image, wanted) < CLOSE
    (clip,) = iter_clips(path)
    long = round(256 * 96 * aspect / 64)
    size = (long, 256) if wanted.width > wanted.height else (256, long)
    assert (clip.image_width, clip.image_height) == size


def test_square_pixels_are_seen_to_the_bit_as_before(tmp_path):
    plain = draw(tmp_path / "plain.mp4", 1)
    frame = next(shown_frames(plain))
    assert frame.size == (64, 96)
    assert all(type(side) is int for side in frame.size)


def test_a_clip_of_wide_pixels_is_as_wide_as_it_is_shown():
    path = ODD / "sar_16_9.mp4"
    seen = probe(path)
    assert (seen.width, seen.height) == (160, 90)
    (clip,) = iter_clips(path)
    assert (clip.image_width, clip.image_height) == (455, 256)
    (plain,) = iter_clips(ODD / "base_small.mp4")
    assert (plain.image_width, plain.image_height) == (455, 256)
    for place in (0, 60, 120):
        one, other = (
            simplejpeg.decode_jpeg(each.image_encoded[place], colorspace="RGB")
            for each in (clip, plain)
        )
        assert difference(one, other) < 12
    ours, theirs = (
        first_frames(each, 10, 64, CROP).images for each in (path, ODD / "base_small.mp4")
    )
    assert difference(ours, theirs) < 12


@pytest.mark.parametrize("aspect", [Fraction(30_000, 1), Fraction(1, 30_000)])
def test_an_absurd_aspect_is_a_failure_of_the_video_and_no_more(tmp_path, aspect):
    path = squeezed(tmp_path / "v.mkv", aspect)
    assert first_frames(path, 3, 64, CROP).images.shape == (3, *CROP, 3)
    assert probe(path).width >= 1
