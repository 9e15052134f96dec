"""Which classes a title names, found slowly: the rule of the README, written down a second time.

It shares nothing with `videonet.targets.title_matcher`: a title is taken apart character by
character, and each run of its words is looked up. What it finds is what the fast matcher must find.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from html.entities import html5

import inflect

APOSTROPHES = "'`\u00b4\u02bc\u2018\u2019\u201b\u2032"


class SlowMatcher:
    """Finds the names of many targets in a title."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        """`names`: target_id -> what it is called."""
        self._names = {target_id: tuple(called) for target_id, called in names.items()}
        # the words of a name or plural -> the names that it stands for
        self._meant: dict[tuple[str, ...], set[tuple[str, str]]] = {}
        for target_id, called in self._names.items():
            for name in called:
                for words in forms_of(name):
                    self._meant.setdefault(words, set()).add((target_id, name))
        self._longest = max(map(len, self._meant), default=0)

    def match(self, title: str) -> dict[str, tuple[str, ...]]:
        """target_id -> its names that `title` contains; both in the order they were given in."""
        words = words_of(title)
        meant: set[tuple[str, str]] = set()
        for length in range(1, self._longest + 1):
            for begin in range(len(words) - length + 1):
                meant |= self._meant.get(tuple(words[begin : begin + length]), set())
        if not meant:
            return {}
        found = {
            target_id: tuple(name for name in called if (target_id, name) in meant)
            for target_id, called in self._names.items()
        }
        return {target_id: called for target_id, called in found.items() if called}


def words_of(text: str) -> list[str]:
    """The words of a text, lower-case and without accents."""
    # Twice, for some pages escape what was escaped.
    for _ in range(2):
        text = re.sub(r"&(#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z0-9]+);", character_of, text)
    written = "".join(map(letters_of, text))
    spaced = ""
    katakana = False
    for letter in unicodedata.normalize("NFC", written):
        was_katakana, katakana = katakana, is_katakana(letter)
        apart = katakana != was_katakana
        spaced += f" {letter} " if is_a_word(letter) else f" {letter}" if apart else letter
    words = []
    for chunk in spaced.split():
        first, *others = chunk.split("'")
        # "dog's" is "dog", "don't" is "dont"
        words.append(first + "".join(without_possessives(first, others)))
    return [word for word in words if word]


def character_of(entity: re.Match[str]) -> str:
    """What an entity of HTML stands for; itself if for nothing."""
    known = entity[1].startswith("#") or f"{entity[1]};" in html5
    return unescape(entity[0]) if known else entity[0]


def letters_of(character: str) -> str:
    """What is left of a character: letters, digits and marks that belong to a word, or a space."""
    if character in APOSTROPHES:
        return "'"
    if character in "\N{TRADE MARK SIGN}\N{SERVICE MARK}":
        return " "
    plain = unicodedata.normalize("NFKD", character).casefold()
    return "".join(map(letter_of, unicodedata.normalize("NFKD", plain)))


def letter_of(character: str) -> str:
    """The same of a character that is decomposed."""
    if character in APOSTROPHES:
        return "'"
    match unicodedata.category(character):
        case "Me":
            return ""
        case "Cf":
            return " " if character == "\N{ZERO WIDTH SPACE}" else ""
        case "Mn" if "VARIATION SELECTOR" in unicodedata.name(character):
            return ""
        case "Mn" | "Mc" if unicodedata.combining(character) in (1, *range(200, 256)):
            return ""
        case category if category.startswith(("L", "N", "M")):
            return character
    return " "


def is_a_word(letter: str) -> bool:
    """Whether it is a Chinese character or a hiragana letter."""
    return (
        0x3005 <= ord(letter) <= 0x3007
        or 0x3041 <= ord(letter) <= 0x309F
        or unicodedata.name(letter, "").startswith("CJK UNIFIED IDEOGRAPH")
    )


def is_katakana(letter: str) -> bool:
    """Whether it is of the script that writes a whole word in one run."""
    return 0x30A1 <= ord(letter) <= 0x30FF or 0x31F0 <= ord(letter) <= 0x31FF


def without_possessives(first: str, others: Sequence[str]) -> Iterator[str]:
    """The parts between the apostrophes of a word, after the first, without each possessive s."""
    before = first
    for part in others:
        if not (part == "s" and before):
            yield part
        before = part


def forms_of(name: str) -> set[tuple[str, ...]]:
    """The words of a name and of its plurals; with and without its apostrophes."""
    written = {name, *plurals_of(name)}
    written |= {"".join(each for each in form if each not in APOSTROPHES) for form in written}
    return {tuple(words_of(form)) for form in written} - {()}


def plurals_of(name: str) -> Iterator[str]:
    """Plurals of the whole name and of its last word, in today's English and as in Latin."""
    words = words_of(name)
    for classical in (False, True):
        engine = inflect.engine()
        engine.classical(all=classical)
        yield engine.plural_noun("the " + name.casefold()).removeprefix("the ")
        if words:
            last = engine.plural_noun("the " + words[-1]).removeprefix("the ")
            yield " ".join([*words[:-1], last])
    text = " ".join(words)
    if text.endswith("o"):
        yield text + "s"
    if text.endswith(("o", "s", "fish")):
        yield text + "es"
    if text.endswith("us") and len(words[-1]) > 6:
        yield text.removesuffix("us") + "i"
