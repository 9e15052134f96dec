"""Writes `videonet/targets/imagenet1k.tsv` from WordNet 3.0 and a list of ImageNet-1k's wnids.

    python scripts/make_imagenet1k.py imagenet_class_index.json

The list is a class index (JSON: output -> [wnid, name]) or a text file with one wnid a line.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from videonet.targets.wordnet import sense_of

TABLE = Path(__file__).parent.parent / "videonet" / "targets" / "imagenet1k.tsv"

HEADER = """\
# The 1,000 classes of ImageNet-1k in the order of torchvision's outputs.
# Written by scripts/make_imagenet1k.py. Columns: wnid, name, synonyms, synset, definition.
#
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


def table(wnids: Iterable[str]) -> str:
    """The table's text, ascending by wnid. Raises `ValueError` for an id that WordNet lacks."""
    return HEADER + "".join(f"{_row(wnid)}\n" for wnid in sorted(wnids))


def _row(wnid: str) -> str:
    sense = sense_of(wnid)
    if sense is None:
        raise ValueError(f"{wnid} is no noun of WordNet 3.0")
    # A single letter would be found in any title.
    name, *synonyms = (each for each in sense.names if len(each) > 1)
    return "\t".join((wnid, name, ", ".join(synonyms), sense.synset, sense.gloss))


def _read_wnids(path: Path) -> list[str]:
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return [wnid for wnid, _ in json.loads(text).values()]
    return text.split()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wnids", type=Path, help="class index (.json) or one wnid a line")
    TABLE.write_text(table(_read_wnids(parser.parse_args().wnids)), "utf-8")
