"""How the processes that use a store share the room for downloaded videos."""

from typing import Annotated

import msgspec

from videonet.schemas.record import Record

# More than any disk has, bytes: nobody has looked yet how much there is.
UNKNOWN = 1 << 62

Bytes = Annotated[int, msgspec.Meta(ge=0)]


class Share(Record, frozen=True, kw_only=True):
    """What one process may have in the store beside what is at rest there."""

    # most bytes, until it says otherwise
    bytes: Bytes
    # how many bytes the store may hold at most, as this process was told
    limit: int
    # grows with each word of the process: one that says nothing more is gone
    words: int = 0
    # least bytes that are waited for here; None: nothing waits
    waits: Bytes | None = None
    # whether no video whose fate is open here could make room before others do
    stuck: bool = False
    # of a process that is stuck: how many of these bytes lie in files of the store
    landed: Bytes = 0


class DiskLedger(Record, frozen=True, kw_only=True):
    """STORE/disk_budget.json, while processes have shares in the room for videos.

    Where a store is in a bucket, this lies among the files that are in hand on a machine.
    """

    # bytes of videos that are counted in no share
    rest: Bytes = UNKNOWN
    # whether there are no fewer than that: where a process is lost, all of its share counts as
    # filled until someone has looked
    exact: bool = False
    # by what holds it: the name of a process and a number
    shares: dict[str, Share] = msgspec.field(default_factory=dict)

    @property
    def total(self) -> int:
        """Most bytes that can be in the store by now."""
        return self.rest + sum(each.bytes for each in self.shares.values())

    def others(self, holder: str) -> dict[str, Share]:
        """The shares of all processes but one."""
        return {name: each for name, each in self.shares.items() if name != holder}

    def with_share(self, holder: str, share: Share) -> "DiskLedger":
        """The ledger with another share of one process."""
        return msgspec.structs.replace(self, shares={**self.shares, holder: share})

    def without(self, holder: str) -> "DiskLedger":
        """The ledger without a process that was lost: all that it may have may be there."""
        rest = min(self.rest + self.shares[holder].bytes, UNKNOWN)
        return DiskLedger(rest=rest, exact=False, shares=self.others(holder))
