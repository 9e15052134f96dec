"""A plan over a site that is searched: how much it asks, and that the run asks none of it again."""

from pathlib import Path

import pytest

from tests.curating import curate
from tests.planning.test_pilot import plan
from tests.site import CLASSES, VideoSite, installed, make_videos, shared_films

pytestmark = pytest.mark.slow


def test_a_plan_says_how_much_it_searches_and_the_run_asks_none_of_it_again(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    (tmp_path / "classes.txt").write_text(CLASSES)
    videos = make_videos(shared_films(tmp_path_factory.getbasetemp()), 30)
    with VideoSite(videos) as site, installed(site):
        pilot, found, said = plan(tmp_path, "search:sitesearch", tmp_path / "classes.txt", 8)
        first = [(each.video, each.kind) for each in site.requests()]
        plan(tmp_path, "search:sitesearch", tmp_path / "classes.txt", 8)
        assert len(site.requests()) == len(first)
        curate("search:sitesearch", tmp_path / "classes.txt", tmp_path)
        second = [(each.video, each.kind) for each in site.requests()][len(first) :]
    assert any(each.startswith("Searching for") and "asks" in each for each in said)
    searches = {each for each in first if each[0] is None}
    assert searches
    assert not searches & set(second)
    assert len(pilot.observed) == found.sampled == 8
    ended = {each.video_key.removeprefix("youtube:") for each in pilot.observed if each.moved}
    assert ended
    assert not [each for each in second if each[0] in ended]
