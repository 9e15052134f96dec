"""Where video bytes and the results of single steps live, so that no step is done twice.

What a store holds are objects under names that say what they are the result of; see
`videonet.storage.objects`. Large files are written beside their place and moved there.

    STORE/record/<xx>/<digest>.json         all that is known of a video
    STORE/side/thumbnail, frame_hash, embedding, caption/…   of its frames, and what is said in it
    STORE/records, side/thumbnails, …       the same of many videos: see `record_shards`
    STORE/side/section/<xx>/<sha256>.json   what of a record is too large for it
    STORE/video, part/<xx>/<digest>         the file, or what is here of it, with holes
    STORE/clips/<key>/<run>/<xx>/<digest>   its clips, until the run that wants them is finished
    STORE/handed_on/<run>/<xx>/<digest>     bytes of a video on their way: see `handed_on`
    STORE/found, known                      what sources said of it: see `found_files`
    STORE/search/                           what sites answered to queries: see `search_files`
    STORE/address/<xx>/<digest>.json        its whole address, if what is published is less
    STORE/former_keys.json                  keys that earlier versions gave to videos
    STORE/withdrawn/<digest>.json           that a video is in no data set any more
    STORE/progress/<run>/<process>.json     how far a run is, process by process
    STORE/plans/<key>.json                  what a pilot has seen: see `videonet.planning.pilot`
    STORE/host/<digest>.json                who may ask a host now: see `videonet.fetch.lane_keeper`
"""

import hashlib
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, reduce
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from videonet.errors import UsageError, machine_error
from videonet.files import abandoned, draft_name
from videonet.schemas.address import Address
from videonet.schemas.fetch import Cut, Fetch
from videonet.schemas.progress import ProcessProgress
from videonet.schemas.record import Record, from_json
from videonet.schemas.scan import Scan
from videonet.schemas.shown import shown_json
from videonet.schemas.video_record import VideoRecord, fitted, merged, sections_of, updated
from videonet.schemas.withdrawal import Withdrawal
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.found_files import FOUND, FoundFiles
from videonet.storage.objects import Objects
from videonet.storage.older_files import OlderFiles
from videonet.storage.places import is_remote, open_place
from videonet.storage.probe import require_conditional_writes
from videonet.storage.record_shards import Known
from videonet.storage.scratch import Scratch, scratch_at
from videonet.storage.search_files import SearchFiles
from videonet.storage.store_files import BucketStoreFiles, FolderStoreFiles, StoreFiles
from videonet.storage.store_tables import StoreTables

R = TypeVar("R", bound=Record)

_FORMER_KEYS = "former_keys.json"


class RecordState(NamedTuple):
    """What is known of a video, and where that stands among the writes of all processes."""

    record: VideoRecord
    # of the object that holds the record; None: there is none yet
    generation: str | None
    # of what says which records are packed, from before this was read; None: nothing was packed
    # then; "": not known
    packed: str | None = ""


class Store:
    """A store in a folder or a bucket. Cheap to make; safe to share between threads and processes.

    It goes to other processes as its address alone.
    """

    def __init__(
        self, place: Path | str, objects: Objects | None = None, scratch: Scratch | None = None
    ) -> None:
        """`place` is a folder, or an address such as gs://bucket/store.

        `objects` are those that the place holds; None: it is asked. In a bucket, large files are
        below `scratch` while they are in hand. Raises UsageError for an address that cannot be
        used.
        """
        self.files: StoreFiles
        if is_remote(place):
            self.objects = objects or open_place(place)
            self.files = BucketStoreFiles(self.objects, scratch or scratch_at())
        else:
            root = Path(place).absolute()
            self.objects = objects or FolderObjects(root)
            self.files = FolderStoreFiles(root)
        # folder of this machine: all of the store, or what is in hand of it
        self.root = self.files.root
        self.tables = StoreTables(self.objects)
        self.found = FoundFiles(self.objects)
        self.searches = SearchFiles(self.objects)

    @property
    def location(self) -> str:
        """Where the store is, as users write it."""
        return self.objects.address

    @property
    def is_folder(self) -> bool:
        """Whether all that the store holds lies in a folder of this machine."""
        return isinstance(self.objects, FolderObjects)

    def prepare(self) -> None:
        """Create the folder and clear what a killed run left. Raises UsageError.

        What other runs are at work on stays.
        """
        try:
            (self.root / "tmp").mkdir(parents=True, exist_ok=True)
            for left in abandoned((self.root / "tmp").iterdir()):
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)
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
        if is_remote(self.location):
            require_conditional_writes(self.objects)

    # Objects by their names.

    def read(self, name: str) -> bytes | None:
        """The bytes under `name`, or None."""
        return self.objects.read(name)

    def write(self, name: str, data: bytes, *, lasting: bool = False) -> None:
        """Put `data` under `name`, replacing what was there, in one step.

        `lasting` data, which no step makes again, outlasts a power cut.
        """
        data = shown_json(data) if name.endswith(".json") else data
        while self.objects.write_once(name, data, lasting=lasting) is None:
            before = self.objects.read_versioned(name)
            if before is not None and (
                self.objects.write_if(name, data, before.generation, lasting=lasting) is not None
            ):
                return

    def delete(self, name: str) -> None:
        """Remove what is under `name`, if anything is."""
        self.files.forget(name)
        self.objects.delete(name)

    def list(self, folder: str) -> Iterator[str]:
        """Names of the objects below `folder`, in alphabetical order."""
        yield from (entry.name for entry in self.objects.list(f"{folder}/"))

    # Files that are too big to be passed around.

    def temporary(self) -> Path:
        """A fresh path on the store's own file system, for `adopt`."""
        return self.root / "tmp" / draft_name()

    def adopt(self, file: Path, name: str) -> None:
        """Put a local file under a name, in one step: it is moved there, or goes up and is gone."""
        self.files.adopt(file, name)

    # What is known of a video.

    def record(self, video_key: str) -> RecordState:
        """All that is known of a video, and the state of the object that says so."""
        stored = self.stored(video_key)
        return RecordState(self._older_record(video_key), None) if stored is None else stored

    def record_now(self, before: RecordState) -> RecordState:
        """A record as it is now. What is as it was `before` is not read again."""
        loose = self.objects.read_versioned(self._record_name(before.record.video_key))
        if (loose and loose.generation) == before.generation and (
            # What another process has written since may be packed already.
            loose is not None or self.tables.records.pointer_generation() == before.packed
        ):
            return before
        return self.record(before.record.video_key)

    def stored(self, video_key: str) -> RecordState | None:
        """The same, leaving aside what earlier versions have written; None: there is no record."""
        known = self.tables.records.get(self.digest(video_key))
        return None if known is None else self.record_state(video_key, known)

    def record_state(self, video_key: str, known: Known) -> RecordState:
        """What a record says of a video; see `RecordShards.known`."""
        record = None if known.data is None else VideoRecord.decode(known.data)
        # Cut short, altered, or of another video: as good as none. It is written anew.
        is_own = record is not None and self.place(record.video_key) == self.place(video_key)
        sections = record.sections if record is not None and is_own else {}
        return RecordState(VideoRecord(video_key, sections), known.generation)

    def write_record(self, state: RecordState, *sections: Mapping[str, bytes]) -> RecordState:
        """Write sections over a state of a record that was read; the state after that.

        Of several, each counts as later than those before it. Where another process has written
        meanwhile, they are written over what that has made of the record.
        """
        while True:
            record = reduce(updated, sections, state.record)
            if record is state.record:
                return state
            record, beside = fitted(record)
            for sha256, data in beside.items():
                self.objects.write_once(_beside(sha256), data)
            name, data = self._record_name(record.video_key), record.encode()
            if state.generation is None:
                generation = self.objects.write_once(name, data)
            else:
                generation = self.objects.write_if(name, data, state.generation)
            if generation is not None:
                return RecordState(record, generation)
            now = self.record(record.video_key)
            state = RecordState(merged(state.record, now.record), now.generation)

    def complete(self, record: VideoRecord, names: Collection[str]) -> VideoRecord:
        """The record with those of the named sections that were too large for it."""
        sections = dict(record.sections)
        for name, sha256 in record.beside.items():
            known = self.tables.sections.get(sha256) if name in names else None
            data = known and known.data
            if data is not None and hashlib.sha256(data).hexdigest() == sha256:
                sections[name] = sections[name]._replace(data=data)
        return VideoRecord(record.video_key, sections)

    def fetch(self, video_key: str) -> Fetch | None:
        """What is here of a video."""
        return self._known(video_key, "fetch").fetch

    def scan(self, video_key: str, scan_key: str) -> Scan | None:
        """What the classifier and settings of `scan_key` saw in a video."""
        return self._known(video_key, f"scan/{scan_key}").scan(scan_key)

    def cut(self, video_key: str, cut_key: str) -> Cut | None:
        """What cutting a video with the settings of `cut_key` brought."""
        return self._known(video_key, f"cut/{cut_key}").cut(cut_key)

    def write_fetch(self, fetch: Fetch) -> None:
        """Put the state of a video's bytes."""
        self.write_record(self.record(fetch.video_key), sections_of(fetch=fetch))

    def write_thumbnail(self, video_key: str, jpeg: bytes) -> None:
        """Put a JPEG with a few of a video's frames side by side."""
        self.write(self._thumbnail(video_key), jpeg)

    def thumbnail(self, video_key: str) -> bytes | None:
        """A JPEG with a few of a video's frames, see `videonet.video.thumbnails`."""
        known = self.tables.thumbnails.get(self.digest(video_key))
        jpeg = known and known.data
        if jpeg is None and self.older is not None:
            with suppress(FileNotFoundError):
                return self.older.thumbnail(self.place(video_key)).read_bytes()
        return jpeg

    def address(self, video_key: str) -> str | None:
        """The whole address of a video of which people publish less; None: none was given."""
        known = self.tables.addresses.get(digest(video_key))
        record = known and known.data and _decoded(Address, known.data)
        return record.url if record and record.video_key == video_key else None

    def write_address(self, video_key: str, url: str) -> None:
        """Keep the whole address of a video."""
        self.write(_address(video_key), Address(video_key=video_key, url=url).to_json())

    def write_withdrawal(self, withdrawal: Withdrawal) -> None:
        """Say that no data set may have a video from now on."""
        name = f"withdrawn/{digest(withdrawal.video_key)}.json"
        self.write(name, withdrawal.to_json(), lasting=True)

    def is_withdrawn(self, video_key: str) -> bool:
        """Whether no data set may have a video."""
        return self.read(f"withdrawn/{digest(video_key)}.json") is not None

    def withdrawn_among(self, video_keys: Iterable[str]) -> Sequence[str]:
        """Those of these videos that no data set may have, in order; no withdrawal is read."""
        names = frozenset(self.list("withdrawn"))
        if not names:
            return []
        return sorted(key for key in video_keys if f"withdrawn/{digest(key)}.json" in names)

    def withdrawals(self) -> Iterator[Withdrawal]:
        """The videos that no data set may have."""
        for name in self.list("withdrawn"):
            withdrawal = self._read(Withdrawal, name)
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
        places = set()
        for key in {video_key, *self.former_keys(video_key)}:
            fetched = self.fetch(key)
            if fetched is not None and fetched.path is None and fetched.here:
                self.write_fetch(msgspec.structs.replace(fetched, here=False))
            shown = [each.name(self.digest(key)) for each in self.tables.that_show]
            for name in (self.video(key), self.part(key), *shown):
                self.delete(name)
            if self.older is not None:
                self.older.thumbnail(self.place(key)).unlink(missing_ok=True)
            self.delete(_address(key))
            places.add(self.place(key))
        for name in (*self.list("clips"), *self.list("handed_on")):
            # Behind the name of the way in which they were cut, and of the run.
            if "/".join(name.split("/")[-2:]) in places:
                self.delete(name)

    def is_ready(self) -> bool:
        """Whether a run has made it ready, though it may have nothing yet."""
        if is_remote(self.location):
            return self.objects.read("probe.json") is not None
        return (self.root / "tmp").is_dir()

    def is_there(self) -> bool:
        """Whether a run has made anything in this folder that only a store has."""
        return self.older is not None or any(
            next(self.list(kind), None) for kind in ("record", "records", FOUND, "known")
        )

    # What earlier versions wrote.

    @cached_property
    def older(self) -> OlderFiles | None:
        """What an earlier version has written here of videos; None: nothing."""
        files = OlderFiles(self.root)
        return files if files.are_there else None

    def forget_older(self) -> None:
        """Look again, when that is next asked for, whether an earlier version has written here."""
        self.__dict__.pop("older", None)

    def _older_record(self, video_key: str) -> VideoRecord:
        place = self.place(video_key)
        found = self.older.record(place) if self.older is not None else None
        if found is None or self.place(found.video_key) != place:
            return VideoRecord(video_key)
        return reduce(updated, found.sections, VideoRecord(video_key))

    # Keys that earlier versions gave to videos.

    def former_keys(self, video_key: str) -> Sequence[str]:
        """Keys that a video had by earlier rules; what is here of it lies under the first of them.

        That may be its present key.
        """
        return self._former_keys.get(video_key, ())

    @property
    def knows_former_keys(self) -> bool:
        """Whether what is here was looked through for keys of earlier versions."""
        return self.read(_FORMER_KEYS) is not None

    def write_former_keys(self, by_key: Mapping[str, Sequence[str]]) -> None:
        """Say which keys videos had by earlier rules, by their present ones."""
        data = msgspec.json.encode(by_key, order="deterministic")
        self.write(_FORMER_KEYS, data, lasting=True)
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
            record = self._read(ProcessProgress, name)
            if record is not None:
                yield record

    def forget_progress(self, run_id: str, *, but: str = "") -> None:
        """Remove what all processes of a run say, `but` one: these files, and nothing else."""
        for name in list(self.list(f"progress/{run_id}")):
            if name.endswith(".json") and name != but:
                self.delete(name)
        with suppress(OSError):
            (self.root / "progress" / run_id).rmdir()

    # Places of files.

    def video(self, video_key: str) -> str:
        """Name of the store's own copy of a video."""
        return f"video/{self.place(video_key)}"

    def part(self, video_key: str) -> str:
        """Name of a file as long as the video's, of which some stretches are here."""
        return f"part/{self.place(video_key)}"

    def clips(self, video_key: str, cut_key: str, run_id: str) -> str:
        """Name of the clips of a video, until the run that they were cut for is finished.

        Another run that uses the store, and wants the same clips, has its own.
        """
        return f"clips/{cut_key}/{run_id}/{self.place(video_key)}"

    @contextmanager
    def opened(self, fetch: Fetch) -> Iterator[Path | None]:
        """A file with the bytes that `fetch` speaks of, to be read only; None: there is none."""
        if fetch.path:
            yield Path(fetch.path)
        else:
            with self.files.local(self.video(fetch.video_key)) as file:
                yield file

    def part_file(self, video_key: str) -> Path:
        """Where what is here of a video lies, with holes."""
        return self.root / self.part(video_key)

    def video_bytes(self) -> int:
        """Bytes of all files of videos here; one that is here in part counts as a whole one."""
        return self.files.held()

    def place(self, video_key: str) -> str:
        """Where what is known of a video lies below the folder of its kind: <xx>/<digest>."""
        return _folded(next(iter(self.former_keys(video_key)), video_key))

    def digest(self, video_key: str) -> str:
        """Hex digest under which what is known of a video lies."""
        return self.place(video_key).rpartition("/")[2]

    def _record_name(self, video_key: str) -> str:
        return f"record/{self.place(video_key)}.json"

    def _thumbnail(self, video_key: str) -> str:
        return f"side/thumbnail/{self.place(video_key)}"

    def _known(self, video_key: str, section: str) -> VideoRecord:
        """What is known of a video, with one of its sections however large that is."""
        return self.complete(self.record(video_key).record, (section,))

    def _read(self, kind: type[R], name: str) -> R | None:
        data = self.read(name)
        return None if data is None else _decoded(kind, data)


def _decoded(kind: type[R], data: bytes) -> R | None:
    try:
        return kind.from_json(data)
    except msgspec.DecodeError:
        # Torn by a power cut or written by another version: as good as none.
        return None


def store_at_hand(place: Path | str | None) -> Store | None:
    """The store that a run has named, if this machine sees it."""
    if place is None or not (is_remote(place) or Path(place).is_dir()):
        return None
    with suppress(UsageError):
        return Store(place)
    return None


def digest(video_key: str) -> str:
    """Hex sha256 of a key: a name that every file system takes, spread evenly."""
    return hashlib.sha256(video_key.encode()).hexdigest()


def _folded(video_key: str) -> str:
    name = digest(video_key)
    return f"{name[:2]}/{name}"


def _address(video_key: str) -> str:
    return f"address/{_folded(video_key)}.json"


def _beside(sha256: str) -> str:
    return f"side/section/{sha256[:2]}/{sha256}.json"
