"""From a sample to totals with intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videonet.planning.estimate import Design, Estimator, Interval


def design(number: int, candidates: int, seed: int = 0) -> Design:
    random = np.random.default_rng(seed)
    size = random.lognormal(0, 1, number)
    return Design(
        chance=np.full(number, number / candidates),
        stratum=np.zeros(number, np.int64),
        size=size,
        candidates=np.array([float(candidates)]),
        total_size=float(size.mean() * candidates),
    )


def test_what_was_seen_as_a_whole_is_known_exactly():
    estimator = Estimator(design(30, 30), 50)
    values = np.arange(30.0)
    assert estimator.total(values) == Interval(435.0, 435.0, 435.0)
    assert estimator.count(values > 9, 30) == Interval(20.0, 20.0, 20.0)
    assert estimator.total(np.zeros(30)) == Interval(0.0, 0.0, 0.0)


def test_weights_give_the_number_of_candidates_and_the_sum_of_sizes():
    asked = design(60, 3000)
    weights = Estimator(asked).weights
    assert weights.sum() == pytest.approx(3000)
    assert weights @ asked.size == pytest.approx(asked.total_size)


def test_what_goes_with_the_declared_duration_is_known_better():
    asked = design(100, 5000)
    random = np.random.default_rng(1)
    like = asked.size * random.uniform(0.9, 1.1, 100)
    unlike = random.permutation(like)
    near, far = (Estimator(asked).total(each) for each in (like, unlike))
    assert near.high is not None
    assert far.high is not None
    assert near.high - near.low < (far.high - far.low) / 4


def test_where_all_of_a_sample_is_kept_some_of_the_others_may_not_be():
    kept = Estimator(design(6, 11), 50).count(np.ones(6, bool), 11)
    assert kept.value == kept.high == 11
    assert 6 <= kept.low < 10


def test_where_nothing_was_kept_there_is_an_upper_end_for_how_many_and_none_for_how_much():
    estimator = Estimator(design(200, 5000), 50)
    none = estimator.count(np.zeros(200, bool), 5000)
    assert none.value == none.low == 0
    # A share of 1.8 % would be missed in one of 40 samples of 200.
    assert none.high == pytest.approx(5000 * 0.0185, rel=0.1)
    assert estimator.total(np.zeros(200)) == Interval(0.0, 0.0, None)


@settings(max_examples=25)
@given(
    values=st.lists(
        st.floats(min_value=0, max_value=1e12, allow_subnormal=False), min_size=4, max_size=30
    ),
    more=st.integers(min_value=0, max_value=1000),
)
def test_an_interval_holds_its_value_and_no_less_than_was_seen(values: list[float], more: int):
    sample = np.array(values)
    estimator = Estimator(design(len(values), len(values) + more), 50)
    total = estimator.total(sample)
    assert sample.sum() <= total.low * (1 + 1e-9)
    assert total.low <= total.value * (1 + 1e-9)
    assert total.high is None or total.value <= total.high * (1 + 1e-9)
    kept = estimator.count(sample > 1, len(values) + more)
    assert kept.high is not None
    assert (sample > 1).sum() <= kept.low <= kept.value + 1e-6
    assert kept.value - 1e-6 <= kept.high <= len(values) + more


def test_parts_of_a_total_add_up():
    asked = design(50, 700)
    values = np.random.default_rng(2).lognormal(0, 1, 50)
    estimator = Estimator(asked, 50)
    first = np.arange(50) < 20
    parts = [estimator.total(values, where) for where in (first, ~first)]
    assert sum(each.value for each in parts) == pytest.approx(estimator.total(values).value)
