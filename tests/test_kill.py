"""A run that is killed, again and again, and started again, ends as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.server import VideoServer
from demo.train_classifier import MODEL
from demo.videos import EXPECTED, VIDEOS
from demo.world import World
from schemas import Fetch
from tests.curating import bytes_of, curate, outcomes_of
from videonet.sources import Row
from videonet.sources.identity import video_key

KILLS = 20
PATIENCE = 120  # seconds until something that should appear counts as missing


@dataclass
class Victim:
    """A run of `videonet curate` in a process group of its own."""

    world: World
    folder: Path

    def __post_init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = Path(sys.executable).with_name("videonet")
        self.process = subprocess.Popen(
            [
                *(program, "curate", "--targets", self.world.classes),
                *("--source", f"catalogue:{self.world.catalogue}", "--classifier", MODEL),
                *("--store", self.folder / "store", "--out", self.folder / "out"),
                *("--workers", "1", "--downloads", "2", "--shards", "3"),
                *("--requests-per-second", "1000"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill_when(self, seen: Callable[[], bool]) -> bool:
        """Kill the whole group as soon as `seen`; False if the run ended before."""
        assert self.process is not None
        give_up = time.monotonic() + PATIENCE
        while not seen():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < give_up, "what was waited for never appeared"
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return True

    def finish(self) -> int:
        self.start()
        assert self.process is not None
        return self.process.wait(PATIENCE)


def test_twenty_kills_change_no_byte_and_no_finished_step_is_repeated(world: World, tmp_path: Path):
    chance = random.Random(20)
    with world.serve(delay=0.1) as server:
        curate(f"catalogue:{world.catalogue}", world.classes, tmp_path / "whole", shards=3)
        victim = Victim(world, tmp_path / "killed")
        store, out = victim.folder / "store", victim.folder / "out"
        finished = _Finished(store, server)
        kills = 0

        def kill(seen: Callable[[], bool]) -> None:
            nonlocal kills
            victim.start()
            assert victim.kill_when(seen), "the run ended before it could be killed"
            kills += 1
            finished.check()

        def kill_after(records: int) -> None:
            before = _records(store)
            pause = chance.uniform(0, 0.05)
            kill(lambda: _records(store) >= before + records and not time.sleep(pause))

        # While fetching: a partial file lies in the store.
        kill(lambda: any(store.glob("tmp/*/video*")))
        # While scanning: files are here that no scan has been written for.
        kill(lambda: _count(store, "video") > _count(store, "scan") > 0)
        # At random moments on the way.
        for _ in range(KILLS - 5):
            kill_after(chance.randint(1, 5))
        # While shards are written, in either format, and then the manifest.
        kill(lambda: _draft(out / "clips" / "parquet"))
        kill(lambda: _draft(out / "clips" / "tfrecord"))
        manifest = out / "manifest.json"
        kill(lambda: _draft(out, "manifest") or manifest.exists())
        while manifest.exists():
            # Written in the blink of an eye: it was complete before the signal came.
            manifest.unlink()
            kill(lambda: _draft(out, "manifest") or manifest.exists())
        assert kills >= KILLS
        assert victim.finish() == 0
        finished.check()
    assert bytes_of(out) == bytes_of(tmp_path / "whole" / "out")
    assert outcomes_of(out) == EXPECTED


class _Finished:
    """Remembers which downloads and scans were finished, and that none is done again."""

    def __init__(self, store: Path, server: VideoServer) -> None:
        self._store, self._server = store, server
        rows = [Row(0, each.id, server.url(each.path), None, each.title) for each in VIDEOS]
        self._paths = {video_key(row): each.path for row, each in zip(rows, VIDEOS, strict=True)}
        self._asked: dict[str, int] = {}
        self._scans: dict[Path, tuple[int, int]] = {}

    def check(self) -> None:
        asked: dict[str, int] = {}
        for request in self._server.requests():
            asked[request.path] = asked.get(request.path, 0) + 1
        for path, times in self._asked.items():
            assert asked[path] == times, f"{path} was fetched, and was asked for again"
        for scan, identity in self._scans.items():
            assert _identity(scan) == identity, f"{scan} was written again"
        for file in self._store.glob("fetch/*/*.json"):
            path = self._paths.get(Fetch.from_json(file.read_bytes()).video_key)
            if path is not None:
                self._asked[path] = asked[path]
        self._scans |= {file: _identity(file) for file in self._store.glob("scan/*/*/*.json")}


def _identity(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_ino, stat.st_mtime_ns


def _draft(folder: Path, name: str = "") -> bool:
    """Whether a file that is being written lies in `folder`."""
    try:
        return any(
            each.startswith(f".{name}") and each.endswith(".tmp")
            for each in os.listdir(folder)  # noqa: PTH208  # quicker: drafts are short-lived
        )
    except FileNotFoundError:
        return False


def _count(store: Path, kind: str) -> int:
    return sum(len(files) for _, _, files in os.walk(store / kind))


def _records(store: Path) -> int:
    return _count(store, "fetch") + _count(store, "scan") + _count(store, "length")
