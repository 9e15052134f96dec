"""The page of a comparison in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from selenium.webdriver import Chrome

from tests.evaluation.written import DAVIS, in_training, result, with_numbers
from tests.report.browser import SCHEMES, browsing, complaints, contrast, prefer, requests, show
from videonet.evaluation.comparison import compare
from videonet.evaluation.page.render import render

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    confirmed = msgspec.structs.replace(DAVIS, mark="paper")
    evil = msgspec.structs.replace(result().model, architecture="<script>document.title='no'")
    runs = [
        in_training(folder / "a", with_numbers(J=(0.7, 0.66, 0.74), F=(0.7, 0.6, 0.8))),
        in_training(folder / "b", with_numbers(J=(0.6, 0.55, 0.65), F=(0.6, 0.5, 0.7))),
        in_training(folder / "c", result(model=evil, protocol=confirmed)),
    ]
    file = folder / "page.html"
    file.write_text(render(compare(runs, with_paper=True)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    with browsing() as chrome:
        yield chrome


def all_of(chrome: Chrome, selector: str, what: str = "textContent") -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e[arguments[1]])"
    return [str(each).strip() for each in chrome.execute_script(script, selector, what)]


def boxes(chrome: Chrome, selector: str) -> list[dict[str, float]]:
    script = (
        "return [...document.querySelectorAll(arguments[0])]"
        ".map((e) => e.getBoundingClientRect().toJSON())"
    )
    found: list[dict[str, float]] = chrome.execute_script(script, selector)
    return found


def test_it_opens_without_a_complaint_and_asks_for_nothing_else(page, chrome):
    complaints(chrome), requests(chrome)
    show(chrome, page)
    assert chrome.title == "Evaluations compared"
    assert complaints(chrome) == []
    assert {each for each in requests(chrome) if not each.startswith("data:")} == {page.as_uri()}


def test_what_must_be_known_first_comes_first(page, chrome):
    show(chrome, page)
    assert all_of(chrome, "main > p")[0].startswith("No protocol here is confirmed as the paper's")


def test_each_result_is_a_dot_where_its_number_is_on_the_axis(page, chrome):
    show(chrome, page)
    values = all_of(chrome, "g.band:first-of-type .value")
    assert values == ["70.0", "60.0", "61.0"]
    middles = [each["x"] + each["width"] / 2 for each in boxes(chrome, "g.band:first-of-type .dot")]
    intervals = boxes(chrome, "g.band:first-of-type .interval")
    # By two of them, where the third is.
    scale = (middles[0] - middles[1]) / (70 - 60)
    assert middles[2] == pytest.approx(middles[1] + scale, abs=1)
    for dot, interval, (low, high) in zip(
        middles, intervals, [(66, 74), (55, 65), (58, 64)], strict=True
    ):
        assert interval["width"] == pytest.approx(scale * (high - low), abs=1)
        assert interval["x"] < dot < interval["right"]


def test_protocols_that_are_not_the_papers_are_hollow(page, chrome):
    show(chrome, page)
    script = "return getComputedStyle(document.querySelectorAll('.band .dot')[arguments[0]]).fill"
    surface, filled = (chrome.execute_script(script, place) for place in (0, 2))
    assert surface == chrome.execute_script(
        "return getComputedStyle(document.querySelector('.wide')).backgroundColor"
    )
    assert filled != surface


def test_no_label_lies_on_another_one_or_beyond_the_plot(page, chrome):
    show(chrome, page)
    plot = boxes(chrome, "#plot")[0]
    texts = boxes(chrome, "#plot text")
    for place, one in enumerate(texts):
        assert plot["left"] <= one["left"] <= one["right"] <= plot["right"]
        for other in texts[place + 1 :]:
            apart = one["right"] <= other["left"] or other["right"] <= one["left"]
            # The boxes of letters are higher than letters are.
            above = one["bottom"] <= other["top"] + 3 or other["bottom"] <= one["top"] + 3
            assert apart or above


def test_what_is_bold_is_better_than_all_others(page, chrome):
    show(chrome, page)
    assert all_of(chrome, "#numbers strong") == ["70.0"]


def test_the_paper_stands_beside(page, chrome):
    show(chrome, page)
    labels = all_of(chrome, "g.band:first-of-type g.paper")
    assert labels == ["MoCLR, paper 63.1", "supervised, paper 63.7", "VITO, paper 65.5"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_can_be_read_in_light_and_in_dark(page, chrome, scheme):
    prefer(chrome, scheme)
    show(chrome, page)
    for selector in ("h1", "#first", "#numbers td", "#numbers .quiet", "#protocols li"):
        assert contrast(chrome, selector) >= 4.5


def test_a_narrow_window_scrolls_tables_and_not_the_page(page, chrome):
    show(chrome, page, width=360)
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= 360
