"""Videos that one machine hands on to another through a bucket, whole or in part.

    STORE/handed_on/<run>/<xx>/<digest>    the stretches of a video that were fetched, in order

Where the stretches lie in the video, and their digest, stands in the video's record. An object that
is not what the record says counts for nothing: the video is fetched again. Who has a video in hand
holds its claim, so that one file on a machine is enough for all runs.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

from videonet.files import sha256_of
from videonet.schemas.fetch import Fetch
from videonet.storage.scratch import Scratch
from videonet.storage.store import Store

HANDED_ON = "handed_on"


class _Bytes(NamedTuple):
    """What of a video is handed on."""

    # of the file on a machine
    name: str
    # bytes of the video, and those that are handed on: begin and end, ascending
    size: int
    spans: Sequence[tuple[int, int]]
    # hex, of the stretches one after the other
    sha256: str


class HandedOn:
    """The videos that stages of one run hand on to each other. Threads may share it."""

    def __init__(self, store: Store, scratch: Scratch, run_id: str) -> None:
        """`store` is in a bucket; files that come from there count against `scratch`."""
        self._store, self._scratch, self._run_id = store, scratch, run_id
        # by the name of an object that this process has brought or handed on, its digest
        self._known: dict[str, str] = {}
        # by key, the room that a file takes which was brought
        self._rooms: dict[str, ExitStack] = {}

    def is_elsewhere(self, fetch: Fetch | None) -> bool:
        """Whether a stage of this run has fetched something that is not on this machine."""
        due = self._due(fetch)
        return due is not None and not (self._store.root / due.name).is_file()

    def bring(self, fetch: Fetch) -> int:
        """Put what was handed on of a video where it lies on the machine that fetches it.

        Bytes of the file that is here now and was not before, of a part as of a whole one. Raises
        MachineError if that does not fit into the scratch folder.
        """
        due = self._due(fetch)
        if due is None or (self._store.root / due.name).is_file():
            return 0
        name = self._object(fetch.video_key)
        with (
            ExitStack() as room,
            self._scratch.local(self._store.objects, name) as handed,
        ):
            if handed is None or sha256_of(handed) != due.sha256:
                return 0
            room.enter_context(self._scratch.draft(due.size))
            file = self._store.temporary()
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                _unpack(handed, file, due)
                self._store.adopt(file, due.name)
            finally:
                file.unlink(missing_ok=True)
            self._known[name] = due.sha256
            self._rooms[fetch.video_key] = room.pop_all()
            return due.size

    def hand_on(self, fetch: Fetch | None) -> int:
        """Let the next stage have what is here of a video; bytes of the file that is here no more.

        Raises MachineError if a part of it does not fit into the scratch folder.
        """
        due = self._due(fetch)
        if fetch is None or due is None:
            return 0
        file, name = self._store.root / due.name, self._object(fetch.video_key)
        if not file.is_file():
            return 0
        if self._known.get(name) != due.sha256:
            with self._scratch.draft(sum(end - begin for begin, end in due.spans)) as draft:
                _pack(file, draft, due)
                self._store.adopt(draft, name)
            self._known[name] = due.sha256
        file.unlink(missing_ok=True)
        return due.size

    def put_down(self, video_key: str, *, decided: bool) -> None:
        """No more is done with a video here; once it is `decided`, no stage needs it."""
        room = self._rooms.pop(video_key, None)
        if room is not None:
            room.close()
        name = self._object(video_key)
        if self._known.pop(name, None) is not None and decided:
            self._store.delete(name)

    def _object(self, video_key: str) -> str:
        return f"{HANDED_ON}/{self._run_id}/{self._store.place(video_key)}"

    def _due(self, fetch: Fetch | None) -> _Bytes | None:
        """What a record says was fetched by this run, of what the store has to keep itself."""
        if fetch is None or fetch.path is not None or fetch.run_id != self._run_id:
            return None
        key, part = fetch.video_key, fetch.part
        if fetch.here and fetch.sha256 is not None and fetch.bytes is not None:
            return _Bytes(self._store.video(key), fetch.bytes, ((0, fetch.bytes),), fetch.sha256)
        if part is not None:
            return _Bytes(self._store.part(key), part.size, part.spans, part.sha256)
        return None


def forget_handed_on(store: Store, run_id: str) -> None:
    """Delete what stages of a run have handed on, and what killed ones have left of it."""
    if not store.is_folder:
        for name in list(store.list(f"{HANDED_ON}/{run_id}")):
            store.delete(name)


def _pack(file: Path, packed: Path, due: _Bytes) -> None:
    with file.open("rb") as source, packed.open("wb") as target:
        for begin, end in due.spans:
            source.seek(begin)
            _copy(source, target, end - begin)


def _unpack(packed: Path, file: Path, due: _Bytes) -> None:
    with packed.open("rb") as source, file.open("wb") as target:
        target.truncate(due.size)
        for begin, end in due.spans:
            target.seek(begin)
            _copy(source, target, end - begin)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Copy so many bytes, from where both files stand."""
    while size:
        piece = source.read(min(size, 1 << 20))
        if not piece:
            raise EOFError("a file is shorter than its record says")
        target.write(piece)
        size -= len(piece)
