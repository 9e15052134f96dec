"""OUT/videos.lock.parquet: which videos a data set holds, so that it can be made again elsewhere.

Nothing of the machine is in it, and no path: local files are named by their content.
"""

from typing import ClassVar

from videonet.schemas.candidate import Match
from videonet.schemas.label import Label
from videonet.schemas.manifest import ClassifierCard, ManifestSettings, Shard
from videonet.schemas.record import Record
from videonet.schemas.target import Target
from videonet.schemas.video_info import LockedInfo


class Span(Record, frozen=True, kw_only=True):
    """One clip of a video: from its first frame to just after its last one."""

    # times within the video, microseconds
    begin: int
    end: int


class LockedVideo(Record, frozen=True, kw_only=True):
    """One row: a kept video."""

    first_columns: ClassVar = (
        *("video_key", "video_id", "url", "sha256", "bytes", "duration", "labels", "names"),
        *("matches", "title", "channel", "licence", "source", "declared_duration"),
    )

    video_key: str
    video: LockedInfo
    source: str
    # of the whole file
    sha256: str
    bytes: int | None
    # measured length, seconds
    duration: float | None
    # positions in the target list of those that it was kept for, ascending, and the names there
    labels: tuple[int, ...]
    names: tuple[str, ...]
    # why it was a candidate, one a label
    matches: tuple[Match, ...]
    # in order; none for a video that is too short for a clip
    clips: tuple[Span, ...]


class LockHeader(Record, frozen=True, kw_only=True):
    """What the file says of the data set as a whole, field by field, as its key-value metadata."""

    # version of this schema
    version: int
    dataset: str
    # as in the manifest, but for `lock`, which is None
    settings: ManifestSettings
    # of the libraries that the bytes depend on, by name
    versions: dict[str, str]
    classifier: ClassifierCard
    # in order
    targets: tuple[Target, ...]
    # what the classifier's outputs stand for
    labels: tuple[Label, ...]
    # the files of clips, in the order of their paths
    shards: tuple[Shard, ...]
