"""Which candidates a pilot looks at."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videonet.planning.sample import (
    POOL,
    Sketch,
    chances_of,
    mean_of,
    shared_out,
    size_of,
    strata_of,
)


def drawn(number: int, candidates: int, classes: int = 4, duration: float | None = None):
    sketch: Sketch[int] = Sketch(number, duration or 0)
    for index in range(candidates):
        sketch.add(f"v{index}", f"c{index % classes}", duration, index)
    return sketch.drawn()


def test_the_same_candidates_give_the_same_sample_in_whatever_order_they_come():
    forwards, backwards = Sketch[int](20, 60.0), Sketch[int](20, 60.0)
    rows = [(f"v{i}", f"c{i % 3}", float(i % 100 + 1), i) for i in range(2_000)]
    for row in rows:
        forwards.add(*row)
    for row in reversed(rows):
        backwards.add(*row)
    key = [(each.item, each.chance, each.stratum) for each in forwards.drawn()]
    assert [
        (each.item, pytest.approx(each.chance), each.stratum) for each in backwards.drawn()
    ] == key
    assert len(key) == 20


def test_every_class_has_its_part_of_the_sample():
    found = drawn(100, 3_000)
    assert [sum(each.of == f"c{c}" for each in found) for c in range(4)] == [25] * 4
    assert {each.stratum for each in found} == {"c0", "c1", "c2", "c3"}
    assert all(each.chance == pytest.approx(100 / 3_000) for each in found)


def test_a_list_that_is_smaller_than_the_sample_is_looked_at_as_a_whole():
    found = drawn(200, 30)
    assert len(found) == 30
    assert {each.chance for each in found} == {1.0}


def test_classes_with_few_sampled_candidates_share_a_stratum():
    assert strata_of({"a": 12, "b": 3, "c": 9}) == {"a": "a", "b": POOL, "c": POOL}
    # A pool that is too small takes the smallest class in.
    assert strata_of({"a": 12, "b": 30, "c": 1}) == {"a": POOL, "b": "b", "c": POOL}
    assert strata_of({"a": 2}) == {"a": POOL}


def test_long_videos_are_drawn_more_often():
    sketch: Sketch[float] = Sketch(300, 100.0)
    for index in range(3_000):
        duration = 900.0 if index % 10 == 0 else 11.1
        sketch.add(f"v{index}", "c", duration, duration)
    long = [each for each in sketch.drawn() if each.item > 100]
    # A tenth of the candidates has half of all sizes.
    assert 120 <= len(long) <= 180
    assert long[0].chance == pytest.approx(300 * 5 / (300 * 5 + 2700 * 0.5555), rel=0.01)


@pytest.mark.parametrize("odd", [None, 0.0, -5.0, float("nan")])
def test_a_duration_that_makes_no_sense_counts_as_none(odd: float | None):
    assert size_of(odd, 60.0) == 1.0
    assert mean_of([odd, 60.0]) == 60.0


def test_an_endless_duration_counts_as_a_day():
    assert mean_of([float("inf")]) == 86_400
    assert size_of(float("inf"), 86_400) == 1.0


@settings(max_examples=50)
@given(
    most=st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=30),
    number=st.integers(min_value=0, max_value=500),
)
def test_a_sample_is_shared_out_to_the_last(most: list[int], number: int):
    limits = {f"c{place}": each for place, each in enumerate(most)}
    given_out = shared_out({name: float(each) for name, each in limits.items()}, number, limits)
    assert sum(given_out.values()) == min(number, sum(most))
    assert all(0 <= given_out[name] <= limits[name] for name in limits)


@settings(max_examples=50)
@given(
    sizes=st.lists(st.floats(min_value=0.5, max_value=1e4), min_size=1, max_size=40),
    number=st.integers(min_value=1, max_value=50),
)
def test_chances_add_up_to_the_number_that_is_drawn(sizes: list[float], number: int):
    chances = chances_of(np.array(sizes), number)
    assert ((chances > 0) & (chances <= 1)).all()
    assert chances.sum() == pytest.approx(min(number, len(sizes)))
