"""OUT/manifest.json: what the data set is, to the byte. Nothing of the clock or the machine."""

from typing import Annotated, Any

import msgspec

from videonet.schemas.captions import CaptionCounts
from videonet.schemas.exclusion import ExcludedSet, ReferenceSet
from videonet.schemas.lineage import Parent
from videonet.schemas.record import Hex, Record
from videonet.schemas.selection import Duplicates
from videonet.schemas.settings import DataOptions
from videonet.schemas.shard_form import Layout, ShardForm
from videonet.schemas.target import LeftOutClasses
from videonet.schemas.unused import without_unused

# More than any data set has: the published one's would be 20,000.
MOST_SHARDS = 1_000_000

ShardCount = Annotated[int, msgspec.Meta(ge=1, le=MOST_SHARDS)]


class Shard(Record, frozen=True, kw_only=True):
    """One file below OUT."""

    # relative to OUT
    path: str
    # clips in it
    rows: int
    bytes: int
    sha256: str


class Counts(Record, frozen=True, kw_only=True):
    """Verdicts of one target, or of all. pairs = kept + rejected + failed."""

    pairs: int
    kept: int
    # by reason, reasons in alphabetical order, zero counts left out
    rejected: dict[str, int]
    failed: dict[str, int]


class MotionCounts(Record, frozen=True, kw_only=True):
    """How much of some clips is still, and how much of it crosses a cut."""

    # clips that are still, see `videonet.video.motion`
    still: int = 0
    # whole training windows of 2.56 s, laid end to end in each clip, and how many have a cut within
    windows: int = 0
    crossed: int = 0
    # clips of the kept videos that --min-motion or --no-cuts left out; they are not among the clips
    left_out: int = 0


class Totals(Record, frozen=True, kw_only=True):
    """Sizes of the whole data set."""

    # titles looked at
    titles: int
    # distinct videos
    candidates: int
    kept_videos: int
    # of them, those that are too short to give a clip
    kept_without_clip: int
    clips: int
    verdicts: Counts
    # None: the clips have no columns of motion
    motion: MotionCounts | None = None
    # None: nobody has asked for captions
    captions: CaptionCounts | None = None


class ClassifierCard(Record, frozen=True, kw_only=True):
    """The classifier that decided, in what the verdicts depend on."""

    name: str
    # of the ONNX file
    sha256: Hex
    # pixels, height and width
    input_size: tuple[int, ...]
    outputs: int


class DataSettings(DataOptions, frozen=True, kw_only=True):
    """Every setting that the files of a data set depend on, besides the classifier."""

    # kind of source; a search as it was typed
    source: str
    # hex sha256 of the resolved targets
    targets: str
    # the formats that the user asked yt-dlp for, as JSON; None: the smallest that will do
    video_format: str | None = None
    # hex sha256 of the lock file that is rebuilt; None: candidates are looked up and judged
    lock: Hex | None = None
    # classes of the list that are not among the targets, by reason
    left_out: tuple[LeftOutClasses, ...] = ()
    # what lists of --exclude came to; None: nothing is excluded
    excluded: ExcludedSet | None = None
    # where the neighbours of images are taken, hex sha256 of these images with their targets; None:
    # classes are looked for
    neighbours: Hex | None = None
    # what folders of --exclude-like came to; None: clips are compared with nothing
    excluded_like: ReferenceSet | None = None
    # name under which the store keeps scans by the classifier with these settings
    scan_key: str
    # whether its clips have the columns of motion; those of earlier versions do not
    motion: bool = False
    # whether its clips have the columns of the labels' ids; those of earlier versions do not
    label_ids: bool = False
    # how its shards lie, see `ShardForm`; those of earlier versions are of layout 1
    layout: Layout = 1

    @property
    def shard_form(self) -> ShardForm:
        """In which form its clips are stored."""
        return ShardForm(self.layout, self.motion, self.label_ids)

    @property
    def selects_neighbours(self) -> bool:
        """Whether a run takes neighbours of images; what is rebuilt was chosen elsewhere."""
        return self.neighbours is not None and self.lock is None

    @property
    def looks_for_duplicates(self) -> bool:
        """Whether videos are compared with each other; a lock file has only those that stay."""
        return self.duplicates is not Duplicates.KEEP and self.lock is None

    def by_name(self) -> dict[str, Any]:
        """The settings as plain values, in the alphabetical order in which files have them.

        What is not used, and what earlier versions did not do, is not there.
        """
        return dict(sorted(without_unused(self.to_row()).items()))


class ManifestSettings(DataSettings, frozen=True, kw_only=True):
    """The settings of a finished data set."""

    # number of shards, each in all formats
    shards: ShardCount


class Manifest(Record, frozen=True, kw_only=True):
    """The whole of OUT/manifest.json."""

    # version of this schema
    version: int
    dataset: str
    settings: ManifestSettings
    # versions of the libraries that the bytes depend on, by name
    versions: dict[str, str]
    classifier: ClassifierCard
    totals: Totals
    # by target_id, in alphabetical order
    targets: dict[str, Counts]
    # in the order of their paths
    shards: tuple[Shard, ...]
    # where neighbours were taken, hex sha256 of all that they were chosen from: each video that was
    # compared, its content, and how near it is to its target; None: of nothing
    chosen_from: str | None = None
    # the data sets that this one was made from; none: it was made from a source
    parents: tuple[Parent, ...] = ()

    def to_json(self) -> bytes:
        """The manifest as one line of JSON; its settings are in alphabetical order."""
        row = msgspec.to_builtins(self, order="deterministic")
        for name in ("motion", "captions"):
            if row["totals"][name] is None:
                del row["totals"][name]
        if self.chosen_from is None:
            del row["chosen_from"]
        if not self.parents:
            del row["parents"]
        return msgspec.json.encode({**row, "settings": self.settings.by_name()})
