"""Objects in a bucket of S3, or of a service that speaks like it, by obstore."""

import configparser
import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
import requests
from obstore import exceptions as answers
from obstore.store import S3Store
from requests.adapters import HTTPAdapter

from videonet.errors import MachineError, UsageError
from videonet.storage.again import patiently
from videonet.storage.objects import (
    DRAFTS,
    Entry,
    Restorable,
    Versioned,
    checked,
    is_abandoned,
)

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import S3Config

T = TypeVar("T")

# Seconds for which what may pass is tried again: a server that is busy, restarts, or is far away.
PATIENCE = 120.0

# What is larger goes up in pieces, each of which may be sent again. Bytes.
_AT_ONCE = 8 * 1024**2

# Comparing reads what lies there in pieces of this size. Bytes.
_PIECE = 8 * 1024**2

# Objects that a service names in one answer.
_PAGE = 1000

# Seconds for which an address that deletes one object is good.
_SIGNED = 600

# Connections that are kept open, so that as many threads need no new ones.
_CONNECTIONS = 64

# Of an answer, seconds.
_ANSWER = 60

_STATUS = re.compile(r"status code: (\d+)")
_CODE = re.compile(r"<Code>(\w+)</Code>")

# A service that hands out credentials on machines of a cloud has such an address.
_NO_METADATA = "169.254."

_AGAIN = "the same command goes on"


class S3Objects:
    """Objects below a prefix of one bucket: see `Objects`.

    A generation is the ETag: it names the content. An object that gets a former content again has
    its former generation, too.
    """

    def __init__(self, bucket: str, prefix: str = "", patience: float = PATIENCE) -> None:
        """`prefix` has no "/" at its ends. `patience`: seconds for which a verb tries again."""
        self.address = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = prefix
        self._patience = patience
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        # whether the service named a version of what was written
        self._has_versions = False
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            # as some services need it, and the original does it
            copy_if_not_exists="multipart",
            checksum_algorithm="SHA256",
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "timeout": timedelta(seconds=_ANSWER),
            },
            retry_config={"max_retries": 10, "retry_timeout": timedelta(seconds=patience)},
            config=_credentials(self.address),
        )

    def __reduce__(self) -> tuple[type["S3Objects"], tuple[str, str, float]]:
        """Without connections: another process opens its own."""
        return S3Objects, (self._bucket, self._prefix, self._patience)

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        """See `Objects`."""
        checked(name)

        def read() -> bytes:
            if end is not None and end <= begin:
                obstore.head(self._store, name)
                return b""
            if end is not None:
                return bytes(obstore.get_range(self._store, name, start=begin, end=end))
            if begin:
                found = obstore.get(self._store, name, options={"range": {"offset": begin}})
                return bytes(found.bytes())
            return bytes(obstore.get(self._store, name).bytes())

        try:
            return self._ask(read)
        except FileNotFoundError:
            return None
        except _BeyondError:
            return b""

    def read_versioned(self, name: str) -> Versioned | None:
        """See `Objects`."""

        def read() -> Versioned:
            found = obstore.get(self._store, checked(name))
            return Versioned(bytes(found.bytes()), _tag(found.meta))

        try:
            return self._ask(read)
        except FileNotFoundError:
            return None

    def write_once(
        self,
        name: str,
        data: bytes | Path,
        *,
        lasting: bool = False,  # noqa: ARG002
    ) -> str | None:
        """See `Objects`."""
        checked(name)

        def write() -> str | None:
            try:
                if isinstance(data, Path) and data.stat().st_size > _AT_ONCE:
                    return self._write_large(name, data)
                return self._put(name, data, "create")
            except (answers.AlreadyExistsError, answers.PreconditionError):
                return self._generation_of_same(name, data)

        return self._ask(write)

    def write_if(
        self,
        name: str,
        data: bytes | Path,
        generation: str,
        *,
        lasting: bool = False,  # noqa: ARG002
    ) -> str | None:
        """See `Objects`."""
        checked(name)

        def write() -> str | None:
            try:
                return self._put(name, data, {"e_tag": generation})
            except (answers.PreconditionError, FileNotFoundError):
                return self._generation_of_same(name, data)

        return self._ask(write)

    def copy(self, source: str, name: str, generation: str | None) -> str | None:
        """See `Objects`."""
        checked(source)
        checked(name)

        def copy() -> str | None:
            is_new = generation is None
            try:
                if is_new or _tag(obstore.head(self._store, name)) == generation:
                    obstore.copy(self._store, source, name, overwrite=not is_new)
                    return _tag(obstore.head(self._store, name))
            except (answers.AlreadyExistsError, answers.PreconditionError):
                pass
            except FileNotFoundError as error:
                self._require_bucket(error)
                obstore.head(self._store, source)
            return self._generation_of_same(name, obstore.get(self._store, source))

        return self._ask(copy)

    def list(self, prefix: str) -> Iterator[Entry]:
        """See `Objects`."""
        for entry in self._entries(prefix):
            if not entry.name.startswith(DRAFTS) or prefix.startswith(DRAFTS):
                yield entry

    def clear_drafts(self) -> None:
        """Delete what was not finished a day ago: a large file of a process that was killed."""
        for entry in self._entries(DRAFTS):
            if is_abandoned(entry):
                self.delete(entry.name, entry.generation)

    def delete_old_versions(
        self,
        prefixes: Iterable[str],  # noqa: ARG002
        chosen: Callable[[str], bool],  # noqa: ARG002
    ) -> Restorable:
        """See `Bucket`. The client can do that with no version; what was written said of them."""
        return Restorable(self.address, left=None if self._has_versions else 0)

    def _entries(self, prefix: str) -> Iterator[Entry]:
        folder, _, _ = prefix.rpartition("/")
        pages = _Pages(self._store, folder, _before(prefix))
        while page := self._ask(pages.next):
            for each in page:
                name = each["path"]
                if name.startswith(prefix):
                    written = each["last_modified"].timestamp()
                    yield Entry(name, each["size"], _tag(each), written)
                elif name > prefix:
                    return

    def delete(self, name: str, generation: str | None = None) -> bool:
        """See `Objects`."""
        checked(name)

        def delete() -> bool:
            if generation is None:
                obstore.delete(self._store, name)
                return True
            return self._delete_state(name, generation)

        try:
            return self._ask(delete)
        except FileNotFoundError:
            return True

    def _put(self, name: str, data: bytes | Path, mode: "PutMode") -> str:
        """Write in one request, on a condition; the new generation."""
        answer = obstore.put(self._store, name, data, mode=mode)
        self._has_versions = self._has_versions or answer["version"] is not None
        return _tag(answer)

    def _write_large(self, name: str, file: Path) -> str | None:
        """Create an object from a file that is too large for one request.

        Pieces that are put together replace what is there. So they become a draft, of which the
        object is made in one step.
        """
        if name.startswith(DRAFTS):
            # Nobody else has this name.
            put = obstore.put(self._store, name, file, chunk_size=_PIECE, max_concurrency=4)
            return _tag(put)
        draft = f"{DRAFTS}{uuid.uuid4().hex}"
        try:
            obstore.put(self._store, draft, file, chunk_size=_PIECE, max_concurrency=4)
            obstore.copy(self._store, draft, name, overwrite=False)
            return _tag(obstore.head(self._store, name))
        finally:
            with suppress(answers.BaseError, FileNotFoundError):
                obstore.delete(self._store, draft)

    def _generation_of_same(
        self, name: str, data: "bytes | Path | obstore.GetResult"
    ) -> str | None:
        """The generation of what lies there, if that is `data`."""
        if isinstance(data, bytes):
            size = len(data)
        else:
            size = data.stat().st_size if isinstance(data, Path) else data.meta["size"]
        try:
            found = obstore.get(self._store, name)
        except FileNotFoundError as error:
            self._require_bucket(error)
            return None
        if found.meta["size"] != size:
            return None
        return _tag(found.meta) if _sha256(found) == _sha256(data) else None

    def _delete_state(self, name: str, generation: str) -> bool:
        """Delete one state of an object. The client cannot: it signs the address, and no more."""
        address = obstore.sign(self._store, "DELETE", name, timedelta(seconds=_SIGNED))
        answer = self._session.delete(address, headers={"If-Match": generation}, timeout=_ANSWER)
        if answer.status_code == 412:
            # Services may say so of what is not there, too.
            obstore.head(self._store, name)
            return False
        if not answer.ok and answer.status_code != 404:
            raise answers.GenericError(f"status code: {answer.status_code} {answer.text}")
        return True

    def _ask(self, act: Callable[[], T]) -> T:
        """Do what can be done again. Raises MachineError with why the place cannot be used.

        Raises FileNotFoundError for an object that is not there, and _BeyondError for a range
        beyond its end.
        """
        try:
            # The client itself tries some of it again, but no write whose connection breaks.
            return patiently(act, _may_pass, self._patience)
        except FileNotFoundError as error:
            self._require_bucket(error)
            raise
        except (answers.BaseError, requests.RequestException, PermissionError) as error:
            if _status(error) == 416:
                raise _BeyondError from error
            raise MachineError(self._why(error)) from error

    def _require_bucket(self, error: FileNotFoundError) -> None:
        if _code(error) == "NoSuchBucket":
            raise MachineError(_no_bucket(self._bucket)) from error

    def _why(self, error: BaseException) -> str:
        status, code = _status(error), _code(error)
        if code == "NoSuchBucket":
            return _no_bucket(self._bucket)
        if _NO_METADATA in str(error):
            return _no_credentials(self.address)
        if status in (401, 403) or isinstance(error, PermissionError):
            return (
                f"{self.address} may not be used ({code or status}): give these credentials the "
                f"rights to list the bucket, and to get, put and delete its objects; {_AGAIN}."
            )
        if status == 501 or isinstance(error, answers.NotSupportedError):
            return (
                f"{self.address} does not know what was asked ({code or status}): its service must "
                "know conditional writes (If-Match and If-None-Match)."
            )
        if status is not None and 300 <= status < 500 and status not in (408, 429):
            return f"{self.address} refused what was asked ({status} {code or ''})."
        return (
            f"{self.address} cannot be reached ({_shown(error)}): see that this machine has a "
            f"network, and that the service is well; {_AGAIN}."
        )


class _Pages:
    """Pages of a list. One that could not be had may be asked for again; the last one is empty."""

    def __init__(self, store: S3Store, folder: str, after: str) -> None:
        self._store, self._folder, self._after = store, folder, after
        self._stream: Iterator[Sequence[obstore.ObjectMeta]] | None = None

    def next(self) -> "Sequence[obstore.ObjectMeta]":
        try:
            if self._stream is None:
                folder, after = self._folder or None, self._after or None
                listed = obstore.list(self._store, folder, offset=after, chunk_size=_PAGE)
                self._stream = iter(listed)
            page = next(self._stream, ())
        except BaseException:
            # It goes on after what was had.
            self._stream = None
            raise
        if page:
            self._after = page[-1]["path"]
        return page


class _BeyondError(Exception):
    """The range begins where the object has ended."""


def _before(prefix: str) -> str:
    """A name that comes right before all that begin with a prefix: the client lists only folders.

    It takes "/" out of the beginning of a part, and so would name what comes after.
    """
    last = chr(ord(prefix[-1]) - 1) if prefix else ""
    return prefix and f"{prefix[:-1]}{last.replace('/', '.')}~"


def _may_pass(error: BaseException) -> bool:
    """Whether it is a fault of the way to the service, or one that the service gets over."""
    if isinstance(error, requests.RequestException):
        return True
    if not isinstance(error, answers.GenericError) or _NO_METADATA in str(error):
        return False
    status = _status(error)
    return status is None or status in (408, 409, 429) or (status >= 500 and status != 501)


def _credentials(address: str) -> "S3Config":
    """What the client does not look for itself: a profile in the user's files.

    Raises UsageError if there is nothing to ask for credentials.
    """
    known = os.environ
    if any(
        each in known
        for each in (
            *("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE"),
            *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        )
    ):
        return {}
    profile = known.get("AWS_PROFILE", "default")
    file = known.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws" / "credentials"
    parser = configparser.RawConfigParser()
    try:
        parser.read(file)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no file of AWS credentials: {error}.") from error
    given: S3Config = {}
    if key := parser.get(profile, "aws_access_key_id", fallback=None):
        given["access_key_id"] = key
        given["secret_access_key"] = parser.get(profile, "aws_secret_access_key", fallback="")
        if token := parser.get(profile, "aws_session_token", fallback=None):
            given["session_token"] = token
    if not given and known.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise UsageError(_no_credentials(address))
    return given


def _no_credentials(address: str) -> str:
    return (
        f"No credentials for {address} were found: give AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or write a profile with `aws configure`."
    )


def _no_bucket(bucket: str) -> str:
    return f"There is no bucket s3://{bucket}: name one that is there, or make it first."


def _sha256(data: "bytes | Path | obstore.GetResult") -> bytes:
    digest = hashlib.sha256()
    if isinstance(data, Path):
        with data.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    else:
        pieces = (data,) if isinstance(data, bytes) else data.stream(min_chunk_size=_PIECE)
        for piece in pieces:
            digest.update(piece)
    return digest.digest()


def _tag(answer: "obstore.ObjectMeta | obstore.PutResult") -> str:
    return str(answer["e_tag"])


def _status(error: BaseException) -> int | None:
    """Which status a server answered with."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def _code(error: BaseException) -> str | None:
    """By which word a server said what was wrong."""
    found = _CODE.search(str(error))
    return found[1] if found else None


def _shown(error: BaseException) -> str:
    """What went wrong, briefly."""
    status = _status(error)
    return f"{status} {_code(error) or ''}".strip() if status else str(error).splitlines()[0][:200]
