"""A run, and what OUT remembers of it between runs."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from videonet.schemas.lineage import Parent
from videonet.schemas.lock_file import Span
from videonet.schemas.manifest import ClassifierCard, DataSettings, MotionCounts, Shard, ShardCount
from videonet.schemas.record import Record
from videonet.schemas.search import Search
from videonet.schemas.settings import RunOptions

# Names in the store are made of it: what a stranger's file says must be one.
RunId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class Settings(DataSettings, frozen=True, kw_only=True):
    """All that the data set depends on; a folder OUT is made with one of these.

    `source` is what was asked for, with the absolute path of a file or folder.
    """

    # folder of a catalogue's local files
    files_root: str | None
    classifier: ClassifierCard


class Part(Record, frozen=True, kw_only=True):
    """One of so many parts of a candidate list, which commands of their own look at.

    Parts are equal stretches of the digests under which a store knows videos: what is known of the
    videos of a part lies together, and how many parts there are need not be fixed before.
    """

    # from 1 on
    index: int
    of: int

    def __str__(self) -> str:
        """As it is typed, such as "3/8"."""
        return f"{self.index}/{self.of}"


class Plan(RunOptions, frozen=True, kw_only=True):
    """A run: the settings, and what differs from machine to machine without changing a byte.

    `store` and `out` are absolute paths. `disk_budget` is that of all processes that fill one disk;
    None: what is usual on the disk of each machine. Where this machine works with several
    processes, each has an equal part of `workers` and `downloads`.
    """

    settings: Settings
    run_id: str
    # path of the classifier file
    classifier: str
    # number of shards, where an earlier run over OUT fixed it
    shards: int | None
    # whether the candidate list of an interrupted run is there to go on from
    listed: bool
    # whether Beam runs in this process: no element is moved between machines then
    local: bool
    # "together": one stage takes a candidate from its url to its verdicts and clips. "apart": each
    # step is a stage of its own, so that scans run on machines with a GPU, and nothing else does.
    # Plans of earlier versions name none.
    form: Literal["together", "apart"] = "together"
    # how often a command had taken OUT up, with this one: see `TakenUp`
    number: int = 0
    # Whether no other process works at this run. False on clusters, with worker processes, and
    # where a run has parts. Plans of earlier versions do not say.
    alone: bool = True
    # the part of the candidate list that this command looks at, and nothing else; None: all of it
    part: Part | None = None


class RunState(Record, frozen=True, kw_only=True, omit_defaults=True):
    """OUT/_state/run.json: the run that OUT belongs to, finished or not."""

    settings: Settings
    run_id: RunId
    # number of shards, where an earlier run over OUT fixed it
    shards: int | None
    # the data sets that OUT was made from before its first run; a run keeps them in the manifest
    parents: tuple[Parent, ...] = ()


class TakenUp(Record, frozen=True, kw_only=True):
    """OUT/_state/taken_up.json: who may change OUT, see `videonet.storage.fence`."""

    # how often a command has taken OUT up to change it
    number: int
    # of the run that did so last; "": another command
    run_id: str
    # which no other command has written; "": by a version that did not
    nonce: str = ""


class Invocation(Record, frozen=True, kw_only=True):
    """How a run was begun: a part of OUT/run.json."""

    begun: Annotated[datetime, msgspec.Meta(tz=True)]
    # as it was typed, without secrets
    command: tuple[str, ...]


class Given(Record, frozen=True, kw_only=True):
    """OUT/_state/given.json: what the run was given that made the candidate list."""

    # by name, in words that change whenever it may lead to another data set
    given: dict[str, str]
    # hex sha256 of each that is a file and could be read, by the same names
    contents: dict[str, str]
    # when that was looked at, nanoseconds since 1970-01-01 UTC
    at: int


class FileNote(Record, frozen=True, kw_only=True):
    """A file as it was written. See `videonet.storage.file_notes`."""

    # hex, of its content
    sha256: str
    # inode, bytes, and when content and inode were last changed, nanoseconds since 1970-01-01 UTC;
    # in a bucket, its generation; None: that does not tell yet
    state: tuple[int, int, int, int] | str | None


class Finished(Record, frozen=True, kw_only=True):
    """OUT/_state/finished.json: what the last finished run came to, and from what."""

    given: Given
    # digest of the states of the candidates' local files; "": there are none
    local: str
    # hex, of manifest.json
    manifest_sha256: str
    # of shards, tables and lists, by path below OUT; empty: written by a version without notes
    files: dict[str, FileNote] = msgspec.field(default_factory=dict)


class Lookup(Record, frozen=True, kw_only=True):
    """OUT/lookup.json: what looking for titles brought. Written last, so the list is complete."""

    # titles looked at
    titles: int
    # distinct videos, and pairs of video and target
    candidates: int
    pairs: int
    # number of shards, and of files of the candidate list
    shards: ShardCount
    # distinct videos with a matching title by target_id, also beyond the quota
    matched: dict[str, int]
    # one a target, in the order of the run's target list; empty where nothing was searched
    searches: tuple[Search, ...]
    # candidates of the hosts that have most of them, where these are many; about, and no fewer
    hosts: dict[str, int] = msgspec.field(default_factory=dict)
    # pairs that are not among the candidates' since their videos have more targets than a record
    # has room for
    crowded_out: int = 0


class ShardState(Record, frozen=True, kw_only=True):
    """OUT/_state/shards/<index>.json: a finished shard, and what it was made of."""

    # of all that its bytes depend on
    digest: str
    # name under which the store keeps clips that were cut in this way
    cut_key: str
    files: tuple[Shard, ...]
    # content of each video whose clips are in it, by video_key
    videos: dict[str, str]
    # where the clips of each video begin and end, by video_key, so that no reader has to open the
    # shard for it; None: not known
    spans: dict[str, tuple[Span, ...]] | None = None
    # how long the first frame of each of its clips is shown, by video_key, microseconds; a video
    # that was cut by a version that did not note it is not there
    first_durations: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)
    # of its files, by path below OUT; where there is none, a file is read to see what it is
    notes: dict[str, FileNote] = msgspec.field(default_factory=dict)
    # how much of it moves; None: its clips have no columns of motion
    motion: MotionCounts | None = None
    # clips that were left out of a kept video because they are still or cut, by video_key
    left_out: dict[str, int] = msgspec.field(default_factory=dict)
