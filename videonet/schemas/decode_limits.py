"""What decoding one video may take."""

from videonet.schemas.record import Record

# So large that no honest file meets them: 16 frames of 8K in 10 bits are 2 GB, which is what a
# decoder keeps at most, and 100 of them take minutes.
MEMORY = 4_000_000_000
SECONDS = 1800


class DecodeLimits(Record, frozen=True, kw_only=True):
    """Under which a step worked on one video. What breaks them counts against the video."""

    # bytes
    memory: int = MEMORY
    # of the processor
    seconds: int = SECONDS
