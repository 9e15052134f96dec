"""The access that this process was entrusted with. It travels in no plan and no job graph.

On machines that a runner starts, nobody hands it over: they find it in a file of their own, TOML
with the names of the options, that the environment variable VIDEONET_ACCESS names.
"""

import functools
import os
import tomllib
from pathlib import Path

from videonet.errors import UsageError
from videonet.fetch.access import Access, options_of
from videonet.fetch.secrecy import conceal

FILE_VARIABLE = "VIDEONET_ACCESS"

_by_run: dict[str, Access] = {}


def entrust(run_id: str, access: Access) -> None:
    """Let a run of this process use `access`; its secrets are concealed from now on."""
    conceal(access.secrets())
    _by_run[run_id] = access


def access_of(run_id: str) -> Access:
    """What a run may use here. Raises UsageError for a file that cannot be read."""
    if run_id in _by_run:
        return _by_run[run_id]
    file = os.environ.get(FILE_VARIABLE)
    return _from_file(Path(file)) if file else Access()


@functools.cache
def _from_file(file: Path) -> Access:
    try:
        values = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}, named in {FILE_VARIABLE}, cannot be read: {error}.") from error
    known = {"cookies", "cookies-from-browser", "proxy", "user-agent", "rate-limit"}
    unknown = sorted(values.keys() - known - {"yt-dlp-option"})
    if unknown:
        raise UsageError(
            f"{file}, named in {FILE_VARIABLE}, has {unknown[0]!r}; it may have "
            f"{', '.join(sorted(known))} and yt-dlp-option."
        )
    cookies = values.get("cookies")
    access = Access(
        cookies=Path(cookies) if cookies else None,
        cookies_from_browser=values.get("cookies-from-browser"),
        proxies=tuple(values.get("proxy", ())),
        user_agent=values.get("user-agent"),
        rate_limit=values.get("rate-limit"),
        options=options_of(values.get("yt-dlp-option", ())),
    )
    access.check()
    conceal(access.secrets())
    return access
