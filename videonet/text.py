"""Texts as records, terminals and pictures can hold them."""

import re
import unicodedata

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


def one_line(text: str) -> str:
    """`text` as a picture may show it: one line of characters that are drawn.

    Left out are characters that steer, such as changes of direction, and marks that pile up on
    letters.
    """
    spaced = "".join(" " if each.isspace() else each for each in text)
    shown = (each for each in unicodedata.normalize("NFC", spaced) if not _is_unseen(each))
    return " ".join("".join(shown).split())


def _is_unseen(character: str) -> bool:
    """Control and format characters, halves of characters, and marks that pile up on letters."""
    if unicodedata.category(character) in ("Cc", "Cf", "Cs"):
        return True
    return unicodedata.combining(character) > 0 or "\ufe00" <= character <= "\ufe0f"
