"""Writes the tables of ImageNet's classes, `videonet/targets/*.tsv`, from timm's lists and WordNet.

    python -m scripts.make_imagenet

Which classes there are, say files of the installed timm (see NOTICE); all else says WordNet 3.0.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path

from videonet.targets.synset import Sense
from videonet.targets.title_matcher import normalise
from videonet.targets.wordnet import lineage, sense_of

FOLDER = Path(__file__).parent.parent / "videonet" / "targets"
TABLE_1K = FOLDER / "imagenet1k.tsv"
TABLE = FOLDER / "imagenet.tsv"

# timm's file of each list that the large table has classes of, by the list's name in its column.
FILES = {
    "12k": "imagenet12k_synsets.txt",
    "21k": "imagenet21k_goog_synsets.txt",
    "22k": "imagenet22k_synsets.txt",
    "22k-ms": "imagenet22k_ms_synsets.txt",
    "21k-miil": "imagenet21k_miil_synsets.txt",
}

# Words that are in nearly every title and mean something else there. WordNet has a container
# called "can", a baseball team called "nine" and an operating room called "OR".
_GRAMMAR = """
a about after again all also am an and any are as at be been before being between both but
by can could did do does down during each eight ever every few five for four from had has have
he her here him his how i if in into is it its just many may me might mine more most must my
never nine no nor not now of off on once one only or other our out over own same seven shall
she should six so some such ten than that the their them then there these they this those three
through to too two under up us very was we were what when where which while who whom whose why
will with within without would you your
"""

_ABOUT_1K = """\
# The 1,000 classes of ImageNet-1k in the order of torchvision's outputs.
# Written by scripts/make_imagenet.py. Columns: wnid, name, synonyms, synset, definition.
#
"""

_ABOUT = """\
# The classes of ImageNet-12k, 21k and 22k, ascending by wnid.
# Written by scripts/make_imagenet.py. Columns: wnid, the lists that have it, the nearest classes of
# this table above it in WordNet, name, synonyms, synset, definition.
#
# Which classes are in which list is from timm, Copyright 2019 Ross Wightman, under the Apache
# License, Version 2.0.
#
"""

_WORDNET = """\
# Names and definitions are from WordNet 3.0:
#
# WordNet Release 3.0
#
# This software and database is being provided to you, the LICENSEE, by Princeton University under
# the following license. By obtaining, using and/or copying this software and database, you agree
# that you have read, understood, and will comply with these terms and conditions.:
#
# Permission to use, copy, modify and distribute this software and database and its documentation
# for any purpose and without fee or royalty is hereby granted, provided that you agree to comply
# with the following copyright notice and statements, including the disclaimer, and that the same
# appear on ALL copies of the software, database and documentation, including modifications that
# you make for internal use or for distribution.
#
# WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.
#
# THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS
# OR WARRANTIES, EXPRESS OR IMPLIED. BY WAY OF EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY
# MAKES NO REPRESENTATIONS OR WARRANTIES OF MERCHANT- ABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE
# OR THAT THE USE OF THE LICENSED SOFTWARE, DATABASE OR DOCUMENTATION WILL NOT INFRINGE ANY THIRD
# PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS.
#
# The name of Princeton University or Princeton may not be used in advertising or publicity
# pertaining to distribution of the software and/or database. Title to copyright in this software,
# database and any associated documentation shall at all times remain with Princeton University and
# LICENSEE agrees to preserve same.
#
"""


def table_1k(wnids: Iterable[str]) -> str:
    """The small table's text, ascending by wnid. Raises `ValueError` for an unknown id."""
    rows = []
    for wnid in sorted(wnids):
        sense = sense_of(wnid)
        if sense is None:
            raise ValueError(f"{wnid} is no noun of WordNet 3.0")
        rows.append("\t".join((wnid, *_columns(sense, _names(sense)))))
    return _ABOUT_1K + _WORDNET + "".join(f"{row}\n" for row in rows)


def table(lists: Mapping[str, Iterable[str]]) -> str:
    """The large table's text: the classes of all `lists`, ascending by wnid.

    What WordNet 3.0 lacks has a row without names. Raises `ValueError` for a name with a comma.
    """
    members = {name: frozenset(wnids) for name, wnids in lists.items()}
    listed = frozenset[str]().union(*members.values())
    above = {wnid: (lineage(wnid) & listed) - {wnid} for wnid in listed}
    rows = []
    for wnid in sorted(listed):
        sense = sense_of(wnid)
        columns = _columns(sense, without_grammar(_names(sense))) if sense else [""] * 4
        within = " ".join(name for name, wnids in members.items() if wnid in wnids)
        nearest = above[wnid] - frozenset[str]().union(*(above[each] for each in above[wnid]))
        rows.append("\t".join((wnid, within, " ".join(sorted(nearest)), *columns)))
    return _ABOUT + _WORDNET + "".join(f"{row}\n" for row in rows)


def without_grammar(names: Sequence[str]) -> Sequence[str]:
    """The names without words of grammar and bare numbers, unless there are no others."""
    words = {name: normalise(name) for name in names}
    left = [
        name for name in names if not (words[name] in _GRAMMAR.split() or words[name].isdigit())
    ]
    return left or names


def read_lists() -> dict[str, list[str]]:
    """The wnids of each list of the large table, in the order of outputs."""
    return {name: _synsets(file) for name, file in FILES.items()}


def read_1k() -> list[str]:
    """The wnids of ImageNet-1k."""
    return _synsets("imagenet_synsets.txt")


def _synsets(file: str) -> list[str]:
    # Found without importing timm, and PyTorch with it.
    path = distribution("timm").locate_file(f"timm/data/_info/{file}")
    return Path(str(path)).read_text("utf-8").split()


def _names(sense: Sense) -> Sequence[str]:
    # A single letter would be found in any title.
    return [each for each in sense.names if len(each) > 1]


def _columns(sense: Sense, names: Sequence[str]) -> Sequence[str]:
    if any("," in each for each in names):
        raise ValueError(f"a name of {sense.wnid} has a comma: {names}")
    name, *synonyms = names
    return name, ", ".join(synonyms), sense.synset, sense.gloss


if __name__ == "__main__":
    TABLE_1K.write_text(table_1k(read_1k()), "utf-8")
    TABLE.write_text(table(read_lists()), "utf-8")
