"""A run for neighbours that is killed goes on, and comes to the bytes of one that was not."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.curated import videonet
from tests.curating import bytes_of
from tests.neighbours.runs import material_once, typed, whole_once
from videonet.schemas.candidate import Candidate
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

pytestmark = pytest.mark.slow

# Where files are put, and before which of them the run is killed; of the six videos that can be
# compared, how many are embedded by then.
MOMENTS = {
    "while videos are embedded": ("store/side/embedding/", 3, 2),
    # What is chosen lies nowhere: until the first clips are here, nothing says that it was.
    "between embedding and cutting": ("store/clips/", 1, 6),
    "while clips are cut": ("store/clips/", 3, 6),
    "while shards are written": ("out/clips/", 2, 6),
    "before the manifest is there": ("out/manifest.json", 1, 6),
}


def embedded(folder: Path) -> dict[str, bytes]:
    """What the store has of the features of each candidate, with the seconds that they took."""
    store, output = Store(folder / "store"), DatasetDir(folder / "out")
    lookup = output.lookup()
    assert lookup is not None
    listed: list[Candidate] = [
        each for index in range(lookup.shards) for each in output.candidates(index, lookup.shards)
    ]
    found = {
        each.video_key: store.tables.embeddings.get(store.digest(each.video_key)) for each in listed
    }
    return {key: each.data for key, each in found.items() if each is not None and each.data}


@pytest.mark.parametrize(("place", "number", "known"), MOMENTS.values(), ids=MOMENTS)
def test_a_killed_run_goes_on_to_the_same_bytes_and_embeds_nothing_twice(
    place: str, number: int, known: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    temporary = tmp_path_factory.getbasetemp()
    whole, asked = whole_once(temporary), typed(material_once(temporary), tmp_path)
    one_by_one = ("--workers", "1", "--downloads", "1")
    command = [sys.executable, "-m", "tests.neighbours.killed", f"{tmp_path / place}", str(number)]
    ended = subprocess.run([*command, *map(str, asked), *one_by_one], check=False)
    assert ended.returncode == -signal.SIGKILL
    before = embedded(tmp_path)
    assert len(before) == known
    assert not (tmp_path / "out" / "manifest.json").exists()
    again = videonet(*asked)
    assert again.code == 0, again
    assert bytes_of(tmp_path / "out") == bytes_of(whole / "out")
    assert before.items() <= embedded(tmp_path).items()
