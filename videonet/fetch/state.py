"""What is here of a video, and how it comes here: as a `Fetch` record, whatever happens.

A local file is not copied: the record says where it is.
"""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from schemas import POLICIES, Candidate, Fetch, Policy, Reason
from videonet.budget import DiskBudget
from videonet.fetch.download import Download
from videonet.fetch.failure import FetchError, shortened, too_large
from videonet.fetch.limits import FetchLimits
from videonet.fetch.session import Web
from videonet.files import below, sha256_of
from videonet.store import Store
from videonet.video import VideoError, probe

# What a page said was refused by the settings of an earlier run; those of this one decide first.
_REFUSED_FOR_THE_RUN = frozenset({Reason.TOO_SHORT, Reason.LICENCE})


def fetch(
    candidate: Candidate,
    store: Store,
    budget: DiskBudget,
    limits: FetchLimits,
    web: Web,
    run_id: str,
) -> Fetch:
    """Make the whole file of `candidate` readable, and record in the store how that went."""
    before = store.fetch(candidate.video_key)
    record = Fetch(
        video_key=candidate.video_key,
        here=False,
        path=None,
        sha256=before.sha256 if before else None,
        bytes=before.bytes if before else None,
        mtime_ns=None,
        reason=None,
        error=None,
        declared_duration=before.declared_duration if before else None,
        licence=before.licence if before else None,
        attempts=before.attempts if before else 0,
        run_id=run_id,
    )
    if candidate.root is not None:
        record = _in_place(record, candidate.root, candidate.url, limits)
    elif _is_web(candidate.url):
        record = _downloaded(record, candidate, store, budget, limits, web)
    else:
        refused = FetchError(Reason.BAD_ADDRESS, f"no http or https address: {candidate.url}")
        record = _failed(record, refused)
    store.write_fetch(record)
    return record


def worth_fetching(before: Fetch | None, run_id: str, max_bytes: int) -> bool:
    """Whether an attempt may help: never after a permanent failure, once a run after another.

    What was too large for an earlier limit is tried again under one that it keeps to.
    """
    if before is None or before.reason is None or before.reason in _REFUSED_FOR_THE_RUN:
        return True
    if before.reason is Reason.DISK_FULL:
        # No run is finished without them.
        return True
    if before.reason is Reason.TOO_LARGE:
        return before.bytes is not None and before.bytes <= max_bytes
    return POLICIES[before.reason] is not Policy.NEVER and before.run_id != run_id


def is_here(fetch: Fetch | None, store: Store) -> bool:
    """Whether the file that `fetch` speaks of can be read, and was not changed since."""
    if fetch is None or not fetch.here:
        return False
    try:
        stat = store.file(fetch).stat()
    except OSError:
        return False
    return stat.st_size == fetch.bytes and fetch.mtime_ns in (None, stat.st_mtime_ns)


def release(fetch: Fetch, store: Store) -> int:
    """Delete the store's own copy of a video; how many bytes that freed."""
    if not fetch.here or fetch.path is not None:
        return 0
    store.delete(store.video(fetch.video_key))
    store.write_fetch(msgspec.structs.replace(fetch, here=False))
    return fetch.bytes or 0


def _is_web(url: str) -> bool:
    """Whether `url` is for the web: yt-dlp would also read ftp, and search where it sees words."""
    try:
        return urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _in_place(record: Fetch, root: str, path: str, limits: FetchLimits) -> Fetch:
    """The record of a local file, which stays where it is: `path` below `root`."""
    try:
        file = below(root, path)
        if file is None:
            raise FetchError(Reason.BAD_ADDRESS, f"{path} is not below {root}")
        if file.exists() and not file.is_file():
            raise FetchError(Reason.NOT_A_VIDEO, "no regular file")
        stat = file.stat()
        if stat.st_size > limits.max_bytes:
            raise too_large(stat.st_size, limits.max_bytes)
        sha256 = sha256_of(file)
        kind, _, content = record.video_key.partition(":")
        if kind == "sha256" and content != sha256:
            raise FetchError(Reason.MISSING, f"{path} has another content than when it was found")
        _must_be_a_video(file)
    except OSError as error:
        return _failed(record, FetchError(Reason.MISSING, error.strerror or str(error)))
    except FetchError as error:
        return _failed(record, error)
    return msgspec.structs.replace(
        record,
        here=True,
        path=str(file),
        sha256=sha256,
        bytes=stat.st_size,
        licence="",
        mtime_ns=stat.st_mtime_ns,
    )


def _downloaded(
    record: Fetch,
    candidate: Candidate,
    store: Store,
    budget: DiskBudget,
    limits: FetchLimits,
    web: Web,
) -> Fetch:
    """The record of a file that was downloaded into the store."""
    folder = store.temporary()
    download = Download(candidate, folder, budget, limits, web)
    kept = 0
    try:
        file = download.run()
        _must_be_a_video(file)
        size, sha256 = file.stat().st_size, sha256_of(file)
        store.adopt(file, store.video(record.video_key))
        kept = size
        record = msgspec.structs.replace(record, here=True, sha256=sha256, bytes=size)
    except FetchError as error:
        record = _failed(record, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        budget.give_back(download.taken - kept)
    return msgspec.structs.replace(
        record,
        attempts=record.attempts + download.attempts,
        declared_duration=download.declared_duration or record.declared_duration,
        licence=record.licence if download.licence is None else download.licence,
    )


def _failed(record: Fetch, error: FetchError) -> Fetch:
    size = record.bytes if error.size is None else error.size
    text = shortened(str(error))
    return msgspec.structs.replace(record, reason=error.reason, error=text, bytes=size)


def _must_be_a_video(file: Path) -> None:
    try:
        probe(file)
    except VideoError as error:
        raise FetchError(error.reason, str(error)) from error
