"""What finished shards were made of: a file each, and later a file for many of them.

    OUT/_state/shards/00007.json          the state of one shard
    OUT/_state/shards/00000-00099.json    those of many, by their indices

A state is written by itself, so that a kill loses nothing. When a run is finished, many of them are
packed. A reader looks at single states first, and at packed ones second. Packing goes the other
way: so no reader misses a state. Where one is there in both forms, the single one is the later.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from videonet.files import TooLongError
from videonet.schemas.manifest import Shard
from videonet.schemas.record import from_json
from videonet.schemas.run import ShardState
from videonet.schemas.shown import shown_json
from videonet.shards.layout import shard_path
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_files import MISSING, DatasetFiles, State
from videonet.storage.side_by_side import at_once, side_by_side

FOLDER = "_state/shards"

# Single states that may stay: a small data set has a file a shard.
MOST_SINGLE = 256

# Shards whose states are in one file: 2 MB at the published size.
TOGETHER = 100

# A larger state stays by itself, bytes: only where shards are few and large are there such.
_MOST_PACKED = 250_000

# What is read may be a stranger's; a state names all videos of its shard.
_MOST_BYTES = 256_000_000

_SINGLE = re.compile(rf"{FOLDER}/([0-9]{{5,9}})\.json")
_PACKED = re.compile(rf"{FOLDER}/[0-9]{{5,9}}-[0-9]{{5,9}}\.json")


class ShardStates:
    """The states of the shards in one OUT. Safe to share between threads."""

    def __init__(self, files: DatasetFiles) -> None:
        self._files = files
        self._at_once = at_once(files.address)
        self._latest: tuple[str, State | None, Mapping[int, msgspec.Raw]] = ("", None, {})
        self._lock = threading.Lock()

    def get(self, index: int) -> ShardState | None:
        """What a finished shard was made of; None also for what names other files than its own."""
        single = self._content(_single(index))
        return _state(index, self._packed(index).get(index) if single is None else single)

    def all(self, shards: int) -> Iterator[ShardState | None]:
        """The same of so many shards, in order. Each file is read once."""
        single = _singles(self._files.list(FOLDER))
        for first in range(0, shards, TOGETHER):
            indices = range(first, min(first + TOGETHER, shards))
            # In this order: see above.
            held = self._read(index for index in indices if index in single)
            packed = self._packed(first)
            for index in indices:
                yield _state(index, held.get(index, packed.get(index)))

    def are_there(self) -> bool:
        """Whether any shard was finished."""
        return any(path.endswith(".json") for path in self._files.list(FOLDER))

    def write(self, index: int, state: ShardState) -> None:
        """Say that a shard is finished."""
        self._files.write(_single(index), shown_json(state.to_json()))

    def clear(self) -> None:
        """Forget all shards."""
        self._files.delete_below(FOLDER)

    def pack(self) -> int:
        """Pack single states if they are many, or if some are packed already; how many were.

        Killed at any moment, or failing, it loses nothing. Raises OSError and UsageError.
        """
        paths = list(self._files.list(FOLDER))
        single = _singles(paths)
        if len(single) <= MOST_SINGLE and not any(map(_PACKED.fullmatch, paths)):
            return 0
        by_file: defaultdict[int, list[int]] = defaultdict(list)
        for index in sorted(single):
            by_file[index // TOGETHER].append(index)
        return sum(map(self._pack, by_file.values()))

    def _pack(self, indices: Sequence[int]) -> int:
        """Put the states of shards that share a file into that; how many there were."""
        # In this order, like a reader: another one may be packing.
        held = {index: data for index, data in self._read(indices).items() if _state(index, data)}
        packed = self._packed(indices[0])
        small = {index: data for index, data in held.items() if len(data) <= _MOST_PACKED}
        together = {index: data for index, data in packed.items() if index not in held}
        together |= {index: msgspec.Raw(data) for index, data in small.items()}
        if together.keys() == packed.keys() and not small:
            return 0
        named = {f"{index:05d}": together[index] for index in sorted(together)}
        self._files.write(_together(indices[0]), shown_json(msgspec.json.encode(named)))

        def delete(index: int) -> None:
            # Of a later command, these may be other states.
            self._files.check()
            self._files.delete(_single(index))

        for _ in side_by_side(self._at_once, delete, small):
            pass
        return len(small)

    def _read(self, indices: Iterable[int]) -> dict[int, bytes]:
        """Single states; those that are gone by now are left out."""

        def read(index: int) -> tuple[int, bytes | None]:
            return index, self._content(_single(index))

        found = side_by_side(self._at_once, read, indices)
        return {index: data for index, data in found if data is not None}

    def _packed(self, index: int) -> Mapping[int, msgspec.Raw]:
        """All states in the file that a shard shares with others; none where it cannot be read."""
        path = _together(index)
        state = self._files.states([path]).get(path)
        with self._lock:
            known, of, latest = self._latest
        if state is None or (known, of) == (path, state):
            return latest if state is not None else {}
        try:
            named = from_json(self._content(path) or b"{}", dict[str, msgspec.Raw])
            latest = {int(each): data for each, data in named.items()}
        except (msgspec.DecodeError, ValueError):
            latest = {}
        with self._lock:
            self._latest = path, state, latest
        return latest

    def _content(self, path: str) -> bytes | None:
        """What a file holds; None: it is not there, or too long."""
        try:
            return self._files.read(path, _MOST_BYTES)
        except (*MISSING, TooLongError):
            return None


def _singles(paths: Iterable[str]) -> frozenset[int]:
    """The indices of shards whose states are by themselves."""
    found = map(_SINGLE.fullmatch, paths)
    return frozenset(int(each[1]) for each in found if each is not None)


def _single(index: int) -> str:
    return f"{FOLDER}/{index:05d}.json"


def _together(index: int) -> str:
    """The path of the file that this shard shares with others."""
    first = index - index % TOGETHER
    return f"{FOLDER}/{first:05d}-{first + TOGETHER - 1:05d}.json"


def _state(index: int, data: bytes | msgspec.Raw | None) -> ShardState | None:
    """The state in `data`; None: it is none of this shard."""
    try:
        state = None if data is None else from_json(data, ShardState)
    except msgspec.DecodeError:
        return None
    return state if state and _are_of_shard(index, state.files) else None


def _are_of_shard(index: int, files: Sequence[Shard]) -> bool:
    """Whether these are paths of shard `index`, of whatever number of shards, and there are any.

    `_state` may be a stranger's, and what it names is overwritten and deleted.
    """
    numbers = [re.search(r"-of-([0-9]{5,9})\.", file.path) for file in files]
    return bool(files) and all(
        number is not None
        and file.path in [shard_path(name, index, int(number[1])) for name in FORMATS]
        for file, number in zip(files, numbers, strict=True)
    )
