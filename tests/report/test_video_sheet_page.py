"""The page of a video tells all that is known of it, and stays the page that it is."""

import io
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from tests.curated import Curated, curated_once
from tests.report.one_video import BOTH, LONG, NOT_ONE, changed, named, pictured, sheet, shown
from tests.report.parsed import Element
from videonet.report.video_sheet.load import load_view
from videonet.report.video_sheet.page import sheet_of
from videonet.report.video_sheet.view import VideoView
from videonet.report.video_sheet.view import sentence as said_of
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.shown import printable


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def test_the_page_says_what_became_of_the_video_for_each_class_and_why(curated):
    page = sheet(shown(curated.out, BOTH))
    kept = page.one(id="verdicts").all("li")
    assert [each.attributes["data-target"] for each in kept] == ["balloon", "sailboat"]
    assert {each.attributes["data-outcome"] for each in kept} == {"kept"}
    view = shown(curated.out, NOT_ONE)
    (rejected,) = sheet(view).one(id="verdicts").all("li")
    assert rejected.attributes["data-reason"] == "no_top1_match"
    reason = Reason.NO_TOP1_MATCH
    assert rejected.one("h3").text == f"mushroom {reason} {reason.explanation}"
    assert rejected.one("p").text == said_of(view.verdicts[0], view.label_names)
    assert "none of the first 100 frames confirms it" in rejected.text
    assert "the classifier saw balloon in 100 of them" in rejected.text


def test_the_page_has_the_class_and_the_probability_of_every_frame(curated):
    view = shown(curated.out, BOTH)
    assert view.scan is not None
    frames = sheet(view).one(id="frames")
    numbers = [each.text for each in frames.one("ol").all("li")]
    assert numbers == [
        f"{frame} {view.label_names[output]} {probability:.2f}"
        for frame, (output, probability) in enumerate(
            zip(view.scan.top1, view.scan.probability, strict=True)
        )
    ]
    drawn = [each.one("title").text for each in frames.one("svg", class_="plot").all("g")]
    assert [each.replace("frame ", "").replace(":", "").replace(",", "") for each in drawn] == (
        numbers
    )
    assert len(set(view.scan.top1)) > 1


def test_the_page_has_the_colour_of_each_frames_class_in_one_band(curated):
    view = shown(curated.out, BOTH)
    assert view.scan is not None
    frames = sheet(view).one(id="frames")
    colours = {
        each.one("bdi").text: each.one("i").attributes["class"].split()[1]
        for each in frames.one("ul", class_="key").all("li")
    }
    at = 0.0
    band = []
    for part in frames.all("rect", class_="band"):
        assert float(part.attributes["x"].rstrip("%")) == pytest.approx(at)
        width = float(part.attributes["width"].rstrip("%"))
        at += width
        band += [part.attributes["class"].split()[1]] * round(width)
    assert band == [colours[view.label_names[output]] for output in view.scan.top1]


def test_the_page_shows_the_thumbnails_with_what_the_classifier_saw_in_them(curated):
    view = shown(curated.out, BOTH)
    assert view.scan is not None
    figures = sheet(view).one(class_="thumbnails").all("figure")
    assert [int(each.attributes["data-frame"]) for each in figures] == sorted(view.thumbnails)
    for figure in figures:
        index = int(figure.attributes["data-frame"])
        name, probability = view.label_names[view.scan.top1[index]], view.scan.probability[index]
        assert figure.text == f"frame {index} {name} {probability:.2f}"
        with Image.open(io.BytesIO(pictured(figure))) as image:
            assert image.size == view.thumbnails[index].size
            difference = ImageChops.difference(image, view.thumbnails[index])
        assert ImageStat.Stat(difference).mean < [4] * 3


def test_the_page_says_which_frames_confirm_each_class(curated):
    view = shown(curated.out, BOTH)
    lanes = sheet(view).all(class_="lane")
    assert [each.one("p").text for each in lanes] == [
        f"{each.verdict.frames_matched} of 100 frames confirm {each.target.name}, "
        f"best frame {each.verdict.best_match}"
        for each in view.verdicts
    ]
    (lane,) = sheet(shown(curated.out, NOT_ONE)).all(class_="lane")
    assert lane.one("p").text == "no frame confirms mushroom"
    assert lane.all("path") == []


def test_the_page_shows_the_frames_of_each_clip_as_they_are_in_the_shard(curated):
    view = shown(curated.out, LONG)
    sections = sheet(view).all("section", class_="clip")
    assert [each.one("h2").text for each in sections] == ["Clip 1 of 2", "Clip 2 of 2"]
    about = sections[0].one("p", class_="help").text
    assert about == "0.00 s to 10.24 s · 128 frames · labelled balloon"
    for section, clip in zip(sections, view.clips, strict=True):
        figures = section.all("figure")
        assert [int(each.attributes["data-time"]) for each in figures] == [
            each.time for each in clip.frames
        ]
        assert [each.text for each in figures] == [
            f"{each.time / 1_000_000:.2f} s" for each in clip.frames
        ]
        assert list(map(pictured, figures)) == [each.jpeg for each in clip.frames]


def test_the_page_says_what_could_not_be_shown(curated):
    view = replace(shown(curated.out, LONG), scan=None, notes=("One thing.", "Another <one>."))
    assert [each.text for each in sheet(view).all(class_="notice")] == list(view.notes)


def test_equal_views_are_equal_pages(curated):
    once, again = (sheet_of(shown(curated.out, BOTH)) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.FAILED, "reason": Reason.UNAVAILABLE, "error": "HTTP Error 404\n" * 20},
        {"outcome": Outcome.REJECTED, "reason": Reason.TOO_SHORT, "duration": None},
        {"title": "", "width": None, "height": None, "fps": None, "codec": None, "bytes": None},
    ],
    ids=["failed", "too short", "bare"],
)
def test_any_verdict_gives_a_page(curated, changes):
    view = changed(shown(curated.out, NOT_ONE), **changes)
    view = replace(view, verdicts=view.verdicts * 13, scan=None, thumbnails={})
    page = sheet(view)
    assert page.one("h1").text == (view.verdict.video.title or "(no title)")
    verdicts = page.one(id="verdicts").all("li")
    assert len(verdicts) == 13
    assert [each.text for each in page.all("code", class_="error")] == (
        [" ".join(view.verdict.error.split())] * 13 if view.verdict.error else []
    )
    assert page.all(id="frames") == page.all("section", class_="clip") == []


def test_only_an_address_of_the_web_is_a_link(curated):
    view = shown(curated.out, NOT_ONE)
    for url in ("https://videos.example/1", "HTTP://videos.example/?a=<b>&c"):
        assert sheet(changed(view, url=url)).one("a").attributes["href"] == url
    for url in ("a folder/b.mp4", "javascript:alert(1)", " https:alert(1)", "//videos.example/1"):
        page = sheet(changed(view, url=url))
        assert page.all("a") == []
        assert page.one(class_="address").text == url.strip()


# What a page is most easily broken with, and any other text.
TEXTS = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=alert(1)>",
        "</title></style></bdi><h1>",
        "{{ 7 * 7 }}{% raw %}",
        "&lt;b&gt;&amp;amp;",
        "日本 🎈 Шар \x1b[31m\u202e",
    ]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1)


@pytest.fixture(scope="module")
def small(curated: Curated) -> VideoView:
    """A page of it is made quickly, and has each kind of place for a text."""
    view = shown(curated.out, BOTH)
    assert view.scan is not None
    few = {"top1": view.scan.top1[-30::10], "probability": view.scan.probability[-30::10]}
    return replace(
        view,
        scan=msgspec.structs.replace(view.scan, **few),
        thumbnails={0: next(iter(view.thumbnails.values()))},
        clips=tuple(replace(each, frames=()) for each in view.clips),
    )


def saying(view: VideoView, text: str) -> Element:
    """The page of a view with this text in each place for one."""
    told = changed(view, title=text, url=text, channel=text, error=text, video_id=text)
    return sheet(
        replace(
            named(told, text),
            clips=tuple(replace(each, labels=(text,)) for each in told.clips),
            label_names=(text,) * len(view.label_names),
            notes=(text,),
        )
    )


@pytest.fixture(scope="module")
def shape(small: VideoView) -> list[tuple[str, list[str]]]:
    """The elements of the page of a harmless text."""
    return saying(small, "a text").shape()


@settings(max_examples=30)
@given(text=TEXTS)
def test_whatever_a_title_or_a_name_holds_stays_text(small, shape, text):
    page = saying(small, text)
    assert page.shape() == shape
    plain = " ".join(printable(text).split())
    for place in (page.one("h1"), page.one(class_="notice"), page.all("h3")[0].one("bdi")):
        assert place.text == plain
    assert page.one("h1").one("bdi").attributes["title"] == printable(text)


def test_training_views_are_three_windows_a_clip_with_three_views_each(curated):
    pytest.importorskip("torch").set_num_threads(1)
    view = load_view(curated.out, LONG, None, training_views=True)
    assert [len(clip.windows) for clip in view.clips] == [3, 3]
    windows = {views.window for clip in view.clips for views in clip.windows}
    assert len(windows) == 6
    sections = sheet(view).all("section", class_="clip")
    for section, clip in zip(sections, view.clips, strict=True):
        length = clip.end - clip.begin
        for window, expected in zip(section.all(class_="window"), clip.windows, strict=True):
            assert [each.text for each in window.all("figure")] == [
                f"{each.moment / 1_000_000:.2f} s {each.recipe}" for each in expected.views
            ]
            for figure, each in zip(window.all("figure"), expected.views, strict=True):
                with Image.open(io.BytesIO(pictured(figure))) as image:
                    assert image.size == each.image.size
            # Where the moments lie in the clip.
            places = [float(each.attributes["x1"].rstrip("%")) for each in window.all("line")]
            assert places == pytest.approx(
                [100 * (each.moment - clip.begin) / length for each in expected.views],
                abs=0.01,
            )
