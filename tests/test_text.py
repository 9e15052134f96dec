"""videonet.text: texts as records and terminals can hold them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.text import as_shown, encodable, shortened


def test_an_error_is_one_line_without_colours():
    assert shortened("\x1b[0;31mERROR:\x1b[0m  no\n such   file\n") == "ERROR: no such file"


def test_a_long_error_is_cut_at_300_characters():
    assert shortened("e" * 300) == "e" * 300
    assert shortened("e" * 301) == "e" * 299 + "…"


@given(st.text(st.characters(codec=None)))
def test_every_text_can_be_encoded_and_keeps_its_length(text):
    encodable(text).encode()
    assert len(encodable(text)) == len(text)


@pytest.mark.parametrize("text", ["plain", "Zoë", "\U0001f600"])
def test_a_text_without_halves_of_characters_stays_as_it_is(text):
    assert encodable(text) == text


def test_half_a_character_becomes_a_question_mark():
    assert encodable("cut short \ud83d") == "cut short ?"


@given(st.text())
def test_a_stranger_s_text_cannot_steer_a_terminal(text):
    assert as_shown(text).isprintable()


def test_a_stranger_s_text_keeps_its_words():
    assert as_shown("a\x1b[31m b\n\tc\u202e") == "a [31m b c"
