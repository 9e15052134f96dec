"""A data set from YouTube: yt-dlp's own search, extraction and download, over a local site."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.curating import bytes_of, curate, verdicts_of
from tests.site import (
    CLASSES,
    Condition,
    SiteVideo,
    VideoSite,
    deserved,
    installed,
    make_videos,
    shared_films,
)
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Policy
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir


class World(NamedTuple):
    """A run over a site with every trouble there is, and the next run over the same."""

    videos: dict[str, SiteVideo]
    out: Path
    first: Manifest
    second: Manifest
    bytes: dict[str, str]
    # requests, by video and kind
    asked: Counter[tuple[str | None, str]]
    asked_again: Counter[tuple[str | None, str]]
    verdicts: list[Verdict]


# Of so many, a good thousand have titles that name a class.
VIDEOS = 1_130

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("youtube")
    (folder / "classes.txt").write_text(CLASSES)
    videos = make_videos(shared_films(tmp_path_factory.getbasetemp()), VIDEOS)
    with VideoSite(videos) as site, installed(site):
        first = curate("youtube", folder / "classes.txt", folder)
        before = len(site.requests())
        verdicts, content = verdicts_of(folder / "out"), bytes_of(folder / "out")
        second = curate("youtube", folder / "classes.txt", folder)
        requests = site.requests()
    kinds = [(each.video, each.kind) for each in requests]
    return World(
        {video.id: video for video in videos},
        folder / "out",
        first,
        second,
        content,
        Counter(kinds[:before]),
        Counter(kinds[before:]),
        verdicts,
    )


def test_each_verdict_is_the_one_that_its_cause_deserves(world: World):
    due = {
        (video.id, target): deserved(video, target)
        for video in world.videos.values()
        for target in video.names
    }
    assert len({video_id for video_id, _ in due}) >= 0.885 * len(world.videos)
    given = {
        (each.video.video_id, each.target_id): (each.outcome, each.reason)
        for each in world.verdicts
    }
    assert len(given) == len(world.verdicts)
    assert given == due


def test_every_condition_of_the_site_is_among_them(world: World):
    named = Counter(video.condition for video in world.videos.values() if video.names)
    assert set(named) == set(Condition)
    assert min(named.values()) >= len(world.videos) // 200


def test_the_accounts_balance(world: World):
    lookup = DatasetDir(world.out).lookup()
    assert lookup is not None
    for manifest in (world.first, world.second):
        counts = manifest.totals.verdicts
        assert counts.pairs == lookup.pairs == len(world.verdicts)
        assert counts.pairs == (
            counts.kept + sum(counts.rejected.values()) + sum(counts.failed.values())
        )
    assert lookup.titles == sum(name.results for each in lookup.searches for name in each.names)


def test_what_is_permanent_is_asked_once_and_by_no_later_run(world: World):
    permanent = [
        each.video.video_id
        for each in world.verdicts
        if each.reason is not None
        and each.reason.policy is Policy.NEVER
        and not world.videos[each.video.video_id].condition.passes
    ]
    assert len(permanent) > 0.354 * len(world.videos)
    assert {world.asked[video, "page"] for video in permanent} <= {0, 1}
    assert {world.asked_again[video, "page"] for video in permanent} == {0}


def test_what_may_have_passed_is_asked_again_by_the_next_run(world: World):
    passing = {
        each.video.video_id
        for each in world.verdicts
        if each.reason is not None and each.reason.policy is not Policy.NEVER
    }
    assert passing
    assert {video for video, kind in world.asked_again if kind == "page"} == passing


def test_what_else_a_page_says_is_in_the_account_without_secrets(world: World):
    seen = [each for each in world.verdicts if each.frames_scanned]
    assert seen
    for each in seen:
        site, video = world.videos[each.video.video_id], each.video
        assert video.upload_date == (site.uploaded and site.uploaded.strftime("%Y%m%d"))
        assert video.description is not None
        assert video.description.endswith("https://example.org/?token=REDACTED")
        assert video.tags is not None
        assert "film" in video.tags
        assert (video.category, video.age_limit) == ("Film & Animation", 0)
        # The clock is for the store alone to know.
        assert video.asked is None
    assert any(each.video.upload_date for each in seen)


def test_the_next_run_searches_for_nothing_and_makes_the_same_data_set(world: World):
    assert world.asked[None, "search"] > 0
    assert world.asked_again[None, "search"] == 0
    assert bytes_of(world.out) == world.bytes
