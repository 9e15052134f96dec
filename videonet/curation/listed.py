"""The candidates of a run, each with what its store knew of it when the list was read.

Candidates are joined with records by the leading bits of the digests under which the store knows
them. So each table of many records is read once, however many candidates there are.
"""

import math
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from videonet.curation.verdict import Place
from videonet.schemas.candidate import Candidate
from videonet.schemas.run import Part
from videonet.schemas.video_record import VideoRecord
from videonet.storage.shard_file import between, span
from videonet.storage.store import RecordState, Store

# Candidates of a part of the list, on average: with what is known of them, 80 MB.
_PART = 20_000

# So many parts of a list at most: each is a file that is written to.
_MOST_BITS = 8

# Of a command's own part of the list, the first and the last of its parts belong to its neighbours
# as well. By so many more bits they are made smaller than its own.
_FINER = 2

# Binary digits of a digest that say where it stands among all.
_DIGITS = 64

# Of so few candidates, records are read one by one where tables are many: one takes as long.
_FEW = 32


class Listed(NamedTuple):
    """A candidate and what is known of it."""

    candidate: Candidate
    # by an earlier look; None: nobody has looked yet
    known: RecordState | None = None
    # where neighbours are looked for, and all candidates were compared
    place: Place | None = None


def bits_for(candidates: int) -> int:
    """By how many leading bits a list is divided, so that each part fits into memory."""
    return min(_MOST_BITS, math.ceil(math.log2(max(1, candidates / _PART))))


def part_of(store: Store, candidate: Candidate, bits: int) -> str:
    """The leading bits of the digest under which a store knows a candidate."""
    return f"{_place_of(store, candidate):0{_DIGITS}b}"[:bits]


def with_known(store: Store, part: str, candidates: Iterable[Candidate]) -> Iterator[Listed]:
    """Candidates whose digests begin with the bits `part`, with what the store knows of them.

    They come in the order of their digests, which is as good as any for the hosts that are asked:
    it has nothing to do with them.
    """
    digested = ((store.digest(each.video_key), each) for each in candidates)
    ordered = dict(sorted(digested, key=lambda each: each[0]))
    # Before anything else is read: what is packed since may have changed since.
    pointer, packed = store.tables.records.versioned_pointer()
    prefixes = _prefixes(part, pointer.shards)
    for prefix in prefixes:
        own = between(ordered, *span(prefix))
        if len(own) <= _FEW and len(prefixes) > 1:
            yield from map(Listed, own.values())
        else:
            yield from _joined(store, prefix, own, packed)


def belongs_to(part: Part, store: Store, candidate: Candidate) -> bool:
    """Whether a candidate is one of a command's part of the list."""
    return _place_of(store, candidate) * part.of >> _DIGITS == part.index - 1


def in_parts(
    store: Store, candidates: Iterable[Candidate], number: int, own: Part | None = None
) -> Iterator[tuple[str, list[Candidate]]]:
    """`number` candidates in parts for `with_known`, in bounded memory.

    Where they are many, they are put into files until all were read. With a part that is this
    command's `own`, `candidates` are those of `number` that belong to it.
    """
    bits = bits_for(number)
    if own is not None:
        bits = max(bits, math.ceil(math.log2(own.of)) + _FINER)
    if not bits:
        yield "", list(candidates)
        return
    parts = [f"{value:0{bits}b}" for value in _values(bits, own)]
    with _folder(store) as folder:
        with ExitStack() as files:
            opened = {part: files.enter_context((folder / part).open("wb")) for part in parts}
            for candidate in candidates:
                opened[part_of(store, candidate, bits)].write(candidate.to_json() + b"\n")
        for part in parts:
            file = folder / part
            yield part, [Candidate.from_json(line) for line in file.read_bytes().splitlines()]
            file.unlink()


def _place_of(store: Store, candidate: Candidate) -> int:
    """The leading binary digits of the digest under which a store knows a candidate."""
    return int(store.digest(candidate.video_key)[: _DIGITS // 4], 16)


def _values(bits: int, own: Part | None) -> range:
    """What so many leading bits may be; of a command's own part, where that begins or ends too."""
    every = 1 << bits
    if own is None:
        return range(every)
    return range(every * (own.index - 1) // own.of, -(-every * own.index // own.of))


def _prefixes(part: str, shards: Iterable[str]) -> list[str]:
    """The bits by which records are packed within a part, in order; or those of the part."""
    return sorted(prefix for prefix in shards if prefix.startswith(part)) or [part]


def _joined(
    store: Store, prefix: str, candidates: dict[str, Candidate], packed: str | None
) -> Iterator[Listed]:
    """Candidates by digest, in order, with their records, which are read all at once.

    `packed`: see `RecordState`.
    """
    records = store.tables.records
    for part, loose in records.parts(prefix):
        known = records.together(part, [each for each in loose if each.digest in candidates])
        for digest, candidate in between(candidates, *span(part)).items():
            key, found = candidate.video_key, known.get(digest)
            nothing = RecordState(VideoRecord(key), None)
            state = store.record_state(key, found) if found else nothing
            yield Listed(candidate, state._replace(packed=packed))


@contextmanager
def _folder(store: Store) -> Iterator[Path]:
    folder = store.temporary()
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
