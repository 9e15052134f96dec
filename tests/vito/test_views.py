"""views: which frames of a clip are looked at."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shards.conftest import make_clip
from videonet.vito.views import (
    Span,
    frames_at,
    marginal,
    span_of,
    window,
)

CLIP = Span(1_000_000, 11_240_000)  # 10.24 s
WINDOW = Span(3_000_000, 5_560_000)  # 2.56 s

unhurried = settings(deadline=None, max_examples=50)
SEEDS = st.integers(0, 2**32)
SPANS = st.tuples(st.integers(0, 10**9), st.integers(1, 10**8)).map(
    lambda each: Span(each[0], sum(each))
)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@unhurried
@given(span=SPANS, seed=SEEDS)
def test_a_window_lies_within_its_clip_and_is_as_long_as_asked_for_or_all_of_it(span, seed):
    found = window(span, random(seed))
    assert span.begin <= found.begin < found.end <= span.end
    assert found.end - found.begin == min(2_560_000, span.end - span.begin)


def test_windows_begin_anywhere_that_leaves_room_for_them():
    generator = random()
    begins = [window(CLIP, generator).begin for _ in range(4_000)]
    room = CLIP.end - CLIP.begin - 2_560_000
    shares, _ = np.histogram(begins, bins=8, range=(CLIP.begin, CLIP.begin + room))
    assert shares.sum() == 4_000
    assert shares.min() > 400
    assert shares.max() < 600


def test_a_window_can_be_of_another_length():
    found = window(CLIP, random(), seconds=1.28)
    assert found.end - found.begin == 1_280_000


@unhurried
@given(seed=SEEDS)
def test_all_moments_lie_within_the_window(seed):
    moments = marginal(WINDOW, random(seed))
    assert len(moments) == 3
    assert all(WINDOW.begin <= moment < WINDOW.end for moment in moments)


def test_the_same_seed_gives_the_same_moments():
    assert marginal(WINDOW, random(3)) == marginal(WINDOW, random(3))
    assert marginal(WINDOW, random(3)) != marginal(WINDOW, random(4))


def test_marginal_moments_are_independent_and_in_no_order():
    generator = random()
    moments = np.array([marginal(WINDOW, generator) for _ in range(4_000)])
    correlation = np.corrcoef(moments.T)
    assert np.abs(correlation[np.triu_indices(3, k=1)]).max() < 0.08
    ascending = np.mean([list(each) == sorted(each) for each in moments])
    assert 0.13 < ascending < 0.21  # one of the six orders
    quarters, _ = np.histogram(moments, bins=4, range=(WINDOW.begin, WINDOW.end))
    assert quarters.min() > 2_700  # of 12,000


@unhurried
@given(
    times=st.lists(st.integers(0, 10**7), min_size=1, max_size=40, unique=True).map(sorted),
    moments=st.lists(st.integers(0, 10**7), max_size=5),
)
def test_a_moment_shows_the_last_frame_at_or_before_it(times, moments):
    for moment, index in zip(moments, frames_at(times, moments), strict=True):
        earlier = [place for place, time in enumerate(times) if time <= moment]
        assert index == (earlier[-1] if earlier else 0)


def test_a_frame_that_is_shown_for_long_is_drawn_as_often_as_it_is_seen():
    # One frame stands for nine tenths of the clip, and is stored once.
    times = [0, *range(2_304_000, 2_560_000, 80_000)]
    generator = random()
    found = [frames_at(times, marginal(Span(0, 2_560_000), generator)) for _ in range(1_000)]
    share = np.mean(np.array(found) == 0)
    assert 0.87 < share < 0.93


def test_a_clip_is_as_long_as_it_is_shown_and_no_longer_than_its_ticks():
    clip = make_clip(0, clip_start_timestamp=40_000, clip_end_timestamp=5_000_000)
    assert span_of(clip) == Span(40_000, 5_000_000)
    # Its first frame has stood there since long before.
    still = make_clip(0, clip_start_timestamp=40_000, clip_end_timestamp=20_000_000)
    assert span_of(still) == Span(9_760_000, 20_000_000)
