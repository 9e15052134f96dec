"""The connections of one session: opened here, and broken off when its time is up.

A server can draw out each phase of a request: it answers no packet, or sends one byte of a TLS
record, a header or a chunk now and then. A limit on silence does not end that, and a limit that is
looked at between two reads is never looked at. So a thread watches the clock, and shuts down the
sockets of a session whose time is up, whatever it reads or writes at that moment.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from videonet.fetch.allowed_hosts import AllowedHosts
from videonet.fetch.clock import Clock
from videonet.fetch.failure import RefusedAddressError
from videonet.stop_signal import StopSignal

_LOOK_UP = 0.25  # seconds; how soon a silent connection hears that the run is to end

# Names that are looked up at once for one run. Nothing ends a look-up that hangs but the system's
# own resolver, after half a minute or so; until then its thread is left behind.
_MOST_LOOK_UPS = 64

# As `socket.getaddrinfo` describes an address: family, type, protocol, name, and where to connect.
Address = tuple[int, int, int, str, tuple[Any, ...]]

# What `socket.getaddrinfo` does with host, port, family and type.
Resolve = Callable[[str, int, int, int], Iterable[Address]]


class Lookups:
    """Looks up names, in threads that can be left behind. One a run and process."""

    def __init__(self, resolve: Resolve = socket.getaddrinfo, most: int = _MOST_LOOK_UPS) -> None:
        """`most`: look-ups at once, those among them that were left behind."""
        self._resolve = resolve
        self._free = threading.Semaphore(most)

    def addresses(self, host: str, port: int, wait: Callable[[], float]) -> list[Address]:
        """The addresses of a host.

        `wait` gives seconds until it wants to be asked again; it raises what ends the look-up.
        Raises OSError if there are none, ValueError for what cannot be a name.
        """
        while not self._free.acquire(timeout=wait()):
            pass
        found: list[Address] = []
        failure: list[BaseException] = []
        done = threading.Event()

        def look_up() -> None:
            try:
                found.extend(self._resolve(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM))
            except BaseException as error:  # noqa: BLE001  # it is raised by the one who asks
                failure.append(error)
            finally:
                self._free.release()
                done.set()

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        while not done.wait(wait()):
            pass
        if failure:
            raise failure[0]
        if not found:
            raise OSError(f"the name {host} has no address")
        return found


class Connections:
    """Opens the connections of one session, and breaks them off when its time is up.

    Any thread may use it: yt-dlp fetches fragments in threads of its own.
    """

    def __init__(
        self, clock: Clock, stop: StopSignal, lookups: Lookups, allowed: AllowedHosts
    ) -> None:
        """`clock` says how much time is left; `stop` ends it at once."""
        self._clock = clock
        self._stop = stop
        self._lookups = lookups
        self._allowed = allowed
        self._lock = threading.Lock()
        self._sockets: WeakSet[Any] = WeakSet()
        self._done = threading.Event()
        # whether the time was up before the session ended
        self.are_broken_off = False

    def begin(self) -> None:
        """Begin to watch the clock."""
        threading.Thread(target=self._guard, name="deadline", daemon=True).start()

    def end(self) -> None:
        """End watching: the session is over, and closes its connections itself."""
        self._done.set()

    def open(
        self,
        host: str,
        port: int,
        silence: float,
        *,
        of_user: bool = False,
        source: str | None = None,
        make: Callable[[int, int, int], socket.socket] = socket.socket,
        connect: Callable[[socket.socket, Any], None] = socket.socket.connect,
    ) -> socket.socket:
        """A connection to a host, with `silence` as its limit, seconds.

        A host `of_user`, a proxy, may be anywhere. `source` is the address of this machine to
        connect from; `make` makes a socket, and `connect` connects it to one of the host's
        addresses. Raises OSError, ValueError for what cannot be a name, RefusedAddressError,
        Stopped.
        """
        failure: OSError | None = None
        found = self.look_up(host, port, silence, of_user=of_user)
        for family, kind, protocol, _, place in found:
            if source is not None and family != _family(source):
                continue
            made = make(family, kind, protocol)
            try:
                made.settimeout(min(silence, self._left()))
                if source is not None:
                    made.bind((source, 0))
                self.watch(made)
                connect(made, place)
            except OSError as error:
                made.close()
                failure = error
            except BaseException:
                made.close()
                raise
            else:
                return made
        raise failure or OSError(f"{host} has no address that can be reached from {source}")

    def look_up(
        self, host: str, port: int, silence: float, *, of_user: bool = False
    ) -> list[Address]:
        """The addresses of a host, all of which may be asked. Raises as `open`."""
        waiting = Clock(silence)

        def wait() -> float:
            if waiting.left <= 0:
                raise TimeoutError(f"looking up the name {host} timed out")
            return min(_LOOK_UP, waiting.left, self._left())

        found = self._lookups.addresses(host, port, wait)
        if not of_user:
            self.check(host, [str(place[0]) for *_, place in found])
        return found

    def check(self, host: str, addresses: Sequence[str] = ()) -> None:
        """Raise RefusedAddressError for a host that must not be asked.

        Without addresses, which a proxy will look up, by what the name tells.
        """
        refusal = self._allowed.refusal(host, addresses)
        if refusal is not None:
            raise RefusedAddressError(refusal, host, tuple(addresses))

    def watch(self, connection: Any) -> None:
        """Break this off when time is up: a socket, or what has a socket's `fileno`."""
        with self._lock:
            self._sockets.add(connection)
            is_late = self.are_broken_off
        if is_late:
            _break_off(connection)

    def _left(self) -> float:
        """Seconds that are left, above 0. Raises TimeoutError where there are none, Stopped."""
        self._stop.check()
        left = self._clock.left
        if self.are_broken_off or left <= 0:
            raise TimeoutError("no time is left")
        return left

    def _guard(self) -> None:
        while not self._stop.is_set() and self._clock.left > 0:
            if self._done.wait(min(_LOOK_UP, max(0.0, self._clock.left))):
                return
        with self._lock:
            self.are_broken_off = True
            connections = list(self._sockets)
        for connection in connections:
            _break_off(connection)


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _break_off(connection: Any) -> None:
    """Close a connection in which another thread may be reading or writing."""
    with (
        # It is closed already, or not open yet.
        suppress(OSError, ValueError),
        socket.socket(fileno=os.dup(connection.fileno())) as ours,
    ):
        ours.shutdown(socket.SHUT_RDWR)
