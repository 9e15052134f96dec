"""What a user gives so that sites answer: cookies, proxies, and what else yt-dlp takes."""

import copy
import difflib
import functools
import io
import ipaddress
import json
import logging
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yt_dlp
from yt_dlp.cookies import (
    SUPPORTED_BROWSERS,
    SUPPORTED_KEYRINGS,
    CookieLoadError,
    YoutubeDLCookieJar,
    load_cookies,
)
from yt_dlp.globals import supported_js_runtimes, supported_remote_components
from yt_dlp.networking.impersonate import ImpersonateTarget
from yt_dlp.utils import FormatSorter, YoutubeDLError

from videonet.errors import UsageError
from videonet.fetch.failure import shortened
from videonet.fetch.proxies import credentials, flaw_of
from videonet.fetch.secrecy import HARMLESS, Secrets

# Shorter values are not secret unless they are there to log in: sites keep "1", "true" and "en-US"
# in cookies, and without those no number and no word of a report could be read.
SHORTEST_SECRET = 6

# Parts of a longer value, such as the token of "Bearer TOKEN", are secret from this length on.
_SHORTEST_PART = 12

_LOGIN = (
    *("username", "password", "twofactor", "videopassword", "ap_username", "ap_password"),
    "client_certificate_password",
)

# Headers that have options of their own; the last two yt-dlp takes for a proxy.
_HEADERS = frozenset({"cookie", "user-agent", "ytdl-request-proxy", "ytdl-socks-proxy"})

# With it yt-dlp goes by the environment's no_proxy, past a proxy that it was given.
_BYPASSES_PROXIES = "prefer-legacy-http-handler"


@dataclass(frozen=True)
class Access:
    """What a user gives so that a site answers. Never part of a plan, a record or a job graph."""

    # Netscape cookies.txt
    cookies: Path | None = None
    # as yt-dlp writes it: BROWSER[+KEYRING][:PROFILE][::CONTAINER]
    cookies_from_browser: str | None = field(default=None, repr=False)
    proxies: tuple[str, ...] = field(default=(), repr=False)
    user_agent: str | None = None
    # bytes a second, per connection
    rate_limit: int | None = None
    # further parameters of yt_dlp.YoutubeDL
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("an Access holds secrets: it does not leave its process")

    def check(self) -> None:
        """Raise UsageError for what cannot be used. The sentence shows no secret."""
        if self.cookies is not None:
            _text_of(self.cookies)
        if self.cookies_from_browser is not None:
            _browser(self.cookies_from_browser)
        for number, proxy in enumerate(self.proxies, 1):
            flaw = flaw_of(proxy)
            if flaw is not None:
                raise UsageError(
                    f"--proxy number {number} {flaw}; write it as http://HOST:PORT or "
                    "socks5h://USER:PASSWORD@HOST:PORT."
                )
        if self.user_agent is not None and not _fits_a_header(self.user_agent):
            raise UsageError("--user-agent takes one line of Latin letters, and not an empty one.")
        if self.rate_limit is not None and self.rate_limit <= 0:
            raise UsageError(f"--rate-limit {self.rate_limit} is no number of bytes above 0.")
        self._check_options()

    def _check_options(self) -> None:
        for key, value in self.options.items():
            _require_fit(key, value)
        flaw = flaw_of(self.options.get("geo_verification_proxy", "http://host"))
        if flaw is not None:
            raise UsageError(f"--yt-dlp-option geo_verification_proxy {flaw}.")
        if ("username" in self.options) != ("password" in self.options):
            raise UsageError("--yt-dlp-option takes username and password together, or neither.")
        if self.proxies and _BYPASSES_PROXIES in self.options.get("compat_opts", ()):
            raise UsageError(
                f"--yt-dlp-option compat_opts has {_BYPASSES_PROXIES}, with which requests may "
                "bypass --proxy; use one of them."
            )
        try:
            # What a format or a target for `impersonate` may be, yt-dlp alone knows.
            _silent_yt_dlp(self.parameters(None))
        except (YoutubeDLError, SyntaxError, ValueError) as error:
            said = shortened(Secrets(self._secret_options()).redacted(str(error)))
            raise UsageError(f"yt-dlp does not take what --yt-dlp-option says: {said}") from None

    def cookie_jar(self) -> YoutubeDLCookieJar | None:
        """The cookies of browser and file, those of the file last; None where neither is given.

        Always the same jar: it may be shared by sessions, and sites add to it. It has no file, so
        that yt-dlp cannot write to the user's. Raises UsageError.
        """
        return self._jar

    @functools.cached_property
    def _jar(self) -> YoutubeDLCookieJar | None:
        if self.cookies is None and self.cookies_from_browser is None:
            return None
        file = None if self.cookies is None else io.StringIO(_text_of(self.cookies))
        browser = None if self.cookies_from_browser is None else _browser(self.cookies_from_browser)
        try:
            jar = load_cookies(file, browser, _silent_yt_dlp({}))
        except CookieLoadError as error:
            said = shortened(str(error.__context__))
            raise UsageError(f"--cookies-from-browser finds none it can read: {said}") from None
        if browser is not None and not len(jar):
            raise UsageError(
                f"{browser[0]} has no cookies that can be read here; log in with it, or give a "
                "file to --cookies."
            )
        jar.filename = None
        return jar

    def parameters(self, proxy: str | None) -> dict[str, Any]:
        """For one yt_dlp.YoutubeDL, which may change them: all but the cookies.

        Without a proxy, that of the environment is used.
        """
        parameters = copy.deepcopy(dict(self.options))
        if self.user_agent is not None:
            parameters["http_headers"] = {
                **parameters.get("http_headers", {}),
                "User-Agent": self.user_agent,
            }
        if self.rate_limit is not None:
            parameters["ratelimit"] = self.rate_limit
        if proxy is not None:
            parameters["proxy"] = proxy
        return parameters

    def secrets(self) -> frozenset[str]:
        """Every string that must appear nowhere. Reads the cookies, and so raises UsageError.

        Not what yt-dlp finds in a .netrc file, nor what sites add to the jar later.
        """
        # A cookie without a name has its value there.
        cookies = self._jar or ()
        values = {each.name if each.value is None else each.value for each in cookies}
        return frozenset(
            {
                *(value for value in values if len(value) >= SHORTEST_SECRET),
                *(secret for proxy in self.proxies for secret in credentials(proxy)),
                *self._secret_options(),
            }
        )

    def _secret_options(self) -> Iterator[str]:
        yield from credentials(self.options.get("geo_verification_proxy", ""))
        for key in self.options.keys() - HARMLESS:
            for text in _texts_in(self.options[key]):
                if key in _LOGIN or len(text) >= SHORTEST_SECRET:
                    yield text
                parts = re.split(r"[\s,;:=+]+", text)
                yield from (part for part in parts if len(part) >= _SHORTEST_PART)


def options_of(texts: Iterable[str]) -> dict[str, Any]:
    """Parameters of YoutubeDL from texts like "KEY=VALUE". Raises UsageError."""
    options: dict[str, Any] = {}
    for key, value in map(parse_option, texts):
        if key in options:
            raise UsageError(f"--yt-dlp-option gives {key} twice; give it once.")
        options[key] = value
    return options


def parse_option(text: str) -> tuple[str, Any]:
    """A parameter of YoutubeDL from "KEY=VALUE"; VALUE is JSON, or the text itself.

    Where a text is expected, only JSON in quotes is taken as such: a password may be 123. Raises
    UsageError, whose sentence shows nothing of the value.
    """
    key, equals, typed = text.partition("=")
    key = key.strip().replace("-", "_")
    if not equals or not re.fullmatch(r"\w{1,40}", key):
        raise UsageError('--yt-dlp-option takes KEY=VALUE, such as format_sort=["res:480"].')
    _require_known(key)
    try:
        value = json.loads(typed)
    except (ValueError, RecursionError):
        value = typed
    if _TAKES.get(key) is _TEXT and not isinstance(value, str):
        value = typed
    if key == "impersonate" and isinstance(value, str):
        try:
            value = ImpersonateTarget.from_str(value.lower())
        except ValueError:
            value = None
    _require_fit(key, value)
    return key, value


# Parameters of YoutubeDL that are not the user's to set, by what the user is told instead.
_REFUSED = {
    key: instead
    for instead, keys in {
        "use --cookies": "cookiefile",
        "use --cookies-from-browser": "cookiesfrombrowser",
        "use --proxy": "proxy",
        "use --rate-limit": "ratelimit",
        "use --max-bytes": "max_filesize",
        "attempts and their time are limited by --deadline": """
            retries extractor_retries file_access_retries fragment_retries retry_sleep_functions
            socket_timeout""",
        "the store names its files and decides what stays": """
            autonumber_size autonumber_start continuedl final_ext keep_fragments keepvideo
            merge_output_format no_overwrites nooverwrites nopart outtmpl outtmpl_na_placeholder
            overwrites paths restrictfilenames trim_file_name updatetime useid windowsfilenames""",
        "a video is taken whole and as it is": """
            allow_multiple_audio_streams allow_multiple_video_streams allow_unplayable_formats
            download_ranges external_downloader external_downloader_args fixup
            force_keyframes_at_cuts hls_prefer_native ignore_no_formats_error ignoreerrors
            post_hooks postprocessor_args postprocessor_hooks postprocessors simulate
            skip_download test""",
        "the video file alone is taken": """
            allow_playlist_files allsubtitles clean_infojson getcomments sleep_interval_subtitles
            subtitlesformat subtitleslangs write_all_thumbnails writeautomaticsub
            writedescription writedesktoplink writeinfojson writelink writesubtitles
            writethumbnail writeurllink writewebloclink""",
        "videos come from --source, one at a time": """
            break_on_existing break_on_reject break_per_url default_search download_archive
            extract_flat force_write_download_archive lazy_playlist max_downloads noplaylist
            playlist_items playlistend playlistrandom playlistreverse playliststart
            skip_playlist_after_errors""",
        "candidates are chosen by title, --min-seconds, --max-bytes and --licence": """
            age_limit daterange live_from_start match_filter matchtitle max_views min_filesize
            min_views rejecttitle wait_for_video""",
        "a page could have files of this machine read; use --source folder:DIR": """
            enable_file_urls""",
        "yt-dlp is silent here, for what it prints may hold secrets": """
            bidi_workaround color consoletitle debug_printtraffic dump_intermediate_pages
            dump_single_json encoding forcedescription forceduration forcefilename forceformat
            forceid forcejson forceprint forcethumbnail forcetitle forceurl list_thumbnails
            listformats listformats_table listsubtitles load_pages logger logtostderr no_color
            no_warnings noprogress print_to_file progress_delta progress_hooks progress_template
            progress_with_newline quiet verbose warn_when_outdated write_pages""",
    }.items()
    for key in keys.split()
}


def _texts_in(value: Any) -> Iterator[str]:
    """All strings within `value`, but for the names of what is in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts_in(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts_in(each)


# As strict as the loader, which would print what it skips, secrets and all.
_COOKIE = re.compile(
    r"""(?:\.[^\t]*\tTRUE|[^.\t][^\t]*\tFALSE)  # host, and whether it stands for those below it
        \t[^\t]*\t[^\t]*                          # path, and whether it is for https alone
        \t(?:[0-9]{1,15}(?:\.[0-9]+)?)?           # when it ends, seconds since 1970
        \t[^\t]*\t[^\t]*                          # name and value""",
    re.VERBOSE,
)


def _text_of(file: Path) -> str:
    """The content of a Netscape cookies.txt. Raises UsageError, which shows nothing of it.

    Nor of the path: some give their cookies themselves in its place.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"The file of --cookies cannot be read ({error.strerror}); give a Netscape cookies.txt."
        ) from None
    except ValueError:
        raise UsageError("The file of --cookies is no text in UTF-8.") from None
    if not text.startswith(("# Netscape HTTP Cookie File", "# HTTP Cookie File")):
        raise UsageError(
            "The file of --cookies does not begin with the line '# Netscape HTTP Cookie File'; "
            "export the browser's cookies in Netscape's format (cookies.txt), not as JSON."
        )
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.removeprefix("#HttpOnly_")
        if entry.strip() and not entry.startswith("#") and not _COOKIE.fullmatch(entry):
            raise UsageError(
                f"Line {number} of the file of --cookies is no cookie (host, TRUE if that begins "
                "with a dot, path, TRUE for https alone, time, name and value, with tabs between)."
            )
    return text


def _browser(text: str) -> tuple[str, str | None, str | None, str | None]:
    """Name, profile, keyring and container, from BROWSER[+KEYRING][:PROFILE][::CONTAINER]."""
    rest, _, container = text.partition("::")
    rest, _, profile = rest.partition(":")
    name, _, keyring = rest.partition("+")
    name, keyring = name.strip().lower(), keyring.strip().upper()
    if name not in SUPPORTED_BROWSERS:
        raise UsageError(
            "--cookies-from-browser names no browser whose cookies can be read; those are "
            f"{', '.join(sorted(SUPPORTED_BROWSERS))}."
        )
    if keyring and keyring not in SUPPORTED_KEYRINGS:
        raise UsageError(
            "--cookies-from-browser names no keyring that is known; those are "
            f"{', '.join(sorted(SUPPORTED_KEYRINGS))}."
        )
    return name, profile.strip() or None, keyring or None, container.strip() or None


def _silent_yt_dlp(parameters: Mapping[str, Any]) -> yt_dlp.YoutubeDL:
    # A logger that takes nothing, without the console's as its parent.
    silence = logging.Logger("silence", logging.CRITICAL + 1)
    return yt_dlp.YoutubeDL({**parameters, "logger": silence})


@functools.cache
def _defaults() -> Mapping[str, Any]:
    """The parameters that yt-dlp's own command line sets, and to what."""
    defaults: dict[str, Any] = yt_dlp.parse_options([]).ydl_opts
    return {key: value for key, value in defaults.items() if not key.startswith("_")}


def _require_known(key: str) -> None:
    if key in _REFUSED:
        raise UsageError(f"--yt-dlp-option cannot set {key}: {_REFUSED[key]}.")
    free = _defaults().keys() - _REFUSED
    if key not in free:
        near = difflib.get_close_matches(key, sorted(free), n=1)
        # What is like no name may be a value in the wrong place.
        raise UsageError(
            f"yt-dlp has no parameter {key}; did you mean {near[0]}?"
            if near
            else "--yt-dlp-option sets what yt-dlp does not have; see the parameters of "
            "yt_dlp.YoutubeDL."
        )


def _require_fit(key: str, value: Any) -> None:
    _require_known(key)
    expected, fits = _TAKES.get(key) or _taken_like(_defaults()[key])
    if not fits(value):
        raise UsageError(f"--yt-dlp-option {key} takes {expected}.")


_Taken = tuple[str, Callable[[Any], bool]]


def _taken_like(default: Any) -> _Taken:
    """What a parameter with this default takes: in words, and as a test."""
    match default:
        case bool():
            return _SWITCH
        case int():
            return _COUNT
        case list() | set():
            return _TEXTS
        case dict():
            return 'a JSON object, {"a": "b"}', lambda value: isinstance(value, dict)
        case str():
            return _TEXT
        case _:
            return "JSON", lambda value: value is not None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_dict_of(fits: Callable[[Any], bool], value: Any) -> bool:
    return isinstance(value, dict) and all(map(fits, value.values()))


def _is_ip_address(value: Any) -> bool:
    with suppress(ValueError):
        return isinstance(value, str) and bool(ipaddress.ip_address(value))
    return False


def _fits_a_header(value: Any) -> bool:
    """Whether HTTP can carry this as a header's value; a line break would begin another one."""
    return (
        isinstance(value, str)
        and value.strip() != ""
        and value.isprintable()
        and all(ord(character) < 256 for character in value)
    )


_TEXT: _Taken = "a text", lambda value: isinstance(value, str) and value != ""
_TEXTS: _Taken = 'a JSON list of texts, ["a", "b"]', _is_texts
_SWITCH: _Taken = "true or false", lambda value: isinstance(value, bool)
_COUNT: _Taken = "a whole number above 0", lambda value: type(value) is int and value > 0
_SECONDS: _Taken = (
    "a number of seconds",
    lambda value: type(value) in (int, float) and 0 <= value < math.inf,
)

# What parameters take whose default does not show it.
_TAKES: Mapping[str, _Taken] = {
    **dict.fromkeys(
        [
            *("ap_mso", "client_certificate", "client_certificate_key", "ffmpeg_location"),
            *("geo_bypass_country", "geo_bypass_ip_block", "geo_verification_proxy", "netrc_cmd"),
            *("netrc_location", *_LOGIN),
        ],
        _TEXT,
    ),
    **dict.fromkeys(["hls_use_mpegts", "prefer_insecure"], _SWITCH),
    **dict.fromkeys(["http_chunk_size", "throttledratelimit"], _COUNT),
    **dict.fromkeys(["max_sleep_interval", "sleep_interval", "sleep_interval_requests"], _SECONDS),
    "cachedir": (
        "a folder, or false",
        lambda value: value is False or (isinstance(value, str) and value != ""),
    ),
    "check_formats": (
        'true, false or "selected"',
        lambda value: isinstance(value, bool) or value == "selected",
    ),
    "format": (
        'a text other than "-", which would ask at the keyboard',
        lambda value: isinstance(value, str) and value not in ("", "-"),
    ),
    "format_sort": (
        'a JSON list of fields, ["res:480", "fps"]',
        lambda value: (
            _is_texts(value) and all(re.match(FormatSorter.regex, each) for each in value)
        ),
    ),
    "impersonate": (
        "CLIENT[-VERSION][:OS[-VERSION]], such as chrome",
        lambda value: isinstance(value, ImpersonateTarget),
    ),
    "extractor_args": (
        'lists of texts by extractor and name, {"youtube": {"player_client": ["web"]}}',
        lambda value: _is_dict_of(lambda named: _is_dict_of(_is_texts, named), value),
    ),
    "http_headers": (
        'texts of one line by name, {"Referer": "https://example.org/"}; for cookies, user agent '
        "and proxies use --cookies, --user-agent and --proxy",
        lambda value: (
            _is_dict_of(_fits_a_header, value)
            and all(_fits_a_header(name) and name.lower() not in _HEADERS for name in value)
        ),
    ),
    "js_runtimes": (
        f'objects by runtime, {{"node": {{}}}}, of {", ".join(supported_js_runtimes.value)}',
        lambda value: (
            _is_dict_of(lambda each: isinstance(each, dict), value)
            and value.keys() <= supported_js_runtimes.value.keys()
        ),
    ),
    "remote_components": (
        f"a JSON list of {', '.join(supported_remote_components.value)}",
        lambda value: _is_texts(value) and set(value) <= set(supported_remote_components.value),
    ),
    "source_address": ("an IP address of this machine", _is_ip_address),
}
