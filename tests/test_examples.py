"""examples: each script does what its docstring says."""

import subprocess
import sys
from pathlib import Path

import pytest

from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curated import CLASSES, Curated, curated_once
from tests.local import LOCAL

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def run(name: str, *arguments: str | Path) -> list[str]:
    """The lines that an example prints."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_clips_are_read(curated: Curated, tmp_path: Path):
    said = run("read_clips.py", curated.out, tmp_path)
    assert said[:2] == ["4 kept", "1 rejected"]
    for name in ("balloon", "sailboat"):
        assert (tmp_path / f"{name}.jpg").read_bytes().startswith(b"\xff\xd8")
        assert str(tmp_path / f"{name}.jpg") in said


def test_a_loop_of_ones_own_learns_from_clips(curated: Curated):
    losses = [float(line.rpartition(" ")[2]) for line in run("train_on_clips.py", curated.out)]
    assert len(losses) == 10
    assert losses[-1] < losses[0] / 2


def test_a_folder_is_curated_from_python(curated: Curated, tmp_path: Path):
    said = run(
        "curate_from_python.py",
        *(curated.folder / "classes.txt", curated.folder / "videos", MODEL, tmp_path),
    )
    assert said[-1] == "3 of 4 videos are kept: 4 clips"


def test_a_feed_is_curated_as_a_source_of_ones_own(curated: Curated, tmp_path: Path):
    (tmp_path / "classes.txt").write_text(CLASSES)
    with VideoServer(curated.folder / "videos") as server:
        items = "".join(
            f"<item><guid>{number}</guid><title>{title}</title>"
            f'<enclosure type="video/mp4" url="{server.url(f"{title}.mp4")}"/></item>'
            for number, title in enumerate(["a balloon", "yacht"])
        )
        (tmp_path / "feed.xml").write_text(f"<rss><channel>{items}</channel></rss>")
        arguments = (tmp_path / "feed.xml", tmp_path / "classes.txt", MODEL, tmp_path, *LOCAL)
        assert run("own_source.py", *arguments)[-1].endswith("clips of 2 videos")
