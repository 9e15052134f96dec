"""Objects: named bytes in a folder or in a bucket, and the seven verbs that all forms have.

A name is a relative path with "/" between its parts. Each object has a generation, which names one
state of it: no state of the same object with other content has had or will have that one. A write
says which state it replaces. So two writers never undo each other's work without noticing.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

# In a bucket, names of what is not finished begin so. Lists leave it out unless they ask for it.
DRAFTS = "tmp/"

# Seconds after which nobody works on such a thing any more.
_ABANDONED = 24 * 3600.0


class Versioned(NamedTuple):
    """What an object holds, and which of its states that is."""

    data: bytes
    generation: str


class Entry(NamedTuple):
    """An object as a list has it."""

    name: str
    # bytes
    size: int
    generation: str
    # when this state was written by the clock of the place, which all machines see alike; seconds
    # since 1970-01-01 UTC
    updated: float


class Objects(Protocol):
    """A place of objects. Safe to share between threads; as many processes as like may use it.

    A write is there whole or not at all. What was written is what the next read gives, on every
    machine. Data is bytes, or the path of a local file whose content it is: that is copied.

    All verbs raise OSError for what the machine lacks, and UsageError where the place cannot be
    reached, or may not be used.
    """

    # as users write it: the absolute path of a folder, gs://bucket/prefix, s3://bucket/prefix
    address: str

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        """The bytes from `begin` to `end`, exclusive; None if there is no such object."""

    def read_versioned(self, name: str) -> Versioned | None:
        """All bytes and their generation, from one and the same state; None if there is none."""

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
        """Create an object; its generation. None: another one is there, and stays.

        Where the same bytes are there already, that counts as written: the writer may not have
        heard the answer to its first attempt. `lasting` data outlasts a power cut, too; in a bucket
        all data does.
        """

    def write_if(
        self, name: str, data: bytes | Path, generation: str, *, lasting: bool = False
    ) -> str | None:
        """Replace one state of an object by another; the new generation.

        None: it is in another state by now, or gone, and stays so. The same bytes count as written,
        as for `write_once`. Where an answer is lost, and another writer is next, this one is told
        None though it wrote: so it reads, and does what is not done yet.
        """

    def copy(self, source: str, name: str, generation: str | None) -> str | None:
        """Give an object the content of another one, without a way through this machine.

        It replaces the state `generation`, or creates the object where that is None; the new
        generation. None, and what counts as written, as for `write_if` and `write_once`. Where the
        other object is not there, nothing is changed: raises FileNotFoundError. S3 knows no
        condition for a copy that replaces: there, the state is looked at just before.
        """

    def list(self, prefix: str) -> Iterator[Entry]:
        """The objects whose names begin with `prefix`, in the order of their names.

        An object that is written or deleted meanwhile may be among them or not.
        """

    def delete(self, name: str, generation: str | None = None) -> bool:
        """Remove an object, or only one state of it; whether none is there now."""


@dataclass(frozen=True)
class Restorable:
    """What a bucket can give back of objects that were deleted or replaced below one address."""

    address: str
    # earlier versions that were deleted, this time
    deleted: int = 0
    # that may not be deleted; None: there may be some, and none can be deleted from here
    left: int | None = 0
    # when the last of these may be deleted, and until when what was deleted for good can be
    # restored; seconds since 1970-01-01 UTC. None: nobody says when
    left_until: float | None = None
    restorable_until: float | None = 0.0


@runtime_checkable
class Bucket(Objects, Protocol):
    """What a bucket has beside the verbs."""

    def clear_drafts(self) -> None:
        """Delete what was not finished a day ago by processes that were killed."""

    def delete_old_versions(
        self, prefixes: Iterable[str], chosen: Callable[[str], bool]
    ) -> Restorable:
        """Delete for good what earlier versions are there of objects with these names.

        Names begin with one of `prefixes`, and are `chosen`. What is there now stays.
        """


def is_abandoned(draft: Entry) -> bool:
    """Whether nobody works on a draft any more. A day is longer than clocks are apart."""
    return time.time() - draft.updated > _ABANDONED


def checked(name: str) -> str:
    """The name itself; a fault of ours if one of its parts is empty, or leads elsewhere."""
    assert all(part and part not in (".", "..") for part in name.split("/")), f"{name!r} is no name"
    return name
