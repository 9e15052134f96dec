"""videonet.fetch.formats: which of a video's formats is downloaded."""

from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest
import yt_dlp
from hypothesis import given
from hypothesis import strategies as st
from yt_dlp.downloader import get_suitable_downloader
from yt_dlp.downloader.external import ExternalFD
from yt_dlp.downloader.rtmp import RtmpFD
from yt_dlp.utils import DownloadError

from demo.server import VideoServer
from tests.fetch.visiting import NAME
from videonet.fetch.formats import choose, smallest_format

Format = dict[str, Any]


def described(format_id: str, width: int | None, height: int | None, **more: Any) -> Format:
    """A format as extractors describe it: of pictures alone, as a plain file, unless said."""
    usual = {
        "format_id": format_id,
        "url": f"https://example.org/{format_id}",
        "protocol": "https",
        "ext": "mp4",
        "width": width,
        "height": height,
        "vcodec": "avc1.4d401e",
        "acodec": "none",
        "dynamic_range": "SDR",
    }
    return usual | more


def chosen(formats: list[Format]) -> str | None:
    format_ = choose(formats)
    return None if format_ is None else format_["format_id"]


# What YouTube offers: the usual steps of size, a storyboard, and sound apart.

LANDSCAPE = [(256, 144), (426, 240), (640, 360), (854, 480), (1280, 720), (1920, 1080)]
PORTRAIT = [(height, width) for width, height in LANDSCAPE]
WIDE = [(256, 92), (426, 154), (640, 232), (854, 310), (1280, 464), (1920, 696)]

# Megabytes by format, in the order of these sizes; for HLS, kilobits per second.
AVC = {"160": 1.5, "133": 3.0, "134": 5.6, "135": 8.7, "136": 16, "137": 79}
VP9 = {"278": 1.7, "242": 2.9, "243": 4.9, "244": 7.5, "247": 14, "248": 40}
AV1 = {"394": 1.3, "395": 2.1, "396": 4.0, "397": 6.6, "398": 13, "399": 26}
HLS = {"91": 150, "92": 300, "93": 700, "94": 1200, "95": 2300, "96": 4500}


def youtube(sizes: list[tuple[int, int]] = LANDSCAPE, without: frozenset[str] = frozenset()):
    made = []
    for codec, megabytes in (("avc1.4d401e", AVC), ("vp9", VP9), ("av01.0.01M.08", AV1)):
        for (format_id, size), (width, height) in zip(megabytes.items(), sizes, strict=True):
            more = {"vcodec": codec, "filesize": int(size * 1e6), "tbr": size * 38}
            made.append(described(format_id, width, height, **more))
    for (format_id, rate), (width, height) in zip(HLS.items(), sizes, strict=True):
        hls = {"protocol": "m3u8_native", "acodec": "mp4a.40.2", "tbr": rate}
        made.append(described(format_id, width, height, **hls))
    width, height = sizes[2]
    made.append(described("18", width, height, acodec="mp4a.40.2", filesize_approx=11_800_000))
    made += [storyboard(f"sb{index}", 320 >> index, 180 >> index) for index in range(4)]
    made += [sound(each, 1_000_000) for each in ("139", "140", "249", "250", "251")]
    return [each for each in made if each["format_id"] not in without]


def storyboard(format_id: str, width: int, height: int) -> Format:
    still = {"ext": "mhtml", "protocol": "mhtml", "vcodec": "none"}
    return described(format_id, width, height, **still)


def sound(format_id: str, size: int) -> Format:
    more = {"ext": "m4a", "vcodec": "none", "acodec": "mp4a.40.2", "filesize": size}
    return described(format_id, None, None, **more)


def ids(*many: dict[str, float]) -> frozenset[str]:
    return frozenset(format_id for each in many for format_id in each)


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        (ids(), "396"),
        (ids(AV1), "243"),
        (ids(AV1, VP9), "134"),
        (ids(AV1, VP9, AVC), "18"),
        (ids(AV1, VP9, AVC) | {"18"}, "93"),
    ],
)
def test_of_youtubes_formats_the_lightest_with_360_lines_is_taken(without, expected):
    assert chosen(youtube(without=without)) == expected


def test_the_short_side_of_an_upright_video_is_its_width():
    assert chosen(youtube(PORTRAIT)) == "396"


def test_the_short_side_counts_and_not_the_name_of_a_size():
    assert chosen(youtube(WIDE)) == "397"  # 640 x 232 is called 360p


def test_a_short_side_of_exactly_256_pixels_is_large_enough():
    assert chosen([described("255", 340, 255), described("256", 342, 256)]) == "256"
    assert chosen([described("300", 400, 300), described("256", 342, 256)]) == "256"


def test_where_nothing_is_large_enough_the_largest_is_taken():
    small = ids(AVC, AV1, VP9, HLS) - {"160", "133", "278", "242", "91", "92"} | {"18"}
    assert chosen(youtube(without=small)) == "242"


def test_a_height_alone_is_taken_for_the_short_side():
    assert chosen([described("480", None, 480), described("360", None, 360)]) == "360"
    assert chosen([described("480", None, 480), described("360", 0, 360)]) == "360"


# Of one size.

SAME_SIZE = {
    "SDR": ({"dynamic_range": "SDR"}, {"dynamic_range": "HDR10"}),
    "a plain file": ({"protocol": "https"}, {"protocol": "http_dash_segments"}),
    "a plain file without encryption": ({"protocol": "http"}, {"protocol": "m3u8_native"}),
    "the better source": ({"source_preference": -1}, {"source_preference": -5}),
    "any source that is not bad": ({}, {"source_preference": -2}),
}


@pytest.mark.parametrize(("better", "worse"), SAME_SIZE.values(), ids=SAME_SIZE)
def test_of_one_size_some_are_better_even_if_they_are_heavier(better, worse):
    heavy = described("heavy", 640, 360, filesize=9_000_000, **better)
    light = described("light", 640, 360, filesize=1_000_000, **worse)
    assert chosen([light, heavy]) == "heavy"
    assert chosen([light, heavy | {"width": 854, "height": 480}]) == "light"


def test_of_one_size_the_fewest_bytes_are_taken_known_or_estimated():
    known = described("known", 640, 360, filesize=5_000_000, tbr=900)
    estimated = described("estimated", 640, 360, filesize_approx=4_000_000, tbr=1000)
    assert chosen([known, estimated]) == "estimated"
    assert chosen([known, estimated | {"filesize": 6_000_000}]) == "known"


def test_bits_per_second_decide_where_no_bytes_are_known():
    usual = described("usual", 1920, 1080, protocol="m3u8_native", tbr=2300)
    premium = described("more", 1920, 1080, protocol="m3u8_native", tbr=5800, source_preference=99)
    unknown = described("unknown", 1920, 1080, protocol="m3u8_native")
    assert chosen([premium, unknown, usual]) == "usual"


# What is taken only where there is no other.

OUT_OF_REACH = {
    "DRM": {"has_drm": True},
    "DRM, perhaps": {"has_drm": "maybe"},
    "for ffmpeg": {"protocol": "rtmp_ffmpeg"},
    "for rtmpdump": {"protocol": "rtmp"},
    "a live stream": {"protocol": "websocket_frag"},
    "an unknown codec": {"vcodec": "bytevc2"},
    "a codec with colours of its own": {"vcodec": "dvh1.05.06"},
}
DOUBTFUL = {
    "damaged": {"preference": -10, "format_note": "360p, DAMAGED"},
    "hidden": {"preference": -1001},
    "fragments may be missing": {"__needs_testing": True, "protocol": "m3u8_native"},
    "upscaled": {"format_note": "360p, AI-upscaled"},
}


@pytest.mark.parametrize("fault", (OUT_OF_REACH | DOUBTFUL).values(), ids=OUT_OF_REACH | DOUBTFUL)
@pytest.mark.parametrize("size", [(256, 144), (1920, 1080), (None, None)])
def test_any_other_format_is_better_than_one_with_a_fault(fault, size):
    faulty = described("faulty", 640, 360, **fault)
    assert chosen([faulty, described("other", *size)]) == "other"
    assert chosen([faulty]) == "faulty"


@pytest.mark.parametrize("fault", OUT_OF_REACH.values(), ids=OUT_OF_REACH)
def test_a_doubtful_format_is_better_than_one_that_cannot_be_had(fault):
    faulty = described("faulty", 640, 360, **fault)
    assert chosen([faulty, described("damaged", 256, 144, preference=-10)]) == "damaged"


@pytest.mark.parametrize(
    "nothing_said", [{}, {"preference": -1, "has_drm": False, "vcodec": None, "format_note": None}]
)
def test_what_is_not_said_of_a_format_is_no_fault(nothing_said):
    silent = described("silent", 640, 360, **nothing_said)
    assert chosen([silent, described("larger", 854, 480)]) == "silent"


def test_sizes_that_are_known_are_better_than_unknown_ones():
    unknown = described("unknown", None, None)
    assert chosen([unknown, described("known", 256, 144)]) == "known"


def test_of_unknown_sizes_the_one_that_is_called_best_is_taken_and_then_the_heaviest():
    low, high = described("low", None, None), described("high", None, None)
    assert chosen([high | {"quality": 1}, low | {"quality": 0, "filesize": 9}]) == "high"
    assert chosen([high | {"quality": 0}, low]) == "high"
    assert chosen([high | {"filesize": 9}, low | {"filesize": 8}]) == "high"
    assert chosen([high | {"tbr": 900}, low | {"tbr": 800}]) == "high"
    assert chosen([high | {"tbr": 900}, low]) == "high"


def test_a_file_of_which_nothing_is_known_is_taken():
    file = {"url": "https://example.org/a.mp4"}
    assert choose([file]) is file


def test_still_pictures_are_never_taken():
    assert choose([storyboard("sb0", 1280, 720)]) is None
    assert choose([storyboard("sb0", 1280, 720) | {"vcodec": None, "acodec": None}]) is None
    assert choose([]) is None


def test_sound_is_taken_only_where_there_is_nothing_else_at_all():
    assert chosen([sound("loud", 2), sound("soft", 1)]) == "soft"
    assert chosen([sound("soft", 1), described("video", 256, 144)]) == "video"
    # A storyboard shows that there is a video, though it is not given to us.
    assert choose([sound("soft", 1), storyboard("sb0", 320, 180)]) is None


def test_of_formats_with_nothing_between_them_it_is_always_the_same():
    one, two = described("1", 640, 360), described("2", 640, 360)
    assert chosen([one, two]) == chosen([two, one]) == "1"


# Of any list.

side = st.sampled_from([None, 0, 144, 240, 255, 256, 257, 360, 480, 1080])
good = st.builds(
    described,
    st.text("abc", min_size=1, max_size=3),
    side,
    side,
    filesize=st.none() | st.integers(1, 9),
    tbr=st.none() | st.integers(1, 9),
    protocol=st.sampled_from(["https", "http", "m3u8_native", "http_dash_segments"]),
    dynamic_range=st.sampled_from([None, "SDR", "HDR10", "HLG"]),
    vcodec=st.sampled_from([None, "avc1.4d401e", "vp9", "av01.0.01M.08", "hev1.1.6.L93"]),
    acodec=st.sampled_from(["none", "opus", None]),
    source_preference=st.sampled_from([None, -5, -1, 99]),
)
bad = st.builds(
    lambda format_, fault: format_ | fault | {"bad": True},
    good,
    st.sampled_from([*OUT_OF_REACH.values(), *DOUBTFUL.values()]),
)
other = st.sampled_from([storyboard("sb0", 640, 360), sound("140", 1)])
# yt-dlp sees to it that no two formats of a video have one id.
lists = st.lists(good | bad | other, max_size=8, unique_by=lambda each: each["format_id"])


def short_side(format_: Format) -> int:
    return min([each for each in (format_["width"], format_["height"]) if each], default=0)


@given(lists, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order(formats, random):
    shuffled = random.sample(formats, len(formats))
    assert choose(shuffled) == choose(formats)


@given(lists)
def test_no_good_format_fits_better_than_the_one_that_is_taken(formats):
    eligible = [
        each for each in formats if "bad" not in each and each["format_id"] not in {"sb0", "140"}
    ]
    taken = choose(formats)
    if not eligible:
        return
    assert taken in eligible
    sides = [short_side(each) for each in eligible]
    enough = [each for each in sides if each >= 256]
    assert short_side(taken) == (min(enough) if enough else max(sides))


# What this rests on.


@pytest.mark.parametrize(
    "protocol", ["http", "https", "m3u8", "m3u8_native", "http_dash_segments", "ism", "f4m"]
)
def test_yt_dlp_downloads_without_the_help_of_a_program_what_is_not_out_of_reach(protocol):
    easy = described("easy", 640, 360, protocol=protocol)
    assert chosen([easy, described("out of reach", 640, 360, has_drm=True)]) == "easy"
    downloader = get_suitable_downloader(easy, {"hls_prefer_native": True})
    assert not issubclass(downloader, ExternalFD | RtmpFD)


def write(path: Path, encoder: str, **options: str) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(encoder, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for shade in (0, 80, 160):
            frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), shade, np.uint8), "rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


ENCODERS = {
    "avc1.4d401e": ("libx264", "mp4"),
    "hev1.1.6.L93.B0": ("libx265", "mp4"),
    "vp8": ("libvpx", "webm"),
    "vp9": ("libvpx-vp9", "webm"),
    "vp09.00.21.08": ("libvpx-vp9", "mp4"),
    "av01.0.01M.08": ("libsvtav1", "mp4"),
    "mp4v.20.3": ("mpeg4", "mp4"),
    "h263": ("h263", "3gp"),
}


@pytest.mark.parametrize(("codec", "made"), ENCODERS.items())
def test_pyav_decodes_the_codecs_that_are_not_out_of_reach(tmp_path, codec, made):
    encoder, suffix = made
    known = described("known", 854, 480, vcodec=codec)
    assert chosen([known, described("unknown", 640, 360, vcodec="bytevc2")]) == "known"
    path = tmp_path / f"v.{suffix}"
    write(path, encoder)
    with av.open(str(path)) as file:
        shades = [frame.to_ndarray(format="gray")[48, 64] for frame in file.decode(video=0)]
    assert len(shades) == 3
    assert shades == sorted(shades)
    assert shades[2] - shades[0] > 100


def test_pyav_decodes_theora_too():
    known = described("known", 854, 480, vcodec="theora")
    assert chosen([known, described("unknown", 640, 360, vcodec="bytevc2")]) == "known"
    assert av.codec.Codec("theora", "r").is_decoder


# As yt-dlp calls it.


class Quiet:
    def debug(self, message): ...

    info = warning = error = debug


@pytest.fixture
def yt(tmp_path: Path) -> yt_dlp.YoutubeDL:
    options = {
        "format": smallest_format,
        "logger": Quiet(),
        "noprogress": True,
        "cachedir": False,
        "outtmpl": {"default": str(tmp_path / "out" / "video")},
    }
    return yt_dlp.YoutubeDL(options)


def page(formats: list[Format]) -> dict[str, Any]:
    """What an extractor would have found."""
    return {
        "id": "id",
        "title": "A cat",
        "extractor": "page",
        "extractor_key": "Page",
        "webpage_url": "https://example.org/watch",
        "duration": 212,
        "formats": formats,
    }


def test_yt_dlp_takes_the_format_that_is_chosen(yt):
    info = yt.process_ie_result(page(youtube()), download=False)
    assert (info["format_id"], info["width"], info["height"]) == ("396", 640, 360)


def test_yt_dlp_makes_bytes_of_bits_per_second_where_these_are_no_peak(yt):
    low, high = described("low", 640, 360, tbr=300), described("high", 640, 360, tbr=400)
    peak = described("peak", 640, 360, tbr=200, manifest_url="https://example.org/m")
    info = yt.process_ie_result(page([peak, high, low]), download=False)
    assert info["format_id"] == "low"
    assert info["filesize_approx"] == 212 * 300_000 // 8


class PageIE(yt_dlp.extractor.common.InfoExtractor):
    _VALID_URL = r"https://example\.org/watch"
    formats: ClassVar[list[Format]] = [storyboard("sb0", 320, 180)]

    def _real_extract(self, url):
        return page(self.formats) | {"webpage_url": url}


def test_yt_dlp_says_so_where_there_are_only_still_pictures(yt):
    yt.add_info_extractor(PageIE(yt))
    with pytest.raises(DownloadError, match="Requested format is not available"):
        yt.extract_info("https://example.org/watch", ie_key="Page")


def test_only_the_chosen_file_is_asked_for(yt, folder, tmp_path, video):
    with VideoServer(folder) as server:
        (folder / "small.mp4").write_bytes(video)
        formats = [
            described("large", 1920, 1080, url=server.url("large.mp4"), protocol="http"),
            described("small", 640, 360, url=server.url("small.mp4"), protocol="http"),
            described("tiny", 256, 144, url=server.url("tiny.mp4"), protocol="http"),
        ]
        yt.process_ie_result(page(formats), download=True)
        asked = {each.path for each in server.requests()}
    assert asked == {"small.mp4"}
    assert (tmp_path / "out" / "video").read_bytes() == video


def test_a_direct_file_is_downloaded(yt, folder, tmp_path, video):
    with VideoServer(folder) as server:
        yt.extract_info(server.url(NAME), download=True)
    assert (tmp_path / "out" / "video").read_bytes() == video
