"""Where packed records lie."""

from typing import Annotated

import msgspec

from videonet.schemas.record import Record

# Leading bits of a digest, as "0" and "1".
Bits = Annotated[str, msgspec.Meta(pattern=r"\A[01]{0,64}\Z")]


class ShardPointer(Record, frozen=True, kw_only=True):
    """STORE/records/pointer.json: the shards that count, and the records that no longer do."""

    # of the lease under which it was written; it only grows
    number: int
    # names of the shards by the leading bits of the digests that are read from them: each digest
    # has exactly one of these prefixes. "": there is nothing yet. A shard may hold more than that.
    shards: dict[Bits, str]
    # shards that counted before, and until when, seconds since 1970-01-01 UTC by the server's clock
    superseded: dict[str, float] = msgspec.field(default_factory=dict)
    # hex digests of the records that were withdrawn: they count no more, wherever they are
    gone: tuple[str, ...] = ()
    # of them, those that may still stand in shards
    pending: tuple[str, ...] = ()
