"""The credentials of this machine, for runs that were given none.

No job graph carries credentials to machines that a runner starts. These machines find them where
VIDEONET_ACCESS says, as TOML with the names of the options: in a file of their own, in an object
of a bucket, or in a secret that Google's Secret Manager keeps. What comes from elsewhere stays in
memory.
"""

import dataclasses
import functools
import os
from pathlib import Path
from typing import Any, get_origin

import msgspec

from videonet.errors import UsageError
from videonet.fetch.credentials import (
    COOKIE_HEADERS,
    NO_CREDENTIALS,
    Credentials,
    credentials_from,
)
from videonet.fetch.options import options_of
from videonet.fetch.secret_manager import is_secret_name, secret_of
from videonet.schemas.option import Declared, declared, options_from
from videonet.schemas.settings import AccessOptions
from videonet.storage.places import is_remote, open_place

FILE_VARIABLE = "VIDEONET_ACCESS"


def credentials_here(given: Credentials = NO_CREDENTIALS) -> Credentials:
    """The credentials that a run was given, or else those that this machine is to find.

    Runs that find the same ones share the cookies that sites add. Raises UsageError for what cannot
    be read or used.
    """
    if given != NO_CREDENTIALS:
        return given
    name = os.environ.get(FILE_VARIABLE)
    if not name:
        return NO_CREDENTIALS
    try:
        return _from_toml(_read(name))
    except UsageError as error:
        raise UsageError(f"{name}, named in {FILE_VARIABLE}: {error}") from None


def _read(name: str) -> bytes:
    """What is at a path, at an address of a bucket, or in a secret. Raises UsageError."""
    if is_secret_name(name):
        return secret_of(name)
    if is_remote(name):
        place, _, file = name.rpartition("/")
        data = open_place(place).read(file) if file else None
        if data is None:
            raise UsageError("There is no such object.")
        return data
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"It cannot be read ({error.strerror}).") from None


def _type_in_file(option: Declared) -> Any:
    """What an option may be in the file: one text needs no list, and a size may be a number."""
    if get_origin(option.type) is tuple:
        return str | list[str]
    return option.type | int if option.option.unit else option.type


_OPTIONS = tuple(declared(AccessOptions))

# What the file may have.
_File = msgspec.defstruct(
    "_File",
    [(each.name, _type_in_file(each), each.default) for each in _OPTIONS],
    rename="kebab",
    forbid_unknown_fields=True,
)


@functools.lru_cache(maxsize=8)
def _from_toml(data: bytes) -> Credentials:
    """The credentials in a file's content; the same ones for the same content."""
    given = _options_in(data)
    options = options_of(given.yt_dlp_option)
    # Machines that find their credentials elsewhere have no file of cookies beside them.
    text = given.cookies if given.cookies and given.cookies.startswith(COOKIE_HEADERS) else None
    if text is not None:
        given = msgspec.structs.replace(given, cookies=None)
    credentials = dataclasses.replace(credentials_from(given, options), cookie_text=text)
    credentials.check()
    return credentials


def _options_in(data: bytes) -> AccessOptions:
    try:
        found = msgspec.toml.decode(data, type=_File)
    except msgspec.ValidationError as error:
        names = ", ".join(_File.__struct_encode_fields__)
        raise UsageError(f"{error}; it may have {names}.") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"It is no TOML ({error}).") from None
    return options_from(
        AccessOptions, {each.name: _as_typed(each, getattr(found, each.name)) for each in _OPTIONS}
    )


def _as_typed(option: Declared, value: Any) -> Any:
    """A value of the file as the command line would have it."""
    if isinstance(value, int):
        return str(value)
    return [value] if get_origin(option.type) is tuple and isinstance(value, str) else value
