"""videonet withdraw, killed: the video is refused, and the next withdrawal completes it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.curated import Curated, curated_once
from tests.dataset.test_withdraw import OUT_OF_ALL, assert_sound, kept_beside_others, outcomes, tree
from tests.withdrawing import again, copied
from videonet.dataset.lineage import former_manifests
from videonet.dataset.withdraw import withdraw
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    """The data set with all that a withdrawal changes, captions among it."""
    once = curated_once(tmp_path_factory.getbasetemp())
    with_captions = copied(once, tmp_path_factory.mktemp("with_captions"))
    again(once, with_captions, captions=True)
    return with_captions


@dataclass(frozen=True)
class Killed:
    """A copy of the data set, as it was when the command was killed."""

    out: Path
    store: Path


def kill_at_every_step(folder: Path, video: str) -> None:
    """Withdraw a video from copies of `folder`, each killed before one more file than the last.

    Before it is put in its place or deleted, that is. To be called in a process that has no
    threads yet: what is killed is a fork of it.
    """
    code = None
    for number in range(1000):
        copied = shutil.copytree(folder / "whole", folder / f"killed-{number:03d}")
        if (child := os.fork()) == 0:
            sys.addaudithook(_death_after(number))
            withdraw(copied / "out", [video], copied / "store")
            os._exit(0)
        _, code = os.waitpid(child, 0)
        if code == 0:
            return
        assert os.WTERMSIG(code) == signal.SIGKILL
    raise AssertionError(code)


def _death_after(steps: int) -> Callable[[str, Any], None]:
    left = steps

    def watch(event: str, arguments: Any) -> None:
        nonlocal left
        file = str(arguments[0]) if event in ("os.rename", "os.remove", "shutil.rmtree") else ""
        # What is not there is deleted in vain, and that is no step.
        if "/killed-" in file and Path(file).exists():
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return watch


@pytest.fixture(scope="module")
def killed(curated: Curated, tmp_path_factory: pytest.TempPathFactory) -> list[Killed]:
    """The data set at every moment at which withdrawing a video can be interrupted."""
    folder = tmp_path_factory.mktemp("killed")
    for name in ("store", "out"):
        shutil.copytree(getattr(curated, name), folder / "whole" / name)
    (folder / "whole/out/report").mkdir()
    video, _ = kept_beside_others(curated.out)
    call = f"from pathlib import Path\nfrom {__name__} import kill_at_every_step\n"
    call += f"kill_at_every_step(Path({str(folder)!r}), {video.video_key!r})"
    subprocess.run([sys.executable, "-c", call], check=True)
    return [Killed(each / "out", each / "store") for each in sorted(folder.glob("killed-*"))]


def test_killed_at_any_moment_it_has_changed_nothing_or_the_video_is_refused(
    curated: Curated, killed: list[Killed]
):
    video, _ = kept_beside_others(curated.out)
    *interrupted, done = killed
    # The refusal twice; captions; three files of a shard and one of verdicts; the manifest.
    assert len(interrupted) > 8
    refused = [bool(list(Store(each.store).withdrawals())) for each in interrupted]
    assert refused == sorted(refused)
    assert set(refused) == {False, True}
    for each, is_refused in zip(interrupted, refused, strict=True):
        if not is_refused:
            assert tree(each.out) == tree(curated.out)
    assert outcomes(done.out, video.video_key) == {OUT_OF_ALL}


def test_killed_at_any_moment_the_same_command_completes_it(
    curated: Curated, killed: list[Killed], tmp_path: Path
):
    video, _ = kept_beside_others(curated.out)
    *interrupted, done = killed
    for number, each in enumerate(interrupted):
        out = Path(shutil.copytree(each.out, tmp_path / f"{number}/out"))
        store = Path(shutil.copytree(each.store, tmp_path / f"{number}/store"))
        withdraw(out, [video.video.video_id], store)
        assert tree(out) == tree(done.out), number
        assert not Store(store).thumbnail(video.video_key)
    assert_sound(done.out)


def taken_out(out: Path) -> set[str]:
    return {key for each in former_manifests(DatasetDir(out)) for key in each.taken_out}


def without_former(out: Path) -> dict[str, bytes]:
    files = tree(out)
    del files["_state/former_manifests.json"]
    return files


def test_killed_at_any_moment_after_the_refusal_the_next_withdrawal_completes_it(
    curated: Curated, killed: list[Killed], tmp_path: Path
):
    video, other = kept_beside_others(curated.out)
    *interrupted, done = (each for each in killed if DatasetDir(each.out).withdrawals())
    whole = Path(shutil.copytree(done.out, tmp_path / "whole"))
    withdraw(whole, [other.video.video_id], Path(shutil.copytree(done.store, tmp_path / "store")))
    assert_sound(whole)
    assert {video.video_key, other.video_key} == {
        each.video_key for each in DatasetDir(whole).withdrawals()
    }
    for number, each in enumerate(interrupted):
        out = Path(shutil.copytree(each.out, tmp_path / f"{number}/out"))
        store = Path(shutil.copytree(each.store, tmp_path / f"{number}/store"))
        withdraw(out, [other.video.video_id], store)
        # A killed call and the one that completes it take both out of one former manifest.
        assert taken_out(out) == taken_out(whole) == {video.video_key, other.video_key}, number
        assert without_former(out) == without_former(whole), number
