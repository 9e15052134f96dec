"""Pages, playlists and manifests are read as far as the limits allow, and no further."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from tests.fetch.endless_server import (
    HTML,
    MASTER,
    MEDIA,
    Answer,
    brotlied,
    endless_server,
    filled,
    gzipped,
)
from tests.fetch.fetching import fetch
from tests.fetch.visiting import candidate, quick_web
from tests.patience import PATIENCE
from tests.stored import file_of
from videonet.fetch.acquire import worth_fetching
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.limits import FetchLimits
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason
from videonet.storage.store import Store

# Megabytes that an address may cost: the page itself, once packed and as text of up to four bytes
# a character, and what is made of it.
MOST = 300

HLS = "application/vnd.apple.mpegurl"
XML = b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">'
FILLING = b"<p>Hello</p> "

TEXTS = {
    "html": ("text/html", HTML, FILLING),
    "m3u8": (HLS, MASTER, b"#EXT-X-SOMETHING:NAME=value\n"),
    "xml": ("text/xml", XML, b"<a/>"),
    "mpd": ("application/dash+xml", XML, b"<a/>"),
}
PACKED = {
    "gzip": gzipped(HTML, FILLING),
    "x-gzip": gzipped(HTML, FILLING),
    "deflate": gzipped(HTML, FILLING, 15),
    "gzip, gzip": gzip.compress(gzipped(HTML, FILLING)),
    "br": brotlied(HTML, FILLING),
}


def answer(path: str) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
    match path.strip("/").split("/"):
        case ["endless", name]:
            kind, beginning, filling = TEXTS[name.partition(".")[0]]
            return 200, [("Content-Type", kind)], filled(beginning, filling)
        case ["packed", name]:
            encoding = list(PACKED)[int(name)]
            headers = [("Content-Type", "text/html"), ("Content-Encoding", encoding)]
            return 200, headers, iter([PACKED[encoding]])
        case ["error", status]:
            return int(status), [("Content-Type", "text/html")], filled(HTML, FILLING)
        case ["away", status]:
            headers = [("Location", "/gone"), ("Content-Type", "text/html")]
            return int(status), headers, filled(HTML, FILLING)
        case ["round", number]:
            # As many bytes of headers as Python's client takes.
            long = [(f"X-{each}", "x" * 60_000) for each in range(90)]
            return 302, [("Location", f"/round/{int(number) + 1}"), *long], iter([])
        case ["media.m3u8"]:
            return 200, [("Content-Type", HLS)], iter([MASTER.replace(b"v.m3u8", b"/endless/m3u8")])
        case ["keyed.m3u8"]:
            key = b'#EXT-X-KEY:METHOD=AES-128,URI="/endless/html"\n'
            return 200, [("Content-Type", HLS)], iter([MEDIA, key, b"#EXTINF:1,\n/gone.ts\n"])
        case _:
            return 404, [], iter([b"gone"])


TOO_LARGE = [
    *(f"/endless/{name}" for name in TEXTS),
    "/endless/m3u8.m3u8",
    *(f"/packed/{number}" for number in range(len(PACKED))),
    "/media.m3u8",
    "/round/0",
]
OTHERS = {
    "/error/404": Reason.UNAVAILABLE,
    "/error/500": Reason.SERVER_ERROR,
    "/away/302": Reason.UNAVAILABLE,
    "/away/307": Reason.UNAVAILABLE,
}


def transport_stream(path: Path) -> bytes:
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        generator = np.random.default_rng(0)
        for _ in range(10):
            noise = generator.integers(0, 255, (120, 160, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, "rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, float]]:
    store: Path = tmp_path_factory.mktemp("store")
    paths = [*TOO_LARGE, *OTHERS]
    with endless_server(answer) as address:
        command = [sys.executable, "-m", "tests.fetch.memory_of_fetching", str(store)]
        urls = [address + path for path in paths]
        done = subprocess.run([*command, *urls], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(paths, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("path", TOO_LARGE)
def test_a_page_without_an_end_is_too_large(ended, path):
    reason, error, _ = ended[path]
    assert reason == Reason.PAGE_TOO_LARGE, error
    assert "the limit is" in error


@pytest.mark.parametrize(("path", "reason"), OTHERS.items())
def test_what_comes_with_an_error_or_a_redirection_is_not_read(ended, path, reason):
    assert ended[path][0] == reason, ended[path]


LIMITED = FetchLimits(
    deadline=PATIENCE, attempts=3, wait=0.01, max_page_bytes=100_000, max_pages_bytes=300_000
)


WIDE = replace(LIMITED, max_page_bytes=16_000_000, max_pages_bytes=64_000_000)


def fetched(store: Store, limits: FetchLimits, answer: Answer, path: str = "/page") -> Fetch:
    with endless_server(answer) as address:
        one = candidate(address + path)
        return fetch(one, store, DiskBudget(None), limits, quick_web(), "run", 3)


def html(size: int, *headers: tuple[str, str]) -> Answer:
    return lambda _: (200, [("Content-Type", "text/html"), *headers], iter([HTML.ljust(size)]))


def test_a_page_that_keeps_to_the_limit_is_read(store):
    # The second answer to the same question is the one that is read.
    assert fetched(store, LIMITED, html(99_000)).reason is Reason.UNSUPPORTED


def test_a_page_is_judged_anew_under_a_limit_that_it_may_keep_to(store):
    record = fetched(store, LIMITED, html(120_000, ("Content-Length", "120000")))
    assert (record.reason, record.page_bytes) == (Reason.PAGE_TOO_LARGE, 120_000)
    assert "120000" in record.error
    assert "100000" in record.error
    assert not worth_fetching(record, "another", LIMITED)
    assert not worth_fetching(record, "another", replace(LIMITED, max_page_bytes=119_999))
    assert not worth_fetching(record, "another", replace(LIMITED, max_pages_bytes=10**9))
    wide = replace(LIMITED, max_page_bytes=120_000)
    assert worth_fetching(record, "another", wide)
    again = fetched(store, wide, html(120_000))
    assert (again.reason, again.page_bytes) == (Reason.UNSUPPORTED, None)


def test_a_page_without_a_known_size_is_judged_anew_under_any_higher_limit(store):
    record = fetched(store, LIMITED, html(10_000_000))
    assert record.reason is Reason.PAGE_TOO_LARGE
    assert record.page_bytes < 100_000 + 2**16
    assert not worth_fetching(record, "another", LIMITED)
    assert worth_fetching(record, "another", replace(LIMITED, max_page_bytes=200_000))


def test_pages_that_lead_one_to_the_next_are_counted_together(store):
    def chain(path: str) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
        onward = b'<meta http-equiv="refresh" content="0; url=/%d">' % (int(path[1:] or 0) + 1)
        return 200, [("Content-Type", "text/html")], iter([(HTML + onward).ljust(90_000)])

    record = fetched(store, LIMITED, chain, "/1")
    assert record.reason is Reason.PAGE_TOO_LARGE, record.error
    assert record.page_bytes is None
    assert 300_000 < record.pages_bytes < 400_000
    assert not worth_fetching(record, "another", replace(LIMITED, max_page_bytes=10**9))
    assert worth_fetching(record, "another", replace(LIMITED, max_pages_bytes=500_000))


def test_the_video_itself_is_no_page(store, video):
    tight = replace(LIMITED, max_page_bytes=1000, max_pages_bytes=1000)

    def serve(_: str) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
        return 200, [("Content-Type", "video/mp4")], iter([video])

    assert fetched(store, tight, serve, "/v.mp4").reason is None


def test_a_stream_whose_fragments_are_larger_than_a_page_is_fetched(store, tmp_path):
    content = transport_stream(tmp_path / "v.ts")
    assert len(content) > 20_000

    def serve(path: str) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
        if path == "/v.ts":
            return 200, [("Content-Type", "video/mp2t")], iter([content])
        lines = MEDIA + b"#EXTINF:2,\n/v.ts\n#EXT-X-ENDLIST\n"
        return 200, [("Content-Type", HLS)], iter([lines])

    small = replace(LIMITED, max_page_bytes=2000, max_pages_bytes=4000)
    record = fetched(store, small, serve, "/v.m3u8")
    assert record.reason is None, record.error
    assert file_of(store, record).read_bytes() == content


def test_millions_of_short_lines_count_as_a_larger_page(store):
    def serve(_: str) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
        return 200, [("Content-Type", HLS)], iter([MEDIA, b"a\n" * 20_000, b"#EXT-X-ENDLIST\n"])

    record = fetched(store, LIMITED, serve, "/v.m3u8")
    assert record.reason is Reason.PAGE_TOO_LARGE
    assert record.page_bytes > 20_000 * 32


def test_a_list_of_playlists_of_which_one_is_gone_is_no_fault_of_ours(store):
    def serve(path: str) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
        if path == "/gone.m3u8":
            return 404, [], iter([b"gone"])
        return 200, [("Content-Type", HLS)], iter([MASTER.replace(b"v.m3u8", b"/gone.m3u8")])

    assert fetched(store, LIMITED, serve, "/master").reason is Reason.REFUSED


def test_a_run_takes_as_many_cookies_of_a_site_as_a_browser_would(store):
    many = [("Set-Cookie", f"n{each}=v") for each in range(60)]
    large = [("Set-Cookie", "large=" + "x" * 5000), ("Set-Cookie", f"p=v; Path=/{'x' * 5000}")]
    web = quick_web()
    with endless_server(
        lambda path: (
            200,
            [("Set-Cookie", f"of{path[1:]}=v; Path={path}"), *large]
            + [(name, value.replace("=", f"{path[1:]}=", 1)) for name, value in many],
            iter([HTML]),
        )
    ) as address:
        for each in range(6):
            one = candidate(f"{address}/{each}")
            fetch(one, store, DiskBudget(None), LIMITED, web, "run", 3)
    names = {each.name for each in web.cookies}
    assert len(web.cookies) == 180
    assert "large" not in names
    assert "p" not in names
    assert {"n05", "of5"} <= names
    assert "n00" not in names


def dash(template: bytes) -> bytes:
    """A manifest of one representation that lasts for eleven years."""
    return (
        b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
        b'mediaPresentationDuration="PT100000H"><Period><AdaptationSet mimeType="video/mp4">'
        + template
        + b'<Representation id="1" bandwidth="1000" width="10" height="10"/>'
        + b"</AdaptationSet></Period></MPD>"
    )


# Small pages of which reading would take hours, or gigabytes, and hold up the whole process.
TAKING_LONG = {
    "an endless search": ("text/html", HTML + b"videojs(" * 30_000),
    "another": ("text/html", HTML + b"<meta " * 150_000),
    "many repetitions": (
        "application/dash+xml",
        dash(
            b'<SegmentTemplate media="$Time$.m4s" timescale="1"><SegmentTimeline>'
            b'<S t="0" d="1" r="30000000"/></SegmentTimeline></SegmentTemplate>'
        ),
    ),
    "short segments": (
        "application/dash+xml",
        dash(b'<SegmentTemplate media="$Number$.m4s" timescale="1000" duration="1"/>'),
    ),
    "smooth streaming": (
        "text/xml",
        b'<?xml version="1.0"?><SmoothStreamingMedia Duration="100000000000">'
        b'<StreamIndex Type="video" Url="{bitrate}/{start time}"><QualityLevel Bitrate="1" '
        b'FourCC="H264" MaxWidth="1" MaxHeight="1" CodecPrivateData=""/>'
        b'<c t="0" d="1" r="30000000"/></StreamIndex></SmoothStreamingMedia>',
    ),
    "an endless attribute": (
        HLS,
        b"#EXTM3U\n#EXT-X-STREAM-INF:" + b"A" * 2_000_000 + b"\nv.m3u8\n",
    ),
}


# These take ten seconds of a processor.
SLOW = ("another", "an endless attribute")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.thorough) if name in SLOW else name
        for name in TAKING_LONG
    ],
)
def test_a_page_that_cannot_be_read_within_bounds_costs_one_verdict(store, name):
    kind, content = TAKING_LONG[name]

    def serve(_: str) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
        return 200, [("Content-Type", kind)], iter([content])

    record = fetched(store, WIDE, serve, "/page")
    assert record.reason is Reason.EXTRACTION, record.error
    assert record.error.startswith("whoever read its page needed more than")


@pytest.mark.slow
def test_a_playlist_of_segments_that_cannot_be_read_costs_one_verdict(store):
    def serve(path: str) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
        if path == "/page":
            return 200, [("Content-Type", HLS)], iter([MASTER.replace(b"v.m3u8", b"/media")])
        lines = [MEDIA, b"#EXT-X-KEY:" + b"A" * 2_000_000 + b"\n", b"#EXTINF:1,\nv.ts\n"]
        return 200, [("Content-Type", HLS)], iter([*lines, b"#EXT-X-ENDLIST\n"])

    record = fetched(store, WIDE, serve, "/page")
    assert record.reason in (Reason.EXTRACTION, Reason.PAGE_TOO_LARGE), record.error


@pytest.mark.parametrize("path", [*TOO_LARGE, *OTHERS])
def test_memory_stays_bounded_whatever_a_server_sends(ended, path):
    assert ended[path][2] < MOST
