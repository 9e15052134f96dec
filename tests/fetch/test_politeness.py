"""politeness: no host is asked faster than it bears, and one that keeps refusing is left alone."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Reason
from videonet import stopping
from videonet.fetch import politeness as politeness_module
from videonet.fetch.failure import FetchError
from videonet.fetch.politeness import (
    BURST,
    RECOVERY,
    REMEMBERED,
    SLOWEST,
    SUCCESSES,
    Closed,
    HostState,
    Pace,
    Politeness,
    host_of,
)

HOST = "example.org"
PACE = Pace(requests_per_second=4, connections=4, patience=3, pause=8, longest_pause=64)

# Long enough that whoever waits in vain for it has failed the test.
LONG = 30.0


class FakeClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """The event that ends a run; it is over with the test."""
    yield stopping.event
    stopping.event.clear()


def turns_at(state: HostState, now: float) -> list[int]:
    """All turns that are to be had at one moment."""
    turns = []
    while (turn := state.take_turn(now)) is not None:
        turns.append(turn)
    return turns


def next_turn(state: HostState) -> tuple[int, float]:
    """The next turn, and when it was given: as soon as there was one."""
    now = max(0.0, state.next_turn())
    turn = state.take_turn(now)
    assert turn is not None
    return turn, now


def refuse(state: HostState, retry_after: float | None = None) -> float:
    """One more refusal, after the wait that was due; when it came."""
    turn, now = next_turn(state)
    state.refused(turn, retry_after, now)
    return now


def succeed(state: HostState, times: int) -> None:
    for _ in range(times):
        turn, _ = next_turn(state)
        state.succeeded(turn)


# how fast


def test_after_idleness_one_second_s_worth_of_turns_is_given_at_once_and_then_one_by_one():
    state = HostState(PACE)
    assert len(turns_at(state, 100.0)) == 4
    times = [next_turn(state)[1] for _ in range(8)]
    assert times == [100.25 + 0.25 * n for n in range(8)]


def test_however_long_a_host_was_idle_no_more_than_one_second_s_worth_is_saved():
    state = HostState(PACE)
    turns_at(state, 0.0)
    assert len(turns_at(state, 0.5)) == 2
    assert len(turns_at(state, 10_000.0)) == 4


def test_a_pace_below_one_a_second_is_kept_from_the_start():
    state = HostState(Pace(requests_per_second=0.5))
    assert [next_turn(state)[1] for _ in range(3)] == [0.0, 2.0, 4.0]


def test_a_host_that_refuses_is_asked_half_as_fast_and_half_as_much_at_once():
    state = HostState(PACE)
    refuse(state)
    assert (state.rate, state.connections) == (2, 2)
    first = next_turn(state)[1]
    assert next_turn(state)[1] == first + 0.5


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
    burst = turns_at(state, 0.0)
    assert len(burst) == 4
    for turn in burst:
        state.refused(turn, None, 1.0)
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
    early = turns_at(state, 0.0)
    refuse(state)
    for _ in range(SUCCESSES):
        state.succeeded(early[0])
    assert (state.rate, state.refusals) == (2, 1)


# pauses


def test_nobody_gets_a_turn_or_a_connection_during_a_pause():
    state = HostState(PACE)
    begin = refuse(state)
    just_before = begin + PACE.pause - 0.01
    assert state.take_turn(just_before) is None
    assert state.take_connection(just_before) is None
    assert turns_at(state, begin + PACE.pause) == [2]
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
    assert state.next_turn() >= now + asked
    assert state.resumes == now + asked
    assert not state.closed


def test_a_late_refusal_of_a_burst_makes_the_pause_longer_if_it_names_a_time_and_never_shorter():
    state = HostState(PACE)
    burst = turns_at(state, 0.0)
    state.refused(burst[0], 10.0, 0.0)
    state.refused(burst[1], 40.0, 1.0)
    state.refused(burst[2], 5.0, 2.0)
    state.refused(burst[3], None, 39.0)
    assert (state.resumes, state.rate) == (41.0, 2)


def test_a_refusal_that_names_no_time_does_not_shorten_a_pause_that_a_late_one_asked_for():
    state = HostState(PACE)
    early = turns_at(state, 0.0)
    state.refused(early[0], 0.0, 0.0)
    turn, now = next_turn(state)
    state.refused(early[1], 50.0, now)
    state.refused(turn, None, now + 1)
    assert state.resumes == now + 50


# the end of patience


def test_a_burst_of_refusals_does_not_close_a_host():
    state = HostState(Pace(requests_per_second=50, patience=2))
    burst = turns_at(state, 0.0)
    assert len(burst) > 2
    for turn in burst:
        state.refused(turn, None, 0.0)
    assert not state.closed


def test_a_host_is_closed_when_it_refused_as_often_as_patience_lasts():
    state = HostState(PACE)
    refuse(state)
    refuse(state)
    assert not state.closed
    now = refuse(state)
    assert state.closed
    assert turns_at(state, now + 1_000_000) == []
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
    early = turns_at(state, 0.0)
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
    burst = turns_at(state, 0.0)
    state.refused(burst[0], 100.0, 0.0)
    state.succeeded(burst[1])
    assert state.closed
    state.refused(burst[2], 500.0, 1.0)
    state.refused(burst[3], 200.0, 2.0)
    assert state.comes_back() == 501.0


def test_of_a_closed_host_no_answer_counts_any_more():
    state = HostState(PACE)
    early = turns_at(state, 0.0)
    state.refused(early[0], 0.0, 0.0)
    first, second = turns_at(state, 1.0)[:2]
    state.refused(early[1], PACE.longest_pause + 1, 1.0)
    state.refused(first, None, 2.0)
    assert (state.refusals, state.rate) == (1, 2)
    state.succeeded(second)
    assert (state.refusals, state.rate) == (1, 2)


def test_a_closed_host_that_refuses_once_more_is_not_closed_for_longer():
    state = HostState(Pace(patience=1))
    burst = turns_at(state, 0.0)
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
    """A turn that was given: when, and at which rate."""

    number: int
    time: float
    rate: float


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "succeed", "refuse"]),
        # seconds that pass before it
        st.sampled_from([0.0, 0.0, 0.1, 1.0, 10.0, 100.0]),
        # which of the turns that are not answered yet
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
    given_turns: list[Given] = []
    open_turns: list[Given] = []
    # What follows from the answers alone; answers to turns up to this one no longer count.
    outdated, in_a_row, closed, peace = 0, 0, False, 0.0
    for step, seconds, choice, retry_after in steps:
        now += seconds
        if step == "ask":
            number = state.take_turn(now)
            if number is not None:
                assert now >= peace
                open_turns.append(Given(number, now, state.rate))
                given_turns.append(open_turns[-1])
        elif open_turns:
            turn = open_turns.pop(choice % len(open_turns))
            counts = turn.number > outdated and not closed
            if step == "succeed":
                state.succeeded(turn.number)
                in_a_row = 0 if counts else in_a_row
            else:
                before = state.rate
                state.refused(turn.number, retry_after, now)
                if counts:
                    in_a_row, outdated = in_a_row + 1, len(given_turns)
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
    for first in range(len(given_turns)):
        fastest = 0.0
        for count, turn in enumerate(given_turns[first:], 1):
            fastest = max(fastest, turn.rate)
            window = turn.time - given_turns[first].time
            assert count <= fastest * window + max(1.0, fastest * BURST) + 1e-6


# waiting


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits looks up so rarely that it has to be told of what changed."""
    monkeypatch.setattr(politeness_module, "_LOOK_UP", LONG)


@contextmanager
def waiting(task: Callable[..., object], *arguments: object) -> Iterator[Future[object]]:
    """A task that waits in another thread, for long enough that it has begun to."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(task, *arguments)
        assert not wait([future], timeout=0.1).done
        yield future


def hold(politeness: Politeness, seconds: float) -> None:
    with politeness.download(HOST, seconds):
        pass


def refused_by(politeness: Politeness, task: Callable[[], object]) -> str:
    with pytest.raises(FetchError) as caught:
        task()
    assert caught.value.reason is Reason.RATE_LIMITED
    text = str(caught.value)
    assert text.startswith("not asked: ")
    assert HOST in text
    return text


def test_a_turn_is_waited_for(clock):
    politeness = Politeness(Pace(requests_per_second=1), clock=clock)
    politeness.turn(HOST, 0)
    with waiting(politeness.turn, HOST, LONG) as turn:
        clock.now += 1
        turn.result(LONG)


def test_turns_of_many_threads_keep_to_the_rate():
    politeness = Politeness(Pace(requests_per_second=50))
    times = []

    def ask() -> None:
        politeness.turn(HOST, LONG)
        times.append(time.monotonic())

    begin = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        wait([pool.submit(ask) for _ in range(75)])
    # 50 at once, and 25 at 50 a second.
    assert len(times) == 75
    assert max(times) - begin >= 0.49


def test_hosts_do_not_wait_for_each_other(clock):
    politeness = Politeness(Pace(requests_per_second=1, connections=1), clock=clock)
    with politeness.download(HOST, 0), politeness.download("example.com", 0):
        politeness.turn(HOST, 0).refused()
        politeness.turn("example.com", 0)


def test_no_more_downloads_than_connections_run_at_once():
    politeness = Politeness(Pace(connections=3))
    running, most, lock = 0, 0, threading.Lock()

    def download() -> None:
        nonlocal running, most
        with politeness.download(HOST, LONG):
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.01)
            with lock:
                running -= 1

    with ThreadPoolExecutor(12) as pool:
        for each in [pool.submit(download) for _ in range(24)]:
            each.result()
    assert most == 3


def test_a_download_waits_until_another_has_ended(clock, told):
    politeness = Politeness(Pace(connections=1), clock=clock)
    with ExitStack() as first:
        first.enter_context(politeness.download(HOST, 0))
        with waiting(hold, politeness, LONG) as second:
            first.close()
            second.result(LONG / 2)


def test_a_connection_is_given_back_whatever_ends_the_download(clock):
    politeness = Politeness(Pace(connections=1), clock=clock)
    for error in (FetchError(Reason.NETWORK, "broken"), stopping.Stopped()):
        with pytest.raises(type(error)), politeness.download(HOST, 0):
            raise error
    hold(politeness, 0)


def test_after_a_refusal_those_that_run_go_on_and_new_ones_wait_for_fewer_connections(clock):
    politeness = Politeness(Pace(connections=2, pause=1), clock=clock)
    with politeness.download(HOST, 0):
        with politeness.download(HOST, 0):
            politeness.turn(HOST, 0).refused()
            clock.now += 1
        refused_by(politeness, lambda: hold(politeness, 0))
    hold(politeness, 0)


def test_no_turn_in_time_says_so(clock):
    politeness = Politeness(Pace(requests_per_second=1), clock=clock)
    politeness.turn(HOST, 0)
    refused_by(politeness, lambda: politeness.turn(HOST, 0))


def test_no_connection_in_time_says_so():
    politeness = Politeness(Pace(connections=1))
    with politeness.download(HOST, 0):
        text = refused_by(politeness, lambda: hold(politeness, 0.05))
    assert text == "not asked: example.org was busy for 0.05 s"


@pytest.mark.parametrize("ask", [hold, lambda politeness, left: politeness.turn(HOST, left)])
def test_nobody_waits_in_vain_for_the_end_of_a_pause(clock, ask):
    # The clock stands still, so a wait would never end.
    politeness = Politeness(PACE, clock=clock)
    politeness.turn(HOST, 0).refused(50)
    text = refused_by(politeness, lambda: ask(politeness, 49.0))
    assert text == "not asked: example.org has no turn in the next 50.0 s"
    with waiting(ask, politeness, 51.0) as asked:
        clock.now += 50
        asked.result(LONG)


def test_who_waits_hears_at_once_of_a_pause_that_is_longer(clock, told):
    politeness = Politeness(Pace(requests_per_second=0.05), clock=clock)
    turn = politeness.turn(HOST, 0)
    clock.now += 0.5
    with waiting(politeness.turn, HOST, LONG) as other:
        turn.refused(100)
        assert isinstance(other.exception(LONG / 2), FetchError)


@pytest.mark.parametrize("ask", [hold, lambda politeness, left: politeness.turn(HOST, left)])
def test_who_waits_hears_at_once_that_the_host_was_closed(clock, told, ask):
    pace = Pace(requests_per_second=0.05, connections=1, patience=1)
    politeness = Politeness(pace, clock=clock)
    with politeness.download(HOST, 0):
        turn = politeness.turn(HOST, 0)
        with waiting(ask, politeness, LONG) as other:
            turn.refused()
            error = other.exception(LONG / 2)
    assert isinstance(error, FetchError)
    assert "kept refusing" in str(error)


@pytest.mark.parametrize("ask", [hold, lambda politeness, left: politeness.turn(HOST, left)])
def test_the_end_of_the_run_ends_every_wait(clock, stop, ask):
    politeness = Politeness(Pace(requests_per_second=0.1, connections=1), clock=clock)
    with politeness.download(HOST, 0):
        politeness.turn(HOST, 0)
        with waiting(ask, politeness, LONG) as other:
            stop.set()
            assert isinstance(other.exception(LONG), stopping.Stopped)
    with pytest.raises(stopping.Stopped):
        politeness.turn("example.com", LONG)


# closed hosts


def close(politeness: Politeness, clock: FakeClock, host: str, retry_after: float | None) -> None:
    """Have a host refuse until it is closed."""
    while host not in {closed.host for closed in politeness.closed()}:
        politeness.turn(host, 0).refused(retry_after)
        clock.now += PACE.longest_pause


def test_a_closed_host_is_not_asked_again_and_says_why_and_until_when(clock):
    politeness = Politeness(PACE, clock=clock)
    before = datetime.now(UTC)
    close(politeness, clock, HOST, None)
    [closed] = politeness.closed()
    assert (closed.host, closed.refusals) == (HOST, PACE.patience)
    hour = timedelta(seconds=PACE.come_back)
    assert before + hour <= closed.until <= datetime.now(UTC) + hour
    clock.now += 1_000_000
    when = f"{closed.until:%Y-%m-%d %H:%M} UTC"
    expected = f"not asked: example.org kept refusing (3 times in a row); come back after {when}"
    assert refused_by(politeness, lambda: politeness.turn(HOST, LONG)) == expected
    assert refused_by(politeness, lambda: hold(politeness, LONG)) == expected
    politeness.turn("example.com", 0)


def test_a_host_that_asked_for_a_long_wait_is_closed_until_then(clock):
    politeness = Politeness(PACE, clock=clock)
    before = datetime.now(UTC)
    close(politeness, clock, HOST, 86400)
    [closed] = politeness.closed()
    assert closed.refusals == 1
    day = timedelta(days=1)
    assert before + day <= closed.until <= datetime.now(UTC) + day
    assert "long wait" in refused_by(politeness, lambda: politeness.turn(HOST, LONG))


def test_a_long_wait_that_is_asked_for_late_in_a_burst_is_one_refusal_too(clock):
    politeness = Politeness(PACE, clock=clock)
    first, second = politeness.turn(HOST, 0), politeness.turn(HOST, 0)
    first.refused(0)
    politeness.turn(HOST, 0).succeeded()
    second.refused(86400)
    assert [closed.refusals for closed in politeness.closed()] == [1]


@pytest.mark.parametrize("asked", [1e12, 1e300, float("inf")])
def test_a_wait_beyond_the_calendar_is_taken_for_a_year(clock, asked):
    politeness = Politeness(PACE, clock=clock)
    close(politeness, clock, HOST, asked)
    [closed] = politeness.closed()
    assert timedelta(days=365) < closed.until - datetime.now(UTC) < timedelta(days=367)


def test_closed_hosts_are_listed_by_name(clock):
    politeness = Politeness(PACE, clock=clock)
    assert politeness.closed() == []
    for host in ("b.example", "c.example", "a.example"):
        close(politeness, clock, host, None)
    politeness.turn("d.example", 0)
    closed = politeness.closed()
    assert all(isinstance(each, Closed) for each in closed)
    assert [each.host for each in closed] == ["a.example", "b.example", "c.example"]


# what is remembered


def test_of_millions_of_hosts_only_some_are_remembered(clock):
    politeness = Politeness(PACE, clock=clock)
    for number in range(3 * REMEMBERED):
        politeness.turn(f"{number}.example", 0).succeeded()
        clock.now += 0.01
    assert len(politeness._hosts) <= REMEMBERED


def test_hosts_that_were_not_asked_for_the_longest_time_are_forgotten_first(clock):
    politeness = Politeness(PACE, clock=clock)
    for number in range(REMEMBERED):
        politeness.turn(f"{number}.example", 0)
    politeness.turn("0.example", 0)
    clock.now += 10
    politeness.turn("another.example", 0)
    assert "0.example" in politeness._hosts
    assert "1.example" not in politeness._hosts


def test_a_host_that_is_waited_for_is_not_forgotten(clock):
    politeness = Politeness(Pace(requests_per_second=1), clock=clock)
    politeness.turn(HOST, 0)
    with waiting(politeness.turn, HOST, LONG) as turn:
        # Its turn is long due, but whoever waits for it has not woken up yet.
        with politeness._lock:
            clock.now += 10
            for number in range(2 * REMEMBERED):
                politeness._host(f"{number}.example")
            assert HOST in politeness._hosts
        turn.result(LONG)


def test_hosts_that_refused_or_are_being_asked_are_not_forgotten_for_others(clock):
    politeness = Politeness(Pace(connections=1, pause=1), clock=clock)
    close(politeness, clock, "closed.example", 1000)
    politeness.turn("slowed.example", 0).refused()
    with politeness.download("busy.example", 0):
        for number in range(3 * REMEMBERED):
            politeness.turn(f"{number}.example", 0).succeeded()
            clock.now += 0.01
        assert [closed.host for closed in politeness.closed()] == ["closed.example"]
        assert politeness._hosts["slowed.example"].state.rate == Pace().requests_per_second / 2
        assert politeness._hosts["busy.example"].state.held == 1


def test_a_slowed_host_that_was_left_in_peace_for_long_is_forgotten_at_last():
    state = HostState(PACE)
    refuse(state)
    assert not state.forgettable(state.resumes + PACE.come_back - 1)
    assert state.forgettable(state.resumes + PACE.come_back)


# which host


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.ORG/a?b#c", "example.org"),
        ("https://example.org:443/", "example.org"),
        ("http://example.org:80", "example.org"),
        ("http://example.org:443/", "example.org:443"),
        ("http://127.0.0.1:8000/a.mp4", "127.0.0.1:8000"),
        ("http://[::1]:8000/a.mp4", "[::1]:8000"),
        ("https://name:secret@example.org/", "example.org"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("http://A.\U00018cd6/", "a.xn--626f"),
        ("a.mp4", ""),
        ("", ""),
        ("http://", ""),
        ("http://[/", ""),
        ("http://example.org:port/", ""),
        ("mailto:somebody@example.org", ""),
    ],
)
def test_the_host_of_a_url(url, host):
    assert host_of(url) == host


@given(st.one_of(st.text(), st.text().map("http://{}".format), st.text().map("//{}:1/".format)))
def test_no_url_is_too_strange_to_be_asked_for_its_host(url):
    host = host_of(url)
    assert host == host.lower()
