"""What a data set may not have: videos that somebody has named, and what looks like others."""

from videonet.schemas.record import Hex, Record


class Exclusion(Record, frozen=True, kw_only=True):
    """Videos and channels that are named, each list in alphabetical order and without repetition.

    The store has it under its own digest, so that all processes of a run read the same.
    """

    # keys of videos, as the store has them
    keys: tuple[str, ...] = ()
    # the sources' ids of videos; of YouTube's, those
    ids: tuple[str, ...] = ()
    # names, ids and addresses of channels, in one form: see `channel_forms`
    channels: tuple[str, ...] = ()


class ExcludedSet(Record, frozen=True, kw_only=True):
    """What the settings of a data set say of an `Exclusion`."""

    # of its JSON
    sha256: Hex
    # names of the files that it was read from, without their folders
    names: tuple[str, ...]
    # how many videos and channels are named
    videos: int
    channels: int


class ReferenceSet(Record, frozen=True, kw_only=True):
    """What the settings of a data set say of an evaluation set that it may not be like."""

    # of the names and contents of its files, and of the way in which they are compared
    sha256: Hex
    # names of the folders that it was read from, without the folders above
    names: tuple[str, ...]
    # files that frames could be had of, and frames of them that decide something
    files: int
    frames: int
    # files that are neither images nor videos, or that could not be read
    unread: int


class Likeness(Record, frozen=True, kw_only=True):
    """What comparing the clips of a video with an evaluation set has found."""

    video_key: str
    # content that was compared
    sha256: str
    # frames of its clips that were compared: those that show enough
    frames: int
    # the file of the set that it is like, by its path there; None: it is like none
    neighbour: str | None = None
    # bits of 256 in which the frames that are most alike differ
    distance: int | None = None
    # frames of the clips that show the same as that file, one after the other; of those that were
    # compared by their pixels, a few
    matched: int = 0
    # when the first of them is shown in the video, seconds
    time: float | None = None
    # of a frame that was compared by its pixels: how well they agree, rounded; see `agreement`
    correlation: float | None = None
