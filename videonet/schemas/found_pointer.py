"""Where what sources said is packed."""

import msgspec

from videonet.schemas.record import Record


class FoundPointer(Record, frozen=True, kw_only=True):
    """STORE/known/pointer.json: the packed files that count."""

    # number of the lease under which it was written
    lease: int = 0
    # names, in the order of the video keys in them
    files: tuple[str, ...] = ()
    # files that counted before, and until when, seconds since 1970-01-01 UTC by the server's clock
    superseded: dict[str, float] = msgspec.field(default_factory=dict)
