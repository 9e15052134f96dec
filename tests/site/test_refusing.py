"""tests.site: it can refuse all that is asked, and tells who asked for what."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import DownloadError, ExtractorError

from tests.site import (
    SiteVideo,
    VideoSite,
    installed,
)
from tests.site.asking import ID, VIDEOS, error_of, one_video, search, watch, ydl


@pytest.fixture
def one(tmp_path_factory: pytest.TempPathFactory) -> SiteVideo:
    return one_video(tmp_path_factory.getbasetemp())


@pytest.fixture
def site() -> Iterator[VideoSite]:
    with VideoSite(VIDEOS, page_size=5) as site, installed(site):
        yield site


def test_a_site_that_refuses_answers_nothing_until_it_relents(site: VideoSite) -> None:
    site.refuse(retry_after=30)
    with pytest.raises(DownloadError) as caught:
        search("ytsearch1:balloon")
    error = caught.value.exc_info[1]
    assert isinstance(error, HTTPError)
    assert (error.status, error.response.get_header("Retry-After")) == (429, "30")
    site.refuse(status=503)
    with pytest.raises(DownloadError, match="503"):
        search("ytsearch1:balloon")
    site.relent()
    assert len(search("ytsearch1:balloon")) == 1


def test_a_site_refuses_after_so_many_requests(site: VideoSite) -> None:
    site.refuse_after(2)
    pulled = ydl().extract_info("ytsearchall:balloon", download=False, process=False)["entries"]
    assert len(list(itertools.islice(pulled, 10))) == 10
    with pytest.raises(ExtractorError):
        next(pulled)
    assert [each.status for each in site.requests()] == [200, 200, 429]


def test_a_suspicious_site_lets_nobody_watch(one: SiteVideo) -> None:
    with VideoSite([one]) as site, installed(site):
        site.suspect()
        assert "not a bot" in str(error_of(watch(site, "youtube")))
        assert len(search("ytsearch1:balloon")) == 1
        site.relent()
        assert ydl().extract_info(watch(site, "youtube"), download=False)["id"] == ID


def test_who_asked_for_what_is_logged_with_headers(one: SiteVideo, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(
        "# Netscape HTTP Cookie File\n"
        ".youtube.com\tTRUE\t/\tTRUE\t2147483647\tVISITOR\tme\n"
        ".example.org\tTRUE\t/\tTRUE\t2147483647\tOTHER\tme\n"
    )
    options = {
        "cookiefile": str(cookies),
        "http_headers": {"User-Agent": "a friend"},
        "format": "18",
        "outtmpl": str(tmp_path / "video"),
    }
    with VideoSite([one]) as site, installed(site):
        ydl(**options).extract_info("ytsearch1:balloon")
        log = site.requests()
        (media,) = site.requests("media")
        assert site.requests(video="another_one") == []
    kinds = [(each.kind, each.query, each.video) for each in log]
    assert kinds == [("search", "balloon", None), ("page", None, ID), ("media", None, ID)]
    assert [each.time for each in log] == sorted(each.time for each in log)
    assert {each.headers["User-Agent"] for each in log} == {"a friend"}
    assert all("VISITOR=me" in each.headers["Cookie"] for each in log[:2])
    assert all("OTHER" not in each.headers.get("Cookie", "") for each in log)
    # The files lie with another host, which is none of YouTube's.
    assert "Cookie" not in media.headers


def test_requests_at_the_same_time_are_counted_by_kind(one: SiteVideo) -> None:
    with VideoSite([one], delay=0.15) as site, installed(site):
        search("ytsearch1:balloon")
        search("ytsearch1:balloon")
        assert (site.most_at_once("search"), site.most_at_once("page")) == (1, 0)
        url = watch(site, "site")
        with ThreadPoolExecutor(4) as pool:
            sessions = [ydl() for _ in range(4)]
            list(pool.map(lambda each: each.extract_info(url, download=False), sessions))
        assert 2 <= site.most_at_once("page") <= 4
        assert site.most_at_once() == site.most_at_once("page")
        assert site.most_at_once("search") == 1
