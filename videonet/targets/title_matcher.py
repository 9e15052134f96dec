"""Which classes a title names.

A title names a class when it contains one of the class's names, or its plural, as whole words in
order. Case, accents and punctuation do not count.
"""

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html.entities import html5

import ahocorasick_rs

from videonet.schemas.target import Target
from videonet.targets.plurals import plurals_of


class TitleMatcher:
    """Finds the names of many targets in a title at once."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        """`names`: target_id -> what it is called. A name without letter or digit never matches."""
        # Each target with each of its names, in their order.
        self._pairs: list[tuple[str, tuple[str]]] = []
        # form -> places of pairs, ascending
        hits: defaultdict[str, list[int]] = defaultdict(list)
        forms = _forms(dict.fromkeys(name for called in names.values() for name in called))
        for target_id, called in names.items():
            for name in called:
                for form in forms[name]:
                    hits[form].append(len(self._pairs))
                self._pairs.append((target_id, (name,)))
        self._hits = list(hits.values())
        # What a title names that has one form alone.
        self._alone = [self._named_at(places) for places in self._hits]
        # Spaces around the form and around the title make a substring a run of whole words.
        self._automaton = ahocorasick_rs.AhoCorasick([f" {form} " for form in hits])

    def match(self, title: str) -> dict[str, tuple[str, ...]]:
        """target_id -> its names that `title` contains; both in the order they were given in."""
        return self.match_all([title]).get(0, {})

    def match_all(self, titles: Sequence[str]) -> dict[int, dict[str, tuple[str, ...]]]:
        """What `match` says of each title that names a target, by its place in `titles`.

        Many titles at once take a fraction of the time that each of them would take by itself.
        """
        # Apart, for text that is all ASCII folds much faster, and most titles are.
        plain: list[int] = []
        other: list[int] = []
        for place, title in enumerate(titles):
            (plain if title.isascii() else other).append(place)
        forms = self._found(titles, plain) | self._found(titles, other)
        return {place: self._named(forms[place]) for place in sorted(forms)}

    def _found(self, titles: Sequence[str], places: Sequence[int]) -> dict[int, set[int]]:
        """The forms that each title has, by its place in `titles`; only of those that have any."""
        text = _joined([titles[place] for place in places])
        forms: dict[int, set[int]] = {}
        nth, before, own = 0, 0, set[int]()
        # In the order of their ends.
        for form, _, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if between := text.count(_BETWEEN_TITLES, before, end):
                nth += between
                own = set()
            before = end
            if not own:
                forms[places[nth]] = own
            own.add(form)
        return forms

    def _named(self, forms: set[int]) -> dict[str, tuple[str, ...]]:
        # With many classes most titles have some form, and this takes as long as finding it.
        if len(forms) == 1:
            (form,) = forms
            return dict(self._alone[form])
        places: list[int] = []
        for form in forms:
            places += self._hits[form]
        places.sort()
        return self._named_at(places)

    def _named_at(self, places: Iterable[int]) -> dict[str, tuple[str, ...]]:
        """The targets, with their names, of these pairs, which may be repeated."""
        matched: dict[str, tuple[str, ...]] = {}
        before = None
        for place in places:
            # Two forms may be of one name: "dog" and "dogs".
            if place != before:
                target_id, name = self._pairs[place]
                matched[target_id] = matched[target_id] + name if target_id in matched else name
                before = place
        return matched


def match_titles(
    titles: Sequence[str], targets: Iterable[Target]
) -> list[dict[str, tuple[str, ...]]]:
    """For each title, the targets that it names: target_id -> the names that it contains.

    To match many batches of titles, make one `TitleMatcher` and keep it.

    >>> swans = [target for target in resolve_targets("imagenet1k") if "swan" in target.name]
    >>> match_titles(["Two black swans at dawn", "A catalogue of birds"], swans)
    [{'n01860187': ('black swan',)}, {}]
    """
    matched = target_matcher(targets).match_all(titles)
    return [matched.get(place, {}) for place in range(len(titles))]


def target_matcher(targets: Iterable[Target]) -> TitleMatcher:
    """A matcher for the names and synonyms of all targets."""
    return TitleMatcher({each.target_id: (each.name, *each.synonyms) for each in targets})


def normalise(text: str) -> str:
    """The words of `text`, lower-case, without accents and punctuation, one space between them.

    What HTML writes as an entity is the character that it stands for ("hot&nbsp;dog").

    A possessive 's is left out ("dog's" is "dog"), any other apostrophe vanishes ("don't" is
    "dont"), and all other punctuation separates words ("T-shirt" is "t shirt"). A Chinese
    character, a hiragana letter and a run of katakana are words of their own (Unicode Standard
    Annex 29), for their scripts put no space between words.
    """
    return _joined([text])[1:-1]


# A character that is no part of a word and that folding leaves as it is: texts with it between them
# are normalised at once.
_BETWEEN_TITLES = "\0"


def _joined(texts: Sequence[str]) -> str:
    """All texts normalised, with a space before and after each and a NUL between two of them."""
    # With spaces, so that every ASCII character folds to one, which is what `translate` does fast.
    between = f" {_BETWEEN_TITLES} "
    text = between.join(texts)
    if text.count(_BETWEEN_TITLES) >= len(texts):
        text = between.join(each.replace(_BETWEEN_TITLES, " ") for each in texts)
    folded = f" {_unescaped(text)} ".translate(_FOLDED)
    if not folded.isascii():
        # Each by itself, for nearly all are composed already, which is found out fast.
        each = (unicodedata.normalize("NFC", text) for text in folded.split(_BETWEEN_TITLES))
        folded = _UNSPACED.sub(_spaced, _BETWEEN_TITLES.join(each))
    if "'" in folded:
        folded = _POSSESSIVE.sub("", folded).replace("'", "")
    return f" {' '.join(folded.split())} "


# A character as pages of the web write it: by its name, or its number. Where text was escaped
# again, the "&" of it is written so, too.
_ENTITY = re.compile(
    r"""
    & (?: (?: amp | AMP | \#0{0,5}38 | \#[xX]0{0,5}26 ) ; )*
    ( [A-Za-z][A-Za-z0-9]{1,31} | \#[0-9]{1,8} | \#[xX][0-9a-fA-F]{1,8} ) ;
    """,
    re.VERBOSE,
)


def _unescaped(text: str) -> str:
    """`text` with characters in the place of the entities of HTML, also of those escaped twice.

    Only with the semicolon at their ends: in "rock&reggae" there is no registered trade mark.
    """
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    name = entity[1]
    if not name.startswith("#") and f"{name};" not in html5:
        # It is an "&", however often that was escaped, before what is no entity.
        return f"&{name};"
    # Folded here, so that one such title does not make text that is not ASCII of a thousand.
    return html.unescape(f"&{name};").translate(_FOLDED)


def _spaced(run: re.Match[str]) -> str:
    return " ".join(_UNSPACED_WORD.split(run[0]))


class _Folding(dict[int, str]):
    """Code point -> what is left of it; a table for `str.translate` that fills itself."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = "".join(map(_fold, _decomposed(chr(code))))
        return folded


_FOLDED = _Folding({ord(_BETWEEN_TITLES): _BETWEEN_TITLES})
# It begins with what is rare, which is what the search looks for.
_POSSESSIVE = re.compile(r"'s(?<=\w's)(?!\w)")
_UNSPACED_WORD = re.compile(
    "([\u3005-\u3007\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af]"
    "|[\u30a1-\u30ff\u31f0-\u31ff]+)"
)
# All of these and more, with one comparison a character.
_UNSPACED = re.compile("[^\0-\u3004]+")
_APOSTROPHES = frozenset("'`\u00b4\u02bc\u2018\u2019\u201b\u2032")
_NO_APOSTROPHES = str.maketrans(dict.fromkeys(_APOSTROPHES, ""))
# These decompose into letters that belong to no word ("Dog(TM)" is not "dogtm").
_TRADE_MARKS = frozenset("\u2120\u2122")
# Zero-width space: invisible, but made to separate words.
_SEPARATORS = frozenset("\u200b")


def _decomposed(character: str) -> str:
    """`character` case-folded, its accents as characters of their own."""
    if character in _APOSTROPHES:
        return "'"
    if character in _TRADE_MARKS:
        return " "
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())


def _fold(character: str) -> str:
    """`character` if it is part of a word, nothing if it is an accent, else a space."""
    category = unicodedata.category(character)
    if character in _APOSTROPHES:
        return "'"
    if _is_accent(character, category) or (category == "Cf" and character not in _SEPARATORS):
        return ""
    return character if category[0] in "LNM" else " "


def _is_accent(character: str, category: str) -> bool:
    """Whether a mark can be left out.

    Strokes (combining class 1) and marks around a letter (200 and above) can, as can enclosing
    marks and variation selectors. Vowel signs, viramas, tone and voicing marks are parts of the
    word in the scripts that have them; their classes are lower.
    """
    combining = unicodedata.combining(character)
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return combining == 1 or combining >= 200 or category == "Me" or selector


def _forms(names: Iterable[str]) -> dict[str, set[str]]:
    """Each name -> the name and its plurals, normalised.

    Plurals are those of the whole name (mothers-in-law) and of its last word (mother-in-laws).
    """
    words = {name: normalise(name).split() for name in names}
    # A name without a letter or digit has none.
    nouns = {name.casefold() for name, each in words.items() if each}
    nouns |= {each[-1] for each in words.values() if each}
    plurals = dict(zip(nouns, plurals_of(list(nouns)), strict=True))
    return {name: _normalised(_written(name, each, plurals)) for name, each in words.items()}


def _written(
    name: str, words: Sequence[str], plurals: Mapping[str, tuple[str, str]]
) -> Iterator[str]:
    """`name` and its plurals as they are written. `words` are its own, normalised."""
    yield name
    if not words:
        return
    *before, last = words
    yield from plurals[name.casefold()]
    endings = (*plurals[last], *_plurals_beside(last))
    yield from (" ".join((*before, plural)) for plural in endings)


def _plurals_beside(noun: str) -> Iterator[str]:
    """Plurals that are written too, and that inflect does not know."""
    if noun.endswith("o"):
        # flamingos and flamingoes, of which inflect knows one
        yield f"{noun}s"
        yield f"{noun}es"
    if noun.endswith(("fish", "s")):
        # goldfishes, of several kinds; and triceratopses, of which inflect makes triceratopss
        yield f"{noun}es"
    if noun.endswith("us") and len(noun) >= _LATIN:
        # octopi, nautili
        yield f"{noun[:-2]}i"


# Letters. What is shorter and no Latin noun ("bus") could become another word.
_LATIN = 7


def _normalised(written: Iterable[str]) -> set[str]:
    """All forms, normalised. Apostrophes in a name are often left out: "potters wheel"."""
    forms = set(written)
    forms |= {form.translate(_NO_APOSTROPHES) for form in forms}
    return {normalise(form) for form in forms} - {""}
