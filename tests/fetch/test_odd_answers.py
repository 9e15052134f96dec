"""Odd addresses and odd answers: what a file is, its bytes say, and no input is a fault of ours."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fetch.fetching import fetch
from tests.fetch.odd_server import Answer, odd_server
from tests.fetch.visiting import LIMITS, candidate, quick_web
from tests.stored import file_of
from videonet.fetch.disk_budget import DiskBudget
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason
from videonet.storage.store import Store


def fetched(store: Store, url: str, frames: int | None = None) -> Fetch:
    return fetch(candidate(url), store, DiskBudget(None), LIMITS, quick_web(), "run", frames)


def answered(
    store: Store, answer: Answer, path: str = "/v.mp4", frames: int | None = None
) -> Fetch:
    with odd_server(answer) as address:
        return fetched(store, address + path, frames)


def calling_it(kind: str, content: bytes, **headers: str) -> Answer:
    """Serves `content` as this kind of file, whatever is asked for."""
    return lambda _: (200, {"Content-Type": kind, **headers}, content)


def page(text: str) -> Answer:
    return calling_it("text/html", text.encode())


# Names.

ENDINGS = ["php", "aspx", "v2", "720", "PHP7", "exe", "html", "json", "bin", "mhtml", "m3u8", "f4m"]


@pytest.mark.parametrize("frames", [None, 3])
@pytest.mark.parametrize(
    "path", ["/v", "/watch?v=1", "/a..b/x.", "/%00.mp4", *(f"/v.{ending}" for ending in ENDINGS)]
)
def test_a_video_is_one_however_its_address_ends(store, video, path, frames):
    record = answered(store, calling_it("video/mp4", video), path, frames)
    assert record.reason is None
    assert file_of(store, record).read_bytes() == video


@pytest.mark.parametrize(
    "kind", ["video/x-odd+thing", "video/..", "video/a/b", "application/octet-stream", "text/plain"]
)
def test_a_video_is_one_whatever_the_server_calls_it(store, video, kind):
    assert answered(store, calling_it(kind, video), "/v.php").reason is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Disposition": 'attachment; filename="a.php"'},
        {"x-amz-meta-file-type": "a/b"},
        {"x-amz-meta-name": "x.php/../.."},
    ],
)
def test_a_name_in_a_header_decides_nothing(store, video, headers):
    assert answered(store, calling_it("video/mp4", video, **headers), "/v").reason is None


def test_a_playlist_that_is_called_one_is_still_followed(store, video):
    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        if path.endswith(".m3u8"):
            text = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/a.mp4\n#EXT-X-ENDLIST\n"
            return 200, {"Content-Type": "application/x-mpegurl"}, text.encode()
        return 200, {"Content-Type": "video/mp4"}, video

    record = answered(store, answer, "/list.m3u8")
    assert record.reason is None
    assert file_of(store, record).read_bytes() == video


# Headers.


@pytest.mark.parametrize("length", ["abc", "", "-5", "0x10", "1e3", "9" * 5000])
def test_a_length_that_is_no_number_counts_as_not_stated(store, video, length):
    record = answered(store, calling_it("video/mp4", video, **{"Content-Length": length}))
    assert record.reason is None
    assert file_of(store, record).read_bytes() == video


def test_two_lengths_that_differ_are_a_broken_answer(store, video):
    record = answered(store, calling_it("video/mp4", video, **{"Content-Length": "5, 6"}))
    assert record.reason is Reason.NETWORK


@pytest.mark.parametrize(
    "when", ["Xxx, 99 Jan 99999 99:99:99 GMT", "Mon, 01 Jan 0001 00:00:00 +9999", "-1", "²"]
)
def test_a_time_to_come_back_that_is_none_is_as_good_as_not_said(store, when):
    record = answered(store, lambda _: (429, {"Retry-After": when}, b""))
    assert record.reason is Reason.RATE_LIMITED


@pytest.mark.parametrize(
    "target",
    ["http://" + "a" * 70 + ".com/", "http://[::1", "http://h:99999/", "file:///etc/hostname"],
)
def test_a_redirection_to_what_is_no_address_is_a_bad_address(store, target):
    record = answered(store, lambda _: (302, {"Location": target}, b""))
    assert record.reason is Reason.BAD_ADDRESS


# Chains of pages.


def test_pages_that_lead_on_and_on_are_left_after_a_few(store):
    numbers = itertools.count()
    asked: list[str] = []

    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        asked.append(path)
        text = f'<html><meta http-equiv="refresh" content="0; url=/p{next(numbers)}"></html>'
        return 200, {"Content-Type": "text/html"}, text.encode()

    record = answered(store, answer, "/p")
    assert record.reason is Reason.REFUSED
    assert "20 pages" in record.error
    assert len(asked) == 20


def test_redirections_that_lead_on_and_on_are_refused(store):
    numbers = itertools.count()
    record = answered(store, lambda _: (302, {"Location": f"/p{next(numbers)}"}, b""))
    assert record.reason is Reason.REFUSED


# Pages.

DEEP = "[" * 100_000

PAGES = {
    "JSON without end": '<script type="application/ld+json">{"@type":"VideoObject","contentUrl":'
    + DEEP
    + "]" * 100_000
    + "}</script>",
    "an address that is none": '<html><video src="http://[::1"></video></html>',
    "a long host": f'<html><video src="http://{"a" * 70}.com/v.mp4"></video></html>',
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_makes_no_sense_could_not_be_read(store, name):
    record = answered(store, page(PAGES[name]))
    assert record.reason in {Reason.EXTRACTION, Reason.BAD_ADDRESS}


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:abc,\nhttp://[::1\n",
        '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="x",IV=0xzz\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n',
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_that_makes_no_sense_could_not_be_read(store, text):
    record = answered(store, calling_it("application/x-mpegurl", text.encode()), "/x.m3u8")
    assert record.reason is Reason.EXTRACTION


# What an error text says of an address.

SECRET = "s3cr.etTOKEN99"


@pytest.mark.parametrize("status", [200, 403, 404, 500])
@pytest.mark.parametrize(
    "path", ["/v.mp4?token={}&x=a.b", "/v?a=b%20{}.c", "/v?x=/{}.mp4", "/v;p#{}.mp4"]
)
def test_a_token_in_an_address_is_in_no_error_text(store, status, path):
    answer = status, {"Content-Type": "text/html"}, b"<html></html>"
    record = answered(store, lambda _: answer, path.format(SECRET))
    assert record.reason is not None
    assert "TOKEN99" not in record.error
    assert "s3cr" not in record.error


# Addresses.


@pytest.mark.parametrize(
    "url",
    [
        "http://" + "a" * 64 + ".com/v.mp4",
        "http://" + "a." * 127 + "com/v.mp4",
        "http://a..b/v.mp4",
        "http://.../",
        "http://\u3002/",
        "http:///v.mp4",
        "http://[::1/",
        "http://[]/",
        "http://h:99999/",
        "http://h:abc/",
        "http://\0/",
        "http://%00/",
        "http://a b/",
    ],
)
def test_what_can_be_no_host_is_a_bad_address_and_is_asked_for_nothing(store, url):
    record = fetched(store, url)
    assert record.reason is Reason.BAD_ADDRESS


def test_what_is_said_of_an_address_that_is_none_quotes_no_password(store):
    record = fetched(store, "http://me:sesame/open@h/a?token=b")
    assert record.reason is Reason.BAD_ADDRESS
    assert record.error == "no address: http://h/a?…"


@pytest.mark.parametrize("name", ["a\0b.mp4", "\0"])
def test_a_local_name_that_no_file_can_have_is_a_bad_address(store, tmp_path, name):
    one = candidate(name, root=tmp_path)
    record = fetch(one, store, DiskBudget(None), LIMITS, quick_web(), "run")
    assert record.reason is Reason.BAD_ADDRESS


def test_a_local_name_that_is_too_long_is_missing(store, tmp_path):
    one = candidate("a" * 5000 + ".mp4", root=tmp_path)
    record = fetch(one, store, DiskBudget(None), LIMITS, quick_web(), "run")
    assert record.reason is Reason.MISSING


WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
HEADER = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
NUMBERS = st.sampled_from(["0", "-1", "5", "abc", "9" * 30, "1, 2", ""])
KINDS = st.sampled_from(["video/mp4", "text/html", "application/x-mpegurl"])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": KINDS | HEADER,
        "Content-Length": NUMBERS | HEADER,
        "Content-Range": HEADER | st.builds("bytes {}-{}/{}".format, NUMBERS, NUMBERS, NUMBERS),
        "Content-Disposition": HEADER,
        "Last-Modified": HEADER,
        "Retry-After": NUMBERS | HEADER,
        "Location": HEADER,
        "Refresh": st.builds("0; url={}".format, HEADER),
        "Set-Cookie": HEADER,
    },
)
BRACKETED = st.builds("http://[{}]/".format, WORDS)
BODY = st.sampled_from([b"", b"#EXTM3U\n", b"<html></html>", b"\0" * 300]) | st.binary(max_size=99)


# Each example is a download: a quarter of the usual number will do, but not where many are wanted.
_DRAWN = settings().max_examples


@settings(
    max_examples=_DRAWN if _DRAWN > 100 else _DRAWN // 4,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from([200, 204, 206, 301, 304, 404, 429, 503]), HEADERS, BODY)
def test_no_answer_is_a_fault_of_ours(store, status, headers, body):
    record = answered(store, lambda _: (status, headers, body))
    assert record.reason is not Reason.INTERNAL


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(WORDS | st.builds("http://{}.invalid:{}".format, WORDS, WORDS) | BRACKETED)
def test_no_address_is_a_fault_of_ours(store, url):
    # Nothing listens where these lead, if they lead anywhere.
    assert fetched(store, url).reason is not Reason.INTERNAL
