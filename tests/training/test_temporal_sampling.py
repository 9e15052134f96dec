"""views: which frames of a clip are looked at."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shards.conftest import make_clip
from videonet.training.data.temporal_sampling import (
    CLIP_SECONDS,
    Interval,
    delta,
    frames_at,
    interval_of,
    marginal,
    same,
    shots_of,
    timestamps,
    uniform,
    window,
    window_within_shot,
    windows_apart,
)
from videonet.video import clips

CLIP = Interval(1_000_000, 11_240_000)  # 10.24 s
WINDOW = Interval(3_000_000, 5_560_000)  # 2.56 s

fewer_examples = settings(max_examples=50)
SEEDS = st.integers(0, 2**32)
SPANS = st.tuples(st.integers(0, 10**9), st.integers(1, 10**8)).map(
    lambda each: Interval(each[0], sum(each))
)


# Of the chi-square distribution, one in a thousand is larger: with 15 and 63 degrees of freedom.
CHI_SQUARE_15 = 37.7
CHI_SQUARE_63 = 103.4


def chi_square(values, span: Interval) -> float:
    """How far values of any number of columns are from uniform: each is cut into fours or 16."""
    values = np.asarray(values).reshape(len(values), -1)
    bins = 16 if values.shape[1] == 1 else 4
    counts, _ = np.histogramdd(
        values, bins=[bins] * values.shape[1], range=[(span.begin, span.end)] * values.shape[1]
    )
    expected = len(values) / counts.size
    assert counts.sum() == len(values)
    return float(((counts - expected) ** 2 / expected).sum())


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@fewer_examples
@given(span=SPANS, seed=SEEDS)
def test_a_window_lies_within_its_clip_and_is_as_long_as_asked_for_or_all_of_it(span, seed):
    found = window(span, random(seed), 2.56)
    assert span.begin <= found.begin < found.end <= span.end
    assert found.end - found.begin == min(2_560_000, span.end - span.begin)


def test_windows_begin_anywhere_that_leaves_room_for_them():
    generator = random()
    begins = [window(CLIP, generator, 2.56).begin for _ in range(4_000)]
    assert chi_square(begins, Interval(CLIP.begin, CLIP.end - 2_560_000)) < CHI_SQUARE_15


def test_a_window_may_begin_with_its_clip_and_end_with_it():
    spans = {window(Interval(5, 2_560_006), random(seed), 2.56) for seed in range(20)}
    assert spans == {Interval(5, 2_560_005), Interval(6, 2_560_006)}


def test_a_window_can_be_of_another_length():
    found = window(CLIP, random(), 1.28)
    assert found.end - found.begin == 1_280_000


SAMPLINGS = ("marginal", "delta", "uniform", "same")


@pytest.mark.parametrize("sampling", SAMPLINGS)
@fewer_examples
@given(
    window=st.one_of(SPANS, st.just(WINDOW), st.just(Interval(7, 8))),
    seed=SEEDS,
    count=st.integers(1, 5),
    delta_seconds=st.floats(0.01, 3),
)
def test_all_moments_lie_within_the_window_however_short(
    sampling, window, seed, count, delta_seconds
):
    found = timestamps(sampling, window, random(seed), count, delta_seconds)
    assert len(found) == count
    assert all(type(moment) is int for moment in found)
    assert all(window.begin <= moment < window.end for moment in found)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_same_seed_gives_the_same_moments(sampling):
    once, again, other = (timestamps(sampling, WINDOW, random(s), 3, 0.64) for s in (3, 3, 4))
    assert once == again
    assert once != other


def test_a_scheme_is_found_by_its_name():
    expected = {
        "marginal": marginal(WINDOW, random(1), 4),
        "delta": delta(WINDOW, random(1), 4, 0.2),
        "uniform": uniform(WINDOW, random(1), 4),
        "same": same(WINDOW, random(1), 4),
    }
    for sampling in SAMPLINGS:
        assert timestamps(sampling, WINDOW, random(1), 4, 0.2) == expected[sampling]
    assert len(set(expected.values())) == 4


def test_there_is_no_other_scheme():
    with pytest.raises(ValueError, match="'random'"):
        timestamps("random", WINDOW, random(), 3, 0.64)


def test_marginal_moments_are_uniform_independent_and_in_no_order():
    generator = random()
    found = np.array([marginal(WINDOW, generator, 3) for _ in range(6_400)])
    assert chi_square(found[:, 0], WINDOW) < CHI_SQUARE_15
    # All three at once: a dependence of any of them on the others would show.
    assert chi_square(found, WINDOW) < CHI_SQUARE_63
    ascending = np.mean((np.diff(found) > 0).all(axis=1))
    assert 0.14 < ascending < 0.19  # one of the six orders


def test_delta_moments_keep_their_distance_and_begin_anywhere_that_leaves_room_for_them():
    generator = random()
    found = np.array([delta(WINDOW, generator, 3, 0.64) for _ in range(4_000)])
    assert (np.diff(found) == 640_000).all()
    assert chi_square(found[:, 0], Interval(WINDOW.begin, WINDOW.end - 1_280_000)) < CHI_SQUARE_15


@fewer_examples
@given(window=SPANS, seed=SEEDS, count=st.integers(2, 5))
def test_delta_moments_are_as_far_apart_as_a_short_window_allows(window, seed, count):
    length = window.end - window.begin
    found = np.array(delta(window, random(seed), count, 0.64))
    assert (np.diff(found) == min(640_000, (length - 1) // (count - 1))).all()


def test_uniform_moments_are_one_in_each_equal_part_and_uniform_there():
    generator = random()
    found = np.array([uniform(Interval(100, 3_000_100), generator, 3) for _ in range(6_400)])
    for place in range(3):
        begin = 100 + 1_000_000 * place
        assert chi_square(found[:, place], Interval(begin, begin + 1_000_000)) < CHI_SQUARE_15
    offsets = found - [100, 1_000_100, 2_000_100]
    assert chi_square(offsets, Interval(0, 1_000_000)) < CHI_SQUARE_63


@fewer_examples
@given(window=SPANS, seed=SEEDS, count=st.integers(1, 5))
def test_a_uniform_moment_lies_within_its_part_to_the_microsecond(window, seed, count):
    part = (window.end - window.begin) / count
    for place, moment in enumerate(uniform(window, random(seed), count)):
        assert place * part - 1 < moment - window.begin < (place + 1) * part


def test_the_same_moment_for_all_views_is_anywhere_in_the_window():
    generator = random()
    found = np.array([same(WINDOW, generator, 3) for _ in range(4_000)])
    assert (found == found[:, :1]).all()
    assert chi_square(found[:, 0], WINDOW) < CHI_SQUARE_15


@fewer_examples
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
    found = [frames_at(times, marginal(Interval(0, 2_560_000), generator, 3)) for _ in range(1_000)]
    share = np.mean(np.array(found) == 0)
    assert 0.87 < share < 0.93


def test_a_clip_is_as_long_as_it_is_shown_and_no_longer_than_its_ticks():
    clip = make_clip(0, clip_start_timestamp=40_000, clip_end_timestamp=5_000_000)
    assert interval_of(clip) == Interval(40_000, 5_000_000)
    # Its first frame has stood there since long before.
    still = make_clip(0, clip_start_timestamp=40_000, clip_end_timestamp=20_000_000)
    assert interval_of(still) == Interval(9_760_000, 20_000_000)


def test_a_clip_is_no_longer_than_curation_cuts_it():
    assert float(clips.CLIP_SECONDS) == CLIP_SECONDS


CUTS = st.lists(st.integers(0, 2 * 10**8), max_size=6)


@fewer_examples
@given(span=SPANS, cuts=CUTS)
def test_the_shots_of_a_clip_are_what_lies_between_its_cuts(span, cuts):
    shots = shots_of(span, cuts)
    assert (shots[0].begin, shots[-1].end) == (span.begin, span.end)
    assert all(before.end == after.begin for before, after in itertools.pairwise(shots))
    assert all(shot.begin < shot.end for shot in shots)
    inner = {shot.begin for shot in shots[1:]}
    assert inner == {cut for cut in cuts if span.begin < cut < span.end}


@given(span=SPANS, cuts=CUTS, seed=SEEDS)
def test_a_window_crosses_a_cut_only_where_no_shot_is_long_enough(span, cuts, seed):
    found, crosses = window_within_shot(span, cuts, random(seed), 2.56)
    assert span.begin <= found.begin < found.end <= span.end
    assert found.end - found.begin == min(2_560_000, span.end - span.begin)
    assert crosses == any(found.begin < cut < found.end for cut in cuts)
    longest = max(shot.end - shot.begin for shot in shots_of(span, cuts))
    if longest >= 2_560_000:
        assert not crosses


def test_all_windows_within_shots_are_equally_probable():
    # Two shots, with room for a window of 2.56 s of 1 s and of 2 s.
    span, cut = Interval(0, 8_120_000), 3_560_000
    generator = random()
    begins = [window_within_shot(span, [cut], generator, 2.56)[0].begin for _ in range(4000)]
    laid_out = [begin if begin <= 1_000_000 else begin - cut + 1_000_000 for begin in begins]
    assert chi_square(laid_out, Interval(0, 3_000_001)) < CHI_SQUARE_15


def test_without_a_cut_a_window_lies_as_it_would_otherwise():
    found, crosses = window_within_shot(CLIP, [], random(5), 2.56)
    assert not crosses
    assert CLIP.begin <= found.begin <= CLIP.end - 2_560_000


# Windows of several spans, which ascend.


@fewer_examples
@given(
    parts=st.lists(
        st.tuples(st.integers(0, 3_000_000), st.integers(1, 9_000_000)), min_size=1, max_size=4
    ),
    count=st.integers(1, 6),
    seconds=st.sampled_from([0.1, 0.64, 1.28]),
    apart=st.sampled_from([0.0, 0.5, 1.0]),
    seed=SEEDS,
)
def test_windows_lie_within_their_spans_and_apart_and_are_as_many_as_have_room(
    parts, count, seconds, apart, seed
):
    spans, end = [], 0
    for before, length in parts:
        spans.append(Interval(end + before, end + before + length))
        end = spans[-1].end
    found = windows_apart(spans, random(seed), count, seconds, apart)
    for span, own in zip(spans, found, strict=True):
        for each in own:
            assert span.begin <= each.begin
            assert each.end <= span.end
            assert each.end - each.begin == round(seconds * 1_000_000)
    flat = [each for own in found for each in own]
    for one, other in itertools.pairwise(flat):
        assert other.begin - one.end >= round(apart * 1_000_000)
    assert len(flat) <= count
    if len(spans) == 1:
        length, gap = (round(each * 1_000_000) for each in (seconds, apart))
        room = (spans[0].end - spans[0].begin + gap) // (length + gap)
        assert len(flat) == min(count, room)
    else:
        # None is missing where a span has room for all.
        alone = [sum(map(len, windows_apart([s], random(), count, seconds, apart))) for s in spans]
        assert len(flat) >= min(count, alone[-1])
        assert windows_apart(spans, random(seed), count, seconds, apart) == found


def test_windows_of_a_span_are_anywhere_in_it():
    begins = [
        [each.begin for each in windows_apart([CLIP], random(seed), 4, 1.28, 1.0)[0]]
        for seed in range(400)
    ]
    first, last = np.array(begins)[:, 0], np.array(begins)[:, -1]
    room = CLIP.end - CLIP.begin - 4 * 1_280_000 - 3 * 1_000_000
    assert first.min() < CLIP.begin + room / 50
    assert last.max() > CLIP.end - 1_280_000 - room / 50


def test_four_windows_are_shared_among_clips_evenly():
    spans = [Interval(begin, begin + 10_240_000) for begin in (0, 10_240_000, 20_480_000)]
    shares = {
        tuple(map(len, windows_apart(spans, random(seed), 4, 1.28, 1.0))) for seed in range(40)
    }
    assert shares == {(2, 1, 1), (1, 2, 1), (1, 1, 2)}
