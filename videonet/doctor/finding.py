"""What a look at one thing brings: always a finding, in time, whatever goes wrong."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from videonet.errors import UsageError

T = TypeVar("T")


class State(StrEnum):
    """How it stands with one thing. Only what is missing keeps the run from being done."""

    OK = "ok"
    MISSING = "missing"
    # absent or not in working order, and the run that is asked for can do without
    OPTIONAL = "optional"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    # what to do about it; None: nothing
    advice: str | None = None


def begun(look: Callable[[], T]) -> "Future[T]":
    """Begin to look, in a thread of its own, which no caller waits for."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(look())
        except BaseException as error:  # noqa: BLE001  # for the caller that asks for the result
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def outcome(name: str, look: "Future[Finding]", seconds: float) -> Finding:
    """What a look has found, or within `seconds` what kept it from that."""
    try:
        return look.result(seconds)
    except UsageError as error:
        return told(name, State.MISSING, error)
    except Exception as error:  # noqa: BLE001  # a broken library may raise anything
        return Finding(name, State.MISSING, reason(error), _SEE_OTHERS)


def told(name: str, state: State, error: UsageError) -> Finding:
    """Our own sentences say what is wrong and, after a semicolon, what to do."""
    found, _, advice = str(error).partition("; ")
    return Finding(name, state, found, advice or "correct it, or give another")


def reason(error: BaseException) -> str:
    """What began a chain of errors, in words that can hold no address, name or password."""
    while cause := error.__cause__ or (not error.__suppress_context__ and error.__context__):
        error = cause
    if isinstance(error, ImportError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # What a proxy says that refuses to connect to a host.
    if tunnel := re.match("Tunnel connection failed: [0-9]{3}", str(error)):
        return tunnel[0]
    return getattr(error, "strerror", None) or type(error).__name__


_SEE_OTHERS = "see whether another line says why; if none does, this is a fault of videonet's"
