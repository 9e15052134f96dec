"""From which other data sets a data set was made."""

from typing import Annotated, Literal

import msgspec

from videonet.schemas.record import Record

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]

# What makes one data set of others.
How = Literal["merge", "split", "export", "rebuild", "repack"]


class Parent(Record, frozen=True, kw_only=True):
    """A data set that another one was made from, as it was at that time."""

    how: How
    # of its manifest.json; None: only its lock file was there
    manifest_sha256: Sha256 | None
    # of its videos.lock.parquet; None: it had none
    lock_sha256: Sha256 | None
