"""A site that keeps refusing, that is choosy about licences, or wants to know who asks."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from demo.train_classifier import MODEL
from tests.curated import Ended, videonet
from tests.curating import curate, verdicts_of
from tests.local import TYPED
from tests.site import (
    CLASSES,
    CREATIVE_COMMONS,
    Condition,
    Film,
    SiteVideo,
    VideoSite,
    installed,
    shared_films,
)
from tests.site.videos import NAMES
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Licence
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir

pytestmark = pytest.mark.slow

# Ten pauses, each twice as long as the one before, are seconds then.
QUICK = ("--requests-per-second", "10000", "--per-host", "2", "--downloads", "2")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return shared_films(tmp_path_factory.getbasetemp())[("balloon",), 12]


@pytest.fixture
def videos(film: Film) -> list[SiteVideo]:
    return [SiteVideo(f"{index:011}", f"Balloon {index}", film) for index in range(24)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "classes.txt").write_text(CLASSES)
    return tmp_path


def typed(folder: Path, *more: str) -> list[str]:
    return [
        *("curate", "--targets", str(folder / "classes.txt"), "--source", "youtube"),
        *("--classifier", str(MODEL), "--store", str(folder / "store")),
        *("--out", str(folder / "out"), *QUICK, *TYPED, *more),
    ]


def reasons(folder: Path) -> Counter[Reason | None]:
    return Counter(verdict.reason for verdict in verdicts_of(folder / "out"))


def said(ended: Ended) -> str:
    return " ".join(ended.stdout.split())


# A site that keeps refusing.


@pytest.mark.slow
@pytest.mark.parametrize("how", ["status", "words"])
def test_a_site_that_keeps_refusing_is_left_alone_and_taken_up_again_by_the_next_run(
    folder: Path, videos: list[SiteVideo], how: str
):
    with VideoSite(videos, page_size=50) as site, installed(site):
        if how == "status":
            # The searches, a page and a file for some videos; then nothing any more.
            site.refuse_after(sum(map(len, NAMES.values())) + 8)
        else:
            site.suspect()
        ended = videonet(*typed(folder, "--search-patience", "1"))
        refused = len(site.requests("page"))
        first = reasons(folder)
        site.relent()
        again = videonet(*typed(folder, "--search-patience", "1"))
    assert ended.code == 3
    assert "kept refusing" in said(ended)
    assert "run the same command again after 20" in said(ended)
    assert first[Reason.RATE_LIMITED] >= 12
    assert sum(first.values()) == len(videos)
    if how == "status":
        # What was fetched before is judged and in the shards.
        assert first[None] > 0
    # Ten refusals in a row, a few of them at once, and not one request for each that was left.
    assert refused < 4 + 2 * 10
    assert again.code == 0
    assert reasons(folder) == Counter({None: len(videos)})


def test_those_that_were_not_asked_for_say_so_and_when_to_come_back(
    folder: Path, videos: list[SiteVideo]
):
    with VideoSite(videos) as site, installed(site):
        site.suspect()
        videonet(*typed(folder))
    untried = [each for each in verdicts_of(folder / "out") if each.attempts == 0]
    assert len(untried) > len(videos) / 2
    for verdict in untried:
        assert verdict.reason is Reason.RATE_LIMITED
        assert verdict.error is not None
        assert verdict.error.startswith("not asked: 127.0.0.1:")
        assert "come back after 20" in verdict.error
    facts = json.loads((folder / "out/run.json").read_bytes())
    (closed,) = facts["hosts_no_longer_asked"]
    assert closed["refusals"] >= 10


@pytest.mark.slow
def test_a_run_that_goes_on_after_an_interruption_says_so_too(
    folder: Path, videos: list[SiteVideo]
):
    with VideoSite(videos) as site, installed(site):
        site.suspect()
        assert videonet(*typed(folder)).code == 3
        # As if it had been killed just before its end.
        (folder / "out/manifest.json").unlink()
        ended = videonet(*typed(folder))
    assert ended.code == 3
    assert "run the same command again" in said(ended)


def test_a_long_wait_that_the_site_asks_for_ends_the_asking_at_once(
    folder: Path, videos: list[SiteVideo]
):
    with VideoSite(videos) as site, installed(site):
        site.refuse_after(4 + 2, retry_after=7200)
        ended = videonet(*typed(folder))
        # Those that were on their way when it said so.
        assert len(site.requests()) <= 4 + 2 + 4
    assert ended.code == 3
    assert reasons(folder)[Reason.RATE_LIMITED] >= 20


def test_no_more_is_downloaded_from_one_host_at_once_than_is_allowed(
    folder: Path, videos: list[SiteVideo]
):
    with VideoSite(videos[:10], delay=0.05) as site, installed(site):
        curate("youtube", folder / "classes.txt", folder, per_host=2, downloads=8)
        assert site.most_at_once("page") <= 2
        assert site.most_at_once("media") <= 2


def test_a_search_that_is_refused_is_reported_and_ends_with_the_code_of_a_failed_run(
    folder: Path, videos: list[SiteVideo]
):
    with VideoSite(videos) as site, installed(site):
        site.refuse(retry_after=7200)
        ended = videonet(*typed(folder))
    assert ended.code == 3
    assert "no search was answered (rate_limited: the site asked for a pause)" in said(ended)
    assert "so it was no longer asked; run the same command again after" in said(ended)


def test_a_search_without_a_connection_ends_with_the_code_of_a_failed_run_and_says_so(
    folder: Path,
):
    ended = videonet(*typed(folder, "--proxy", "http://127.0.0.1:1"))  # no server listens there
    assert ended.code == 3
    assert "no search was answered (network: no connection, or it broke)" in said(ended)
    lookup = DatasetDir(folder / "out").lookup()
    assert lookup is not None
    assert {each.end for each in lookup.searches} == {"failed"}


# What falls short.


def test_a_class_that_is_not_full_is_reported_name_by_name(folder: Path, videos: list[SiteVideo]):
    with VideoSite(videos[:3]) as site, installed(site):
        ended = videonet(*typed(folder, "--per-class", "5"))
    assert "The quota of 5 videos was not filled for 4 of 4 classes." in said(ended)
    assert "Searches that found fewer than 5 videos" in said(ended)
    lookup = DatasetDir(folder / "out").lookup()
    assert lookup is not None
    search = next(each for each in lookup.searches if each.target_id == "balloon")
    assert search.end == "nothing new"
    assert [name.name for name in search.names] == ["balloon", "hot air balloon", "montgolfière"]
    assert sum(name.new for name in search.names) == 3
    assert search.names[2].results == 0
    assert all(name.queries >= 4 for name in search.names)


# What the source says.


@pytest.mark.slow
def test_only_creative_commons_is_downloaded_where_that_is_asked_for(folder: Path, film: Film):
    free = SiteVideo("freefreefre", "A balloon", film, licence=CREATIVE_COMMONS)
    other = SiteVideo("otherotheri", "A balloon", film, licence="Standard YouTube License")
    silent = SiteVideo("silentsilen", "A balloon", film)
    with VideoSite([free, other, silent]) as site, installed(site):
        arguments = {"source": "youtube", "targets": folder / "classes.txt", "folder": folder}
        curate(**arguments, licence=Licence.CC)
        fetched = {request.video for request in site.requests("media")}
        given = {each.video.video_id: each for each in verdicts_of(folder / "out")}
        asked = len(site.requests("page"))
        # Without the rule, the same store goes on with what it has refused before.
        curate(**arguments, out=folder / "any")
        assert len(site.requests("page")) == asked + 2
    assert fetched == {free.id}
    outcomes = {name: (each.outcome, each.reason) for name, each in given.items()}
    assert outcomes == {
        free.id: (Outcome.KEPT, None),
        other.id: (Outcome.REJECTED, Reason.LICENCE),
        silent.id: (Outcome.REJECTED, Reason.LICENCE),
    }
    assert given[free.id].video.licence == CREATIVE_COMMONS
    assert {each.outcome for each in verdicts_of(folder / "any")} == {Outcome.KEPT}


# Videos of which only the page says anything.
PAGES: dict[str, dict[str, Any]] = {
    "live": {"condition": Condition.LIVE},
    "upcoming": {"condition": Condition.UPCOMING},
    "premiere": {"condition": Condition.PREMIERE},
    "live so far": {"condition": Condition.LIVE, "declared": 4},
    "short": {"declared": 4},
}


@pytest.fixture(scope="module")
def judged(film: Film, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Verdict, int]]:
    """The verdict on each of PAGES, and the requests for its file."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "classes.txt").write_text(CLASSES)
    ids = {name: f"{name.replace(' ', '-'):_<11}" for name in PAGES}
    rows = [f"{key},https://www.youtube.com/watch?v={key},A balloon" for key in ids.values()]
    (folder / "videos.csv").write_text("\n".join(["id,url,title", *rows, ""]))
    pages = [SiteVideo(ids[name], "A balloon", film, **page) for name, page in PAGES.items()]
    with VideoSite(pages) as site, installed(site):
        curate(f"catalogue:{folder / 'videos.csv'}", folder / "classes.txt", folder)
        media = Counter(request.video for request in site.requests("media"))
    verdicts = {each.video.video_id: each for each in verdicts_of(folder / "out")}
    return {name: (verdicts[key], media[key]) for name, key in ids.items()}


@pytest.mark.parametrize(
    ("page", "reason"),
    [("live", Reason.LIVE), ("upcoming", Reason.UPCOMING), ("premiere", Reason.UPCOMING)],
)
def test_a_stream_costs_no_download_where_only_its_page_says_that_it_is_one(
    judged: dict[str, tuple[Verdict, int]], page: str, reason: Reason
):
    verdict, media = judged[page]
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, reason)
    assert media == 0


def test_the_length_so_far_of_a_live_stream_does_not_make_it_too_short(
    judged: dict[str, tuple[Verdict, int]],
):
    verdict, _ = judged["live so far"]
    assert verdict.reason is Reason.LIVE


def test_a_short_video_costs_no_download_where_only_its_page_says_how_long_it_is(
    judged: dict[str, tuple[Verdict, int]],
):
    verdict, media = judged["short"]
    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, Reason.TOO_SHORT)
    assert verdict.video.duration == 4
    assert media == 0


@pytest.mark.parametrize(
    ("options", "name"), [((), "133"), (("--yt-dlp-option", "format=18"), "18")]
)
def test_the_smallest_format_with_a_short_side_of_256_is_downloaded_if_no_other_is_asked_for(
    folder: Path, film: Film, options: tuple[str, ...], name: str
):
    with VideoSite([SiteVideo("abcdefghijk", "A balloon", film)]) as site, installed(site):
        assert videonet(*typed(folder, *options)).code == 0
        assert {each.path for each in site.requests("media")} == {f"/media/abcdefghijk/{name}.mp4"}
    (verdict,) = verdicts_of(folder / "out")
    assert min(verdict.width or 0, verdict.height or 0) == (256 if name == "133" else 72)


def test_another_search_of_yt_dlp_is_a_source_too(folder: Path, videos: list[SiteVideo]):
    with VideoSite(videos[:3]) as site, installed(site):
        manifest = curate("search:sitesearch", folder / "classes.txt", folder)
    assert manifest.totals.kept_videos == 3
    for verdict in verdicts_of(folder / "out"):
        assert verdict.source == "search"
        assert verdict.query in ("balloon", "hot air balloon")
        assert verdict.video_key.startswith("url:")


def test_one_video_that_several_queries_and_classes_find_is_one_candidate(folder: Path, film: Film):
    video = SiteVideo("abcdefghijk", "A hot air balloon and a sailboat, or yacht", film)
    with VideoSite([video]) as site, installed(site):
        manifest = curate("youtube", folder / "classes.txt", folder)
        assert len(site.requests("page")) == 1
    assert (manifest.totals.candidates, manifest.totals.verdicts.pairs) == (1, 2)
    balloon, sailboat = sorted(verdicts_of(folder / "out"), key=lambda each: each.target_id)
    assert (balloon.outcome, sailboat.reason) == (Outcome.KEPT, Reason.NO_TOP1_MATCH)
    assert balloon.matched_names == ("balloon", "hot air balloon")
    assert balloon.video_key == "youtube:abcdefghijk"
