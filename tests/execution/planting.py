"""A run over addresses with secrets in them, and the commands as they are typed over it."""

from dataclasses import dataclass
from pathlib import Path

from demo.train_classifier import MODEL
from tests.curated import Ended, videonet
from tests.curating import bytes_of, verdicts_of
from tests.execution.served import Served
from tests.local import TYPED

KEPT = 7
# Those whose addresses say all that is needed to fetch them.
PLAIN = {"keyed a", "keyed b"}


@dataclass(frozen=True)
class Planted(Served):
    """A finished run over the guarded videos, and how it ended."""

    ended: Ended


def curate(folder: Path, out: str = "out", source: str = "") -> Ended:
    """The command as it is typed, with the catalogue and the class list in `folder`."""
    return videonet(
        *("curate", "--targets", folder / "classes.txt", "--classifier", MODEL),
        *("--source", source or f"catalogue:{folder / 'videos.csv'}", "--shards", "2"),
        *("--store", folder / "store", "--out", folder / out, "--requests-per-second", "1000"),
        *TYPED,
    )


def rebuild(lock: Path, folder: Path, *more: str | Path, store: Path | None = None) -> Ended:
    return videonet(
        *("rebuild", lock, "--store", store or folder / "store", "--out", folder / "again"),
        *("--requests-per-second", "1000", *TYPED, *more),
    )


def shown(out: Path) -> dict[str, str]:
    """The published address of each video, by its published id."""
    return {each.video.video_id: each.video.url for each in verdicts_of(out)}


def clips_of(out: Path) -> dict[str, str]:
    return {path: each for path, each in bytes_of(out).items() if path.startswith("clips/")}
