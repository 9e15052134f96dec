"""What sources said of videos: a file from each part of a run, and later few large ones.

    STORE/found/<digest>.parquet            what was said, named after its content
    STORE/known/pointer.json                which packed files count
    STORE/known/<number>-<digest>.parquet   a packed file; together they say nothing twice

A reader takes the files in `found` first and asks the pointer second. Packing goes the other way:
so no reader misses anything, and what is packed meanwhile comes twice.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.found_pointer import FoundPointer
from videonet.storage.compaction import KEPT_SECONDS
from videonet.storage.lease import Lease, now_at
from videonet.storage.objects import Objects

FOUND = "found"

_PACKED = "known"
_POINTER = f"{_PACKED}/pointer.json"
_NAME = re.compile(rf"{_PACKED}/(?P<number>[0-9]{{12}})-[0-9a-f]{{64}}\.parquet")

# Loose files that may stay: to pack them takes a minute where 5 million videos are known.
MOST_LOOSE = 64

# Of a packed file, which is read as a whole: 10 MB.
ROWS = 100_000

# Rows that are decoded together.
_AT_ONCE = 1_000

# Rows of one table, in some order.
Batches = Iterable[pa.RecordBatch]


class FoundFiles:
    """The files of one store. Safe to share between threads and processes."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @property
    def are_there(self) -> bool:
        """Whether a source ever said anything."""
        return next(self._loose(), None) is not None or bool(self._pointer().files)

    def state(self) -> str:
        """A text that is another one when more was said; packing changes it, too."""
        names = [*self._loose(), *self._pointer().files]
        return hashlib.sha256("\n".join(names).encode()).hexdigest()

    def write(self, content: str, table: pa.Table) -> None:
        """Keep what a source said; `content` is a digest of it."""
        self._objects.write_once(f"{FOUND}/{content}.parquet", _parquet(table))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All that was said, or some columns of it; some rows may come twice.

        Raises UsageError for a file that is damaged.
        """
        for name, data in self._contents():
            try:
                if name.startswith(_PACKED) and hashlib.sha256(data).hexdigest() not in name:
                    raise ValueError("its content is not what was written")
                with pq.ParquetFile(pa.BufferReader(data)) as table:
                    yield from table.iter_batches(_AT_ONCE, columns=columns)
            except (pa.ArrowException, OSError, ValueError, KeyError) as error:
                raise UsageError(
                    f"{self._objects.address}/{name} of the store is damaged ({error}); delete it, "
                    "and run again from the source that it came from."
                ) from error

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        for name in list(self._loose()):
            # One that is gone by now was packed.
            if (data := self._objects.read(name)) is not None:
                yield name, data
        read: set[str] = set()
        while left := [name for name in self._pointer().files if name not in read]:
            for name in left:
                data = self._objects.read(name)
                if data is None:
                    # Others count by now; one that still counts was taken away from outside.
                    read |= {name} & set(self._pointer().files)
                    break
                yield name, data
                read.add(name)

    def pack(
        self, lease: Lease, tidied: Callable[[], Batches], most_loose: int = MOST_LOOSE
    ) -> bool:
        """Pack all files if there are many loose ones; whether they were packed.

        `tidied` gives the rows of all `batches`, each once, in the order of their keys. What is not
        under the lease any more is left to others. Raises LeaseLostError.
        """
        loose = list(islice(self._loose(), most_loose + 1))
        if len(loose) <= most_loose:
            return False
        loose = list(self._loose())
        held = lease.fenced(_POINTER, msgspec.to_builtins(FoundPointer()))
        before, now = FoundPointer.from_json(held.data), now_at(self._objects)
        begun = time.monotonic()
        self._sweep({*before.files, *before.superseded}, lease.number)
        files = [self._write_packed(part, lease.number) for part in _parts(tidied(), ROWS)]
        now += time.monotonic() - begun
        left = dict.fromkeys(before.files, now + KEPT_SECONDS)
        superseded = {name: end for name, end in before.superseded.items() if end > now}
        pointer = FoundPointer(
            lease=lease.number,
            files=tuple(dict.fromkeys(files)),
            superseded={
                name: end for name, end in (superseded | left).items() if name not in files
            },
        )
        if lease.write_if(_POINTER, pointer.to_json(), held.generation, lasting=True) is None:
            return False
        self._sweep({*pointer.files, *pointer.superseded}, lease.number)
        for name in loose:
            self._objects.delete(name)
        return True

    def _write_packed(self, part: Sequence[pa.RecordBatch], number: int) -> str:
        data = _parquet(pa.Table.from_batches(part))
        name = f"{_PACKED}/{number:012d}-{hashlib.sha256(data).hexdigest()}.parquet"
        self._objects.write_once(name, data, lasting=True)
        return name

    def _sweep(self, named: set[str], number: int) -> None:
        """Delete packed files that count no more, and those of commands that were killed."""
        for entry in self._objects.list(f"{_PACKED}/"):
            found = _NAME.fullmatch(entry.name)
            if found and int(found["number"]) <= number and entry.name not in named:
                self._objects.delete(entry.name)

    def _loose(self) -> Iterator[str]:
        return (entry.name for entry in self._objects.list(f"{FOUND}/"))

    def _pointer(self) -> FoundPointer:
        data = self._objects.read(_POINTER)
        if data is None:
            return FoundPointer()
        try:
            return FoundPointer.from_json(data)
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{self._objects.address}/{_POINTER} is damaged ({error}): it says which videos "
                "the store knows. Restore it, or delete the folder that it is in, and run again "
                "from the sources that they came from."
            ) from error


def _parts(batches: Batches, rows: int) -> Iterator[list[pa.RecordBatch]]:
    """Batches of about so many rows together."""
    part: list[pa.RecordBatch] = []
    for batch in batches:
        part.append(batch)
        if sum(each.num_rows for each in part) >= rows:
            yield part
            part = []
    if part:
        yield part


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data
