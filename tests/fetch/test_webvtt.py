"""Captions of strangers become plain WebVTT: times and text, each line once, and never too much."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.fetch.webvtt import Cue, as_webvtt, cues_in

# As YouTube writes what it hears: each line comes twice, and between the two a cue of 10 ms.
BLANK = " "
ROLLING = f"""\
WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.310 align:start position:0%
{BLANK}
the<00:00:00.480><c> swan</c><00:00:00.800><c> is</c>

00:00:02.310 --> 00:00:02.320 align:start position:0%
the swan is
{BLANK}

00:00:02.320 --> 00:00:04.000 align:start position:0%
the swan is
on<00:00:02.600><c> the</c><00:00:03.000><c> lake</c>

00:00:04.000 --> 00:00:04.010 align:start position:0%
on the lake
{BLANK}
"""

SUBRIP = f"""\
1
00:00:01,000 --> 00:00:02,500
<i>A swan</i>, she said
{BLANK}
2
00:00:03,000 --> 00:00:04,000
<font color="#fff">&amp; a lake</font>
"""


def test_what_a_site_hears_stands_there_once():
    assert list(cues_in(ROLLING)) == [
        Cue(160, 2_310, "the swan is"),
        Cue(2_320, 4_000, "on the lake"),
    ]


def test_what_somebody_says_twice_stands_there_twice():
    said = "WEBVTT\n\n00:01.000 --> 00:02.000\nNo.\n\n00:02.000 --> 00:03.000\nNo.\n"
    assert [each.text for each in cues_in(said)] == ["No.", "No."]


def test_subrip_is_read_too():
    assert list(cues_in(SUBRIP)) == [
        Cue(1_000, 2_500, "A swan, she said"),
        Cue(3_000, 4_000, "& a lake"),
    ]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<v Fred>Hi <b>there</b>", "Hi there"),
        ("5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
        ("&lt;b&gt;", "<b>"),
        ("a\u202etxt.exe", "a\ufffdtxt.exe"),
        ("see https://example.org/?token=abc123def", "see https://example.org/?token=REDACTED"),
        ("a \x1b[31m b", "a \ufffd[31m b"),
        ("x" * 5_000, "x" * 1_000),
    ],
)
def test_a_line_is_text_and_nothing_else(written: str, kept: str):
    (cue,) = cues_in(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{written}\n")
    assert cue.text == kept


@pytest.mark.parametrize(
    "text",
    ["", "WEBVTT\n", "<html>", "#EXTM3U\n#EXTINF:6,\na.vtt\n", "00:02.000 --> 00:01.000\nno\n"],
)
def test_what_holds_no_captions_gives_none(text: str):
    assert as_webvtt(cues_in(text)).cues == 0


cues = st.lists(
    st.builds(
        lambda begin, length, words: Cue(begin, begin + length, "\n".join(words)),
        st.integers(0, 10_000_000),
        st.integers(1, 100_000),
        st.lists(
            st.text("abc <>&é白-0:.", min_size=1)
            .map(lambda text: " ".join(text.split()))
            .filter(lambda text: text and not re.search("<[a-z/0-9.:]|://|&[a-z]", text)),
            min_size=1,
            max_size=3,
            unique=True,
        ),
    ),
    max_size=5,
)


@given(cues)
def test_what_was_written_is_read_again(written: list[Cue]):
    vtt = as_webvtt(written)
    assert list(cues_in(vtt.text)) == written
    assert (vtt.cues, vtt.shortened) == (len(written), False)


@given(st.text(max_size=100), st.integers(20, 400))
def test_whatever_comes_is_bounded_and_reads_the_same_again(text: str, most: int):
    cue = f"\n00:00:01.000 --> 00:00:02.000\n{text}\n"
    vtt = as_webvtt(cues_in(f"WEBVTT\n{cue * 3}"), most)
    assert len(vtt.text.encode()) <= most
    assert as_webvtt(cues_in(vtt.text), most).text == vtt.text


def test_long_captions_end_early_and_say_so():
    cue = Cue(0, 1_000, "x" * 100)
    vtt = as_webvtt([cue] * 10, 500)
    assert vtt.shortened
    assert 0 < vtt.cues < 10
    assert len(list(cues_in(vtt.text))) == vtt.cues


@pytest.mark.parametrize("unit", ["<", "<a", "&", "-->", " ", "00:", "\n", "&lt;", "<c>"])
def test_no_text_takes_long_for_its_size(unit: str):
    # So many would take hours where the work grew with the square of them.
    text = f"WEBVTT\n\n00:01.000 --> 00:02.000\n{unit * (2_000_000 // len(unit))}"
    assert as_webvtt(cues_in(text)).cues <= 1
