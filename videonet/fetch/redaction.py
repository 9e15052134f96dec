"""What no record, message or report may show: secrets, and the parts of addresses that may be."""

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import ahocorasick_rs

from videonet.fetch.option_table import HARMLESS, LOGIN
from videonet.text import encodable, shortened, uncoloured

# The text that stands in the place of a secret.
MARK = "***"

# Shorter strings are not hidden: they are parts of ordinary words and numbers. A string of this
# length is longer than MARK, so hiding one shortens the text, and hiding comes to an end.
SHORTEST = 4

# Shorter values are not secret unless they are there to log in: sites keep "1", "true" and "en-US"
# in cookies, and without those no number and no word of a report could be read.
SHORTEST_SECRET = 6

# Parts of a longer value, such as the token of "Bearer TOKEN", are secret from this length on.
_SHORTEST_PART = 12

# Shorter user names are not secret: as words they would be hidden in every other text.
_SHORTEST_NAME = 6

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


class Redaction:
    """Hides some strings in texts, also percent-encoded, quoted, or with their blanks run together.

    A string of fewer than SHORTEST characters, less the blanks at its ends, is not hidden.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secrets)
        forms = {form for secret in self._secrets for form in _forms(secret)}
        self._automaton = ahocorasick_rs.AhoCorasick(sorted(forms))

    def and_of(self, secrets: Collection[str]) -> "Redaction":
        """One that hides these strings as well."""
        return Redaction(self._secrets.union(secrets)) if secrets else self

    def redacted(self, text: str) -> str:
        """`text` with MARK for every secret, and addresses without the parts that may be tokens.

        Addresses lose user name, password, query and fragment. The values of Authorization and
        Cookie headers are hidden to the end of their line.
        """
        # The texts before and after a hidden one may form a secret together.
        while (further := self._redacted_once(text)) != text:
            text = further
        return text

    def error_text(self, text: str) -> str:
        """An error text as records keep it: redacted, one line of at most ERROR_LENGTH characters.

        The text is redacted before it is cut, because a secret that was cut in two is not found.
        """
        return shortened(self.redacted(uncoloured(text)))

    def command(self, argv: Sequence[str]) -> list[str]:
        """A command line as reports keep it: without proxies, browsers and secrets for yt-dlp."""
        shown = []
        option = None
        for word in argv:
            if option is not None:
                shown.append(self._value(option, word))
                option = None
                continue
            typed, equals, value = word.partition("=")
            # Among Beam's options, ours may be written with "_".
            name = typed.replace("_", "-")
            if name not in _SECRET_OPTIONS:
                shown.append(self.redacted(word))
            elif equals:
                shown.append(f"{typed}={self._value(name, value)}")
            else:
                shown.append(word)
                option = name
        return shown

    def _value(self, option: str, value: str) -> str:
        key, equals, _ = value.partition("=")
        if option != _YT_DLP_OPTION or not equals:
            return MARK
        if key.strip().replace("-", "_") in HARMLESS:
            return self.redacted(value)
        # What is no name may be a value in the wrong place.
        return f"{key}={MARK}" if re.fullmatch(r"[\w-]{1,40}", key) else MARK

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


def secrets_in(options: Mapping[str, Any]) -> Iterator[str]:
    """The strings in parameters of YoutubeDL that must appear nowhere."""
    yield from secrets_in_url(options.get("geo_verification_proxy", ""))
    for key in options.keys() - HARMLESS:
        for text in _texts_in(options[key]):
            if key in LOGIN or len(text) >= SHORTEST_SECRET:
                yield text
            parts = re.split(r"[\s,;:=+]+", text)
            yield from (part for part in parts if len(part) >= _SHORTEST_PART)


def secrets_in_url(url: str) -> frozenset[str]:
    """What is secret of a url with user name and password, as it may appear; empty without."""
    _, scheme_ends, rest = url.partition("://")
    typed, at, _ = (rest if scheme_ends else url).rpartition("@")
    if not at:
        return frozenset()
    found = {url, typed}
    # yt-dlp decodes those of SOCKS as it would a form.
    for decoded in (str, unquote, unquote_plus):
        name, _, password = map(decoded, typed.partition(":"))
        both = f"{name}:{password}"
        found |= {both, password, base64.b64encode(both.encode("utf-8", "replace")).decode()}
        if len(name) >= _SHORTEST_NAME:
            found.add(name)
    return frozenset(found - {""})


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
