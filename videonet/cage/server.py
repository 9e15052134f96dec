"""The process that forks one for each task: `python -m videonet.cage.server SOCKET MODULE`.

It imports the module with the tasks once, has its `warm_up` load what they need, and does nothing
else. A fork of it begins in milliseconds, has no secret in its memory, and knows nothing of other
tasks. The server ends, and its children with it, when the process that started it closes its end of
the socket.
"""

import ctypes
import fcntl
import gc
import importlib
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn

from videonet.cage.channel import Channel
from videonet.cage.confinement import (
    end_with_parent,
    limit,
    memory_of,
    resident,
    shut_in,
)

# What a task is: a function of its arguments, of the files that it was given, and of a way to ask
# its parent something. It yields answers.
Ask = Callable[[bytes], bytes]
Task = Callable[[bytes, Sequence[int], Ask], Iterator[bytes]]

# The name of a task; its limits: memory in bytes, time of the processor in seconds, time by the
# clock in seconds. With it come the connection of the task, its status, and further files.
REQUEST = struct.Struct("!64sqqd")
MOST_FILES = 6

# How a task ended: by whom, and its exit status as of waitpid(2).
STATUS = struct.Struct("!Bi")
BY_ITSELF, ON_DEMAND, BY_THE_CLOCK, FOR_MEMORY = range(4)

# The kinds of messages: of a child, and of its parent.
VALUE, QUESTION, NO_MEMORY, FAULT, DONE = b"v", b"q", b"m", b"f", b"d"
ARGUMENTS, ANSWER = b"a", b"r"

READY = b"ready"

# Seconds between two looks at how much memory each process has in use.
_WATCH = 0.05

# M_MMAP_THRESHOLD (32 MiB is the most), M_TRIM_THRESHOLD and M_TOP_PAD of mallopt(3), bytes.
_MALLOC = {-3: 32 << 20, -1: 1 << 30, -2: 16 << 20}


class _Child(NamedTuple):
    """A process at work."""

    status: socket.socket
    # by the monotonic clock, seconds
    end: float
    # most that it may have in use, bytes, and where the system says how much it has
    memory: int
    memory_in_use: int | None
    ended_by: list[int]


def serve(control: socket.socket, module: str) -> None:
    """Fork a process for each request, until there are no more to come."""
    tasks = importlib.import_module(module)
    if hasattr(tasks, "warm_up"):
        tasks.warm_up()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    # What is here now is shared by all children as long as nobody touches it.
    gc.collect()
    gc.freeze()
    gc.disable()
    os.write(control.fileno(), READY)
    _keep_memory()
    # A child must be able to say nothing at all.
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    children: dict[int, _Child] = {}
    own_memory = memory_of(os.getpid())
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ends = [child.end for child in children.values()]
            wait = max(0.0, min(_WATCH, min(ends) - time.monotonic())) if ends else None
            for key, _ in selector.select(wait):
                if key.fileobj is control:
                    if not _start(control, tasks, children, selector, own_memory):
                        return
                elif key.fileobj == woken:
                    os.read(woken, 4096)
                else:
                    # The other end was closed: nobody waits for this child any more.
                    selector.unregister(key.fileobj)
                    _kill(children, key.data, ON_DEMAND)
            for process, child in children.items():
                if child.end <= time.monotonic():
                    _kill(children, process, BY_THE_CLOCK)
                elif resident(child.memory_in_use) > child.memory:
                    _kill(children, process, FOR_MEMORY)
            _reap(children, selector)


def _keep_memory() -> None:
    """Have the C library keep memory that was freed, where it is glibc.

    A decoder frees each frame and asks for the next. A new process would give the memory back to
    the system each time and be given empty pages, which takes half as long again as decoding.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for parameter, value in _MALLOC.items():
            library.mallopt(parameter, value)
        library.malloc_trim(0)


def _start(
    control: socket.socket,
    tasks: object,
    children: dict[int, _Child],
    selector: selectors.BaseSelector,
    own_memory: int | None,
) -> bool:
    """Fork a process for the next request; False: there is none."""
    request, files, _, _ = socket.recv_fds(control, REQUEST.size, MOST_FILES)
    while request and len(request) < REQUEST.size:
        request += control.recv(REQUEST.size - len(request))
    if not request:
        return False
    name, memory, seconds, wall = REQUEST.unpack(request)
    connection, status, *given = files
    parent = os.getpid()
    try:
        process = os.fork()
    except OSError:
        # The other side finds both closed, and no status.
        for file in files:
            os.close(file)
        return True
    if not process:
        try:
            signal.set_wakeup_fd(-1)
            end_with_parent(parent)
            task = getattr(tasks, name.rstrip(b"\0").decode())
            _work(task, connection, given, memory, seconds)
        finally:
            os._exit(1)
    for file in (connection, *given):
        os.close(file)
    end = time.monotonic() + wall
    # It shares with this process what that has in use now.
    most = resident(own_memory) + memory
    child = _Child(socket.socket(fileno=status), end, most, memory_of(process), [])
    children[process] = child
    selector.register(child.status, selectors.EVENT_READ, process)
    return True


def _work(task: Task, connection: int, given: Sequence[int], memory: int, seconds: int) -> NoReturn:
    """Be the child: shut in, carry out the task, and end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    # What it may use becomes 3, 4 and so on; all else is closed.
    spare = 3 + len(given) + 1
    moved = [_above(file, spare) for file in (connection, *given)]
    for place, file in enumerate(moved, 3):
        os.dup2(file, place)
    os.closerange(spare, os.sysconf("SC_OPEN_MAX"))
    # Frames refer to each other: without this a decoder would keep them all.
    gc.enable()
    took_more = limit(memory, seconds)
    shut_in()
    parent = Channel(3)

    def told() -> bytes:
        return bytes(parent.receive(memory)[1])

    def ask(question: bytes) -> bytes:
        parent.send(QUESTION, question)
        return told()

    try:
        for value in task(told(), range(4, spare), ask):
            if took_more():
                raise MemoryError
            parent.send(VALUE, value)
        parent.send(NO_MEMORY if took_more() else DONE)
    except MemoryError:
        parent.send(NO_MEMORY)
    except Exception as error:  # noqa: BLE001  # what our own code did not foresee
        parent.send(FAULT, f"{type(error).__name__}: {error}".encode())
    os._exit(0)


def _above(file: int, least: int) -> int:
    """The same file under a number that is out of the way."""
    return fcntl.fcntl(file, fcntl.F_DUPFD, least)


def _kill(children: dict[int, _Child], process: int, by: int) -> None:
    child = children.get(process)
    if child is not None and not child.ended_by:
        child.ended_by.append(by)
        os.kill(process, signal.SIGKILL)


def _reap(children: dict[int, _Child], selector: selectors.BaseSelector) -> None:
    """Say of each child that has ended how it did."""
    while children:
        process, status = os.waitpid(-1, os.WNOHANG)
        if not process:
            return
        child = children.pop(process, None)
        if child is None:
            continue
        by = child.ended_by[0] if child.ended_by else BY_ITSELF
        with suppress(OSError):  # nobody waits for it
            os.write(child.status.fileno(), STATUS.pack(by, status))
        with suppress(KeyError):
            selector.unregister(child.status)
        child.status.close()
        if child.memory_in_use is not None:
            os.close(child.memory_in_use)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
