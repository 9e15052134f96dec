"""Two runs of different class lists over one store at once: each is as if it had been alone."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import VIDEONET
from tests.curating import bytes_of
from tests.local import TYPED
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow


def begun(world: World, classes: Path, store: Path, out: Path) -> subprocess.Popen[str]:
    typed = [
        *("curate", "--targets", classes, "--source", f"catalogue:{world.catalogue}"),
        *("--classifier", MODEL, "--store", store, "--out", out, "--keep", "all"),
        *("--workers", "1", "--downloads", "2", "--shards", "2"),
        *("--requests-per-second", "1000", *TYPED, "--files-root", world.files),
    ]
    return subprocess.Popen(
        [str(VIDEONET), *map(str, typed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(run: subprocess.Popen[str]) -> None:
    said, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, said


def test_two_runs_over_one_store_download_each_video_once_and_give_what_each_gives_alone(
    world: World, tmp_path: Path
):
    names = [line for line in world.classes.read_text().splitlines() if line.strip()]
    lists = {"all": names, "some": names[: len(names) // 2 + 1]}
    for name, classes in lists.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(classes) + "\n")
    # Requests of runs that have a store of their own, one after the other over the same one.
    with world.serve(delay=0.05) as server:
        for name in lists:
            store, out = tmp_path / "store of one", tmp_path / f"{name} alone"
            ended(begun(world, tmp_path / f"{name}.txt", store, out))
        alone = Counter(each.path for each in server.requests())
        before = len(server.requests())
        store = tmp_path / "store of both"
        runs = [
            begun(world, tmp_path / f"{name}.txt", store, tmp_path / f"{name} at once")
            for name in lists
        ]
        for run in runs:
            ended(run)
        at_once = Counter(each.path for each in server.requests()[before:])
    for name in lists:
        assert bytes_of(tmp_path / f"{name} at once") == bytes_of(tmp_path / f"{name} alone")
    # As when the second run finds what the first one has left, and no more than that.
    assert at_once - alone == Counter(), (at_once, alone)
    assert not list((store / "claim").rglob("*.json"))
    assert not list((store / "tmp").iterdir())
