"""Videos of which some are the same: at two addresses, and encoded again."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import av

from demo.drawing import draw_video
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curating import curate
from tests.local import TYPED
from tests.once import made_once
from videonet.schemas.manifest import Manifest

CLASSES = "balloon: hot air balloon\nsailboat: yacht\nmushroom\n"


class Listed(NamedTuple):
    """A row of the catalogue."""

    id: str
    file: str
    title: str


# The best first, but for "small", which is listed before what it is a copy of.
SMALL = Listed("small", "small.mp4", "a yacht, they say")
LARGE = Listed("large", "large.mp4", "a balloon")
HERE = Listed("here", "same.mp4", "one more balloon")
THERE = Listed("there", "there/same.mp4", "a balloon again")
OTHER = Listed("other", "other.mp4", "another balloon")
ALL = (SMALL, LARGE, HERE, THERE, OTHER)


def encode_again(source: Path, target: Path, size: tuple[int, int]) -> None:
    """Write a video once more, so wide and so high, and with fewer bits."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        stream = write.add_stream("libx264", rate=read.streams.video[0].average_rate)
        stream.width, stream.height = size
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "33", "threads": "1"}
        for frame in read.decode(video=0):
            write.mux(stream.encode(frame.reformat(*size)))
        write.mux(stream.encode())


def copies_once(temporary: Path) -> Path:
    """A folder with the files of ALL, made once a session. `temporary` is pytest's folder."""
    return made_once(temporary, "copies", _draw)


def _draw(folder: Path) -> None:
    both = ("balloon", "sailboat")
    draw_video(folder / "large.mp4", both, 14, size=(320, 240), seed="large")
    encode_again(folder / "large.mp4", folder / "small.mp4", (200, 150))
    (folder / "there").mkdir()
    draw_video(folder / "same.mp4", "balloon", 12, size=(240, 180), seed="same")
    (folder / "there" / "same.mp4").write_bytes((folder / "same.mp4").read_bytes())
    draw_video(folder / "other.mp4", "balloon", 12, size=(240, 180), seed="other")


def write_catalogue(server: VideoServer, listed: Iterable[Listed], folder: Path) -> None:
    """A catalogue and a class list in `folder`."""
    folder.mkdir(exist_ok=True, parents=True)
    with (folder / "videos.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "url", "title"])
        rows.writerows([each.id, f"{server.address}/{each.file}", each.title] for each in listed)
    (folder / "classes.txt").write_text(CLASSES)


def typed(folder: Path, *more: str | Path) -> list[str | Path]:
    """What the command is given for such a run: see `write_catalogue`."""
    return [
        *("curate", "--targets", folder / "classes.txt", "--classifier", MODEL),
        *("--source", f"catalogue:{folder / 'videos.csv'}", "--shards", "3"),
        *("--store", folder / "store", "--out", folder / "out", "--duplicates", "drop"),
        *("--workers", "2", "--downloads", "4", "--requests-per-second", "10000", *TYPED),
        *more,
    ]


def curate_listed(
    server: VideoServer,
    listed: Iterable[Listed],
    folder: Path,
    catalogue_in: Path | None = None,
    **options: Any,
) -> Manifest:
    """A run over these videos, with OUT and store below `folder`, and the catalogue there too."""
    place = catalogue_in or folder
    write_catalogue(server, listed, place)
    given = {"shards": 3, "duplicates": "drop"} | options
    return curate(f"catalogue:{place / 'videos.csv'}", place / "classes.txt", folder, **given)
