"""Texts of strangers as terminals, logs, pages and editors may be given them: nothing in them acts.

In Parquet and TFRecord they are data, and stay as they are.
"""

import re
from typing import Any

# What acts on a terminal or on the text around it, and is not to be seen: control characters,
# formats (directions, joiners, tags), ends of lines and paragraphs, halves of characters. In
# ranges, since a look at the category of each character takes ten times as long.
_ALL = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)

_ACTING = re.compile(f"[{_ALL}]")

# Of these, those that are not seen where they belong: soft hyphens, joiners, marks of byte order.
_UNSEEN = frozenset("\xad\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff")

# Of these, those that stand between words.
_BLANK = frozenset("\r\u2028\u2029")


def printable(text: str) -> str:
    """`text` as a terminal, a log or a page may be given it: with no character that acts.

    Ends of lines and tabs stay. A character that is not to be seen is left out; one that rings,
    moves the cursor or turns the text around is replaced by "\ufffd".
    """
    return _ACTING.sub(_seen, text)


def printable_values(value: Any) -> Any:
    """What is plain data, with `printable` texts."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_values(key): printable_values(each) for key, each in value.items()}
    return list(map(printable_values, value)) if isinstance(value, list) else value


def _seen(found: re.Match[str]) -> str:
    if found[0] in _UNSEEN:
        return ""
    return " " if found[0] in _BLANK else "\ufffd"


def shown_json(data: bytes) -> bytes:
    """The same JSON, with escapes in place of characters that act."""
    if data.isascii() and b"\x7f" not in data:
        return data
    try:
        return _ACTING.sub(_escape, data.decode()).encode()
    except UnicodeDecodeError:
        # It is no JSON.
        return data


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
