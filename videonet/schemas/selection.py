"""Options that select, cut or keep otherwise than the first versions did, or add to it.

A data set that uses none of them is the same, to the byte, as one of a version that had none: so
an option at its default is not written.
"""

from enum import StrEnum
from typing import Annotated

from videonet.schemas.option import Option
from videonet.schemas.record import Record

# Headings of the help.
NEIGHBOURS = "Neighbours of images"
_CLIPS = "Clips"


class Duplicates(StrEnum):
    """What becomes of videos that are the same as another one."""

    KEEP = "keep"  # nobody looks for them
    DROP = "drop"  # the best one stays, and gets the labels of the others
    MARK = "mark"  # all stay, and their verdicts name the best one


class Subsampling(StrEnum):
    """How many pixels of a JPEG share a value of colour: ITU-R BT.601's J:a:b."""

    NONE = "4:4:4"  # each has its own
    ACROSS = "4:2:2"  # two beside each other
    BOTH = "4:2:0"  # two by two


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
            help="Keep what is said in kept videos, as WebVTT in their own language; a request or "
            "more for each.",
            after="formats",
        ),
    ] = False


class ClipOptions(SelectionOptions, frozen=True, kw_only=True):
    """What the pictures of clips are; a part of `DataOptions`."""

    short_side: Annotated[
        int,
        Option(
            help="Short side of the frames of clips, pixels; 256 at most.",
            unit="pixels",
            minimum=16,
            panel=_CLIPS,
        ),
    ] = 256
    frame_rate: Annotated[
        float,
        Option(
            help="Frames of a second of clips; 30 at most.",
            unit="frames a second",
            minimum=0.5,
            panel=_CLIPS,
        ),
    ] = 12.5
    jpeg_quality: Annotated[
        int,
        Option(
            help="Quality of the frames, as libjpeg counts it; 100 at most.",
            unit="quality",
            minimum=1,
            panel=_CLIPS,
        ),
    ] = 90
    jpeg_subsampling: Annotated[
        Subsampling,
        Option(help="Pixels that share a value of colour: none, two, or four.", panel=_CLIPS),
    ] = Subsampling.NONE


# Nothing else than the paper asks for.
NOTHING_ELSE = SelectionOptions()

# Settings that may be others in the next run over the same OUT. (What is left out of a class list
# follows from others, and data sets of earlier versions do not say it.)
CHANGEABLE = ("excluded", "excluded_like", "captions", "left_out")
