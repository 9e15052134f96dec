"""What a process may take of the room for videos, and when it waits in vain: pure decisions.

Each is made of a ledger in which the process has a share, and of what the process itself counts.
"""

from typing import NamedTuple

import msgspec

from videonet.schemas.disk_ledger import UNKNOWN, DiskLedger, Share

# Of the limit, what a share has at most beyond what is needed: so it is changed seldom.
_PORTION = 16


class Counts(NamedTuple):
    """What one process counts, bytes."""

    # of the whole store, as the process was told
    limit: int
    # of videos whose fate is open
    held: int
    # of videos that are decided and lie there, which the ledger has in the share still
    settled: int
    # that the share has
    share: int
    # least that is waited for; None: nothing waits
    waits: int | None
    # whether all videos whose fate is open wait for room
    stuck: bool


def is_contested(ledger: DiskLedger, holder: str, counts: Counts) -> bool:
    """Whether somebody waits for room that somebody else may have."""
    others = ledger.others(holder).values()
    return bool(others) and (
        counts.waits is not None or any(each.waits is not None for each in others)
    )


def growth(ledger: DiskLedger, holder: str, counts: Counts, wanted: int) -> int | None:
    """Bytes of a share that `wanted` more bytes fit into; None: there is no room for that.

    While another process waits that holds less, there is none for this one either: until nobody
    could make room for that one any more.
    """
    others = ledger.others(holder).values()
    contested = is_contested(ledger, holder, counts)
    least = max(0, counts.held + wanted)
    has = counts.share - counts.settled
    if has >= least:
        return least if contested else has
    beside = ledger.rest + counts.settled + sum(each.bytes for each in others)
    free = counts.limit - beside - least
    if free < 0:
        return None
    all_stuck = counts.stuck and all(each.stuck for each in others)
    is_next = not any(each.waits is not None and each.bytes < counts.held for each in others)
    if not (is_next or all_stuck):
        return None
    spare = 0 if contested else min(counts.limit // _PORTION, free // 2 if others else free)
    return least + spare


def is_in_vain(ledger: DiskLedger, holder: str, counts: Counts) -> bool:
    """Whether nobody can make room for what waits here, and nobody has room to go on."""
    others = ledger.others(holder).values()
    here = counts.settled + kept_share(ledger, holder, counts)
    total = ledger.rest + here + sum(each.bytes for each in others)
    can_go_on = any(each.waits is not None and total + each.waits <= each.limit for each in others)
    if counts.waits is not None:
        can_go_on |= growth(ledger, holder, counts, counts.waits) is not None
    return counts.stuck and all(each.stuck for each in others) and not can_go_on


def kept_share(ledger: DiskLedger, holder: str, counts: Counts) -> int:
    """Bytes of the share as it is, or where somebody waits without what is not needed."""
    has = max(0, counts.share - counts.settled)
    return min(has, max(0, counts.held)) if is_contested(ledger, holder, counts) else has


def word_of(ledger: DiskLedger, holder: str, counts: Counts, share: int, landed: int) -> Share:
    """What a process says in the ledger from now on."""
    contested = is_contested(ledger, holder, counts)
    stuck = contested and counts.stuck
    return Share(
        bytes=share,
        limit=counts.limit,
        words=ledger.shares[holder].words,
        waits=counts.waits if contested else None,
        stuck=stuck,
        landed=landed if stuck else 0,
    )


def with_word(ledger: DiskLedger, holder: str, word: Share, at_rest: int) -> DiskLedger:
    """The ledger with what a process says next, and `at_rest` more bytes that no share counts."""
    rest = ledger.rest + at_rest
    said = msgspec.structs.replace(word, words=word.words + 1)
    # Where another process has not said yet what it left there, there may seem to be less than 0.
    exact = ledger.exact and rest >= 0
    ledger = msgspec.structs.replace(ledger, rest=min(max(0, rest), UNKNOWN), exact=exact)
    return ledger.with_share(holder, said)


def without_holder(ledger: DiskLedger, holder: str, left: int, *, exact: bool) -> DiskLedger:
    """The ledger when a process has gone that leaves so many bytes at rest, `exact` or fewer."""
    rest = min(max(0, ledger.rest + left), UNKNOWN)
    return DiskLedger(rest=rest, exact=ledger.exact and exact, shares=ledger.others(holder))
