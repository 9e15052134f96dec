"""What one candidate may cost, and what a source may say of one that is fetched."""

from dataclasses import dataclass

from videonet.schemas.option import default_of
from videonet.schemas.settings import DataOptions, Licence, RunOptions

# A declared duration is a rounded one: it may fall short of the minimum by so much, seconds.
DECLARED_TOLERANCE = 1.0


@dataclass(frozen=True)
class FetchLimits:
    """What one candidate may cost. Times in seconds."""

    max_bytes: int = default_of(DataOptions, "max_bytes")
    # what is no video: one page, unpacked, and all pages of all attempts
    max_page_bytes: int = default_of(DataOptions, "max_page_bytes")
    max_pages_bytes: int = default_of(DataOptions, "max_pages_bytes")
    # what decoding one video may take: bytes, and seconds of the processor
    decode_memory: int = default_of(DataOptions, "decode_memory")
    decode_seconds: int = default_of(DataOptions, "decode_seconds")
    deadline: float = default_of(RunOptions, "deadline")
    attempts: int = 5
    # waits between attempts grow from `wait` to `longest_wait`, with jitter
    wait: float = 1.0
    longest_wait: float = 60.0
    # longest silence of a server
    silence: float = 20.0
    # a page that states less, or another licence, is not downloaded from
    min_seconds: float = 0.0
    licence: Licence = Licence.ANY


def is_too_short(declared: float | None, min_seconds: float) -> bool:
    """Whether a declared length, seconds, promises a video below the minimum."""
    return declared is not None and declared < min_seconds - DECLARED_TOLERANCE
