"""From which other data sets a data set was made."""

from typing import Annotated, Literal

import msgspec

from videonet.schemas.record import Record

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]

# What makes one data set of others.
How = Literal["merge", "export", "rebuild", "repack"]


class Parent(Record, frozen=True, kw_only=True):
    """A data set that another one was made from, as it was at that time."""

    how: How
    # of its manifest.json; None: only its lock file was there
    manifest_sha256: Sha256 | None
    # of its videos.lock.parquet; None: it had none
    lock_sha256: Sha256 | None


class FormerManifest(Record, frozen=True, kw_only=True):
    """What a data set was before videos were taken out of it: what was made of it then had them."""

    manifest_sha256: Sha256
    lock_sha256: Sha256 | None
    # keys of the kept videos that were then taken out, in alphabetical order
    taken_out: tuple[str, ...]
