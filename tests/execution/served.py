"""A finished run over videos of a server."""

from dataclasses import dataclass
from pathlib import Path

from demo.server import VideoServer
from videonet.storage.dataset_dir import LOCK_FILE


@dataclass(frozen=True)
class Served:
    """A finished run, to be read only, and the server that has its videos."""

    folder: Path
    server: VideoServer

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def lock(self) -> Path:
        return self.out / LOCK_FILE
