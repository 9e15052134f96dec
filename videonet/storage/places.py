"""What a user types for a place becomes a form of `Objects`: a folder, gs:// or s3://."""

import re
from pathlib import Path

from videonet.errors import UsageError
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.objects import Bucket, Objects
from videonet.storage.probe import require_conditional_writes

# Seconds until a place that does not answer when it is opened counts as out of reach.
_FIRST_ANSWER = 20.0

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

# As Google and Amazon name buckets. Those of Google may be longer where they have dots.
_BUCKET = {
    "gs": re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
    "s3": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
}
_NUMBERS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def is_remote(address: str | Path) -> bool:
    """Whether an address names a place that is no folder, by a scheme."""
    return isinstance(address, str) and _SCHEME.match(address) is not None


def open_place(address: str | Path) -> Objects:
    """The place at an address. A bucket is asked whether it is there and may be listed.

    Raises UsageError for what is no address, and for a bucket that cannot be used.
    """
    return _bucket(str(address)) if is_remote(address) else FolderObjects(Path(address))


def open_shared(address: str | Path, kept: str = "probe.json") -> Objects:
    """A place that several may write to at once. A bucket must have shown that it can be one.

    `kept` names the object that notes that it has. What processes that were killed left there is
    deleted after a day. Raises UsageError as `open_place` does, and where a service ignores the
    conditions of a write.
    """
    if not is_remote(address):
        return open_place(address)
    place = _bucket(str(address))
    require_conditional_writes(place, kept)
    place.clear_drafts()
    return place


def _bucket(address: str) -> Bucket:
    scheme, bucket, prefix = parsed(address)
    if scheme == "gs":
        from videonet.storage.gcs_objects import GcsObjects

        next(GcsObjects(bucket, prefix, _FIRST_ANSWER).list(""), None)
        return GcsObjects(bucket, prefix)
    from videonet.storage.s3_objects import S3Objects

    next(S3Objects(bucket, prefix, _FIRST_ANSWER).list(""), None)
    return S3Objects(bucket, prefix)


def parsed(address: str) -> tuple[str, str, str]:
    """Scheme, bucket and prefix of an address of a bucket. Raises UsageError."""
    known = _SCHEME.match(address)
    scheme = known[1].lower() if known else ""
    if known is None or scheme not in _BUCKET:
        raise UsageError(
            f"{address} is no place for data: give a folder, gs://BUCKET/PREFIX or "
            "s3://BUCKET/PREFIX."
        )
    bucket, _, prefix = address[known.end() :].partition("/")
    if _BUCKET[scheme].fullmatch(bucket) is None or _NUMBERS.fullmatch(bucket):
        raise UsageError(
            f"{bucket!r} in {address} is no name of a bucket: one has 3 to 63 small letters, "
            "digits and hyphens, and begins and ends with a letter or a digit."
        )
    prefix = prefix.strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise UsageError(
            f"{address} has an empty part, or one of dots alone: objects cannot be named below it."
        )
    return scheme, bucket, prefix


def absolute(address: str | Path) -> str | Path:
    """An address that means the same wherever a process stands: that of a bucket as it is."""
    return address if is_remote(address) else Path(address).absolute()
