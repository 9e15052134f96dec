"""A video's page in a real browser: laptop and phone, light and dark, and the worst of titles."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.curated import curated_once
from tests.report.browser import (
    SCHEMES,
    browsing,
    complaints,
    contrast,
    prefer,
    requests,
    show,
)
from tests.report.made_up import HOSTILE
from tests.report.one_video import BOTH, changed, jpeg_of, named, shown
from videonet.report.video_sheet.page import sheet_of
from videonet.report.video_sheet.view import FrameView, VideoView
from videonet.schemas.reason import Outcome, Reason

pytestmark = pytest.mark.slow

WIDTHS = (1280, 390)


class Pages(NamedTuple):
    """The browser, and files that it may open."""

    chrome: Chrome
    plain: Path
    hostile: Path


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> VideoView:
    return shown(curated_once(tmp_path_factory.getbasetemp()).out, BOTH)


@pytest.fixture(scope="module")
def pages(view: VideoView, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("pages")
    with browsing() as chrome:
        pages = Pages(chrome, folder / "plain.html", folder / "hostile.html")
        pages.plain.write_text(sheet_of(view), "utf-8")
        pages.hostile.write_text(sheet_of(hostile(view)), "utf-8")
        yield pages


def hostile(view: VideoView) -> VideoView:
    """The worst that titles, names and files may hold: markup, long words, frames of odd shapes."""
    worst = " ".join(HOSTILE)
    told = changed(
        view,
        outcome=Outcome.FAILED,
        reason=Reason.UNDECODABLE,
        title=worst,
        url="https://videos.example/" + "x" * 2_000,
        channel="ö" * 900,
        error=worst,
        video_id="w" * 300,
        codec="m" * 200,
    )
    frames = tuple(
        FrameView(number, jpeg_of(Image.new("RGB", size, "#2b6cd4")))
        for number, size in enumerate([(10, 900), (900, 10), (4, 4), (1920, 1080)])
    )
    return replace(
        named(told, worst),
        clips=tuple(replace(each, frames=frames, labels=(worst,)) for each in view.clips),
        label_names=(worst,) * len(view.label_names),
        notes=(worst, "x" * 500),
    )


@pytest.mark.parametrize("page", ["plain", "hostile"])
def test_it_opens_without_a_complaint_and_asks_for_nothing_else(pages: Pages, page: str):
    file: Path = getattr(pages, page)
    complaints(pages.chrome), requests(pages.chrome)
    show(pages.chrome, file)
    assert _all(pages.chrome, "#verdicts li")
    assert complaints(pages.chrome) == []
    asked = requests(pages.chrome)
    assert {each for each in asked if not each.startswith("data:")} == {file.as_uri()}


def test_its_policy_refuses_scripts_and_pictures_of_others(pages: Pages):
    show(pages.chrome, pages.plain)
    complaints(pages.chrome)
    pages.chrome.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'window.injected = true'; document.body.append(script);"
        "document.body.append(Object.assign(new Image(), {src: 'https://videos.example/1.gif'}));"
    )
    assert pages.chrome.execute_script("return window.injected") is None
    said = complaints(pages.chrome)
    assert any("img-src" in each for each in said)
    assert any("default-src 'none'" in each for each in said)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["plain", "hostile"])
def test_it_does_not_scroll_sideways(pages: Pages, page: str, width: int):
    show(pages.chrome, getattr(pages, page), width)
    pages.chrome.execute_script("document.querySelector('details').open = true")
    wide = pages.chrome.execute_script("return document.documentElement.scrollWidth")
    assert wide == width


@pytest.mark.parametrize("width", WIDTHS)
def test_every_picture_is_drawn_undistorted_and_within_its_place(pages: Pages, width: int):
    for page in (pages.plain, pages.hostile):
        show(pages.chrome, page, width)
        pictures = pages.chrome.execute_script(_PICTURES)
        assert len(pictures) >= 8
        for natural, drawn, border, place in pictures:
            across, down = (side - 2 * border for side in drawn)
            assert max(natural) > 0
            # As near to its own shape as whole pixels are.
            scale = max(across / natural[0], down / natural[1])
            assert across == pytest.approx(natural[0] * scale, abs=1)
            assert down == pytest.approx(natural[1] * scale, abs=1)
            assert drawn[0] <= place
            assert drawn[1] <= 300


@pytest.mark.parametrize("width", WIDTHS)
def test_a_thread_leads_from_each_thumbnail_to_its_frame(pages: Pages, width: int):
    show(pages.chrome, pages.plain, width)
    threads = [each.rect for each in _all(pages.chrome, ".threads line")]
    thumbnails = _all(pages.chrome, ".thumbnails figure")
    bars = _all(pages.chrome, ".plot .whole")
    assert len(threads) == len(thumbnails) >= 4
    for thread, thumbnail in zip(threads, thumbnails, strict=True):
        bar = bars[int(thumbnail.get_attribute("data-frame"))].rect
        ends = [_middle(thumbnail.find_element(By.TAG_NAME, "img").rect), _middle(bar)]
        drawn = [thread["x"], thread["x"] + thread["width"]]
        assert drawn == pytest.approx(sorted(ends), abs=2)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_has_enough_contrast(pages: Pages, view: VideoView, tmp_path: Path, scheme: str):
    prefer(pages.chrome, scheme)
    reasons = {Outcome.REJECTED: Reason.NO_TOP1_MATCH, Outcome.FAILED: Reason.PRIVATE}
    for outcome in Outcome:
        page = tmp_path / f"{outcome}.html"
        told = changed(view, outcome=outcome, reason=reasons.get(outcome), error="an error")
        page.write_text(sheet_of(replace(told, notes=("a note",))), "utf-8")
        show(pages.chrome, page)
        some = [".reason"] if outcome in reasons else []
        for selector in (*_TEXTS, *some):
            assert contrast(pages.chrome, selector) >= 4.5, (outcome, selector)


_TEXTS = (
    *("h1", ".address", ".facts", ".ids", ".notice", ".outcome", "#verdicts p", ".error", ".help"),
    *(".thumbnails span", ".key", ".lane p", "summary", ".moments figcaption"),
)

# Of each: its own size, how large it is drawn, its border, and the width of its place.
_PICTURES = """
return [...document.images].map((image) => {
  const {width, height} = image.getBoundingClientRect();
  const border = parseFloat(getComputedStyle(image).borderTopWidth);
  const natural = [image.naturalWidth, image.naturalHeight];
  return [natural, [width, height], border, image.parentElement.clientWidth];
});
"""


def _middle(rect: dict[str, float]) -> float:
    return rect["x"] + rect["width"] / 2


def _all(chrome: Chrome, selector: str) -> list:
    return chrome.find_elements(By.CSS_SELECTOR, selector)
