"""What a web server may do to those who download from it."""

from dataclasses import dataclass
from threading import Event


@dataclass(frozen=True)
class Status:
    """Answers with a status and no file: the first `times` requests, or all of them."""

    status: int
    times: int | None = None
    retry_after: int | str | None = None
    """Seconds, or an HTTP date, for the Retry-After header."""


@dataclass(frozen=True)
class Redirect:
    """Sends the client to another path of the same server, or to a whole url."""

    to: str
    status: int = 302


@dataclass(frozen=True)
class Delay:
    """Waits before it answers."""

    seconds: float


@dataclass(frozen=True)
class Hold:
    """Waits for an event before it answers."""

    until: Event


@dataclass(frozen=True)
class Bandwidth:
    """Sends so much in a second and no more."""

    bytes_per_second: int


@dataclass(frozen=True)
class Cut:
    """Breaks the connection after `after` bytes of body: in the first `times` answers, or all."""

    after: int
    times: int | None = None


@dataclass(frozen=True)
class Hang:
    """Sends the headers and `after` bytes of body, then nothing, and keeps the line open."""

    after: int = 0


@dataclass(frozen=True)
class WrongLength:
    """Announces `by` bytes more than it sends; fewer, where `by` is negative."""

    by: int


@dataclass(frozen=True)
class NoLength:
    """Announces no length: the body comes in chunks, or ends when the connection does."""

    chunked: bool = True


@dataclass(frozen=True)
class NoRanges:
    """Always sends the whole file."""


Behaviour = (
    Status | Redirect | Delay | Hold | Bandwidth | Cut | Hang | WrongLength | NoLength | NoRanges
)
