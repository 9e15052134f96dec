"""Options that select otherwise than the paper does, or add to it. At their defaults they do not.

A data set that uses none of them is the same, to the byte, as one of a version that had none: so
an option at its default is not written.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from videonet.schemas.option import Option
from videonet.schemas.record import Record

# Headings of the help.
NEIGHBOURS = "Neighbours of images"


class Duplicates(StrEnum):
    """What becomes of videos that are the same as another one."""

    KEEP = "keep"  # nobody looks for them
    DROP = "drop"  # the best one stays, and gets the labels of the others
    MARK = "mark"  # all stay, and their verdicts name the best one


class FrameRules(Record, frozen=True, kw_only=True):
    """What a video must show besides one frame of its class.

    They are functions of what the classifier saw in the first frames, which the store keeps: under
    other rules no video is looked at again.
    """

    min_frames: Annotated[
        int,
        Option(
            help="Fewest of the first frames that must show the class, frames.",
            unit="frames",
            minimum=1,
            after="frames",
        ),
    ] = 1
    min_probability: Annotated[
        float,
        Option(
            help="Frames count whose top-1 class has at least this probability, 0 to 1.",
            unit="probability",
            minimum=0,
        ),
    ] = 0.0
    # None: wherever it is
    first_match_before: Annotated[
        int | None,
        Option(
            help="The first frame that counts must be one of the first N frames; default: any.",
            unit="frames",
            metavar="N",
            minimum=1,
        ),
    ] = None


class SelectionOptions(FrameRules, frozen=True, kw_only=True):
    """What else a data set asks of its videos; a part of `DataOptions`."""

    duplicates: Annotated[
        Duplicates,
        Option(
            help="What becomes of kept videos that are the same as a better one, also if encoded "
            "otherwise: they stay, are dropped, or stay and are marked."
        ),
    ] = Duplicates.KEEP
    per_target: Annotated[
        int,
        Option(
            help="Videos that are taken of those nearest to a target, with --select "
            "neighbours:DIR, videos.",
            unit="videos",
            minimum=1,
            panel=NEIGHBOURS,
        ),
    ] = 100
    # None: each is a target of its own
    image_clusters: Annotated[
        int | None,
        Option(
            help="Targets that the images outside of folders are gathered in, with --select "
            "neighbours:DIR; default: each is a target of its own.",
            unit="targets",
            metavar="N",
            minimum=1,
            panel=NEIGHBOURS,
        ),
    ] = None
    # The rules on clips: functions of what was measured when they were cut.
    min_motion: Annotated[
        float,
        Option(
            help="Least share of a clip's ticks that differ from the tick before, 0 to 1; other "
            "clips are left out.",
            unit="share",
            minimum=0,
            after="max_lost",
        ),
    ] = 0.0
    no_cuts: Annotated[
        bool, Option(help="Leave out clips with a cut in them.", after="min_motion")
    ] = False
    # What is kept besides clips.
    captions: Annotated[
        bool,
        Option(
            help="Keep what is said in the videos, as WebVTT in their own language; a request or "
            "more for each kept video.",
            after="formats",
        ),
    ] = False


# Further settings that are None where neither option nor default says anything else.
_NAMED = ("select", "embedding", "neighbours")

# Nothing else than the paper asks for.
NOTHING_ELSE = SelectionOptions()

# What options and settings that leave something out are where nothing is left out.
_NOTHING_EXCLUDED: Mapping[str, Any] = {
    "exclude": (),
    "exclude_like": (),
    "excluded": None,
    "excluded_like": None,
    "left_out": (),
}

# Settings that may be others in the next run over the same OUT. (What is left out of a class list
# follows from others, and data sets of earlier versions do not say it.)
CHANGEABLE = ("excluded", "excluded_like", "captions", "left_out")


def without_unused(row: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name, without the options of this file that are at their defaults."""
    unused = {**NOTHING_ELSE.to_row(), **_NOTHING_EXCLUDED, **dict.fromkeys(_NAMED)}
    return {name: value for name, value in row.items() if not _is_unused(name, value, unused)}


def _is_unused(name: str, value: Any, unused: Mapping[str, Any]) -> bool:
    # JSON has lists where records have tuples.
    plain = tuple(value) if isinstance(value, list) else value
    return name in unused and plain == unused[name]
