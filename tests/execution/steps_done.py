"""Whether runs over the demo's world that go on from each other do anything twice."""

from pathlib import Path

from demo.server import VideoServer
from demo.videos import VIDEOS
from tests.sources.rows import row_of
from tests.stored import records_in, sections_in
from videonet.sources.video_key import video_key


class StepsDone:
    """Remembers which downloads and scans were finished, and that none is done again."""

    def __init__(self, store: Path, server: VideoServer) -> None:
        self._store, self._server = store, server
        rows = [row_of(0, each.id, server.url(each.path), None, each.title) for each in VIDEOS]
        self._paths = {video_key(row): each.path for row, each in zip(rows, VIDEOS, strict=True)}
        self._asked: dict[str, int] = {}
        self._scans: dict[tuple[str, str], bytes] = {}

    def check(self) -> None:
        """Fail if a step was done again that was finished the last time this was called."""
        asked: dict[str, int] = {}
        for request in self._server.requests():
            asked[request.path] = asked.get(request.path, 0) + 1
        for path, times in self._asked.items():
            assert asked[path] == times, f"{path} was fetched, and was asked for again"
        # How many seconds it took stands in each.
        scans = sections_in(self._store, "scan")
        assert self._scans.items() <= scans.items(), "a scan was made again"
        for record in records_in(self._store):
            path = self._paths.get(record.video_key)
            # Of what is here in part, the rest may still be asked for.
            if path is not None and record.fetch is not None and record.fetch.part is None:
                self._asked[path] = asked[path]
        self._scans = scans
