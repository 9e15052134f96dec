"""Where video bytes and the results of single steps live, so that no step is done twice.

A store has few verbs: read, write, delete, list. Everything lies under a name that says what it
is the result of; it is written beside its place and renamed, so it is there whole or not at all.

    STORE/video/<xx>/<digest>            the file
    STORE/part/<xx>/<digest>             or what is here of it, with holes
    STORE/fetch/<xx>/<digest>.json       what is here of it, and what went wrong
    STORE/scan/<key>/<xx>/<digest>.json  what a classifier saw in it
    STORE/length/<xx>/<digest>.json      how long it is
    STORE/thumbnail/<xx>/<digest>.jpg    a few of its frames
    STORE/cut/<key>/<xx>/<digest>.json   how many clips it gave
    STORE/clips/<key>/<xx>/<digest>      these clips, until their shard is written
    STORE/found/<digest>.parquet         what sources said of it
    STORE/search/<digest>.parquet        what a site answered to one query
    STORE/address/<xx>/<digest>.json     the whole address of a video, if what is published is less
    STORE/former_keys.json               keys that earlier versions gave to videos
    STORE/withdrawn/<digest>.json        that a video is in no data set any more
    STORE/progress/<run>/<process>.json  how far a run is, process by process
"""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from videonet.errors import UsageError, machine_error
from videonet.files import drafted, named
from videonet.schemas.address import Address
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.progress import ProcessProgress
from videonet.schemas.record import Record, from_json
from videonet.schemas.scan import Scan
from videonet.schemas.shown import shown_json
from videonet.schemas.withdrawal import Withdrawal

R = TypeVar("R", bound=Record)

# Folder of what sources said of videos.
FOUND = "found"

_FORMER_KEYS = "former_keys.json"


class Store:
    """A store in a local folder. Cheap to make; safe to share between threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def prepare(self) -> None:
        """Create the folder and clear what a killed run left. Raises UsageError."""
        try:
            shutil.rmtree(self.root / "tmp", ignore_errors=True)
            (self.root / "tmp").mkdir(parents=True, exist_ok=True)
            # A folder that is there may still not be ours to write to.
            trial = self.temporary()
            trial.touch()
            trial.unlink()
        except OSError as error:
            if (lacking := machine_error(error)) is not None:
                raise lacking from error
            raise UsageError(
                f"The store {self.root} cannot be written ({error.strerror}); "
                "choose a folder of yours with --store."
            ) from error

    # The four verbs.

    def read(self, name: str) -> bytes | None:
        """The bytes under `name`, or None."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Put `data` under `name`, replacing what was there, in one step."""
        temporary = self.temporary()
        try:
            with named(self.root / name):
                temporary.write_bytes(shown_json(data) if name.endswith(".json") else data)
            self.adopt(temporary, name)
        finally:
            temporary.unlink(missing_ok=True)

    def _write_for_good(self, name: str, data: bytes) -> None:
        """Put what no step makes again: a power cut does not tear it."""
        with drafted(self.root / name) as draft:
            draft.write_bytes(shown_json(data))

    def delete(self, name: str) -> None:
        """Remove what is under `name`, if anything is."""
        (self.root / name).unlink(missing_ok=True)

    def list(self, folder: str) -> Iterator[str]:
        """Names of the objects directly below `folder`, in alphabetical order."""
        if (self.root / folder).is_dir():
            names = sorted(place.name for place in (self.root / folder).iterdir())
            # What a killed run had begun to copy is hidden.
            yield from (f"{folder}/{name}" for name in names if not name.startswith("."))

    # Files that are too big to be passed around.

    def temporary(self) -> Path:
        """A fresh path on the store's own file system, for `adopt`."""
        return self.root / "tmp" / uuid.uuid4().hex

    def adopt(self, file: Path, name: str) -> None:
        """Move a local file to `name`, in one step, also where a link leads to another disk."""
        place = self.root / name
        try:
            try:
                file.replace(place)
            except FileNotFoundError:
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with drafted(place) as draft:
                shutil.copyfile(file, draft)
            file.unlink()

    # Records by video.

    def fetch(self, video_key: str) -> Fetch | None:
        """What is here of a video."""
        return self._record(Fetch, f"fetch/{self._place(video_key)}.json")

    def scan(self, video_key: str, scan_key: str) -> Scan | None:
        """What the classifier and settings of `scan_key` saw in a video."""
        return self._record(Scan, f"scan/{scan_key}/{self._place(video_key)}.json")

    def length(self, video_key: str) -> Length | None:
        """How long a video is."""
        return self._record(Length, f"length/{self._place(video_key)}.json")

    def cut(self, video_key: str, cut_key: str) -> Cut | None:
        """What cutting a video with the settings of `cut_key` brought."""
        return self._record(Cut, f"cut/{cut_key}/{self._place(video_key)}.json")

    def write_fetch(self, fetch: Fetch) -> None:
        """Put the state of a video's bytes."""
        self.write(f"fetch/{self._place(fetch.video_key)}.json", fetch.to_json())

    def write_scan(self, scan: Scan, scan_key: str) -> None:
        """Put what the classifier and settings of `scan_key` saw."""
        self.write(f"scan/{scan_key}/{self._place(scan.video_key)}.json", scan.to_json())

    def write_length(self, length: Length) -> None:
        """Put a measured length."""
        self.write(f"length/{self._place(length.video_key)}.json", length.to_json())

    def write_cut(self, cut: Cut, cut_key: str) -> None:
        """Put what cutting with the settings of `cut_key` brought."""
        self.write(f"cut/{cut_key}/{self._place(cut.video_key)}.json", cut.to_json())

    def write_thumbnail(self, video_key: str, jpeg: bytes) -> None:
        """Put a JPEG with a few of a video's frames side by side."""
        self.write(f"thumbnail/{self._place(video_key)}.jpg", jpeg)

    def thumbnail(self, video_key: str) -> bytes | None:
        """A JPEG with a few of a video's frames, see `videonet.video.thumbnails`."""
        return self.read(f"thumbnail/{self._place(video_key)}.jpg")

    def address(self, video_key: str) -> str | None:
        """The whole address of a video of which people publish less; None: none was given."""
        record = self._record(Address, _address(video_key))
        return record.url if record and record.video_key == video_key else None

    def write_address(self, video_key: str, url: str) -> None:
        """Keep the whole address of a video."""
        self.write(_address(video_key), Address(video_key=video_key, url=url).to_json())

    def write_withdrawal(self, withdrawal: Withdrawal) -> None:
        """Say that no data set may have a video from now on."""
        name = f"withdrawn/{digest(withdrawal.video_key)}.json"
        self._write_for_good(name, withdrawal.to_json())

    def withdrawals(self) -> Iterator[Withdrawal]:
        """The videos that no data set may have."""
        for name in self.list("withdrawn"):
            withdrawal = self._record(Withdrawal, name)
            if withdrawal is None:
                raise UsageError(
                    f"{self.root / name} is damaged: it names a video that no data set may have. "
                    "Delete it, and withdraw that video again."
                )
            yield withdrawal

    def forget(self, video_key: str) -> None:
        """Delete all that shows a video: the store's own copy, its thumbnail, clips that wait.

        Its address goes, too. What was counted and measured stays, so that accounts which speak of
        it can be made again.
        """
        for key in {video_key, *self.former_keys(video_key)}:
            fetched = self.fetch(key)
            if fetched is not None and fetched.path is None and fetched.here:
                self.write_fetch(msgspec.structs.replace(fetched, here=False))
            self.delete(self.video(key))
            self.delete(self.part(key))
            self.delete(f"thumbnail/{self._place(key)}.jpg")
            self.delete(_address(key))
            for folder in self.list("clips"):
                self.delete(f"{folder}/{self._place(key)}")

    def is_there(self) -> bool:
        """Whether a run has made anything in this folder that only a store has."""
        return any((self.root / kind).is_dir() for kind in ("fetch", FOUND))

    # Keys that earlier versions gave to videos.

    def former_keys(self, video_key: str) -> Sequence[str]:
        """Keys that a video had by earlier rules; what is here of it lies under the first of them.

        That may be its present key.
        """
        return self._former_keys.get(video_key, ())

    @property
    def knows_former_keys(self) -> bool:
        """Whether what is here was looked through for keys of earlier versions."""
        return (self.root / _FORMER_KEYS).is_file()

    def write_former_keys(self, by_key: Mapping[str, Sequence[str]]) -> None:
        """Say which keys videos had by earlier rules, by their present ones."""
        self._write_for_good(_FORMER_KEYS, msgspec.json.encode(by_key, order="deterministic"))
        self.__dict__.pop("_former_keys", None)

    @cached_property
    def _former_keys(self) -> Mapping[str, Sequence[str]]:
        data = self.read(_FORMER_KEYS)
        if data is None:
            return {}
        try:
            return from_json(data, dict[str, tuple[str, ...]])
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{self.root / _FORMER_KEYS} is damaged; delete it, and the next run writes it "
                "again."
            ) from error

    # Of runs.

    def progress_name(self, run_id: str, process: str) -> str:
        """Name of what a process says of its part in a run."""
        return f"progress/{run_id}/{process}.json"

    def progress(self, run_id: str) -> Iterator[ProcessProgress]:
        """What all processes of a run say."""
        for name in self.list(f"progress/{run_id}"):
            record = self._record(ProcessProgress, name)
            if record is not None:
                yield record

    def forget_progress(self, run_id: str) -> None:
        """Remove what all processes of a run say: these files, and nothing else."""
        for name in list(self.list(f"progress/{run_id}")):
            if name.endswith(".json"):
                self.delete(name)
        with suppress(OSError):
            (self.root / "progress" / run_id).rmdir()

    # Places of files.

    def video(self, video_key: str) -> str:
        """Name of the store's own copy of a video."""
        return f"video/{self._place(video_key)}"

    def part(self, video_key: str) -> str:
        """Name of a file as long as the video's, of which some stretches are here."""
        return f"part/{self._place(video_key)}"

    def clips(self, video_key: str, cut_key: str) -> str:
        """Name of the clips of a video, until their shard is written."""
        return f"clips/{cut_key}/{self._place(video_key)}"

    def file(self, fetch: Fetch) -> Path:
        """Where the bytes that `fetch` speaks of can be read."""
        return Path(fetch.path) if fetch.path else self.root / self.video(fetch.video_key)

    def video_bytes(self) -> int:
        """Bytes of all copies of videos here; one that is here in part counts as a whole one."""
        return sum(
            entry.stat().st_size
            for kind in ("video", "part")
            for folder in self.list(kind)
            for entry in os.scandir(self.root / folder)
        )

    def _place(self, video_key: str) -> str:
        """Where what is known of a video lies below the folder of its kind."""
        return _folded(next(iter(self.former_keys(video_key)), video_key))

    def _record(self, kind: type[R], name: str) -> R | None:
        data = self.read(name)
        if data is None:
            return None
        try:
            return kind.from_json(data)
        except msgspec.DecodeError:
            # Torn by a power cut or written by another version: as good as none.
            return None


def digest(video_key: str) -> str:
    """Hex sha256 of a key: a name that every file system takes, spread evenly."""
    return hashlib.sha256(video_key.encode()).hexdigest()


def _folded(video_key: str) -> str:
    name = digest(video_key)
    return f"{name[:2]}/{name}"


def _address(video_key: str) -> str:
    return f"address/{_folded(video_key)}.json"
