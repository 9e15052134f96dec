"""Objects in memory, for tests that need many places, and each step on them by itself."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from videonet.storage.objects import Entry, Versioned


class MemoryObjects:
    """See `Objects`. A list is made while it is read: it has what is there when it comes to it."""

    def __init__(self) -> None:
        self.address = "memory"
        self.held: dict[str, Versioned] = {}
        self._generations = map(str, count(1))

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        self.step("read", name)
        held = self.held.get(name)
        return None if held is None else held.data[begin:end]

    def read_versioned(self, name: str) -> Versioned | None:
        self.step("read", name)
        return self.held.get(name)

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:  # noqa: ARG002
        self.step("write once", name)
        if name in self.held:
            return self._if_same(name, data)
        return self._put(name, data)

    def write_if(
        self,
        name: str,
        data: bytes | Path,
        generation: str,
        *,
        lasting: bool = False,  # noqa: ARG002
    ) -> str | None:
        self.step("write if", name)
        if name not in self.held:
            return None
        if self.held[name].generation != generation:
            return self._if_same(name, data)
        return self._put(name, data)

    def copy(self, source: str, name: str, generation: str | None) -> str | None:
        self.step("copy", name)
        if source not in self.held:
            raise FileNotFoundError(source)
        data, held = self.held[source].data, self.held.get(name)
        if (held and held.generation) == generation:
            return self._put(name, data)
        return None if held is None else self._if_same(name, data)

    def list(self, prefix: str) -> Iterator[Entry]:
        after = ""
        while True:
            self.step("list", f"{prefix} after {after}")
            names = [each for each in self.held if each.startswith(prefix) and each > after]
            if not names:
                return
            after = min(names)
            held = self.held[after]
            yield Entry(after, len(held.data), held.generation, float(held.generation))

    def delete(self, name: str, generation: str | None = None) -> bool:
        self.step("delete", name)
        held = self.held.get(name)
        if held is not None and generation is not None and held.generation != generation:
            return False
        self.held.pop(name, None)
        return True

    def step(self, verb: str, name: str) -> None:
        """What comes before each step."""

    def _put(self, name: str, data: bytes | Path) -> str:
        content = data.read_bytes() if isinstance(data, Path) else data
        self.held[name] = Versioned(content, next(self._generations))
        return self.held[name].generation

    def _if_same(self, name: str, data: bytes | Path) -> str | None:
        content = data.read_bytes() if isinstance(data, Path) else data
        held = self.held[name]
        return held.generation if held.data == content else None
