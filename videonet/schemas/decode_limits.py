"""What decoding one video may take."""

from videonet.schemas.option import default_of
from videonet.schemas.record import Record
from videonet.schemas.settings import DataOptions


class DecodeLimits(Record, frozen=True, kw_only=True):
    """Under which a step worked on one video. What breaks them counts against the video."""

    # bytes
    memory: int = default_of(DataOptions, "decode_memory")
    # of the processor
    seconds: int = default_of(DataOptions, "decode_seconds")
