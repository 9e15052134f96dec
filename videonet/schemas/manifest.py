"""OUT/manifest.json: what the data set is, to the byte. Nothing of the clock or the machine."""

from videonet.schemas.record import Record


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


class ClassifierCard(Record, frozen=True, kw_only=True):
    """The classifier that decided, in what the verdicts depend on."""

    name: str
    # of the ONNX file
    sha256: str
    # pixels, height and width
    input_size: tuple[int, ...]
    outputs: int


class Manifest(Record, frozen=True, kw_only=True):
    """The whole of OUT/manifest.json."""

    # version of this schema
    version: int
    dataset: str
    # every setting that the shards depend on, by name
    settings: dict[str, str | int | float | bool | list[str] | None]
    # versions of the libraries that the bytes depend on, by name
    versions: dict[str, str]
    classifier: ClassifierCard
    totals: Totals
    # by target_id, in alphabetical order
    targets: dict[str, Counts]
    # in the order of their paths
    shards: tuple[Shard, ...]

    @property
    def formats(self) -> list[str]:
        """The formats that the data set has its shards in."""
        formats = self.settings["formats"]
        assert isinstance(formats, list), "the schema of the manifest's settings"
        return formats
