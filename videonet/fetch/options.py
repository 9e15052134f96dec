"""What `--yt-dlp-option` may set: parameters of yt-dlp, as "KEY=VALUE"."""

import copy
import difflib
import functools
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
import yt_dlp
from msgspec import Meta
from yt_dlp.globals import supported_js_runtimes, supported_remote_components
from yt_dlp.networking.impersonate import ImpersonateTarget
from yt_dlp.utils import FormatSorter, YoutubeDLError

from videonet.errors import UsageError
from videonet.fetch.proxies import credentials
from videonet.fetch.redaction import HARMLESS, error_text

# Shorter values are not secret unless they are there to log in: sites keep "1", "true" and "en-US"
# in cookies, and without those no number and no word of a report could be read.
SHORTEST_SECRET = 6

# Parts of a longer value, such as the token of "Bearer TOKEN", are secret from this length on.
_SHORTEST_PART = 12

# What HTTP can carry as a header's value; a line break would begin another header.
HEADER_VALUE = r"\A[!-~\xa1-\xff][ -~\xa0-\xff]*\Z"

_LOGIN = (
    *("username", "password", "twofactor", "videopassword", "ap_username", "ap_password"),
    "client_certificate_password",
)


def options_of(texts: Iterable[str]) -> dict[str, Any]:
    """Parameters of YoutubeDL from texts like "KEY=VALUE"; VALUE is JSON, or the text itself.

    Raises UsageError, whose sentence shows nothing that may be secret.
    """
    options: dict[str, Any] = {}
    for key, value in map(_option, texts):
        if key in options:
            raise UsageError(f"--yt-dlp-option gives {key} twice; give it once.")
        options[key] = value
    if ("username" in options) != ("password" in options):
        raise UsageError("--yt-dlp-option takes username and password together, or neither.")
    try:
        # What a format or a target for `impersonate` may be, yt-dlp alone knows.
        silent_yt_dlp(options)
    except (YoutubeDLError, SyntaxError, ValueError) as error:
        said = error_text(str(error))
        raise UsageError(f"yt-dlp does not take what --yt-dlp-option says: {said}") from None
    return options


def secrets_in(options: Mapping[str, Any]) -> Iterator[str]:
    """The strings in parameters of YoutubeDL that must appear nowhere."""
    yield from credentials(options.get("geo_verification_proxy", ""))
    for key in options.keys() - HARMLESS:
        for text in _texts_in(options[key]):
            if key in _LOGIN or len(text) >= SHORTEST_SECRET:
                yield text
            parts = re.split(r"[\s,;:=+]+", text)
            yield from (part for part in parts if len(part) >= _SHORTEST_PART)


def silent_yt_dlp(parameters: Mapping[str, Any]) -> yt_dlp.YoutubeDL:
    """yt-dlp that prints nothing. Raises what yt-dlp raises for parameters that it cannot use."""
    # A logger that takes nothing, without the console's as its parent.
    silence = logging.Logger("silence", logging.CRITICAL + 1)
    # yt-dlp tidies up in what it is given.
    return yt_dlp.YoutubeDL({**copy.deepcopy(dict(parameters)), "logger": silence})


def _option(text: str) -> tuple[str, Any]:
    key, equals, typed = text.partition("=")
    key = key.strip().replace("-", "_")
    if not equals or not key.isidentifier():
        raise UsageError('--yt-dlp-option takes KEY=VALUE, such as format_sort=["res:480"].')
    kind, words = _taken_by(key)
    try:
        value = msgspec.json.decode(typed)
    except (ValueError, RecursionError):
        value = typed
    if kind is str and not isinstance(value, str):
        # Only JSON in quotes is taken as such: a password may be 123.
        value = typed
    try:
        msgspec.convert(value, kind)
        if key == "impersonate":
            value = ImpersonateTarget.from_str(value.lower())
    except ValueError:
        raise UsageError(f"--yt-dlp-option {key} takes {words}.") from None
    return key, value


def _texts_in(value: Any) -> Iterator[str]:
    """All strings within `value`, but for the names of what is in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each)


# Parameters that are not the user's to set, as patterns, by what the user is told instead.
_REFUSED = {
    "use --cookies": "cookiefile",
    "use --cookies-from-browser": "cookiesfrombrowser",
    "use --proxy": "proxy",
    "use --rate-limit": "ratelimit",
    "use --max-bytes": "max_filesize",
    "attempts and their time are limited by --deadline": ".*retr(y|ies).*|socket_timeout",
    "the store names its files and decides what stays": (
        "autonumber.*|continuedl|final_ext|keep.*|merge_output_format|nopart|outtmpl.*"
        "|overwrites|paths|.*filenames|trim_file_name|updatetime|useid"
    ),
    "a video is taken whole and as it is": (
        "allow_(multiple|unplayable).*|download_ranges|external_downloader.*|fixup"
        "|force_keyframes_at_cuts|hls_prefer_native|ignore.*errors?|post.*|simulate"
        "|skip_(download|unavailable_fragments)|test"
    ),
    "videos come from --source, one at a time": (
        ".*playlist.*|break_.*|default_search|.*download_archive|extract_flat|max_downloads"
    ),
    "the video file alone is taken": ".*subtitles.*|clean_infojson|getcomments|write.*",
    "candidates are chosen by title, --min-seconds, --max-bytes and --licence": (
        "age_limit|daterange|live_from_start|match.*|reject.*|(max|min)_views|min_filesize"
        "|wait_for_video"
    ),
    "a page could have files of this machine read; use --source folder:DIR": "enable_file_urls",
    "yt-dlp is silent here, for what it prints may hold secrets": (
        ".*print.*|bidi_workaround|color|consoletitle|dump_.*|encoding|force[a-z]+|list.*"
        "|load_pages|log.*|.*progress.*|quiet|verbose|.*warn.*"
    ),
}


def _refusal(key: str) -> str | None:
    """Why a parameter is not the user's to set; None if it is."""
    fits = (instead for instead, pattern in _REFUSED.items() if re.fullmatch(pattern, key))
    return next(fits, None)


@functools.cache
def _defaults() -> Mapping[str, Any]:
    """The parameters that the user may set, and what yt-dlp's own command line sets them to."""
    defaults: dict[str, Any] = yt_dlp.parse_options([]).ydl_opts
    return {key: default for key, default in defaults.items() if _refusal(key) is None}


# A type as msgspec takes it, and what is said of it.
_Taken = tuple[Any, str]


def _taken_by(key: str) -> _Taken:
    """What a parameter takes. Raises UsageError if it is not the user's to set."""
    instead = _refusal(key)
    if instead is not None:
        raise UsageError(f"--yt-dlp-option cannot set {key}: {instead}.")
    if key not in _defaults():
        near = difflib.get_close_matches(key, _defaults(), n=1)
        hint = f"did you mean {near[0]}?" if near else "see those of yt_dlp.YoutubeDL."
        raise UsageError(f"--yt-dlp-option sets {key}, which yt-dlp does not have; {hint}")
    return _TAKEN.get(key) or _TAKEN_LIKE.get(type(_defaults()[key]), (Any, "JSON"))


def _one_of(names: Iterable[str]) -> Meta:
    return Meta(pattern=rf"\A({'|'.join(names)})\Z")


_TEXT = (str, "a text")
_TEXTS = (list[str], 'a JSON list of texts, ["a", "b"]')
_SWITCH = (bool, "true or false")
_COUNT = (Annotated[int, Meta(gt=0)], "a whole number above 0")
_SECONDS = (Annotated[float, Meta(ge=0)], "a number of seconds")

# By the type of its default.
_TAKEN_LIKE: dict[type, _Taken] = {
    bool: _SWITCH,
    int: _COUNT,
    list: _TEXTS,
    set: _TEXTS,
    dict: (dict[str, Any], 'a JSON object, {"a": "b"}'),
}

_HeaderName = Annotated[str, Meta(pattern=r"\A(?!(?i:cookie)\Z)[\w-]+\Z")]
_HeaderValue = Annotated[str, Meta(pattern=HEADER_VALUE)]

# Those whose default does not show it.
_TAKEN: Mapping[str, _Taken] = {
    **dict.fromkeys(
        [
            *("ap_mso", "client_certificate", "client_certificate_key", "ffmpeg_location"),
            *("format", "geo_bypass_country", "geo_bypass_ip_block", "geo_verification_proxy"),
            *("netrc_cmd", "netrc_location", *_LOGIN),
        ],
        _TEXT,
    ),
    **dict.fromkeys(["hls_use_mpegts", "prefer_insecure"], _SWITCH),
    **dict.fromkeys(["http_chunk_size", "throttledratelimit"], _COUNT),
    **dict.fromkeys(["max_sleep_interval", "sleep_interval", "sleep_interval_requests"], _SECONDS),
    # Not a text like others, for which "false" would be a folder of that name.
    "cachedir": (Annotated[str, Meta(min_length=1)], "a folder"),
    "check_formats": (bool | Literal["selected"], 'true, false or "selected"'),
    "extractor_args": (
        dict[str, dict[str, list[str]]],
        'lists of texts by extractor and name, {"youtube": {"player_client": ["web"]}}',
    ),
    "format_sort": (
        list[Annotated[str, Meta(pattern=rf"\A{FormatSorter.regex}")]],
        'a JSON list of fields, ["res:480", "fps"]',
    ),
    "http_headers": (
        dict[_HeaderName, _HeaderValue],
        'texts of one line by name, {"Referer": "https://example.org/"}; for cookies use --cookies',
    ),
    "impersonate": (str, "CLIENT[-VERSION][:OS[-VERSION]], such as chrome"),
    "js_runtimes": (
        dict[Annotated[str, _one_of(supported_js_runtimes.value)], dict[str, Any]],
        f'objects by runtime, {{"node": {{}}}}, of {", ".join(supported_js_runtimes.value)}',
    ),
    "remote_components": (
        list[Annotated[str, _one_of(supported_remote_components.value)]],
        f"a JSON list of {', '.join(supported_remote_components.value)}",
    ),
    "source_address": (
        Annotated[str, Meta(pattern=r"\A[0-9a-fA-F.:]+\Z")],
        "an IP address of this machine",
    ),
}
