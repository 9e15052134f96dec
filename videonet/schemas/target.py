"""A class that the data set shall contain."""

from videonet.schemas.record import Record

# Of the classes that were left out for one reason, so many are named.
MOST_NAMED = 20


class Target(Record, frozen=True, kw_only=True):
    """One line of a class list, resolved against a classifier."""

    # unique within a run: the wnid, the synset's name, or the name as given
    target_id: str
    # what the class is called; the first of its names
    name: str
    # all further names that a title may use
    synonyms: tuple[str, ...]
    # WordNet 3.0 noun id, such as n02084071; None where the line names no single synset
    wnid: str | None
    # classifier outputs that confirm the class, ascending
    outputs: tuple[int, ...]
    # WordNet senses taken, such as "dog.n.01: a member of the genus Canis ..."
    senses: tuple[str, ...]


class LeftOutClasses(Record, frozen=True, kw_only=True):
    """Classes of a built-in list that are not among the targets, for one reason."""

    # part of a sentence
    why: str
    classes: int
    # the first of them, in the order of the list: at most MOST_NAMED, as "n02084071 dog"
    first: tuple[str, ...]
