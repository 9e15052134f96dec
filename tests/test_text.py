"""text: texts as records and terminals can hold them, numbers and names as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.schemas.label import Label
from videonet.schemas.target import Target
from videonet.text import (
    as_shown,
    codec_name,
    duration,
    encodable,
    file_size,
    label_names,
    number,
    number_of,
    playing_time,
    share,
    shortened,
    target_names,
    too_short,
)


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


# Numbers and names.


def test_numbers_agree_with_their_nouns():
    assert number(1, "class", "classes") == "1 class"
    assert number(1200, "clip") == "1,200 clips"


def test_a_part_of_things_is_said_beside_all_of_them():
    assert number_of(998, 1000, "class", "classes") == "998 of 1,000 classes"
    assert number_of(8, 8, "class", "classes") == "8 classes"
    assert number_of(0, 1, "class", "classes") == "0 of 1 class"


def test_a_share_is_all_or_nothing_only_where_it_is():
    assert (share(0, 7), share(7, 7), share(1, 4)) == ("0 %", "100 %", "25 %")
    assert (share(1, 10_000), share(9_999, 10_000)) == ("less than 0.1 %", "more than 99.9 %")


def test_a_size_is_in_decimal_units():
    assert (file_size(999), file_size(1_200_000)) == ("999 bytes", "1.2 MB")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.04 s"),
        (45.4, "45 s"),
        (720, "12 min"),
        (12_000, "3 h 20 min"),
        (10_790, "3 h 0 min"),
        (270_000, "3 d 3 h"),
    ],
)
def test_how_long_work_takes_is_in_the_units_that_one_would_say(seconds: float, said: str):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (119.94, "119.9 s"),
        (120, "2.0 minutes"),
        (7200, "2.0 hours"),
        (9e6, "2,500.0 hours"),
    ],
)
def test_how_long_videos_are_is_in_one_unit(seconds: float, said: str):
    assert playing_time(seconds) == said


def test_classes_of_one_name_are_told_apart_by_their_ids():
    names = {"n1": "crane", "n2": "kite", "n3": "crane"}
    targets = [
        Target(target_id=key, name=name, synonyms=(), wnid=None, outputs=(0,), senses=())
        for key, name in names.items()
    ]
    assert target_names(targets) == ["crane (n1)", "kite", "crane (n3)"]


def test_outputs_of_one_name_are_told_apart_by_their_synsets_or_positions():
    labels = [
        Label(wnid="n1", name="crane, bird"),
        Label(wnid=None, name="kite"),
        Label(wnid=None, name="crane"),
    ]
    assert label_names(labels) == ["crane (n1)", "kite", "crane (output 2)"]


def test_videos_without_a_clip_are_told_in_the_singular_and_in_the_plural():
    assert too_short(1) == "1 more kept video is too short for a clip"
    assert too_short(1200) == "1,200 more kept videos are too short for a clip"


@pytest.mark.parametrize(
    ("codec", "name"),
    [("av1", "AV1"), ("libdav1d", "AV1"), ("h264", "H.264"), ("vp9", "VP9"), ("odd", "odd")],
)
def test_a_codec_is_called_what_people_call_it(codec: str, name: str):
    assert codec_name(codec) == name
