"""videonet.fetch.ytdlp: what the attempts of a run share, and what they do not."""

from contextlib import suppress
from pathlib import Path

import pytest
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import ExtractorError

from demo.behaviours import Status
from demo.server import VideoServer
from tests.fetch.forwarding import ForwardProxy
from tests.local import ALLOWED
from tests.site import SiteVideo, VideoSite, installed
from tests.site.records import Condition
from videonet.fetch.clock import Clock
from videonet.fetch.credentials import Credentials
from videonet.fetch.failure import FetchError
from videonet.fetch.host_state import Pace
from videonet.fetch.limits import FetchLimits
from videonet.fetch.rate_limit import host_of
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.schemas.reason import Reason

WATCH = "https://www.youtube.com/watch?v={}"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def session(web: Web) -> Session:
    return Session(web, Clock(30), FetchLimits(), {})


def test_what_an_extractor_has_learnt_serves_the_next_session():
    web = Web(allowed_hosts=ALLOWED)
    with session(web) as first:
        extractor = first.get_info_extractor("Youtube")
        extractor._code_cache["player"] = "learnt"
    with session(web) as second:
        assert second.get_info_extractor("Youtube") is extractor
        assert extractor._downloader is second


def test_sessions_at_the_same_time_share_no_extractor():
    web = Web(allowed_hosts=ALLOWED)
    with session(web) as first, session(web) as second:
        assert first.get_info_extractor("Youtube") is not second.get_info_extractor("Youtube")


def test_what_yt_dlp_keeps_on_disk_lies_in_the_cache(cache: Path):
    web = Web(allowed_hosts=ALLOWED)
    with session(web) as first:
        first.cache.store("youtube-sigfuncs", "key", ["learnt"])
    with session(web) as second:
        assert second.cache.load("youtube-sigfuncs", "key") == ["learnt"]
    assert (cache / "yt-dlp/youtube-sigfuncs/key.json").exists()


def test_nothing_but_a_fetch_error_comes_out_of_an_outcome():
    removed = SiteVideo("abcdefghijk", "A balloon", condition=Condition.REMOVED)
    with VideoSite([removed]) as site, installed(site):
        with (
            session(Web(allowed_hosts=ALLOWED)) as ours,
            pytest.raises(FetchError) as caught,
            ours.outcome(),
        ):
            ours.extract_info(WATCH.format(removed.id))
        assert caught.value.reason is Reason.UNAVAILABLE
        with (
            session(Web(allowed_hosts=ALLOWED)) as ours,
            pytest.raises(FetchError) as caught,
            ours.outcome(),
        ):
            raise KeyError("of ours")
        assert caught.value.reason is Reason.INTERNAL


def test_a_refusal_that_an_extractor_hides_is_found():
    # It answers with other words, once the page was refused.
    refused = SiteVideo(
        "abcdefghijk", "A balloon", condition=Condition.RATE_LIMITED_THEN_FINE, times=9
    )
    web = Web(Pace(requests_per_second=1000, pause=0.01), allowed_hosts=ALLOWED)
    with (
        VideoSite([refused]) as site,
        installed(site),
        session(web) as ours,
        pytest.raises(FetchError) as caught,
        ours.outcome(),
    ):
        ours.extract_info(WATCH.format(refused.id))
    assert caught.value.reason is Reason.RATE_LIMITED


def test_the_users_file_of_cookies_is_read_and_never_written(tmp_path: Path):
    file = tmp_path / "cookies.txt"
    file.write_text(
        "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tFALSE\t2147483647\tSID\tvalue\n"
    )
    before = file.read_bytes()
    web = Web(credentials=Credentials(cookies=file))
    with session(web) as ours:
        assert [each.value for each in ours.cookiejar] == ["value"]
        ours.cookiejar.set_cookie(next(iter(ours.cookiejar)))
    assert file.read_bytes() == before


def test_what_a_site_and_its_extractor_set_as_cookies_stays_for_the_next_session():
    web = Web(allowed_hosts=ALLOWED)
    with session(web) as first:
        first.get_info_extractor("Youtube").initialize()
        set_by_it = {(each.name, each.value) for each in first.cookiejar}
    assert set_by_it
    with session(web) as second:
        second.get_info_extractor("Youtube").initialize()
        assert {(each.name, each.value) for each in second.cookiejar} == set_by_it


def test_a_proxy_that_wants_another_password_rests_and_the_attempt_is_repeated_through_another():
    fine = SiteVideo("abcdefghijk", "A balloon")
    with VideoSite([fine]) as site, ForwardProxy(407) as bad, ForwardProxy() as good:
        proxies = (f"http://{bad.place}", f"http://{good.place}")
        web = Web(credentials=Credentials(proxies=proxies), allowed_hosts=ALLOWED)
        with session(web) as ours, pytest.raises(FetchError) as caught, ours.outcome():
            ours.urlopen(site.url(fine.id))
        assert caught.value.reason is Reason.NETWORK
        for _ in range(3):
            with session(web) as ours, ours.outcome():
                assert ours.urlopen(site.url(fine.id)).status == 200
        assert (len(bad.seen), len(good.seen)) == (1, 3)


def test_only_the_host_that_refused_is_blamed(tmp_path: Path):
    (tmp_path / "page").write_text("a page")
    web = Web(Pace(requests_per_second=1000), allowed_hosts=ALLOWED)

    def extract(ours: Session, pages: list[str]) -> None:
        with ours.outcome():
            for page in pages:
                with suppress(HTTPError):
                    ours.urlopen(page)
            raise ExtractorError("nothing to be found in it")

    choosy = VideoServer(tmp_path, {"page": Status(429, retry_after=7200)})
    with (
        choosy,
        VideoServer(tmp_path) as other,
        session(web) as ours,
        pytest.raises(FetchError, match="429"),
    ):
        extract(ours, [choosy.url("page"), other.url("page")])
    assert [each.host for each in web.rate_limiter.closed_hosts()] == [host_of(choosy.address)]
