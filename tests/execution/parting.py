"""A curation that several commands do part by part, as tests give these commands."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import VIDEONET, Ended, videonet
from tests.execution.jobs import Job
from tests.local import TYPED
from tests.patience import wait_for
from videonet.curation.run_progress import processes_of
from videonet.schemas.progress import ProcessProgress
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

# Of a list, at the same time.
PARTS = 4


@dataclass(frozen=True)
class Commands:
    """Commands over one store and one OUT in a folder."""

    world: World
    catalogue: Path
    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def store(self) -> Store:
        return Store(self.folder / "store")

    @property
    def run_id(self) -> str:
        """Of the run that OUT belongs to."""
        state = DatasetDir(self.out).run_state()
        assert state is not None
        return state.run_id

    def typed(self, part: str | None, *more: str | Path) -> list[str | Path]:
        """What the command for a part is given; None: for what is left."""
        return [
            *("curate", "--targets", self.world.classes, "--classifier", MODEL),
            *("--source", f"catalogue:{self.catalogue}", "--shards", "3"),
            *("--store", self.folder / "store", "--out", self.out),
            *("--workers", "2", "--downloads", "4", "--requests-per-second", "10000", *TYPED),
            *(() if part is None else ("--part", part)),
            *more,
        ]

    def videonet(self, part: str | None, *more: str | Path) -> Ended:
        """The command in this process."""
        return videonet(*self.typed(part, *more))

    def done(self, *parts: str | None) -> None:
        """Give these commands one after the other; all end well."""
        for part in parts:
            ended = self.videonet(part)
            assert ended.code == 0, ended

    def begun(self, part: str | None) -> subprocess.Popen[str]:
        """The command in a process of its own."""
        return subprocess.Popen(
            [VIDEONET, *self.typed(part)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self) -> list[ProcessProgress]:
        """What the processes of the run have told that count."""
        return processes_of(self.store, self.run_id)

    def say(self, name: str, part: str, **more: object) -> str:
        """Have a process of the run on another machine show life; where it has done so."""
        now = datetime.now(UTC).isoformat()
        facts = {"recent_pairs": 0, "recent_seconds": 0.0, "searched": 0, "pairs": 0, "kept": 0}
        told = ProcessProgress(
            process=name,
            begun=now,
            updated=now,
            part=part,
            **{"rejected": {}, "failed": {}, "stages": {}, **facts, **more},
        )
        place = self.store.progress_name(self.run_id, name)
        self.store.write(place, told.to_json())
        return place


class Array:
    """The commands of one run, each on a machine of its own, but for STORE and OUT at `place`."""

    def __init__(
        self, given: tuple[str, ...], place: str, environment: Mapping[str, str], folder: Path
    ) -> None:
        self._given, self._place, self._environment = given, place, environment
        self._folder = folder

    def command(self, part: str | None) -> Job:
        """The command for a part; None: for what is left."""
        typed = (*self._given, *(() if part is None else ("--part", part)))
        folder = self._folder / (part or "rest").replace("/", "-of-")
        return Job(typed, self._place, self._environment, folder)

    def done(self, part: str | None) -> None:
        """Give a command, and wait for its end."""
        job = self.command(part)
        job.start()
        job.finish()

    def run(self, is_time: Callable[[], bool], after_kill: Callable[[], None]) -> None:
        """List, all parts at the same time, and the rest; one part is killed when `is_time`."""
        self.done("list")
        parts = [self.command(f"{index}/{PARTS}") for index in range(1, PARTS + 1)]
        for part in parts:
            part.start()
        victim = parts[1]
        wait_for(lambda: is_time() or not victim.process.is_alive(), 0.005)
        assert victim.kill(), "it ended before it could be killed"
        after_kill()
        victim.start()
        for part in parts:
            part.finish()
        self.done(None)
