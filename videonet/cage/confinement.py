"""Takes from the present process all that work on a stranger's bytes does not need.

What is left: its own memory and processor time up to a limit, the files that it has open, and the
end. On Linux a filter of system calls (seccomp) sees to that, which needs no privileges. Elsewhere
only memory and processor time are limited.
"""

import ctypes
import errno
import os
import platform
import re
import resource
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

# Options of prctl(2).
_DIE_WITH_PARENT, _DUMPABLE, _NO_NEW_PRIVILEGES = 1, 4, 38
# Of seccomp(2): set a filter, for all threads of the process.
_SET_FILTER, _ALL_THREADS = 1, 1

# Instructions of the filter (linux/bpf_common.h), and its answers (linux/seccomp.h).
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM

# Where the filter finds things (struct seccomp_data); of an argument the lower half.
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16

_SIGKILL = 9

# Most bytes that FFmpeg asks for at once (av_max_alloc). It may go on without what is refused, as
# if the file had less in it: so much more than the limit is there to be had, and who has had it is
# told from what it took.
_AT_ONCE = 1 << 31
_EXECUTABLE = 4  # PROT_EXEC
_EMPTY_PATH = 0x1000  # AT_EMPTY_PATH: of an open file, and not of a path


class _Calls(NamedTuple):
    """The system calls of a kind of machine, by number."""

    # as the filter sees the machine (linux/audit.h)
    machine: int
    allowed: tuple[int, ...]
    # allowed if the memory is not to be executable
    mmap: int
    mprotect: int
    # allowed of an open file
    newfstatat: int
    # allowed to read limits, not to set them
    prlimit64: int
    # allowed to signal the process itself, as abort(3) does
    tgkill: int
    # sets the filter, and is refused from then on
    seccomp: int


# Allowed are, on each machine in this order, but for poll and select, which one of them lacks:
# for files, read, write, readv, writev, pread64, lseek, close, fstat, dup, fcntl;
# for memory, munmap, mremap, madvise, brk;
# for threads, futex, membarrier, set_robust_list, set_tid_address, rseq, sched_yield;
# for time, clock_gettime, clock_getres, clock_nanosleep, nanosleep, gettimeofday, times;
# for the end, exit, exit_group, restart_syscall;
# for signals, rt_sigaction, rt_sigprocmask, rt_sigreturn, sigaltstack;
# for names, getpid, gettid, getppid, getuid, geteuid, getgid, getegid;
# for waiting, poll, select, ppoll, pselect6;
# and getrandom, sched_getaffinity, sysinfo, uname, getrlimit, getrusage.
_CALLS = {
    "x86_64": _Calls(
        machine=0xC000003E,
        allowed=(
            *(0, 1, 19, 20, 17, 8, 3, 5, 32, 72, 11, 25, 28, 12, 202, 324, 273, 218, 334, 24),
            *(228, 229, 230, 35, 96, 100, 60, 231, 219, 13, 14, 15, 131, 39, 186, 110),
            *(102, 107, 104, 108, 7, 23, 271, 270, 318, 204, 99, 63, 97, 98),
        ),
        mmap=9,
        mprotect=10,
        newfstatat=262,
        prlimit64=302,
        tgkill=234,
        seccomp=317,
    ),
    "aarch64": _Calls(
        machine=0xC00000B7,
        allowed=(
            *(
                63,
                64,
                65,
                66,
                67,
                62,
                57,
                80,
                23,
                25,
                215,
                216,
                233,
                214,
                98,
                283,
                99,
                96,
                293,
                124,
            ),
            *(113, 114, 115, 101, 169, 153, 93, 94, 128, 134, 135, 139, 132, 172, 178, 173),
            *(174, 175, 176, 177, 73, 72, 278, 123, 179, 160, 163, 165),
        ),
        mmap=222,
        mprotect=226,
        newfstatat=79,
        prlimit64=261,
        tgkill=131,
        seccomp=277,
    ),
}


class _Program(ctypes.Structure):
    """A filter, as the system takes it (struct sock_fprog)."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


# The most that a process has had mapped (proc_pid_status(5)), kB.
_PEAK = re.compile(rb"^VmPeak:\s+(\d+) kB$", re.MULTILINE)

_c_library = ctypes.CDLL(None, use_errno=True)
if sys.platform == "linux":
    _c_library.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    _c_library.syscall.argtypes = (ctypes.c_long, *(ctypes.c_ulong,) * 3)
    _c_library.syscall.restype = ctypes.c_long


def limit(memory: int, seconds: int) -> Callable[[], bool]:
    """Limit what this process may take from now on: bytes of memory, seconds of the processor.

    What is returned says whether it has taken more memory since. Far more is refused, which Python
    says with a MemoryError. At the end of its time a process is ended with SIGXCPU. It leaves no
    core dump.
    """
    if sys.platform == "linux":
        # A machine without memory ends this process first, and not the one that asked for it.
        with suppress(OSError):
            _write("/proc/self/oom_score_adj", b"1000")
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, seconds, seconds + 2)
    _lower(resource.RLIMIT_FSIZE, 0)
    if sys.platform != "linux":
        return lambda: False
    before = _mapped()
    _lower(resource.RLIMIT_AS, before + memory + _AT_ONCE)
    status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)

    def took_more() -> bool:
        (peak,) = _PEAK.findall(os.pread(status, 1 << 14, 0))
        return 1024 * int(peak) > before + memory

    return took_more


def memory_of(process: int) -> int | None:
    """A file that says how much memory a process has in use; None: that cannot be known here."""
    try:
        return os.open(f"/proc/{process}/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def resident(memory: int | None) -> int:
    """Bytes of memory in use, of `memory_of` a process; 0: it has ended, or nobody knows."""
    if memory is None:
        return 0
    try:
        return int(os.pread(memory, 128, 0).split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def end_with_parent(parent: int) -> None:
    """Have this process ended when `parent`, which started it, ends; where the system can."""
    if sys.platform == "linux":
        _prctl(_DIE_WITH_PARENT, _SIGKILL)
        if os.getppid() != parent:
            # It ended before.
            os._exit(1)


def shut_in() -> bool:
    """Refuse this process all further files, sockets, threads, processes and signals.

    Returns whether that worked. The files that it has open stay, and so do the threads that it has.
    Each call that is refused fails with EPERM. There is no way back.
    """
    if _HERE is None:
        return False
    instructions = _OF_ALL + b"".join(_end_of_filter(_HERE, os.getpid()))
    code = ctypes.create_string_buffer(instructions, len(instructions))
    program = _Program(len(instructions) // 8, ctypes.addressof(code))
    try:
        _prctl(_DUMPABLE, 0)
        _prctl(_NO_NEW_PRIVILEGES, 1)
    except OSError:
        return False
    # One thread without the filter could do for another one what that is refused.
    address = ctypes.addressof(program)
    failed: int = _c_library.syscall(_HERE.seccomp, _SET_FILTER, _ALL_THREADS, address)
    return not failed


def can_shut_in() -> bool:
    """Whether processes can be shut in here: tried in a process of its own."""
    child = os.fork()
    if not child:
        try:
            os._exit(0 if shut_in() else 1)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _filter(calls: _Calls) -> Iterator[bytes]:
    """The instructions of the filter, but for those that are of one process."""
    yield _instruction(_LOAD, _MACHINE)
    yield _instruction(_IF_EQUAL, calls.machine, 1, 0)
    yield _instruction(_RETURN, _KILL)
    yield _instruction(_LOAD, _NUMBER)
    for call in calls.allowed:
        yield _instruction(_IF_EQUAL, call, 0, 1)
        yield _instruction(_RETURN, _ALLOW)
    not_executable = (_instruction(_IF_ANY_BIT, _EXECUTABLE, 1, 0),)
    yield from _if(calls.mmap, 2, not_executable)
    yield from _if(calls.mprotect, 2, not_executable)
    yield from _if(calls.newfstatat, 3, (_instruction(_IF_EQUAL, _EMPTY_PATH, 0, 1),))
    no_new_limit = (
        _instruction(_IF_EQUAL, 0, 0, 3),
        _instruction(_LOAD, _ARGUMENTS + 8 * 2 + 4),
        _instruction(_IF_EQUAL, 0, 0, 1),
    )
    yield from _if(calls.prlimit64, 2, no_new_limit)


def _end_of_filter(calls: _Calls, process: int) -> Iterator[bytes]:
    """The others: a process may signal itself alone."""
    yield from _if(calls.tgkill, 0, (_instruction(_IF_EQUAL, process, 0, 1),))
    yield _instruction(_RETURN, _REFUSE)


def _if(call: int, argument: int, test: Sequence[bytes]) -> Iterator[bytes]:
    """Allow a call if `test` of one of its arguments goes on to the next instruction."""
    yield _instruction(_IF_EQUAL, call, 0, len(test) + 3)
    yield _instruction(_LOAD, _ARGUMENTS + 8 * argument)
    yield from test
    yield _instruction(_RETURN, _ALLOW)
    yield _instruction(_RETURN, _REFUSE)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _prctl(option: int, value: int) -> None:
    if _c_library.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _lower(kind: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; one that is lower already stays."""
    wanted = soft, soft if hard is None else hard
    now = resource.getrlimit(kind)
    kept = [
        new if old == resource.RLIM_INFINITY else min(old, new)
        for old, new in zip(now, wanted, strict=True)
    ]
    resource.setrlimit(kind, (kept[0], kept[1]))


def _mapped() -> int:
    """Bytes of memory that this process has mapped, whether or not they are in use."""
    return int(_read("/proc/self/statm").split()[0]) * resource.getpagesize()


# A new process has to be given each page of memory that it touches, so these do little in Python.


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 1 << 14)
    finally:
        os.close(file)


def _write(path: str, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, data)
    finally:
        os.close(file)


_HERE = _CALLS.get(platform.machine()) if sys.platform == "linux" else None
_OF_ALL = b"".join(_filter(_HERE)) if _HERE is not None else b""
