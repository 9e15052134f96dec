"""Addresses as people may publish them: without user name, password, tokens and signatures.

The word REDACTED stands in the place of each secret, as OpenTelemetry's conventions have it for
`url.full`. So an address without its secrets is still an address, shows which parameters it had,
and is known as one that cannot be asked for. The store alone keeps the whole address.
"""

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

import msgspec

from videonet.fetch.signed_address import name_of, signature_in
from videonet.schemas.video_info import VideoInfo

# What stands in the place of a secret.
REDACTED = "REDACTED"

# What precedes user name and password.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*:)?/+", re.IGNORECASE)

# user:password@ before the host.
_USER = re.compile(r"[^/?#]*@")

# Likewise where the password holds a "/", "?" or "#" that should be escaped: what follows the colon
# is no port.
_BROKEN_USER = re.compile(r"[^/?#@:\[]+:(?!\d*([/?#]|$)).*@")

# What may stand before a secret: the name of a parameter of a query, a path or a fragment; or user
# and password of an address within this one.
_FURTHER = re.compile(r"(?<=[?&;#])([^=&;#?/\s]+)=(?=[^&#])|(?<=://)([^/?#&\s]+)(?=@)")

# The value of a parameter ends before another one, and within a path before the next segment.
_VALUE = re.compile(r"(?:[^&#;]|;(?![^=&;#?/\s]+=))+")
_VALUE_IN_PATH = re.compile(r"[^/?#;]+")

# An address within a text.
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)

# Words in names of parameters that hold a secret, and parts of such names without what parts words.
_WORDS = frozenset(
    {"auth", "sig", "lsig", "sign", "hmac", "jwt", "pass", "pwd", "ticket", "bearer", "cookie"}
    # Akamai's tokens
    | {"hdnts", "hdnea", "hdntl", "hdnst"}
)
_PARTS = re.compile(
    "token|secret|passw|signature|credential|authoriz|authentic|oauth|sessid|sessionid|accessid"
    "|(api|access|subscription|private|session)key"
)

# Values that are secrets whatever they are called: a signed JSON object (RFC 7519), a key of
# Google's interfaces, a message authentication code among a token's fields.
_SECRET_VALUE = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|AIza[\w-]{35}|.*\bhmac=", re.IGNORECASE)

# Shorter values are too common as words for hiding them in other texts.
_SHORTEST_SECRET = 6


class _Part(NamedTuple):
    """A part of an address: where it begins and ends."""

    begin: int
    end: int


def published(url: str) -> str:
    """`url` with REDACTED in the place of each secret; the same text where it holds none.

    Of a signature, all parameters are secrets: so it looks the same when it was signed again.
    """
    kept: list[str] = []
    done = 0
    for begin, end in _secrets(url):
        kept += (url[done:begin], REDACTED)
        done = end
    return "".join([*kept, url[done:]]) if kept else url


def is_redacted(url: str) -> bool:
    """Whether `url` is one from which a secret was taken, so that it cannot be asked for."""
    return REDACTED in url and any(url[begin:end] == REDACTED for begin, end in _parts(url))


def secrets_of(url: str) -> frozenset[str]:
    """The secrets that `url` holds, as they may appear in another text."""
    found = {url[begin:end] for begin, end in _secrets(url)}
    found |= {part for each in found for part in each.split(":")}
    found |= {unquote(each) for each in found} | {unquote_plus(each) for each in found}
    return frozenset(each for each in found if len(each) >= _SHORTEST_SECRET and each != REDACTED)


def published_text(text: str) -> str:
    """`text` with the addresses in it as they are published."""
    if "://" not in text:
        return text
    return _ADDRESS.sub(lambda found: published(found[0]), text)


def published_video(video: VideoInfo) -> VideoInfo:
    """What a source says of a video, as it is published. A path of a local file stays as it is."""
    texts = {
        "video_id": published_text(video.video_id),
        "url": video.url if video.root is not None else published(video.url),
        "title": published_text(video.title),
        "channel": video.channel and published_text(video.channel),
        "licence": video.licence and published_text(video.licence),
        "language": video.language and published_text(video.language),
        "description": video.description and published_text(video.description),
        "tags": video.tags and tuple(map(published_text, video.tags)),
        "category": video.category and published_text(video.category),
    }
    if all(getattr(video, name) == text for name, text in texts.items()):
        return video
    return msgspec.structs.replace(video, **texts)


def _secrets(url: str) -> Iterator[_Part]:
    """The secrets of an address that are still there, in order."""
    for part in _parts(url):
        if url[part.begin : part.end] != REDACTED:
            yield part


def _parts(url: str) -> Iterator[_Part]:
    """The parts of an address that are secret, or were, in order."""
    if "@" not in url and "=" not in url:
        return
    scheme = _SCHEME.match(url)
    begin = scheme.end() if scheme else 0
    user = _USER.match(url, begin) or _BROKEN_USER.match(url, begin)
    # What has no scheme may be a path.
    if user and (scheme or ":" in user[0] or user[0] == f"{REDACTED}@"):
        yield _Part(begin, user.end() - 1)
        begin = user.end()
    path, _, query = url[begin:].partition("#")[0].partition("?")
    path_ends = begin + len(path)
    signature = signature_in(query) if "=" in query else frozenset()
    done = begin
    for found in _FURTHER.finditer(url, begin):
        # A value that is secret may look as if it held further parameters.
        if found.start() < done:
            continue
        name, inner_user = found.groups()
        if inner_user:
            yield _Part(*found.span(2))
            continue
        value = (_VALUE_IN_PATH if found.end() <= path_ends else _VALUE).match(url, found.end())
        if value and (
            value[0] == REDACTED
            or name_of(name) in signature
            or _names_secret(name)
            or _holds_secret(value[0])
        ):
            done = value.end()
            yield _Part(*value.span())


@functools.lru_cache(1_000)
def _names_secret(name: str) -> bool:
    """Whether a parameter of this name holds a secret: by the words in it."""
    decoded = unquote_plus(name)
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", decoded)
    lower = {word.lower() for word in words} | {decoded.lower()}
    return not lower.isdisjoint(_WORDS) or _PARTS.search("".join(words).lower()) is not None


def _holds_secret(value: str) -> bool:
    """Whether a value is a secret, whatever its name, or an address that holds one."""
    decoded = unquote(value)
    if _SECRET_VALUE.match(decoded):
        return True
    return decoded != value and "://" in decoded and published(decoded) != decoded
