"""The pace that processes keep together, over each form of a place."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.patience import PATIENCE, wait_for
from tests.storage.servers import Server
from videonet.fetch import lane_keeper
from videonet.fetch.failure import NotAskedError
from videonet.fetch.host_state import Pace
from videonet.fetch.rate_limit import RateLimiter
from videonet.storage.objects import Objects
from videonet.storage.places import open_place

HOST = "example.org"
PACE = Pace(requests_per_second=20, connections=2)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs are given often, so that this does not take long."""
    monkeypatch.setattr(lane_keeper, "RENEW", 1.0)


@pytest.fixture
def limiters(objects: Objects) -> Iterator[list[RateLimiter]]:
    """As of two processes."""
    both = [RateLimiter(PACE, shared=objects) for _ in range(2)]
    yield both
    for each in both:
        each.close()


def test_two_share_the_lanes_of_a_host_and_leave_nothing(
    objects: Objects, limiters: list[RateLimiter]
) -> None:
    times: list[float] = []
    by: list[int] = []
    lock, end = threading.Lock(), time.monotonic() + 5

    def ask(number: int) -> None:
        while time.monotonic() < end:
            limiters[number % 2].permit(HOST, PATIENCE).succeeded()
            with lock:
                times.append(time.monotonic())
                by.append(number % 2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    took = max(times) - min(times)
    # Threads of a busy machine may note their permits late.
    assert len(times) <= 20 * (took + 1) + 2
    assert set(by) == {0, 1}
    assert [each.name for each in objects.list("host/")] != []
    for each in limiters:
        each.close()
    assert list(objects.list("host/")) == []


def test_a_host_that_closed_for_one_is_closed_for_the_other(
    objects: Objects, limiters: list[RateLimiter]
) -> None:
    one, other = limiters
    other.permit(HOST, PATIENCE).succeeded()
    one.permit(HOST, PATIENCE).refused(7200)

    def is_closed() -> bool:
        try:
            other.permit(HOST, 1.0).succeeded()
        except NotAskedError as error:
            return "come back after" in str(error)
        return False

    wait_for(is_closed)
    (told,), (heard,) = one.closed_hosts(), other.closed_hosts()
    assert abs((told.until - heard.until).total_seconds()) < 1
    # One that comes later hears it first.
    later = RateLimiter(PACE, shared=objects)
    with pytest.raises(NotAskedError, match="come back after"):
        later.permit(HOST, PATIENCE)
    later.close()


@pytest.mark.parametrize("kind", ["lost", "status"])
def test_lanes_outlast_answers_that_are_lost_and_a_service_that_is_busy(
    server: Server, bucket: str, kind: str
) -> None:
    limiter = RateLimiter(PACE, shared=open_place(bucket))
    server.proxy.fail("insert", kind, 3, **({"status": 503} if kind == "status" else {}))
    for _ in range(30):
        limiter.permit(HOST, PATIENCE).succeeded()
    assert server.proxy.injected["insert", kind] > 0
    limiter.close()
    assert list(open_place(bucket).list("host/")) == []
