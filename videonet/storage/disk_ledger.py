"""The ledger of a store's disk: which process may have how many bytes of videos there.

    ROOT/disk_budget.json    see `videonet.schemas.disk_ledger`

It lies beside the files that it counts, in the folder of a machine, or of machines that share one,
and is there as long as a process has a share. Each change replaces the state that was read. So a
share is its holder's as long as it stands there: whoever needs the room of a process that is lost
takes it out first. A process that was only held up knows that it has to look before it goes on.

A process that says nothing for `seconds`, by the clock of the one who watches it, is lost. One of
this machine that has ended is lost at once. No two clocks are compared.
"""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from videonet.files import has_ended, process_name
from videonet.schemas.disk_ledger import UNKNOWN, DiskLedger, Share
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.lease import SECONDS
from videonet.storage.objects import Objects
from videonet.storage.store_files import held_below, size_below

NAME = "disk_budget.json"

# Who stands for all that a ledger has named, where it is damaged. Nothing fits beside that one.
_DAMAGED = "damaged"

_NEVER = float("inf")


class Look(NamedTuple):
    """A ledger without those who are lost."""

    ledger: DiskLedger
    # of the object; None: there is none
    generation: str | None
    # whether all others have been heard of lately, so that what they say holds
    is_fresh: bool = True


class Held(NamedTuple):
    """What lies in a store of videos."""

    bytes: int
    # whether all of it stays: no downloads of a lost process that may be running
    exact: bool


class _Seen(NamedTuple):
    """What a holder said last, and since when this is known."""

    share: Share
    since: float
    # whether it has said that since others were heard; if not, it may be gone for long
    was_heard: bool


class Ledger(Protocol):
    """A ledger as one holder sees it. To be used by one thread at a time."""

    holder: str
    # how long a share holds after a word of its holder
    seconds: float
    # whether others look at it, so that the holder has to say now and then that it is there
    is_watched: bool

    def now(self) -> float:
        """Seconds on the clock that shares are watched by."""

    def look(self) -> Look:
        """What stands in it now. Raises OSError and UsageError, as all of these do."""

    def write(self, ledger: DiskLedger, before: str | None) -> bool:
        """Replace the state `before`; False: it is another one by now."""

    def forget(self, before: str) -> bool:
        """Remove it in the state `before`: no process has a share."""

    def size(self, place: str) -> int:
        """Bytes of the files of one video, <xx>/<digest>, now."""

    def downloading(self) -> int:
        """Bytes of what this holder's process has downloaded and not put in its place yet."""

    def held(self, but: Collection[str], live: Collection[str]) -> Held:
        """Bytes of all files of videos `but` of these, with downloads of holders but `live`."""


class SharedLedger:
    """The ledger of a folder that several processes fill with videos: see `Ledger`."""

    is_watched = True

    def __init__(
        self,
        root: Path,
        objects: Objects | None = None,
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """`root` is the folder of a store. `clock` counts seconds, also where a machine sleeps."""
        self.holder = f"{process_name()}.{uuid.uuid4().hex}"
        self.seconds = seconds
        self._root = root
        self._objects = objects or FolderObjects(root)
        self.now = clock or _now
        self._seen: dict[str, _Seen] = {}

    def look(self) -> Look:
        """See `Ledger`."""
        read = self._objects.read_versioned(NAME)
        if read is None:
            self._seen.clear()
            return Look(DiskLedger(), None)
        try:
            ledger = DiskLedger.from_json(read.data)
        except msgspec.DecodeError:
            ledger = damaged()
        at, before, self._seen = self.now(), self._seen, {}
        is_fresh = True
        for name, share in ledger.shares.items():
            last = before.get(name)
            if last is None or last.share != share:
                last = _Seen(share, at, was_heard=last is not None)
            self._seen[name] = last
            if name == self.holder:
                continue
            if at - last.since > self.seconds or has_ended(_process(name)):
                ledger = ledger.without(name)
            else:
                is_fresh &= last.was_heard and at - last.since < self.seconds / 2
        return Look(ledger, read.generation, is_fresh or self.seconds == _NEVER)

    def write(self, ledger: DiskLedger, before: str | None) -> bool:
        """See `Ledger`."""
        data = ledger.to_json()
        if before is None:
            return self._objects.write_once(NAME, data) is not None
        return self._objects.write_if(NAME, data, before) is not None

    def forget(self, before: str) -> bool:
        """See `Ledger`."""
        return self._objects.delete(NAME, before)

    def size(self, place: str) -> int:
        """See `Ledger`."""
        return size_below(self._root, place)

    def downloading(self) -> int:
        """See `Ledger`."""
        return _downloaded(self._root, lambda process: process == _process(self.holder))

    def held(self, but: Collection[str], live: Collection[str]) -> Held:
        """See `Ledger`. What processes of this machine left that have ended is deleted."""
        for draft in (self._root / "tmp").glob("*"):
            if draft.is_dir() and has_ended(_process(draft.name)):
                shutil.rmtree(draft, ignore_errors=True)
        processes = {_process(each) for each in live}
        running = _downloaded(self._root, lambda process: process not in processes)
        return Held(held_below(self._root, but) + running, running == 0)


class PrivateLedger:
    """The ledger of a process that nobody shares a folder with: see `Ledger`."""

    holder = "this"
    seconds = _NEVER
    is_watched = False

    def __init__(self, rest: int) -> None:
        """`rest`: bytes that are there from the beginning."""
        self._ledger = DiskLedger(rest=rest, exact=True)

    def now(self) -> float:
        """See `Ledger`."""
        return 0.0

    def look(self) -> Look:
        """See `Ledger`."""
        return Look(self._ledger, "")

    def write(self, ledger: DiskLedger, before: str | None) -> bool:  # noqa: ARG002
        """See `Ledger`."""
        self._ledger = ledger
        return True

    def forget(self, before: str) -> bool:  # noqa: ARG002
        """See `Ledger`."""
        return True

    def size(self, place: str) -> int:  # noqa: ARG002
        """See `Ledger`."""
        return 0

    def downloading(self) -> int:
        """See `Ledger`."""
        return 0

    def held(self, but: Collection[str], live: Collection[str]) -> Held:  # noqa: ARG002
        """See `Ledger`."""
        return Held(self._ledger.rest, exact=True)


def damaged() -> DiskLedger:
    """What stands for a ledger that cannot be read, or that somebody has deleted.

    Processes may have shares that it no longer names. They come back within the time that a share
    holds, or are lost; nobody takes anything before that.
    """
    return DiskLedger().with_share(_DAMAGED, Share(bytes=UNKNOWN, limit=0))


def measure_anew(root: Path) -> None:
    """Have processes that fill the folder of a store look again how much is there.

    To be called when another one has deleted videos.
    """
    objects = FolderObjects(root)
    while (read := objects.read_versioned(NAME)) is not None:
        try:
            ledger = DiskLedger.from_json(read.data)
        except msgspec.DecodeError:
            return
        if not ledger.exact:
            return
        data = msgspec.structs.replace(ledger, exact=False).to_json()
        if objects.write_if(NAME, data, read.generation) is not None:
            return


def _now() -> float:
    """Seconds on a clock that goes on while the machine sleeps, where it has one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


def _process(name: str) -> str:
    """The process that a holder is in, or that a draft is of."""
    return name.partition(".")[0]


def _downloaded(root: Path, of: Callable[[str], bool]) -> int:
    """Bytes that processes have downloaded and not put in their places yet.

    `of` says of which: it is given the name of a process.
    """
    size, drafts = 0, root / "tmp"
    for folder, _, names in os.walk(drafts):
        # What lies there in no folder is no download.
        if Path(folder) != drafts and of(_process(Path(folder).name)):
            for name in names:
                with suppress(FileNotFoundError):
                    size += Path(folder, name).stat().st_size
    return size
