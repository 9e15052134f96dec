"""The access that this process was entrusted with. It travels in no plan and no job graph.

On machines that a runner starts, nothing hands it over: they find it in a file of their own, TOML
with the names of the options, that the environment variable VIDEONET_ACCESS names.
"""

import functools
import os
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.fetch.credentials import Access, rate_of
from videonet.fetch.options import options_of

FILE_VARIABLE = "VIDEONET_ACCESS"

_by_run: dict[str, Access] = {}


def entrust(run_id: str, access: Access) -> None:
    """Let a run of this process use `access`."""
    _by_run[run_id] = access


def access_of(run_id: str) -> Access:
    """What a run may use here. Raises UsageError for a file that cannot be used."""
    if run_id in _by_run:
        return _by_run[run_id]
    file = os.environ.get(FILE_VARIABLE)
    return _from_file(Path(file)) if file else Access()


class _Options(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    """What the file may have."""

    cookies: str | None = None
    cookies_from_browser: str | None = None
    proxy: str | list[str] = []
    user_agent: str | None = None
    rate_limit: str | int | None = None
    yt_dlp_option: str | list[str] = []


@functools.cache
def _from_file(file: Path) -> Access:
    try:
        given = _options_in(file)
        access = Access(
            cookies=None if given.cookies is None else Path(given.cookies),
            cookies_from_browser=given.cookies_from_browser,
            proxies=tuple(_listed(given.proxy)),
            user_agent=given.user_agent,
            rate_limit=None if given.rate_limit is None else rate_of(str(given.rate_limit)),
            options=options_of(_listed(given.yt_dlp_option)),
        )
        access.check()
    except UsageError as error:
        raise UsageError(f"{file}, named in {FILE_VARIABLE}: {error}") from None
    return access


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
