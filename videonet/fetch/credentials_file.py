"""The credentials of this machine, for runs that were given none.

No job graph carries credentials to machines that a runner starts. These machines find them in a
file of their own, TOML with the names of the options, that VIDEONET_ACCESS names.
"""

import functools
import os
from pathlib import Path
from typing import Any, get_origin

import msgspec

from videonet.errors import UsageError
from videonet.fetch.credentials import NO_CREDENTIALS, Credentials, credentials_from
from videonet.fetch.options import options_of
from videonet.schemas.option import Declared, declared, options_from
from videonet.schemas.settings import AccessOptions

FILE_VARIABLE = "VIDEONET_ACCESS"


def credentials_here(given: Credentials = NO_CREDENTIALS) -> Credentials:
    """The credentials that a run was given, or else those of this machine's file.

    Runs that use the same file share the cookies that sites add, until the file changes. Raises
    UsageError for a file that cannot be used.
    """
    if given != NO_CREDENTIALS:
        return given
    name = os.environ.get(FILE_VARIABLE)
    if not name:
        return NO_CREDENTIALS
    file = Path(name)
    try:
        return _from_file(file, file.stat().st_mtime_ns)
    except OSError as error:
        raise _unusable(file, f"It cannot be read ({error.strerror}).") from None


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
def _from_file(file: Path, mtime_ns: int) -> Credentials:
    del mtime_ns  # a part of the key: a file that was changed is read again
    try:
        given = _options_in(file)
        credentials = credentials_from(given, options_of(given.yt_dlp_option))
        credentials.check()
    except UsageError as error:
        raise _unusable(file, error) from None
    return credentials


def _unusable(file: Path, why: object) -> UsageError:
    return UsageError(f"{file}, named in {FILE_VARIABLE}: {why}")


def _options_in(file: Path) -> AccessOptions:
    try:
        found = msgspec.toml.decode(file.read_bytes(), type=_File)
    except OSError as error:
        raise UsageError(f"It cannot be read ({error.strerror}).") from None
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
