"""DIR/export.json: what `videonet export` wrote of a data set, to the byte."""

from enum import StrEnum
from typing import Annotated

import msgspec

from videonet.schemas.lineage import Parent, Sha256
from videonet.schemas.lock_file import Span
from videonet.schemas.record import Record


class ExportForm(StrEnum):
    """What reads an export."""

    WEBDATASET = "webdataset"
    MP4 = "mp4"
    HUGGINGFACE = "huggingface"
    LIST = "list"

    @property
    def has_pixels(self) -> bool:
        """Whether it shows something of the videos."""
        return self is not ExportForm.LIST


class LeftOut(StrEnum):
    """Why a kept video is not in an export."""

    # it was taken out of the data set, of its store, or of the export
    WITHDRAWN = "withdrawn"
    # the split says so: it is like a video of the other side
    DROPPED = "dropped"
    # it is too short for a clip
    NO_CLIP = "no_clip"
    # its source states no licence
    NO_LICENCE = "no_licence"
    # one of Creative Commons that forbids to share adaptations
    NO_DERIVATIVES = "no_derivatives"
    # any other that does not say that clips may be handed on
    OTHER_LICENCE = "other_licence"


# Those that --i-have-the-rights overrules.
FOR_LICENCE = frozenset({LeftOut.NO_LICENCE, LeftOut.NO_DERIVATIVES, LeftOut.OTHER_LICENCE})


class Sound(StrEnum):
    """What became of the sound of a video that is exported as mp4."""

    # at least one of its clips has it
    WITH = "with"
    # the video has none, or none within its clips
    SILENT = "silent"
    # the store does not have the video's whole bytes, or no longer those that were cut
    NOT_HERE = "not_here"
    # no store was found, or none was given
    NO_STORE = "no_store"
    # it cannot be decoded
    UNREADABLE = "unreadable"
    # the clock of the video starts again or jumps, so that it does not tell which sound is whose
    CLOCK = "clock"


class ListLabel(Record, frozen=True, kw_only=True):
    """What a video of a list was kept for."""

    # position in the data set's class list
    index: int
    # what that list calls the class
    target_id: str
    # WordNet noun; None: it is none
    wnid: str | None
    text: str


class ListVideo(Record, frozen=True, kw_only=True):
    """One line of videos.jsonl of an export `list`."""

    video_key: str
    # what the source calls it
    video_id: str
    # without its secrets; of a local file its path below the folder that was given
    url: str
    title: str
    channel: str | None
    # as the source states it
    licence: str | None
    # of the whole file
    sha256: str
    bytes: int | None
    # measured length, seconds
    duration: float | None
    # of the split; "train" where there is none
    side: str
    labels: tuple[ListLabel, ...]
    # where its clips are, microseconds within the video
    clips: tuple[Span, ...]


class ExportFile(Record, frozen=True, kw_only=True):
    """One file below DIR. Of mp4 clips it is the list of the files of one shard."""

    path: str
    # side of the split; "train" where the data set has none; None: of all sides
    side: str | None
    # that it speaks of
    videos: int
    clips: int
    bytes: int
    sha256: Sha256


class ExportCounts(Record, frozen=True, kw_only=True):
    """Videos of an export. kept = exported + refused."""

    # videos that the data set holds
    kept: int
    exported: int
    # of the exported ones
    clips: int
    # by `LeftOut`, in alphabetical order, zero counts left out
    refused: dict[str, int]
    # exported ones by side
    sides: dict[str, int]
    # exported ones by `Sound`, in alphabetical order; None: the form has no sound
    sound: dict[str, int] | None = None


class ExportOptions(Record, frozen=True, kw_only=True):
    """All that an export depends on, besides the data set."""

    # whether the exporter has said to have the rights that licences do not give
    i_have_the_rights: bool
    # whether a store was at hand, to take the sound from
    store: bool
    # of OUT/split.parquet; None: there was none
    split: Sha256 | None
    # of the keys of kept videos that the data set or its store names as withdrawn
    withdrawn: Sha256


Version = Annotated[int, msgspec.Meta(ge=1)]


class ExportRequest(Record, frozen=True, kw_only=True):
    """What an export is made of: the same request makes the same export, to the byte."""

    # version of this schema
    version: Version
    form: ExportForm
    # what the data set is called
    dataset: str
    # the data set, as it was
    parents: tuple[Parent, ...]
    options: ExportOptions
    # whether its clips have the columns of motion
    motion: bool
    # of the libraries that the bytes depend on, by name
    versions: dict[str, str]


class Export(Record, frozen=True, kw_only=True):
    """The whole of DIR/export.json."""

    request: ExportRequest
    counts: ExportCounts
    # the files of clips, in the order of their paths
    shards: tuple[ExportFile, ...]
    # tables beside them: attribution, captions, and of a list the same in another form
    tables: tuple[ExportFile, ...]


class ExportedShard(Record, frozen=True, kw_only=True):
    """What was written of one shard of the data set; DIR/_state has it until the export is done."""

    shards: tuple[ExportFile, ...]
    tables: tuple[ExportFile, ...]
    # by video_key; empty where the form has no sound
    sound: dict[str, Sound]
