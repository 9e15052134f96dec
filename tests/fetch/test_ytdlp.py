"""videonet.fetch.ytdlp: the contract with yt-dlp, and the versions that it was tried with.

When yt-dlp is brought up to date and these tests pass, its version belongs into TRIED.
"""

import inspect
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yt_dlp
from yt_dlp.cookies import YoutubeDLCookieJar
from yt_dlp.downloader.http import HttpFD
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.extractor.generic import GenericIE
from yt_dlp.networking import RequestHandler, Response
from yt_dlp.networking.impersonate import ImpersonateTarget
from yt_dlp.utils import ExtractorError

from demo.server import VideoServer
from tests.local import ALLOWED
from tests.patience import PATIENCE
from videonet.errors import UsageError
from videonet.fetch.clock import Clock
from videonet.fetch.connections import Connections, Lookups
from videonet.fetch.range_probe import RangeProbe
from videonet.fetch.web import Web
from videonet.fetch.ytdlp import (
    TRIED,
    FileRequests,
    SharedParts,
    YtDlp,
    check_yt_dlp,
    is_one_plain_file,
    may_lack_fragments,
)
from videonet.stop_signal import StopSignal

PAGE = {"protocol": "http", "url": "http://127.0.0.1:9/video", "http_headers": {"A": "b"}}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "video.mp4").write_bytes(bytes(range(256)) * 4096)
    return folder


def connections() -> Connections:
    return Connections(Clock(PATIENCE), StopSignal(), Lookups(), ALLOWED)


def session(
    probe: RangeProbe | None = None,
    take: Callable[[YtDlp, dict], bool] | None = None,
    **parameters: object,
) -> YtDlp:
    return YtDlp(parameters, YoutubeDLCookieJar(), SharedParts(), connections(), probe, take)


# Versions.


def test_the_installed_version_is_one_that_was_tried():
    assert yt_dlp.version.__version__ in TRIED


def test_the_installed_version_fits():
    check_yt_dlp()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *[(yt_dlp.YoutubeDL, name) for name in ("_calc_headers", "_forceprint", "dl", "urlopen")],
        (yt_dlp.YoutubeDL, "add_default_info_extractors"),
        (yt_dlp.YoutubeDL, "add_info_extractor"),
        (yt_dlp.YoutubeDL, "build_request_director"),
        (yt_dlp.YoutubeDL, "cookiejar"),
        (RequestHandler, "_make_sslcontext"),
        (InfoExtractor, "_ENABLED"),
        (InfoExtractor, "_request_webpage"),
        (InfoExtractor, "ie_key"),
        (HttpFD.__mro__[1], "_get_impersonate_target"),
        (HttpFD.__mro__[1], "slow_down"),
        (yt_dlp.downloader, "get_suitable_downloader"),
        (yt_dlp.extractor, "gen_extractor_classes"),
    ],
)
def test_a_version_without_a_name_is_told_in_one_sentence(owner, name, monkeypatch):
    monkeypatch.delattr(owner, name)
    with pytest.raises(UsageError) as caught:
        check_yt_dlp()
    said = str(caught.value)
    assert said.startswith(f"yt-dlp {yt_dlp.version.__version__} does not fit this videonet (")
    assert f"{name} is missing" in said
    assert all(version in said for version in TRIED)
    with pytest.raises(UsageError, match=name):
        Web()


def test_a_version_whose_function_takes_other_arguments_is_told(monkeypatch):
    monkeypatch.setattr(yt_dlp.YoutubeDL, "_calc_headers", lambda _: {})
    with pytest.raises(UsageError, match=r"_calc_headers is missing, or takes other arguments"):
        check_yt_dlp()


@pytest.mark.parametrize("name", ["_ies", "_ies_instances"])
def test_a_version_whose_sessions_lack_an_attribute_is_told(name, monkeypatch):
    def without(self, *_: object, **__: object) -> None:
        self.__dict__.update({"_ies": {}, "_ies_instances": {}})
        del self.__dict__[name]

    monkeypatch.setattr(yt_dlp.YoutubeDL, "__init__", without)
    with pytest.raises(UsageError, match=f"the attribute {name} is missing"):
        check_yt_dlp()


@pytest.mark.parametrize(
    ("module", "name"),
    [("yt_dlp.downloader.http", "HttpFD"), ("yt_dlp.extractor", "gen_extractor_classes")],
)
def test_a_version_without_a_name_that_is_imported_is_told_in_one_sentence(module, name):
    code = (
        f"import yt_dlp, {module}\n"
        f"del {module}.{name}\n"
        "from videonet.errors import UsageError\n"
        "try:\n    import videonet.fetch.ytdlp\n"
        "except UsageError as error:\n    print(error)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"does not fit this videonet (cannot import name '{name}'" in ended.stdout
    assert TRIED[-1] in ended.stdout


# What each name does.


def test_extractors_are_those_of_yt_dlp_in_their_order_and_serve_the_next_session():
    usual = [each for each in yt_dlp.YoutubeDL({"quiet": True})._ies if each != "UnsupportedURL"]
    shared = SharedParts()
    with YtDlp({}, YoutubeDLCookieJar(), shared, connections()) as first:
        assert list(first._ies) == usual
        youtube = first.get_info_extractor("Youtube")
        assert first._ies_instances["Youtube"] is youtube
    with YtDlp({}, YoutubeDLCookieJar(), shared, connections()) as second:
        assert list(second._ies) == usual
        assert second.get_info_extractor("Youtube") is youtube
        assert youtube._downloader is second


def test_extractors_that_are_not_enabled_are_left_out():
    disabled = [
        each.ie_key() for each in yt_dlp.extractor.gen_extractor_classes() if not each._ENABLED
    ]
    assert disabled
    with session() as ours:
        assert not set(disabled) & set(ours._ies)


def test_a_session_uses_the_cookies_that_it_is_given():
    jar = YoutubeDLCookieJar()
    with YtDlp({}, jar, SharedParts(), connections()) as ours:
        assert ours.cookiejar is jar


def test_sessions_share_one_tls_context_for_each_set_of_options():
    shared = SharedParts()
    contexts = []
    for _ in range(2):
        with YtDlp({}, YoutubeDLCookieJar(), shared, connections()) as ours:
            handler = ours._request_director.handlers["Requests"]
            contexts.append([handler._make_sslcontext(legacy_ssl_support=x) for x in (None, True)])
    assert contexts[0] == contexts[1]
    assert contexts[0][0] is not contexts[0][1]


def test_the_extractor_of_any_address_asks_through_the_probe(served: Path):
    probe = RangeProbe()
    with VideoServer(served) as server, session(probe) as ours:
        info = ours.extract_info(server.url("video.mp4"), download=False)
        assert info["direct"]
        assert probe.answer(info["url"], 0) is not None
        assert [each.range for each in server.requests()] == ["bytes=0-131071"]


def test_a_format_that_was_taken_is_not_downloaded(served: Path, tmp_path: Path):
    taken = []

    def take(_: YtDlp, info: dict) -> bool:
        taken.append(info["url"])
        return True

    file = {"outtmpl": {"default": str(tmp_path / "file")}}
    with VideoServer(served) as server:
        url = server.url("video.mp4")
        with session(None, take, **file) as ours:
            ours.extract_info(url)
        assert taken == [url]
        assert not (tmp_path / "file").exists()
        with session(None, lambda *_: False, **file) as ours:
            ours.extract_info(url)
        assert (tmp_path / "file").read_bytes() == (served / "video.mp4").read_bytes()


def test_no_table_of_formats_is_printed(served: Path, capfd, monkeypatch):
    def tables(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(yt_dlp.YoutubeDL, "render_formats_table", tables)
    with VideoServer(served) as server, session(simulate=True) as ours:
        ours.extract_info(server.url("video.mp4"))
    assert capfd.readouterr() == ("", "")


def test_a_format_of_a_new_video_is_marked_by_extractors_as_yt_dlp_reads_it():
    assert may_lack_fragments({"__needs_testing": True})
    assert not may_lack_fragments({})
    assert "'__needs_testing'" in inspect.getsource(yt_dlp.YoutubeDL)


class Recorder(YtDlp):
    """Answers each request with nothing, and remembers the request."""

    def urlopen(self, request):
        self.request = request
        return Response(io.BytesIO(), request.url, {})


def test_a_range_is_asked_for_with_the_headers_of_its_format():
    with Recorder(
        {"http_headers": {"X": "y"}}, YoutubeDLCookieJar(), SharedParts(), connections()
    ) as ours:
        for info, value in [
            ({"url": PAGE["url"]}, "y"),
            (PAGE | {"http_headers": {"X": "z"}}, "z"),
        ]:
            FileRequests(ours, info).ask(10, 20)
            assert ours.request.headers["X"] == value
            assert ours.request.headers["Range"] == "bytes=10-19"
            assert ours.request.headers["Accept-Encoding"] == "identity"
            assert ours.request.extensions == {}


def test_a_format_that_is_for_one_browser_is_asked_for_in_its_name(monkeypatch):
    # Whether one is available depends on what is installed.
    monkeypatch.setattr(yt_dlp.YoutubeDL, "_impersonate_target_available", lambda *_: True)
    with Recorder({}, YoutubeDLCookieJar(), SharedParts(), connections()) as ours:
        FileRequests(ours, PAGE | {"impersonate": "chrome"}).ask(0, 10)
    assert ours.request.extensions == {"impersonate": ImpersonateTarget("chrome")}


def test_the_most_bytes_of_a_request_are_those_of_the_user_or_else_of_the_site():
    of_the_site = {**PAGE, "downloader_options": {"http_chunk_size": 7}}
    with session() as ours:
        assert FileRequests(ours, PAGE).most_bytes is None
        assert FileRequests(ours, of_the_site).most_bytes == 7
    with session(http_chunk_size=5) as ours:
        assert FileRequests(ours, of_the_site).most_bytes == 5


def test_a_transfer_is_slowed_down_to_the_rate_of_the_user(monkeypatch):
    slept = []
    monkeypatch.setattr("yt_dlp.downloader.common.time.sleep", slept.append)
    with session(ratelimit=1000) as ours:
        FileRequests(ours, PAGE).slow_down(5000)
    assert slept == [pytest.approx(5, abs=1)]


def test_a_file_is_asked_for_in_ranges_only_behind_one_plain_get():
    assert is_one_plain_file(PAGE, {})
    assert not is_one_plain_file(PAGE, {"external_downloader": {"default": "curl"}})
    for other in (
        {"protocol": "m3u8_native"},
        {"request_data": b"a form"},
        {"is_live": True},
        {"requested_formats": [PAGE]},
    ):
        assert not is_one_plain_file(PAGE | other, {})


def test_an_error_of_an_extractor_tells_its_words_its_cause_and_whether_it_was_expected():
    cause = ValueError("beneath")
    error = ExtractorError("words", expected=True, cause=cause)
    assert (error.orig_msg, error.cause, error.expected) == ("words", cause, True)


def test_the_adapter_stands_in_for_the_generic_extractor_alone():
    with session() as ours:
        assert isinstance(ours.get_info_extractor("Generic"), GenericIE)
        assert type(ours.get_info_extractor("Generic")) is not GenericIE
