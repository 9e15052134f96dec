"""locks: one run at a time in a folder, and nothing that a crashed run leaves keeps others out."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from videonet.errors import UsageError
from videonet.storage.locks import exclusive_lock

HOLD = """
import subprocess, sys, time
from pathlib import Path
from videonet.storage.locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    # What a run has started, such as a program of yt-dlp, may outlive it.
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(child.pid, flush=True)
    time.sleep(600)
"""


@contextmanager
def held(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that holds the folder, and the number of one that it has started."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        yield process, child
    finally:
        process.kill()
        process.wait()
        os.kill(child, signal.SIGKILL)


def test_a_folder_is_held_by_one_run(tmp_path: Path):
    said = "Another run is at work"
    with held(tmp_path), pytest.raises(UsageError, match=said), exclusive_lock(tmp_path):
        pass


def test_a_killed_run_holds_nothing_even_where_a_program_of_it_goes_on(tmp_path: Path):
    with held(tmp_path) as (process, child):
        process.kill()
        process.wait()
        os.kill(child, 0)
        with exclusive_lock(tmp_path):
            pass


@pytest.mark.parametrize("content", ["", "1", "4194304 other-host"])
def test_the_file_of_a_lock_says_nothing(tmp_path: Path, content: str):
    """Such as after a power cut, on this machine or on another one that sees the folder."""
    (tmp_path / ".lock").write_text(content)
    with exclusive_lock(tmp_path):
        pass
    with exclusive_lock(tmp_path):
        pass


def test_two_folders_are_held_or_none(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    with held(two):
        with pytest.raises(UsageError, match="two"), exclusive_lock(one, two):
            pass
        with exclusive_lock(one):
            pass
