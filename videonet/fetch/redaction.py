"""What no record, message or report may show: secrets, and addresses with what may be tokens.

`conceal` and `redacted` share one state of this process, for all of its threads.
"""

import json
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote, quote_plus

import ahocorasick_rs

from videonet.text import encodable, shortened, uncoloured

# What stands in the place of a secret.
MARK = "***"

# Shorter strings are not concealed: as parts of ordinary words and numbers they are everywhere.
# Longer than MARK, so that hiding one always shortens the text, and so comes to an end.
SHORTEST = 4

# Parameters of yt-dlp whose values are no secrets, and say in run.json how a data set was made.
HARMLESS = frozenset(
    {
        "allowed_extractors",
        "cachedir",
        "check_formats",
        "compat_opts",
        "concurrent_fragment_downloads",
        "ffmpeg_location",
        "format",
        "format_sort",
        "format_sort_force",
        "geo_bypass",
        "geo_bypass_country",
        "http_chunk_size",
        "impersonate",
        "js_runtimes",
        "legacyserverconnect",
        "max_sleep_interval",
        "nocheckcertificate",
        "prefer_free_formats",
        "remote_components",
        "sleep_interval",
        "sleep_interval_requests",
        "throttledratelimit",
        "usenetrc",
    }
)

# Options of the command line whose values are hidden.
_YT_DLP_OPTION = "--yt-dlp-option"
_SECRET_OPTIONS = frozenset({"--proxy", "--cookies-from-browser", _YT_DLP_OPTION})

# user:password@ of an address. A quotation mark or an angle bracket ends an address, as in JSON and
# HTML; within one they are percent-encoded.
_USER = re.compile(r"""(?<=://)[^\s/?#"<>]*@""")

# Host and path, then query and fragment. The limit keeps the time short for texts of many slashes.
_ADDRESS = re.compile(r"""(://[^\s?#"<>]{0,4000}+)([?#][^\s"<>]+)""")

# An address on a host that is named elsewhere, as HTTP libraries report it: "url: /path?query".
_PATH = re.compile(r"""(?<![^\s"'(\[=])(/[^\s?#"<>]{0,4000}+)(\?[^\s"<>]+)""")

# Punctuation that follows an address rather than being its last part.
_PUNCTUATION = ")]}'.,;:!?"

# A header's name as text, in a dict or in JSON; its value may last as long as the line.
_HEADER = re.compile(
    r"""(\b(?:proxy-)?authorization["']?[ \t]*[:=][ \t]*)\S.*"""
    r"""|(\b(?:set-)?cookie["']?[ \t]*:[ \t]*["']?)(?=[^\s=;,]+=).*""",
    re.IGNORECASE,
)


class Secrets:
    """Strings that texts are not to show. Any thread may add to it and use it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._forms: frozenset[str] = frozenset()
        self._automaton = ahocorasick_rs.AhoCorasick([])
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these too, also percent-encoded, quoted, and with their blanks run together."""
        new = {form for secret in secrets for form in _forms(secret)}
        with self._lock:
            if not new <= self._forms:
                self._forms |= new
                self._automaton = ahocorasick_rs.AhoCorasick(sorted(self._forms))

    def redacted(self, text: str) -> str:
        """See the function of that name."""
        # What is left on both sides of something hidden may be a secret, now that it has met.
        while (further := self._redacted_once(text)) != text:
            text = further
        return text

    def _redacted_once(self, text: str) -> str:
        text = self._without_secrets(text)
        text = _USER.sub("", text)
        for pattern in (_ADDRESS, _PATH):
            text = pattern.sub(lambda found: found[1] + _without_tokens(found[2]), text)
        return _HEADER.sub(lambda found: (found[1] or found[2]) + MARK, text)

    def _without_secrets(self, text: str) -> str:
        found = self._automaton.find_matches_as_indexes(encodable(text), overlapping=True)
        kept: list[str] = []
        done = 0
        for start, end in sorted((start, end) for _, start, end in found):
            # Secrets that overlap or touch are hidden as one.
            if start > done or not kept:
                kept += [text[done:start], MARK]
            done = max(done, end)
        return "".join([*kept, text[done:]])


_concealed = Secrets()


def conceal(secrets: Iterable[str]) -> None:
    """Let `redacted` hide these too, from now on, in this process.

    Strings of fewer than SHORTEST characters are left alone, blanks at their ends aside.
    """
    _concealed.add(secrets)


def redacted(text: str) -> str:
    """`text` with MARK for every concealed string, and addresses without what may be tokens.

    Addresses lose user name, password, query and fragment; the values of Authorization and Cookie
    headers are hidden to the end of their line. A text that is to be shortened is redacted before
    that: part of a secret is not recognised.
    """
    return _concealed.redacted(text)


def error_text(text: str) -> str:
    """An error text as records keep it: `shortened`, and without secrets."""
    # A secret that was cut in two is not found, so this comes first.
    return shortened(redacted(uncoloured(text)))


def redacted_command(argv: Sequence[str]) -> list[str]:
    """A command line as reports keep it: without proxies, browsers, and secrets for yt-dlp."""
    shown = []
    option = None
    for word in argv:
        if option is not None:
            shown.append(_redacted_value(option, word))
            option = None
            continue
        typed, equals, value = word.partition("=")
        # Among Beam's options, ours may be written with "_".
        name = typed.replace("_", "-")
        if name not in _SECRET_OPTIONS:
            shown.append(redacted(word))
        elif equals:
            shown.append(f"{typed}={_redacted_value(name, value)}")
        else:
            shown.append(word)
            option = name
    return shown


def _redacted_value(option: str, value: str) -> str:
    key, equals, _ = value.partition("=")
    if option != _YT_DLP_OPTION or not equals:
        return MARK
    if key.strip().replace("-", "_") in HARMLESS:
        return redacted(value)
    # What is no name may be a value in the wrong place.
    return f"{key}={MARK}" if re.fullmatch(r"[\w-]{1,40}", key) else MARK


def _without_tokens(rest: str) -> str:
    """What is shown of an address from its "?" or "#" on."""
    tokens = rest.rstrip(_PUNCTUATION)
    return f"?…{rest[len(tokens) :]}" if len(tokens) > 1 else rest


def _forms(secret: str) -> Iterator[str]:
    """How `secret` may come to stand in a text; nothing if it is too short to be hidden."""
    bare = encodable(secret).strip()
    if len(bare) < SHORTEST:
        return
    yield bare
    yield " ".join(bare.split())
    yield repr(bare)[1:-1]
    yield json.dumps(bare)[1:-1]
    for encoded in (quote(bare), quote(bare, safe=""), quote_plus(bare)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
