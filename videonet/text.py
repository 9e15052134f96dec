"""Texts as records and terminals can hold them."""

import re

# The longest error text in a record, characters.
ERROR_LENGTH = 300

# What a terminal takes for a change of colour.
_COLOUR = re.compile("\x1b\\[[^m]+m")


def shortened(text: str) -> str:
    """An error text as records keep it: one line of at most ERROR_LENGTH characters.

    The text may not hold secrets. For texts that may, see `videonet.fetch.redaction.Redaction`.
    """
    line = uncoloured(text)
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"


def uncoloured(text: str) -> str:
    """`text` in one line, without the colours that a program set for a terminal."""
    return " ".join(_COLOUR.sub("", text).split())


def encodable(text: str) -> str:
    """`text` with "?" for each half of a character. A title cut short in JSON can end with one."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def as_shown(text: str) -> str:
    """`text` from a stranger's file as a terminal may show it: one line without control codes."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
