"""One small data set for the tests of what a run leaves behind, and the command as they run it."""

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from demo.drawing import draw_video
from demo.train_classifier import MODEL
from tests.once import made_once
from videonet.cli import main

VIDEONET = Path(sys.executable).with_name("videonet")

CLASSES = "balloon: hot air balloon\nsailboat: yacht\nmushroom\n"

# File name, which is the title too; what the video shows; and for how many seconds.
VIDEOS = [
    ("a balloon.mp4", "balloon", 16),
    ("a balloon and a sailboat.mp4", ("balloon", "sailboat"), 12),
    ("yacht.mp4", "sailboat", 12),
    ("a mushroom, or so they say.mp4", "balloon", 12),
]


@dataclass(frozen=True)
class Curated:
    """A finished run: to be read only."""

    folder: Path
    result: subprocess.CompletedProcess[str]

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def request(self) -> list[str]:
        """The command's arguments, all but those from the configuration."""
        return arguments(self.folder)


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    stdout: str
    stderr: str


def arguments(folder: Path) -> list[str]:
    return [
        *("curate", "--targets", str(folder / "classes.txt")),
        *("--source", f"folder:{folder / 'videos'}", "--classifier", str(MODEL)),
        *("--store", str(folder / "store"), "--out", str(folder / "out")),
    ]


def curated_once(temporary: Path) -> Curated:
    """A data set in two shards, made by the command itself once a session.

    `temporary` is pytest's folder of this session.
    """
    folder = made_once(temporary, "curated", _curate)
    said = [(folder / name).read_text() for name in ("stdout", "stderr")]
    return Curated(folder, subprocess.CompletedProcess(_command(folder), 0, *said))


def _curate(folder: Path) -> None:
    (folder / "videos").mkdir()
    (folder / "classes.txt").write_text(CLASSES)
    for name, shows, seconds in VIDEOS:
        draw_video(folder / "videos" / name, shows, seconds, size=(240, 180), seed=name)
    (folder / "run.toml").write_text('shards = 2\nper_class = 50\nkeep = "kept"\n')
    result = subprocess.run(_command(folder), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (folder / "stdout").write_text(result.stdout)
    (folder / "stderr").write_text(result.stderr)


def _command(folder: Path) -> list[str]:
    return [str(VIDEONET), *arguments(folder), "--config", str(folder / "run.toml")]


def videonet(*typed: str | Path, main: Callable[[], None] = main) -> Ended:
    """The command in this process, as its entry point, or another one, runs it."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        patch.object(sys, "argv", ["videonet", *map(str, typed)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    return Ended(code, out.getvalue(), err.getvalue())


def sentence(ended: Ended) -> str:
    """The one sentence that wrong input ends with."""
    assert ended.code == 2, ended
    assert ended.stdout == ""
    *before, said = ended.stderr.splitlines()
    # What takes a while first says what it is doing.
    assert set(before) <= {"looking at titles"}, ended.stderr
    assert said.startswith("videonet: "), ended.stderr
    return said
