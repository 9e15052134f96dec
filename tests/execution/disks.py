"""Disks of our own, small enough to be filled: file systems that are mounted for a test."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 64 << 20  # bytes


@contextmanager
def memory_disk(at: Path, *, inodes: int = 0) -> Iterator[Path]:
    """A disk of SIZE bytes at the folder `at`, for so many files (0: as many as it likes)."""
    at.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={SIZE},nr_inodes={inodes}", "tmpfs", at)
    try:
        yield at
    finally:
        _unmount(at)


def let_nobody_write(at: Path) -> None:
    """Turn a disk in memory read-only, also for those who may do anything."""
    _mount("-o", "remount,ro", at)


def let_all_write(at: Path) -> None:
    """Undo `let_nobody_write`."""
    _mount("-o", "remount,rw", at)


def more_inodes(at: Path) -> None:
    """Let a disk in memory have as many files as it likes."""
    _mount("-o", "remount,nr_inodes=100000", at)


class Ext4:
    """A file system in a file of SIZE bytes, mounted beside that file."""

    def __init__(self, folder: Path) -> None:
        self._image, self.at = folder / "image", folder / "disk"

    def __enter__(self) -> "Ext4":
        self.at.mkdir()
        self._image.touch()
        os.truncate(self._image, SIZE)
        subprocess.run(["mkfs.ext4", "-q", self._image], check=True)
        self._mount()
        return self

    def __exit__(self, *_: object) -> None:
        _unmount(self.at)

    def repair(self) -> None:
        """Let it be written to again, after `fail` has turned it read-only."""
        _unmount(self.at)
        subprocess.run(["e2fsck", "-fy", self._image], capture_output=True, check=False)
        self._mount()

    def _mount(self) -> None:
        _mount("-o", "loop,errors=remount-ro", self._image, self.at)


def fail(at: Path) -> None:
    """Let ext4 find itself damaged, whereupon it turns read-only, whoever is writing to it."""
    subprocess.run(["mount", "-o", "remount,abort", at], check=True)


def fill(at: Path) -> None:
    """Take all the room of a disk; `make_room` gives it back."""
    with (at / "filling").open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def make_room(at: Path) -> None:
    """Undo `fill`."""
    (at / "filling").unlink()


# $1 stays where it is. Each folder that Python takes for temporary files is a full disk, as is the
# working directory.
_NOWHERE = """
mount --bind "$1" /mnt
for folder in /tmp /var/tmp; do
  mount -t tmpfs -o size=64k tmpfs $folder
done
mkdir -p "$1"
mount --bind /mnt "$1"
for folder in /tmp /var/tmp; do
  cat /dev/zero > $folder/filling 2> /dev/null || true
done
cd /tmp
shift
exec "$@"
"""


def nowhere_for_temporary_files(kept: Path) -> list[str]:
    """How a command begins to which all folders for temporary files are full, but for `kept`."""
    begin = ["unshare", "--mount", "sh", "-ec"]
    _run(*begin, "mount -t tmpfs tmpfs /mnt")
    return [*begin, _NOWHERE, "sh", str(kept)]


def starve(at: Path) -> None:
    """Let this process open no more files, on any disk."""
    del at
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def _mount(*arguments: str | Path) -> None:
    _run("mount", *arguments)


def _run(*command: str | Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"there is no {command[0]}")
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def _unmount(at: Path) -> None:
    subprocess.run(["umount", "--lazy", at], check=True)
