"""Has tasks carried out in processes that are shut in, and says why one of them ended."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from signal import SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGXCPU, Signals

from videonet.cage.channel import BadMessageError, Channel
from videonet.cage.server import (
    ANSWER,
    ARGUMENTS,
    BY_ITSELF,
    BY_THE_CLOCK,
    DONE,
    FAULT,
    FOR_MEMORY,
    NO_MEMORY,
    QUESTION,
    READY,
    REQUEST,
    STATUS,
    VALUE,
)
from videonet.files import import_path
from videonet.schemas.decode_limits import DecodeLimits

# A task that takes this many times its processor time by the clock, and so many seconds, is hung,
# or the machine is. Steps wait for a network, too, which has a deadline of its own.
_CLOCK_SHARE, _CLOCK_SECONDS = 4, 1200

# Characters of what is kept of a fault in our own code.
_FAULT_LENGTH = 300

# What is said of a process that does not keep to what a task may say.
NONSENSE = "its decoder said what no decoder says"

# Most bytes of one message, however much memory a task may take.
_LONGEST = 512 << 20

# Signals by which a process ends through its own doing.
_OWN_DOING = frozenset({SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP})

# What a child needs of the environment. It has no business with the rest, where secrets may be.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "HOME", "TMPDIR", "DYLD_LIBRARY_PATH")


class TaskError(Exception):
    """A process ended before its task was done; the message says how."""


class LimitError(TaskError):
    """It did so through what it worked on: it crashed, or took more than it may."""


class InterruptionError(TaskError):
    """It did so through something else: a signal from outside, or a machine that is short."""


class Cage:
    """Processes for the tasks of one module. Any number of threads may use it at once.

    `with` it, or `close` it. The server that the processes are forked from starts with the first
    task.
    """

    def __init__(
        self,
        module: str,
        limits: DecodeLimits,
        *,
        clock: float | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """`module`: the name of the module with the tasks, see `videonet.cage.server`.

        `clock`: seconds after which a task is ended whatever it does; None: some hours at most.
        `look` is called now and then while a task is waited for; it raises to end the task.
        """
        self.limits = limits
        self._module = module
        self._clock = _CLOCK_SECONDS + _CLOCK_SHARE * limits.seconds if clock is None else clock
        self._look = look
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> "Cage":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the server, and all tasks."""
        with self._lock:
            if self._control is not None and self._server is not None:
                self._control.close()
                self._server.wait()
            self._control = self._server = None

    def run(
        self,
        task: str,
        arguments: bytes,
        files: Sequence[int] = (),
        answer: Callable[[bytes], bytes] | None = None,
    ) -> Iterator[bytearray]:
        """What the task yields. Of `files` it gets copies, in this order; `answer` is asked.

        Raises LimitError and InterruptionError, and what `answer` raises.
        """
        with ExitStack() as stack:
            process = self._start(task, files, self._clock, stack, self._look)
            process.send(ARGUMENTS, arguments)
            for kind, said in process.messages():
                if kind == VALUE:
                    yield said
                elif answer is None:
                    raise LimitError(NONSENSE)
                else:
                    process.send(ANSWER, answer(bytes(said)))

    def questions(
        self, task: str, arguments: bytes, clock: float
    ) -> Generator[bytearray, bytes, None]:
        """What the task asks; it goes on with the answer that this is sent. What it yields is lost.

        It is ended after `clock` seconds, in which it may wait for answers; between two of them it
        has the time of other tasks. Raises as `run`.
        """
        answered = time.monotonic()

        def look() -> None:
            self._look()
            if time.monotonic() > answered + self._clock:
                raise _late(self._clock)

        with ExitStack() as stack:
            process = self._start(task, (), clock, stack, look)
            process.send(ARGUMENTS, arguments)
            for kind, said in process.messages():
                if kind == QUESTION:
                    process.send(ANSWER, (yield said))
                    answered = time.monotonic()

    def _start(
        self,
        task: str,
        files: Sequence[int],
        clock: float,
        stack: ExitStack,
        look: Callable[[], None],
    ) -> "_Process":
        """A new process for a task."""
        ours, theirs = socket.socketpair()
        status, their_status = socket.socketpair()
        stack.enter_context(ours)
        stack.enter_context(status)
        request = REQUEST.pack(task.encode(), self.limits.memory, self.limits.seconds, clock)
        with theirs, their_status:
            given = [theirs.fileno(), their_status.fileno(), *files]
            with self._lock:
                try:
                    socket.send_fds(self._open(), [request], given)
                except OSError:
                    # Somebody has ended the server.
                    self._control = None
                    socket.send_fds(self._open(), [request], given)
        return _Process(Channel(ours.fileno(), look), status, self.limits, clock)

    def _open(self) -> socket.socket:
        """The socket of the server, which is started if there is none."""
        if self._control is not None:
            return self._control
        ours, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "videonet.cage.server"),
                    *(str(theirs.fileno()), self._module),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=bare_environment(),
                start_new_session=True,
            )
        if ours.recv(len(READY)) != READY:
            ours.close()
            raise InterruptionError("decoders cannot be started here")
        self._control = ours
        return ours


@dataclass(frozen=True)
class _Process:
    """A process with a task."""

    parent: Channel
    # where its end is told
    status: socket.socket
    limits: DecodeLimits
    # seconds after which it is ended
    clock: float

    def send(self, kind: bytes, message: bytes) -> None:
        """Tell it something. Raises TaskError if it has ended."""
        try:
            self.parent.send(kind, message)
        except OSError as error:
            raise self._ended() from error

    def messages(self) -> Iterator[tuple[bytes, bytearray]]:
        """Its values and questions, until it is done. Raises TaskError."""
        while True:
            try:
                kind, said = self.parent.receive(min(self.limits.memory, _LONGEST))
            except (EOFError, OSError) as error:
                raise self._ended() from error
            except BadMessageError as error:
                raise LimitError(NONSENSE) from error
            if kind in (VALUE, QUESTION):
                yield kind, said
            elif kind == DONE:
                return
            elif kind == NO_MEMORY:
                raise self._over_memory()
            elif kind == FAULT:
                raise RuntimeError(said[:_FAULT_LENGTH].decode(errors="replace"))
            else:
                raise LimitError(NONSENSE)

    def _over_memory(self) -> LimitError:
        return LimitError(f"its decoder needed more than {self.limits.memory:,} bytes of memory")

    def _ended(self) -> TaskError:
        """Why it ended."""
        told = self.status.recv(STATUS.size)
        if len(told) < STATUS.size:
            return InterruptionError("its decoder was ended, or not begun: is memory short?")
        by, code = STATUS.unpack(told)
        if by == BY_THE_CLOCK:
            return _late(self.clock)
        if by == FOR_MEMORY:
            return self._over_memory()
        if by != BY_ITSELF or not os.WIFSIGNALED(code):
            return LimitError(
                f"its decoder ended with exit status {os.waitstatus_to_exitcode(code)}"
            )
        number = os.WTERMSIG(code)
        if number == SIGXCPU:
            return LimitError(
                f"its decoder needed more than {self.limits.seconds} s of a processor"
            )
        name = str(number)
        with suppress(ValueError):
            name = Signals(number).name
        if number in _OWN_DOING:
            return LimitError(f"its decoder crashed ({name})")
        return InterruptionError(f"its decoder was ended from outside ({name}): is memory short?")


def _late(seconds: float) -> InterruptionError:
    return InterruptionError(f"its decoder was not done within {seconds:g} s")


def bare_environment() -> dict[str, str]:
    """What a process with a stranger's bytes is told: where modules are, and no secret.

    Libraries have one thread each, and large pages.

    A new process is given its memory page by page. In pages of 2 MB, where the system has them,
    that takes a decoder a tenth less time; C libraries that know no such setting pass over it.
    """
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    large = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    return {**kept, **one, **large, "PYTHONPATH": import_path(), "PYTHONDONTWRITEBYTECODE": "1"}
