"""Processes over one store, as they come and go: a host is asked within one pace, and up to it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from demo.behaviours import Status
from demo.server import VideoServer
from tests.fetch.asking import WINDOW, begin, end, longest_gap, most_in_a_window, times_at
from tests.patience import wait_for
from videonet.fetch.host_state import Pace
from videonet.storage.folder_objects import FolderObjects

PACE = Pace(requests_per_second=20, connections=4)

# In any ten seconds; each of the four lanes may have one request more at its ends.
ALLOWED = 20 * WINDOW + 4

FILE = "a.txt"

# Seconds after which lanes are renewed here, so that tests do not take long.
RENEW = 2.0


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[VideoServer]]:
    """Two servers, which are two hosts."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / FILE).write_text("a")
    with VideoServer(folder) as one, VideoServer(folder) as other:
        yield [one, other]


@contextmanager
def asking(
    store: Path, *servers: VideoServer, number: int = 1, renew: float = RENEW
) -> Iterator[list[Popen[bytes]]]:
    """Processes that ask all of these servers; those that are there in the end are ended."""
    urls = [server.url(FILE) for server in servers]
    processes = [begin(store, PACE, urls, renew=renew) for _ in range(number)]
    try:
        yield processes
    finally:
        end([each for each in processes if each.poll() is None])


def asked(server: VideoServer, more: int) -> None:
    """Wait until a server was asked so many times more."""
    before = len(server.requests())
    wait_for(lambda: len(server.requests()) >= before + more, 0.1)


def rate(times: list[float]) -> float:
    return (len(times) - 1) / (times[-1] - times[0])


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.thorough), 5])
def test_however_many_processes_there_are_they_ask_a_host_as_fast_as_one_may(
    number: int, servers: list[VideoServer], tmp_path: Path
):
    with asking(tmp_path / "store", servers[0], number=number):
        asked(servers[0], 400)
    times = times_at(servers[0])
    assert most_in_a_window(times) <= ALLOWED
    assert rate(times) >= 0.8 * 20
    # All was given back, and nothing is left of it.
    assert list(FolderObjects(tmp_path / "store").list("")) == []


@pytest.mark.slow
def test_processes_that_come_are_killed_and_are_stopped_keep_the_pace_at_two_hosts(
    servers: list[VideoServer], tmp_path: Path
):
    store = tmp_path / "store"
    urls = [server.url(FILE) for server in servers]
    with asking(store, *servers, number=2) as processes:
        asked(servers[0], 200)
        processes.append(begin(store, PACE, urls, renew=RENEW))
        asked(servers[0], 100)
        processes[0].kill()
        asked(servers[0], 100)
        processes[1].send_signal(signal.SIGSTOP)
        processes.append(begin(store, PACE, urls, renew=RENEW))
        # for longer than its lanes hold
        time.sleep(20)
        processes[1].send_signal(signal.SIGCONT)
        asked(servers[0], 200)
    for server in servers:
        times = times_at(server)
        assert most_in_a_window(times) <= ALLOWED
        # Lanes of one that is stopped are free after a while; those of one that is killed at once.
        assert longest_gap(times) < WINDOW
        # While it was stopped, the others had half of the lanes, and then all.
        assert rate(times) >= 0.6 * 20


@pytest.mark.slow
def test_a_host_that_closes_for_one_process_is_closed_for_all_within_half_a_minute(
    servers: list[VideoServer], tmp_path: Path
):
    server = servers[0]
    (tmp_path / "served/b.txt").write_text("b")
    with asking(tmp_path / "store", server, renew=10.0) as processes:
        processes.append(begin(tmp_path / "store", PACE, [server.url("b.txt")]))
        wait_for(lambda: min(len(server.requests(each)) for each in (FILE, "b.txt")) > 20, 0.1)
        # It tells the first process, and not the second one, to come back in two hours.
        server.behaviours[FILE] = Status(429, retry_after=7200)
        wait_for(lambda: server.requests(FILE)[-1].status == 429, 0.1)
        time.sleep(45)
    refused = next(each.time for each in server.requests(FILE) if each.status == 429)
    assert times_at(server)[-1] - refused < 30
    # Whoever comes later knows it as well.
    before = len(server.requests())
    with asking(tmp_path / "store", server):
        time.sleep(5)
    assert len(server.requests()) == before
