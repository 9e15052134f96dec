"""Objects in a bucket of Google Cloud Storage, by Google's own client."""

import base64
import errno
import hashlib
import io
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import google_crc32c
import requests
from google.api_core import exceptions as answers
from google.auth import exceptions as auth
from google.cloud import storage
from google.cloud.storage import retry as policies
from google.cloud.storage.exceptions import DataCorruption
from requests.adapters import HTTPAdapter

from videonet.errors import MachineError
from videonet.storage.again import patiently
from videonet.storage.objects import (
    DRAFTS,
    Entry,
    Restorable,
    Versioned,
    checked,
    is_abandoned,
)

T = TypeVar("T")

# Seconds for which what may pass is tried again: a server that is busy, restarts, or is far away.
PATIENCE = 120.0

# The client sends what is larger in pieces of this size, each of which it may send again. Bytes.
_PIECE = 8 * 1024**2

# Connections that a client keeps open, so that as many threads need no new ones.
_CONNECTIONS = 64

# Versions that are deleted side by side.
_AT_ONCE = 16

# What is asked of each object in a list.
_OF_OBJECTS = "name,size,generation,timeCreated"
_OF_VERSIONS = "name,generation,timeDeleted,retentionExpirationTime"

# As the client's messages begin.
_REQUEST = re.compile(r"^[A-Z]+ \S+: ")

_AGAIN = "the same command goes on"


class GcsObjects:
    """Objects below a prefix of one bucket: see `Objects`. A generation is the service's own."""

    def __init__(self, bucket: str, prefix: str = "", patience: float = PATIENCE) -> None:
        """`prefix` has no "/" at its ends. `patience`: seconds for which a verb tries again."""
        self.address = f"gs://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._patience = patience
        # by process: a child must not use its parent's connections
        self._clients: dict[int, storage.Client] = {}

    def __reduce__(self) -> tuple[type["GcsObjects"], tuple[str, str, float]]:
        """Without connections: another process opens its own."""
        return GcsObjects, (self._bucket, self._prefix.rstrip("/"), self._patience)

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        """See `Objects`."""
        if end is not None and end <= begin:
            return None if self._state(name) is None else b""
        found = self._download(name, begin, end)
        return found and found.data

    def read_versioned(self, name: str) -> Versioned | None:
        """See `Objects`."""
        return self._download(name, 0, None)

    def write_once(
        self,
        name: str,
        data: bytes | Path,
        *,
        lasting: bool = False,  # noqa: ARG002
    ) -> str | None:
        """See `Objects`."""
        return self._upload(name, data, 0)

    def write_if(
        self,
        name: str,
        data: bytes | Path,
        generation: str,
        *,
        lasting: bool = False,  # noqa: ARG002
    ) -> str | None:
        """See `Objects`."""
        return self._upload(name, data, int(generation))

    def copy(self, source: str, name: str, generation: str | None) -> str | None:
        """See `Objects`."""

        def copy() -> str | None:
            blob, token = self._blob(name), None
            while True:
                try:
                    token, _, _ = blob.rewrite(
                        self._blob(source),
                        token=token,
                        if_generation_match=int(generation or 0),
                        retry=self._retry(),
                    )
                except answers.PreconditionFailed:
                    return self._generation_if_copied(source, name)
                except answers.NotFound as error:
                    raise self._missing(source) from error
                if token is None:
                    return str(blob.generation)

        return self._ask(copy)

    def list(self, prefix: str) -> Iterator[Entry]:
        """See `Objects`."""
        for entry in self._entries(prefix):
            # What a console shows as an empty folder is no object, and drafts are none yet.
            is_draft = entry.name.startswith(DRAFTS) and not prefix.startswith(DRAFTS)
            if not entry.name.endswith("/") and not is_draft:
                yield entry

    def clear_drafts(self) -> None:
        """Delete what was not finished a day ago, such as a probe of a process that was killed."""
        for entry in self._entries(DRAFTS):
            if is_abandoned(entry):
                self.delete(entry.name, entry.generation)

    def delete_old_versions(
        self, prefixes: Iterable[str], chosen: Callable[[str], bool]
    ) -> Restorable:
        """See `Bucket`. Those that a hold or a retention policy keeps are left, and counted."""
        versions = (
            each
            for prefix in prefixes
            for each in self._blobs(prefix, versions=True)
            # What is there now has not become an earlier version at any time.
            if each.time_deleted is not None and chosen(each.name.removeprefix(self._prefix))
        )
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            ends = list(pool.map(self._delete_version, versions))
        left = [end for end in ends if end != 0.0]
        known = [end for end in left if end is not None]
        until = max(known, default=None) if len(known) == len(left) else None
        kept = self._soft_delete_seconds()
        # By this machine's clock, after all that was deleted.
        restorable = kept and time.time() + kept
        return Restorable(self.address, len(ends) - len(left), len(left), until, restorable)

    def _delete_version(self, version: storage.Blob) -> float | None:
        """Delete one version of an object for good; 0.0: it is gone.

        Otherwise that may be done from a time on, seconds since 1970-01-01 UTC; None: none is said.
        """

        def delete() -> float | None:
            bucket = self._opened().bucket(self._bucket)
            try:
                bucket.blob(version.name, generation=version.generation).delete(retry=self._retry())
            except answers.NotFound:
                pass
            except answers.Forbidden:
                end = version.retention_expiration_time
                return end and float(end.timestamp())
            return 0.0

        return self._ask(delete)

    def _soft_delete_seconds(self) -> float | None:
        """For how long the bucket keeps what is deleted for good; None: that may not be asked."""

        def look() -> float | None:
            bucket = self._opened().bucket(self._bucket)
            try:
                bucket.reload(retry=self._retry())
            except answers.Forbidden:
                return None
            return float(bucket.soft_delete_policy.retention_duration_seconds or 0)

        return self._ask(look)

    def _entries(self, prefix: str) -> Iterator[Entry]:
        for each in self._blobs(prefix):
            name = each.name.removeprefix(self._prefix)
            if name:
                written = each.time_created.timestamp()
                yield Entry(name, each.size, str(each.generation), written)

    def _blobs(self, prefix: str, *, versions: bool = False) -> Iterator[storage.Blob]:
        token: str | None = ""
        while token is not None:
            after = token
            page, token = self._ask(lambda: self._page(prefix, after, versions))  # noqa: B023
            yield from page

    def delete(self, name: str, generation: str | None = None) -> bool:
        """See `Objects`."""

        def delete() -> bool:
            try:
                self._blob(name).delete(
                    if_generation_match=None if generation is None else int(generation),
                    retry=self._retry(),
                )
            except answers.PreconditionFailed:
                return False
            except answers.NotFound:
                pass
            return True

        return self._ask(delete)

    def _page(
        self, prefix: str, token: str, versions: bool
    ) -> tuple[Sequence[storage.Blob], str | None]:
        """A page of a list, and what names the next one."""
        wanted = _OF_VERSIONS if versions else _OF_OBJECTS
        listed = self._opened().list_blobs(
            self._bucket,
            prefix=self._prefix + prefix,
            versions=versions or None,
            fields=f"items({wanted}),nextPageToken",
            page_token=token or None,
            retry=self._retry(),
        )
        try:
            return tuple(next(listed.pages, ())), listed.next_page_token
        except answers.NotFound as error:
            raise MachineError(
                f"There is no bucket gs://{self._bucket}: name one that is there, or make it first."
            ) from error

    def _download(self, name: str, begin: int, end: int | None) -> Versioned | None:
        """The bytes of one state from `begin` to `end`, which is larger."""

        def download() -> Versioned | None:
            blob = self._blob(name)
            try:
                data = blob.download_as_bytes(
                    start=begin or None,
                    end=None if end is None else end - 1,
                    checksum="crc32c",
                    retry=self._retry(),
                )
            except answers.RequestRangeNotSatisfiable:
                return Versioned(b"", "")
            except answers.NotFound as missing:
                if "generation=" in str(getattr(missing.response, "url", "")):
                    # It broke off, and the state that it was of was replaced meanwhile.
                    raise _OvertakenError from missing
                return None
            return Versioned(data, str(blob.generation))

        return self._ask(download)

    def _upload(self, name: str, data: bytes | Path, generation: int) -> str | None:
        """Write where the present state is `generation`; 0 stands for no object."""

        def upload() -> str | None:
            blob = self._blob(name)
            blob.chunk_size = _PIECE
            how: dict[str, Any] = {
                "content_type": "application/octet-stream",
                "if_generation_match": generation,
                "checksum": "crc32c",
                "retry": self._retry(),
            }
            try:
                if isinstance(data, Path):
                    blob.upload_from_filename(str(data), **how)
                else:
                    blob.upload_from_string(data, **how)
            except answers.PreconditionFailed:
                return self._generation_of_same(name, data)
            except answers.ClientError as error:
                if error.code not in (404, 410):
                    raise
                # The upload is unknown by now: it ended and its answer was lost, or it was given
                # up. If it is the bucket that is not there, the list says so.
                same = self._generation_of_same(name, data)
                if same is None:
                    next(self.list(name), None)
                    raise _OvertakenError from error
                return same
            return str(blob.generation)

        return self._ask(upload)

    def _generation_of_same(self, name: str, data: bytes | Path) -> str | None:
        """The generation of what lies there, if that is `data`, by its length and checksums."""
        state = self._state(name)
        if state is None or (state.size, state.crc32c) != _size_and_crc32c(data):
            return None
        # Objects that were put together of others have no MD5.
        is_same = state.md5_hash is None or state.md5_hash == _md5(data)
        return str(state.generation) if is_same else None

    def _generation_if_copied(self, source: str, name: str) -> str | None:
        """The generation of an object, if it has the content of another one."""
        ours, there = self._state(source), self._state(name)
        if ours is None:
            raise self._missing(source)
        if there is None or (there.size, there.crc32c) != (ours.size, ours.crc32c):
            return None
        is_same = None in (there.md5_hash, ours.md5_hash) or there.md5_hash == ours.md5_hash
        return str(there.generation) if is_same else None

    def _state(self, name: str) -> storage.Blob | None:
        """What the service knows of an object."""

        def look() -> storage.Blob | None:
            blob = self._blob(name)
            try:
                blob.reload(retry=self._retry())
            except answers.NotFound:
                return None
            return blob

        return self._ask(look)

    def _missing(self, name: str) -> FileNotFoundError:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self.address}/{name}")

    def _blob(self, name: str) -> storage.Blob:
        return self._opened().bucket(self._bucket).blob(self._prefix + checked(name))

    def _retry(self) -> policies.ConditionalRetryPolicy:
        return policies.DEFAULT_RETRY.with_timeout(self._patience)

    def _opened(self) -> storage.Client:
        """The client of this process."""
        process = os.getpid()
        if process not in self._clients:
            # Objects name no project, and their owner's is not asked for.
            client = storage.Client(project=None)
            for scheme in ("http://", "https://"):
                client._http.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
            # With it, the client would look at the bucket after each object that is not there, to
            # say more in traces.
            client._bucket_metadata_cache = None
            self._clients.setdefault(process, client)
        return self._clients[process]

    def _ask(self, act: Callable[[], T]) -> T:
        """Do what can be done again. Raises MachineError with why the place cannot be used."""
        try:
            # The client itself tries most of it again. It gives up where an answer breaks off.
            return patiently(act, lambda error: isinstance(error, _PASSING), self._patience)
        except auth.DefaultCredentialsError as error:
            raise MachineError(
                f"No credentials for {self.address} were found: log in with `gcloud auth "
                "application-default login`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS."
            ) from error
        except (*_PASSING, answers.RetryError) as error:
            raise MachineError(
                f"{self.address} cannot be reached ({_shown(error)}): see that this machine has a "
                f"network, and that the service is well; {_AGAIN}."
            ) from error
        except (answers.Forbidden, answers.Unauthorized, auth.GoogleAuthError) as error:
            raise MachineError(
                f"{self.address} may not be used ({_shown(error)}): give these credentials the "
                f"role Storage Object User on the bucket; {_AGAIN}."
            ) from error
        except answers.GoogleAPICallError as error:
            raise MachineError(
                f"{self.address} refused what was asked ({_shown(error)})."
            ) from error


class _OvertakenError(Exception):
    """What was begun cannot be ended, but it can be begun again."""


# What says that the service, or the way to it, is not there for now, or damages what it carries.
_PASSING = (
    *(requests.RequestException, ConnectionError, answers.ServerError, answers.TooManyRequests),
    *(auth.TransportError, DataCorruption, _OvertakenError),
)


def _shown(error: BaseException) -> str:
    """What went wrong, briefly."""
    while isinstance(error, answers.RetryError) and error.cause is not None:
        error = error.cause
    if isinstance(error, answers.GoogleAPICallError):
        # Its message begins with the request.
        return f"{error.code}: {_REQUEST.sub('', error.message)}"[:200]
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _size_and_crc32c(data: bytes | Path) -> tuple[int, str]:
    """Length in bytes, and the checksum as the service writes it."""
    size, checksum = 0, 0
    with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            checksum = google_crc32c.extend(checksum, piece)  # type: ignore[no-untyped-call]
    return size, _encoded(checksum.to_bytes(4, "big"))


def _md5(data: bytes | Path) -> str:
    with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return _encoded(digest.digest())


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
