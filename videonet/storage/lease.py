"""One holder at a time, on all machines that see a place: a lease that ends unless it is renewed.

    LEASE/<what>.json    number, holder, seconds: see `videonet.schemas.lease`

A lease holds for so long after its object was last written, by the clock of the place. Whoever
takes it gives it the next number. So a holder that was stopped for longer, and then goes on, can
learn that another one holds it; but it may have asked just before it was stopped. That is why the
number goes into what the lease guards: a new holder first writes its number there (`fenced`), and
each write replaces one state (`write_if`). What an older holder has read is then no longer the
state that is there, and its write changes nothing.
"""

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from videonet.errors import UsageError
from videonet.files import has_ended, process_name
from videonet.schemas.lease import Lease as LeaseState
from videonet.stop_signal import StopSignal
from videonet.storage.objects import Objects, Versioned

# A lease outlasts the pauses of a busy machine, and is taken over soon after its holder is gone.
SECONDS = 60.0

# Of the time that a lease holds, the part after which it is renewed: two renewals may fail.
_RENEW_AFTER = 1 / 4

# How often someone who waits looks again, seconds: at first, and after a while.
_LOOK_FIRST, _LOOK_LAST = 0.05, 2.0


class LeaseLostError(UsageError):
    """Somebody else may hold the lease by now: nothing more is to be written under it."""


class LeaseHeldError(UsageError):
    """Another command holds the lease."""


class Renewed:
    """An object that says who holds something: taken, renewed and given back by this holder.

    Safe to share between threads.
    """

    def __init__(
        self, objects: Objects, name: str, seconds: float, *, numbered: bool = True
    ) -> None:
        """`numbered`: whether writes are made under its number, which a disk must not lose."""
        self._objects, self._name, self._seconds = objects, name, seconds
        self._numbered = numbered
        self.holder = f"{process_name()}.{uuid.uuid4().hex}"
        self._lock = threading.RLock()
        self._state = LeaseState(number=0, holder="", seconds=seconds)
        self._generation = ""
        # when others may take it unless it is renewed, by this process's clock
        self._until = 0.0
        self._taken = 0.0
        # the last state that kept it from us, and when that one ends unless it is renewed
        self._seen = "", 0.0

    @property
    def number(self) -> int:
        """The number under which it is held, or was."""
        return self._state.number

    def take(self) -> bool:
        """Take it if it is free; whether it is held by this one now.

        Where the object is damaged, as by a disk that failed, its number is not to be believed:
        without numbers it is free, and otherwise this raises UsageError. Raises OSError too.
        """
        with self._lock:
            read = self._objects.read_versioned(self._name)
            if read is None:
                return self._write(self._first(1), None)
            try:
                state = LeaseState.from_json(read.data)
            except msgspec.DecodeError as error:
                if not self._numbered:
                    return self._write(self._first(1), read.generation)
                raise UsageError(
                    f"{self._objects.address}/{self._name} is damaged ({error}); delete it while "
                    "no command is at work there."
                ) from error
            if not self._is_free(state, read):
                return False
            return self._write(self._first(state.number + 1), read.generation)

    def renew(self) -> bool:
        """Say that it is still held; False: it is not. Raises OSError and UsageError.

        It may only be renewed while it holds: afterwards others may have come and gone.
        """
        with self._lock:
            if not self.may_hold:
                return False
            again = msgspec.structs.replace(self._state, renewed=self._state.renewed + 1)
            if not self._write(again, self._generation):
                self._until = 0.0
            return self.may_hold

    def give_back(self, *, forget: bool) -> None:
        """Let others have it. With `forget`, no trace is left, and numbers begin again.

        Where the place cannot be reached, it ends by itself.
        """
        with self._lock, suppress(OSError, UsageError):
            held, self._until = self.may_hold, 0.0
            if not held:
                return
            if forget:
                self._objects.delete(self._name, self._generation)
            else:
                free = msgspec.structs.replace(self._state, holder="", renewed=0)
                data = free.to_json()
                self._objects.write_if(self._name, data, self._generation, lasting=self._numbered)

    @property
    def may_hold(self) -> bool:
        """Whether nobody else can have taken it, as far as this process's clock tells."""
        return time.monotonic() < self._until

    @property
    def is_due(self) -> bool:
        """Whether it is time to renew it."""
        return time.monotonic() > self._taken + self._seconds * _RENEW_AFTER

    @property
    def pause(self) -> float:
        """How often to look whether it is due, seconds."""
        return self._seconds * _RENEW_AFTER / 2

    def is_ours(self) -> bool:
        """Whether it is still held: this asks the place. Raises OSError and UsageError."""
        with self._lock:
            if not self.may_hold:
                return False
            read = self._objects.read_versioned(self._name)
            if read is None or read.generation != self._generation:
                self._until = 0.0
            return self.may_hold

    def _first(self, number: int) -> LeaseState:
        return LeaseState(number=number, holder=self.holder, seconds=self._seconds)

    def _write(self, state: LeaseState, before: str | None) -> bool:
        begun = time.monotonic()
        data = state.to_json()
        if before is None:
            written = self._objects.write_once(self._name, data, lasting=self._numbered)
        else:
            written = self._objects.write_if(self._name, data, before, lasting=self._numbered)
        if written is None:
            return False
        self._state, self._generation = state, written
        # From before it was sent: the place counts from when it came.
        self._taken, self._until = begun, begun + self._seconds
        return True

    def _is_free(self, state: LeaseState, read: Versioned) -> bool:
        if not state.holder or has_ended(state.holder.partition(".")[0]):
            return True
        generation, ends = self._seen
        if generation == read.generation and time.monotonic() < ends:
            return False
        entries = [each for each in self._objects.list(self._name) if each.name == self._name]
        if not entries or entries[0].generation != read.generation:
            return False
        left = state.seconds - (now_at(self._objects) - entries[0].updated)
        self._seen = read.generation, time.monotonic() + left
        return left < 0


class Lease:
    """A lease that this process holds. Safe to share between threads: see `held_lease`."""

    def __init__(self, objects: Objects, what: str, renewed: Renewed) -> None:
        self.what, self.number = what, renewed.number
        self._objects, self._renewed = objects, renewed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{what}", daemon=True)
        self._thread.start()

    def still_held(self) -> bool:
        """Whether this is still the holder: the place is asked. Raises OSError and UsageError."""
        return self._renewed.is_ours()

    def check(self) -> None:
        """Raise LeaseLostError unless this is still the holder."""
        if not self.still_held():
            raise LeaseLostError(
                f"This command was held up for so long that another one may do the same "
                f"({self.what}) in {self._objects.address} by now; it stopped. The same command "
                "goes on."
            )

    def fenced(self, name: str, empty: Mapping[str, Any] | None = None) -> Versioned:
        """Write this lease's number into a JSON object that it guards; the state that is there now.

        From here on no earlier holder can replace the object: what that one has read is gone. An
        object that is not there is made of `empty`. Raises LeaseLostError, also where a later
        holder was here.
        """
        while True:
            self.check()
            read = self._objects.read_versioned(name)
            fields = dict(empty or {}) if read is None else json.loads(read.data)
            if fields.get("lease", 0) > self.number:
                raise LeaseLostError(f"A later command has written {name}; this one stopped.")
            data = json.dumps(fields | {"lease": self.number}).encode()
            before = None if read is None else read.generation
            written = self._written(name, data, before)
            if written is not None:
                return Versioned(data, written)

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
        """`Objects.write_once`, as long as this is the holder. Raises LeaseLostError."""
        self.check()
        return self._objects.write_once(name, data, lasting=lasting)

    def write_if(
        self, name: str, data: bytes | Path, generation: str, *, lasting: bool = False
    ) -> str | None:
        """`Objects.write_if`, as long as this is the holder. Raises LeaseLostError."""
        self.check()
        return self._objects.write_if(name, data, generation, lasting=lasting)

    def delete(self, name: str, generation: str) -> bool:
        """`Objects.delete` of one state, as long as this is the holder. Raises LeaseLostError."""
        self.check()
        return self._objects.delete(name, generation)

    def end(self) -> None:
        """Let others have it."""
        self._over.set()
        self._thread.join()
        self._renewed.give_back(forget=False)

    def _written(self, name: str, data: bytes, before: str | None) -> str | None:
        if before is None:
            return self._objects.write_once(name, data)
        return self._objects.write_if(name, data, before)

    def _keep(self) -> None:
        while not self._over.wait(self._renewed.pause):
            with suppress(OSError, UsageError):
                if self._renewed.is_due and not self._renewed.renew():
                    return


@contextmanager
def held_lease(
    objects: Objects,
    what: str,
    *,
    seconds: float = SECONDS,
    wait: float = 0.0,
    stop: StopSignal | None = None,
) -> Iterator[Lease]:
    """Hold the lease `what` of a place; it is renewed meanwhile, and given back at the end.

    Waits up to `wait` seconds for another holder. Raises LeaseHeldError if that one stays, and
    Stopped when `stop` is set.
    """
    renewed = Renewed(objects, f"lease/{what}.json", seconds)
    give_up = time.monotonic() + wait
    look = _LOOK_FIRST
    while not renewed.take():
        left = give_up - time.monotonic()
        if left <= 0:
            raise LeaseHeldError(
                f"Another command is at the same ({what}) in {objects.address}; wait for it. If "
                f"it was killed on another machine, that is known after {seconds:.0f} s."
            )
        if stop is not None:
            stop.check()
        time.sleep(min(look, left))
        look = min(2 * look, _LOOK_LAST)
    lease = Lease(objects, what, renewed)
    try:
        yield lease
    finally:
        lease.end()


def now_at(objects: Objects) -> float:
    """What time it is by the clock of a place, seconds since 1970-01-01 UTC."""
    name = f"lease/clock/{process_name()}.{uuid.uuid4().hex}"
    objects.write_once(name, b"")
    try:
        return next(each.updated for each in objects.list(name) if each.name == name)
    finally:
        objects.delete(name)
