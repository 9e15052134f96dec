"""scaling: small pictures have the colours and the detail of large ones."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from PIL import Image

from demo.drawing import Scene
from videonet.video.rescale import small_rgb

# Shares of red and blue in brightness.
MATRICES = {
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.FCC: (0.30, 0.11),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.BT2020: (0.2627, 0.0593),
}
UNSPECIFIED = 2

# What a picture may differ by that was only rounded, and resized in another order.
CLOSE = 47


def scaled(frame: av.VideoFrame, height: int, width: int, turns: int = 0) -> np.ndarray:
    return small_rgb(frame, height, width, turns, VideoReformatter())


def psnr(image: np.ndarray, wanted: np.ndarray) -> float:
    error = np.mean((image.astype(float) - wanted.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def after_jpeg(image: np.ndarray) -> np.ndarray:
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=90, colorspace="RGB")
    return simplejpeg.decode_jpeg(jpeg, colorspace="RGB")


def resized(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """A plane of floats, as Pillow resizes it."""
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), float)


def by_the_rgb_path(frame: av.VideoFrame, height: int, width: int) -> np.ndarray:
    """RGB in full size, as FFmpeg makes it when it is asked for nothing else, then Pillow."""
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def drawn(size: tuple[int, int]) -> np.ndarray:
    even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
    return np.asarray(Scene("balloon", even, 1).frame(1.0))[: size[1], : size[0]]


# Frames of known colours, and what they show, by the textbook.


def coded(rgb: np.ndarray, pixels: str, matrix: int, full: bool) -> av.VideoFrame:
    red, blue = MATRICES.get(matrix, MATRICES[Colorspace.ITU601])
    r, g, b = (rgb[..., channel] / 255 for channel in range(3))
    y = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - y) / 2 / (1 - blue), (r - y) / 2 / (1 - red)
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], pixels)
    bits = frame.format.components[0].bits
    low, high, around, middle = (0, 255, 255, 128) if full else (16, 219, 224, 128)
    scale = 2 ** (bits - 8)
    planes = [low + high * y] + [middle + around * plane for plane in chroma]
    for plane, values in zip(frame.planes, planes, strict=False):
        values = resized(values, plane.height, plane.width)
        kind = np.dtype(np.uint8 if bits == 8 else "<u2")
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
        rows[:, : plane.width] = np.clip(np.round(values * scale), 0, 2**bits - 1)
    frame.colorspace = matrix
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    return frame


def shown(frame: av.VideoFrame, matrix: int, full: bool) -> np.ndarray:
    """Float RGB [H, W, 3] in the frame's own size, colour interpolated between its samples."""
    red, blue = MATRICES.get(matrix, MATRICES[Colorspace.ITU601])
    bits = frame.format.components[0].bits
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    values = []
    for plane in frame.planes[:3]:
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
        values.append(resized(rows[:, : plane.width], frame.height, frame.width) / 2 ** (bits - 8))
    low, high, around = (0, 255, 255) if full else (16, 219, 224)
    y, cb, cr = (values[0] - low) / high, (values[1] - 128) / around, (values[2] - 128) / around
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], axis=-1) * 255, 0, 255)


def wanted(frame: av.VideoFrame, matrix: int, full: bool, height: int, width: int) -> np.ndarray:
    picture = shown(frame, matrix, full)
    return np.stack([resized(picture[..., k], height, width) for k in range(3)], axis=-1)


OTHER_FRAMES = [
    ("yuv420p", (360, 640)),
    ("yuv420p", (641, 359)),
    ("yuv422p", (640, 360)),
    ("yuv444p", (320, 480)),
    ("yuv444p12le", (640, 361)),
    ("yuv420p10le", (640, 360)),
]
KINDS = [
    *(("yuv420p", (640, 360), m, full) for m in (UNSPECIFIED, *MATRICES) for full in (False, True)),
    *((*other, Colorspace.ITU709, full) for other in OTHER_FRAMES for full in (False, True)),
    *((*other, UNSPECIFIED, False) for other in OTHER_FRAMES),
]


@pytest.mark.parametrize(("pixels", "size", "matrix", "full"), KINDS)
def test_colours_are_those_of_the_matrix_and_range(pixels, size, matrix, full):
    frame = coded(drawn(size), pixels, matrix, full)
    width, height = size[0] * 2 // 5, size[1] * 2 // 5
    expected = wanted(frame, matrix, full, height, width)
    image = scaled(frame, height, width)
    assert psnr(image, expected) > CLOSE
    former = by_the_rgb_path(frame, height, width)
    assert psnr(after_jpeg(image), expected) > psnr(after_jpeg(former), expected) - 1


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "yuv444p", "yuv422p10le"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_grey_stays_grey(pixels, matrix, full):
    for level in (0, 77, 128, 255):
        grey = np.full((90, 160, 3), level, np.uint8)
        image = scaled(coded(grey, pixels, matrix, full), 40, 70).astype(int)
        assert np.abs(image - level).max() <= 1


def test_the_pixel_format_of_full_range_is_enough():
    rgb = drawn((320, 180))
    said = coded(rgb, "yuv420p", Colorspace.ITU601, full=True)
    meant = coded(rgb, "yuvj420p", Colorspace.ITU601, full=True)
    meant.color_range = ColorRange.UNSPECIFIED
    assert np.array_equal(scaled(said, 90, 160), scaled(meant, 90, 160))


def test_what_is_transparent_is_shown():
    rgb = drawn((320, 180))
    opaque = coded(rgb, "yuv420p", Colorspace.ITU709, full=False)
    see_through = coded(rgb, "yuva420p", Colorspace.ITU709, full=False)
    see_through.planes[3].update(bytes(see_through.planes[3].buffer_size))
    assert np.array_equal(scaled(opaque, 90, 160), scaled(see_through, 90, 160))


# Other pixels than those of most videos.


@pytest.mark.parametrize(
    "pixels",
    [
        *("rgb24", "bgr0", "bgra", "gbrp", "gbrp10le", "rgb48le", "gray", "gray10le", "ya8"),
        *("pal8", "rgb8", "rgb565le", "rgb555le", "monow", "nv12", "p010le", "yuyv422"),
    ],
)
@pytest.mark.parametrize("size", [(480, 270), (271, 480)])
def test_any_pixels_look_as_they_do_in_full_size(pixels, size):
    rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn(size)), format="rgb24")
    if pixels == "pal8":
        quantized = rgb.to_image().quantize(64)
        colours = np.array(quantized.getpalette("RGBA"), np.uint8).reshape(-1, 4)
        palette = np.zeros((256, 4), np.uint8)
        palette[: len(colours)] = colours[:, [3, 0, 1, 2]]
        frame = av.VideoFrame.from_ndarray((np.asarray(quantized), palette), format="pal8")
    else:
        frame = rgb.reformat(format=pixels)
    large = frame.to_ndarray(format="rgb24", interpolation="ACCURATE_RND")
    height, width = size[1] // 2, size[0] // 2
    expected = Image.fromarray(large).resize((width, height), Image.Resampling.BILINEAR)
    least = 40 if pixels in ("nv12", "p010le", "yuyv422") else CLOSE
    assert psnr(scaled(frame, height, width), np.asarray(expected)) > least


# Scaling.


@pytest.mark.parametrize("by", [2, 3, 5, 8])
def test_a_picture_that_shrinks_shows_the_mean_of_its_pixels(by):
    stripes = np.zeros((240, 480, 3), np.uint8)
    stripes[:, ::2] = 255
    frame = coded(stripes, "yuv444p", Colorspace.ITU709, full=False)
    image = scaled(frame, 240 // by, 480 // by)[2:-2, 2:-2].astype(int)
    assert np.abs(image.mean() - 127.5) < 2
    expected = wanted(frame, Colorspace.ITU709, False, 240 // by, 480 // by)[2:-2, 2:-2]
    assert np.abs(image - expected).max() < 4


@pytest.mark.parametrize("size", [(64, 48), (50, 90), (33, 33)])
def test_a_picture_that_grows_is_interpolated(size):
    frame = coded(drawn(size), "yuv444p", Colorspace.ITU601, full=False)
    width, height = size[0] * 5, size[1] * 5
    expected = wanted(frame, Colorspace.ITU601, False, height, width)
    assert psnr(scaled(frame, height, width), expected) > CLOSE


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("pixels", ["yuv420p", "rgb24"])
def test_a_picture_is_turned(turns, pixels):
    rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn((321, 181))), format="rgb24")
    frame = rgb.reformat(format=pixels)
    upright = scaled(frame, 91, 160)
    height, width = (160, 91) if turns % 2 else (91, 160)
    turned = scaled(frame, height, width, turns)
    assert turned.shape == (height, width, 3)
    assert np.array_equal(turned, np.rot90(upright, turns))


def test_frames_of_any_size_and_kind_may_follow_each_other():
    reformatter = VideoReformatter()
    rgb = drawn((320, 180))
    for pixels, size in (("yuv420p", (320, 180)), ("yuv444p", (200, 180)), ("yuv420p", (90, 64))):
        frame = coded(rgb[: size[1], : size[0]], pixels, Colorspace.ITU709, full=False)
        image = small_rgb(frame, 64, 80, 0, reformatter)
        assert np.array_equal(image, scaled(frame, 64, 80))


def test_both_fields_of_an_interlaced_frame_are_seen_as_one_picture(tmp_path):
    frame = interlaced(tmp_path / "v.mp4")
    assert frame.interlaced_frame
    expected = by_the_rgb_path(frame, 90, 160)
    assert psnr(scaled(frame, 90, 160), expected) > 40


def interlaced(path: Path) -> av.VideoFrame:
    """A frame whose odd rows show a bar that has moved since the even ones."""
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[0::2, 100:140] = picture[1::2, 130:170] = 255
    flags = 1 << 29 | 1 << 18  # interlaced motion estimation and transform
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(25), options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.flags |= flags
        for _ in range(4):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))
    with av.open(str(path)) as file:
        return next(file.decode(video=0))
