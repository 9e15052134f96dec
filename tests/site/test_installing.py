"""tests.site.installed: yt-dlp reads the site, and nothing else changes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from yt_dlp.extractor import import_extractors
from yt_dlp.globals import extractors, plugin_ies, plugin_ies_overrides
from yt_dlp.utils import DownloadError

from tests.site import (
    SiteVideo,
    VideoSite,
    environment,
    installed,
)
from tests.site.asking import ID, VIDEOS, one_video, titles, watch, ydl


@pytest.fixture
def one(tmp_path_factory: pytest.TempPathFactory) -> SiteVideo:
    return one_video(tmp_path_factory.getbasetemp())


@pytest.fixture
def site() -> Iterator[VideoSite]:
    with VideoSite(VIDEOS, page_size=5) as site, installed(site):
        yield site


def class_of(name: str) -> type:
    return type(ydl().get_info_extractor(name))


def test_all_but_youtubes_search_and_videos_are_left_alone() -> None:
    import_extractors()
    before = dict(extractors.value)
    with VideoSite([]) as site, installed(site):
        own = {"SiteIE", "SiteSearchIE"}
        assert {name: each for name, each in extractors.value.items() if name not in own} == before
        assert own <= set(extractors.value)
        assert class_of("YoutubeTab").__module__ == "yt_dlp.extractor.youtube"
        assert class_of("Youtube").__module__ == "yt_dlp_plugins.extractor.video_site"


def test_all_is_as_it_was_afterwards() -> None:
    with VideoSite([]) as site:
        before = (class_of("Youtube"), class_of("YoutubeSearch"), dict(extractors.value))
        path, plugins = list(sys.path), dict(plugin_ies.value)
        overrides = {each: [*others] for each, others in plugin_ies_overrides.value.items()}
        with installed(site), installed(site):
            assert "VIDEONET_TEST_SITE" in os.environ
        after = (class_of("Youtube"), class_of("YoutubeSearch"), dict(extractors.value))
    assert after == before
    assert (sys.path, plugin_ies.value) == (path, plugins)
    for each, others in plugin_ies_overrides.value.items():
        assert others == overrides.get(each, [])
    assert "VIDEONET_TEST_SITE" not in os.environ


def test_it_works_after_others_made_a_session_and_again(one: SiteVideo) -> None:
    for _ in range(2):
        old = ydl()
        old.get_info_extractor("Youtube")
        with VideoSite([one]) as site, installed(site):
            url = watch(site, "youtube")
            assert ydl().extract_info(url, download=False)["title"] == "A balloon"


def test_a_site_within_a_site_is_asked_and_then_the_outer_one(
    site: VideoSite, one: SiteVideo
) -> None:
    with VideoSite([one]) as inner, installed(inner):
        assert titles("ytsearch1:balloon") == ["A balloon"]
    assert titles("ytsearch1:mushroom") == ["A mushroom in 4K"]


@pytest.mark.parametrize("what", ["ytsearch1:balloon", f"https://www.youtube.com/watch?v={ID}"])
def test_youtube_itself_is_asked_where_no_site_is_named(
    site: VideoSite, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    session = ydl(proxy="http://127.0.0.1:1")  # no server listens there, so nothing goes out
    asked: list[str] = []
    urlopen = session.urlopen

    def listen(request: Any) -> Any:
        asked.append(request if isinstance(request, str) else request.url)
        return urlopen(request)

    session.urlopen = listen
    monkeypatch.delenv("VIDEONET_TEST_SITE")
    with pytest.raises(DownloadError):
        session.extract_info(what, download=False)
    assert asked
    assert {urlsplit(url).hostname for url in asked} == {"www.youtube.com"}
    assert site.requests() == []


def test_another_process_sees_the_site_by_its_environment(one: SiteVideo) -> None:
    command = [sys.executable, "-m", "yt_dlp", "--ignore-config", "--flat-playlist"]
    with VideoSite([one]) as site:
        done = subprocess.run(
            [*command, "--print", "%(id)s %(title)s", "ytsearch5:balloon"],
            env=environment(site),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.stdout, done.returncode) == (f"{ID} A balloon\n", 0), done.stderr
