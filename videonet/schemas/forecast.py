"""What a plan says: `videonet plan --json FILE`."""

from videonet.schemas.record import Record


class Forecast(Record, frozen=True, kw_only=True):
    """A number, and the ends of its 95 % interval. high None: the sample does not show one."""

    value: float
    low: float
    high: float | None


class CostItem(Record, frozen=True, kw_only=True):
    """A part of the cost."""

    name: str
    # the price, its unit, and where it is from
    price: float
    unit: str
    source: str
    dollars: Forecast


class Numbers(Record, frozen=True, kw_only=True):
    """What candidates come to: those that the pilot looked at, that were known, and all others.

    Bytes are bytes, times are hours.
    """

    kept: Forecast
    # of kept videos
    hours: Forecast
    clips: Forecast
    # asked of the web for videos
    bytes_moved: Forecast
    # kept videos in the store (by --keep), shards in OUT, and their sum
    bytes_videos: Forecast
    bytes_shards: Forecast
    bytes_stored: Forecast
    # one copy of the shards
    bytes_egress: Forecast
    scans: Forecast
    # of this machine, as if there were nothing else to do
    hours_processor: Forecast
    hours_downloads: Forecast
    # at the pace that politeness allows, of the host that is asked most
    hours_politeness: Forecast
    # the largest of the three, and which that is
    hours_machine: Forecast
    set_by: str
    gpu_hours: Forecast
    cost: Forecast
    items: tuple[CostItem, ...]
    largest_item: str


class ClassForecast(Record, frozen=True, kw_only=True):
    """What is expected of a class, or of all classes with few sampled candidates together."""

    # "" for the pool
    target_id: str
    name: str
    # of the pool: how many classes it has, and the names of the first of them
    classes: int
    names: tuple[str, ...]
    candidates: int
    # of them, those that were known before the pilot, and that it looked at
    known: int
    sampled: int
    numbers: Numbers


class PlanForecast(Record, frozen=True, kw_only=True):
    """The plan of a whole run."""

    titles: int
    candidates: int
    # known before the pilot; looked at by it; and sampled ones by reason why they are not kept
    known: int
    sampled: int
    reasons: dict[str, int]
    # bytes that the pilot has downloaded, which are among those that are moved
    bytes_moved_by_pilot: int
    # candidates whose source declares a duration
    declared: int
    # whether declared durations were used as a covariate
    uses_durations: bool
    # seconds, on this machine; None: nothing was scanned
    seconds_per_scan: float | None
    # where GPU hours are from
    gpu_source: str
    # "": no host was asked
    busiest_host: str
    total: Numbers
    classes: tuple[ClassForecast, ...]
