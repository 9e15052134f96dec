"""The report's page in a real browser, drawn from facts with the worst of titles."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.report.browser import (
    SCHEMES,
    complaints,
    contrast,
    prefer,
    requests,
    show,
)
from tests.report.made_up import ADDRESSES, HOSTILE, made_up
from tests.report.opened_page import (
    LARGE,
    SMALL,
    Pages,
    all_of,
    cells_of,
    class_named,
    open_page,
    opened_pages,
    opened_small,
    part_of,
    texts_of,
)
from videonet.report.page.content import Funnel, PageFacts
from videonet.report.page.render import render_page
from videonet.schemas.shown import printable, printable_values

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with opened_pages(tmp_path_factory.mktemp("pages")) as pages:
        yield pages


@pytest.fixture
def small(pages: Pages) -> Chrome:
    """The small page, just opened."""
    return opened_small(pages)


def test_equal_facts_are_equal_pages():
    assert render_page(made_up()) == render_page(SMALL)


def test_the_facts_are_in_the_page_and_cannot_end_their_script():
    head, _, rest = render_page(SMALL).partition('<script type="application/json" id="facts">')
    data, _, tail = rest.partition("</script>")
    shown = printable_values(msgspec.json.decode(SMALL.to_json()))
    assert PageFacts.from_json(data.encode()) == PageFacts.from_json(msgspec.json.encode(shown))
    assert not set("<>&\u2028\u2029") & set(data)
    # The style sheet is between <style> and </style>, and the script is the last thing.
    assert head.count("<style>") == head.count("</style>") == 1
    assert tail.count("<script>") == tail.count("</script>") == 1


@pytest.mark.parametrize("size", ["small", "large"])
def test_it_opens_without_a_complaint_and_asks_for_nothing_else(pages: Pages, size: str):
    page: Path = getattr(pages, size)
    complaints(pages.chrome), requests(pages.chrome)
    show(pages.chrome, page)
    assert texts_of(pages.chrome, "section > h2")[0] == "Funnel"
    assert complaints(pages.chrome) == []
    asked = requests(pages.chrome)
    assert page.as_uri() in asked
    assert {each for each in asked if not each.startswith("data:")} == {page.as_uri()}


def test_its_policy_refuses_what_is_not_its_own(small: Chrome):
    small.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'window.injected = true'; document.body.append(script);"
        "document.body.append(Object.assign(new Image(), {src: 'https://videos.example/1.gif'}));"
    )
    assert small.execute_script("return window.injected") is None
    assert any("img-src" in each for each in complaints(small))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("size", ["small", "large"])
def test_it_does_not_scroll_sideways(pages: Pages, size: str, width: int):
    show(pages.chrome, getattr(pages, size), width)
    for button in all_of(pages.chrome, ".fold")[:1]:
        pages.chrome.execute_script("arguments[0].click()", button)
    wide = pages.chrome.execute_script("return document.documentElement.scrollWidth")
    assert wide == width


@pytest.mark.parametrize("size", ["small", "large"])
def test_the_three_answers_are_seen_without_scrolling(pages: Pages, size: str):
    show(pages.chrome, getattr(pages, size))
    facts = SMALL if size == "small" else LARGE
    bottoms = set()
    for kind, answers in (("thin", facts.thin), ("drop", facts.drop), ("chase", facts.chase)):
        block = pages.chrome.find_element(By.CSS_SELECTOR, f"[data-answer={kind}]")
        bottoms.add(block.rect["y"] + block.rect["height"])
        selector = f"[data-answer={kind}] li"
        assert list(filter(None, texts_of(pages.chrome, selector))) == [
            each.text for each in answers[:3]
        ]
        for more in all_of(pages.chrome, f"[data-answer={kind}] summary"):
            assert more.text == f"{len(answers) - 3} more"
            more.send_keys(Keys.ENTER)
        assert texts_of(pages.chrome, selector) == [each.text for each in answers]
        for more in all_of(pages.chrome, f"[data-answer={kind}] summary"):
            more.send_keys(Keys.ENTER)
    assert len(bottoms) == 1
    assert max(bottoms) <= 800


@pytest.mark.parametrize("width", [1280, 390])
def test_no_answer_is_cut_off(pages: Pages, width: int):
    show(pages.chrome, pages.large, width)
    for more in all_of(pages.chrome, ".answer summary"):
        more.send_keys(Keys.ENTER)
    cut = pages.chrome.execute_script(
        "return [...document.querySelectorAll('.answer li, .answer li *')].filter((each) =>"
        " each.scrollHeight > each.clientHeight && getComputedStyle(each).overflow !== 'visible')"
    )
    assert cut == []


def test_the_first_answer_says_how_many_classes_are_thin_in_all(pages: Pages):
    show(pages.chrome, pages.large)
    assert texts_of(pages.chrome, "[data-answer=thin] h2") == [
        "Classes that are too thin 995 of 1,000; the most urgent:"
    ]
    # Where all are told of, there is nothing more to say.
    show(pages.chrome, pages.small)
    assert SMALL.thin_classes == len(SMALL.thin)
    assert texts_of(pages.chrome, "[data-answer=thin] h2") == ["Classes that are too thin"]


def test_an_answer_leads_to_its_row(pages: Pages):
    show(pages.chrome, pages.large)
    for kind, row in (
        ("thin", f"#classes tr[data-class='{class_named(LARGE.thin[1].about)}']"),
        ("drop", f"#names tr[data-name='{LARGE.drop[1].about}']"),
        ("chase", f"#failures article[data-reason='{LARGE.chase[1].about}']"),
    ):
        links = all_of(pages.chrome, f"[data-answer={kind}] a")
        pages.chrome.execute_script("arguments[0].click()", links[1])
        (found,) = all_of(pages.chrome, ".pointed")
        assert found == pages.chrome.find_element(By.CSS_SELECTOR, row)


def test_numbers_stand_in_it_as_they_are(small: Chrome):
    for step in ("titles", "matched", "candidates", "downloaded", "long_enough", "kept", "clips"):
        (row,) = all_of(small, f"#funnel [data-funnel={step}]")
        assert row.get_attribute("data-value") == str(getattr(SMALL.funnel, step))
        assert f"{getattr(SMALL.funnel, step):,}" in row.text
    for row in SMALL.classes:
        cells = cells_of(small, f"#classes tr[data-class='{row.target_id}']")
        assert cells["kept"] == str(row.funnel.kept)
        assert cells["matching"] == str(row.funnel.matching)
        assert cells["shortfall"] == str(row.quota - row.funnel.candidates)
    for histogram in SMALL.histograms:
        bars = all_of(small, f'[data-histogram="{histogram.title}"] [data-bin]')
        drawn = [tuple(map(bar.get_attribute, ("data-bin", "data-kept"))) for bar in bars]
        assert drawn == [(each.label, str(each.kept)) for each in histogram.bins]


def test_a_sheet_shows_what_was_seen_instead(small: Chrome):
    picture = SMALL.rejected_pictures[0]
    (figure,) = all_of(small, f"figure[data-video='{picture.video_id}']")
    assert picture.asked in figure.text
    assert picture.seen in figure.text
    # The probability is the highest of all frames, not that of the one that is shown.
    assert f"in {picture.seen_frames} of {picture.frames} frames, up to 30 %" in figure.text
    assert texts_of(small, f"figure[data-video='{picture.video_id}'] .frame") == ["frame 0"]
    assert "too_short" in figure.text
    image = figure.find_element(By.TAG_NAME, "img")
    assert small.execute_script("return arguments[0].decode().then(() => true)", image)
    assert int(image.get_property("naturalWidth")) == 112


def test_frames_are_counted_from_0_as_in_the_verdicts(small: Chrome):
    picture = SMALL.kept_pictures[1]
    (figure,) = all_of(small, f"figure[data-video='{picture.video_id}']")
    assert (picture.frame, picture.first_match) == (1, 1)
    assert "frame 1 · 37 %" in figure.text
    assert "40 match, first is frame 1" in figure.text
    assert "up to" not in figure.text
    assert "Frames are counted from 0" in texts_of(small, "#pictures .help")[0]


def test_a_kept_video_that_shows_another_frame_than_the_best_says_so(pages: Pages, tmp_path: Path):
    picture = msgspec.structs.replace(SMALL.kept_pictures[1], is_match=False, frame=50)
    open_page(pages.chrome, tmp_path, msgspec.structs.replace(SMALL, kept_pictures=(picture,)))
    (figure,) = all_of(pages.chrome, f"figure[data-video='{picture.video_id}']")
    assert texts_of(pages.chrome, "#pictures figure[data-outcome=kept] .frame") == ["frame 50"]
    assert "40 match, up to 37 %, first is frame 1" in figure.text


def test_hostile_titles_stay_text(small: Chrome):
    titles = small.execute_script(
        "return [...document.querySelectorAll('#pictures .title, #failures .title')]"
        ".map((each) => each.textContent)"
    )
    assert set(map(printable, HOSTILE)) <= set(titles)
    assert texts_of(small, "h1") == [printable(HOSTILE[0])]
    # None has become an element: two scripts and no picture but those of the contact sheets.
    assert len(all_of(small, "script")) == 2
    sources = small.execute_script("return [...document.images].map((each) => each.src)")
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert small.execute_script("return [...document.querySelectorAll('[onerror]')].length") == 0
    # An alert would have been an error here, and in all that was asked of the page so far.
    assert complaints(small) == []


def test_a_title_of_a_thousand_letters_takes_no_more_room_than_others(small: Chrome):
    heights = small.execute_script(
        "return [...document.querySelectorAll('#pictures .title')].map((e) => e.clientHeight)"
    )
    assert max(heights) <= 50


def test_only_addresses_of_the_web_are_links(small: Chrome):
    links = small.execute_script(
        "return [...document.querySelectorAll('a')].map((e) => [e.getAttribute('href'), e.rel])"
    )
    outside = [(href, rel) for href, rel in links if not href.startswith("#")]
    assert {href for href, _ in outside} == {ADDRESSES[0].replace("<b>", "%3Cb%3E")}
    assert {rel for _, rel in outside} == {"noopener noreferrer"}
    shown = small.execute_script(
        "return [...document.querySelectorAll('#failures .address')].map((e) => e.textContent)"
    )
    assert set(shown) <= set(ADDRESSES)
    assert "javascript:alert(4)" in shown


def test_the_keyboard_goes_on_where_a_button_was(pages: Pages):
    show(pages.chrome, pages.large)
    row = all_of(pages.chrome, "#names tr[data-name]")[3]
    wanted, name = row.get_attribute("data-class"), row.get_attribute("data-name")
    row.find_element(By.CSS_SELECTOR, "[data-pick]").send_keys(Keys.ENTER)
    active = pages.chrome.switch_to.active_element
    assert active.get_attribute("data-pick") == wanted
    assert active.get_attribute("aria-pressed") == "true"
    around = active.find_element(By.XPATH, "./ancestor::tr")
    assert around.get_attribute("data-name") == name
    # The filter goes with its own button: the head beside which it stood is next.
    all_of(pages.chrome, "#names [data-chip] button")[0].send_keys(Keys.ENTER)
    assert pages.chrome.switch_to.active_element.tag_name == "h2"
    assert pages.chrome.switch_to.active_element.text == "Names and synonyms"
    all_of(pages.chrome, "#classes [data-pick]")[0].send_keys(Keys.ENTER)
    all_of(pages.chrome, "nav [data-chip] button")[0].send_keys(Keys.ENTER)
    assert pages.chrome.switch_to.active_element.tag_name == "nav"


def test_the_keyboard_goes_on_at_the_first_of_what_more_brings(pages: Pages):
    show(pages.chrome, pages.large)
    for each, shown in (("#classes tr[data-class]", 25), ("#pictures figure", 14)):
        place = each.split()[0]
        all_of(pages.chrome, f"{place} .more button")[0].send_keys(Keys.ENTER)
        assert pages.chrome.switch_to.active_element == all_of(pages.chrome, each)[shown]


def test_what_was_kept_is_seen_on_a_phone(pages: Pages):
    show(pages.chrome, pages.large, 390)
    for cell in all_of(pages.chrome, "#classes [data-column=kept]"):
        assert 0 < cell.rect["x"] < cell.rect["x"] + cell.rect["width"] < 390
    # What is not seen is in the details.
    row = LARGE.classes[0]
    all_of(pages.chrome, "#classes input")[0].send_keys(row.target_id)
    all_of(pages.chrome, "#classes .fold")[0].send_keys(Keys.ENTER)
    (details,) = all_of(pages.chrome, "#classes .details")
    for step in ("matched", "downloaded", "matching", "long_enough"):
        assert f"{getattr(row.funnel, step):,}" in details.text
    assert f"{row.quota - row.funnel.candidates:,} short of the quota of 5,000" in details.text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_has_enough_contrast(pages: Pages, scheme: str):
    prefer(pages.chrome, scheme)
    show(pages.chrome, pages.small)
    for selector in ("body", ".help", ".state", "nav a", ".answer b", ".policy", "td.left"):
        assert contrast(pages.chrome, selector) >= 4.5, selector


def test_candidates_without_a_verdict_are_shown_as_such(pages: Pages, tmp_path: Path):
    waiting = 7
    funnel = msgspec.structs.replace(SMALL.funnel, candidates=SMALL.funnel.candidates + waiting)
    state = "running: 165 of 172 pairs have a verdict"
    open_page(pages.chrome, tmp_path, msgspec.structs.replace(SMALL, funnel=funnel, state=state))
    assert texts_of(pages.chrome, ".state") == [state]
    (row,) = all_of(pages.chrome, "#funnel [data-outcome=waiting]")
    assert row.get_attribute("data-value") == str(waiting)


def test_a_run_without_candidates_is_a_page_too(pages: Pages, tmp_path: Path):
    complaints(pages.chrome)
    open_page(pages.chrome, tmp_path, made_up(classes=0))
    assert complaints(pages.chrome) == []
    assert texts_of(pages.chrome, "#failures .help") == ["Nothing failed."]


@pytest.mark.parametrize("titles", [None, 0, 100])
def test_a_funnel_may_begin_without_titles_or_with_few(
    pages: Pages, tmp_path: Path, titles: int | None
):
    funnel = msgspec.structs.replace(SMALL.funnel, titles=titles)
    assert funnel.matched > 100
    complaints(pages.chrome)
    open_page(pages.chrome, tmp_path, msgspec.structs.replace(SMALL, funnel=funnel))
    assert complaints(pages.chrome) == []
    rows = {each.get_attribute("data-funnel"): each for each in all_of(pages.chrome, _FUNNEL)}
    assert ("titles" in rows) == (titles is not None)
    # Alone: pairs are no share of titles.
    assert rows["matched"].text.split() == ["named", "in", "a", "title", f"{funnel.matched:,}"]
    (bar,) = rows["matched"].find_elements(By.CSS_SELECTOR, ".fill")
    assert float(part_of(pages.chrome, bar)) == 1


def test_the_funnel_says_where_it_counts_something_else(small: Chrome):
    units: dict[str, list[str]] = {}
    for body in all_of(small, "#funnel .funnel tbody"):
        unit = body.find_element(By.CSS_SELECTOR, ".unit").text
        steps = body.find_elements(By.CSS_SELECTOR, "[data-funnel]")
        units[unit] = [each.get_attribute("data-funnel") or "" for each in steps]
    others = ("titles", "clips", "inherited", "inherited_with_clip")
    pairs = [each for each in Funnel.__struct_fields__ if each not in others]
    assert units == {
        "Titles": ["titles"],
        "Pairs of video and class": pairs,
        "Clips, once for each class of their video": ["clips"],
    }
    # Bars are compared, so they count the same.
    drawn = [
        each.find_element(By.XPATH, "./ancestor::tr").get_attribute("data-funnel")
        for each in all_of(small, "#funnel .funnel .fill")
    ]
    assert drawn == pairs


def test_labels_from_duplicates_stand_apart_from_pairs(pages: Pages, tmp_path: Path):
    given = {"inherited": 7, "inherited_with_clip": 5}
    funnel = msgspec.structs.replace(SMALL.funnel, **given)
    open_page(pages.chrome, tmp_path, msgspec.structs.replace(SMALL, funnel=funnel))
    (row,) = all_of(pages.chrome, "#funnel .funnel [data-funnel=inherited]")
    assert row.text.split() == ["from", "duplicates", "that", "were", "dropped", "7"]
    assert all_of(pages.chrome, "#classes td[data-column=inherited]")


def test_how_much_there_is_and_how_it_was_made_stand_at_the_top(small: Chrome):
    shown = {
        each.get_attribute("data-size"): " ".join(each.text.split())
        for each in all_of(small, "#top .sizes [data-size]")
    }
    sizes = SMALL.sizes
    short, without = sizes.kept - sizes.with_clip, sizes.kept - sizes.without_licence
    assert list(shown) == [
        *("clips", "frames", "with_clip", "classes_with_clip", "channels", "licences")
    ]
    assert shown["frames"] == f"frames {sizes.frames:,} in the clips"
    assert shown["with_clip"] == f"videos {sizes.with_clip:,} {short:,} more too short for a clip"
    assert f"stated for {without:,} of {sizes.kept:,} kept" in shown["licences"]
    assert f"{sizes.creative_commons:,} Creative Commons" in shown["licences"]
    assert re.search(r"\d+ min \d+ s of \d+ min \d+ s kept", shown["clips"])
    assert SMALL.last_run is not None
    assert texts_of(small, "#top .run code") == [SMALL.last_run.command]
    assert SMALL.last_run.begun in texts_of(small, "#top .run")[0]


def test_a_data_set_of_which_little_is_known_says_no_more_than_that(pages: Pages, tmp_path: Path):
    sizes = msgspec.structs.replace(SMALL.sizes, frames=None, clip_seconds=None)
    facts = msgspec.structs.replace(SMALL, last_run=None, sizes=sizes)
    complaints(pages.chrome)
    open_page(pages.chrome, tmp_path, facts)
    assert complaints(pages.chrome) == []
    assert not all_of(pages.chrome, "#top .run")
    assert not all_of(pages.chrome, "#top [data-size=frames]")


def test_the_id_that_show_takes_stands_under_every_picture(small: Chrome):
    figures = all_of(small, "#pictures figure")
    assert figures
    for figure in figures:
        said = figure.find_element(By.CSS_SELECTOR, ".id")
        assert said.text == figure.get_attribute("data-video")
    assert "videonet show OUT ID" in texts_of(small, "#pictures .help")[0]
    failed = [
        each.find_element(By.CSS_SELECTOR, ".id").text for each in all_of(small, "#failures li")
    ]
    assert failed == [e.video_id for each in SMALL.failures for e in each.examples]


def test_what_damage_took_stands_under_the_picture(small: Chrome):
    shown = {
        each.get_attribute("data-video"): [
            said.text for said in each.find_elements(By.CSS_SELECTOR, ".damage")
        ]
        for each in all_of(small, "#pictures figure")
    }
    pictures = SMALL.kept_pictures + SMALL.rejected_pictures
    expected = {each.video_id: [each.damage] if each.damage else [] for each in pictures}
    assert shown == {video_id: expected[video_id] for video_id in shown}
    assert ["Damage took 3 of the first 100 frames."] in shown.values()


def test_a_probability_says_what_it_is_of(small: Chrome):
    (head,) = all_of(small, "#confusions th[data-column=probability]")
    assert head.text.split("\xa0")[0] == "highest probability"
    assert (
        "the probability that it gave to it in the surest frame"
        in texts_of(small, "#confusions .help")[0]
    )
    kept, rejected = texts_of(small, "#pictures .tools + .help")
    assert "the probability that the classifier gives there to its first choice" in kept
    assert "the probability that it gave to it in the surest of them" in rejected


_FUNNEL = "#funnel [data-funnel]"
