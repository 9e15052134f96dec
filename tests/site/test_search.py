"""tests.site: searching it with yt-dlp is like searching YouTube."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.site import (
    SiteVideo,
    VideoSite,
    by_words,
    installed,
)
from tests.site.asking import ID, TITLES, VIDEOS, one_video, search, titles, ydl


@pytest.fixture
def one(tmp_path_factory: pytest.TempPathFactory) -> SiteVideo:
    return one_video(tmp_path_factory.getbasetemp())


@pytest.fixture
def site() -> Iterator[VideoSite]:
    with VideoSite(VIDEOS, page_size=5) as site, installed(site):
        yield site


def test_a_search_lists_videos_as_youtubes_does(site: VideoSite, one: SiteVideo) -> None:
    with VideoSite([one]) as other, installed(other):
        (entry,) = search("ytsearch5:balloon")
    expected = {
        "_type": "url",
        "ie_key": "Youtube",
        "id": ID,
        "url": f"https://www.youtube.com/watch?v={ID}",
        "title": "A balloon",
        "duration": 3.0,
        "channel": "Paper Cut Films",
        "live_status": None,
    }
    assert expected.items() <= entry.items()
    assert "license" not in entry


def test_the_sites_own_search_lists_its_own_addresses(site: VideoSite) -> None:
    entries = search("sitesearch3:mushroom")
    assert [(each["ie_key"], each["url"]) for each in entries] == [
        ("Site", site.url(each.id)) for each in site.found("mushroom")
    ]


def test_as_many_results_come_as_are_asked_for_and_there_are(site: VideoSite) -> None:
    assert len(titles("ytsearch:balloon")) == 1
    assert len(titles("ytsearch7:balloon")) == 7
    assert len(titles("ytsearchall:balloon")) == 14
    assert titles("ytsearch9:lighthouse") == []


@pytest.mark.parametrize("prefix", ["ytsearchall:", "sitesearchall:"])
def test_a_page_of_results_is_asked_for_when_its_first_one_is(site: VideoSite, prefix: str) -> None:
    found = ydl().extract_info(f"{prefix}balloon", download=False, process=False)
    entries = iter(found["entries"])
    asked = [len(site.requests("search")) for _ in entries]
    assert asked == [1] * 5 + [2] * 5 + [3] * 4
    assert [each.query for each in site.requests()] == ["balloon"] * 3


def test_nothing_is_asked_before_a_result_is(site: VideoSite) -> None:
    ydl().extract_info("ytsearchall:balloon", download=False, process=False)
    assert site.requests() == []


def test_a_query_has_at_most_so_many_results_and_another_one_has_others(site: VideoSite) -> None:
    every = titles("ytsearchall:balloon")
    site.cap = 7
    assert titles("ytsearchall:balloon") == every[:7]
    assert {*titles("ytsearchall:balloon documentary")} != {*every[:7]}


def test_dates_in_a_query_narrow_it(site: VideoSite) -> None:
    found = search("ytsearchall:balloon after:2020-03-01 before:2020-05-01")
    assert {each["title"] for each in found} == {TITLES[2], TITLES[3]}


def test_an_order_is_of_the_query_alone(site: VideoSite) -> None:
    with VideoSite(reversed(VIDEOS)) as other, installed(other):
        again = titles("ytsearchall:balloon")
    assert titles("ytsearchall:balloon") == again


WORDS = st.sampled_from(["balloon", "race", "Hot", "4k", '"mushroom"', "part", "the"])


@given(st.lists(WORDS, min_size=1), st.text(st.sampled_from("qxyz"), min_size=4))
def test_a_word_of_no_title_changes_the_order_and_nothing_else(
    words: list[str], other: str
) -> None:
    query = " ".join(words)
    plain, varied = by_words(VIDEOS, query), by_words(VIDEOS, f"{query} {other}")
    assert sorted(each.id for each in plain) == sorted(each.id for each in varied)
    stripped = [word.strip('"').casefold() for word in words]
    assert {each.id for each in plain} == {
        each.id for each in VIDEOS if all(word in each.title.casefold() for word in stripped)
    }


def test_a_modifier_gives_another_order() -> None:
    orders = {
        tuple(each.id for each in by_words(VIDEOS, f"balloon {word}"))
        for word in ("", "vlog", "documentary", "tutorial")
    }
    assert len(orders) == 4
