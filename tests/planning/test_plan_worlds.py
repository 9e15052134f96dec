"""Plans of generated worlds hold the truth: a few by default, and all as thorough."""

import pytest

from benchmarks.plan_worlds import binomial_interval, rows


def test_the_binomial_interval_is_that_of_the_tables():
    assert binomial_interval(50, 200) == pytest.approx((0.1916, 0.3160), abs=1e-4)
    low, high = binomial_interval(0, 20)
    assert low == pytest.approx(0, abs=1e-6)
    assert high == pytest.approx(0.1684, abs=1e-4)


def test_intervals_of_plans_hold_the_truth_and_are_narrow():
    found = rows(16, 1.0, one_world=False, draws=200)
    for name in ("kept", "hours", "bytes", "clips"):
        assert found[name]["hold"] >= 14, name
    for name in ("kept", "bytes"):
        assert found[name]["middle width"] <= 2, name


@pytest.mark.thorough
@pytest.mark.parametrize(("heaviness", "one_world"), [(0.8, False), (1.0, False), (1.0, True)])
def test_of_two_hundred_plans_at_least_185_hold_each_true_total(heaviness: float, one_world: bool):
    found = rows(200, heaviness, one_world=one_world)
    for name in ("kept", "hours", "bytes", "clips"):
        assert found[name]["hold"] >= 185, name
    for name in ("kept", "bytes"):
        assert found[name]["middle width"] <= 2, name
        assert found[name]["width of 180 of 200"] <= 2, name
