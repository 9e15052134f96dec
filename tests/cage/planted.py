"""Tasks that do what no decoder should."""

import ctypes
import mmap
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from videonet.cage.server import Ask


def echo(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Say what was said, what the files hold, and what the parent answers."""
    yield arguments
    for file in files:
        yield os.pread(file, 100, 0)
    yield ask(b"what?")


def segfault(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Read where nothing is."""
    ctypes.string_at(1)
    yield b"alive"


def abort(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Give up, as the C library does for a broken heap."""
    os.abort()
    yield b"alive"


def spin(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Work without end."""
    while True:
        pass
    yield b"alive"


def sleep(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Wait without end."""
    while True:
        time.sleep(100)
    yield b"alive"


def allocate(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Take memory without end."""
    taken = []
    while True:
        taken.append(bytearray(16 << 20))
    yield b"alive"


def litter(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Let go of memory in circles, in all more than twice as much as there may be."""
    for _ in range(5000):
        circle: list[object] = [bytearray(64 << 10)]
        circle.append(circle)
    yield b"alive"


def die(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """End without a word."""
    os._exit(7)
    yield b"alive"


def wait_to_be_killed(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Say who it is, and wait."""
    yield str(os.getpid()).encode()
    while True:
        time.sleep(100)


def babble(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Write nonsense to the connection, past the task's own words."""
    os.write(3, bytes(7) + b"\x05?hello")
    yield b"alive"


def stall(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Announce a message, and send half of it."""
    os.write(3, bytes(7) + b"\x05vhe")
    time.sleep(100)
    yield b"alive"


def promise(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Announce a message without end."""
    os.write(3, b"\x7f" + bytes(7) + b"v")
    time.sleep(100)
    yield b"alive"


def write_everywhere(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Say which descriptors it can write to, its connection aside; none may be but its files."""
    found = []
    for descriptor in [0, 1, 2, *range(4, 4096)]:
        try:
            os.write(descriptor, b"planted")
        except OSError:
            continue
        found.append(descriptor)
    yield " ".join(map(str, found)).encode()


def _tries() -> Iterator[tuple[str, object]]:
    yield "read a file", lambda: os.open("/etc/passwd", os.O_RDONLY)
    yield "write a file", lambda: os.open("/tmp/planted", os.O_WRONLY | os.O_CREAT)
    yield "list a folder", lambda: list(Path("/").iterdir())
    yield "look at a file", lambda: Path("/etc/passwd").stat()
    yield "delete a file", lambda: Path("/tmp/planted").unlink()
    yield "connect", lambda: socket.socket().connect(("127.0.0.1", 1))
    yield "open a socket", lambda: socket.socket(socket.AF_UNIX)
    yield "open a datagram socket", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    yield "open a pair of sockets", lambda: socket.socketpair()
    yield "fork", lambda: os.fork() or os._exit(0)
    yield "start a program", lambda: subprocess.run(["/bin/true"])
    yield "become a program", lambda: os.execv("/bin/true", ["true"])
    yield "signal its parent", lambda: os.kill(os.getppid(), signal.SIGTERM)
    yield "signal everybody", lambda: os.kill(-1, 0)
    yield "raise its limits", _raise_limits
    yield (
        "make memory executable",
        lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    )
    yield "make a file in memory", lambda: os.memfd_create("planted")
    yield "change its user", lambda: os.setuid(1)
    yield "mount", lambda: _system_call(165)
    yield "trace", lambda: _system_call(101)


def _raise_limits() -> None:
    unlimited = resource.RLIM_INFINITY, resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_AS, unlimited)


def _system_call(number: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.syscall(number, 0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "syscall")


def escape(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Say which of many ways out are open."""
    for name, attempt in _tries():
        try:
            attempt()
        except PermissionError:
            continue
        except ValueError:
            # So Python says that a limit may not be raised.
            if name != "raise its limits":
                raise
            continue
        yield name.encode()


def fault(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Be wrong in a way that nobody foresaw."""
    yield b"so far"
    raise KeyError("a fault of ours")


def overfill(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Say more than there may be."""
    yield bytes(300 << 20)


def claim(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Ask for more memory at once than there may be, use none of it, and say that all is well."""
    mmap.mmap(-1, 1 << 30).close()
    yield b"alive"


def claim_in_vain(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Ask for memory until there is none, and say that all is well, as FFmpeg may."""
    taken = []
    try:
        while True:
            taken.append(mmap.mmap(-1, 1 << 30))
    except OSError:
        yield b"alive"


def fill(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """Use more memory than there may be, and wait."""
    taken = b"x" * (1 << 30)
    time.sleep(100)
    yield taken[:5]
