"""Builds the demo's world in a folder, and serves it."""

import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.server import VideoServer
from demo.videos import VIDEOS

CLASSES = """\
balloon: hot air balloon, montgolfière
sailboat: yacht, sailing boat
butterfly: swallowtail
locomotive: steam engine
mushroom: toadstool, fly agaric
lighthouse: light tower
"""


@dataclass(frozen=True)
class World:
    """A folder with the videos' files, a class list, and, once it is served, a catalogue."""

    folder: Path

    @property
    def files(self) -> Path:
        """The folder that is served."""
        return self.folder / "files"

    @property
    def classes(self) -> Path:
        """The class list."""
        return self.folder / "classes.txt"

    @property
    def catalogue(self) -> Path:
        """The catalogue: id, url, title, duration (seconds), channel, licence."""
        return self.folder / "catalogue.csv"

    @contextmanager
    def serve(self, *, delay: float = 0, ranges: bool = True) -> Iterator[VideoServer]:
        """Serves the videos, and writes the catalogue with the server's address in it."""
        behaviours = {each.path: each.behaviour for each in VIDEOS if each.behaviour}
        with VideoServer(self.files, behaviours, delay=delay, ranges=ranges) as server:
            with self.catalogue.open("w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["id", "url", "title", "duration", "channel", "licence"])
                for each in VIDEOS:
                    channel, licence = "Paper Cut Films", "CC-BY-4.0"
                    url = server.url(each.path)
                    rows.writerow([each.id, url, each.title, each.declared, channel, licence])
            yield server


def build_world(folder: Path) -> World:
    """Makes the files of the world and its class list below `folder`, which may not exist yet."""
    world = World(folder)
    (world.files / "archive").mkdir(parents=True)
    world.classes.write_text(CLASSES)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda video: video.write(world.files), VIDEOS))
    return world
