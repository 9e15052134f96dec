"""The credentials of this machine, for runs that were given none.

No job graph carries credentials to machines that a runner starts. These machines find them in a
file of their own, TOML with the names of the options, that VIDEONET_ACCESS names.
"""

import functools
import os
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.fetch.credentials import NO_CREDENTIALS, Credentials, rate_of
from videonet.fetch.options import options_of

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


class _Options(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    """What the file may have."""

    cookies: str | None = None
    cookies_from_browser: str | None = None
    proxy: str | list[str] = []
    user_agent: str | None = None
    rate_limit: str | int | None = None
    yt_dlp_option: str | list[str] = []


@functools.lru_cache(maxsize=8)
def _from_file(file: Path, mtime_ns: int) -> Credentials:
    del mtime_ns  # a part of the key: a file that was changed is read again
    try:
        given = _options_in(file)
        credentials = Credentials(
            cookies=None if given.cookies is None else Path(given.cookies),
            cookies_from_browser=given.cookies_from_browser,
            proxies=tuple(_listed(given.proxy)),
            user_agent=given.user_agent,
            rate_limit=None if given.rate_limit is None else rate_of(str(given.rate_limit)),
            options=options_of(_listed(given.yt_dlp_option)),
        )
        credentials.check()
    except UsageError as error:
        raise _unusable(file, error) from None
    return credentials


def _unusable(file: Path, why: object) -> UsageError:
    return UsageError(f"{file}, named in {FILE_VARIABLE}: {why}")


def _options_in(file: Path) -> _Options:
    try:
        return msgspec.toml.decode(file.read_bytes(), type=_Options)
    except OSError as error:
        raise UsageError(f"It cannot be read ({error.strerror}).") from None
    except msgspec.ValidationError as error:
        names = ", ".join(_Options.__struct_encode_fields__)
        raise UsageError(f"{error}; it may have {names}.") from None
    except ValueError as error:
        raise UsageError(f"It is no TOML ({error}).") from None


def _listed(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given
