"""OUT/split.parquet: which videos of a data set are trained on, and which are held out."""

from enum import StrEnum
from typing import Annotated

import msgspec

from videonet.schemas.record import Record


class Side(StrEnum):
    """Where a video stands."""

    TRAIN = "train"  # it may be trained on
    VAL = "val"  # it is held out: a model may be asked about it
    DROPPED = "dropped"  # neither: a near-duplicate is held out, or its channel stands elsewhere


class Why(StrEnum):
    """Why a video stands on its side."""

    VIDEO = "video"  # the hash of its key
    CHANNEL = "channel"  # the hash of its channel; dropped: it stood on the other side before
    CLUSTER = "cluster"  # its near-duplicates stand there
    MET = "met"  # it would be one to train on, and a near-duplicate of it is held out


class Unit(StrEnum):
    """What is never on both sides."""

    VIDEO = "video"
    CHANNEL = "channel"


class SplitVideo(Record, frozen=True, kw_only=True):
    """One row: a video that is kept, or that was when an earlier split was made."""

    video_key: str
    side: Side
    # near-duplicates have the same value: the smallest of their keys; of a video without any, its
    # own key
    cluster: str
    why: Why


class SplitHeader(Record, frozen=True, kw_only=True):
    """What the file says of the split as a whole, as JSON in its key-value metadata."""

    # version of this schema
    version: int
    by: Unit
    # share of the hashes that are trained on
    train: Annotated[float, msgspec.Meta(gt=0, lt=1)]
