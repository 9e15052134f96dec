"""What a data set may not have: videos that somebody has named, and what looks like others."""

from videonet.schemas.record import Record


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

    # hex, of its JSON
    sha256: str
    # names of the files that it was read from, without their folders
    names: tuple[str, ...]
    # how many videos and channels are named
    videos: int
    channels: int
