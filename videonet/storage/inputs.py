"""Files that a user names at an address of a bucket: copies of them on this machine.

A copy has the name of its object, and lies beside copies of what belongs to it, in a folder that
stands for one state of all of them. Copies that nobody asked for in a month go.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from videonet.errors import UsageError
from videonet.files import cache_folder
from videonet.storage.objects import Entry, Objects
from videonet.storage.places import is_remote, open_place
from videonet.storage.scratch import Scratch

# Bytes of copies on their way. Each is moved out when it is complete.
_BUDGET = 50_000_000_000

# Seconds after which a copy that nobody asked for goes.
_KEPT = 30 * 24 * 3600.0


def local_input(given: str | Path, *beside: str) -> Path:
    """The file that a user names, or a copy of the object at that address.

    `beside` are other suffixes of files that belong to it, such as ".json", which are copied where
    they are. Raises UsageError if the bucket cannot be read, or has no such object.
    """
    if not is_remote(given):
        return Path(given)
    folder, name = _parted(str(given))
    place = open_place(folder)
    names = {name, *(str(PurePosixPath(name).with_suffix(suffix)) for suffix in beside)}
    entries = [each for wanted in sorted(names) for each in _at(place, wanted)]
    if all(each.name != name for each in entries):
        raise UsageError(f"There is no {given}: give the address of a file that is there.")
    return _copies(place, entries) / name


def local_table(given: str | Path) -> Path:
    """A file as of `local_input`, or a folder of copies of all Parquet files at an address."""
    if not is_remote(given) or PurePosixPath(str(given)).suffix:
        return local_input(given)
    place = open_place(str(given))
    entries = [
        each for each in place.list("") if each.name.endswith(".parquet") and "/" not in each.name
    ]
    return _copies(place, entries)


def _parted(address: str) -> tuple[str, str]:
    """The address of the place in which an object lies, and the object's name there."""
    place, _, name = address.rpartition("/")
    if not name or place.endswith("/"):
        raise UsageError(f"{address} names no file: give the address of one in a bucket.")
    return place, name


def _at(place: Objects, name: str) -> list[Entry]:
    return [each for each in place.list(name) if each.name == name][:1]


def _copies(place: Objects, entries: Sequence[Entry]) -> Path:
    """A folder with a copy of each of these objects, made where it is not there yet."""
    root = cache_folder() / "inputs"
    state = "\n".join(f"{each.name} {each.generation} {each.size}" for each in entries)
    folder = root / hashlib.sha256(f"{place.address}\n{state}".encode()).hexdigest()[:32]
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Scratch(cache_folder() / "scratch", _BUDGET)
    for entry in entries:
        copy = folder / entry.name
        if copy.is_file() and copy.stat().st_size == entry.size:
            continue
        with scratch.local(place, entry.name) as path:
            if path is None:
                raise UsageError(f"{place.address}/{entry.name} is there no more.")
            if path.stat().st_size != entry.size:
                raise UsageError(f"{place.address}/{entry.name} was replaced: start again.")
            # As old as the object, so that it counts as the same file in the next run, too.
            moved = path.with_name(f"{path.name}.{os.getpid()}")
            os.link(path, moved)
            os.utime(moved, (entry.updated, entry.updated))
            moved.replace(copy)
    os.utime(folder)
    _drop_older(root)
    return folder


def _drop_older(root: Path) -> None:
    """Remove the copies that nobody asked for in a long time."""
    for folder in root.iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _KEPT:
                shutil.rmtree(folder)
