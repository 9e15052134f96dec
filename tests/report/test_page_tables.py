"""The tables of the report's page in a real browser."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.report.browser import show
from tests.report.made_up import made_up
from tests.report.opened_page import (
    LARGE,
    SMALL,
    Pages,
    all_of,
    column_of,
    open_page,
    opened_pages,
    opened_small,
    texts_of,
)
from videonet.report.page.content import Advice, ClassRow, Funnel, NameRow, PageFacts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with opened_pages(tmp_path_factory.mktemp("pages")) as pages:
        yield pages


@pytest.fixture
def small(pages: Pages) -> Chrome:
    """The small page, just opened."""
    return opened_small(pages)


def test_a_class_unfolds_to_its_reasons(small: Chrome):
    row = SMALL.classes[0]
    button = small.find_element(By.CSS_SELECTOR, f"tr[data-class='{row.target_id}'] .fold")
    small.execute_script("arguments[0].click()", button)
    assert button.get_attribute("aria-expanded") == "true"
    for reason, pairs in {**row.rejected, **row.failed}.items():
        drawn = all_of(small, f"#classes .details [data-reason={reason}]")
        assert [each.get_attribute("data-value") for each in drawn] == [str(pairs)] * bool(pairs)


def test_a_table_sorts_by_the_head_that_is_clicked(small: Chrome):
    expected = sorted(row.funnel.clips for row in SMALL.classes)
    head = small.find_element(By.CSS_SELECTOR, "#classes th[data-column=clips]")
    small.execute_script("arguments[0].click()", head.find_element(By.TAG_NAME, "button"))
    assert head.get_attribute("aria-sort") == "descending"
    assert column_of(small, "#classes", "clips") == expected[::-1]
    # With the keyboard it is the same.
    head.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "ascending"
    assert column_of(small, "#classes", "clips") == expected
    sorted_heads = all_of(small, "#classes th:not([aria-sort=none])")
    assert sorted_heads == [head]


def test_a_search_narrows_a_table(small: Chrome):
    field = small.find_element(By.CSS_SELECTOR, "#names input")
    field.send_keys("SWALLÓW")
    assert [row.get_attribute("data-name") for row in all_of(small, "#names tr[data-name]")] == [
        "swallowtail"
    ]
    assert texts_of(small, "#names [role=status]") == [f"1 of {len(SMALL.names)} names"]


def test_a_class_can_be_looked_at_alone(small: Chrome):
    row = SMALL.classes[1]
    button = small.find_element(By.CSS_SELECTOR, f"#classes [data-pick='{row.target_id}']")
    small.execute_script("arguments[0].click()", button)
    assert button.get_attribute("aria-pressed") == "true"
    for each in ("#names tr[data-class]", "#confusions tr[data-class]", "#pictures figure"):
        drawn = all_of(small, each)
        assert {found.get_attribute("data-class") for found in drawn} == {row.target_id}
    chips = all_of(small, "[data-chip] button")
    assert all(row.name in chip.text for chip in chips)
    small.execute_script("arguments[0].click()", chips[0])
    assert not all_of(small, "[data-chip] button")
    shown = {each.get_attribute("data-class") for each in all_of(small, "#pictures figure")}
    assert shown == {each.target_id for each in SMALL.classes}


def test_every_head_of_a_table_says_what_is_below(small: Chrome):
    heads = small.execute_script(
        "return [...document.querySelectorAll('thead th')].map((each) => each.textContent)"
    )
    assert len(heads) > 20
    assert all(each.strip() for each in heads)


def test_a_thousand_classes_open_and_sort_while_one_waits(pages: Pages):
    begun = time.monotonic()
    show(pages.chrome, pages.large)
    opened = time.monotonic() - begun
    assert len(all_of(pages.chrome, "#classes tr[data-class]")) == 25
    pages.chrome.execute_script("document.querySelectorAll('#classes .more button')[1].click()")
    assert len(all_of(pages.chrome, "#classes tr[data-class]")) == 1000
    took = pages.chrome.execute_script(
        "const begun = performance.now();"
        "document.querySelector('#classes th[data-column=candidates] button').click();"
        "document.body.offsetHeight; return performance.now() - begun"
    )
    expected = sorted((row.funnel.candidates for row in LARGE.classes), reverse=True)
    assert column_of(pages.chrome, "#classes", "candidates") == expected
    # It takes a tenth of these on an idle machine.
    assert opened < 20
    assert took < 5000


def test_classes_of_one_name_are_told_apart(pages: Pages):
    show(pages.chrome, pages.large)
    pages.chrome.find_element(By.CSS_SELECTOR, "#classes input").send_keys("crane")
    assert set(texts_of(pages.chrome, "#classes .pick")) == {
        "crane (n00000007)",
        "crane (n00000008)",
    }


def test_tables_open_with_what_has_data_worst_yield_first(pages: Pages, tmp_path: Path):
    open_page(pages.chrome, tmp_path, _mostly_empty(made_up(hostile=False)))
    shown = [each.get_attribute("data-class") for each in all_of(pages.chrome, "#classes tbody tr")]
    worst_first = sorted(
        made_up(hostile=False).classes,
        key=lambda row: (row.funnel.kept / row.funnel.candidates, -row.funnel.candidates),
    )
    assert shown == [row.target_id for row in worst_first]
    assert texts_of(pages.chrome, "#classes [role=status]") == [
        "6 of 106 classes; the others have no candidate"
    ]
    assert "0" not in texts_of(pages.chrome, "#names td[data-column=candidates]")
    # They are there for who looks for them.
    search = pages.chrome.find_element(By.CSS_SELECTOR, "#classes input")
    search.send_keys("empty no. 7")
    assert len(all_of(pages.chrome, "#classes tbody tr")) == 11
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys(Keys.DELETE)
    (button,) = all_of(pages.chrome, "#classes .more button")
    assert button.text == "Show 100 with no candidate"
    button.send_keys(Keys.ENTER)
    assert len(all_of(pages.chrome, "#classes tbody tr")) == 106
    active = pages.chrome.switch_to.active_element
    assert active == all_of(pages.chrome, "#classes tbody tr")[6]


def test_an_answer_leads_to_a_class_without_a_candidate_too(pages: Pages, tmp_path: Path):
    facts = _mostly_empty(made_up(hostile=False))
    advice = Advice(about="empty no. 50", text="empty no. 50: no title names it.")
    open_page(pages.chrome, tmp_path, msgspec.structs.replace(facts, thin=(advice,)))
    pages.chrome.find_element(By.CSS_SELECTOR, "[data-answer=thin] a").send_keys(Keys.ENTER)
    (row,) = all_of(pages.chrome, ".pointed")
    assert row.get_attribute("data-class") == "empty50"


def test_a_class_without_a_candidate_shows_its_names_when_it_is_picked(
    pages: Pages, tmp_path: Path
):
    open_page(pages.chrome, tmp_path, _mostly_empty(made_up(hostile=False)))
    pages.chrome.find_element(By.CSS_SELECTOR, "#classes input").send_keys("empty no. 50")
    pages.chrome.find_element(By.CSS_SELECTOR, "#classes [data-pick]").send_keys(Keys.ENTER)
    (row,) = all_of(pages.chrome, "#names tr[data-name]")
    assert row.get_attribute("data-name") == "empty no. 50"


def test_a_table_that_is_wider_than_a_phone_scrolls_and_says_so(pages: Pages):
    show(pages.chrome, pages.large, 390)
    for place in ("#classes", "#names"):
        (scroller,) = all_of(pages.chrome, f"{place} .scroller")
        (hint,) = all_of(pages.chrome, f"{place} .swipe")
        assert (hint.is_displayed(), hint.text) == (True, "more columns to the right →")
        pages.chrome.execute_script("arguments[0].scrollLeft = 9999", scroller)
        WebDriverWait(pages.chrome, 60).until(lambda _, hint=hint: not hint.is_displayed())
    # Where all columns are seen, there is nothing to say.
    show(pages.chrome, pages.large, 1280)
    assert not any(each.is_displayed() for each in all_of(pages.chrome, ".swipe"))


def _mostly_empty(facts: PageFacts) -> PageFacts:
    """The facts with a hundred classes before the others that no title names."""
    nothing = dict.fromkeys(Funnel.__struct_fields__, 0) | {"titles": None}
    names = [f"empty no. {index}" for index in range(100)]
    rows = tuple(
        ClassRow(
            target_id=f"empty{index}",
            name=name,
            funnel=Funnel(**nothing),
            quota=40,
            rejected={},
            failed={},
        )
        for index, name in enumerate(names)
    )
    counts = dict.fromkeys(("candidates", "kept", "no_match", "other", "only", "only_kept"), 0)
    searched = dict.fromkeys(("queries", "results", "new"))
    brought = tuple(
        NameRow(target_id=row.target_id, name=row.name, **counts, **searched) for row in rows
    )
    return msgspec.structs.replace(facts, classes=rows + facts.classes, names=brought + facts.names)
