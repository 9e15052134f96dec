"""videonet.fetch.host_state: what one host bears, from how it answered."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fetch.refusing import PACE, next_permit, permits_at, refuse, succeed
from videonet.fetch.host_state import BURST, RECOVERY, SLOWEST, SUCCESSES, HostState, Pace

# how fast


def test_after_idleness_one_second_s_worth_of_permits_is_given_at_once_and_then_one_by_one():
    state = HostState(PACE)
    assert len(permits_at(state, 100.0)) == 4
    times = [next_permit(state)[1] for _ in range(8)]
    assert times == [100.25 + 0.25 * n for n in range(8)]


def test_however_long_a_host_was_idle_no_more_than_one_second_s_worth_is_saved():
    state = HostState(PACE)
    permits_at(state, 0.0)
    assert len(permits_at(state, 0.5)) == 2
    assert len(permits_at(state, 10_000.0)) == 4


def test_a_pace_below_one_a_second_is_kept_from_the_start():
    state = HostState(Pace(requests_per_second=0.5))
    assert [next_permit(state)[1] for _ in range(3)] == [0.0, 2.0, 4.0]


def test_a_host_that_refuses_is_asked_half_as_fast_and_half_as_much_at_once():
    state = HostState(PACE)
    refuse(state)
    assert (state.rate, state.connections) == (2, 2)
    first = next_permit(state)[1]
    assert next_permit(state)[1] == first + 0.5


def test_a_host_is_never_asked_slower_than_the_floor_nor_over_less_than_one_connection():
    state = HostState(Pace(patience=100))
    for _ in range(50):
        refuse(state)
    assert (state.rate, state.connections) == (SLOWEST, 1)


def test_a_pace_below_the_floor_is_its_own_floor():
    state = HostState(Pace(requests_per_second=SLOWEST / 2))
    refuse(state)
    assert state.rate == SLOWEST / 2


def test_of_a_burst_of_refusals_only_one_slows_the_host_down():
    state = HostState(PACE)
    burst = permits_at(state, 0.0)
    assert len(burst) == 4
    for permit in burst:
        state.refused(permit, None, 1.0)
    assert (state.rate, state.refusals, state.resumes) == (2, 1, 1.0 + PACE.pause)


def test_a_host_that_answers_is_asked_faster_step_by_step_up_to_the_full_pace():
    state = HostState(PACE)
    refuse(state)
    refuse(state)
    assert (state.rate, state.connections) == (1, 1)
    succeed(state, SUCCESSES - 1)
    assert state.rate == pytest.approx(1 + 4 * (SUCCESSES - 1) / RECOVERY)
    assert state.connections == 1
    succeed(state, 1)
    assert state.connections == 2
    succeed(state, RECOVERY)
    assert (state.rate, state.connections) == (4, 4)


def test_a_host_that_refuses_one_request_in_twenty_is_not_slowed_down_without_end():
    state = HostState(PACE)
    for _ in range(50):
        refuse(state)
        succeed(state, 19)
    assert 2 * SLOWEST < state.rate < PACE.requests_per_second / 2


def test_an_answer_to_what_was_asked_before_a_refusal_makes_nothing_faster():
    state = HostState(PACE)
    early = permits_at(state, 0.0)
    refuse(state)
    for _ in range(SUCCESSES):
        state.succeeded(early[0])
    assert (state.rate, state.refusals) == (2, 1)


# pauses


def test_nobody_gets_a_permit_or_a_connection_during_a_pause():
    state = HostState(PACE)
    begin = refuse(state)
    just_before = begin + PACE.pause - 0.01
    assert state.take_permit(just_before) is None
    assert state.take_connection(just_before) is None
    assert permits_at(state, begin + PACE.pause) == [2]
    assert state.take_connection(begin + PACE.pause) == 1


def test_pauses_double_with_refusals_in_a_row_up_to_the_longest():
    state = HostState(Pace(patience=100, pause=8, longest_pause=30))
    pauses = [state.resumes - now for now in (refuse(state) for _ in range(4))]
    assert pauses == [8, 16, 30, 30]


def test_an_answer_makes_the_next_pause_a_short_one():
    state = HostState(PACE)
    refuse(state)
    refuse(state)
    succeed(state, 1)
    now = refuse(state)
    assert state.resumes == now + PACE.pause


@pytest.mark.parametrize("asked", [0.0, 3.0, PACE.longest_pause])
def test_the_wait_that_a_host_asks_for_is_kept_to(asked):
    state = HostState(PACE)
    now = refuse(state, retry_after=asked)
    assert state.next_permit() >= now + asked
    assert state.resumes == now + asked
    assert not state.closed


def test_a_late_refusal_of_a_burst_makes_the_pause_longer_if_it_names_a_time_and_never_shorter():
    state = HostState(PACE)
    burst = permits_at(state, 0.0)
    state.refused(burst[0], 10.0, 0.0)
    state.refused(burst[1], 40.0, 1.0)
    state.refused(burst[2], 5.0, 2.0)
    state.refused(burst[3], None, 39.0)
    assert (state.resumes, state.rate) == (41.0, 2)


def test_a_refusal_that_names_no_time_does_not_shorten_a_pause_that_a_late_one_asked_for():
    state = HostState(PACE)
    early = permits_at(state, 0.0)
    state.refused(early[0], 0.0, 0.0)
    permit, now = next_permit(state)
    state.refused(early[1], 50.0, now)
    state.refused(permit, None, now + 1)
    assert state.resumes == now + 50


# the end of patience


def test_a_burst_of_refusals_does_not_close_a_host():
    state = HostState(Pace(requests_per_second=50, patience=2))
    burst = permits_at(state, 0.0)
    assert len(burst) > 2
    for permit in burst:
        state.refused(permit, None, 0.0)
    assert not state.closed


def test_a_host_is_closed_when_it_refused_as_often_as_patience_lasts():
    state = HostState(PACE)
    refuse(state)
    refuse(state)
    assert not state.closed
    now = refuse(state)
    assert state.closed
    assert permits_at(state, now + 1_000_000) == []
    assert state.comes_back() == now + PACE.come_back


def test_a_host_that_answers_now_and_then_is_never_closed():
    state = HostState(PACE)
    for _ in range(20):
        refuse(state)
        refuse(state)
        succeed(state, 1)
    assert not state.closed


def test_an_answer_to_what_was_asked_before_does_not_interrupt_refusals_in_a_row():
    state = HostState(PACE)
    early = permits_at(state, 0.0)
    for _ in range(PACE.patience):
        refuse(state)
        state.succeeded(early[0])
    assert state.closed


def test_a_host_that_asks_for_too_long_a_wait_is_closed_at_once_until_then():
    state = HostState(PACE)
    now = refuse(state, retry_after=PACE.longest_pause + 1)
    assert state.closed
    assert state.comes_back() == now + PACE.longest_pause + 1


def test_what_a_closed_host_still_answers_does_not_open_it_but_may_say_when_to_come_back():
    state = HostState(PACE)
    burst = permits_at(state, 0.0)
    state.refused(burst[0], 100.0, 0.0)
    state.succeeded(burst[1])
    assert state.closed
    state.refused(burst[2], 500.0, 1.0)
    state.refused(burst[3], 200.0, 2.0)
    assert state.comes_back() == 501.0


def test_of_a_closed_host_no_answer_counts_any_more():
    state = HostState(PACE)
    early = permits_at(state, 0.0)
    state.refused(early[0], 0.0, 0.0)
    first, second = permits_at(state, 1.0)[:2]
    state.refused(early[1], PACE.longest_pause + 1, 1.0)
    state.refused(first, None, 2.0)
    assert (state.refusals, state.rate) == (1, 2)
    state.succeeded(second)
    assert (state.refusals, state.rate) == (1, 2)


def test_a_closed_host_that_refuses_once_more_is_not_closed_for_longer():
    state = HostState(Pace(patience=1))
    burst = permits_at(state, 0.0)
    state.refused(burst[0], None, 0.0)
    state.refused(burst[1], None, 50.0)
    assert state.comes_back() == Pace().come_back


def test_a_time_that_was_named_long_ago_says_nothing_of_when_to_come_back():
    state = HostState(PACE)
    refuse(state, retry_after=1)
    refuse(state)
    now = refuse(state)
    assert state.comes_back() == now + PACE.come_back


# what always holds


@dataclass(frozen=True)
class Given:
    """A permit that was given: when, and at which rate."""

    number: int
    time: float
    rate: float


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "succeed", "refuse"]),
        # seconds that pass before it
        st.sampled_from([0.0, 0.0, 0.1, 1.0, 10.0, 100.0]),
        # which of the permits that are not answered yet
        st.integers(0, 1000),
        st.sampled_from([None, None, 0.0, 5.0, 64.0, 65.0]),
    ),
    max_size=150,
)
PACES = st.builds(
    Pace,
    requests_per_second=st.floats(0.01, 50),
    connections=st.integers(1, 20),
    patience=st.integers(1, 6),
    pause=st.floats(0.1, 100),
    longest_pause=st.just(64.0),
)


@given(pace=PACES, steps=STEPS)
def test_whatever_a_host_answers_it_is_asked_within_its_pace_and_its_patience(pace, steps):
    state, now = HostState(pace), 0.0
    given_permits: list[Given] = []
    open_permits: list[Given] = []
    # What follows from the answers alone; answers to permits up to this one no longer count.
    outdated, in_a_row, closed, peace = 0, 0, False, 0.0
    for step, seconds, choice, retry_after in steps:
        now += seconds
        if step == "ask":
            number = state.take_permit(now)
            if number is not None:
                assert now >= peace
                open_permits.append(Given(number, now, state.rate))
                given_permits.append(open_permits[-1])
        elif open_permits:
            permit = open_permits.pop(choice % len(open_permits))
            counts = permit.number > outdated and not closed
            if step == "succeed":
                state.succeeded(permit.number)
                in_a_row = 0 if counts else in_a_row
            else:
                before = state.rate
                state.refused(permit.number, retry_after, now)
                if counts:
                    in_a_row, outdated = in_a_row + 1, len(given_permits)
                    assert state.rate == max(before / 2, min(SLOWEST, pace.requests_per_second))
                else:
                    assert state.rate == before
                peace = max(peace, now + (retry_after or 0.0))
                if in_a_row >= pace.patience or (retry_after or 0.0) > pace.longest_pause:
                    closed, peace = True, math.inf
        assert state.closed == closed
        assert state.refusals == in_a_row
        floor = min(SLOWEST, pace.requests_per_second)
        assert floor <= state.rate <= pace.requests_per_second
        assert 1 <= state.connections <= pace.connections
    for first in range(len(given_permits)):
        fastest = 0.0
        for count, permit in enumerate(given_permits[first:], 1):
            fastest = max(fastest, permit.rate)
            window = permit.time - given_permits[first].time
            assert count <= fastest * window + max(1.0, fastest * BURST) + 1e-6
