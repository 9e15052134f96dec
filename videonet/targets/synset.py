"""One meaning of a noun, as WordNet 3.0 lists them."""

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Sense:
    """A noun synset of WordNet 3.0."""

    # "n" and the synset's offset in WordNet 3.0, 8 digits: n02084071
    wnid: str
    # WordNet's own name of it: dog.n.01
    synset: str
    # all names, the most usual first, spaces for underscores
    names: tuple[str, ...]
    # the definition, without examples
    gloss: str

    def __str__(self) -> str:
        """Name and gloss in at most 120 characters or so, for people."""
        return f"{self.synset}: {textwrap.shorten(self.gloss, 100, placeholder=' ...')}"
