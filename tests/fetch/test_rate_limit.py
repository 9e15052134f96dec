"""videonet.fetch.rate_limit: a host that refuses is asked less, and at last no more."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fetch.refusing import HOST, LONG, PACE, FakeClock
from videonet.fetch import rate_limit as rate_limit_module
from videonet.fetch.failure import FetchError, NotAskedError
from videonet.fetch.host_state import REMEMBERED, HostState, Pace
from videonet.fetch.rate_limit import RateLimiter, host_of
from videonet.schemas.progress import ClosedHost
from videonet.schemas.reason import Reason
from videonet.stop_signal import Stopped, StopSignal


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


# waiting


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waits looks up so rarely that it has to be told of what changed."""
    monkeypatch.setattr(rate_limit_module, "_LOOK_UP", LONG)


@contextmanager
def waiting(task: Callable[..., object], *arguments: object) -> Iterator[Future[object]]:
    """A task that waits in another thread, for long enough that it has begun to."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(task, *arguments)
        assert not wait([future], timeout=0.1).done
        yield future


def hold(limiter: RateLimiter, seconds: float) -> None:
    with limiter.download(HOST, seconds):
        pass


def refused_by(limiter: RateLimiter, task: Callable[[], object]) -> str:
    with pytest.raises(FetchError) as caught:
        task()
    assert caught.value.reason is Reason.RATE_LIMITED
    text = str(caught.value)
    assert text.startswith("not asked: ")
    assert HOST in text
    return text


def test_a_permit_is_waited_for(clock):
    limiter = RateLimiter(Pace(requests_per_second=1), clock=clock)
    limiter.permit(HOST, 0)
    with waiting(limiter.permit, HOST, LONG) as permit:
        clock.now += 1
        permit.result(LONG)


def test_permits_of_many_threads_keep_to_the_rate():
    limiter = RateLimiter(Pace(requests_per_second=50))
    times = []

    def ask() -> None:
        limiter.permit(HOST, LONG)
        times.append(time.monotonic())

    begin = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        wait([pool.submit(ask) for _ in range(75)])
    # 50 at once, and 25 at 50 a second.
    assert len(times) == 75
    assert max(times) - begin >= 0.49


def test_hosts_do_not_wait_for_each_other(clock):
    limiter = RateLimiter(Pace(requests_per_second=1, connections=1), clock=clock)
    with limiter.download(HOST, 0), limiter.download("example.com", 0):
        limiter.permit(HOST, 0).refused()
        limiter.permit("example.com", 0)


def test_no_more_downloads_than_connections_run_at_once():
    limiter = RateLimiter(Pace(connections=3))
    running, most, lock = 0, 0, threading.Lock()

    def download() -> None:
        nonlocal running, most
        with limiter.download(HOST, LONG):
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
    limiter = RateLimiter(Pace(connections=1), clock=clock)
    with ExitStack() as first:
        first.enter_context(limiter.download(HOST, 0))
        with waiting(hold, limiter, LONG) as second:
            first.close()
            second.result(LONG / 2)


def test_a_connection_is_given_back_whatever_ends_the_download(clock):
    limiter = RateLimiter(Pace(connections=1), clock=clock)
    for error in (FetchError(Reason.NETWORK, "broken"), Stopped()):
        with pytest.raises(type(error)), limiter.download(HOST, 0):
            raise error
    hold(limiter, 0)


def test_after_a_refusal_those_that_run_go_on_and_new_ones_wait_for_fewer_connections(clock):
    limiter = RateLimiter(Pace(connections=2, pause=1), clock=clock)
    with limiter.download(HOST, 0):
        with limiter.download(HOST, 0):
            limiter.permit(HOST, 0).refused()
            clock.now += 1
        refused_by(limiter, lambda: hold(limiter, 0))
    hold(limiter, 0)


def test_no_permit_in_time_says_so(clock):
    limiter = RateLimiter(Pace(requests_per_second=1), clock=clock)
    limiter.permit(HOST, 0)
    refused_by(limiter, lambda: limiter.permit(HOST, 0))


def test_no_connection_in_time_says_so():
    limiter = RateLimiter(Pace(connections=1))
    with limiter.download(HOST, 0):
        text = refused_by(limiter, lambda: hold(limiter, 0.05))
    assert text == "not asked: example.org was busy for 0.05 s"


@pytest.mark.parametrize("ask", [hold, lambda limiter, left: limiter.permit(HOST, left)])
def test_nobody_waits_in_vain_for_the_end_of_a_pause(clock, ask):
    # The clock stands still, so a wait would never end.
    limiter = RateLimiter(PACE, clock=clock)
    limiter.permit(HOST, 0).refused(50)
    text = refused_by(limiter, lambda: ask(limiter, 49.0))
    assert text == "not asked: example.org has no turn in the next 50.0 s"
    with waiting(ask, limiter, 51.0) as asked:
        clock.now += 50
        asked.result(LONG)


def test_who_waits_hears_at_once_of_a_pause_that_is_longer(clock, told):
    pace = Pace(requests_per_second=0.05, longest_pause=3 * LONG)
    limiter = RateLimiter(pace, clock=clock)
    permit = limiter.permit(HOST, 0)
    clock.now += 0.5
    with waiting(limiter.permit, HOST, LONG) as other:
        permit.refused(2 * LONG)
        assert isinstance(other.exception(LONG / 2), FetchError)


@pytest.mark.parametrize("ask", [hold, lambda limiter, left: limiter.permit(HOST, left)])
def test_who_waits_hears_at_once_that_the_host_was_closed(clock, told, ask):
    pace = Pace(requests_per_second=0.05, connections=1, patience=1)
    limiter = RateLimiter(pace, clock=clock)
    with limiter.download(HOST, 0):
        permit = limiter.permit(HOST, 0)
        with waiting(ask, limiter, LONG) as other:
            permit.refused()
            error = other.exception(LONG / 2)
    assert isinstance(error, FetchError)
    assert "kept refusing" in str(error)


@pytest.mark.parametrize("ask", [hold, lambda limiter, left: limiter.permit(HOST, left)])
def test_the_end_of_the_run_ends_every_wait(clock, ask):
    stop = StopSignal()
    limiter = RateLimiter(Pace(requests_per_second=0.1, connections=1), clock=clock, stop=stop)
    with limiter.download(HOST, 0):
        limiter.permit(HOST, 0)
        with waiting(ask, limiter, LONG) as other:
            stop.set()
            assert isinstance(other.exception(LONG), Stopped)
    with pytest.raises(Stopped):
        limiter.permit("example.com", LONG)


# closed hosts


def close(limiter: RateLimiter, clock: FakeClock, host: str, retry_after: float | None) -> None:
    """Have a host refuse until it is closed."""
    while host not in {closed.host for closed in limiter.closed_hosts()}:
        limiter.permit(host, 0).refused(retry_after)
        clock.now += PACE.longest_pause


def test_a_closed_host_is_not_asked_again_and_says_why_and_until_when(clock):
    limiter = RateLimiter(PACE, clock=clock)
    before = datetime.now(UTC)
    close(limiter, clock, HOST, None)
    [closed] = limiter.closed_hosts()
    assert (closed.host, closed.refusals) == (HOST, PACE.patience)
    hour = timedelta(seconds=PACE.come_back)
    assert before + hour <= closed.until <= datetime.now(UTC) + hour
    clock.now += 1_000_000
    when = f"{closed.until:%Y-%m-%d %H:%M} UTC"
    expected = f"not asked: example.org kept refusing (3 times in a row); come back after {when}"
    assert refused_by(limiter, lambda: limiter.permit(HOST, LONG)) == expected
    assert refused_by(limiter, lambda: hold(limiter, LONG)) == expected
    limiter.permit("example.com", 0)


def test_a_host_that_asked_for_a_long_wait_is_closed_until_then(clock):
    limiter = RateLimiter(PACE, clock=clock)
    before = datetime.now(UTC)
    close(limiter, clock, HOST, 86400)
    [closed] = limiter.closed_hosts()
    assert closed.refusals == 1
    day = timedelta(days=1)
    assert before + day <= closed.until <= datetime.now(UTC) + day
    assert "long wait" in refused_by(limiter, lambda: limiter.permit(HOST, LONG))


def test_a_long_wait_that_is_asked_for_late_in_a_burst_is_one_refusal_too(clock):
    limiter = RateLimiter(PACE, clock=clock)
    first, second = limiter.permit(HOST, 0), limiter.permit(HOST, 0)
    first.refused(0)
    limiter.permit(HOST, 0).succeeded()
    second.refused(86400)
    assert [closed.refusals for closed in limiter.closed_hosts()] == [1]


@pytest.mark.parametrize("asked", [1e12, 1e300, float("inf")])
def test_a_wait_beyond_the_calendar_is_taken_for_a_year(clock, asked):
    limiter = RateLimiter(PACE, clock=clock)
    close(limiter, clock, HOST, asked)
    [closed] = limiter.closed_hosts()
    assert timedelta(days=365) < closed.until - datetime.now(UTC) < timedelta(days=367)


def test_closed_hosts_are_listed_by_name(clock):
    limiter = RateLimiter(PACE, clock=clock)
    assert limiter.closed_hosts() == []
    for host in ("b.example", "c.example", "a.example"):
        close(limiter, clock, host, None)
    limiter.permit("d.example", 0)
    closed = limiter.closed_hosts()
    assert all(isinstance(each, ClosedHost) for each in closed)
    assert [each.host for each in closed] == ["a.example", "b.example", "c.example"]


# what is remembered


def hosts_remembered() -> int:
    gc.collect()
    return sum(isinstance(each, HostState) for each in gc.get_objects())


def permits_at_once(limiter: RateLimiter, host: str) -> int:
    """How many permits are to be had at one moment."""
    permits = []
    with suppress(NotAskedError):
        while len(permits) < 1000:
            permits.append(limiter.permit(host, 0))
    return len(permits)


def test_of_millions_of_hosts_only_those_of_the_last_ten_minutes_are_remembered(clock):
    before = hosts_remembered()
    limiter = RateLimiter(PACE, clock=clock)
    for number in range(2000):
        limiter.permit(f"{number}.example", 0).succeeded()
        clock.now += 1
    assert hosts_remembered() - before == pytest.approx(REMEMBERED, abs=5)


def test_a_host_whose_answer_may_still_come_is_remembered(clock):
    limiter = RateLimiter(PACE, clock=clock)
    permits = [limiter.permit(HOST, 0) for _ in range(3)]
    clock.now += REMEMBERED - 1
    limiter.permit("another.example", 0)
    for permit in permits:
        permit.refused()
    clock.now += PACE.pause + 10
    # Of a burst, one refusal counts.
    assert permits_at_once(limiter, HOST) == PACE.requests_per_second / 2


def test_a_host_that_is_waited_for_is_not_forgotten(clock, told):
    limiter = RateLimiter(Pace(requests_per_second=0.001), clock=clock)
    permit = limiter.permit(HOST, 0)
    with waiting(limiter.permit, HOST, 2000) as other:
        clock.now += REMEMBERED + 300
        limiter.permit("another.example", 0)
        # Its next permit was due later still.
        permit.refused(10_000)
        assert isinstance(other.exception(LONG / 2), NotAskedError)


def test_a_host_that_refused_is_not_forgotten_for_others(clock):
    limiter = RateLimiter(PACE, clock=clock)
    close(limiter, clock, "closed.example", 1000)
    limiter.permit("slowed.example", 0).refused()
    with limiter.download("busy.example", 0), limiter.download("busy.example", 0):
        for number in range(1000):
            limiter.permit(f"{number}.example", 0).succeeded()
            clock.now += 2
        assert [closed.host for closed in limiter.closed_hosts()] == ["closed.example"]
        assert permits_at_once(limiter, "slowed.example") == PACE.requests_per_second / 2
        with (
            limiter.download("busy.example", 0),
            limiter.download("busy.example", 0),
            pytest.raises(NotAskedError),
            limiter.download("busy.example", 0),
        ):
            pass


def test_a_slowed_host_that_was_left_in_peace_for_long_is_forgotten_at_last(clock):
    limiter = RateLimiter(PACE, clock=clock)
    limiter.permit(HOST, 0).refused()
    clock.now += PACE.pause + PACE.come_back
    limiter.permit("another.example", 0)
    assert permits_at_once(limiter, HOST) == PACE.requests_per_second


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
