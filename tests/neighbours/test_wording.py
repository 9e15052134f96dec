"""What is said of neighbours: cosines and images, and nothing of classifiers and titles."""

import io
import re
import shutil
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from selenium.webdriver.common.by import By

from tests.curated import Ended, sentence, videonet
from tests.neighbours.runs import material_once, whole_once
from tests.report.browser import browsing, complaints, show
from videonet.cli.outcome import show_outcome
from videonet.report.facts import facts_of
from videonet.report.page.content import PageFacts
from videonet.report.page.render import render_page
from videonet.report.video_sheet.load import load_view
from videonet.report.video_sheet.page import sheet_of
from videonet.schemas.search import NameYield, Search
from videonet.storage.dataset_dir import DatasetDir

# Words that are wrong of neighbours.
WRONG = ("probab", "classifier", "title", "confus", "synonym", "names the class")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def facts(whole: Path) -> PageFacts:
    return facts_of(whole / "out", None)


def wrong_in(text: str) -> list[str]:
    """Of the wrong words, those in a text, each with what stands around it."""
    return re.findall(f".{{0,30}}(?:{'|'.join(WRONG)}).{{0,30}}", text.lower())


def test_the_card_says_what_was_compared_with_what(whole: Path):
    card = (whole / "out" / "README.md").read_text()
    assert "\n**2 classes**.\n" in card
    assert "is among the 2 that look most like the images of its class" in card
    assert "2 classes of images, in `targets.json`" in card
    assert "Its classes are images." in card
    assert "by the embedding *colours*" in card
    assert "Of each class, the 2 nearest videos were taken" in card
    for each in ("classifier", "title that names", "titles looked at", "probable", "a synonym"):
        assert each not in card
    # What columns are called, all data sets have in common.
    assert "`best_probability` is no probability but the cosine" in card


def test_the_card_of_what_was_rebuilt_knows_what_it_was_chosen_by(
    whole: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    lock = tmp_path / "videos.lock.parquet"
    shutil.copy(whole / "out" / lock.name, lock)
    videos = material_once(tmp_path_factory.getbasetemp()) / "videos"
    ended = videonet(
        *("rebuild", lock, "--files-root", videos),
        *("--store", tmp_path / "store", "--out", tmp_path / "out"),
    )
    assert ended.code == 0, ended
    card = (tmp_path / "out" / "README.md").read_text()
    assert "whose videos are those that look most like the images of a folder" in card
    assert "found by a classifier" not in card


def test_the_report_counts_classes_of_images_and_cosines(facts: PageFacts):
    assert facts.neighbours
    assert facts.summary.startswith("4 of 7 videos found were kept. 4 videos in 2 classes give")
    assert (facts.funnel.titles, facts.names, facts.confusions) == (None, (), ())
    quotas = {row.name: (row.quota, row.funnel.candidates) for row in facts.classes}
    assert quotas["(not compared)"] == (1, 1)
    assert quotas["red"][0] == 2
    titles = {each.title: each for each in facts.histograms}
    cosines = titles["Cosine of the nearest frame with its class"]
    assert cosines.bins[-1].label == "0.9-1.0"
    assert sum(each.kept for each in cosines.bins) == 4
    assert not [each for each in facts.histograms if wrong_in(each.title + each.note)]
    assert not [each for each in facts.thin if each.about == "(not compared)"]


@pytest.mark.slow
def test_the_page_speaks_of_nothing_that_neighbours_do_not_have(facts: PageFacts, tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text(render_page(facts), "utf-8")
    with browsing() as chrome:
        show(chrome, page)
        assert complaints(chrome) == []
        text = chrome.find_element(By.TAG_NAME, "main").text
        hints = [
            each.get_attribute(name) or ""
            for name in ("title", "alt", "aria-label")
            for each in chrome.find_elements(By.CSS_SELECTOR, f"main [{name}]")
        ]
        assert wrong_in("\n".join([text, *hints])) == []
        assert "cosine 1.00" in text
        assert not chrome.find_elements(By.CSS_SELECTOR, "#names, #confusions, a[href='#names']")
        # A class is picked, and its pictures are shown alone.
        button = chrome.find_element(By.CSS_SELECTOR, "#classes button[data-pick=red]")
        chrome.execute_script("arguments[0].click()", button)
        shown = chrome.find_elements(By.CSS_SELECTOR, "#pictures figure")
        assert {each.get_attribute("data-class") for each in shown} == {"red"}


def test_the_sheet_of_a_video_says_how_near_it_is(whole: Path):
    view = load_view(whole / "out", "red-1.mp4", None, training_views=False)
    sheet = sheet_of(view)
    assert view.compared == (0, 18, 36, 54)
    assert [*view.thumbnails] == [0, 1, 2, 3]
    assert "of the 4 frames compared, 4 nearest to it, frame 0 most (cosine 1.00)" in sheet
    assert "The 4 frames that were compared" in sheet
    assert "0, 18, 36, 54 of the video" in sheet
    assert not re.search("probab|classifier", sheet)


def test_a_video_that_was_not_compared_has_a_sheet_that_says_so(whole: Path):
    view = load_view(whole / "out", "broken.mp4", whole / "store", training_views=False)
    assert "it was not compared" in sheet_of(view)


def test_the_command_that_reports_counts_no_titles(whole: Path, tmp_path: Path):
    shutil.copytree(whole / "out", tmp_path / "out")
    ended = videonet("report", tmp_path / "out", "--store", whole / "store")
    assert ended.code == 0, ended
    assert "To drop" not in ended.stdout
    assert "Pictures are from the store" in ended.stdout


def test_searches_for_candidates_are_told_by_the_classes_that_were_searched_for(whole: Path):
    output, file = DatasetDir(whole / "out"), io.StringIO()
    plan, manifest, lookup = output.plan(), output.manifest(), output.lookup()
    assert plan is not None
    assert manifest is not None
    assert lookup is not None
    brought = NameYield(name="vixen", queries=2, results=7, new=3, failed=None)
    searches = (Search(target_id="fox.n.01", end="no more queries", names=(brought,)),)
    searched = msgspec.structs.replace(lookup, searches=searches)
    show_outcome(Console(file=file, width=120), plan, manifest, output.targets(), searched, ())
    assert re.search(r"fox\.n\.01 +│ vixen", file.getvalue())
    assert "Searches that found fewer than 5,000 videos" in file.getvalue()


def test_rules_on_frames_are_not_explained_of_neighbours(whole: Path):
    ended: Ended = videonet("explain", whole / "out", "--min-frames", "2")
    assert "has neighbours of images, and rules on frames" in sentence(ended)
