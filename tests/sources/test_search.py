"""videonet.sources.search and answers: what a site is asked for a class, and what is remembered."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from tests.local import ALLOWED
from tests.patience import PATIENCE
from tests.site import SiteVideo, VideoSite, installed
from tests.site.records import Condition
from videonet.errors import UsageError
from videonet.fetch.host_state import Pace
from videonet.fetch.limits import FetchLimits
from videonet.fetch.web import Web
from videonet.schemas.reason import Reason
from videonet.schemas.search import Search, SearchResult
from videonet.schemas.table import arrow_schema
from videonet.schemas.target import Target
from videonet.sources.catalogue import Catalogue
from videonet.sources.search import (
    DATES,
    Query,
    SearchPlan,
    TargetSearch,
    check_search,
    query_rounds,
    search_plan,
)
from videonet.sources.search_cache import SearchContext
from videonet.sources.source import Row
from videonet.sources.source_spec import YOUTUBE, SearchSite, searched_site
from videonet.storage.store import Store
from videonet.targets.title_matcher import target_matcher

BALLOON = Target(
    target_id="balloon",
    name="balloon",
    synonyms=("airship", "Balloon", "dirigible"),
    wnid=None,
    outputs=(0,),
    senses=(),
)
TITLES = [
    *(f"Balloon number {index}" for index in range(12)),
    *(f"An airship, part {index}" for index in range(6)),
    "Balloon or airship?",
    *(f"Ballooning {index}" for index in range(3)),
]
VIDEOS = [SiteVideo(f"{index:011}", title) for index, title in enumerate(TITLES)]


@pytest.fixture
def site() -> Iterator[VideoSite]:
    with VideoSite(VIDEOS, page_size=5) as site, installed(site):
        yield site


@pytest.fixture
def ask(tmp_path: Path) -> "Callable[..., tuple[list[Row], Search]]":
    """Search for balloons, in one store; as one run, if no other is named."""
    store = Store(tmp_path / "store")
    store.prepare()

    def look(
        per_class: int,
        *,
        run: str = "run",
        patience: int = 3,
        modifiers: tuple[str, ...] = (),
        target: Target = BALLOON,
        refresh: bool = False,
        prefix: str = "sitesearch",
        pace: Pace | None = None,
    ) -> tuple[list[Row], Search]:
        limits = FetchLimits(deadline=PATIENCE, attempts=2, wait=0.01, longest_wait=0.02)
        web = Web(pace or Pace(requests_per_second=1000), allowed_hosts=ALLOWED)
        context = SearchContext(prefix, store, web, limits, run, refresh)
        titles = target_matcher([target])
        search = TargetSearch(lambda title: bool(titles.match(title)), per_class, patience)
        end = search.run(query_rounds(target, modifiers, prefix), context.open_queries)
        return search.rows, search.summary(target.target_id, end)

    look.store = store
    return look


def queries(site: VideoSite) -> list[str]:
    return [str(request.query) for request in site.requests("search")]


# What is asked, in which order.


def test_the_names_are_asked_alone_then_with_each_modifier_then_with_each_span_of_dates():
    asked = list(query_rounds(BALLOON, ("slow motion", "close up"), YOUTUBE))
    assert asked[0] == [
        Query("balloon", "balloon"),
        Query("airship", "airship"),
        Query("dirigible", "dirigible"),
    ]
    assert [each.words for each in asked[1]] == [
        *("balloon slow motion", "airship slow motion", "dirigible slow motion"),
    ]
    assert asked[2][0].words == "balloon close up"
    assert asked[3][0].words == "balloon after:2025-01-01"
    assert asked[-1][0].words == "balloon after:2005-01-01 before:2006-01-01"
    assert len(asked) == 3 + len(DATES[YOUTUBE])


def test_the_spans_of_dates_follow_each_other_without_a_gap():
    for later, earlier in itertools.pairwise(DATES[YOUTUBE]):
        assert f"before:{later.partition(' ')[0].removeprefix('after:')}" in earlier


def test_a_search_without_dates_is_not_asked_with_them():
    assert len(list(query_rounds(BALLOON, ("4k",), "sitesearch"))) == 2


def test_the_plan_has_each_query_once_and_says_the_least_time():
    again = msgspec.structs.replace(BALLOON, target_id="again", name="dirigible", synonyms=())
    plan = search_plan((BALLOON, again), ("4k",), YOUTUBE)
    asked = {
        each.words
        for target in (BALLOON, again)
        for queries in query_rounds(target, ("4k",), YOUTUBE)
        for each in queries
    }
    assert plan == SearchPlan(classes=2, names=3, queries=len(asked))
    said = plan.said(0.1)
    assert said.startswith("Searching for 2 classes asks 3 queries, one a name, and up to 69 where")
    assert "that takes at least 30 s, and 12 min for all;" in said


def test_a_search_that_finds_nothing_asks_what_was_planned(site, ask):
    nothing = msgspec.structs.replace(BALLOON, name="nothing", synonyms=("nothing else",))
    ask(10, patience=99, modifiers=("4k", "slow motion"), target=nothing)
    plan = search_plan((nothing,), ("4k", "slow motion"), "sitesearch")
    assert len(queries(site)) == plan.queries == 6


@pytest.mark.parametrize(
    ("source", "site"),
    [
        ("youtube", SearchSite("ytsearch", "youtube")),
        ("search:scsearch", SearchSite("scsearch", "search")),
        ("catalogue:a.csv", None),
        ("store", None),
    ],
)
def test_a_source_is_a_search_or_is_read(source: str, site: SearchSite | None):
    assert searched_site(source) == site


def test_a_search_that_yt_dlp_does_not_have_is_refused_with_the_nearest():
    check_search(SearchSite("ytsearch", "youtube"))
    with pytest.raises(UsageError, match=r"no search with the prefix 'ytserch'.*search:ytsearch"):
        check_search(SearchSite("ytserch", "search"))


# How much is asked.


def test_the_names_take_turns_result_by_result(site, ask):
    rows, _ = ask(6)
    asked = [row.query for row in rows]
    assert asked == ["balloon", "airship"] * 3
    assert [row.rank for row in rows] == list(range(6))
    found = {words: [video.id for video in site.found(words)] for words in set(asked)}
    assert [row.video.video_id for row in rows] == [
        found[row.query][index // 2] for index, row in enumerate(rows)
    ]


def test_no_page_is_asked_beyond_what_the_quota_needs(site, ask):
    _, account = ask(6)
    assert account.end == "full"
    assert queries(site) == ["balloon", "airship", "dirigible"]


def test_only_titles_that_name_the_class_count(site, ask):
    rows, account = ask(100)
    titles = [row.video.title for row in rows]
    assert "Ballooning 1" in titles
    balloon, airship, dirigible = account.names
    # The one that names both was found by either, and is new only once.
    assert balloon.new + airship.new == 12 + 6 + 1
    assert balloon.results == 12 + 1 + 3
    assert (dirigible.results, dirigible.new) == (0, 0)


def test_when_the_names_alone_find_too_little_the_modifiers_are_asked_too(ask):
    # A site that gives ten results to a query, in another order for every modifier.
    with VideoSite(VIDEOS, cap=4) as site, installed(site):
        alone, first = ask(15, run="a")
        varied, second = ask(15, run="b", modifiers=("4k", "vintage", "aerial"))
    assert first.end == "no more queries"
    names = target_matcher([BALLOON])
    found = [
        len({row.video.video_id for row in rows if names.match(row.video.title)})
        for rows in (alone, varied)
    ]
    assert found[0] < found[1] <= 15
    assert sum(name.queries for name in second.names) > len(first.names)


def test_a_class_is_given_up_when_enough_queries_have_brought_nothing_new(site, ask):
    _, account = ask(100, patience=5, modifiers=tuple("abcdefgh"))
    assert account.end == "nothing new"
    # The first round brought some; the next rounds of three queries each did not.
    assert [name.queries for name in account.names] == [3, 3, 3]


# What is remembered.


def test_the_same_search_again_asks_nothing(site, ask):
    first = ask(6, run="first")
    before = len(site.requests())
    assert ask(6, run="second") == first
    assert ask(3, run="third")[0] == first[0][:3]
    assert len(site.requests()) == before


def test_who_needs_more_asks_on_and_what_is_known_keeps_its_order(site, ask):
    few, _ = ask(4, run="first")
    more, _ = ask(12, run="second")
    assert more[: len(few)] == few
    assert [row.video.video_id for row in more if row.query == "balloon"] == [
        video.id for video in site.found("balloon")[: sum(row.query == "balloon" for row in more)]
    ]


def test_a_search_to_its_end_is_never_asked_again(site, ask):
    ask(100, run="first")
    before = len(site.requests())
    ask(200, run="second")
    assert len(site.requests()) == before


def test_a_refresh_asks_again_once_a_run(site, ask):
    ask(4, run="first")
    before = len(site.requests())
    ask(4, run="second", refresh=True)
    assert len(site.requests()) == 2 * before
    # Going on after an interruption is not another run.
    ask(4, run="second", refresh=True)
    assert len(site.requests()) == 2 * before


def test_what_a_query_brought_is_a_catalogue(site, ask):
    rows, _ = ask(6)
    files = [*(ask.store.root / "search").iterdir()]
    assert len(files) == 3
    table = max(map(pq.read_table, files), key=len)
    assert table.column_names == arrow_schema(SearchResult).names
    assert table["rank"].to_pylist() == list(range(len(table)))
    source = Catalogue(ask.store.root / "search", None)
    source.check()
    read = [row for batch in source.batches() for row in batch]
    assert {(row.video.video_id, row.video.url, row.video.title) for row in read} == {
        (row.video.video_id, row.video.url, row.video.title) for row in rows
    }


def test_a_damaged_memory_is_asked_again(site, ask):
    first = ask(6)

    def damage(how: Callable[[bytes], bytes]) -> None:
        for file in (ask.store.root / "search").iterdir():
            file.write_bytes(how(file.read_bytes()))

    damage(lambda data: data[:100])
    assert ask(6) == first
    damage(lambda data: data[:4] + bytes(60) + data[64:])
    assert ask(6) == first


def test_two_classes_with_a_name_in_common_ask_for_it_once(site, ask):
    other = msgspec.structs.replace(BALLOON, target_id="zeppelin", synonyms=("airship",))
    barrier = threading.Barrier(2)

    def look(target: Target) -> list[Row]:
        barrier.wait()
        return ask(100, target=target)[0]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(look, [BALLOON, other])
    assert {row.video.video_id for row in first} == {row.video.video_id for row in second}
    assert len(queries(site)) == len([*site.found("balloon")]) // 5 + 1 + 7 // 5 + 1 + 1


# What a site says, and when it says nothing.


def test_a_stream_is_one_only_for_the_run_that_asked(ask):
    live = replace(VIDEOS[0], condition=Condition.LIVE)
    with VideoSite([live]) as site, installed(site):
        (now,), _ = ask(1, run="first")
        (again,), _ = ask(1, run="first")
        (later,), _ = ask(1, run="second")
    assert (now.video.live_status, again.video.live_status, later.video.live_status) == (
        "is_live",
        "is_live",
        None,
    )


def test_a_site_that_refuses_fails_the_search_and_is_asked_again_by_the_next_run(site, ask):
    patient = Pace(requests_per_second=1000, pause=0.01)
    site.refuse()
    rows, account = ask(6, pace=patient)
    assert (rows, account.end) == ([], "failed")
    assert {name.failed for name in account.names} == {Reason.RATE_LIMITED}
    site.relent()
    assert ask(6, run="next")[1].end == "full"


def test_a_search_that_breaks_in_the_middle_keeps_what_it_has_and_goes_on_later(site, ask):
    patient = Pace(requests_per_second=1000, pause=0.01)
    site.refuse_after(4)
    some, account = ask(100, pace=patient)
    assert 0 < len(some) < 20
    assert {name.failed for name in account.names} >= {Reason.RATE_LIMITED}
    site.relent()
    every, account = ask(100, run="next")
    assert account.end == "no more queries"
    assert {row.video.video_id for row in every} >= {row.video.video_id for row in some}
    assert len({row.video.video_id for row in every}) == len(TITLES)


def test_a_refusal_that_passes_is_not_noticed(site, ask):
    site.refuse(status=503)
    threading.Timer(0.02, site.relent).start()
    _, account = ask(100, pace=Pace(requests_per_second=50))
    assert account.end == "no more queries"
    assert len({row.video.video_id for row in ask(100)[0]}) == len(TITLES)


def test_the_results_of_youtube_are_videos_of_youtube(site, ask):
    rows, _ = ask(3, prefix="ytsearch")
    assert all(
        row.video.url == f"https://www.youtube.com/watch?v={row.video.video_id}" for row in rows
    )


def test_a_search_whose_results_have_no_titles_is_reported(ask):
    untitled = [SiteVideo(f"{index:011}", "") for index in range(30)]
    with VideoSite(untitled, index=lambda videos, _: videos) as site, installed(site):
        rows, account = ask(5)
    assert (rows, account.end) == ([], "failed")
    assert {name.failed for name in account.names} == {Reason.UNSUPPORTED}


def test_a_refresh_that_is_refused_keeps_what_was_known(site, ask):
    known, _ = ask(100, run="first")
    before = len(site.requests())
    site.refuse_after(2)
    ask(100, run="second", refresh=True, pace=Pace(requests_per_second=1000, pause=0.01))
    assert len(site.requests()) > before
    site.relent()
    again, account = ask(100, run="third")
    assert again == known
    assert account.end == "no more queries"


def test_good_and_poor_names_count_in_any_order(ask):
    poor = tuple(f"nothing{index}" for index in range(6))
    found = []
    for synonyms in (poor, (*poor[:3], "airship", *poor[3:])):
        target = msgspec.structs.replace(BALLOON, synonyms=synonyms)
        with VideoSite(VIDEOS, cap=3) as site, installed(site):
            modifiers = ("4k", "vintage", "aerial")
            _, account = ask(15, target=target, run=str(synonyms), modifiers=modifiers, patience=5)
        found.append(account.names[0].queries)
    # A name that brings something keeps all of them going.
    assert min(found) >= 2
