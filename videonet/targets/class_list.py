"""Reads a class list: one target a line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from videonet.errors import UsageError
from videonet.files import read_bounded
from videonet.targets.imagenet import IMAGENET_LISTS
from videonet.targets.title_matcher import normalise


@dataclass(frozen=True)
class Wnid:
    """A WordNet 3.0 noun id, alone (n02084071) or with names (n01440764 tench, Tinca tinca)."""

    text: str
    # what titles call it; empty: WordNet's names
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Synset:
    """A WordNet synset: dog.n.01."""

    text: str


@dataclass(frozen=True)
class Noun:
    """A word or several: dog, great white shark."""

    text: str


@dataclass(frozen=True)
class Names:
    """A name and what else titles call it: `hot dog: frankfurter, wiener`."""

    text: str
    synonyms: tuple[str, ...]


# All nouns of WordNet with their synonyms are 5 MB.
_MOST_BYTES = 16_000_000

Entry = Wnid | Synset | Noun | Names


def read_class_list(path: Path) -> dict[int, Entry]:
    """Line number (from 1) -> what that line of `path` asks for.

    Blank lines and comments (from `#` at the line's beginning or after a space) are left out.
    Raises `UsageError` when the file cannot be read, is empty, or a line holds no name.
    """
    try:
        lines = read_bounded(path, _MOST_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the class list {path} cannot be read ({error}); expected {', '.join(IMAGENET_LISTS)} "
            "or a UTF-8 text file with one class a line"
        ) from error
    uncommented = (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines)
    entries = {number: _parse(text) for number, text in enumerate(uncommented, start=1) if text}
    if not entries:
        raise UsageError(f"the class list {path} names no class; expected one a line")
    for number, entry in entries.items():
        if not normalise(entry.text):
            raise UsageError(f"line {number} of {path} names no class; expected a name before ':'")
    return entries


def _parse(text: str) -> Entry:
    numbered = re.fullmatch(r"(n[0-9]{8})(?:\s*[\s:,]\s*(.*))?", text)
    if numbered:
        wnid, names = numbered.groups()
        return Wnid(wnid, _different((names or "").replace("_", " ").split(",")))
    if re.fullmatch(r"\S+\.[a-z]\.[0-9]{1,9}", text):
        return Synset(text)
    name, colon, rest = text.partition(":")
    if not colon:
        return Noun(text)
    synonyms = _different([name, *rest.split(",")])[1:] if normalise(name) else ()
    return Names(name.strip(), synonyms)


def _different(names: Iterable[str]) -> tuple[str, ...]:
    """The names that titles can tell apart, each as it was first written."""
    written: dict[str, str] = {}
    for name in names:
        written.setdefault(normalise(name), " ".join(name.split()))
    return tuple(written[key] for key in written if key)
