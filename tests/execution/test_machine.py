"""What the machine lacks ends a run with one sentence; later the same command goes on as it was."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from demo.drawing import draw_video
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curating import bytes_of
from tests.execution.disks import (
    Ext4,
    fill,
    make_room,
    memory_disk,
    more_inodes,
    nowhere_for_temporary_files,
)
from tests.local import TYPED
from tests.patience import PATIENCE

VIDEOS = ("balloon", "sailboat")


class Job:
    """A run over a few videos of a server, and what it comes to where nothing is lacking."""

    def __init__(self, folder: Path, server: VideoServer) -> None:
        self._folder = folder
        rows = [f"{n},{server.url(f'{n}.mp4')},a {what}\n" for n, what in enumerate(VIDEOS)]
        (folder / "videos.csv").write_text("id,url,title\n" + "".join(rows))
        assert run(self.typed(folder / "store", folder / "out")).returncode == 0
        self.whole = bytes_of(folder / "out")

    def typed(self, store: Path, out: Path) -> list[str]:
        typed = [
            *("curate", "--targets", self._folder / "classes.txt", "--classifier", MODEL),
            *("--source", f"catalogue:{self._folder / 'videos.csv'}"),
            *("--store", store, "--out", out, "--workers", "2", "--shards", "2"),
            *("--requests-per-second", "1000", *TYPED),
        ]
        return list(map(str, typed))

    def goes_on(self, store: Path, out: Path) -> None:
        """The same command, on a machine that lacks nothing any more, ends as if nothing was."""
        again = run(self.typed(store, out))
        assert again.returncode == 0, again.stderr
        assert bytes_of(out) == self.whole
        assert list((store / "tmp").glob("[!.]*")) == []


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    folder = tmp_path_factory.mktemp("job")
    (folder / "files").mkdir()
    (folder / "classes.txt").write_text("balloon: hot air balloon\nsailboat: yacht\n")
    for number, what in enumerate(VIDEOS):
        path = folder / "files" / f"{number}.mp4"
        draw_video(path, what, 11 + number, size=(96, 64), seed=str(number))
    with VideoServer(folder / "files") as server:
        yield Job(folder, server)


def run(
    typed: list[str], *before: str, lowered: Callable[[], None] | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """A command, `videonet` or one that `before` begins; `more` are variables of its own."""
    return subprocess.run(
        [*(before or (sys.executable, "-m", "videonet")), *typed],
        capture_output=True,
        text=True,
        preexec_fn=lowered,
        env=os.environ | more,
        timeout=PATIENCE,
        check=False,
    )


def struck(how: str, disk: Path, number: int) -> list[str]:
    """How a command begins on a machine that fails: see `tests.execution.struck`."""
    return [sys.executable, "-m", "tests.execution.struck", how, str(disk), str(number)]


def sentence(ended: subprocess.CompletedProcess[str]) -> str:
    """The one sentence that a run ends with, after its lines of progress."""
    assert ended.returncode == 2, (ended.returncode, ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    said = [line for line in ended.stderr.splitlines() if line.startswith("videonet: ")]
    assert said == ended.stderr.splitlines()[-1:]
    return said[0]


def moments(last: int) -> list[int]:
    """Which files a disk strikes at: all up to `last` in `make test-all`, else a few."""
    step = 1 if hypothesis.settings().max_examples >= 1000 else last // 2 - 1
    return list(range(2, last + 1, step))


def sides(folder: Path, disk: Path, which: str) -> tuple[Path, Path]:
    """The store and OUT, of which one lies on the disk."""
    return (disk if which == "store" else folder) / "s", (disk if which == "out" else folder) / "o"


# How many files such a run opens on each side, and some less: how it goes is not always the same.
OPENED = {"store": 18, "out": 14}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "which"),
    [
        ("fail", "store"),
        ("fill", "out"),
        pytest.param("fail", "out", marks=pytest.mark.thorough),
        pytest.param("fill", "store", marks=pytest.mark.thorough),
    ],
)
def test_a_disk_that_fails_at_any_write_ends_the_run_which_goes_on(
    job: Job, tmp_path: Path, which: str, how: str
):
    said = {"fill": "There is no room for ", "fail": "(Read-only file system)"}[how]
    for number in moments(OPENED[which]):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Ext4(folder) as disk:
            store, out = sides(folder, disk.at, which)
            ended = run(job.typed(store, out), *struck(how, disk.at, number))
            assert said in sentence(ended), number
            if how == "fill":
                make_room(disk.at)
            else:
                disk.repair()
            job.goes_on(store, out)
        shutil.rmtree(folder)


@pytest.mark.thorough
def test_a_disk_without_inodes_ends_the_run_which_goes_on(job: Job, tmp_path: Path):
    for inodes in (4, 12, 24, 45, 60):
        with memory_disk(tmp_path / str(inodes), inodes=inodes) as disk:
            store, out = disk / "s", disk / "o"
            assert "No space left on device" in sentence(run(job.typed(store, out)))
            more_inodes(disk)
            job.goes_on(store, out)


def at_most(limit: int, number: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(limit, (number, number))


@pytest.mark.slow
@pytest.mark.parametrize("number", [6, 10, 14])
def test_a_process_with_few_descriptors_ends_and_goes_on(job: Job, tmp_path: Path, number: int):
    store, out = tmp_path / "s", tmp_path / "o"
    few = at_most(resource.RLIMIT_NOFILE, number)
    said = sentence(run(job.typed(store, out), lowered=few))
    assert "No more files can be opened (Too many open files)" in said
    assert "ulimit -n" in said
    job.goes_on(store, out)


@pytest.mark.slow
def test_a_run_that_runs_out_of_descriptors_ends_and_goes_on(job: Job, tmp_path: Path):
    for number in moments(OPENED["store"]):
        store, out = tmp_path / f"s{number}", tmp_path / f"o{number}"
        ended = run(job.typed(store, out), *struck("starve", store, number))
        assert "(Too many open files)" in sentence(ended), number
        job.goes_on(store, out)


@pytest.mark.slow
@pytest.mark.parametrize("size", [300, 5_000, 100_000, 1_000_000])
def test_a_limit_on_the_size_of_files_ends_the_run_which_goes_on(
    job: Job, tmp_path: Path, size: int
):
    store, out = tmp_path / "s", tmp_path / "o"
    small = at_most(resource.RLIMIT_FSIZE, size)
    assert "(File too large)" in sentence(run(job.typed(store, out), lowered=small))
    job.goes_on(store, out)


@pytest.mark.slow
def test_a_full_folder_for_temporary_files_is_done_without(job: Job, tmp_path: Path):
    with memory_disk(tmp_path / "disk") as disk:
        fill(disk)
        # Python takes another folder, which has room.
        store, out = tmp_path / "s", tmp_path / "o"
        ended = run(job.typed(store, out), TMPDIR=str(disk))
    assert ended.returncode == 0, ended.stderr
    assert bytes_of(out) == job.whole


@pytest.mark.slow
def test_no_room_for_temporary_files_anywhere_ends_the_run_which_goes_on(
    job: Job, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    store, out = tmp_path / "s", tmp_path / "o"
    nowhere = nowhere_for_temporary_files(tmp_path_factory.getbasetemp())
    ended = run(job.typed(store, out), *nowhere, sys.executable, "-m", "videonet", TMPDIR="/tmp")
    assert "There is no room for " in sentence(ended)
    job.goes_on(store, out)


@pytest.mark.slow
def test_a_folder_that_nobody_may_write_to_ends_the_run_which_goes_on(job: Job, tmp_path: Path):
    with Ext4(tmp_path) as disk:
        store, out = disk.at / "s", tmp_path / "o"
        (store / "record").mkdir(parents=True)
        subprocess.run(["chattr", "+i", store / "record"], check=True)
        assert f"{store}/" in sentence(run(job.typed(store, out)))
        subprocess.run(["chattr", "-i", store / "record"], check=True)
        job.goes_on(store, out)


@pytest.mark.slow
def test_the_store_its_folders_and_out_may_lie_on_different_disks(job: Job, tmp_path: Path):
    store, out = tmp_path / "s", tmp_path / "o"
    store.mkdir()
    with memory_disk(tmp_path / "one") as one, memory_disk(tmp_path / "two") as two:
        for kind, disk in (("video", one), ("part", two), ("clips", one), ("record", two)):
            (disk / kind).mkdir()
            (store / kind).symlink_to(disk / kind)
        (two / "out").mkdir()
        out.symlink_to(two / "out")
        job.goes_on(store, out)
        assert len([file for file in (one / "video").rglob("*") if file.is_file()]) == len(VIDEOS)


@pytest.mark.slow
def test_a_report_without_room_is_one_sentence_and_can_be_made_again(job: Job, tmp_path: Path):
    with memory_disk(tmp_path / "disk") as disk:
        store, out = tmp_path / "s", disk / "o"
        job.goes_on(store, out)
        fill(disk)
        assert "There is no room for " in sentence(run(["report", str(out)]))
        make_room(disk)
        assert run(["report", str(out)]).returncode == 0
        assert bytes_of(out) == job.whole
