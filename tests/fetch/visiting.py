"""One visit to a server that misbehaves, as the tests of fetching look at it."""

import hashlib
import time
from pathlib import Path

from demo.behaviours import (
    Behaviour,
)
from demo.server import VideoServer
from tests.fetch.fetching import fetch
from tests.local import ALLOWED
from tests.patience import PATIENCE
from tests.stored import file_of
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.host_state import Pace
from videonet.fetch.limits import FetchLimits
from videonet.fetch.web import Web
from videonet.schemas.candidate import Candidate
from videonet.schemas.fetch import Fetch
from videonet.schemas.video_info import VideoInfo
from videonet.stop_signal import StopSignal
from videonet.storage.store import Store

# A deadline and a silence that never pass, and those that pass soon.
LIMITS = FetchLimits(deadline=PATIENCE, attempts=3, wait=0.01, longest_wait=0.05, silence=PATIENCE)
IMPATIENT = FetchLimits(deadline=1, attempts=3, wait=0.01, longest_wait=0.05, silence=0.5)
NAME = "a video.mp4"


def quick_web(stop: StopSignal | None = None) -> Web:
    """No other client asks the servers of these tests, so no visit waits for one."""
    return Web(Pace(requests_per_second=1000, pause=0.01), stop=stop, allowed_hosts=ALLOWED)


def candidate(url: str, *, root: Path | None = None) -> Candidate:
    return Candidate(
        video_key="url:key",
        video=VideoInfo(
            video_id="id",
            url=url,
            root=None if root is None else str(root),
            title="title",
            duration=None,
            channel=None,
            licence=None,
            live_status=None,
        ),
        source="catalogue",
        sha256=None,
        matches=(),
    )


class Visit:
    """One candidate fetched from a server that behaves in one way."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        behaviour: Behaviour | None = None,
        *,
        name: str = NAME,
        limits: FetchLimits = LIMITS,
        budget: DiskBudget | None = None,
        others: dict[str, Behaviour] | None = None,
    ) -> None:
        self.budget = budget or DiskBudget(None)
        behaviours = (others or {}) | ({name: behaviour} if behaviour else {})
        with VideoServer(folder, behaviours) as server:
            begin = time.monotonic()
            one = candidate(server.url(name))
            self.fetch = fetch(one, store, self.budget, limits, quick_web(), "run")
            self.seconds = time.monotonic() - begin
            self.requests = server.requests()
        assert store.fetch("url:key") == self.fetch
        assert list((store.root / "tmp").glob("[!.]*")) == []
        assert self.budget.used == store.video_bytes()
        if not self.fetch.here and self.fetch.part is None:
            assert store.video_bytes() == 0


def has_worked(visit: Visit, store: Store, content: bytes) -> bool:
    sha256 = hashlib.sha256(content).hexdigest()
    assert visit.fetch == Fetch(
        video_key="url:key",
        here=True,
        path=None,
        sha256=sha256,
        bytes=len(content),
        mtime_ns=None,
        reason=None,
        error=None,
        declared_duration=None,
        licence="",
        attempts=visit.fetch.attempts,
        run_id="run",
    )
    assert visit.budget.used == len(content)
    return file_of(store, visit.fetch).read_bytes() == content
