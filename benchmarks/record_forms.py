"""Three forms in which records of candidates can be kept, and records that are made up for them."""

import bisect
import math
import random
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from videonet.curation.listed import in_parts, with_known
from videonet.schemas.candidate import Candidate, Sighting
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Reason
from videonet.schemas.record import Record
from videonet.schemas.scan import Probe, Scan
from videonet.schemas.shard_pointer import ShardPointer
from videonet.schemas.video_info import VideoInfo
from videonet.schemas.video_record import VideoRecord, sections_of, updated
from videonet.sources.known_videos import KnownVideos, remember
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.lease import held_lease
from videonet.storage.objects import Entry, Versioned
from videonet.storage.packing import pack
from videonet.storage.shard_file import Shard, packed_bytes, shard_name, span
from videonet.storage.store import RecordState, Store, digest

# So many different ones are made up: that takes longer than to write them.
VARIANTS = 20_000

# Records of a shard that is written at once, 5 MB; and videos of a file of what a source said.
_OF_SHARD, _OF_FOUND = 12_000, 10_000

KEY = "0123456789abcdef"
FRAMES = 100


class Form(Protocol):
    """A way to keep records."""

    calls: Counter[str]

    def write(self, numbers: Iterable[int]) -> None:
        """Write the records of these candidates, as a run does that knows nothing of them."""

    def known(self, candidates: int, shift: int) -> Iterator[object | None]:
        """What is known of so many candidates, from number `shift` on, as a run is told."""

    def one(self, number: int) -> object | None:
        """What is known of one candidate, as someone who looks at it asks."""


class Packed:
    """A store."""

    def __init__(self, place: Path) -> None:
        self.objects = CountingObjects(place)
        self.calls = self.objects.calls
        self._store = Store(place, self.objects)
        self._store.prepare()

    def write(self, numbers: Iterable[int]) -> None:
        """A loose record each, and the end of the run."""
        for number in numbers:
            sections = _sections(number % VARIANTS)
            nothing = RecordState(VideoRecord(key_of(number)), None)
            self._store.write_record(nothing, sections)
        pack(self._store)

    def write_packed(self, numbers: range) -> None:
        """What `write` comes to, without loose records: so a million are there in a minute."""
        digests = sorted((digest(key_of(number)), number) for number in numbers)
        bits = max(0, math.ceil(math.log2(len(digests) / _OF_SHARD)))
        shards = {}
        for value in range(1 << bits):
            prefix = f"{value:0{bits}b}" if bits else ""
            low, high = span(prefix)
            first, end = (bisect.bisect(digests, (bound, 0)) for bound in (low, f"{high}g"))
            rows = {
                name: updated(VideoRecord(key_of(number)), _sections(number % VARIANTS)).encode()
                for name, number in digests[first:end]
            }
            data = packed_bytes(rows)
            shards[prefix] = f"records/{shard_name(Shard(1, prefix), data)}"
            self.objects.write_once(shards[prefix], data)
        pointer = ShardPointer(number=1, shards=shards)
        self.objects.write_once(self._store.tables.records.pointer_name, pointer.to_json())

    def write_found(self, numbers: range) -> None:
        """What a source said of these candidates, as a run leaves it: in packed files."""
        for first in range(numbers.start, numbers.stop, _OF_FOUND):
            own = numbers[first - numbers.start : first - numbers.start + _OF_FOUND]
            remember(self._store, [_sighting(number) for number in own])
        with held_lease(self.objects, "packing") as lease:
            self._store.found.pack(lease, KnownVideos(self._store).tidied, most_loose=0)

    def found(self) -> int:
        """How many videos `--source store` gives."""
        return sum(map(len, KnownVideos(self._store).batches()))

    def known(self, candidates: int, shift: int) -> Iterator[object | None]:
        """As the list of candidates is joined with records."""
        listed = (_candidate(number + shift) for number in range(candidates))
        for part, own in in_parts(self._store, listed, candidates):
            for listed_one in with_known(self._store, part, own):
                record = listed_one.known
                yield record.record if record and record.record.sections else None

    def one(self, number: int) -> object | None:
        """A part of a shard is read."""
        return self._store.record(key_of(number)).record.fetch


class Before:
    """Files for each step."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.calls: Counter[str] = Counter()
        (place / "tmp").mkdir(parents=True, exist_ok=True)

    def write(self, numbers: Iterable[int]) -> None:
        """Each file is written beside its place and renamed."""
        for number in numbers:
            for file, record in self._records(number):
                self.calls["write"] += 1
                draft = self._place / "tmp" / "draft"
                draft.write_bytes(record.to_json())
                try:
                    draft.replace(file)
                except FileNotFoundError:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    draft.replace(file)

    def known(self, candidates: int, shift: int) -> Iterator[object | None]:
        """A read for each kind."""
        for number in range(shift, shift + candidates):
            yield self.one(number)

    def one(self, number: int) -> object | None:
        """The same."""
        read = []
        kinds = (("fetch", Fetch), (f"scan/{KEY}", Scan), ("length", Length), (f"cut/{KEY}", Cut))
        for name, kind in kinds:
            self.calls["read"] += 1
            with suppress(FileNotFoundError):
                read.append(kind.from_json(self._file(name, number).read_bytes()))
        return read[0] if read else None

    def _records(self, number: int) -> Iterator[tuple[Path, Record]]:
        made = records_of(number % VARIANTS)
        if isinstance(fetch := made.get("fetch"), Fetch):
            yield self._file("fetch", number), fetch
        if isinstance(length := made.get("length"), Length):
            yield self._file("length", number), length
        for kind in ("scan", "cut"):
            if isinstance(keyed := made.get(f"{kind}s"), dict):
                yield self._file(f"{kind}/{KEY}", number), keyed[KEY]

    def _file(self, kind: str, number: int) -> Path:
        name = digest(key_of(number))
        return self._place / kind / name[:2] / f"{name}.json"


class Sqlite:
    """A database."""

    def __init__(self, place: Path) -> None:
        self.calls: Counter[str] = Counter()
        place.mkdir(parents=True, exist_ok=True)
        self._db = connected(place / "records.sqlite")

    def write(self, numbers: Iterable[int]) -> None:
        """A transaction each."""
        for number in numbers:
            self.calls["write"] += 1
            put(self._db, number)
        self._db.execute("pragma wal_checkpoint(truncate)")

    def known(self, candidates: int, shift: int) -> Iterator[object | None]:
        """A query each: lists of candidates and records have other orders."""
        for number in range(shift, shift + candidates):
            yield self.one(number)

    def one(self, number: int) -> object | None:
        """The same."""
        self.calls["read"] += 1
        query = "select record from records where digest = ?"
        found = self._db.execute(query, [bytes.fromhex(digest(key_of(number)))]).fetchone()
        return VideoRecord.decode(found[0]) if found else None


def connected(file: Path) -> sqlite3.Connection:
    """A database in WAL mode. A power cut may lose the last transactions, and tears none."""
    db = sqlite3.connect(file, isolation_level=None, timeout=60.0)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = normal")
    db.execute("create table if not exists records (digest blob primary key, record blob)")
    return db


def put(db: sqlite3.Connection, number: int) -> None:
    """Write one record."""
    record = updated(VideoRecord(key_of(number)), _sections(number % VARIANTS)).encode()
    name = bytes.fromhex(digest(key_of(number)))
    db.execute("insert or replace into records values (?, ?)", [name, record])


class CountingObjects(FolderObjects):
    """Objects that count the calls of their verbs; a list of 1,000 names counts as one."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.calls: Counter[str] = Counter()

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        """See `Objects`."""
        self.calls["read"] += 1
        return super().read(name, begin, end)

    def read_versioned(self, name: str) -> Versioned | None:
        """See `Objects`."""
        self.calls["read"] += 1
        return super().read_versioned(name)

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
        """See `Objects`."""
        self.calls["write"] += 1
        return super().write_once(name, data, lasting=lasting)

    def write_if(
        self, name: str, data: bytes | Path, generation: str, *, lasting: bool = False
    ) -> str | None:
        """See `Objects`."""
        self.calls["write"] += 1
        return super().write_if(name, data, generation, lasting=lasting)

    def list(self, prefix: str) -> Iterator[Entry]:
        """See `Objects`."""
        number = -1
        for number, entry in enumerate(super().list(prefix)):
            self.calls["list"] += number % 1_000 == 0
            yield entry
        self.calls["list"] += number < 0

    def delete(self, name: str, generation: str | None = None) -> bool:
        """See `Objects`."""
        self.calls["delete"] += 1
        return super().delete(name, generation)


# What is made up.


def key_of(number: int) -> str:
    """The key of a candidate."""
    return f"youtube:{number:011d}"


def _video(number: int) -> VideoInfo:
    return VideoInfo(
        video_id=f"{number:011d}",
        url=f"https://example.org/{number}",
        title=f"A cat that has number {number} and does something else each time",
    )


def _candidate(number: int) -> Candidate:
    return Candidate(
        video_key=key_of(number),
        video=_video(number),
        source="catalogue",
        sha256=None,
        matches=(),
    )


def _sighting(number: int) -> Sighting:
    return Sighting(
        video_key=key_of(number), video=_video(number), source="catalogue", query=None, rank=number
    )


@lru_cache(VARIANTS)
def _sections(variant: int) -> dict[str, bytes]:
    return sections_of(**records_of(variant))  # type: ignore[arg-type]


@lru_cache(VARIANTS)
def records_of(number: int) -> dict[str, object]:
    """What steps found out of a candidate, as `sections_of` takes it."""
    chance = random.Random(number)  # noqa: S311
    key, sha256 = key_of(number), f"{chance.getrandbits(256):064x}"
    fails, kept = number % 5 == 0, number % 5 == 1
    fetch = Fetch(
        video_key=key,
        here=kept,
        path=None,
        sha256=None if fails else sha256,
        bytes=None if fails else chance.randrange(1_000_000, 50_000_000),
        mtime_ns=None,
        reason=Reason.UNAVAILABLE if fails else None,
        error="ERROR: [youtube] This video is not available" if fails else None,
        declared_duration=float(chance.randrange(3, 900)),
        licence="",
        attempts=1,
        run_id=f"{1:032x}",
    )
    if fails:
        return {"fetch": fetch}
    shown = chance.randrange(1_000)
    scan = Scan(
        video_key=key,
        sha256=sha256,
        reason=None,
        error=None,
        top1=tuple(
            shown if chance.random() < 0.7 else chance.randrange(1_000) for _ in range(FRAMES)
        ),
        probability=tuple(round(chance.random(), 4) for _ in range(FRAMES)),
        probe=Probe(
            width=640,
            height=360,
            fps=25.0,
            codec="h264",
            pixel_format="yuv420p",
            rotation=0,
            container="mov,mp4",
            video_streams=1,
            audio_streams=1,
        ),
        phash=tuple(f"{chance.getrandbits(64):016x}" for _ in range(5)),
        seconds=round(chance.random(), 3),
        decoder="PyAV 18",
    )
    made: dict[str, object] = {"fetch": fetch, "scans": {KEY: scan}}
    if kept:
        made["length"] = Length(
            video_key=key,
            sha256=sha256,
            reason=None,
            error=None,
            numerator=chance.randrange(10_000, 900_000),
            denominator=1_000,
            version=2,
            decoder="PyAV 18",
        )
        made["cuts"] = {
            KEY: Cut(video_key=key, sha256=sha256, reason=None, error=None, clips=3, frames=750)
        }
    return made
