"""videonet.fetch.rate_limit: a host that refuses is asked less, and at last no more."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fetch.refusing import HOST, LONG, PACE, FakeClock, refuse
from videonet.fetch import rate_limit as politeness_module
from videonet.fetch.failure import FetchError
from videonet.fetch.rate_limit import REMEMBERED, Closed, HostState, Pace, Politeness, host_of
from videonet.schemas.reason import Reason
from videonet.stop_signal import Stopped, StopSignal


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


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
    for error in (FetchError(Reason.NETWORK, "broken"), Stopped()):
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
    pace = Pace(requests_per_second=0.05, longest_pause=3 * LONG)
    politeness = Politeness(pace, clock=clock)
    turn = politeness.turn(HOST, 0)
    clock.now += 0.5
    with waiting(politeness.turn, HOST, LONG) as other:
        turn.refused(2 * LONG)
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
def test_the_end_of_the_run_ends_every_wait(clock, ask):
    stop = StopSignal()
    politeness = Politeness(Pace(requests_per_second=0.1, connections=1), clock=clock, stop=stop)
    with politeness.download(HOST, 0):
        politeness.turn(HOST, 0)
        with waiting(ask, politeness, LONG) as other:
            stop.set()
            assert isinstance(other.exception(LONG), Stopped)
    with pytest.raises(Stopped):
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
