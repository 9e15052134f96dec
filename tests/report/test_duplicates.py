"""The report's section of duplicates: from verdicts, and in a browser."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from selenium.webdriver import Chrome

from demo.server import VideoServer
from tests.curated import curated_once
from tests.report.opened_page import (
    SMALL,
    Pages,
    all_of,
    open_page,
    opened_pages,
    opened_small,
    texts_of,
)
from tests.selection.copies import ALL, copies_once, curate_listed
from videonet.report.duplicates import NO_CLUSTERS
from videonet.report.facts import facts_of


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with opened_pages(tmp_path_factory.mktemp("pages")) as pages:
        yield pages


@pytest.fixture
def small(pages: Pages) -> Chrome:
    return opened_small(pages)


def test_clusters_have_pictures_and_say_who_stays_and_why(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    with VideoServer(copies_once(tmp_path_factory.getbasetemp())) as server:
        curate_listed(server, ALL, tmp_path)
    found = facts_of(tmp_path / "out", None).duplicates
    assert found.left_out == 0
    named = {
        each.stays.video_id: [other.video_id for other in each.others] for each in found.clusters
    }
    assert named == {"large": ["small"], "here": ["there"]}
    for each in found.clusters:
        (other,) = each.others
        assert each.videos == 1
        assert each.stays.jpeg
        assert other.jpeg
        assert (each.stays.outcome, each.stays.why) == ("kept", "")
        assert (other.outcome, other.reason) == ("rejected", "duplicate")
        expected = {"small": "frames show the same", "there": "the same bytes"}
        assert other.why.endswith(expected[other.video_id])
    (size,) = {(e.stays.width, e.others[0].width) for e in found.clusters if e.videos} - {
        (240, 240)
    }
    assert size == (320, 200)


def test_where_nobody_looks_for_them_there_are_none(tmp_path_factory: pytest.TempPathFactory):
    curated = curated_once(tmp_path_factory.getbasetemp())
    assert facts_of(curated.out, None).duplicates == NO_CLUSTERS


@pytest.mark.slow
def test_the_page_shows_each_line_with_the_one_that_stays_first(small: Chrome):
    keys = [each.get_attribute("data-key") for each in all_of(small, "#duplicates li")]
    assert keys == [each.stays.video_key for each in SMALL.duplicates.clusters]
    shown = all_of(small, "#duplicates li:first-child figure")
    outcomes = [each.get_attribute("data-outcome") for each in shown]
    assert outcomes == ["kept", "rejected", "rejected"]
    assert texts_of(small, "#duplicates .note") == ["and 7 others"]
    text = texts_of(small, "#duplicates")[0]
    for part in ("stays", "marked", "500 kB a second", "360", "70 of 84 frames show the same"):
        assert part in text, text
    assert "2 more lines are left out" in text
    assert not [e for e in all_of(small, "#duplicates img") if not e.get_property("naturalWidth")]


@pytest.mark.slow
def test_a_page_without_duplicates_has_no_such_section(pages: Pages, tmp_path: Path):
    open_page(pages.chrome, tmp_path, msgspec.structs.replace(SMALL, duplicates=NO_CLUSTERS))
    assert all_of(pages.chrome, "#duplicates, nav a[href='#duplicates']") == []
