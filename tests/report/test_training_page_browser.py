"""A training's page in a real browser: of one that is whole, and of one that died at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.report.browser import (
    SCHEMES,
    browsing,
    complaints,
    contrast,
    prefer,
    requests,
    show,
)
from tests.report.made_up_training import session, step_line, usual_lines, write_training
from tests.report.opened_page import all_of, texts_of
from videonet.report.training_page.attention import MOST
from videonet.report.training_page.facts import facts_of
from videonet.report.training_page.render import save_page
from videonet.training.log_lines import EvaluationLine

pytestmark = pytest.mark.slow

HOSTILE = "</style><script>document.title = 'mine'</script>" + "x" * 300


class Pages(NamedTuple):
    """The browser, and files that it may open."""

    chrome: Chrome
    whole: Path
    dead: Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("trainings")
    sessions = [session(end="interrupted", until=250), session(250, end="finished")]
    pictures = range(10, 610, 10)
    whole = write_training(folder / "whole", usual_lines(), sessions, pictures, ["train.seed=7"])
    failed = session(end="failed", said=HOSTILE, device=HOSTILE)
    lines = [step_line(1, loss=float("nan")), EvaluationLine(1, HOSTILE, {HOSTILE: 0.5})]
    dead = write_training(folder / "dead", lines, [failed])
    with browsing() as chrome:
        yield Pages(chrome, *(save_page(facts_of(run), run) for run in (whole, dead)))


@pytest.mark.parametrize("page", ["whole", "dead"])
def test_it_opens_without_a_complaint_and_asks_for_nothing_else(pages: Pages, page: str):
    file: Path = getattr(pages, page)
    complaints(pages.chrome), requests(pages.chrome)
    show(pages.chrome, file)
    assert texts_of(pages.chrome, "section > h2")[0] == "Learning"
    assert complaints(pages.chrome) == []
    asked = {each for each in requests(pages.chrome) if not each.startswith("data:")}
    assert asked == {file.as_uri()}
    assert pages.chrome.title.endswith(": training")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", ["whole", "dead"])
def test_it_does_not_scroll_sideways(pages: Pages, page: str, width: int):
    show(pages.chrome, getattr(pages, page), width)
    wide = pages.chrome.execute_script("return document.documentElement.scrollWidth")
    assert wide == width


def test_whether_it_learned_is_seen_without_scrolling(pages: Pages):
    show(pages.chrome, pages.whole)
    said = pages.chrome.find_element(By.CSS_SELECTOR, ".learned")
    assert said.text.startswith("It learned: a frame finds another moment of its video in 45%")
    assert said.rect["y"] + said.rect["height"] < 800


def test_each_curve_is_within_its_drawing_and_goes_down_where_the_loss_falls(pages: Pages):
    show(pages.chrome, pages.whole)
    charts = [each.get_attribute("data-chart") for each in all_of(pages.chrome, "[data-chart]")]
    assert charts == [
        *("loss", "learning_rate", "target_momentum", "evaluation retrieval"),
        *("images_per_second", "waiting"),
    ]
    for curve in all_of(pages.chrome, ".curve"):
        drawing = curve.find_element(By.XPATH, "../..").rect
        drawn = curve.rect
        assert drawing["x"] - 1 <= drawn["x"]
        assert drawn["x"] + drawn["width"] <= drawing["x"] + drawing["width"] + 1
        assert drawing["y"] - 1 <= drawn["y"]
        assert drawn["y"] + drawn["height"] <= drawing["y"] + drawing["height"] + 1
    script = (
        "const all = document.querySelector('[data-chart=loss] .curve').points;"
        "return [all[0].y, all[all.length - 1].y]"
    )
    first, last = pages.chrome.execute_script(script)
    assert first < last  # counted from the top


def test_one_picture_is_seen_and_arrow_keys_go_to_those_before(pages: Pages):
    show(pages.chrome, pages.whole)

    def seen() -> list[str]:
        figures = all_of(pages.chrome, ".over-time figure")
        assert len(figures) == MOST
        return [each.get_attribute("data-step") for each in figures if each.is_displayed()]

    assert seen() == ["600"]
    chosen = pages.chrome.find_element(By.CSS_SELECTOR, ".over-time input:checked")
    chosen.send_keys(Keys.ARROW_LEFT)
    assert seen() == ["550"]
    pages.chrome.execute_script("document.querySelector('.over-time label').click()")
    assert seen() == ["10"]
    picture = pages.chrome.find_element(By.CSS_SELECTOR, "figure[data-step='10'] img")
    assert picture.get_property("naturalWidth") == 600


@pytest.mark.parametrize("scheme", SCHEMES)
def test_texts_can_be_read_in_light_and_dark(pages: Pages, scheme: str):
    prefer(pages.chrome, scheme)
    show(pages.chrome, pages.whole)
    for selector in (
        *(".summary", ".learned", ".state", ".help", ".sizes .note", ".curves td", ".curves th"),
        *(".over-time input:checked + label", ".over-time label", ".settings th", ".plain td"),
    ):
        assert contrast(pages.chrome, selector) >= 4.5, selector
    prefer(pages.chrome, "light")
