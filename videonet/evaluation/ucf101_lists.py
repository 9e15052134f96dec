"""UCF-101's videos as its lists have them: which train and which test, their classes and groups."""

import re
from pathlib import Path
from typing import NamedTuple

from videonet.errors import UsageError
from videonet.evaluation.dataset_files import folder, unreadable
from videonet.files import read_bounded

VIDEOS = "UCF-101"
LISTS = "ucfTrainTestlist"

LAYOUT = (
    f"{VIDEOS}/CLASS/v_CLASS_gNN_cNN.avi",
    f"{LISTS}/{{classInd,trainlist01,testlist01,...,trainlist03,testlist03}}.txt",
)

# Videos that train and that test, of each of the three splits.
WHOLE = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}

CLASSES = 101

_MOST_BYTES = 10_000_000

# Clips of a group are cut from one video. In the lists some names of files have other capitals
# than their class (HandstandPushups/v_HandStandPushups_g01_c01.avi).
_NAMED = re.compile(r"v_\w+_g(\d+)_c\d+\.avi")


class Listed(NamedTuple):
    """A video of a list."""

    # such as "Archery/v_Archery_g01_c01.avi", below the folder of videos
    name: str
    # its place among the classes
    label: int
    # such as "Archery g01": what was cut from the same video
    group: str


class Split(NamedTuple):
    """What trains and what tests."""

    train: list[Listed]
    test: list[Listed]


def read_classes(root: Path) -> list[str]:
    """All classes, in the order of classInd.txt. Raises UsageError."""
    folder(root / VIDEOS, "UCF-101", LAYOUT)
    file = folder(root / LISTS, "UCF-101", LAYOUT) / "classInd.txt"
    classes = []
    for place, line in enumerate(_lines(file), start=1):
        number, _, name = line.partition(" ")
        if number != str(place) or not name or "/" in name:
            raise UsageError(
                f"{file} has {line!r:.80} as line {place}, where its number and a class should "
                f"be, such as '{place} Archery'; put the list of UCF-101 there."
            )
        classes.append(name)
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise UsageError(f"{file} should name classes, two at least and each once.")
    return classes


def read_split(root: Path, number: int, classes: list[str]) -> Split:
    """The videos of one of the three splits. Raises UsageError where no such split can be."""
    place = {name: label for label, name in enumerate(classes)}
    files = [root / LISTS / f"{kind}list{number:02}.txt" for kind in ("train", "test")]
    split = Split(*([_listed(file, line, place) for line in _lines(file)] for file in files))
    for file, found in zip(files, split, strict=True):
        if not found or len({each.name for each in found}) != len(found):
            raise UsageError(f"{file} should name videos, each once; it has {len(found):,} lines.")
    both = {each.group for each in split.train} & {each.group for each in split.test}
    if both:
        raise UsageError(
            f"{files[0]} and {files[1].name} both have videos of {min(both)}, which are cut from "
            f"one: these are no lists of UCF-101."
        )
    return split


def present(root: Path, split: Split, *, partial: bool) -> Split:
    """The videos that are there; with `partial` some may be missing. Raises UsageError."""
    here = Split(
        *([each for each in found if (root / VIDEOS / each.name).is_file()] for found in split)
    )
    missing = sorted(
        {each.name for found in split for each in found}.difference(
            each.name for found in here for each in found
        )
    )
    if missing and not partial:
        raise UsageError(
            f"{len(missing):,} of {sum(map(len, split)):,} videos are missing, the first is "
            f"{root / VIDEOS / missing[0]}; give all of them, or --partial for those that are "
            f"there."
        )
    if not here.train or not here.test:
        raise UsageError(
            f"{root / VIDEOS} has {len(here.train):,} videos that train and {len(here.test):,} "
            f"that test of those in {LISTS}: nothing can be evaluated."
        )
    return here


def _listed(file: Path, line: str, place: dict[str, int]) -> Listed:
    """A line, such as "Archery/v_Archery_g08_c01.avi 3"; lists of tests have no number."""
    name, _, number = line.partition(" ")
    kind, _, video = name.partition("/")
    named = _NAMED.fullmatch(video)
    if kind not in place or named is None or number not in ("", str(place[kind] + 1)):
        raise UsageError(
            f"{file} has {line!r:.120}, where a video and the number of its class in "
            f"classInd.txt should be, such as 'Archery/v_Archery_g08_c01.avi 3'; put the list of "
            f"UCF-101 there."
        )
    return Listed(name, place[kind], f"{kind} g{named[1]}")


def _lines(file: Path) -> list[str]:
    """The lines that are not empty, of any line ends."""
    try:
        text = read_bounded(file, _MOST_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(file, getattr(error, "strerror", None) or "it is no text") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
