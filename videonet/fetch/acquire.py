"""Fetches a video into the store, whole or in part. Whatever happens becomes a `Fetch`.

A local file is not copied: the record says where it is.
"""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from videonet.errors import machine_error
from videonet.fetch.allowed_hosts import PUBLIC_WEB, AllowedHosts, is_address
from videonet.fetch.attempt import Download, decoding
from videonet.fetch.disk_budget import Room
from videonet.fetch.failure import FetchError, too_large
from videonet.fetch.limits import FetchLimits
from videonet.fetch.published_address import published, secrets_of
from videonet.fetch.redaction import Redaction
from videonet.fetch.sparse_file import PartFile, digest_of
from videonet.fetch.web import Web
from videonet.files import below, sha256_of
from videonet.schemas.candidate import Candidate
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.fetch import Fetch, Part
from videonet.schemas.reason import Policy, Reason
from videonet.schemas.settings import DataOptions
from videonet.storage.store import Store
from videonet.versions import decoder_version
from videonet.video.decoder import Decoder, shared_decoder

# Characters of a name in the domain name system (RFC 1035, section 2.3.4), as it is written.
_LONGEST_HOST = 253

# An earlier run refused these by its settings and what the page said. This run's settings decide
# again.
_REFUSED_FOR_THE_RUN = frozenset({Reason.TOO_SHORT, Reason.LICENCE})

# A download that ends for one of these leaves nothing of use. One that ends for another reason may
# have brought the first frames, and these decide first.
_OF_NO_USE = frozenset({Reason.TOO_LARGE, Reason.NOT_A_VIDEO, Reason.UNDECODABLE, Reason.DISK_FULL})


def acquire(
    candidate: Candidate,
    before: Fetch | None,
    store: Store,
    room: Room,
    limits: FetchLimits,
    web: Web,
    run_id: str,
    frames: int | None = None,
    decoder: Decoder | None = None,
) -> Fetch:
    """Make the file of `candidate` readable; how that went, and what is here of it now.

    `before` is what was here. The bytes are in the store when this ends, and no record says so yet.
    With `frames`, fetch as much of the file as so many first frames need, if the server gives
    parts; the next call without `frames` fetches the rest. Without `frames`, fetch all of it.
    Its bytes are taken in `room`. What comes is looked at by `decoder`; None: by one with the usual
    limits.
    """
    decoder = decoder or shared_decoder()
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
        part=before.part if before else None,
    )
    url = candidate.video.url
    if candidate.video.root is not None:
        record = _in_place(record, candidate.video.root, url, limits, web.redaction, decoder)
    elif (fault := _fault_of(url)) is not None:
        refused = FetchError(Reason.BAD_ADDRESS, f"{fault}: {published(url)}")
        record = _failed(record, refused, web.redaction)
    else:
        record = _downloaded(record, candidate, store, room, limits, web, frames, decoder)
    return record


def worth_fetching(
    before: Fetch | None,
    run_id: str,
    limits: FetchLimits | DataOptions,
    allowed: AllowedHosts = PUBLIC_WEB,
) -> bool:
    """Whether an attempt may help: never after a permanent failure, and once a run after others.

    A file or a page that was too large for an earlier limit is tried again under a limit that it
    keeps to. A host that was not to be asked is tried again if it is one of those that are allowed
    now; and once a run if it has a name, which may be that of another address by now.
    """
    if before is None or before.reason is None or before.reason in _REFUSED_FOR_THE_RUN:
        return True
    if before.reason is Reason.DISK_FULL:
        # A run is not finished without these files.
        return True
    if before.reason is Reason.UNDECODABLE:
        now = DecodeLimits(memory=limits.decode_memory, seconds=limits.decode_seconds)
        is_other = before.decoder != decoder_version() or before.limits not in (None, now)
        return is_other and before.run_id != run_id
    if before.reason is Reason.TOO_LARGE:
        return before.bytes is not None and before.bytes <= limits.max_bytes
    if before.reason is Reason.PAGE_TOO_LARGE:
        one, all_of_them = before.page_bytes or 0, before.pages_bytes or 0
        return one <= limits.max_page_bytes and all_of_them <= limits.max_pages_bytes
    if before.reason is Reason.REFUSED_ADDRESS and before.refused:
        host, *addresses = before.refused
        has_name = bool(addresses) and not is_address(host)
        return (has_name and before.run_id != run_id) or not allowed.refusal(host, addresses)
    return before.reason.policy is not Policy.NEVER and before.run_id != run_id


def is_local(fetch: Fetch | None, store: Store) -> bool:
    """Whether the file of a record can be read, and was not changed since."""
    if fetch is None or not fetch.here:
        return False
    if fetch.path is None:
        return store.files.size(store.video(fetch.video_key)) == fetch.bytes
    try:
        stat = Path(fetch.path).stat()
    except OSError:
        return False
    return stat.st_size == fetch.bytes and fetch.mtime_ns in (None, stat.st_mtime_ns)


def local_part(fetch: Fetch | None, store: Store) -> PartFile | None:
    """The part of a video that is local, if it is not complete."""
    if fetch is None or fetch.part is None:
        return None
    path = store.part_file(fetch.video_key)
    try:
        size = path.stat().st_size
    except OSError:
        return None
    return PartFile.opened(path, fetch.part) if size == fetch.part.size else None


def verified_part(fetch: Fetch | None, store: Store) -> PartFile | None:
    """The local part of a video, if its bytes are those of its record.

    They are not where a process was killed after writing bytes and before writing the record.
    """
    part = local_part(fetch, store)
    if part is None or fetch is None or fetch.part is None:
        return None
    return part if digest_of(part.path, part.spans) == fetch.part.sha256 else None


def release(fetch: Fetch, store: Store) -> int:
    """Delete the store's own copy of a video, or of a part of it. Bytes that became free.

    A whole file is not `here` after that; its record is the caller's to write.
    """
    part = local_part(fetch, store)
    if part is not None:
        store.delete(store.part(fetch.video_key))
        return part.size
    if not fetch.here or fetch.path is not None:
        return 0
    store.delete(store.video(fetch.video_key))
    return fetch.bytes or 0


def _fault_of(url: str) -> str | None:
    """Why `url` cannot be asked for. yt-dlp would also take ftp, and search for plain words."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"}:
            return "no http or https address"
        host = (parts.hostname or "").removesuffix(".")
        if not host:
            return "no host is named"
        if not 0 <= (parts.port or 0) < 1 << 16 or len(host.encode("idna")) > _LONGEST_HOST:
            return "there can be no such host"
    except ValueError as error:  # an encoding that fails is one, too
        # The text may quote a password that was taken for a port.
        return f"no address ({error})" if published(url) == url else "no address"
    return None


def _in_place(
    record: Fetch,
    root: str,
    path: str,
    limits: FetchLimits,
    redaction: Redaction,
    decoder: Decoder,
) -> Fetch:
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
        _must_be_a_video(file, decoder)
    except OSError as error:
        if (lacking := machine_error(error)) is not None:
            raise lacking from error
        missing = FetchError(Reason.MISSING, error.strerror or str(error))
        return _failed(record, missing, redaction)
    except ValueError as error:
        # No file can have such a name: it holds a NUL, or half a character.
        return _failed(record, FetchError(Reason.BAD_ADDRESS, str(error)), redaction)
    except FetchError as error:
        return _failed(record, error, redaction)
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
    room: Room,
    limits: FetchLimits,
    web: Web,
    frames: int | None,
    decoder: Decoder,
) -> Fetch:
    """The record of a file that was downloaded into the store, whole or in part."""
    folder = store.temporary()
    folder.mkdir()
    before = verified_part(record, store)
    room.touch()
    if before is None:
        room.give_back(_without_part(record.video_key, store))
    download = Download(candidate, folder, room, limits, web, decoder, before, frames)
    kept = 0
    try:
        try:
            download.run()
        finally:
            if before is not None and download.part is not before:
                # The server has another file now.
                record = msgspec.structs.replace(record, part=None)
        if download.part is not None and not download.part.is_complete:
            record, kept = _kept_in_part(record, download.part, store)
        else:
            continued = before is not None and download.part is before
            record = _kept_whole(record, download, store, decoder, continued=continued)
            kept = record.bytes or 0
    except FetchError as error:
        record = _failed(record, error, web.redaction.and_of(secrets_of(candidate.video.url)))
        if error.reason in _OF_NO_USE:
            store.delete(store.part(record.video_key))
        else:
            record, kept = _kept_what_came(record, download, store)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        room.give_back(download.taken - kept)
    # Fetching the rest is not counted as an attempt, unless it fails.
    attempts = download.attempts - (before is not None and record.reason is None)
    return msgspec.structs.replace(
        record,
        attempts=record.attempts + attempts,
        declared_duration=download.declared_duration or record.declared_duration,
        licence=record.licence if download.licence is None else download.licence,
        page=download.page or record.page,
    )


def _without_part(video_key: str, store: Store) -> int:
    """Delete a part of a video that has no valid record. Bytes that became free."""
    name = store.part(video_key)
    try:
        size = store.part_file(video_key).stat().st_size
    except FileNotFoundError:
        return 0
    store.delete(name)
    return size


def _kept_in_part(record: Fetch, part: PartFile, store: Store) -> tuple[Fetch, int]:
    """The record of a file that is now local in part, and the bytes that it takes."""
    described = part.part()
    store.adopt(part.path, store.part(record.video_key))
    # A part does not tell whether this is the file that was complete once.
    record = msgspec.structs.replace(record, sha256=None, bytes=part.size, part=described)
    return record, part.size


def _kept_whole(
    record: Fetch, download: Download, store: Store, decoder: Decoder, *, continued: bool
) -> Fetch:
    """The record of a file that is now complete. Raises FetchError if it is no video."""
    file = download.file if download.part is None else download.part.path
    if download.part is None:
        _must_be_a_video(file, decoder)
    size, sha256 = file.stat().st_size, sha256_of(file)
    part = record.part
    if part is not None and not continued and not _has(file, part):
        # The part belonged to another file.
        part = None
    store.adopt(file, store.video(record.video_key))
    return msgspec.structs.replace(record, here=True, sha256=sha256, bytes=size, part=part)


def _kept_what_came(record: Fetch, download: Download, store: Store) -> tuple[Fetch, int]:
    """The record of a download that broke off, and the bytes that it takes: they may be enough."""
    part = download.part
    if part is None and download.announced is not None:
        part = PartFile.broken_off(download.partial_file, download.announced)
    if part is None or not part.spans:
        return record, 0
    if part.path == store.part_file(record.video_key):
        if record.part is not None and not record.part.enough:
            # More bytes are local than when the part was found too small.
            return msgspec.structs.replace(record, part=part.part()), part.size
        return record, part.size
    if record.part is not None or record.sha256 is not None:
        # The file was complete before, or has a part; both say more than this part.
        return record, 0
    return _kept_in_part(record, part, store)


def _has(file: Path, part: Part) -> bool:
    """Whether a complete file has the bytes of `part`."""
    return file.stat().st_size == part.size and digest_of(file, part.spans) == part.sha256


def _failed(record: Fetch, error: FetchError, redaction: Redaction) -> Fetch:
    size = record.bytes if error.size is None else error.size
    text = redaction.error_text(str(error))
    decoder = decoder_version() if error.reason is Reason.UNDECODABLE else None
    return msgspec.structs.replace(
        record,
        reason=error.reason,
        error=text,
        bytes=size,
        decoder=decoder,
        page_bytes=error.page_bytes,
        pages_bytes=error.pages_bytes,
        refused=error.refused,
        limits=error.limits,
    )


def _must_be_a_video(file: Path, decoder: Decoder) -> None:
    with decoding():
        decoder.probe(file)
