"""WordNet 3.0's files: where nltk finds them, how it reads them, and their installation."""

import io
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nltk.data
from nltk.corpus.reader.wordnet import WordNetCorpusReader, WordNetError
from nltk.downloader import Downloader

from videonet.errors import UsageError

# A wnid is an offset in this version's data.noun.
VERSION = "3.0"


# mypy sees nothing of nltk, so its classes are Any.
class Reader(WordNetCorpusReader):  # type: ignore[misc]
    """nltk's reader without its map between versions, which takes longer than all the rest."""

    def __init__(self, root: Any) -> None:
        super().__init__(root, omw_reader=False)  # no other languages; None would warn

    def map_wn(self, version: str = "wordnet") -> None:
        """Nothing: there is one version."""

    def synset_at(self, part_of_speech: str, offset: int) -> Any:
        """None where no synset begins at `offset`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nltk warns beside returning None
            return self.synset_from_pos_and_offset(part_of_speech, offset)

    def synset_named(self, name: str) -> Any:
        """None where no synset has this name (`dog.n.01`)."""
        with suppress(WordNetError):
            return self.synset(name)


def search_path() -> tuple[str, ...]:
    """The folders in which nltk looks for data."""
    return tuple(nltk.data.path)


def find(search_path: tuple[str, ...]) -> Any:
    """What nltk's reader takes for the place of its files; None where WordNet is not installed."""
    for place in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):
        with suppress(LookupError):
            return nltk.data.find(place, list(search_path))
    return None


def install(source: Path | None, target: Path | None) -> Path:
    """See `videonet.targets.wordnet.install`."""
    root = (target or Path(Downloader().default_download_dir())).expanduser().resolve()
    if str(root) not in nltk.data.path:
        nltk.data.path.append(str(root))  # nltk refuses to read anywhere else
    try:
        (root / "corpora").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root / "corpora", prefix=".wordnet-") as stage:
            built = Path(stage, "wordnet")
            _copy(source or _download(Path(stage, "download")), built)
            _check(built)
            folder = root / "corpora" / "wordnet"
            if folder.exists():
                folder.rename(Path(stage, "replaced"))
            built.rename(folder)
    except OSError as error:
        raise UsageError(f"WordNet cannot be installed in {root}: {error}") from error
    except (AssertionError, LookupError, ValueError, WordNetError) as error:
        raise UsageError(f"WordNet's files are damaged and not installed: {error}") from error
    return folder


_PARTS = ("noun", "verb", "adj", "adv")
_FILES = ("cntlist.rev", *(f"{kind}.{part}" for kind in ("data", "index") for part in _PARTS))
_EXCEPTIONS = tuple(f"{part}.exc" for part in _PARTS)
# lexnames(5WN): the lexicographers' files in the order of their numbers, which the data files use
_LEXNAMES = {
    "adj.all adj.pert": 3,
    "adv.all": 4,
    "noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive "
    "noun.object noun.person noun.phenomenon noun.plant noun.possession noun.process "
    "noun.quantity noun.relation noun.shape noun.state noun.substance noun.time": 1,
    "verb.body verb.change verb.cognition verb.communication verb.competition verb.consumption "
    "verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession "
    "verb.social verb.stative verb.weather": 2,
    "adj.ppl": 3,
}


def _download(folder: Path) -> Path:
    """Fetches WordNet into `folder`; returns where its dict files are."""
    said = io.StringIO()
    try:
        Downloader().download(
            "wordnet", str(folder), quiet=True, raise_on_error=True, print_error_to=said
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"WordNet cannot be downloaded ({error}); give a folder that holds its dict files, "
            "such as /usr/share/wordnet of Debian's package wordnet-base"
        ) from error
    archive = folder / "corpora" / "wordnet.zip"
    if archive.exists():
        shutil.unpack_archive(archive, folder / "corpora")
    return folder / "corpora" / "wordnet"


def _copy(source: Path, folder: Path) -> None:
    """Copies the dict files in `source`, and adds what nltk wants and Debian leaves out."""
    missing = [name for name in (*_FILES, *_EXCEPTIONS) if not (source / name).is_file()]
    if missing:
        raise UsageError(
            f"{source} lacks {', '.join(missing)}; expected the dict files of WordNet {VERSION}"
        )
    with (source / "data.noun").open(encoding="utf-8", errors="replace") as lines:
        found = re.search(r"WordNet (\S+) Copyright", "".join(next(lines, "") for _ in range(30)))
    if found is None or found[1] != VERSION:
        raise UsageError(
            f"{source} holds {found[0].removesuffix(' Copyright') if found else 'no WordNet'}; "
            f"expected {VERSION}, because ids such as n02084071 are those of that version"
        )
    folder.mkdir()
    for name in (*_FILES, *_EXCEPTIONS):
        shutil.copyfile(source / name, folder / name)
    names = [(name, part) for row, part in _LEXNAMES.items() for name in row.split()]
    (folder / "lexnames").write_text(
        "".join(f"{number:02d}\t{name}\t{part}\n" for number, (name, part) in enumerate(names))
    )
    (folder / "index.sense").write_text("".join(sorted(_sense_index(folder))))


def _sense_index(folder: Path) -> Iterator[str]:
    """The lines of index.sense: sense key, offset, number of the sense, times it was tagged."""
    reader = Reader(nltk.data.FileSystemPathPointer(str(folder)))
    tagged = dict(line.split()[::2] for line in (folder / "cntlist.rev").open())
    for part in _PARTS:
        for line in (folder / f"index.{part}").open():
            if line.startswith(" "):
                continue  # the licence
            lemma, kind, count, *fields = line.split()
            for number, offset in enumerate(fields[-int(count) :], start=1):
                synset = reader.synset_at(kind, int(offset))
                if synset is None:
                    raise LookupError(f"data.{part} has no synset at {offset}")
                for key in {each.key() for each in synset.lemmas()}:
                    if key.startswith(f"{lemma}%"):
                        yield f"{key} {offset} {number} {tagged.get(key, 0)}\n"


def _check(folder: Path) -> None:
    """Asks through nltk what must have an answer. Raises `LookupError` when it is another one."""
    reader = Reader(nltk.data.FileSystemPathPointer(str(folder)))
    dog = reader.lemma_from_key("dog%1:05:00::").synset()
    answer = (reader.get_version(), dog.offset(), dog.name())
    if answer != (VERSION, 2084071, "dog.n.01"):
        raise LookupError(f"they answer {answer}")
