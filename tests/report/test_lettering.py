"""lettering: whatever a title holds is drawn, and fits."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from videonet.report.video_sheet.lettering import fitted, width_of, wrapped, write
from videonet.text import one_line

# Any text, half of it of letters that every font has.
TEXTS = st.text(max_size=60) | st.text(alphabet="abc def-gh", max_size=200)

BOX = width_of("\U0010ffff", 20)


@settings(max_examples=60)
@given(text=TEXTS, width=st.integers(60, 600))
def test_what_is_fitted_is_no_wider_than_asked_for(text, width):
    assert width_of(fitted(text, 20, width), 20) <= width


@settings(max_examples=60)
@given(text=TEXTS, width=st.integers(60, 600), lines=st.integers(1, 4))
def test_what_is_wrapped_keeps_to_its_width_and_lines_and_loses_nothing_before_an_ellipsis(
    text, width, lines
):
    found = wrapped(text, 20, width, lines)
    assert 1 <= len(found) <= lines
    assert all(width_of(line, 20) <= width for line in found)
    together = "".join(found).replace(" ", "").removesuffix("…")
    assert one_line(text).replace(" ", "").startswith(together)


@settings(max_examples=60)
@given(text=TEXTS)
def test_nothing_that_is_drawn_does_anything_but_show(text):
    shown = one_line(text)
    assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    draw = ImageDraw.Draw(Image.new("RGB", (400, 60)))
    assert write(draw, (5, 40), shown, 20, "#000000") == pytest.approx(5 + width_of(shown, 20))


def test_lines_are_broken_between_words():
    assert wrapped("hot air balloons over the valley", 20, width_of("hot air balloons", 20), 4) == [
        "hot air balloons",
        "over the valley",
    ]


def test_what_is_too_long_ends_in_an_ellipsis():
    assert fitted("balloon", 20, 400) == "balloon"
    short = fitted("balloon " * 20, 20, 200)
    assert short.startswith("balloon balloon")
    assert short.endswith("…")


def test_letters_with_accents_are_drawn_with_or_without_them_and_are_no_boxes():
    # A run of boxes would be one.
    assert width_of("é" * 20, 20) == pytest.approx(width_of("e" * 20, 20), rel=0.3)


def test_letters_that_cannot_be_drawn_are_one_box_a_run():
    # Nobody has designed these: they are reserved for private use.
    assert width_of("\U000ffffd", 20) == BOX
    assert width_of("\U000ffffd\U000ffffc\U000ffffd", 20) == BOX
    assert width_of("\U000ffffda\U000ffffd", 20) == pytest.approx(2 * BOX + width_of("a", 20))
