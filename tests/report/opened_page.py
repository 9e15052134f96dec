"""The report's page as its tests open it, in a browser: drawn from the worst of titles."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.report.browser import browsing, prefer, show
from tests.report.made_up import made_up
from videonet.report.page.content import PageFacts
from videonet.report.page.render import render_page

SMALL = made_up()
LARGE = made_up(classes=1000, per_class=5000)


class Pages(NamedTuple):
    """The browser, and files that it may open."""

    chrome: Chrome
    small: Path
    large: Path


@contextmanager
def opened_pages(folder: Path) -> Iterator[Pages]:
    """The browser, with both pages written into `folder`."""
    with browsing() as chrome:
        pages = Pages(chrome, folder / "small.html", folder / "large.html")
        pages.small.write_text(render_page(SMALL), "utf-8")
        pages.large.write_text(render_page(LARGE), "utf-8")
        yield pages


def opened_small(pages: Pages) -> Chrome:
    """The browser at the small page, just opened."""
    prefer(pages.chrome, "light")
    show(pages.chrome, pages.small)
    return pages.chrome


def open_page(chrome: Chrome, folder: Path, facts: PageFacts) -> None:
    page = folder / "page.html"
    page.write_text(render_page(facts), "utf-8")
    show(chrome, page)


def part_of(chrome: Chrome, bar: object) -> str:
    return chrome.execute_script("return arguments[0].style.getPropertyValue('--part')", bar)


def all_of(chrome: Chrome, selector: str) -> list:
    return chrome.find_elements(By.CSS_SELECTOR, selector)


def texts_of(chrome: Chrome, selector: str) -> list[str]:
    return [each.text.strip() for each in all_of(chrome, selector)]


def cells_of(chrome: Chrome, row: str) -> dict[str, str]:
    script = (
        "return Object.fromEntries([...document.querySelectorAll(arguments[0])]"
        ".map((each) => [each.dataset.column, each.dataset.value]))"
    )
    return chrome.execute_script(script, f"{row} > td")


def column_of(chrome: Chrome, table: str, column: str) -> list[int]:
    script = (
        "return [...document.querySelectorAll(arguments[0])].map((e) => Number(e.dataset.value))"
    )
    return chrome.execute_script(script, f"{table} td[data-column={column}]")


def class_named(name: str) -> str:
    return next(row.target_id for row in LARGE.classes if row.name == name)
