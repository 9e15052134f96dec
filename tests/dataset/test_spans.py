"""clips: where the clips of a video begin and end."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from videonet.video.clips import spans

CLIP = Fraction("10.24")
WINDOW = Fraction("2.56")

lengths = st.fractions(0, 2000, max_denominator=90_000)


@given(lengths, st.integers(1, 8))
def test_spans_never_overlap_and_lie_within_the_video(length, max_clips):
    found = spans(length, max_clips)
    assert len(found) <= max_clips
    for begin, end in found:
        assert 0 <= begin < end <= length
        assert WINDOW <= end - begin <= CLIP
        assert begin % CLIP == 0
    for (_, end), (begin, _) in pairwise(found):
        assert end <= begin


@given(lengths, st.integers(1, 8))
def test_a_video_that_fits_is_cut_whole_up_to_a_rest_shorter_than_a_window(length, max_clips):
    if length > max_clips * CLIP:
        assert len(spans(length, max_clips)) == max_clips
    else:
        covered = sum(end - begin for begin, end in spans(length, max_clips))
        assert 0 <= length - covered < WINDOW


@given(st.fractions(41, 2000, max_denominator=90_000), st.integers(2, 8))
def test_a_long_video_gives_full_clips_spread_evenly_from_its_first_to_its_last(length, max_clips):
    full = int(length // CLIP)
    assume(full >= max_clips)
    found = spans(length, max_clips)
    assert all(end - begin == CLIP for begin, end in found)
    assert found[0][0] == 0
    assert found[-1][0] == (full - 1) * CLIP
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(found)]
    assert max(gaps) - min(gaps) <= CLIP


@pytest.mark.parametrize(
    ("length", "begins", "end"),
    [
        ("2.55", [], None),
        ("2.56", [0], "2.56"),
        ("10", [0], "10"),
        ("10.24", [0], "10.24"),
        ("12.79", [0], "10.24"),
        ("12.8", [0, 1], "12.8"),
        ("40.96", [0, 1, 2, 3], "40.96"),
        ("43.6", [0, 1, 2, 3], "40.96"),
        ("71.68", [0, 2, 4, 6], "71.68"),
        ("3600", [0, 117, 233, 350], "3594.24"),
    ],
)
def test_these_lengths_give_these_clips(length, begins, end):
    found = spans(Fraction(length), 4)
    assert [begin for begin, _ in found] == [number * CLIP for number in begins]
    assert not found or found[-1][1] == Fraction(end)


def test_a_single_clip_of_a_long_video_is_its_middle():
    assert spans(5 * CLIP, 1) == [(2 * CLIP, 3 * CLIP)]
