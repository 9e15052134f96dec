"""Finished parts of an evaluation, kept until its result is written, so that it can go on.

A part is a table below a folder of its own, and appears whole or not at all; so does the state of
what is trained, of which the newest is kept. What the parts depend
on is written beside them first; a folder of other parts is never gone on from.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.files import drafted, read_bounded

_BEGUN = "begun.json"
_MOST_BYTES = 1_000_000


class Parts:
    """A folder of parts. `facts` are what they depend on, as JSON has them."""

    def __init__(self, folder: Path, facts: dict[str, Any], *, resume: bool) -> None:
        """Begin anew, or with `resume` go on.

        Raises UsageError if what is there is of another, and where nothing can be written.
        """
        self._folder = folder
        self._fingerprint = ""
        begun = msgspec.json.encode(facts, order="deterministic")
        if resume and folder.exists():
            self._check(begun)
            return
        shutil.rmtree(folder, ignore_errors=True)
        try:
            with drafted(folder / _BEGUN) as draft:
                draft.write_bytes(begun)
        except OSError as error:
            raise UsageError(
                f"{folder} cannot be written ({error.strerror}); name another place with --out."
            ) from error

    def of(self, fingerprint: str) -> None:
        """Say which data the parts are of: those of other data are not gone on from."""
        self._fingerprint = fingerprint

    def made(self, name: str, make: Callable[[], pa.Table]) -> pa.Table:
        """The part of this name: read if it is there, else made and kept."""
        file = self._file(name, "parquet")
        if file.exists():
            try:
                return pq.read_table(file)
            except (OSError, pa.ArrowException):
                file.unlink()  # of a disk that lost its end
        table = make()
        with drafted(file) as draft:
            pq.write_table(table, draft)
        # As it will be read, so that going on changes nothing.
        return pq.read_table(file)

    def keep_state(self, name: str, state: bytes) -> None:
        """Keep a state under this name, in the place of an earlier one."""
        with drafted(self._file(name, "state")) as draft:
            draft.write_bytes(state)

    def state(self, name: str) -> Path | None:
        """The file of the newest state of this name; None: there is none."""
        file = self._file(name, "state")
        return file if file.exists() else None

    def forget_state(self, name: str) -> None:
        """Delete the state of this name, if there is one."""
        self._file(name, "state").unlink(missing_ok=True)

    def done(self) -> None:
        """Forget all parts."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, name: str, suffix: str) -> Path:
        key = f"{self._fingerprint} {name}"
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.{suffix}"

    def _check(self, begun: bytes) -> None:
        try:
            found = read_bounded(self._folder / _BEGUN, _MOST_BYTES)
        except OSError:
            found = b""
        if found != begun:
            raise UsageError(
                f"{self._folder} holds parts of an evaluation of another model, version or "
                f"settings; without --resume it is begun anew."
            )
