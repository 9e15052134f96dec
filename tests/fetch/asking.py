"""Processes that ask servers as fast as they may, and keep the pace together over one store.

`python -m tests.fetch.asking STORE PACE LANES THREADS RENEW URL...`: so many threads for each url
ask until the process is ended.
"""

import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from demo.server import VideoServer
from videonet.fetch import lane_keeper
from videonet.fetch.failure import NotAskedError
from videonet.fetch.host_state import Pace
from videonet.fetch.rate_limit import RateLimiter, host_of
from videonet.stop_signal import Stopped, StopSignal
from videonet.storage.places import open_place

WINDOW = 10.0


def begin(
    store: Path | str, pace: Pace, urls: Sequence[str], *, threads: int = 4, renew: float = 10.0
) -> subprocess.Popen[bytes]:
    """A process of its own that asks all of `urls`."""
    numbers = (pace.requests_per_second, pace.connections, threads, renew)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fetch.asking", str(store), *map(str, numbers), *urls]
    )


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes so that they give back what they hold."""
    for each in processes:
        each.send_signal(signal.SIGCONT)
        each.terminate()
    for each in processes:
        each.wait(60)


def times_at(server: VideoServer) -> list[float]:
    """When requests came, seconds, in order."""
    return sorted(each.time for each in server.requests())


def most_in_a_window(times: Sequence[float]) -> int:
    """The most requests that came in any ten seconds."""
    most = first = 0
    for last, time in enumerate(times):
        while times[first] <= time - WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return most


def longest_gap(times: Sequence[float]) -> float:
    """The longest time without a request, seconds."""
    return max(later - earlier for earlier, later in pairwise(times))


def _ask(limiter: RateLimiter, url: str, stop: StopSignal) -> None:
    host = host_of(url)
    while True:
        try:
            with limiter.download(host, 1e9):
                permit = limiter.permit(host, 1e9)
                try:
                    urllib.request.urlopen(url).read()
                    permit.succeeded()
                except urllib.error.HTTPError as error:
                    after = error.headers.get("Retry-After")
                    permit.refused(float(after) if after else None)
        except (NotAskedError, Stopped):
            if stop.wait(0.2):
                return


def main() -> None:
    store, pace, lanes, threads, renew, *urls = sys.argv[1:]
    lane_keeper.RENEW = float(renew)
    stop = StopSignal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    limits = Pace(float(pace), int(lanes), pause=1.0)
    limiter = RateLimiter(limits, stop=stop, shared=open_place(store))
    workers = [
        threading.Thread(target=_ask, args=(limiter, url, stop))
        for url in urls
        for _ in range(int(threads))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    limiter.close()


if __name__ == "__main__":
    main()
