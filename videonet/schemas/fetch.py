"""What happened when a video was fetched, measured and cut: records of the whole file."""

from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason
from videonet.schemas.record import Record
from videonet.schemas.video_info import Details


class Part(Record, frozen=True, kw_only=True):
    """Those bytes of a file that were fetched first, and that scans of its first frames saw."""

    # begin and end (exclusive) of each stretch, ascending, with gaps between them
    spans: tuple[tuple[int, int], ...]
    # of these stretches, one after the other
    sha256: str
    # of the whole file, bytes
    size: int
    # the server's ETag or time of the last change, if it states one: another means another file
    validator: str | None
    # False: the first frames turned out to need more of the file
    enough: bool = True


class Fetch(Record, frozen=True, kw_only=True):
    """The latest state of a video's bytes in the store: nothing, a part, or all of it is here."""

    video_key: str
    # whether the whole file can be read now
    here: bool
    # absolute path of a file that is read in place and never deleted; None: the store's own copy
    path: str | None
    # of the whole file, as it was when last complete
    sha256: str | None
    # likewise; of a file that is here in part, or too large, what the server says of its size
    bytes: int | None
    # of a file that is read in place, when it was last changed, nanoseconds
    mtime_ns: int | None
    # why the latest attempt failed; None when it worked
    reason: Reason | None
    # original error text, at most 300 characters
    error: str | None
    # what the video's own page said, seconds
    declared_duration: float | None
    # likewise; "" if it states none, None if there was no answer yet
    licence: str | None
    # attempts made at it so far, over all runs
    attempts: int
    # run that wrote this record: a transient failure is tried again by the next one only
    run_id: str
    # what was fetched before the rest, whether or not it is still here; None: the file was fetched
    # as a whole, or turned out to be another one since
    part: Part | None = None
    # the decoder that could not decode it; another one tries again
    decoder: str | None = None
    # of a page that was too large, and of all pages where these were: at least so many bytes
    page_bytes: int | None = None
    pages_bytes: int | None = None
    # the limits that it broke, or under which its decoder crashed; under others it is tried again
    limits: DecodeLimits | None = None
    # what else the video's own page said; a record has it as a section of its own
    page: Details | None = None
    # the host that was not to be asked, and its addresses as far as they were looked up
    refused: tuple[str, ...] = ()


class Cut(Record, frozen=True, kw_only=True):
    """What cutting a video into clips brought."""

    video_key: str
    # content that was cut
    sha256: str
    # why it could not be cut; None when it could
    reason: Reason | None
    # original error text, at most 300 characters
    error: str | None
    clips: int
    # frames in the spans of its clips, and how many of them damage took; 0 where nothing was cut
    frames: int = 0
    lost: int = 0
    # clips with too long a hole, which are not among `clips`
    left_out: int = 0
    # how long the first frame of each clip is shown, microseconds
    first_durations: tuple[int, ...] = ()
    # what was measured of each clip: the share of its ticks that repeat, in 1,024ths, and its cuts;
    # none where the clips have no columns of motion
    repeated: tuple[int, ...] = ()
    cuts: tuple[int, ...] = ()
    # the limits that it broke, as of `Fetch`
    limits: DecodeLimits | None = None
    # hex, of the file in which the clips wait for their shard; None: not known
    waiting_sha256: str | None = None


class Length(Record, frozen=True, kw_only=True):
    """Measured length of the whole file."""

    video_key: str
    # content that was measured
    sha256: str
    # why it could not be measured; None when it could
    reason: Reason | None
    # original error text, at most 300 characters
    error: str | None
    # max(pts + duration) - min(pts) over the video stream's packets, seconds as an exact fraction;
    # where the clock starts again or jumps, the sum over the recordings between
    numerator: int
    denominator: int
    # how many recordings follow each other in the file
    recordings: int = 1
    # of the rule that it was measured by; records of the first one name none
    version: int = 1
    # the decoder that read it
    decoder: str | None = None
    # the limits that it broke, as of `Fetch`
    limits: DecodeLimits | None = None
