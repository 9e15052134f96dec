"""WordNet 3.0's nouns through nltk, and its installation.

nltk's reader moves through shared files while it answers, so one lock is held around every use.
nltk takes a second to import, so the first question imports it: most class lists ask none.
"""

import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videonet.errors import UsageError
from videonet.targets.synset import Sense

if TYPE_CHECKING:
    from videonet.targets.wordnet_install import Reader


class WordNetMissingError(UsageError):
    """WordNet is needed, and is not installed or not in its version 3.0."""


def sense_of(wnid: str) -> Sense | None:
    """The noun with this id; None if there is none."""
    with _LOCK:
        synset = _synset_of(wnid)
        return synset and _sense(synset)


def sense_named(synset: str) -> Sense | None:
    """The noun synset of this name (`dog.n.01`); None if there is none."""
    _, part_of_speech, number = synset.rsplit(".", 2)
    if part_of_speech != "n" or int(number) == 0:
        return None
    with _LOCK:
        found = _wordnet().synset_named(synset)
        return found and _sense(found)


def senses_of(noun: str) -> tuple[Sense, ...]:
    """All senses of `noun`, the most frequent first; a plural has those of its singular."""
    with _LOCK:
        return tuple(map(_sense, _wordnet().synsets("_".join(noun.split()), "n")))


def lineage(wnid: str) -> frozenset[str]:
    """`wnid` and the ids of all classes above it; of an unknown id, only itself."""
    with _LOCK:
        synset = _synset_of(wnid)
        above = synset.hypernym_paths() if synset else []
        return frozenset({wnid, *(_wnid(each) for path in above for each in path)})


def install(source: Path | None = None, target: Path | None = None) -> Path:
    """Puts WordNet 3.0 where nltk finds it; returns its folder, `target`/corpora/wordnet.

    `source` is a folder of WordNet's dict files (Debian's /usr/share/wordnet is one); without it
    nltk's downloader fetches them. `target` is a data folder of nltk, by default the first that
    can be written. What was there is replaced only once the new files have answered.
    Raises `UsageError` when they cannot be had, written or read, or are not WordNet 3.0.
    """
    from videonet.targets import wordnet_install

    with _LOCK:
        folder = wordnet_install.install(source, target)
        _reader.cache_clear()
    return folder


_LOCK = threading.RLock()
_NEEDED = (
    "run 'videonet wordnet install' (offline: with --from and a folder of WordNet 3.0's files)"
)


def _wordnet() -> "Reader":
    """The reader of the installed WordNet. Hold the lock while using it."""
    from videonet.targets.wordnet_install import search_path

    return _reader(search_path())


@functools.lru_cache(maxsize=1)
def _reader(search_path: tuple[str, ...]) -> "Reader":
    """The reader of the WordNet that nltk finds on its search path, opened once for each path."""
    from videonet.targets.wordnet_install import VERSION, Reader, find

    place = find(search_path)
    if place is None:
        raise WordNetMissingError(f"WordNet is needed and not installed; {_NEEDED}")
    try:
        reader = Reader(place)
        version = reader.get_version()
    except OSError as error:
        raise WordNetMissingError(f"WordNet cannot be read ({error}); {_NEEDED}") from error
    if version != VERSION:
        raise WordNetMissingError(
            f"{reader.root} holds WordNet {version}, and ids such as n02084071 are those of "
            f"{VERSION}; {_NEEDED}"
        )
    return reader


def _synset_of(wnid: str) -> Any:
    return _wordnet().synset_at("n", int(wnid[1:]))


def _wnid(synset: Any) -> str:
    return f"n{synset.offset():08d}"


def _sense(synset: Any) -> Sense:
    names = tuple(name.replace("_", " ") for name in synset.lemma_names())
    return Sense(_wnid(synset), synset.name(), names, synset.definition())
