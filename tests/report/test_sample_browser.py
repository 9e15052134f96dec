"""The page of a sample in a browser: what is seen, searched, marked, remembered and downloaded."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.report.browser import SCHEMES, browsing, complaints, contrast, prefer, requests, show
from tests.report.made_up import ADDRESSES, HOSTILE
from tests.report.sampled import CLASSES, hostile, kept, little_known, page_of, write_sampled
from videonet.dataset.withdrawal_list import read_list
from videonet.report.sample.choose import Asked
from videonet.schemas.record import from_json
from videonet.schemas.shown import printable
from videonet.schemas.withdrawal import ListedVideo
from videonet.storage.dataset_dir import DatasetDir

WIDTHS = (1280, 390)
VIDEOS = 21


class Pages(NamedTuple):
    """The browser, files that it may open, and where it puts what it downloads."""

    chrome: Chrome
    # of this data set
    out: Path
    plain: Path
    # the worst of titles, and videos of which little is known
    hostile: Path
    downloads: Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("samples")
    (folder / "downloads").mkdir()
    out = write_sampled(folder / "out", [kept(number) for number in range(VIDEOS)])
    worst = [hostile(number) for number in range(len(HOSTILE))]
    little = [little_known(100 + number) for number in range(3)]
    with browsing() as chrome:
        pages = Pages(
            chrome, out, folder / "plain.html", folder / "worst.html", folder / "downloads"
        )
        pages.plain.write_text(page_of(out), "utf-8")
        pages.hostile.write_text(page_of(write_sampled(folder / "worst", worst + little)), "utf-8")
        chrome.execute_cdp_cmd(
            "Browser.setDownloadBehavior",
            {"behavior": "allow", "downloadPath": str(pages.downloads)},
        )
        yield pages


@pytest.fixture
def plain(pages: Pages) -> Chrome:
    """The browser at the plain page, in which nothing is marked."""
    show(pages.chrome, pages.plain)
    pages.chrome.execute_script("localStorage.clear()")
    show(pages.chrome, pages.plain)
    complaints(pages.chrome), requests(pages.chrome)
    return pages.chrome


def every(chrome: Chrome, selector: str) -> list:
    return chrome.find_elements(By.CSS_SELECTOR, selector)


def click(chrome: Chrome, which: str, place: int) -> None:
    """Press "keep" or "drop" of the card at a place of the page."""
    button = every(chrome, f".clip .{which}")[place]
    chrome.execute_script("arguments[0].scrollIntoView({ block: 'center' })", button)
    button.click()


def text_of(chrome: Chrome, selector: str) -> str:
    return chrome.find_element(By.CSS_SELECTOR, selector).text


def visible(chrome: Chrome) -> list[str]:
    """The ids of the videos that are shown, in their order on the page."""
    return chrome.execute_script(
        "return [...document.querySelectorAll('.clip')]"
        ".filter((each) => each.checkVisibility()).map((each) => each.dataset.video)"
    )


def marked(chrome: Chrome) -> dict[str, str]:
    return chrome.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('.clip')]"
        ".map((each) => each.dataset).filter(({ mark }) => mark)"
        ".map(({ video, mark }) => [video, mark]))"
    )


def at(chrome: Chrome) -> str | None:
    """The id of the video that the keyboard is at."""
    return chrome.switch_to.active_element.get_attribute("data-video")


def press(chrome: Chrome, *keys: str) -> None:
    for key in keys:
        chrome.switch_to.active_element.send_keys(key)


@pytest.mark.parametrize("page", ["plain", "hostile"])
def test_it_opens_without_a_complaint_and_asks_for_nothing_else(pages: Pages, page: str):
    file: Path = getattr(pages, page)
    complaints(pages.chrome), requests(pages.chrome)
    show(pages.chrome, file)
    WebDriverWait(pages.chrome, 20).until(_a_loop_is_drawn)
    assert complaints(pages.chrome) == []
    asked = requests(pages.chrome)
    assert {each for each in asked if not each.startswith("data:")} == {file.as_uri()}


def _a_loop_is_drawn(chrome: Chrome) -> bool:
    return chrome.execute_script(
        "return [...document.querySelectorAll('.loop')].some((each) => each.naturalWidth === 48)"
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["plain", "hostile"])
def test_it_does_not_scroll_sideways(pages: Pages, page: str, width: int):
    show(pages.chrome, getattr(pages, page), width)
    assert pages.chrome.execute_script("return document.documentElement.scrollWidth") == width
    cards = [each.rect["height"] for each in every(pages.chrome, ".clip")]
    # A title of a thousand letters takes no more room than others.
    assert max(cards) < 560


def test_hostile_texts_stay_text_and_only_addresses_of_the_web_are_links(pages: Pages):
    complaints(pages.chrome)
    show(pages.chrome, pages.hostile)
    titles = pages.chrome.execute_script(
        "return [...document.querySelectorAll('.title')].map((each) => each.textContent)"
    )
    shown = {text if len(text) <= 500 else text[:499] + "…" for text in HOSTILE}
    assert set(titles) == {printable(each) for each in shown} | {"(no title)"}
    assert pages.chrome.execute_script("return document.querySelectorAll('[onerror]').length") == 0
    links = [each.get_attribute("href") for each in every(pages.chrome, ".clip a")]
    assert {link for link in links if not link.startswith("https://videos.example/")} == set()
    assert len(ADDRESSES) > len(set(links))
    assert complaints(pages.chrome) == []


def test_what_is_known_of_a_video_stands_on_its_card(plain: Chrome):
    (card,) = every(plain, ".clip[data-video='00009']")
    plain.execute_script("arguments[0].scrollIntoView()", card)
    lines = card.text.splitlines()
    for said in ("0.5 %", "video 9", "licence not stated", "videos.example"):
        assert said in lines
    assert "seen in 40 of 100 frames · title says" in card.text
    assert "mostly seen: yacht in 60 frames" in card.text
    assert "rank\xa09" in card.text or "rank 9" in card.text
    assert card.find_element(By.CSS_SELECTOR, "a").get_attribute("href").endswith("/9")
    assert card.find_element(By.CSS_SELECTOR, ".id").text == "00009"


def test_a_search_answers_with_the_clips_that_have_all_words(plain: Chrome):
    field = every(plain, "input")[0]
    field.send_keys(f"{CLASSES[1].name} VIDEO 8")
    assert visible(plain) == ["00008"]
    assert text_of(plain, "#bench .find .said") == f"1 of {VIDEOS} clips"
    field.send_keys(" nowhere")
    assert visible(plain) == []
    assert text_of(plain, ".nothing") == "No clip is like that."
    field.clear()
    field.send_keys(Keys.SPACE)
    assert len(visible(plain)) == VIDEOS


def test_the_least_sure_classes_come_first_or_they_stand_as_in_the_class_list(plain: Chrome):
    def order() -> list[str]:
        return [each.get_attribute("data-class") for each in every(plain, "section")]

    listed = [each.target_id for each in CLASSES]
    assert order() == listed  # the higher its place, the surer it is
    _choose(plain, "Order of the classes", "by name")
    assert order() == sorted(listed)
    _choose(plain, "Order of the classes", "as in the class list")
    assert order() == listed


def _choose(chrome: Chrome, which: str, text: str) -> None:
    (select,) = every(chrome, f"select[aria-label='{which}']")
    next(o for o in select.find_elements(By.TAG_NAME, "option") if o.text == text).click()


def test_a_person_marks_with_the_keyboard_alone(plain: Chrome):
    ids = visible(plain)
    body = every(plain, "body")[0]
    body.send_keys(Keys.ARROW_RIGHT)
    assert at(plain) == ids[0]
    press(plain, "k", "d", Keys.ARROW_RIGHT, "d")
    assert marked(plain) == {ids[0]: "keep", ids[1]: "drop", ids[3]: "drop"}
    assert " ".join(text_of(plain, ".tally").split()) == "1 keep 2 drop"
    press(plain, "u")
    assert at(plain) == ids[3]
    # The same key again takes a mark away.
    press(plain, Keys.ARROW_LEFT, Keys.ARROW_LEFT, "d")
    assert at(plain) == ids[1]
    assert marked(plain) == {ids[0]: "keep"}
    # Down a row and up again, and what is typed into the search is no mark.
    press(plain, Keys.ARROW_DOWN)
    assert at(plain) not in (ids[0], ids[1], None)
    press(plain, Keys.ARROW_UP)
    assert at(plain) == ids[1]
    press(plain, "/", "dk")
    assert every(plain, "input")[0].get_attribute("value") == "dk"
    assert marked(plain) == {ids[0]: "keep"}


def test_the_tab_key_stops_at_one_card_and_what_is_in_it(plain: Chrome):
    stops = plain.execute_script(
        "return [...document.querySelectorAll('.clip, .clip a, .clip button')]"
        ".filter((each) => each.tabIndex === 0).length"
    )
    assert stops == 4  # the card, its address, keep and drop


def test_cards_and_buttons_say_what_they_are(plain: Chrome):
    click(plain, "drop", 0)
    (card,) = every(plain, ".clip[data-mark=drop]")
    assert card.get_attribute("aria-label") == f"{CLASSES[0].name}: video 0, marked drop"
    pressed = [
        each.get_attribute("aria-pressed") for each in card.find_elements(By.TAG_NAME, "button")
    ]
    assert pressed == ["false", "true"]
    image = card.find_element(By.TAG_NAME, "img")
    assert image.get_attribute("alt") == f"Loop of a clip, {CLASSES[0].name}: video 0"


def test_marks_outlast_a_reload_and_show_what_is_to_be_judged_still(pages: Pages, plain: Chrome):
    for which, place in (("keep", 0), ("drop", 4), ("drop", 5)):
        click(plain, which, place)
    before = marked(plain)
    assert sorted(before.values()) == ["drop", "drop", "keep"]
    show(plain, pages.plain)
    assert marked(plain) == before
    _choose(plain, "Which clips are shown", "to drop")
    assert set(visible(plain)) == {key for key, mark in before.items() if mark == "drop"}
    _choose(plain, "Which clips are shown", "not marked yet")
    assert len(visible(plain)) == VIDEOS - 3
    # A page of another data set has marks of its own.
    show(plain, pages.hostile)
    assert marked(plain) == {}


def test_marks_are_downloaded_as_a_list_that_withdrawals_read(pages: Pages, plain: Chrome):
    sha256 = DatasetDir(pages.out).files.sha256("manifest.json")
    (saving,) = every(plain, ".save")
    assert not saving.is_enabled()
    for which, place in (("drop", 6), ("keep", 0), ("drop", 2)):
        click(plain, which, place)
    saving.click()
    file = pages.downloads / f"marks-{sha256[:8]}.json"
    WebDriverWait(plain, 20).until(lambda _: file.is_file())
    listed = from_json(file.read_bytes(), tuple[ListedVideo, ...])
    assert {each.video_id: each.mark for each in listed} == marked(plain)
    assert [each.video_key for each in listed] == sorted(f"youtube:{i}" for i in marked(plain))
    dropped = {f"youtube:{each}" for each, mark in marked(plain).items() if mark == "drop"}
    found = read_list(str(file))
    assert (found.keys, found.to_keep) == (dropped, 1)
    # Which data set was looked at.
    assert {each.reason for each in listed} == {
        f"marked by eye in the data set of manifest {sha256}"
    }


def test_a_browser_that_keeps_nothing_is_said_and_marks_work_all_the_same(pages: Pages):
    script = (
        "Object.defineProperty(window, 'localStorage', "
        "{ get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    added = pages.chrome.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": script}
    )
    try:
        show(pages.chrome, pages.plain)
        assert text_of(pages.chrome, "#top .notice").startswith("This browser keeps no marks")
        click(pages.chrome, "keep", 0)
        assert list(marked(pages.chrome).values()) == ["keep"]
        pages.chrome.find_element(By.CSS_SELECTOR, "#bench .marks button").click()
        assert marked(pages.chrome) == {}
    finally:
        pages.chrome.execute_cdp_cmd(
            "Page.removeScriptToEvaluateOnNewDocument", {"identifier": added["identifier"]}
        )


def test_who_wants_less_motion_sees_stills_until_a_clip_is_pointed_at(pages: Pages):
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    pages.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        show(pages.chrome, pages.plain)
        WebDriverWait(pages.chrome, 20).until(_a_loop_is_drawn)
        card = every(pages.chrome, ".clip")[0]
        loop, still = (card.find_element(By.CSS_SELECTOR, each) for each in (".loop", ".still"))
        assert (loop.is_displayed(), still.is_displayed()) == (False, True)
        assert int(still.get_property("width")) == 48
        every(pages.chrome, "body")[0].send_keys(Keys.ARROW_RIGHT)
        assert (loop.is_displayed(), still.is_displayed()) == (True, False)
    finally:
        pages.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_all_loops_rest_and_go_on_at_the_press_of_a_key(plain: Chrome):
    body = every(plain, "body")[0]
    for paused in (True, False):
        body.send_keys("p")
        assert bool(every(plain, "body.paused")) == paused


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_has_enough_contrast(plain: Chrome, scheme: str):
    prefer(plain, scheme)
    for which, place in (("keep", 0), ("drop", 1)):
        click(plain, which, place)
    plain.execute_script("document.activeElement.blur()")
    time.sleep(0.2)  # colours change slowly
    for selector in _TEXTS:
        assert contrast(plain, selector) >= 4.5, selector


_TEXTS = (
    *("h1", ".summary", ".help", "kbd", ".tally", ".tally .keep", ".tally .drop", ".save"),
    *(
        "section h2 .said",
        ".clip .title",
        ".seen",
        ".other",
        ".facts",
        ".rights",
        ".address",
        ".id",
    ),
    *("[data-mark=keep] .stamp", "[data-mark=drop] .stamp", "[data-mark=keep] .choice .keep"),
    *("[data-mark=drop] .choice .drop", "[data-mark=keep] .choice .drop"),
)


@pytest.mark.slow
def test_a_page_of_a_thousand_clips_opens_searches_and_marks_at_once(pages: Pages, tmp_path: Path):
    out = write_sampled(tmp_path / "out", [kept(number) for number in range(1_000)], shards=4)
    page = tmp_path / "page.html"
    page.write_text(page_of(out, Asked(per_class=200, most=1_000)), "utf-8")
    complaints(pages.chrome)
    begin = time.monotonic()
    show(pages.chrome, page)
    WebDriverWait(pages.chrome, 60).until(_a_loop_is_drawn)
    assert time.monotonic() - begin < 30  # two seconds, on a machine that does nothing else
    assert len(every(pages.chrome, ".clip")) == 1_000
    searched, drawn = pages.chrome.execute_script(_MEASURED)
    assert searched < 1_000
    # Loops that are far away are not decoded.
    assert 0 < drawn < 100
    every(pages.chrome, "body")[0].send_keys(Keys.ARROW_RIGHT)
    for _ in range(30):
        press(pages.chrome, "d")
    assert len(marked(pages.chrome)) == 30
    pages.chrome.execute_script("scrollTo(0, document.body.scrollHeight)")
    last = every(pages.chrome, ".clip .loop")[-1]
    WebDriverWait(pages.chrome, 20).until(lambda _: last.get_property("naturalWidth") == 48)
    first = every(pages.chrome, ".clip .loop")[0]
    assert first.get_attribute("src") is None
    assert complaints(pages.chrome) == []
    assert msgspec.json.decode(pages.chrome.execute_script(_REMEMBERED)).keys() <= {
        f"youtube:{number:05d}" for number in range(1_000)
    }


# Milliseconds that a search takes until it is drawn, and how many loops have a picture.
_MEASURED = """
const field = document.querySelector("input");
const begin = performance.now();
field.value = "video 99";
field.dispatchEvent(new Event("input"));
document.body.offsetHeight;
const took = performance.now() - begin;
const found = [...document.querySelectorAll(".clip")].filter((each) => !each.hidden).length;
if (found !== 19) throw new Error(`${found} clips were found`);
field.value = "";
field.dispatchEvent(new Event("input"));
return [took, document.querySelectorAll(".loop[src]").length];
"""
_REMEMBERED = """
const marksIn = (each) => Object.keys(JSON.parse(each)).length;
return Object.values(localStorage).find((each) => marksIn(each) === 30);
"""
