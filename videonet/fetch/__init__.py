"""From a url to a video file in the store."""

from videonet.fetch.failure import ERROR_LENGTH, FetchError, explain, shortened
from videonet.fetch.limits import FetchLimits
from videonet.fetch.part import MissingBytesError, PartReader
from videonet.fetch.session import Web
from videonet.fetch.state import fetch, is_here, part_here, release, worth_fetching

__all__ = [
    "ERROR_LENGTH",
    "FetchError",
    "FetchLimits",
    "MissingBytesError",
    "PartReader",
    "Web",
    "explain",
    "fetch",
    "is_here",
    "part_here",
    "release",
    "shortened",
    "worth_fetching",
]
